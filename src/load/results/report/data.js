// SPDX-License-Identifier: Apache-2.0
// What the charts are drawn of: histograms decoded, quantiles, and figures as people read them.
'use strict';

// HdrHistogram's layout with 2048 sub-buckets, as src/lib/meter/hdr.h has it.
const STEPS = 1024;
const bucketLowest = index => {
  if (index < 2 * STEPS) return index;
  const shift = Math.floor(index / STEPS) - 1;
  return (STEPS + index % STEPS) * 2 ** shift;
};
const bucketHighest = index => bucketLowest(index + 1) - 1;

// The V2 encoding in base64 → [[bucket, count], ...], rising.
function decodeHistogram(text) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const buckets = [];
  let index = 0;
  let at = 40;
  while (at < bytes.length) {
    let zigzag = 0;
    for (let i = 0; i < 9; i++) {
      const byte = bytes[at++];
      zigzag += (i === 8 ? byte : byte & 0x7f) * 2 ** (7 * i);
      if (i === 8 || byte < 0x80) break;
    }
    const value = zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
    if (value < 0) {
      index -= value;
    } else {
      if (value) buckets.push([index, value]);
      index++;
    }
  }
  return buckets;
}

// {count, sum_ns, min_ns, max_ns, hdr} or null of the results → the same with buckets.
const histogramOf = value => value
  ? { count: value.count, max: value.max_ns, min: value.min_ns, buckets: decodeHistogram(value.hdr) }
  : { count: 0, max: 0, min: 0, buckets: [] };

function mergeHistograms(all) {
  const counts = new Map();
  const merged = { count: 0, max: 0, min: Infinity, buckets: [] };
  for (const histogram of all) {
    if (!histogram.count) continue;
    merged.count += histogram.count;
    merged.max = Math.max(merged.max, histogram.max);
    merged.min = Math.min(merged.min, histogram.min);
    for (const [index, count] of histogram.buckets) counts.set(index, (counts.get(index) || 0) + count);
  }
  merged.buckets = [...counts].sort((a, b) => a[0] - b[0]);
  return merged;
}

// [[1 / (1 - share), nanoseconds], ...]: the spectrum as HdrHistogram plots it.
function spectrumOf(histogram) {
  const points = [];
  let seen = 0;
  for (const [index, count] of histogram.buckets) {
    seen += count;
    const above = histogram.count - seen;
    points.push([histogram.count / Math.max(above, 0.5), Math.min(bucketHighest(index), histogram.max)]);
  }
  return points;
}

function quantileOf(histogram, share) {
  const wanted = Math.max(1, Math.ceil(share * histogram.count * (1 - 1e-15)));
  let seen = 0;
  for (const [index, count] of histogram.buckets) {
    seen += count;
    if (seen >= wanted) return Math.min(bucketHighest(index), histogram.max);
  }
  return histogram.max;
}

// Shares of all that fall into bins of equal width on a logarithmic axis: [[log10 of the middle, share], ...].
function binsOf(histogram, perDecade) {
  const bins = new Map();
  for (const [index, count] of histogram.buckets) {
    const middle = (bucketLowest(index) + bucketHighest(index) + 1) / 2;
    const bin = Math.floor(Math.log10(Math.max(middle, 1)) * perDecade);
    bins.set(bin, (bins.get(bin) || 0) + count);
  }
  return new Map([...bins].map(([bin, count]) => [bin, count / histogram.count]));
}

const three = value => value.toFixed(Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0);
function nsText(ns) {
  if (ns == null || !isFinite(ns)) return '–';
  const size = Math.abs(ns);
  if (size < 999.5) return Math.round(ns) + ' ns';
  if (size < 999.5e3) return three(ns / 1e3) + ' µs';
  if (size < 999.5e6) return three(ns / 1e6) + ' ms';
  if (size < 119.5e9) return three(ns / 1e9) + ' s';
  return Math.floor(ns / 60e9) + ' min ' + Math.round(ns / 1e9 % 60) + ' s';
}
function countText(count) {
  if (count == null || !isFinite(count)) return '–';
  const size = Math.abs(count);
  if (size < 9.95 && !Number.isInteger(count)) return count.toFixed(size < 0.1 && size > 0 ? 3 : 1);
  if (size < 99999.5) return Math.round(count).toLocaleString('en');
  if (size < 999.5e3) return three(count / 1e3) + 'k';
  if (size < 999.5e6) return three(count / 1e6) + 'M';
  return three(count / 1e9) + 'G';
}
const shareText = share => share === 0 ? '0 %' : share == null || !isFinite(share) ? '–'
  : (100 * share).toPrecision(share < 0.0995 ? 2 : 3).replace(/\.?0+$/, '') + ' %';
// Ticks of axes: no digits that say nothing.
const nsTick = ns => ns === 0 ? '0' : nsText(ns).replace(/\.0+(?= )|(\.\d*?)0+(?= )/, '$1');
const countTick = count => countText(count).replace(/\.0+(?=[kMG]|$)/, '');

// The series of all steps together, of a record.
function totalOf(record) {
  const series = record.series;
  const sum = name => series.reduce((total, one) => total + (one[name] || 0), 0);
  const merged = {};
  for (const one of series)
    for (const group of ['failed', 'statuses'])
      for (const [key, count] of Object.entries(one[group] || {})) {
        merged[group] = merged[group] || {};
        merged[group][key] = (merged[group][key] || 0) + count;
      }
  return {
    answered: sum('answered'),
    failed: merged.failed || {},
    statuses: merged.statuses || {},
    latency: mergeHistograms(series.map(one => histogramOf(one.latency))),
    service: mergeHistograms(series.map(one => histogramOf(one.service))),
    hasStream: series.some(one => one.stream),
  };
}

const failedCount = series => Object.values(series.failed || {}).reduce((total, count) => total + count, 0);
