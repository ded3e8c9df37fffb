# SPDX-License-Identifier: Apache-2.0
"""What a server uses while it is under load: CPU time of its processes, how that swings, memory."""

import contextlib
import threading
import time

SAMPLE_S = 0.1


def cpu_ns(pids):
    """User and system time of all threads, to the nanosecond: the processes' CPU clocks, as clock_getcpuclockid(3) makes them."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime_ns((~pid << 3) | 2)
    return total


class CpuSeries:
    """Share of one core in each tenth of a second, in percent, while the with statement lasts."""

    def __init__(self, pids):
        self.pids = pids
        self.shares = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        before, used = time.monotonic_ns(), cpu_ns(self.pids)
        while not self.ended.wait(SAMPLE_S):
            now, more = time.monotonic_ns(), cpu_ns(self.pids)
            self.shares.append(round(100 * (more - used) / (now - before), 1))
            before, used = now, more

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def steady(self):
        """Without the first and the last, in which the load may have begun or ended."""
        return self.shares[1:-1]


def field_kib(path, name):
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def memory(pids):
    """Peak of resident memory so far, summed over the processes (what they share counts for each), and the proportional
    set size of now, in which it is divided. KiB."""
    peak = proportional = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            peak += field_kib("/proc/%d/status" % pid, "VmHWM")
            proportional += field_kib("/proc/%d/smaps_rollup" % pid, "Pss")
    return {"peak_kib": peak, "pss_kib": proportional, "processes": len(pids)}
