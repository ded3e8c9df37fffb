# SPDX-License-Identifier: Apache-2.0
"""What holds a Python server up, on request: collections, and how late a thread comes to run again.

The collector's own times come from gc.callbacks. The second is measured by a thread that asks for a sleep of 1 ms again and
again and notes how much later than that it goes on: to go on it needs the core and the GIL. How long it stood in the
kernel's queue for the core is told beside it, so that what is left is the GIL's (and the timer's 50 µs or so). Under
gevent the thread is a greenlet, and what it waits for is its turn in the loop.
"""

import gc
import math
import threading
import time

SLEEP_S = 0.001
BUCKETS_A_DECADE = 40


class Times:
    """Counts of durations, in buckets that are six per cent wide."""

    def __init__(self):
        self.counts = {}
        self.count = 0
        self.sum = 0.0
        self.max = 0.0

    def add(self, seconds):
        index = math.ceil(math.log10(max(seconds * 1e6, 1)) * BUCKETS_A_DECADE)
        self.counts[index] = self.counts.get(index, 0) + 1
        self.count += 1
        self.sum += seconds
        self.max = max(self.max, seconds)

    def told(self):
        return {"count": self.count, "sum_us": self.sum * 1e6, "max_us": self.max * 1e6,
                "buckets_us": [[10 ** (index / BUCKETS_A_DECADE), count] for index, count in sorted(self.counts.items())]}


class Watch:
    """The collector is watched from when it is made; threads only between start and told."""

    def __init__(self):
        self.began = 0.0
        self.is_running = False
        self.thread = None
        self.collections = Times()
        self.waits = Times()
        self.queued_ns = 0
        self.lock = threading.Lock()
        gc.callbacks.append(self.on_collection)

    def on_collection(self, phase, _):
        if phase == "start":
            self.began = time.perf_counter()
        else:
            self.collections.add(time.perf_counter() - self.began)

    def start(self):
        with self.lock:
            self.collections, self.waits = Times(), Times()
            self.is_running = True
            self.thread = threading.Thread(target=self.run, daemon=True)
            self.thread.start()

    def run(self):
        queued_before = queued_ns()
        while self.is_running:
            before = time.perf_counter()
            time.sleep(SLEEP_S)
            self.waits.add(max(time.perf_counter() - before - SLEEP_S, 0))
        self.queued_ns = queued_ns() - queued_before

    def told(self):
        """Ends the watch."""
        with self.lock:
            self.is_running = False
            if self.thread:
                self.thread.join()
                self.thread = None
            return {"collections": self.collections.told(), "waits": dict(self.waits.told(), queued_us=self.queued_ns / 1e3),
                    "generations": gc.get_stats()}


def queued_ns():
    """How long this thread has waited for a core."""
    try:
        with open("/proc/self/task/%d/schedstat" % threading.get_native_id(), encoding="ascii") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


watch = Watch()
