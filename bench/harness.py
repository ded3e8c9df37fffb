# SPDX-License-Identifier: Apache-2.0
"""What every row needs: helpers built, processes pinned and ended, runs in turn, medians, the machine's description."""

import ctypes
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build/bench")
BINARY = os.environ.get("WEIR", os.path.join(ROOT, "build/release/weir"))
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
CLIENT_CORE = CORES[1] if len(CORES) > 1 else CORES[0]
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None)


class Void(Exception):
    """A run with an error does not count."""


def say(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise RuntimeError("waited %d s for %s" % (seconds, what))
        time.sleep(0.05)
    return value


# Whom the kernel lets run first on a core, as far as it lets us say so.
ORDINARY = 0
FIRST = 1   # before others, most of the time: what is timed
URGENT = 2  # at once: has to sleep most of the time, or nothing else would run


def take_rank(rank):
    """A session of its own is one of those that the kernel divides each core between (sched(7), autogroup)."""
    if rank == ORDINARY:
        return
    os.setsid()
    try:
        with open("/proc/self/autogroup", "w") as file:
            file.write("-19")
        if rank == URGENT:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass


def spawn(command, core, rank=FIRST, **options):
    """Pinned, and gone when we are."""
    def prepare():
        os.sched_setaffinity(0, {core})
        take_rank(rank)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return subprocess.Popen(command, preexec_fn=prepare, **options)


def end(process):
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def helper(name):
    """The path of a C program of bench/client, built when it is older than its source."""
    folder = os.path.join(ROOT, "bench/client")
    return compile_c([os.path.join(folder, name + ".c")], os.path.join(BUILD, "bin", name),
                     [os.path.join(folder, "common.h")], "-lm")


def malloc_counter():
    return compile_c([os.path.join(ROOT, "tests/budget/malloc_count.c")], os.path.join(BUILD, "bin/malloc_count.so"),
                     [], "-shared", "-fPIC", "-ldl")


def compile_c(sources, output, also, *flags):
    newest = max(os.path.getmtime(path) for path in sources + also)
    if not os.path.exists(output) or os.path.getmtime(output) < newest:
        os.makedirs(os.path.dirname(output), exist_ok=True)
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", *sources,
                        "-o", output, *flags], check=True, timeout=120)
    return output


def client(name, *arguments, seconds=60, rank=FIRST):
    """One run of a helper on the client's core; its JSON object."""
    process = spawn([helper(name), *map(str, arguments)], CLIENT_CORE, rank, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Void("no end after %d s" % seconds)
    finally:
        end(process)
    if process.returncode != 0:
        raise Void(error.strip()[:300] or "the client ended with %d" % process.returncode)
    return json.loads(output)


def write_file(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


class Load:
    """`load` with one request; what it needs as files is written once."""

    def __init__(self, folder, body, path="/livez", key=None):
        fields = "Host: bench\r\nUser-Agent: weir-bench\r\n" + ("X-API-Key: %s\r\n" % key if key else "")
        self.request = write_file(os.path.join(folder, "request"), "GET %s HTTP/1.1\r\n%s\r\n" % (path, fields))
        self.body = write_file(os.path.join(folder, "expected"), body)

    def run(self, server, *arguments, seconds=60, rank=FIRST):
        pids = [text for pid in server.pids for text in ("--pid", pid)]
        return client("load", "--port", server.port, "--request", self.request, "--body", self.body, *pids, *arguments,
                      seconds=seconds, rank=rank)


def alternate(settings, runners):
    """{name: function} in turn, `settings.pairs` times: [{name: result}], whole rounds only. A round with a void run is
    reported and not counted; with fewer than half of the rounds left the row is void."""
    rounds = []
    voids = []
    for number in range(settings.pairs):
        results = {}
        try:
            for name, runner in runners.items():
                say("    %d/%d %s" % (number + 1, settings.pairs, name))
                results[name] = runner()
            rounds.append(results)
        except Void as error:
            voids.append({"run": name, "why": str(error)})
            say("    void: %s: %s" % (name, error))
    if 2 * len(rounds) < settings.pairs or not rounds:
        raise Void("%d of %d rounds had an error: %s" % (len(voids), settings.pairs, voids[-1]["why"]))
    return rounds, voids


def ratio(rounds, name, other, field):
    """The median of the ratios of the pairs."""
    return statistics.median(results[name][field] / results[other][field] for results in rounds)


def median(rounds, name, field):
    return statistics.median(results[name][field] for results in rounds)


def text_of(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines and done.returncode == 0 else None


def machine():
    def first(path, pattern):
        with open(path) as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(pattern)), None)
    return {
        "cpu": first("/proc/cpuinfo", "model name"),
        "cores": len(CORES),
        "server_core": SERVER_CORE,
        "client_core": CLIENT_CORE,
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "load_before": os.getloadavg(),
        "versions": {
            "weir": text_of([BINARY, "--version"]),
            "commit": text_of(["git", "-C", ROOT, "describe", "--always", "--dirty"]),
            "nginx": text_of(["nginx", "-v"]) or text_of(["/usr/sbin/nginx", "-v"]),
            "haproxy": text_of(["haproxy", "-v"]) or text_of(["/usr/sbin/haproxy", "-v"]),
            "valgrind": text_of(["valgrind", "--version"]),
            "strace": text_of(["strace", "--version"]),
        },
    }
