# SPDX-License-Identifier: Apache-2.0
"""Runs `weir load` and reads the results that it writes as JSON."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import weir

HOLDS, THRESHOLDS, INVALID = 0, 3, 4  # exit codes of a test that was run


class LoadTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-load-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def run_load(self, *arguments):
        """Its exit code; what it prints is self.output."""
        run = subprocess.run([weir.BINARY, "load", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60 * weir.SLOWNESS, check=False)
        self.output = run.stdout + run.stderr
        return run.returncode

    def load(self, *arguments, plan=None):
        """Its results."""
        path = os.path.join(self.folder, "results.json")
        if plan:
            with open(os.path.join(self.folder, "plan.yaml"), "w", encoding="utf-8") as file:
                file.write(plan)
            arguments = [os.path.join(self.folder, "plan.yaml"), *arguments]
        code = self.run_load("--json", path, *arguments)
        self.assertIn(code, (HOLDS, THRESHOLDS, INVALID), self.output)
        with open(path, encoding="utf-8") as file:
            return json.load(file)
