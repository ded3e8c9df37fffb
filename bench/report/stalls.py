# SPDX-License-Identifier: Apache-2.0
"""Stalls of weir's event loop between two moments, in the form that the peers' /debug/pauses has.

The server counts from its start; /metrics has the counts by length, /debug/stalls the latest ones exactly."""

import re
import time
import urllib.request

BUCKET = re.compile(r'^weir_loop_stall_seconds_bucket\{cause="(\w+)",le="([^"]+)"\} (\d+)', re.M)


class Watch:
    def __init__(self, service):
        self.service = service
        self.began_ns = time.time_ns()
        self.before = self.counts()

    def counts(self):
        """{cause: {upper end in s: count}}, each stall in one bucket."""
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.service.port, timeout=30) as response:
            text = response.read().decode()
        found, last = {}, {}
        for cause, end, below in BUCKET.findall(text):
            found.setdefault(cause, {})[float(end)] = int(below) - last.get(cause, 0)
            last[cause] = int(below)
        return found

    def told(self):
        after = self.counts()
        lengths, causes = {}, {}
        for cause, buckets in after.items():
            for end, count in buckets.items():
                more = count - self.before.get(cause, {}).get(end, 0)
                if more:
                    lengths[end] = lengths.get(end, 0) + more
                    causes[cause] = causes.get(cause, 0) + more
        return {"waits": {"count": sum(lengths.values()), "max_us": self.longest_us(lengths),
                          "buckets_us": [[end * 1e6, lengths[end]] for end in sorted(lengths)]}, "causes": causes}

    def longest_us(self, lengths):
        """Exactly where all are among the latest that the server tells, else the end of the last bucket."""
        events = self.service.send("GET", "/debug/stalls")[1]["events"]
        mine = [event["duration_ns"] for event in events if event["until_unix_ns"] >= self.began_ns]
        if len(mine) >= sum(lengths.values()):
            return max(mine, default=0) / 1e3
        return max(max(lengths) * 1e6, max(mine, default=0) / 1e3)
