# SPDX-License-Identifier: Apache-2.0
"""The load: `weir load` on the client's core, one process a run; and wrk, which is nobody's own, beside it.

A run with an error, an answer that is no 2xx or bodies of another size than they should be is void."""

import json
import os
import re
import shutil
import subprocess

import harness
import hdr
import servers

BODY_SLACK_BYTES = 8  # latency_ms and confidence are printed with as many digits as they have
TIMEOUT_S = 10
IS_INVALID = 4        # exit code of weir load where it was late itself, or the rate was not held: the report marks both


def spawn(command, seconds, codes=(0,)):
    """What it writes to its standard output."""
    process = harness.spawn(command, harness.CLIENT_CORE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    try:
        output, error = process.communicate(timeout=seconds + 60)
    except subprocess.TimeoutExpired as late:
        raise harness.Void("the generator does not end") from late
    finally:
        harness.end(process)
    if process.returncode not in codes:
        raise harness.Void("the generator ended with %d: %s" % (process.returncode, error.strip()[-300:]))
    return output


def url_of(service, route):
    return "http://127.0.0.1:%d%s" % (service.port, route.path)


class Target:
    """A route of a running service, and how long its bodies are."""

    def __init__(self, service, route):
        self.service = service
        self.route = route
        self.flags = ["--quiet", "-c", str(route.connections), "--timeout", "%ds" % TIMEOUT_S]
        if route.body is not None:
            path = os.path.join(service.folder, "body-" + route.name)
            with open(path, "wb") as file:
                file.write(route.body)
            self.flags += ["-m", route.method, "--body-file", path, "-H", "Content-Type: " + route.media_type]
        self.body_bytes = len(service.fetch(route))

    def run(self, seconds, rate=None):
        results = os.path.join(self.service.folder, "load.json")
        command = [harness.BINARY, "load", *self.flags, "-d", "%dms" % round(seconds * 1000), "--json", results]
        if rate:
            command += ["--rate", "%d" % rate, "--arrival", "poisson"]
        spawn([*command, url_of(self.service, self.route)], seconds, (0, IS_INVALID))
        with open(results, encoding="utf-8") as file:
            return self.judged(json.load(file), rate is not None)

    def judged(self, results, is_open):
        """What is kept of a run. The histogram of a closed loop is not: its latency is that of its number of connections."""
        totals = results["totals"]
        series = totals["series"][0]
        answered, failed = series["answered"], sum(series["failed"].values())
        others = {status: count for status, count in series["statuses"].items() if not status.startswith("2")}
        if failed or others or not answered:
            raise harness.Void("%d answered; failed: %s; statuses: %s" % (answered, series["failed"], others))
        mean = series["response_bytes"] / answered
        if abs(mean - self.body_bytes) > BODY_SLACK_BYTES:
            raise harness.Void("bodies of %.1f bytes, where %d were expected" % (mean, self.body_bytes))
        seconds = results["duration_ns"] / 1e9  # to the last answer, which in an open loop may come long after the last request
        found = {"due": series["due"], "offered_seconds": results["span_ns"] / 1e9, "answered": answered, "seconds": seconds,
                 "per_second": answered / seconds, "generator_us": totals["cpu_ns"] / 1e3 / answered}
        if is_open:
            found.update(latency=series["latency"]["hdr"], lag_p99_us=hdr.quantile_us(totals["lag"]["hdr"], 0.99),
                         lag_max_us=totals["lag"]["max_ns"] / 1e3, remarks=[remark["code"] for remark in results["remarks"]])
        return found


def has_wrk():
    return shutil.which("wrk") is not None


def wrk(service, route, seconds):
    """A closed loop of GETs by wrk."""
    output = spawn([servers.need("wrk"), "-t1", "-c", str(route.connections), "-d", "%ds" % seconds, url_of(service, route)], seconds)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    if not found or "Non-2xx" in output or "Socket errors" in output:
        raise harness.Void("wrk: " + output.strip()[-200:])
    return {"per_second": float(found.group(1))}
