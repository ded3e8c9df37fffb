#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures weir against its bars and its peers, on this machine and in one go.

Prints a table; writes build/bench/results.json with the machine and every run. What is compared with what, and why that
is fair, stands in bench/README.md. Exit code: 0 when everything was measured, whether it passed or not; 1 when a row is
void; 2 for a misuse."""

import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import infer_rows  # noqa: E402
import load_rows  # noqa: E402
import load_truth_rows  # noqa: E402
import rows  # noqa: E402
import schema_rows  # noqa: E402
import servers  # noqa: E402
import tensor_rows  # noqa: E402

ROWS = {**rows.ROWS, **schema_rows.ROWS, **tensor_rows.ROWS, **infer_rows.ROWS, **load_rows.ROWS,
        **load_truth_rows.ROWS}


def parse():
    listed = "\n".join("  %-14s %s" % (name, about) for name, (_, about) in ROWS.items())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="rows:\n" + listed)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these rows; without any, all")
    parser.add_argument("--pairs", type=int, default=5, help="rounds of alternating runs (5)")
    parser.add_argument("--seconds", type=float, default=3, help="measured time of a run (3)")
    parser.add_argument("--warm-up", type=float, default=1, help="time before it (1)")
    parser.add_argument("--output", default=os.path.join(harness.BUILD, "results.json"), help="the JSON file")
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error("no row is called %s; there are %s" % (unknown[0], ", ".join(ROWS)))
    if options.pairs < 1 or options.seconds <= 0 or options.warm_up < 0:
        parser.error("--pairs is at least 1, --seconds more than 0")
    return options


def measure(name, settings):
    """What goes into the JSON file for one row."""
    function, about = ROWS[name]
    harness.say("%s: %s" % (name, about))
    result = {"row": name, "about": about, "what": " ".join(function.__doc__.split())}
    try:
        row = function(settings)
    except servers.Missing as error:
        return dict(result, verdict="skip", detail=str(error))
    except (harness.Void, RuntimeError, OSError) as error:
        return dict(result, verdict="void", detail=str(error))
    return dict(result, verdict="pass" if row.is_pass else "MISS", figure=row.figure, bar=row.bar,
                bar_is="most" if row.is_most else "least", unit=row.unit, detail=row.detail, runs=row.runs,
                void_runs=row.voids)


def number(value):
    return "%.0f" % value if value >= 100 else "%.4g" % value


def print_table(results):
    lines = [("row", "figure", "bar", "verdict", "")]
    for result in results:
        if "figure" in result:
            bar = ("≤ " if result["bar_is"] == "most" else "≥ ") + number(result["bar"])
            figure = "%s %s" % (number(result["figure"]), result["unit"])
        else:
            bar, figure = "", "-"
        lines.append((result["about"], figure, bar, result["verdict"], result["detail"]))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)) + "  " + line[4])


def main():
    options = parse()
    options.warm_ms = int(options.warm_up * 1000)
    options.run_ms = int(options.seconds * 1000)
    options.folder = os.path.join(harness.BUILD, "run")
    os.makedirs(options.folder, exist_ok=True)
    if not os.access(harness.BINARY, os.X_OK):
        sys.exit("bench: %s is not there: make release builds it" % harness.BINARY)
    if len(harness.CORES) < 2:
        harness.say("bench: one core only: server and client share it, and the figures say little")
    began = time.time()
    report = {"machine": harness.machine(), "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
              "settings": {"pairs": options.pairs, "seconds": options.seconds, "warm_up_seconds": options.warm_up}}
    report["rows"] = [measure(name, options) for name in options.rows or ROWS]
    report["took_seconds"] = round(time.time() - began, 1)
    report["machine"]["load_after"] = os.getloadavg()
    with open(options.output, "w") as file:
        json.dump(report, file, indent=1)
        file.write("\n")
    print_table(report["rows"])
    harness.say("every run: %s" % options.output)
    return 1 if any(result["verdict"] == "void" for result in report["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
