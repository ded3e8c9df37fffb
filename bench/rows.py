# SPDX-License-Identifier: Apache-2.0
"""The rows: what is measured, against whom, and the bar. Each is a function of the settings that returns a Row."""

import argparse
import contextlib
import glob
import mmap
import os
import re
import signal
import struct
import subprocess
import time

import harness
import servers

CONNECTIONS = 64
REQUESTS = 2000  # N of the difference between N and 6N under callgrind
SLOW_CLOCK = "\nstalls: 50ms"  # under callgrind everything takes fifty times as long, and the loop would take itself for stalled
IDLE = 10000
IDLE_MEMORY = 8000
SETTLE_SECONDS = 0.5
CROWD_RATE = 5000  # requests a second: the client keeps up, and server and client sleep most of the time
CROWD_SLICES = 3    # shorter runs, and as many times more of them: p99 is a matter of moments
LAG_SHARE_MAX = 1 / 3  # of p99, that may be the client's own


class Row:
    """A figure beside its bar. `is_most`: the bar is the most that passes; otherwise the least."""

    def __init__(self, figure, bar, unit, detail, runs, is_most=True, voids=()):
        self.figure = figure
        self.bar = bar
        self.unit = unit
        self.detail = detail
        self.runs = runs
        self.is_most = is_most
        self.voids = list(voids)

    @property
    def is_pass(self):
        return self.figure <= self.bar if self.is_most else self.figure >= self.bar


def timed(settings):
    return ["--warm-ms", settings.warm_ms, "--run-ms", settings.run_ms]


def keepalive(settings):
    """CPU time for each GET on 64 kept connections, against the cheaper of nginx's `return` and a cached static file."""
    with servers.Weir(settings.folder, servers.WEIR_PLAIN) as weir, \
            servers.Nginx(settings.folder, "nginx return", servers.NGINX_RETURN) as returning, \
            servers.Nginx(settings.folder, "nginx static", servers.NGINX_STATIC) as static:
        load = harness.Load(settings.folder, servers.BODY)
        servers = {server.name: server for server in (weir, returning, static)}
        rounds, voids = harness.alternate(settings, {
            name: lambda server=server: load.run(server, "--connections", CONNECTIONS, *timed(settings))
            for name, server in servers.items()})
    better = min(("nginx return", "nginx static"), key=lambda name: harness.median(rounds, name, "server_us"))
    detail = ", ".join("%s %.2f µs" % (name, harness.median(rounds, name, "server_us")) for name in servers)
    return Row(harness.ratio(rounds, "weir", better, "server_us"), 0.93, "of %s" % better, detail, rounds, voids=voids)


def beside_itself(settings, name, more, bar):
    """CPU time for each GET on 64 kept connections as it is, against a server with these settings more."""
    with servers.Weir(settings.folder, servers.WEIR_PLAIN, "as it is") as plain, \
            servers.Weir(settings.folder, servers.WEIR_PLAIN + more, name) as other:
        load = harness.Load(settings.folder, servers.BODY)
        rounds, voids = harness.alternate(settings, {
            server.name: lambda server=server: load.run(server, "--connections", CONNECTIONS, *timed(settings))
            for server in (plain, other)})
    detail = ", ".join("%s %.2f µs" % (server.name, harness.median(rounds, server.name, "server_us"))
                       for server in (plain, other))
    return Row(harness.ratio(rounds, plain.name, other.name, "server_us"), bar, "of %s" % other.name, detail, rounds,
               voids=voids)


def watching(settings):
    """What looking for stalls costs: CPU time for each GET on 64 kept connections, against a server that does not look."""
    return beside_itself(settings, "without looking", "stalls: 0s\n", 1.02)


def pooling(settings):
    """What keeping memory saves: CPU time for each GET on 64 kept connections, against a server that keeps none."""
    return beside_itself(settings, "without pooling", "diagnostics: {pooling: false}\n", 1)


def pipeline(settings):
    """GETs a second, 16 written at once on each of 64 connections, against nginx."""
    with servers.Weir(settings.folder, servers.WEIR_PLAIN) as weir, \
            servers.Nginx(settings.folder, "nginx", servers.NGINX_RETURN) as nginx:
        load = harness.Load(settings.folder, servers.BODY)
        rounds, voids = harness.alternate(settings, {
            server.name: lambda server=server: load.run(server, "--connections", CONNECTIONS, "--depth", 16,
                                                        *timed(settings))
            for server in (weir, nginx)})
    detail = ", ".join("%s %.2f M/s" % (name, harness.median(rounds, name, "per_second") / 1e6)
                       for name in ("weir", "nginx"))
    return Row(harness.ratio(rounds, "weir", "nginx", "per_second"), 8, "times nginx", detail, rounds, is_most=False,
               voids=voids)


def instructions(settings):
    """User instructions of the worker for each GET, router and five middlewares (request_id, access_log, metrics, auth by
    API key, user_context with two buckets), 64 connections as in the rows above. With one connection, where every request
    pays for a turn of the loop alone, and what the log thread spends on the line, are given beside it."""
    servers.need("valgrind")
    many = instructions_each(settings, CONNECTIONS)
    alone = instructions_each(settings, 1)
    detail = "one connection: %.0f; log thread: %.0f" % (alone["worker"], many["others"])
    return Row(many["worker"], 1500, "instructions", detail, [{"64": many, "1": alone}])


def instructions_each(settings, connections):
    """The difference between so many and six times as many requests: start and end of the process drop out."""
    few = count_instructions(settings, connections, REQUESTS)
    many = count_instructions(settings, connections, 6 * REQUESTS)
    return {who: (many[who] - few[who]) / (5 * REQUESTS) for who in many}


def count_instructions(settings, connections, requests):
    """{"worker", "others"}: what the threads executed from start to end. The worker is the one that waits in epoll."""
    out = os.path.join(settings.folder, "callgrind.%d.%d" % (connections, requests))
    for old in glob.glob(out + "*"):
        os.unlink(old)
    command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=" + out]
    harness.say("    callgrind, %d requests on %d connections" % (requests, connections))
    # valgrind 3.19 has no AVX-512 and no PCMPESTRI; what it has is AVX2.
    with servers.Weir(settings.folder, SLOW_CLOCK + servers.WEIR_FIVE, "weir callgrind", command, {"WEIR_CPU": "avx2"},
                    rank=harness.ORDINARY) as weir:
        load = harness.Load(settings.folder, servers.BODY, key=weir.key)
        load.run(weir, "--connections", connections, "--requests", requests, seconds=120)
        weir.process.send_signal(signal.SIGTERM)
        weir.process.wait(60)
    counts = {"worker": 0, "others": 0}
    for path in glob.glob(out + "-*"):
        with open(path) as file:
            text = file.read()
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if total:
            who = "worker" if re.search(r"fn=\(\d+\) epoll_wait$", text, re.M) else "others"
            counts[who] += int(total.group(1))
    if not counts["worker"]:
        raise harness.Void("callgrind left no profile of a worker in %s*" % out)
    return counts


def system_calls(settings):
    """System calls of all threads for each GET on 64 connections, counted by strace."""
    servers.need("strace")
    with servers.Weir(settings.folder, servers.WEIR_PLAIN) as weir, \
            servers.Nginx(settings.folder, "nginx", servers.NGINX_RETURN) as nginx:
        load = harness.Load(settings.folder, servers.BODY)
        counts = {server.name: trace(settings, load, server) for server in (weir, nginx)}
    detail = ", ".join("%s %.3f" % (name, count["calls"]) for name, count in counts.items())
    return Row(counts["weir"]["calls"], 2.02, "calls", detail, [counts])


def trace(settings, load, server):
    harness.say("    strace of %s" % server.name)
    out = os.path.join(settings.folder, "strace." + server.name)
    attach = [text for pid in server.pids for text in ("-p", str(pid))]
    strace = harness.spawn(["strace", "-f", "-c", "-o", out, *attach], harness.SERVER_CORE, stderr=subprocess.PIPE,
                           text=True)
    line = strace.stderr.readline()
    if "attached" not in line:
        strace.wait(10)
        raise servers.Missing("strace may not trace here: " + line.strip())
    try:
        requests = 200000
        load.run(server, "--connections", CONNECTIONS, "--requests", requests, seconds=120)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(30)
        strace.stderr.close()
    calls = {}
    with open(out) as file:
        for row in file:
            match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", row)
            if match and match.group(2) != "total":
                calls[match.group(2)] = int(match.group(1))
    # What a connection costs once is not of a request.
    once = {"accept4", "epoll_ctl", "close", "setsockopt", "ioctl", "restart_syscall"}
    return {"calls": sum(count for name, count in calls.items() if name not in once) / requests, "table": calls}


def idle_memory(settings):
    """Private memory for each idle connection that has had a request answered."""
    with servers.Weir(settings.folder, servers.WEIR_PLAIN) as weir, \
            servers.Nginx(settings.folder, "nginx", servers.NGINX_RETURN) as nginx:
        counts = {server.name: weigh(settings, server) for server in (weir, nginx)}
    detail = ", ".join("%s %.0f B" % pair for pair in counts.items())
    return Row(counts["weir"], 600, "bytes", detail, [counts])


@contextlib.contextmanager
def crowd(load, server, count):
    """So many idle connections, held by a process that sleeps; each has had a request answered."""
    process = harness.spawn([harness.helper("load"), "--port", str(server.port), "--request", load.request, "--body",
                             load.body, "--idle", str(count), "--hold", "1"], harness.CLIENT_CORE,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline().strip() != "holding":
            raise harness.Void("the idle connections could not be made")
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        harness.end(process)
        process.stdin.close()
        process.stdout.close()


def weigh(settings, server):
    harness.say("    %d idle connections with %s" % (IDLE_MEMORY, server.name))
    load = harness.Load(settings.folder, servers.BODY)
    load.run(server, "--idle", 100, "--requests", 1000)
    time.sleep(SETTLE_SECONDS)
    before = private_bytes(server)
    with crowd(load, server, IDLE_MEMORY):
        return (private_bytes(server) - before) / IDLE_MEMORY


def private_bytes(server):
    total = 0
    for pid in server.pids:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            total += int(re.search(r"^Private_Dirty:\s+(\d+) kB", file.read(), re.M).group(1))
    return total * 1024


def idle_crowd(settings):
    """p99 of 64 busy connections of a server that has 10,000 idle ones beside them, against a second server that has
    none: open loop at a rate well below what either can do."""
    slices = argparse.Namespace(pairs=settings.pairs * CROWD_SLICES)
    times = ["--warm-ms", settings.warm_ms // CROWD_SLICES, "--run-ms", settings.run_ms // CROWD_SLICES]
    with servers.Weir(settings.folder, servers.WEIR_PLAIN, "weir crowded", rank=harness.URGENT) as crowded, \
            servers.Weir(settings.folder, servers.WEIR_PLAIN, "weir alone", rank=harness.URGENT) as alone:
        load = harness.Load(settings.folder, servers.BODY)

        def run(server):
            result = load.run(server, "--connections", CONNECTIONS, "--rate", CROWD_RATE, *times, rank=harness.URGENT)
            latency, lag = result["latency_us"]["p99"], result["lag_us"]["p99"]
            if lag > latency * LAG_SHARE_MAX:
                raise harness.Void("the client itself was late: p99 of its lag %.0f µs, of the latency %.0f µs; is its "
                                   "core its own?" % (lag, latency))
            return dict(result, p99=latency, lag=lag)
        with crowd(load, crowded, IDLE):
            rounds, voids = harness.alternate(slices, {"crowded": lambda: run(crowded), "alone": lambda: run(alone)})
    detail = "at %d/s: %s" % (CROWD_RATE, ", ".join("%s p99 %.0f µs (client's lag %.1f), %.2f µs CPU" % (
        name, *(harness.median(rounds, name, field) for field in ("p99", "lag", "server_us")))
        for name in ("crowded", "alone")))
    return Row(harness.ratio(rounds, "crowded", "alone", "p99"), 1.1, "of p99 alone", detail, rounds, voids=voids)


def proxy(settings):
    """CPU time for each GET that is passed on to an upstream, against the better of nginx and haproxy."""
    with servers.Upstream(settings.folder) as upstream, \
            servers.Weir(settings.folder, servers.WEIR_PROXY % {"upstream": upstream.port}) as weir, \
            servers.Nginx(settings.folder, "nginx", servers.NGINX_PROXY, servers.NGINX_UPSTREAM, upstream.port) as nginx, \
            servers.Haproxy(settings.folder, upstream.port) as haproxy:
        load = harness.Load(settings.folder, servers.BODY)
        rounds, voids = harness.alternate(settings, {
            server.name: lambda server=server: load.run(server, "--connections", CONNECTIONS, *timed(settings))
            for server in (weir, nginx, haproxy)})
    names = ("weir", "nginx", "haproxy")
    better = min(names[1:], key=lambda name: harness.median(rounds, name, "server_us"))
    detail = ", ".join("%s %.2f µs" % (name, harness.median(rounds, name, "server_us")) for name in names)
    return Row(harness.ratio(rounds, "weir", better, "server_us"), 0.92, "of %s" % better, detail, rounds, voids=voids)


def events(settings):
    """CPU time for each server-sent event that is passed on, 64 streams, against nginx."""
    with servers.Upstream(settings.folder) as upstream, \
            servers.Weir(settings.folder, servers.WEIR_PROXY % {"upstream": upstream.port}) as weir, \
            servers.Nginx(settings.folder, "nginx", servers.NGINX_PROXY, servers.NGINX_UPSTREAM, upstream.port) as nginx:
        load = harness.Load(settings.folder, servers.BODY, "/events")

        def run(server):
            return harness.client("sink", "--port", server.port, "--request", load.request, "--pid", server.pids[0],
                                  "--streams", 64, *timed(settings))
        rounds, voids = harness.alternate(settings, {server.name: lambda server=server: run(server)
                                                     for server in (weir, nginx)})
    detail = ", ".join("%s %.2f µs" % (name, harness.median(rounds, name, "server_us")) for name in ("weir", "nginx"))
    detail += " at %.0f events/s" % harness.median(rounds, "weir", "per_second")
    return Row(harness.ratio(rounds, "weir", "nginx", "server_us"), 0.9, "of nginx", detail, rounds, voids=voids)


def allocations(settings):
    """Allocations of all threads for each GET, router and five middlewares, once warm."""
    counts_path = os.path.join(settings.folder, "allocations")
    harness.write_file(counts_path, "\0" * 4096)
    environment = {"LD_PRELOAD": harness.malloc_counter(), "MALLOC_COUNT_FILE": counts_path}
    with open(counts_path, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 24)
    with servers.Weir(settings.folder, servers.WEIR_FIVE, environment=environment) as weir:
        load = harness.Load(settings.folder, servers.BODY, key=weir.key)
        load.run(weir, "--connections", CONNECTIONS, "--requests", 20000)
        before = sum(struct.unpack("<3Q", memory[:24]))
        load.run(weir, "--connections", CONNECTIONS, "--requests", 100000)
        counted = sum(struct.unpack("<3Q", memory[:24])) - before
    if not before:
        raise harness.Void("the counter did not count")
    return Row(counted / 100000, 0, "allocations", "%d in 100000 requests on 64 new connections" % counted,
               [{"allocations": counted}])


ROWS = {
    "keepalive": (keepalive, "CPU for a keep-alive GET"),
    "watching": (watching, "CPU for looking for stalls of the loop"),
    "pooling": (pooling, "CPU with pooled memory, of that without"),
    "instructions": (instructions, "user instructions, router + 5 middlewares"),
    "pipeline": (pipeline, "16-deep pipelining"),
    "system_calls": (system_calls, "system calls at 64 connections"),
    "idle_memory": (idle_memory, "private memory of an idle connection"),
    "idle_crowd": (idle_crowd, "p99 of 64 busy beside 10,000 idle"),
    "proxy": (proxy, "CPU for a proxy hop"),
    "events": (events, "CPU for a relayed event (SSE)"),
    "allocations": (allocations, "allocations, router + 5 middlewares"),
}
