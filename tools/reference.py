#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference from what the binary says and from the rows of errors.def.

    tools/reference.py [--weir build/release/weir] [--check]

With --check nothing is written; the differences are printed, and the exit code is 1 when there are any.
"""
import argparse
import difflib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "docs", "reference")
START_SECONDS = 30

COMMANDS = [
    ("weir", []),
    ("weir serve", ["serve"]),
    ("weir check", ["check"]),
    ("weir model inspect", ["model", "inspect"]),
    ("weir model bench", ["model", "bench"]),
    ("weir openapi", ["openapi"]),
    ("weir schema", ["schema"]),
    ("weir schema compile", ["schema", "compile"]),
    ("weir schema validate", ["schema", "validate"]),
    ("weir schema bench", ["schema", "bench"]),
    ("weir import", ["import"]),
    ("weir load", ["load"]),
    ("weir load agent", ["load", "agent"]),
    ("weir knee", ["knee"]),
    ("weir keys", ["keys"]),
    ("weir keys add", ["keys", "add"]),
    ("weir keys list", ["keys", "list"]),
    ("weir keys revoke", ["keys", "revoke"]),
]

# A server that has one route and no model still names every family.
METRICS_CONFIG = """\
listen: [127.0.0.1:0]
workers: 1
executors: 1
chain: [metrics]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
welcome: "{address}\\n"
"""
# By the beginning of a family's name, the first that fits; what can be seen in a scrape is held against it.
LABELS = [
    ("weir_build", "version, compiler, onnxruntime"),
    ("weir_stage_", "stage"),
    ("weir_allocations", "subsystem, thread"),
    ("weir_allocated_bytes", "subsystem, thread"),
    ("weir_frees", "subsystem, thread"),
    ("weir_loop_stall", "cause"),
    ("weir_http_requests_in_flight", "route"),
    ("weir_http_requests", "route, status"),
    ("weir_http_", "route"),
    ("weir_model_loads", "result"),
    ("weir_model_run_failures", "model, version, reason"),
    ("weir_model_", "model, version"),
    ("nv_inference_request_failure", "model, version, reason"),
    ("nv_inference_", "model, version"),
    ("weir_config_reloads", "result"),
    ("weir_schemas_reloads", "result"),
    ("weir_tls_handshakes_failed", "reason"),
]
GROUPS = [
    ("The build", "weir_build"),
    ("The process", "process_"),
    ("Routes", "weir_http_"),
    ("Models", "weir_model_"),
    ("Models, in the words of Triton", "nv_inference_"),
    ("Stages", "weir_stage_"),
    ("Event loops", "weir_loop_"),
    ("Reloads", "weir_config_"),
    ("Schemas", "weir_schemas"),
    ("The server", "weir_"),
]


def run(weir, *arguments):
    return subprocess.run([weir, *arguments], check=True, capture_output=True, text=True).stdout


def cell(text):
    return text.replace("|", "\\|")


def commands_page(weir):
    parts = ["# Commands\n\nMade by `tools/reference.py` from what `--help` prints.\n"]
    for title, arguments in COMMANDS:
        parts.append(f"\n## `{title}`\n\n```text\n{run(weir, *arguments, '--help').strip()}\n```\n")
    return "".join(parts)


def rows_of(name, path):
    """The rows name(…) of a .def file, as lists of their arguments."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    for row in re.findall(rf"^{name}\((.*?)\)$", text, re.MULTILINE | re.DOTALL):
        yield words_of(row)


def words_of(row):
    words = re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+|[^,"]+', row)
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', word)) if '"' in word else word.strip() for word in words if word.strip()]


def problems_page():
    parts = ["# Problems\n\nMade by `tools/reference.py` from the rows of `src/pipeline/errors.def`. Every error that a client can see "
             "is one of these,\nas a problem document (RFC 9457); [Errors](../guide/errors.md) tells how to read it. *Repeat?* says "
             "whether the same\nrequest may succeed later.\n\n"
             "| `type` | Status | `title` | Repeat? |\n|---|---|---|---|\n"]
    for _, status, slug, title, is_retryable, _ in rows_of("PROBLEM", "src/pipeline/errors.def"):
        parts.append(f"| `urn:weir:problem:{slug}` | {status} | {cell(title)} | "
                     f"{'yes' if is_retryable == 'true' else 'no'} |\n")
    parts.append("\n`client-closed` (499) is never sent: the client has gone. It is in the access log and in the metrics.\n")
    return "".join(parts)


def scrape(weir):
    """The OpenMetrics text of a server that runs for this."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as config:
        config.write(METRICS_CONFIG)
        config.flush()
        with subprocess.Popen([weir, "serve", config.name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as server:
            signal.alarm(START_SECONDS)
            try:
                address = server.stdout.readline().strip()
                if not address:
                    sys.exit("weir serve did not start")
                accept = {"Accept": "application/openmetrics-text"}
                request = urllib.request.Request(f"{address if '://' in address else 'http://' + address}/metrics",
                                                 headers=accept)
                for _ in range(2):  # the second one sees the first
                    with urllib.request.urlopen(request) as response:
                        text = response.read().decode()
            finally:
                server.terminate()
            signal.alarm(0)
    return text


def read_families(text):
    families = {}
    for line in text.splitlines():
        words = line.split(" ", 3)
        if words[0] != "#":
            family["labels"].update(re.findall(r'[{,](\w+)="', line))
        elif len(words) > 3:
            family = families.setdefault(words[2], {"name": words[2], "labels": set(), "help": ""})
            family[words[1].lower()] = words[3]
    return list(families.values())


def labels_of(family):
    text = next((labels for prefix, labels in LABELS if family["name"].startswith(prefix)), "")
    seen = family["labels"] - {"le"}
    if seen and seen != set(text.split(", ")):
        sys.exit(f"{family['name']} has the labels {sorted(seen)}; correct LABELS in tools/reference.py")
    return text


def name_of(family):
    """As Prometheus text has it."""
    return family["name"] + {"counter": "_total", "info": "_info"}.get(family["type"], "")


def type_of(family):
    """As Prometheus text has it: OpenMetrics has no counters whose name does not end with _total."""
    return "counter" if family["type"] == "unknown" else family["type"]


def metrics_page(weir):
    parts = ["# Metrics\n\nMade by `tools/reference.py` from what `/metrics` answers. Names are those of Prometheus text; "
             "OpenMetrics tells types and units\napart from them. A histogram has `_bucket`, `_sum` and `_count`. "
             "[Metrics and access log](../guide/metrics-and-log.md) tells which to look at.\n"]
    families = read_families(scrape(weir))
    for title, prefix in GROUPS:
        group = [family for family in families if family["name"].startswith(prefix)]
        families = [family for family in families if family not in group]
        if not group:
            continue
        parts.append(f"\n## {title}\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n")
        for family in group:
            parts.append(f"| `{name_of(family)}` | {type_of(family)} | {labels_of(family)} | {cell(family['help'])} |\n")
    return "".join(parts)


# By the kind of a row: type and labels; of FAMILY they stand in the row.
LOAD_KINDS = {
    "STEP_COUNTER": ("counter", "scenario, step"),
    "STREAM_COUNTER": ("counter", "scenario, step"),
    "STEP_TIMES": ("histogram", "scenario, step"),
    "STREAM_TIMES": ("histogram", "scenario, step"),
    "TEST_COUNTER": ("counter", ""),
    "TEST_GAUGE": ("gauge", ""),
    "TEST_TIMES": ("histogram", ""),
}


def load_metrics_page():
    parts = ["# Metrics of a load test\n\nMade by `tools/reference.py` from the rows of `src/load/export/metrics.def`. Names are those of "
             "Prometheus text; OpenMetrics\ntells types and units apart from them. A histogram has `_bucket`, `_sum` and `_count`.\n"
             "[Metrics of a load test](../guide/load-metrics.md) tells how to get them, and which to look at.\n\n"
             "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n"]
    with open(os.path.join(ROOT, "src/load/export/metrics.def"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/|^#.*?$", "", file.read(), flags=re.DOTALL | re.MULTILINE)
    for kind, row in re.findall(r"^(\w+)\((.*?)\)$", text, re.MULTILINE | re.DOTALL):
        words = words_of(row)
        kind, labels = LOAD_KINDS[kind] if kind in LOAD_KINDS else (words[1].lower(), words[-2])
        name = name_of({"name": "weir_load_" + words[0], "type": kind})
        parts.append(f"| `{name}` | {kind} | {labels} | {cell(words[-1])} |\n")
    return "".join(parts)


def schema_page(weir, command):
    """Over many lines, so that a change of one option is a change of few."""
    return json.dumps(json.loads(run(weir, command, "--schema")), indent=1, ensure_ascii=False) + "\n"


def make_pages(weir):
    return {
        "README.md": "# Reference\n\nMade by `tools/reference.py`; a test compares these pages with the binary.\n\n"
                     "* [Configuration](configuration.md), and its [JSON Schema](configuration.schema.json) for editors\n"
                     "* [Plans of load tests](load-plan.md), and their [JSON Schema](load-plan.schema.json)\n"
                     "* [Commands](commands.md)\n* [Problems](problems.md)\n* [Metrics](metrics.md), and those [of a load test](load-metrics.md)\n",
        "configuration.md": run(weir, "check", "--reference"),
        "configuration.schema.json": schema_page(weir, "check"),
        "load-plan.md": run(weir, "load", "--reference"),
        "load-plan.schema.json": schema_page(weir, "load"),
        "commands.md": commands_page(weir),
        "problems.md": problems_page(),
        "metrics.md": metrics_page(weir),
        "load-metrics.md": load_metrics_page(),
    }


def compare(pages):
    """What differs from what is committed, as a patch; empty when nothing does."""
    patch = []
    for name, made in pages.items():
        path = os.path.join(FOLDER, name)
        there = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                there = file.read()
        patch += difflib.unified_diff(there.splitlines(True), made.splitlines(True), f"docs/reference/{name}",
                                      f"docs/reference/{name} (made)", n=1)
    return "".join(patch)


def main():
    parser = argparse.ArgumentParser(description="Writes docs/reference.")
    parser.add_argument("--weir", default=os.environ.get("WEIR", os.path.join(ROOT, "build", "release", "weir")))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    pages = make_pages(options.weir)
    if options.check:
        patch = compare(pages)
        print(patch or "docs/reference is what the binary says", end="" if patch else "\n")
        return 1 if patch else 0
    os.makedirs(FOLDER, exist_ok=True)
    for name, text in pages.items():
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
