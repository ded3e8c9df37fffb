#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures weir beside its peers on this machine, and writes docs/report.

Installs what the machine can (below build/bench/peers), holds the answers against each other, lets the peers take turns, and writes
README.md, report.html, summary.json and runs.json. Exit code: 0; 1 when peers give unequal answers or weir was not measured;
2 for a misuse; 130 after Ctrl-C, and then --resume goes on with what was kept."""

import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import services  # noqa: E402  (finds harness and servers)
import equal  # noqa: E402
import harness  # noqa: E402
import install  # noqa: E402
import machine  # noqa: E402
import markdown  # noqa: E402
import page  # noqa: E402
import routes  # noqa: E402
import runs  # noqa: E402
import sections  # noqa: E402
import summary  # noqa: E402

OUTPUT = os.path.join(harness.ROOT, "docs/report")
JOURNAL = os.path.join(harness.BUILD, "report/runs.jsonl")
FIGURES = os.path.join(harness.ROOT, "tools/figures.py")
QUICK = {"rounds": 1, "seconds": 0.5, "warm_up": 0.2, "latency_seconds": 0.5, "wrk_seconds": 1}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (5)")
    parser.add_argument("--seconds", type=float, default=3, help="measured time of a closed loop (3)")
    parser.add_argument("--warm-up", type=float, default=1, help="time before it (1)")
    parser.add_argument("--latency-seconds", type=float, default=1.4, help="time of an open loop (1.4)")
    parser.add_argument("--shares", default="25,50,75,90", help="rates of the open loops, in percent of what each peer did (25,50,75,90)")
    parser.add_argument("--wrk-seconds", type=int, default=1, help="time of a run of wrk (1)")
    parser.add_argument("--peers", default=",".join(services.BY_NAME), help="only these")
    parser.add_argument("--quick", action="store_true", help="a minute or two, to see whether it works; the figures mean nothing")
    parser.add_argument("--resume", action="store_true", help="go on where an earlier run was ended")
    parser.add_argument("--no-install", action="store_true", help="only with what is installed")
    parser.add_argument("--again", action="store_true", help="measure nothing: write the pages anew from the runs in the output folder")
    parser.add_argument("--output", default=OUTPUT, help="the folder to write to (docs/report)")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    options.names = options.peers.split(",")
    unknown = [name for name in options.names if name not in services.BY_NAME]
    if unknown:
        parser.error("no peer is called %s; there are %s" % (unknown[0], ", ".join(services.BY_NAME)))
    if options.rounds < 1 or options.seconds <= 0 or options.latency_seconds <= 0 or options.warm_up <= 0:
        parser.error("--rounds is at least 1, times are more than 0")
    return options


def measured(options):
    """The document of runs.json."""
    began = time.time()
    skipped = {} if options.no_install else install.install(options.names)
    skipped.update({name: why for name in options.names if name not in skipped and (why := services.BY_NAME[name].missing())})
    names = [name for name in options.names if name not in skipped]
    if "weir" not in names:
        sys.exit("report: weir itself is missing: %s" % skipped.get("weir", "--peers leaves it out"))
    harness.say("holding the answers of %s against each other" % ", ".join(names))
    peers = [name for name in names if services.BY_NAME[name].is_peer]
    rows, wrong = equal.compare(peers)
    if wrong:
        sys.exit("report: the answers differ:\n%s" % equal.table(peers, rows))
    settings = runs.Settings(options)
    described = machine.describe(names)
    journal = runs.Journal(JOURNAL, options.resume, {"settings": settings.told(), "commit": described["commit"]})
    runs.measure(settings, names, journal)
    described["load_after"] = [round(value, 2) for value in os.getloadavg()]
    return {
        "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began)), "took_seconds": round(time.time() - began, 1),
        "machine": described, "settings": settings.told(), "skipped": skipped,
        "services": {name: services.BY_NAME[name].told() for name in names},
        "routes": {route.name: route.told() for route in routes.ALL},
        "equal": {"names": peers, "rows": rows,
                  "json_tolerance": equal.JSON_TOLERANCE, "image_tolerance": equal.IMAGE_TOLERANCE},
        "runs": journal.runs,
    }


def write_runs(document, folder):
    """A run a line, so that a difference of two files can be read."""
    head = json.dumps({name: value for name, value in document.items() if name != "runs"}, indent=1)
    lines = ",\n".join(json.dumps(run, separators=(",", ":")) for run in document["runs"])
    harness.write_file(os.path.join(folder, "runs.json"), head[:-2] + ',\n "runs": [\n' + lines + "\n]}\n")


def write_pages(document, folder):
    found = summary.summarize(document)
    harness.write_file(os.path.join(folder, "summary.json"), json.dumps(found, indent=1) + "\n")
    parts = sections.sections(found)
    harness.write_file(os.path.join(folder, "README.md"), markdown.write(parts))
    harness.write_file(os.path.join(folder, "report.html"), page.write(parts))


def main():
    options = parse()
    os.makedirs(options.output, exist_ok=True)
    page.chart_library()  # before half an hour has gone
    if options.again:
        with open(os.path.join(options.output, "runs.json"), encoding="utf-8") as file:
            document = json.load(file)
    else:
        document = measured(options)
        if not any(run["kind"] == "throughput" and run["service"] == "weir" and "void" not in run for run in document["runs"]):
            sys.exit("report: every run of weir is void; what was measured is in %s" % JOURNAL)
        write_runs(document, options.output)
    write_pages(document, options.output)
    if os.path.realpath(options.output) == os.path.realpath(OUTPUT):
        subprocess.run([sys.executable, "-B", FIGURES], check=True)
    harness.say("written: %s" % os.path.join(options.output, "report.html"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        harness.say("\nended; what was measured is kept: --resume goes on with it")
        sys.exit(130)
    except (page.NoCharts, runs.OtherRuns) as error:
        sys.exit("report: %s" % error)
