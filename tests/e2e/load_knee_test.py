#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir load --find-knee against a server of known capacity: one request at a time, 20 ms each, so 50 a second. What theory says of its
quantiles is in tests/unit/load/knee; here it is about the command, and about a real wire."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import timed_server  # noqa: E402
import weir  # noqa: E402

SERVICE = 0.02
CAPACITY = 1 / SERVICE
# Even arrivals, so that the capacity is where it fails; and a generator that a busy machine does not make late.
QUICK = ["--arrival", "constant", "--probe", "3s", "--warm-up", "200ms", "--max-lag", "10s"]


class Knee(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-load-knee-test-")
        self.server = timed_server.Server(service=SERVICE)
        self.json = os.path.join(self.folder.name, "knee.json")

    def tearDown(self):
        self.server.stop()
        self.folder.cleanup()

    def start(self, *words):
        return subprocess.Popen([weir.BINARY, "load", *words], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run_load(self, *words):
        process = self.start(*words)
        try:
            output, errors = process.communicate(timeout=150 * weir.SLOWNESS)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail("it takes too long:\n" + process.communicate()[0])
        return process.returncode, output, errors

    def results(self):
        with open(self.json) as file:
            return json.load(file)

    def assert_knee(self, output):
        results = self.results()
        self.assertEqual(results["end"], "found", output)
        self.assertLess(abs(results["rate"] / CAPACITY - 1), 0.05, output)
        self.assertLessEqual(results["fails_at"] / results["holds_at"], 1.05)
        self.assertIn("knee = %.1f/s ± %.1f" % (results["rate"], results["spread"]), output)
        self.assertEqual(output.count("own lag"), len(results["probes"]))
        return results

    def test_finds_the_capacity_within_five_per_cent(self):
        code, output, errors = self.run_load("--find-knee", "p50 < 2s, errors < 5%", "--from", "40", "--json", self.json,
                                             *QUICK, self.server.url)
        self.assertEqual(code, 0, output + errors)
        results = self.assert_knee(output)
        self.assertEqual(results["criteria"], ["p50 < 2s", "errors < 5%"])
        self.assertEqual(results["fails_by"], "saturated")

    def test_says_what_it_has_not_found(self):
        code, output, _ = self.run_load("--find-knee", "p50 < 1ms", "--from", "25", *QUICK, "--probe", "1s",
                                        self.server.url)
        self.assertEqual(code, 3, output)
        self.assertIn('no knee: already at 25.0/s "p50 < 1ms" does not hold', output)
        code, output, _ = self.run_load("--find-knee", "p50 < 10s", "--from", "20", "--to", "40", *QUICK, "--probe", "1s",
                                        self.server.url)
        self.assertEqual(code, 0, output)
        self.assertIn("no knee up to 40.0/s: all holds", output)

    def test_ended_early_it_tells_what_there_is(self):
        process = self.start("--find-knee", "p50 < 2s", "--json", self.json, *QUICK, self.server.url)
        self.assertIn("holds", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20 * weir.SLOWNESS)
        self.assertEqual(process.returncode, 130, output + errors)
        self.assertEqual(self.results()["end"], "cancelled")
        self.assertIn("ended early, after ", output)

    def test_what_cannot_be_meant(self):
        url = self.server.url
        for words in (["--find-knee", "p99", url], ["--find-knee", "p99 < 1", "--from", "x", url],
                      ["--find-knee", "p99 < 1s", "--from", "20", "--to", "10", url], ["--from", "3", url],
                      ["--find-knee", "p99 < 1s", "--html", "x.html", url], ["--find-knee", "", url]):
            with self.subTest(words=words):
                code, output, errors = self.run_load(*words)
                self.assertEqual(code, 2, output + errors)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = "http://127.0.0.1:%d/" % closed.getsockname()[1]
        code, _, errors = self.run_load("--find-knee", "p99 < 1s", url)
        self.assertEqual(code, 1, errors)


if __name__ == "__main__":
    unittest.main()
