#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A GET through router and five middlewares costs the worker no more user instructions than LIMIT.

Counted by callgrind, as the difference between N and 6N requests on one connection, so that start and end of the process
drop out; repeatable to a few instructions. The build of the tests is counted, which is not optimised across files: `make
bench` counts the release, against the bar that weir has set itself. Skipped visibly without valgrind."""

import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

REQUESTS = 200
LIMIT = 3740
# Under callgrind everything takes fifty times as long: so does what the loop takes for having been away.
CONFIG = """
listen: [127.0.0.1:0]
stalls: 50ms
workers: 1
executors: 1
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - match: GET /livez
    chain: [auth: {keys: keys.conf}, user_context: {buckets: [control, treatment]}]
    to: {endpoint: livez}
"""


def make_key(server):
    command = [weir.BINARY, "keys", "add", "--file", server.path("keys.conf"), "--tenant", "budget"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def count_worker(server):
    """The worker is the thread that waits in epoll."""
    for path in glob.glob(server.path("profile-*")):
        text = weir.read(path).decode("utf-8", "replace")
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if total and re.search(r"fn=\(\d+\) epoll_wait$", text, re.M):
            yield int(total.group(1))


def count(requests):
    server = weir.Server(CONFIG, environment={"WEIR_CPU": "avx2"})
    server.command = ["valgrind", "--tool=callgrind", "--separate-threads=yes",
                      "--callgrind-out-file=" + server.path("profile")]
    request = weir.request_bytes("GET", "/livez", {"User-Agent": "budget", "X-API-Key": make_key(server)})
    try:
        server.start()
        with weir.Client(server.port) as client:
            for _ in range(requests):
                client.raw(request)
                assert client.receive().status == 200
        server.stop(60)
        return sum(count_worker(server))
    finally:
        server.remove()


def main():
    if not shutil.which("valgrind"):
        weir.skip("valgrind is not installed")
    few = count(REQUESTS)
    many = count(6 * REQUESTS)
    assert few, "no profile of a worker"
    mean = (many - few) / (5 * REQUESTS)
    print("%.0f user instructions a request, at most %d allowed" % (mean, LIMIT))
    assert mean <= LIMIT, "%.0f user instructions a request, at most %d allowed" % (mean, LIMIT)


if __name__ == "__main__":
    main()
