#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/locust drives what `weir load` drives, from the same plan: the same steps, checks and values, told in the same columns.

Wants locust, on the path or in build/locust:

    python3 -m venv build/locust && build/locust/bin/pip install locust PyYAML
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

OWN = os.path.join(weir.ROOT, "build/locust/bin/locust")
LOCUST = OWN if os.path.exists(OWN) else shutil.which("locust")
CONFIG = """
listen: [127.0.0.1:0]
models:
  - {name: mlp, path: %s/tests/data/models/mlp.onnx}
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
""" % weir.ROOT
PLAN = """
url: http://127.0.0.1:%(port)d
variables: {kind: FP32}
data:
  - {name: rows, file: rows.csv}
scenarios:
  - name: infer
    weight: 3
    steps:
      - {name: alive, request: GET /livez}
      - name: run
        request: POST /v2/models/mlp/infer
        json:
          id: "${rows.first}"
          inputs:
            - name: x
              datatype: "${kind}"
              shape: [1, 8]
              data:
                - ${rows.last}
                - 0
                - 1
                - 2
                - 3
                - 4
                - 5
                - 6
        checks: [{status: 200}, {json: /outputs/0/shape/0, equals: 1}, {header: Content-Type, contains: json}, {time: 10s}]
        extract: [{variable: model, json: /model_name}, {variable: none, header: X-None, optional: true}]
        think: [1ms, 3ms]
      - {name: look, request: "GET /v2/models/${model}", checks: {json: /name, equals: mlp}}
  - name: wrong
    steps:
      - {name: lost, request: GET /nowhere}
      - {name: judged, request: GET /livez, checks: {status: 204}}
load: %(load)s
valid: {errors: 1, lag: 10s}
"""
USERS = "{users: 4, spawn_rate: 4, duration: 3s}"
STAGES = "{stages: [{duration: 2s, rate: 5 -> 15}, {duration: 1s, rate: 15}]}"
RIGHT, WRONG = {"alive", "run", "look"}, {"lost", "judged"}


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Locust(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG).start()
        cls.folder = tempfile.mkdtemp(prefix="weir-locust-")
        with open(os.path.join(cls.folder, "rows.csv"), "w", encoding="utf-8") as file:
            file.write("first,last\n1,8\n2,9.5\n")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()
        shutil.rmtree(cls.folder)

    def write_plan(self, load):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write((PLAN % {"port": self.server.port, "load": load}))
        return path

    def run_locust(self, load):
        """The rows of its table by name. Exit code 1 is what Locust gives when a request has failed."""
        environment = dict(os.environ, WEIR_PLAN=self.write_plan(load))
        prefix = os.path.join(self.folder, "locust")
        done = subprocess.run([LOCUST, "-f", os.path.join(weir.ROOT, "deploy/locust/locustfile.py"), "--headless", "--only-summary", "--csv", prefix],
                              env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.stderr = done.stderr
        return {row["Name"]: row for row in read_table(prefix + "_stats.csv")}

    def test_runs_the_scenarios_of_a_plan(self):
        rows = self.run_locust(USERS)
        self.assertEqual(set(rows), RIGHT | WRONG | {"Aggregated"})
        for name in RIGHT:
            self.assertGreater(int(rows[name]["Request Count"]), 20, rows)
            self.assertEqual(int(rows[name]["Failure Count"]), 0, name)
        for name in WRONG:
            self.assertEqual(rows[name]["Failure Count"], rows[name]["Request Count"], name)
        share = int(rows["alive"]["Request Count"]) / int(rows["lost"]["Request Count"])
        self.assertTrue(1.5 < share < 6, share)  # 3 by weight

    def test_follows_the_stages_of_a_plan(self):
        rows = self.run_locust(STAGES)
        iterations = int(rows["alive"]["Request Count"]) + int(rows["lost"]["Request Count"])
        self.assertTrue(15 <= iterations <= 60, iterations)  # 35 by the plan
        self.assertIn("Shape test stopping", self.stderr)

    def test_weir_load_drives_the_same_and_tells_it_in_the_same_columns(self):
        theirs = self.run_locust(USERS)
        prefix = os.path.join(self.folder, "weir")
        done = subprocess.run([weir.BINARY, "load", "--csv", prefix, "-q", os.path.join(self.folder, "plan.yaml")], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        ours = {row["Name"]: row for row in read_table(prefix + "_stats.csv")}
        self.assertEqual(set(ours), set(theirs))
        self.assertEqual(list(ours["run"]), list(theirs["run"]))
        for name in RIGHT | WRONG:
            self.assertEqual(ours[name]["Type"], theirs[name]["Type"])
            self.assertEqual(int(ours[name]["Failure Count"]) > 0, name in WRONG, name)
        history = [read_table(os.path.join(self.folder, name + "_stats_history.csv")) for name in ("weir", "locust")]
        self.assertEqual(list(history[0][0]), list(history[1][0]))


if __name__ == "__main__":
    if not LOCUST:
        weir.skip("locust is not installed")
    unittest.main(verbosity=1)
