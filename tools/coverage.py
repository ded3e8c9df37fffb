#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says which lines of src/ the tests reached: tools/coverage.py BUILD-FOLDER [--missing PREFIX]

Reads what a build with the preset "cov" left behind, with gcov. Prints one row for each folder and the total; with
--missing src/lib/http the lines of these files that no test reached.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_counts(build):
    """path below the root -> line -> how often it ran, over all tests"""
    notes = sorted(build.rglob("*.gcda"))
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    for start in range(0, len(notes), 50):
        command = ["gcov", "--json-format", "--stdout", *map(str, notes[start : start + 50])]
        output = subprocess.run(command, cwd=build, capture_output=True, text=True, check=True).stdout
        for document in output.splitlines():
            for file in json.loads(document)["files"] if document.startswith("{") else []:
                path = (build / file["file"]).resolve()
                if path.is_relative_to(ROOT / "src"):
                    lines = counts[path.relative_to(ROOT).as_posix()]
                    for line in file["lines"]:
                        lines[line["line_number"]] += line["count"]
    return counts


def print_table(counts):
    folders = collections.defaultdict(lambda: [0, 0])
    for path, lines in counts.items():
        for name in (path.rpartition("/")[0], "total"):
            folders[name][0] += sum(1 for count in lines.values() if count)
            folders[name][1] += len(lines)
    total = folders.pop("total")
    for name, (reached, all_lines) in [*sorted(folders.items()), ("total", total)]:
        print(f"{name:32} {reached:6} of {all_lines:6} lines  {100 * reached / max(all_lines, 1):5.1f} %")


def print_missing(counts, prefix):
    for path, lines in sorted(counts.items()):
        missing = [str(line) for line, count in sorted(lines.items()) if not count]
        if path.startswith(prefix) and missing:
            print(f"{path}: {' '.join(missing)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--missing", metavar="PREFIX", help="list the lines that no test reached")
    options = parser.parse_args()
    counts = read_counts(options.build)
    if not counts:
        sys.exit("no counts found; run the tests of a build with the preset cov first")
    if options.missing:
        print_missing(counts, options.missing)
    else:
        print_table(counts)


if __name__ == "__main__":
    main()
