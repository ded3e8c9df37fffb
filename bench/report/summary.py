# SPDX-License-Identifier: Apache-2.0
"""The figures of the report, made of the runs: medians of the rounds, and quantiles of all rounds' histograms together.

Nothing is measured here, and the same runs give the same figures, so that anybody can check them."""

import statistics

import hdr

BASE = "flask-threads"  # what ratios are to
QUANTILES = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
LONG_US = {"over_1ms": 1e3, "over_10ms": 1e4}
SAMPLES_BEYOND = 3      # so many values must lie above a quantile, or it is not told
LAG_SHARE_MAX = 0.3     # of p99 that may be the generator's own lateness before it is marked
RATE_SLACK = 0.05       # fewer answers a second than requests were due, by so much, is marked: it fell behind


class Runs:
    def __init__(self, document):
        self.runs = [run for run in document["runs"] if "void" not in run]
        self.voids = [run for run in document["runs"] if "void" in run]

    def of(self, kind, **about):
        return [run for run in self.runs if run["kind"] == kind and all(run.get(name) == value for name, value in about.items())]

    def void_count(self, kind, **about):
        return sum(run["kind"] == kind and all(run.get(name) == value for name, value in about.items()) for run in self.voids)


def median_of(runs, field):
    values = [run[field] for run in runs if run.get(field) is not None]
    return statistics.median(values) if values else None


def by_round(runs, field):
    return {run["round"]: run[field] for run in runs}


def ratio_of(runs, others, field):
    """The median of the rounds' ratios: what the machine did meanwhile, it did to both."""
    mine, theirs = by_round(runs, field), by_round(others, field)
    ratios = [mine[number] / theirs[number] for number in mine if number in theirs and theirs[number]]
    return statistics.median(ratios) if ratios else None


def quantiles_us(counts):
    total = sum(counts.values())
    found = {"count": total, "max_us": max(counts) / 1e3 if counts else None}
    for name, share in QUANTILES.items():
        is_told = total * (1 - share) >= SAMPLES_BEYOND
        found[name] = hdr.quantile(counts, share) / 1e3 if is_told else None
    return found


def swing_of(runs):
    """How the CPU share of one core varied within a run, in tenths of a second; the median of the rounds."""
    shares = [run["cpu_shares"] for run in runs if len(run["cpu_shares"]) > 4]
    if not shares:
        return None

    def quantile(values, share):
        return sorted(values)[min(int(share * len(values)), len(values) - 1)]
    return {"mean": statistics.median(statistics.fmean(values) for values in shares),
            "deviation": statistics.median(statistics.pstdev(values) for values in shares),
            "low": statistics.median(quantile(values, 0.05) for values in shares),
            "high": statistics.median(quantile(values, 0.95) for values in shares),
            "shares": shares[-1]}


def throughput(runs, name, route):
    mine, base = runs.of("throughput", service=name, route=route), runs.of("throughput", service=BASE, route=route)
    if not mine:
        return None
    values = [run["per_second"] for run in mine]
    return {"per_second": statistics.median(values), "least": min(values), "most": max(values), "rounds": len(values),
            "ratio": ratio_of(mine, base, "per_second"), "cpu_us": median_of(mine, "cpu_us"),
            "generator_us": median_of(mine, "generator_us"), "void": runs.void_count("throughput", service=name, route=route)}


def point_of(runs, mine, **about):
    """An offered rate: what came of it in all rounds."""
    point = quantiles_us(hdr.added(run["latency"] for run in mine))
    lag_us = median_of(mine, "lag_p99_us")
    marks = []
    if lag_us > LAG_SHARE_MAX * (point["p99_us"] or point["max_us"]):
        marks.append("lag")
    if statistics.median(run["per_second"] / (run["due"] / run["offered_seconds"]) for run in mine) < 1 - RATE_SLACK:
        marks.append("rate")
    return dict(point, rate=mine[0]["rate"], achieved=median_of(mine, "per_second"), lag_p99_us=lag_us, cpu_us=median_of(mine, "cpu_us"),
                swing=swing_of(mine), rounds=len(mine), marks=marks, void=runs.void_count(**about))


def latency(runs, name, route):
    """At shares of the server's own capacity."""
    points = []
    for share in sorted({run["share"] for run in runs.of("latency", service=name, route=route)}):
        about = {"kind": "latency", "service": name, "route": route, "share": share}
        points.append(dict(point_of(runs, runs.of(**about), **about), share=share))
    return points


def same_rate(runs, name, route):
    """At the rate that all get."""
    about = {"kind": "same", "service": name, "route": route}
    mine = runs.of(**about)
    return point_of(runs, mine, **about) if mine else None


def watched(parts, seconds):
    """Durations of several runs as one: count, time in all, quantiles. Upper ends of buckets stand for what is in them."""
    counts = {}
    for part in parts:
        for end_us, count in part["buckets_us"]:
            value = end_us * 1e3
            counts[value] = counts.get(value, 0) + count
    found = quantiles_us(counts)
    found["max_us"] = max((part["max_us"] for part in parts if part["count"]), default=None)
    found["per_second"] = found["count"] / seconds
    for name, bound_us in LONG_US.items():
        found[name] = sum(count for value, count in counts.items() if value > bound_us * 1e3) / seconds
    found["buckets_us"] = [[round(value / 1e3, 2), counts[value]] for value in sorted(counts)]
    return found


def pauses(runs, name):
    mine = runs.of("pauses", service=name)
    if not mine:
        return None
    seconds = sum(run["seconds"] for run in mine)
    told = [run["pauses"] for run in mine]
    found = {"seconds": seconds, "rate": mine[0]["rate"], "latency": quantiles_us(hdr.added(run["latency"] for run in mine))}
    for what in ("collections", "waits"):
        if all(what in part for part in told):
            found[what] = watched([part[what] for part in told], seconds)
    queued = [part["waits"]["queued_us"] for part in told if "queued_us" in part.get("waits", {})]
    if queued:
        found["queued_share"] = sum(queued) / max(sum(part["waits"]["sum_us"] for part in told), 1)
    if any(part.get("causes") for part in told):
        found["causes"] = {cause: sum(part["causes"].get(cause, 0) for part in told) for part in told for cause in part["causes"]}
    if all("allocations" in part for part in told):
        found["allocations_per_request"] = sum(part["allocations"] for part in told) / sum(run["answered"] for run in mine)
        found["bytes_per_request"] = sum(part["bytes"] for part in told) / sum(run["answered"] for run in mine)
    return found


def allocations(runs, name, route):
    """Of servers that count them: by subsystem, for each request and each second."""
    mine = [run for run in runs.of("throughput", service=name, route=route) if run.get("counted")]
    if not mine:
        return None
    answered, seconds = sum(run["answered"] for run in mine), sum(run["seconds"] for run in mine)
    counted = {what: sum(run["counted"].get(what, 0) for run in mine) for what in mine[0]["counted"]}
    return {"per_request": {what: count / answered for what, count in counted.items()},
            "per_second": {what: count / seconds for what, count in counted.items()}, "rounds": len(mine)}


def service(runs, name, route_names):
    memory, cold = runs.of("memory", service=name), runs.of("cold", service=name)
    return {
        "throughput": {route: found for route in route_names if (found := throughput(runs, name, route))},
        "latency": {route: found for route in route_names if (found := latency(runs, name, route))},
        "same_rate": {route: found for route in route_names if (found := same_rate(runs, name, route))},
        "pauses": pauses(runs, name),
        "allocations": {route: found for route in route_names if (found := allocations(runs, name, route))},
        "peak_mib": memory and max(run["peak_kib"] for run in memory) / 1024 or None,
        "pss_mib": memory and median_of(memory, "pss_kib") / 1024 or None,
        "processes": memory and memory[0]["processes"] or None,
        "cold_s": median_of(cold, "seconds"),
        "wrk_per_second": median_of(runs.of("wrk", service=name), "per_second"),
        "failures": runs.void_count("failure", service=name),
    }


def summarize(document):
    runs = Runs(document)
    names, route_names = list(document["services"]), list(document["routes"])
    return {name: document[name] for name in ("began", "took_seconds", "machine", "settings", "services", "routes", "skipped", "equal")} | {
        "base": BASE,
        "rounds": len({run["round"] for run in document["runs"]}),
        "figures": {name: service(runs, name, route_names) for name in names},
        "voids": len(runs.voids),
    }
