#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""README.md has the figures of docs/report, and docs/report's pages are what its runs give: nothing in them is written by hand.

No load is made. Exit codes: 0 or 1; 77 where there is no report yet (README.md has been looked at all the same)."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REPORT = os.path.join(ROOT, "docs/report")
PAGES = ("README.md", "summary.json", "report.html")


def run(*command):
    subprocess.run([sys.executable, "-B", *command], check=True, cwd=ROOT, stderr=subprocess.DEVNULL if "--again" in command else None)


def content(folder, name):
    """Of the page what is the report's own: the charts' library may come minified otherwise."""
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        text = file.read()
    return re.findall(r"<main>.*</main>|const charts = .*", text, re.S) if name.endswith("html") else text


def main():
    run("tools/figures.py", "--check")
    if not os.path.exists(os.path.join(REPORT, "runs.json")):
        print("skipped: there is no docs/report yet (make report); README.md says so")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(REPORT, "runs.json"), folder)
        run("bench/report/report.py", "--again", "--output", folder)
        other = [name for name in PAGES if content(folder, name) != content(REPORT, name)]
    if other:
        print("not what bench/report/report.py --again makes of docs/report/runs.json: %s" % ", ".join(other))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
