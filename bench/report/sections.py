# SPDX-License-Identifier: Apache-2.0
"""What the report says: sections of paragraphs, tables and charts, without a form. markdown.py and page.py give them one."""

import compare
from words import DASH, duration, figure, mib, percent, rate, seconds, times

ROUNDS_LEAST = 5  # of which medians say something
MARKS = {"lag": "generator late", "rate": "not held"}


class Section:
    def __init__(self, title):
        self.title = title
        self.parts = []  # ("text", text), ("points", [texts]), ("table", header, rows), ("chart", chart)

    def text(self, text):
        self.parts.append(("text", text))

    def points(self, texts):
        self.parts.append(("points", list(texts)))

    def table(self, header, rows):
        rows = list(rows)
        if rows:
            self.parts.append(("table", list(header), rows))

    def bars(self, title, unit, items):
        """items: (name of a service, label, value)."""
        items = [item for item in items if item[2] is not None]
        if items:
            self.parts.append(("chart", {"kind": "bars", "title": title, "unit": unit,
                                         "items": [{"service": name, "label": label, "value": value} for name, label, value in items]}))

    def lines(self, title, x, y, series, **scales):
        """series: (name of a service, label, [[x, y]...])."""
        series = [{"service": name, "label": label, "points": points} for name, label, points in series if points]
        if series:
            self.parts.append(("chart", {"kind": "lines", "title": title, "x": x, "y": y, "series": series, **scales}))


class Report:
    """The summary, with the questions that sections ask of it."""

    def __init__(self, summary):
        self.summary = summary
        self.figures = summary["figures"]
        self.peers = [name for name, about in summary["services"].items() if about["is_peer"]]

        # Whom weir is held against: peers, and what they are with other settings; not weir with other settings.
        self.rivals = [name for name in summary["services"] if name == "weir" or not name.startswith("weir-")]

    def title(self, name):
        return self.summary["services"][name]["title"]

    def route(self, name):
        return self.summary["routes"][name]["title"]

    def heading(self, name):
        title = self.route(name)
        return title[0].upper() + title[1:]

    def serving(self, route, names=None):
        return [name for name in names or self.peers if route in self.figures[name]["throughput"]]


def in_short(report):
    section = Section("In short")
    rounds = report.summary["rounds"]
    if rounds < ROUNDS_LEAST:
        section.text("Only %d %s: these figures show that it works, and not who is faster." % (rounds, "rounds" if rounds > 1 else "round"))
    lines = []
    for route in report.summary["routes"]:
        found = {name: report.figures[name]["throughput"][route] for name in report.serving(route, report.rivals)}
        if "weir" not in found:
            continue
        mine = found["weir"]
        others = {name: figures["per_second"] for name, figures in found.items() if name != "weir"}
        line = "%s: weir answers %s on one core" % (report.heading(route), rate(mine["per_second"]))
        if mine["ratio"]:
            line += ", %s times what %s does" % (figure(mine["ratio"]), report.title(report.summary["base"]))
        if others:
            best = max(others, key=others.get)
            line += "; the best of the others, %s, %s (weir is at %s of that)" % (
                report.title(best), rate(others[best]), times(mine["per_second"] / others[best]))
        lines.append(line + ".")
    section.points(lines)
    return section


def not_first(report):
    section = Section("Where weir is not first")
    lines = compare.lost(report)
    section.text("Each figure of this report in which another is ahead of weir by more than two per cent. Latency is compared at the same "
                 "share of each server's own capacity, which are different rates; points at which the generator was late say nothing and "
                 "are left out.")
    if lines:
        section.points(lines)
    else:
        section.text("In these runs there is no figure below in which another is ahead of weir.")
    return section


def throughput(report):
    section = Section("Throughput and CPU for each request")
    settings = report.summary["settings"]
    section.text("Closed loop, each connection asks again when it was answered: %s connections, %s for images. Median of %d rounds of %g s, "
                 "least and most beside it; the ratio is the median of the rounds' ratios. CPU is user and system time of all of the "
                 "server's processes, divided by the answers." % (
                     report.summary["routes"]["plain"]["connections"], report.summary["routes"]["image"]["connections"]
                     if "image" in report.summary["routes"] else DASH, report.summary["rounds"], settings["seconds"]))
    for route in report.summary["routes"]:
        names = report.serving(route, report.figures)
        found = {name: report.figures[name]["throughput"][route] for name in names}
        names.sort(key=lambda name: -found[name]["per_second"])
        section.text("**%s**, `%s %s`" % (report.heading(route), report.summary["routes"][route]["method"],
                                         report.summary["routes"][route]["path"]))
        section.table(["", "requests a second", "least to most", "beside Flask with threads", "CPU a request", "void runs"], [
            [report.title(name), figure(found[name]["per_second"]),
             "%s to %s" % (figure(found[name]["least"]), figure(found[name]["most"])), times(found[name]["ratio"]), duration(found[name]["cpu_us"]), str(found[name]["void"])] for name in names])
        section.bars("%s: requests a second" % report.route(route), "/s", [
            (name, report.title(name), found[name]["per_second"]) for name in names])
        section.bars("%s: CPU for each request" % report.route(route), "µs", [
            (name, report.title(name), found[name]["cpu_us"]) for name in names])
    return section


def marks_of(point):
    return ", ".join(MARKS[mark] for mark in point["marks"])


def latency(report):
    section = Section("Latency against offered rate")
    section.text("Open loop: requests come at random moments (Poisson) at shares of what each server did itself in the closed loop, and time "
                 "runs from when a request was due, not from when it was sent. Quantiles are of all rounds' histograms added up; %s where "
                 "fewer than three values lie above. *Lag* is how late the generator itself was (median of the rounds' p99): where that is more than "
                 "30 %% of the latency's, the row says *generator late*; where answers came at less than 95 %% of the pace of the requests, *not "
                 "held*: the server fell behind, or the last answers took long beside a run as short as these. At its own "
                 "90 %% a fast server has many times the load of a slow one: the offered rate stands beside it." % DASH)
    for route in report.summary["routes"]:
        rows = []
        for name in report.serving(route):
            for point in report.figures[name]["latency"].get(route, []):
                rows.append([report.title(name), "%d %%" % point["share"], rate(point["rate"]), rate(point["achieved"]),
                             *(duration(point[field]) for field in LATENCIES), marks_of(point)])
        section.text("**%s**" % report.heading(route))
        section.table(["", "of its own", "offered", "answered", "p50", "p99", "p99.9", "most", "lag p99", ""], rows)
        for field, label in (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9")):
            section.lines("%s: %s" % (report.route(route), label), "requests a second, offered", "ms", [
                (name, report.title(name), [[point["rate"], point[field] / 1e3] for point in report.figures[name]["latency"].get(route, [])
                                            if point[field]]) for name in report.serving(route)], log_x=True, log_y=True)
    return section


LATENCIES = ("p50_us", "p99_us", "p999_us", "max_us", "lag_p99_us")


def same_rate(report):
    section = Section("Latency at the same rate")
    section.text("All get the same here, whatever each can do: what is left is what a request costs in each, and what holds it up. A server for "
                 "which it is too much is marked *not held*. Otherwise as in the next section.")
    for route in report.summary["routes"]:
        names = [name for name in report.peers if route in report.figures[name]["same_rate"]]
        found = {name: report.figures[name]["same_rate"][route] for name in names}
        names.sort(key=lambda name: found[name]["p50_us"] or 0)
        if names:
            section.text("**%s**, %s" % (report.heading(route), rate(found[names[0]]["rate"])))
        section.table(["", "p50", "p99", "p99.9", "most", "lag p99", ""], [
            [report.title(name), *(duration(found[name][field]) for field in LATENCIES), marks_of(found[name])] for name in names])
        section.bars("%s: p99 at the same rate" % report.route(route), "ms", [
            (name, report.title(name), found[name]["p99_us"] / 1e3 if found[name]["p99_us"] else None) for name in names])
    return section


def swing(report):
    section = Section("How CPU use swings")
    section.text("Share of the server's core in each tenth of a second at half of its own capacity: mean, standard deviation, and the 5th and "
                 "95th percentile; medians of the rounds. What does its work in bursts swings more.")
    for route in report.summary["routes"]:
        rows = []
        for name in report.serving(route):
            for point in report.figures[name]["latency"].get(route, []):
                if point["share"] == 50 and point["swing"]:
                    found = point["swing"]
                    rows.append([report.title(name), percent(found["mean"]), "%s points" % figure(found["deviation"]),
                                 "%s to %s" % (percent(found["low"]), percent(found["high"])), duration(point["cpu_us"])])
        section.text("**%s**" % report.heading(route))
        section.table(["", "mean", "deviation", "5th to 95th percentile", "CPU a request"], rows)
        section.lines("%s: CPU of the server over time, at half of its own capacity" % report.route(route), "s", "% of a core", [
            (name, report.title(name), [[round(0.1 * i, 1), share] for i, share in enumerate(point["swing"]["shares"])])
            for name in report.serving(route) for point in report.figures[name]["latency"].get(route, [])
            if point["share"] == 50 and point["swing"]])
    return section


def memory(report):
    section = Section("Memory and cold start")
    section.text("Peak: resident memory at its highest (VmHWM), summed over the server's processes, after all loads of a round; the most of the "
                 "rounds. What processes share counts for each of them there; the proportional set size (PSS), taken at the end, divides it. "
                 "nginx has no model. Cold start: from exec until each route has given a right answer, with the models loaded; "
                 "median. File caches are warm.")
    names = sorted(report.figures, key=lambda name: report.figures[name]["peak_mib"] or 0)
    section.table(["", "peak", "PSS", "processes", "cold start"], [
        [report.title(name), mib(report.figures[name]["peak_mib"]), mib(report.figures[name]["pss_mib"]),
         str(report.figures[name]["processes"] or DASH), seconds(report.figures[name]["cold_s"])] for name in names])
    section.bars("Peak of memory", "MiB", [(name, report.title(name), report.figures[name]["peak_mib"]) for name in names])
    section.bars("Cold start", "s", [(name, report.title(name), report.figures[name]["cold_s"]) for name in names])
    return section


WATCHED = {
    "flask-threads": ("collections of CPython's cyclic collector (gc.callbacks)", "a thread's wait for the GIL and the core"),
    "flask-gevent": ("collections of CPython's cyclic collector (gc.callbacks)", "a greenlet's wait for its turn in the loop"),
    "fastapi": ("collections of CPython's cyclic collector (gc.callbacks)", "a thread's wait for the GIL and the core"),
    "fiber": ("stop-the-world pauses of Go's collector (/sched/pauses/total/gc)", "goroutines' waits for a thread (/sched/latencies)"),
    "fastify": ("collections of V8 (perf_hooks)", "lateness of a timer in the event loop (monitorEventLoopDelay)"),
    "weir": ("no collector", "stalls of the event loop of a millisecond and more (/debug/stalls)"),
}


def pauses(report):
    section = Section("Pauses and stalls")
    section.text("Watched while the JSON inference is offered half of each server's own capacity, all rounds together. What runtimes can tell "
                 "of themselves differs, so the quantiles are not one figure of six: each row says what it counts, and weir's are of stalls of a "
                 "millisecond and more only. How many were that long, and the longest, can be compared. The watching costs something, so "
                 "these runs count for nothing else.")
    rows = []
    for what, column in (("collections", 0), ("waits", 1)):
        for name in report.peers:
            found = (report.figures[name]["pauses"] or {}).get(what)
            if not found:
                continue
            rows.append([report.title(name), WATCHED[name][column], rate(found["per_second"]), rate(found["over_1ms"]), rate(found["over_10ms"]),
                         *(duration(found[field]) for field in ("p50_us", "p99_us", "p999_us", "max_us"))])
    section.table(["", "what", "in all", "over 1 ms", "over 10 ms", "p50", "p99", "p99.9", "longest"], rows)
    section.text("Beside it, the latency of the requests in the same runs:")
    section.table(["", "offered", "p50", "p99", "p99.9", "most"], [
        [report.title(name), rate(found["rate"]), *(duration(found["latency"][field]) for field in ("p50_us", "p99_us", "p999_us", "max_us"))]
        for name in report.peers if (found := report.figures[name]["pauses"])])
    causes = (report.figures.get("weir", {}).get("pauses") or {}).get("causes")
    if causes:
        section.text("weir's stalls by cause: %s (*descheduled*: the thread could run and had no core; *handler*: work of its own)." % ", ".join(
            "%s %d" % item for item in sorted(causes.items())))
    for name in report.peers:
        share = (report.figures[name]["pauses"] or {}).get("queued_share")
        if share is not None:
            section.text("%s: of the thread's waits, %s was the kernel's queue for the core, the rest the GIL's and the timer's." % (
                report.title(name), percent(100 * share)))
    for what, title in (("collections", "Collector's pauses"), ("waits", "Waits and stalls")):
        section.lines("%s: share that is longer" % title, "µs", "share", [
            (name, report.title(name), survival(report.figures[name]["pauses"][what]["buckets_us"])) for name in report.peers
            if (report.figures[name]["pauses"] or {}).get(what)], log_x=True, log_y=True)
    return section


def survival(buckets):
    """[[µs, share that is longer]...], thinned out."""
    total = sum(count for _, count in buckets)
    points, above, last = [], total, 0
    for end, count in buckets:
        above -= count
        if above > 0 and end > last * 1.03:
            points.append([max(end, 1), above / total])
            last = end
    return points


def allocations(report):
    section = Section("Allocations")
    section.text("Calls of the allocator for each request and each second, in the closed loop. weir counts its own, ONNX Runtime's and the "
                 "decoders' among them; *without pools* it asks the system each time, and the difference is what pooling gives. Go's are the "
                 "runtime's count of heap objects in the runs above. CPython and V8 count none that could be read while they serve: not "
                 "measured.")
    rows = []
    for name in report.figures:
        for route, found in report.figures[name]["allocations"].items():
            speed = report.figures[name]["throughput"][route]
            rows.append([report.title(name), report.route(route), figure(sum(found["per_request"].values())),
                         rate(sum(found["per_second"].values())), rate(speed["per_second"]), duration(speed["cpu_us"]),
                         ", ".join("%s %s" % (what, figure(count)) for what, count in found["per_request"].items() if count >= 0.001) or DASH])
        found = report.figures[name]["pauses"] or {}
        if "allocations_per_request" in found:
            rows.append([report.title(name), report.route("json"), figure(found["allocations_per_request"]),
                         rate(found["allocations_per_request"] * found["rate"]), rate(found["rate"]), DASH,
                         "%s bytes a request" % figure(found["bytes_per_request"])])
    section.table(["", "route", "a request", "a second", "requests", "CPU a request", "by subsystem"], rows)
    return section


def generator(report):
    section = Section("The generator, checked")
    section.text("All figures come from `weir load`, which is weir's own. So wrk, which is not, has measured plain JSON too, in the same rounds "
                 "and on as many connections. Both are one thread on one core: where a server is faster than its generator, both show the "
                 "generator, and CPU a request above is the figure to look at.")
    section.table(["", "weir load", "wrk", "wrk beside weir load", "generator's CPU a request"], [
        [report.title(name), rate(mine["per_second"]), rate(other), times(other / mine["per_second"] if other else None),
         duration(mine["generator_us"])]
        for name in report.serving("plain") if (mine := report.figures[name]["throughput"]["plain"])
        for other in (report.figures[name]["wrk_per_second"],)])
    return section


def equal(report):
    section = Section("Equal answers")
    found = report.summary["equal"]
    section.text("Before anything was timed, all were asked the same. Label and confidence of 200s; numbers from JSON within %g, from images "
                 "within %g, since decoders and resizers differ; what is wrong has to be refused with some 4xx." % (
                     found["json_tolerance"], found["image_tolerance"]))
    section.table(["", *(report.title(name) for name in found["names"])], found["rows"])
    return section


def machine(report):
    section = Section("The machine and the versions")
    found = report.summary["machine"]
    section.points([
        "%s, %d cores used: the server has core %d to itself and the generator core %d; %s of memory" % (
            found["cpu"], found["cores"], found["server_core"], found["client_core"], found["memory"]),
        "%s, kernel %s" % (found["system"], found["kernel"]),
        "load average before %s, after %s" % (found["load_before"][0], found.get("load_after", [DASH])[0]),
        "weir at commit %s%s" % (found["commit"], ", with changes" if found["is_changed"] else ""),
        "began %s, took %s minutes; %d rounds, %d void runs" % (
            report.summary["began"], figure(report.summary["took_seconds"] / 60), report.summary["rounds"], report.summary["voids"]),
    ])
    section.table(["", "how it is run"], [[about["title"], about["about"]] for about in report.summary["services"].values()])
    section.table(["", "versions"], [
        [group, ", ".join("%s %s" % item for item in found["versions"][group].items())] for group in found["versions"]])
    if report.summary["skipped"]:
        section.text("Skipped: " + "; ".join("%s: %s" % item for item in report.summary["skipped"].items()) + ".")
    return section


def sections(summary):
    report = Report(summary)
    return [function(report) for function in (in_short, not_first, throughput, same_rate, latency, swing, memory, pauses, allocations, generator,
                                              equal, machine)]
