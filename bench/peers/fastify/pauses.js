// SPDX-License-Identifier: Apache-2.0
// What holds the loop of node up, on request: its collections, and how late a timer of 1 ms comes.
'use strict';

const {PerformanceObserver, monitorEventLoopDelay} = require('perf_hooks');

const RESOLUTION_MS = 1;
const BUCKETS_A_DECADE = 40;

class Times {
  constructor() {
    this.counts = new Map();
    this.count = 0;
    this.sum = 0;
    this.max = 0;
  }

  add(us) {
    const index = Math.ceil(Math.log10(Math.max(us, 1)) * BUCKETS_A_DECADE);
    this.counts.set(index, (this.counts.get(index) || 0) + 1);
    this.count++;
    this.sum += us;
    this.max = Math.max(this.max, us);
  }

  told() {
    return {count: this.count, sum_us: this.sum, max_us: this.max, buckets_us:
      [...this.counts].sort((a, b) => a[0] - b[0]).map(([index, count]) => [10 ** (index / BUCKETS_A_DECADE), count])};
  }
}

let collections = new Times();
let delay = null;

// A timer that is due is seen in the loop only: what is over the time that was asked for is the loop's delay.
function delayOf(ns) {
  return Math.max(ns / 1e3 - RESOLUTION_MS * 1e3, 0);
}

function delays() {
  const buckets = [];
  let seen = 0;
  for (const [percent, ns] of delay.percentiles) {
    const count = Math.round(delay.count * percent / 100) - seen;
    if (count > 0)
      buckets.push([delayOf(ns), count]);
    seen += count;
  }
  return {count: seen, max_us: delayOf(delay.max), buckets_us: buckets};
}

const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    collections.add(entry.duration * 1e3);
});

exports.start = () => {
  if (delay)
    return;
  collections = new Times();
  observer.observe({entryTypes: ['gc']});
  delay = monitorEventLoopDelay({resolution: RESOLUTION_MS});
  delay.enable();
};

exports.told = async () => {
  if (!delay)
    exports.start();
  await new Promise((resolve) => setTimeout(resolve, 20)); // entries come to the observer by a task
  delay.disable();
  observer.disconnect();
  const told = {collections: collections.told(), waits: delays()};
  delay = null;
  return told;
};
