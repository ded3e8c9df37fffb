#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a load test leaves behind, read by whoever reads such files: all forms tell the same, and reports and comparisons are made of them."""

import base64
import csv
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402


def load(*arguments, code=0):
    result = subprocess.run([weir.BINARY, "load", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=60 * weir.SLOWNESS, check=False)
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    return result.stdout


def count_of(text):
    """Values in an uncompressed V2 histogram."""
    data = base64.b64decode(text)
    total, at = 0, 40
    while at < len(data):
        zigzag = shift = 0
        while True:
            byte = data[at]
            at += 1
            zigzag |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        value = (zigzag >> 1) ^ -(zigzag & 1)
        total += max(value, 0)
    return total


class Results(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(weir.LIVEZ_CONFIG).start()
        cls.folder = tempfile.TemporaryDirectory(prefix="weir-load-")
        cls.url = "http://127.0.0.1:%d/livez" % cls.server.port
        cls.summary = load("-r", "100", "-c", "4", "-d", "3s", "--max-lag", "5s", "--json", cls.path("a.json"), "--html", cls.path("a.html"),
                           "--csv", cls.path("a"), "--hdr-log", cls.path("a.hlog"), "--junit", cls.path("a.xml"),
                           "-T", "p99 < 30s", "-T", "p50 < 1us", cls.url, code=3)
        with open(cls.path("a.json"), encoding="utf-8") as file:
            cls.results = json.load(file)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()
        cls.server.stop()
        cls.server.remove()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def rows(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_files_that_cannot_be_written_are_told_before_the_test(self):
        for flag, said in (("--json", "/nowhere/x"), ("--html", "/nowhere/x"), ("--csv", "/nowhere/x_stats.csv")):
            result = subprocess.run([weir.BINARY, "load", "-q", "-d", "1h", flag, "/nowhere/x", self.url], capture_output=True,
                                    text=True, timeout=60 * weir.SLOWNESS, check=False)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertEqual(result.stderr, "weir load: %s cannot be written: not found\n" % said)

    def test_json_on_standard_output_is_one_document_with_each_request_in_its_stage(self):
        results = json.loads(load("-q", "--stages", "1s:50,1500ms:100", "--max-lag", "5s", "--json", "-", self.url))
        due = [stage["record"]["series"][0]["due"] for stage in results["stages"]]
        self.assertEqual(sum(due), 200)
        self.assertGreaterEqual(due[0], 50)  # its last interval too, which ends a little late
        self.assertGreater(due[1], 0)

    def test_json_adds_up(self):
        results = self.results
        self.assertEqual(results["weir_load"], 1)
        self.assertEqual(results["summary"]["all"]["requests"], 300)
        latency = results["totals"]["series"][0]["latency"]
        self.assertEqual(latency["count"], count_of(latency["hdr"]))
        self.assertEqual(sum(count_of(interval["latency"]) for interval in results["intervals"]), latency["count"])
        self.assertEqual([one["holds"] for one in results["thresholds"]], [True, False])
        self.assertTrue(results["valid"])
        self.assertFalse(results["holds"])
        self.assertIn("FAILS  p50 < 1us", self.summary)

    def test_csv_has_locusts_columns(self):
        rows = self.rows("a_stats.csv")
        self.assertEqual(rows[-1]["Name"], "Aggregated")
        self.assertEqual(rows[-1]["Request Count"], "300")
        p99 = self.results["summary"]["all"]["latency"]["p99_ns"] / 1e6
        self.assertAlmostEqual(float(rows[-1]["99%"]), p99, delta=p99 / 1000)
        history = self.rows("a_stats_history.csv")
        self.assertEqual(len(history), len(self.results["intervals"]))
        self.assertEqual(history[-1]["Total Request Count"], "300")
        self.assertEqual(self.rows("a_failures.csv"), [])

    def test_the_histogram_log_holds_the_histograms_of_the_intervals(self):
        with open(self.path("a.hlog"), encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file]
        self.assertIn("#[Histogram log format version 1.3]", lines)
        rows = [line.split(",") for line in lines if line[0] not in '#"']
        self.assertEqual(len(rows), len(self.results["intervals"]))
        for row, interval in zip(rows, self.results["intervals"]):
            packed = base64.b64decode(row[3])
            cookie, length = struct.unpack(">II", packed[:8])
            self.assertEqual((cookie, length), (0x1C849314, len(packed) - 8))
            self.assertEqual(base64.b64encode(zlib.decompress(packed[8:])).decode(), interval["latency"])

    def test_junit_has_a_case_for_each_threshold(self):
        suite = xml.etree.ElementTree.parse(self.path("a.xml")).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("3", "1"))
        failed = [case.get("name") for case in suite if case.find("failure") is not None]
        self.assertEqual(failed, ["p50 < 1us"])

    def test_the_page_carries_the_results_and_loads_nothing(self):
        with open(self.path("a.html"), encoding="utf-8") as file:
            page = file.read()
        data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
        self.assertEqual(data["runs"], [self.results])
        self.assertNotRegex(page, r'(src|href)="(?!https://github.com/leeoniya/uPlot")')

    def test_two_tests_are_compared(self):
        load("-r", "100", "-c", "4", "-d", "1s", "--max-lag", "5s", "--json", self.path("b.json"), self.url)
        self.assertIn("p99.9", load("compare", self.path("a.json"), self.path("b.json"), "--fail-if", "rate < -90%"))
        self.assertIn("FAILS  rate > -90%",
                      load("compare", self.path("a.json"), self.path("b.json"), "--fail-if", "rate > -90%", code=1))
        page = load("report", self.path("a.json"), self.path("b.json"))
        self.assertIn('"comparison":[{"run":1', page)

    def test_what_is_no_results_is_refused_by_name(self):
        for command in ("report", "compare"):
            result = subprocess.run([weir.BINARY, "load", command, self.path("a.json"), self.path("a.xml")], capture_output=True, text=True,
                                    check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("a.xml is no file of results", result.stderr)
        result = subprocess.run([weir.BINARY, "load", "compare", "--fail-if", "p99 10%", "a", "b"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn('such as "p99 > +10%"', result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
