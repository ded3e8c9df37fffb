#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HdrHistogram's own reader takes the log of a load test, and has the same percentiles.

Wants PyPI's hdrhistogram, importable by this Python or by build/hdrhistogram's:

    python3 -m venv build/hdrhistogram && build/hdrhistogram/bin/pip install hdrhistogram
"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

OWN = os.path.join(weir.ROOT, "build/hdrhistogram/bin/python")
READER = """
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
total = HdrHistogram(1, 2**42 - 1, 3)
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 2**42 - 1, 3))
while (histogram := reader.get_next_interval_histogram()) is not None:
    total.add(histogram)
print(json.dumps([total.get_total_count()] + [total.get_value_at_percentile(p) for p in (50, 90, 99, 99.9)]))
"""


def main():
    python = OWN if os.path.exists(OWN) else sys.executable
    if subprocess.run([python, "-c", "import hdrh"], stderr=subprocess.DEVNULL, check=False).returncode:
        weir.skip("hdrhistogram is not installed")
    with tempfile.TemporaryDirectory(prefix="weir-load-") as folder, weir.Server(weir.LIVEZ_CONFIG) as server:
        log, results = os.path.join(folder, "a.hlog"), os.path.join(folder, "a.json")
        subprocess.run([weir.BINARY, "load", "-r", "200", "-c", "4", "-d", "2s", "--max-lag", "5s", "--hdr-log", log, "--json", results,
                        "http://127.0.0.1:%d/livez" % server.port], stdout=subprocess.DEVNULL, timeout=60 * weir.SLOWNESS, check=True)
        read = json.loads(subprocess.run([python, "-c", READER, log], capture_output=True, check=True).stdout)
        with open(results, encoding="utf-8") as file:
            latency = json.load(file)["summary"]["all"]["latency"]
        # Neither passes the largest value in an interval, which is told exactly here and to the bucket there.
        ours = [latency[name] for name in ("count", "p50_ns", "p90_ns", "p99_ns", "p999_ns")]
        assert all(abs(a - b) <= b / 1000 for a, b in zip(read, ours)), (read, ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
