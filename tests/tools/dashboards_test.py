#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboards of deploy/grafana are what tools/dashboards.py makes, and what Grafana can load: ids, places, variables, data sources."""

import json
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "deploy", "grafana")
UNITS = {"short", "s", "bytes", "Bps", "reqps", "ops", "percentunit", "bool_yes_no"}  # ids that Grafana knows
BUILT_IN = {"__rate_interval", "__all", "datasource"}


def dashboards():
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".json"):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                yield name, json.load(file)


class Dashboards(unittest.TestCase):
    def test_are_what_the_rows_make(self):
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tools/dashboards.py"), "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_there_is_one_for_the_server_and_one_for_load_tests(self):
        self.assertEqual([name for name, _ in dashboards()], ["weir-load.json", "weir-server.json"])

    def test_have_what_an_import_needs(self):
        uids = [dashboard["uid"] for _, dashboard in dashboards()]
        self.assertEqual(len(uids), len(set(uids)))
        for name, dashboard in dashboards():
            self.assertGreaterEqual(dashboard["schemaVersion"], 36, name)
            self.assertIsNone(dashboard["id"], name)  # Grafana gives one
            self.assertTrue(dashboard["title"] and dashboard["description"], name)

    def test_panels_have_ids_of_their_own_and_do_not_overlap(self):
        for name, dashboard in dashboards():
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)), name)
            taken = {}
            for panel in dashboard["panels"]:
                grid = panel["gridPos"]
                self.assertLessEqual(grid["x"] + grid["w"], 24, panel["title"])
                for x in range(grid["x"], grid["x"] + grid["w"]):
                    for y in range(grid["y"], grid["y"] + grid["h"]):
                        self.assertNotIn((x, y), taken, "%s lies on %s" % (panel["title"], taken.get((x, y))))
                        taken[x, y] = panel["title"]

    def test_panels_have_titles_units_and_queries(self):
        for name, dashboard in dashboards():
            titles = [panel["title"] for panel in dashboard["panels"] if panel["type"] != "row"]
            self.assertEqual(len(titles), len(set(titles)), name)
            for panel in dashboard["panels"]:
                if panel["type"] == "row":
                    continue
                self.assertTrue(panel["targets"], panel["title"])
                references = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(references), len(set(references)), panel["title"])
                unit = panel["options"]["yAxis"]["unit"] if panel["type"] == "heatmap" else panel["fieldConfig"]["defaults"]["unit"]
                self.assertIn(unit, UNITS, panel["title"])
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"]["uid"], "${datasource}")
                    self.assertTrue(target["legendFormat"], panel["title"])

    def test_thresholds_rise(self):
        for _, dashboard in dashboards():
            for panel in dashboard["panels"]:
                steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
                values = [step["value"] for step in steps]
                self.assertEqual(values[1:], sorted(values[1:]), panel["title"])
                self.assertTrue(not steps or values[0] is None, panel["title"])

    def test_every_query_is_of_the_chosen_job_and_instance(self):
        for _, dashboard in dashboards():
            names = {variable["name"] for variable in dashboard["templating"]["list"]}
            self.assertLessEqual({"datasource", "job", "instance"}, names)
            used = set()
            for panel in dashboard["panels"]:
                for target in panel.get("targets", []):
                    found = re.findall(r"\$(\w+)", target["expr"])
                    self.assertLessEqual(set(found), names | BUILT_IN, target["expr"])
                    used |= set(found)
                    selectors = re.findall(r"(?:weir|process)_\w+(\{[^}]*\})?", target["expr"])
                    self.assertTrue(all('job=~"$job",instance=~"$instance"' in selector for selector in selectors), target["expr"])
            self.assertEqual(names - used - {"datasource"}, set())  # none is for nothing


if __name__ == "__main__":
    unittest.main()
