#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What weir load says is true: the rate it was told, a server that stands still, many connections, and that it comes from one process.

The tests of how late the generator is itself and what a request costs it are rows of `make bench`: they need a quiet machine."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONNECTIONS = 50000
SPARE_FILES = 300

MANY_CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
limits: {connections: 60000}
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""

NGINX = """
worker_processes 1;
daemon off;
pid %(folder)s/pid;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p; fastcgi_temp_path %(folder)s/f;
  uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server { listen 127.0.0.1:%(port)d; location / { return 200 "ok"; } }
}
"""


class Load:
    """`weir load` on its way, and its results."""

    def __init__(self, *arguments):
        with tempfile.NamedTemporaryFile(suffix=".json", delete=False) as file:
            self.path = file.name
        command = [weir.BINARY, "load", "--quiet", "--max-lag", "60s", "--json", self.path, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def results(self, seconds=60):
        try:
            out, errors = self.process.communicate(timeout=seconds * weir.SLOWNESS)
            assert self.process.returncode in (0, 4), (self.process.returncode, out, errors)
            with open(self.path, encoding="utf-8") as file:
                return json.load(file)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.communicate()
            os.unlink(self.path)


def stand_still(server, after_s, for_s):
    """Stops the server for a while once a test of load is on its way; returns the thread that does it."""
    def stop():
        time.sleep(after_s)
        server.signal(signal.SIGSTOP)
        time.sleep(for_s)
        server.signal(signal.SIGCONT)
    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    return thread


def quantile(results, name, kind="latency"):
    return results["summary"]["all"][kind][name] / 1e9


class Truth(unittest.TestCase):
    def test_a_server_that_stands_still_is_seen_by_an_open_loop_and_hidden_by_a_closed_one(self):
        """Of 10,000 requests in 10 s, 500 are due while the server stands still for half a second; 100 of them, 1 %, in the first tenth of
        a second, and those wait for 0.4 s or more. Four users in closed loop send four requests in that time."""
        servers = [weir.Server(weir.LIVEZ_CONFIG) for _ in range(3)]
        cases = [(("-r", "1000", "-c", "16", "-d", "10s"), 0.5), (("-r", "500", "-c", "16", "-d", "6s"), 1.0),
                 (("-c", "4", "--think", "1ms", "-d", "10s"), 0.5)]
        with servers[0], servers[1], servers[2]:
            loads, threads = [], []
            for server, (arguments, seconds) in zip(servers, cases):
                loads.append(Load(*arguments, "http://127.0.0.1:%d/livez" % server.port))
                threads.append(stand_still(server, 3, seconds))
            half, whole, closed = [load.results() for load in loads]
            for thread in threads:
                thread.join()
        self.assertEqual(half["summary"]["all"]["answered"], 10000)
        self.assertGreaterEqual(quantile(half, "p99_ns"), 0.39)
        self.assertGreaterEqual(quantile(whole, "p999_ns"), 0.98)
        self.assertGreaterEqual(quantile(closed, "max_ns"), 0.45)
        if closed["summary"]["all"]["answered"] > 2000:
            self.assertLess(quantile(closed, "p99_ns"), 0.39)

    def test_a_connection_of_http2_has_room_again_when_its_requests_time_out(self):
        with weir.Server(weir.LIVEZ_CONFIG) as server:
            load = Load("--http2", "-c", "1", "--streams", "4", "-r", "100", "-d", "5s", "--timeout", "200ms", "--max-errors", "1",
                        "http://127.0.0.1:%d/livez" % server.port)
            stand_still(server, 1.5, 1.5).join()
            results = load.results()
        total = results["summary"]["all"]
        self.assertEqual(results["totals"]["connects"], 1)
        self.assertEqual(results["totals"]["unsent"], 0)
        self.assertGreater(total["failed"], 0)
        self.assertGreater(total["answered"], 250)

    def test_the_rate_is_held(self):
        """Within half a per cent, in every interval that is whole."""
        if not shutil.which("nginx"):
            self.skipTest("nginx is not installed")
        with tempfile.TemporaryDirectory(prefix="weir-load-") as folder:
            port = weir.free_port()
            path = os.path.join(folder, "nginx.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(NGINX % {"folder": folder, "port": port})
            with subprocess.Popen(["nginx", "-p", folder, "-c", path, "-e", os.path.join(folder, "errors")]) as nginx:
                try:
                    weir.wait_until(lambda: weir.is_listening(port), 10, "nginx")
                    for rate in (1000, 7000 // weir.SLOWNESS):
                        self.hold(rate, "http://127.0.0.1:%d/" % port)
                finally:
                    nginx.terminate()

    def hold(self, rate, url):
        results = Load("-r", str(rate), "-d", "3s", url).results()
        total = results["summary"]["all"]
        self.assertEqual((total["requests"], total["answered"]), (3 * rate, 3 * rate))
        self.assertLess(abs(total["answered"] / 3 / rate - 1), 0.005)
        self.assertEqual(results["totals"]["unsent"], 0)
        self.assertEqual(sum(one["due"] for one in results["intervals"]), 3 * rate)

    def test_many_connections_from_one_process_are_all_used(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (CONNECTIONS + SPARE_FILES, max(most, CONNECTIONS + SPARE_FILES)))
            count = CONNECTIONS
        except (ValueError, OSError):
            count = min(CONNECTIONS, most - SPARE_FILES)
        if weir.SANITIZER:
            count = min(count, 2000)
        if count < CONNECTIONS:
            print("with %d of %d connections: this process may open no more files" % (count, CONNECTIONS))
        with weir.Server(MANY_CONFIG) as server:
            url = "http://127.0.0.1:%d/livez" % server.port
            results = Load("-c", str(count), "-r", str(count // 4), "-d", "4s", "--drain", "60s", url).results(120)
        total = results["summary"]["all"]
        self.assertEqual(results["totals"]["connects"], count)
        self.assertEqual((total["requests"], total["answered"]), (count // 4 * 4, count // 4 * 4))


if __name__ == "__main__":
    unittest.main(verbosity=2)
