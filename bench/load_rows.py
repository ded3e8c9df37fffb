# SPDX-License-Identifier: Apache-2.0
"""The load generator: what a token of a stream costs and how well it is timed; requests beside h2load."""

import json
import os
import re
import resource
import subprocess

import harness
import servers
from rows import Row

TOKEN_INTERVAL_US = 1000
LINKS = 8
CHAT = json.dumps({"stream": True, "stream_options": {"include_usage": True}})


class Llm:
    """The helper of that name on the servers' core."""

    def __init__(self, rank):
        self.rank = rank

    def __enter__(self):
        self.process = harness.spawn([harness.helper("llm"), "--first-us", "20000", "--interval-us",
                                      str(TOKEN_INTERVAL_US), "--tokens", "1000"], harness.SERVER_CORE,
                                     self.rank, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        harness.end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


def run_on_client(command, seconds=120, rank=harness.FIRST):
    """What it printed, and the CPU time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = harness.spawn(command, harness.CLIENT_CORE, rank, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    try:
        output, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise harness.Void("no end after %d s" % seconds)
    finally:
        harness.end(process)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise harness.Void((error.strip() or output.strip())[:300])
    return output, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def weir_load(settings, *arguments, rank=harness.FIRST):
    path = os.path.join(settings.folder, "load.json")
    _, cpu_s = run_on_client([harness.BINARY, "load", "-q", "--json", path, *map(str, arguments)], rank=rank)
    with open(path) as file:
        results = json.load(file)
    figures = results["summary"]["all"]
    if figures["failed"]:
        raise harness.Void("%d requests failed" % figures["failed"])
    return {"figures": figures, "cpu_us": cpu_s * 1e6 / figures["requests"], "thread_ns": results["totals"]["cpu_ns"],
            "span_ns": results["span_ns"]}


def time_tokens(settings, streams, rank):
    """Streams that have 1,000 tokens a second each: rounds, voids, and what is to be said beside the figure."""
    with Llm(rank) as llm:
        def run():
            made = weir_load(settings, "--chat", "-c", streams, "-d", "%dms" % settings.run_ms, "--data", CHAT,
                             "http://127.0.0.1:%d/v1/chat/completions" % llm.port, rank=rank)
            figures = made["figures"]
            return {"event_us": made["thread_ns"] / 1e3 / figures["events"],
                    "per_second": figures["events"] / made["span_ns"] * 1e9,
                    "error_us": abs(figures["between_tokens"]["p50_ns"] / 1e3 - TOKEN_INTERVAL_US),
                    "mean_error_us": abs(figures["between_tokens"]["mean_ns"] / 1e3 - TOKEN_INTERVAL_US),
                    "bunched": figures["bunched"] / figures["events"]}
        rounds, voids = harness.alternate(settings, {"weir": run})
    detail = "at %.0f tokens/s; gaps of %d us: median off by %.0f us, mean by %.1f us, %.1f %% at one with the one before" % (
        harness.median(rounds, "weir", "per_second"), TOKEN_INTERVAL_US, harness.median(rounds, "weir", "error_us"),
        harness.median(rounds, "weir", "mean_error_us"), 100 * harness.median(rounds, "weir", "bunched"))
    return rounds, voids, detail


def events(settings):
    """CPU time of the generator's thread for each token, near a hundred thousand a second."""
    rounds, voids, detail = time_tokens(settings, 95, harness.FIRST)
    return Row(harness.median(rounds, "weir", "event_us"), 10, "µs", detail, rounds, voids=voids)


def gaps(settings):
    """How far the median gap that is measured is from the one that the model was told. In real time: else it is the
    scheduler's doing."""
    rounds, voids, detail = time_tokens(settings, 50, harness.URGENT)
    return Row(harness.median(rounds, "weir", "error_us"), 50, "µs", detail, rounds, voids=voids)


def beside_h2load(settings, h2load_arguments, load_arguments, is_tls, count):
    h2load = servers.need("h2load")
    with servers.Weir(settings.folder, servers.WEIR_LOADED % tls_of(settings) if is_tls else servers.WEIR_PLAIN) as weir:
        url = "%s://127.0.0.1:%s/livez" % ("https" if is_tls else "http", weir.port)

        def theirs():
            output, cpu_s = run_on_client([h2load, "-n", str(count), *h2load_arguments, url])
            done = re.search(r", (\d+) succeeded, 0 failed", output)
            if not done or int(done.group(1)) != count:
                raise harness.Void("h2load: " + output[-300:])
            return {"cpu_us": cpu_s * 1e6 / count}

        def ours():
            return weir_load(settings, "-n", count, *load_arguments, *(["--insecure"] if is_tls else []), url)
        rounds, voids = harness.alternate(settings, {"weir load": ours, "h2load": theirs})
    detail = ", ".join("%s %.2f µs" % (name, harness.median(rounds, name, "cpu_us")) for name in ("weir load", "h2load"))
    return Row(harness.ratio(rounds, "weir load", "h2load", "cpu_us"), 1.0, "of h2load", detail, rounds, voids=voids)


def tls_of(settings):
    """A certificate that nobody checks."""
    paths = {"cert": os.path.join(settings.folder, "load.pem"), "key": os.path.join(settings.folder, "load.key")}
    subprocess.run([servers.need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", paths["key"], "-out", paths["cert"], "-days", "2", "-subj", "/CN=localhost"],
                   check=True, capture_output=True, timeout=60)
    return paths


def http1(settings):
    """CPU time of the whole process for a GET on 8 connections."""
    return beside_h2load(settings, ["--h1", "-c", str(LINKS)], ["--http1", "-c", LINKS], False, 50000)


def tls(settings):
    """The same over TLS."""
    return beside_h2load(settings, ["--h1", "-c", str(LINKS)], ["--http1", "-c", LINKS], True, 50000)


def http2(settings):
    """The same over HTTP/2: 64 streams on one connection."""
    return beside_h2load(settings, ["-c", "1", "-m", "64"], ["--http2", "-u", 64, "-c", 1], False, 500000)


ROWS = {
    "load_events": (events, "CPU of weir load for a token"),
    "load_gaps": (gaps, "error of the median gap between tokens"),
    "load_http1": (http1, "CPU of weir load for a request"),
    "load_tls": (tls, "CPU of weir load for a request over TLS"),
    "load_http2": (http2, "CPU of weir load for a request, HTTP/2"),
}
