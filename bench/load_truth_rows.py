# SPDX-License-Identifier: Apache-2.0
"""Rows of the load generator: what a request costs it, how late it is, and whether it holds the rate it was told."""

import json
import os
import re
import subprocess

import harness
import servers
from rows import Row

CONNECTIONS = 64
LAG_RATE = 20000
HELD_SHARE = 0.9  # of what the generator reaches in closed loop


def run(command, rank):
    """What a program prints, and its CPU time: of the whole process, from its first to its last moment."""
    process = harness.spawn(command, harness.CLIENT_CORE, rank, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    try:
        out = process.stdout.read()
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        harness.end(process)
    if process.returncode not in (0, 4):
        raise harness.Void("%s ended with %d: %s" % (command[0], process.returncode, errors.strip()[:200]))
    return out, usage.ru_utime + usage.ru_stime


def load(settings, server, *arguments, rank=harness.FIRST):
    """A run of weir load: its results, and "cpu_us" for each request by the system's own account."""
    path = os.path.join(settings.folder, "load.json")
    url = "http://127.0.0.1:%d/livez" % server.port
    command = [harness.BINARY, "load", "--quiet", "--json", path, "-d", "%gs" % (settings.run_ms / 1000), *arguments, url]
    _, cpu_s = run(command, rank)
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    total = results["summary"]["all"]
    if total["failed"] or not total["answered"]:
        raise harness.Void("%d of %d requests failed" % (total["failed"], total["requests"]))
    return {"cpu_us": cpu_s * 1e6 / total["answered"], "per_second": total["answered_per_s"],
            "own_cpu_us": results["summary"]["cpu_us_per_request"], "due": total["requests"],
            "unsent": results["totals"]["unsent"], "lag_us": results["summary"]["lag"]["p999_ns"] / 1e3,
            "p99_us": total["latency"]["p99_ns"] / 1e3}


def wrk(settings, server):
    command = [servers.need("wrk"), "-t1", "-c%d" % CONNECTIONS, "-d%ds" % max(settings.run_ms // 1000, 1),
               "http://127.0.0.1:%d/livez" % server.port]
    out, cpu_s = run(command, harness.FIRST)
    found = re.search(r"(\d+) requests in", out)
    if not found or re.search(r"Socket errors|Non-2xx", out):
        raise harness.Void("wrk: " + out.strip()[-200:])
    return {"cpu_us": cpu_s * 1e6 / int(found.group(1))}


def load_cpu(settings):
    """CPU time of weir load for a request, 64 users in closed loop, everything recorded: the whole process's, by the system's account.
    wrk beside it, in turn, which records latency once."""
    with servers.Nginx(settings.folder, "nginx", servers.NGINX_RETURN) as nginx:
        rounds, voids = harness.alternate(settings, {
            "weir load": lambda: load(settings, nginx, "-c", str(CONNECTIONS)), "wrk": lambda: wrk(settings, nginx)})
    detail = "wrk %.2f µs; %.0f requests/s" % (harness.median(rounds, "wrk", "cpu_us"),
                                              harness.median(rounds, "weir load", "per_second"))
    return Row(harness.median(rounds, "weir load", "cpu_us"), 7, "µs", detail, rounds, voids=voids)


def load_lag(settings):
    """Own lateness of weir load, p99.9, at 20,000 requests a second on one core, open loop."""
    with servers.Nginx(settings.folder, "nginx", servers.NGINX_RETURN) as nginx:
        rounds, voids = harness.alternate(settings, {
            "weir load": lambda: load(settings, nginx, "-r", str(LAG_RATE), "-c", str(CONNECTIONS), rank=harness.URGENT)})
    detail = "p99 of latency %.0f µs, CPU %.1f µs a request" % (harness.median(rounds, "weir load", "p99_us"),
                                                               harness.median(rounds, "weir load", "cpu_us"))
    return Row(harness.median(rounds, "weir load", "lag_us"), 100, "µs", detail, rounds, voids=voids)


def load_rate(settings):
    """How far what is answered is from the rate that was told, at nine tenths of what a closed loop reaches, in per cent."""
    with servers.Nginx(settings.folder, "nginx", servers.NGINX_RETURN) as nginx:
        most = load(settings, nginx, "-c", str(CONNECTIONS))["per_second"]
        rate = int(most * HELD_SHARE)
        rounds, voids = harness.alternate(settings, {
            "weir load": lambda: load(settings, nginx, "-r", str(rate), "-c", "256")})
    for results in rounds:
        run_ = results["weir load"]
        run_["off"] = abs(run_["per_second"] / rate - 1) * 100
    detail = "%d of %.0f requests/s, CPU %.2f µs a request" % (rate, most, harness.median(rounds, "weir load", "cpu_us"))
    return Row(harness.median(rounds, "weir load", "off"), 0.5, "%", detail, rounds, voids=voids)


ROWS = {
    "load_cpu": (load_cpu, "CPU of weir load for a request"),
    "load_lag": (load_lag, "own lateness of weir load at 20,000/s, p99.9"),
    "load_rate": (load_rate, "rate held by weir load"),
}
