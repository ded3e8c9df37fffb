#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the figures of docs/report into README.md, between <!-- figures: report --> and <!-- /figures -->.

No figure of speed is written there by hand: `make report` measures, and this writes down. With --check nothing is written; exit
code 1 says that README.md has other figures than the report."""

import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
README = os.path.join(ROOT, "README.md")
SUMMARY = os.path.join(ROOT, "docs/report/summary.json")
PLACE = re.compile(r"(<!-- figures: report -->\n).*?(<!-- /figures -->)", re.S)
NOTHING = "There is no report of this version yet: `make report` measures and writes one.\n"

sys.path.insert(0, os.path.join(ROOT, "bench/report"))
import words  # noqa: E402


def cell(figures, route):
    found = figures["throughput"].get(route)
    if not found:
        return words.DASH
    return words.figure(found["per_second"]) + (" (%s)" % words.times(found["ratio"]) if found["ratio"] else "")


def same_p99(figures, route):
    """At the rate that all get."""
    return words.duration(figures["same_rate"].get(route, {}).get("p99_us"))


def rate_of(summary, route):
    return next((words.rate(figures["same_rate"][route]["rate"]) for figures in summary["figures"].values()
                 if route in figures["same_rate"]), "the same rate")


def table(summary):
    routes = summary["routes"]
    lines = ["| one core | %s | p99 of JSON inference at %s | its CPU | peak of memory |" % (" | ".join(
        route["title"] + ", requests a second" for route in routes.values()), rate_of(summary, "json"))]
    lines.append("|---|" + "---|" * (len(routes) + 3))
    peers = [name for name, about in summary["services"].items() if about["is_peer"]]
    def speed(name):
        return -max((found["per_second"] for found in summary["figures"][name]["throughput"].values()), default=0)
    for name in sorted(peers, key=lambda name: (name != "weir", speed(name))):
        figures = summary["figures"][name]
        cpu = figures["throughput"].get("json", {}).get("cpu_us")
        lines.append("| %s | %s | %s | %s | %s |" % (
            summary["services"][name]["title"], " | ".join(cell(figures, route) for route in routes), same_p99(figures, "json"),
            words.duration(cpu), words.mib(figures["peak_mib"])))
    return lines


def text_of(summary):
    machine = summary["machine"]
    base = summary["services"].get(summary["base"], {}).get("title", summary["base"])
    lines = table(summary)
    lines += ["", "In brackets: beside %s. %s, commit %s, %d rounds; the load is `weir load`'s." % (
                  base, machine["cpu"], machine["commit"], summary["rounds"]),
              "[The report](docs/report/README.md) has all of it, with",
              "[what weir loses](docs/report/README.md#where-weir-is-not-first), and [who is compared and how](bench/peers/README.md)."]
    return "\n".join(lines) + "\n"


def main():
    text = NOTHING
    if os.path.exists(SUMMARY):
        with open(SUMMARY, encoding="utf-8") as file:
            text = text_of(json.load(file))
    with open(README, encoding="utf-8") as file:
        before = file.read()
    after, count = PLACE.subn(lambda match: match.group(1) + text + match.group(2), before)
    if count != 1:
        sys.exit("figures: README.md needs one place for them: <!-- figures: report --> … <!-- /figures -->")
    if "--check" in sys.argv[1:]:
        if after != before:
            sys.exit("figures: README.md has other figures than docs/report: run tools/figures.py")
    elif after != before:
        with open(README, "w", encoding="utf-8") as file:
            file.write(after)


if __name__ == "__main__":
    main()
