#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""At most 2.02 system calls a request at 64 connections: one to receive, one to send, and a share of epoll_wait. Twice
that where it is handed on to an upstream.

What is done once in a span of time is counted apart.

Counted by strace, which is skipped visibly where it is missing or may not trace."""

import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import upstream  # noqa: E402
import weir  # noqa: E402

CONNECTIONS = 64
SECONDS = 3
LIMIT = 2.02
PROXY_LIMIT = 4.4
# What the loop asks of its thread when it was away, and now and then: by time and not by request, and bounded by that.
READINGS = ("clock_gettime", "getrusage", "pread64")
READINGS_PER_S = 50
REQUEST = weir.request_bytes("GET", "/livez")
PROXY_CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
upstreams:
  - {name: app, servers: ["%s"]}
routes:
  - {match: GET /livez, public: true, to: {upstream: app}}
"""


def start_strace(server, path):
    worker = next(task for task in os.listdir("/proc/%d/task" % server.pid)
                  if weir.read("/proc/%d/task/%s/comm" % (server.pid, task)).startswith(b"worker"))
    strace = subprocess.Popen(["strace", "-c", "-p", worker, "-o", path], stderr=subprocess.PIPE, text=True)
    line = strace.stderr.readline()
    if "attached" not in line:
        strace.wait()
        weir.skip("strace cannot trace here: " + line.strip())
    return strace


def load(port, seconds):
    """One request in flight on each connection, all the time; returns how many were answered."""
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(REQUEST)
    answered = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # All that have an answer get their next request in one go, as from many clients at once.
        ready = [key.fileobj for key, _ in selector.select(1)]
        for connection in ready:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        for connection in ready:
            connection.sendall(REQUEST)
        answered += len(ready)
    return answered, [key.fileobj for key in selector.get_map().values()]


def count_calls(path):
    """{name: calls} of strace's table."""
    calls = {}
    for line in weir.read(path).decode().splitlines():
        match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if match and match.group(2) != "total":
            calls[match.group(2)] = int(match.group(1))
    return calls


def measure(name, config, limit):
    # Under strace a call takes some fifty times as long: so does what the loop takes for having been away.
    with weir.Server(config + "stalls: 50ms\n") as server, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "calls")
        _, warm = load(server.port, 0.3)
        for connection in warm:
            connection.close()
        time.sleep(0.2)
        strace = start_strace(server, path)
        answered, connections = load(server.port, SECONDS)
        strace.send_signal(signal.SIGINT)
        strace.wait(30)
        for connection in connections:
            connection.close()
        calls = count_calls(path)
    setup = CONNECTIONS * sum(1 for name in ("accept4", "epoll_ctl") if name in calls)
    readings = sum(calls.get(name, 0) for name in READINGS)
    mean = (sum(calls.values()) - setup - readings) / answered
    print("%s: %d requests on %d connections: %.3f system calls each (%s)"
          % (name, answered, CONNECTIONS, mean, ", ".join("%s %d" % pair for pair in sorted(calls.items()))))
    assert answered > 1000
    assert readings <= READINGS_PER_S * (SECONDS + 1), "%d readings in %g s" % (readings, SECONDS)
    assert mean <= limit, "%.3f system calls a request, at most %.2f allowed" % (mean, limit)


def main():
    if not shutil.which("strace"):
        weir.skip("strace is not installed")
    measure("answered by weir", weir.LIVEZ_CONFIG, LIMIT)
    with upstream.Upstream() as app:
        measure("handed on", PROXY_CONFIG % app.address, PROXY_LIMIT)


if __name__ == "__main__":
    main()
