# SPDX-License-Identifier: Apache-2.0
"""The measurement: rounds in which the peers take turns, each with a core of its own to itself.

In a round each peer is started (cold start), measured on each route in a closed loop, then in an open loop at shares of what it did
in the first round, then watched for pauses, then weighed and ended; so none is in another's way. Every run is a line of a JSON-lines
file as soon as it has ended: what was measured before an interruption is kept, and --resume goes on behind the last peer that was
complete."""

import json
import math
import os
import tempfile
import time

import services  # (finds harness and servers)
import equal
import generator
import harness
import routes
import watch

PAUSE_SHARE = 50
SAME_RATES = {"json": 1000, "image": 150}  # that all get: about half of what the slowest do on one core of today
OVERHEAD_S = 0.35  # of a run, around the load
COLD_S = 1.5


class Settings:
    def __init__(self, options):
        self.rounds = options.rounds
        self.seconds = options.seconds
        self.warm_up = options.warm_up
        self.latency_seconds = options.latency_seconds
        self.shares = [int(share) for share in options.shares.split(",")]
        self.wrk_seconds = options.wrk_seconds

    def told(self):
        return dict(vars(self))


class OtherRuns(Exception):
    pass


class Journal:
    """The file of runs. A peer's part of a round is whole when its last run, the weighing, is there."""

    def __init__(self, path, is_resumed, head):
        """`head` says what is measured and how; what is resumed must have the same."""
        self.path = path
        self.runs = []
        if is_resumed and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                before, *lines = [json.loads(line) for line in file if line.endswith("\n")]
            if before != json.loads(json.dumps(head)):
                raise OtherRuns("what was kept in %s is of other settings, or of another commit" % path)
            whole = {(line["round"], line["service"]) for line in lines if line["kind"] == "memory"}
            self.runs = [line for line in lines if (line["round"], line["service"]) in whole]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in [head, *self.runs])

    def add(self, run):
        self.runs.append(run)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")

    def is_whole(self, number, name):
        return any(run["round"] == number and run["service"] == name and run["kind"] == "memory" for run in self.runs)

    def capacity(self, name, route):
        """What the peer did in the first round that counted: so that offered rates are the same in all rounds."""
        for run in self.runs:
            if run["kind"] == "throughput" and run["service"] == name and run["route"] == route and "per_second" in run:
                return run["per_second"]
        return None


class Progress:
    def __init__(self, seconds):
        self.left = seconds
        self.whole = seconds
        self.began = time.monotonic()

    def step(self, text, seconds):
        done = self.whole - self.left
        spent = time.monotonic() - self.began
        pace = spent / done if done > 20 else 1
        minutes = self.left * pace / 60
        harness.say("%5.1f min left  %s" % (minutes, text))
        self.left = max(self.left - seconds, 0)


def rounded(rate):
    """Two digits, so that rates of rounds and of reports are the same ones."""
    digits = 10 ** max(math.floor(math.log10(rate)) - 1, 0)
    return max(round(rate / digits) * digits, 1)


def seconds_of(service, settings):
    """How long a peer's part of a round takes, roughly."""
    count = len(service.routes)
    seconds = COLD_S + count * (settings.warm_up + settings.seconds + 2 * OVERHEAD_S)
    seconds += count * len(service.shares(settings.shares)) * (settings.latency_seconds + OVERHEAD_S)
    if service.is_peer:
        seconds += sum(route in SAME_RATES for route in service.routes) * (settings.latency_seconds + OVERHEAD_S)
    if service.has_pauses:
        seconds += settings.latency_seconds + OVERHEAD_S
    return seconds + (settings.wrk_seconds + OVERHEAD_S if service.is_peer else 0)


class Part:
    """One peer's part of a round."""

    def __init__(self, settings, journal, progress, number, service):
        self.settings = settings
        self.journal = journal
        self.progress = progress
        self.number = number
        self.service = service

    def record(self, kind, seconds, function, **about):
        """One run, tried once more should it be void."""
        text = " ".join(str(value) for value in about.values())
        self.progress.step("round %d  %-14s %s %s" % (self.number, self.service.name, kind, text), seconds)
        run = {"round": self.number, "service": self.service.name, "kind": kind, **about}
        for attempt in range(2):
            try:
                self.journal.add(dict(run, **function()))
                return
            except harness.Void as void:
                harness.say("    void: %s" % void)
                self.journal.add(dict(run, void=str(void), attempt=attempt))

    def measure(self):
        service, settings = self.service, self.settings
        self.record("cold", COLD_S, self.cold_start)
        targets = {name: generator.Target(service, routes.BY_NAME[name]) for name in service.routes}
        for name, target in targets.items():
            self.record("throughput", settings.warm_up + settings.seconds + 2 * OVERHEAD_S, lambda: self.throughput(target), route=name)
        for name, target in targets.items():
            capacity = self.journal.capacity(service.name, name)
            for share in service.shares(settings.shares) if capacity else ():
                rate = rounded(capacity * share / 100)
                self.record("latency", settings.latency_seconds + OVERHEAD_S, lambda: self.loaded(target, rate), route=name, share=share,
                            rate=rate)
        for name, rate in SAME_RATES.items() if service.is_peer else ():
            if name in targets:
                self.record("same", settings.latency_seconds + OVERHEAD_S, lambda: self.loaded(targets[name], rate), route=name, rate=rate)
        if service.has_pauses and (capacity := self.journal.capacity(service.name, "json")):
            rate = rounded(capacity * PAUSE_SHARE / 100)
            self.record("pauses", settings.latency_seconds + OVERHEAD_S, lambda: self.pauses(targets["json"], rate), route="json",
                        share=PAUSE_SHARE, rate=rate)
        if service.is_peer and generator.has_wrk():
            self.record("wrk", settings.wrk_seconds + OVERHEAD_S,
                        lambda: generator.wrk(service, routes.PLAIN, settings.wrk_seconds), route="plain")
        self.record("memory", 0, lambda: watch.memory(service.pids))

    def cold_start(self):
        """From exec until each route has given a right answer: some take requests before the last model is loaded."""
        for route in (routes.BY_NAME[name] for name in self.service.routes):
            seconds = self.service.wait(route, lambda status, document: equal.is_right(route, status, document))
        return {"seconds": seconds}

    def throughput(self, target):
        target.run(self.settings.warm_up)
        before = self.service.counters()
        result = self.using(lambda: target.run(self.settings.seconds))
        after = self.service.counters()
        return dict(result, counted={name: after[name] - before.get(name, 0) for name in after})

    def loaded(self, target, rate):
        return self.using(lambda: target.run(self.settings.latency_seconds, rate))

    def using(self, load):
        """With the server's CPU time beside it. Its clocks are read around the whole run, all of whose requests count."""
        pids = self.service.pids
        with watch.CpuSeries(pids) as series:
            before = watch.cpu_ns(pids)
            result = load()
            used = watch.cpu_ns(pids) - before
        return dict(result, cpu_us=used / 1e3 / result["answered"], cpu_shares=series.steady())

    def pauses(self, target, rate):
        self.service.watch_pauses()
        result = self.loaded(target, rate)
        return dict(result, pauses=self.service.told_pauses())


def whole_of(settings, names):
    return settings.rounds * sum(seconds_of(services.BY_NAME[name], settings) for name in names)


def turn_of(names, number):
    """Each round begins with another peer."""
    shift = (number - 1) % len(names)
    return names[shift:] + names[:shift]


def measure(settings, names, journal):
    parts = [(number, name) for number in range(1, settings.rounds + 1) for name in turn_of(names, number)
             if not journal.is_whole(number, name)]
    progress = Progress(sum(seconds_of(services.BY_NAME[name], settings) for _, name in parts))
    os.sched_setaffinity(0, {harness.CLIENT_CORE})
    for number, name in parts:
        with tempfile.TemporaryDirectory(dir=harness.BUILD) as folder, services.BY_NAME[name](folder) as service:
            try:
                Part(settings, journal, progress, number, service).measure()
            except (RuntimeError, OSError) as error:
                harness.say("    %s failed in round %d: %s" % (name, number, error))
                journal.add({"round": number, "service": name, "kind": "failure", "void": str(error)})


