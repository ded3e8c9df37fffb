#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir knee: measures, writes rows and a picture, and leaves nothing behind, however it ends."""

import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

MLP = os.path.join(weir.ROOT, "tests/data/models/mlp.onnx")
SLICES = 20
QUICK = ["--seconds", "0.3", "--steps", "5", "--connections", "8"]

SERVER = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
models:
  - {name: mlp, path: %s}
routes:
  - {match: /v2, public: true, to: {endpoint: v2}}
""" % MLP


class Knee(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-knee-test-")
        self.environment = dict(os.environ, TMPDIR=self.folder.name)

    def tearDown(self):
        self.assertEqual([name for name in os.listdir(self.folder.name) if name.startswith("weir-knee-")], [])
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self, *arguments):
        return subprocess.Popen([weir.BINARY, "knee", *arguments], cwd=self.folder.name, env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_knee(self, *arguments):
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=90 * weir.SLOWNESS)
        return process.returncode, output, errors

    def check_files(self, measurements, windows):
        with open(self.path("knee.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), measurements * SLICES)
        self.assertEqual({row["window_ms"] for row in rows}, windows)
        self.assertGreater(sum(int(row["answered"]) for row in rows), 0)
        for row in rows:
            self.assertEqual(int(row["due"]), int(row["answered"]) + int(row["refused"]) + int(row["failed"]), row)
        root = xml.etree.ElementTree.parse(self.path("knee.svg")).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        with open(self.path("knee.svg")) as file:
            self.assertNotIn("nan", file.read())

    def test_a_server_of_its_own(self):
        code, output, errors = self.run_knee("--windows", "auto", *QUICK, MLP)
        self.assertEqual(code, 0, errors)
        self.assertIn("window as configured: ", output)
        self.assertIn("predicted ", output)
        self.check_files(5, {""})

    def test_windows_of_fixed_length(self):
        code, output, errors = self.run_knee("--windows", "0,2", *QUICK, MLP)
        self.assertEqual(code, 0, errors)
        self.assertIn("window 0 ms: ", output)
        self.assertIn("window 2 ms: ", output)
        self.check_files(10, {"0", "2"})

    def test_a_server_that_runs(self):
        with weir.Server(SERVER).start() as server:
            address = "127.0.0.1:%d" % server.port
            code, output, errors = self.run_knee("--model", "mlp", "--rates", "50,100,150,200,250", "--seconds", "0.3",
                                                 "--connections", "4", "--json-tensors", address)
            self.assertEqual(code, 0, errors)
            self.check_files(5, {""})
            code, _, errors = self.run_knee("--model", "nothing", *QUICK, address)
            self.assertEqual(code, 1)
            self.assertIn('no metadata of the model "nothing"', errors)

    def test_ended_early_it_keeps_what_there_is(self):
        process = self.start("--windows", "auto", "--seconds", "0.5", "--steps", "30", "--connections", "4", MLP)
        seen = 0
        while seen < 2:
            line = process.stderr.readline()
            self.assertTrue(line, "it ended")
            seen += ": answered " in line
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        output, errors = process.communicate(timeout=30 * weir.SLOWNESS)
        self.assertLess(time.monotonic() - began, 5 * weir.SLOWNESS)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(errors, r"ended early, with \d+ measurements")
        self.check_files(int(re.search(r"with (\d+) measurements", errors).group(1)), {""})

    def test_what_cannot_be_meant(self):
        for arguments in ([], ["--model", "m", "--windows", "1", "127.0.0.1:1"], ["--rates", "1,2", MLP], ["--rates", "x", MLP], ["--windows", "0.5", MLP],
                          ["--seconds", "0", MLP], ["--shape", "x", MLP], ["--steps", "2", MLP]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_knee(*arguments)[0], 2)

    def test_a_file_that_is_not_there(self):
        code, _, errors = self.run_knee(*QUICK, "nothing.onnx")
        self.assertEqual(code, 1)
        self.assertIn("nothing.onnx: there is no such file", errors)

    def test_nobody_listens(self):
        code, _, errors = self.run_knee("--model", "m", *QUICK, "127.0.0.1:1")
        self.assertEqual(code, 1)
        self.assertIn("no metadata", errors)


if __name__ == "__main__":
    unittest.main()
