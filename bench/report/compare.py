# SPDX-License-Identifier: Apache-2.0
"""Where weir is not first, in words: each figure of the report in which another is ahead, with both figures."""

from words import duration, figure, mib, rate, seconds

QUANTILES = (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9"))
TIE = 1.02  # so much apart counts as equal: less than rounds differ by


def best_of(values, is_more):
    """The best of the others and weir's own; None when weir is not among them."""
    mine = values.get("weir")
    others = {name: value for name, value in values.items() if name != "weir" and value is not None}
    if mine is None or not others:
        return None
    best = (max if is_more else min)(others, key=others.get)
    return best, others[best], mine


def loss(report, what, values, print_value, is_more=False):
    found = best_of(values, is_more)
    if not found:
        return []
    best, theirs, mine = found
    more, less = (theirs, mine) if is_more else (mine, theirs)
    if more <= TIE * less:
        return []
    by = ", %s times" % figure(more / less) if less else ""
    return ["%s: %s has %s, weir %s%s." % (what, report.title(best), print_value(theirs), print_value(mine), by)]


def of_route(report, route):
    title = report.route(route)
    figures = {name: report.figures[name]["throughput"][route] for name in report.serving(route, report.rivals)}
    lines = loss(report, "%s, requests a second" % title, {name: found["per_second"] for name, found in figures.items()}, rate, True)
    lines += loss(report, "%s, CPU a request" % title, {name: found["cpu_us"] for name, found in figures.items()}, duration)
    lines += of_same_rate(report, route)
    for share in sorted({point["share"] for name in figures for point in report.figures[name]["latency"].get(route, [])}):
        lines += of_share(report, route, share)
    swings = {name: point["swing"]["deviation"] for name in figures for point in report.figures[name]["latency"].get(route, [])
              if point["share"] == 50 and point["swing"]}
    lines += loss(report, "%s, swing of CPU use at half capacity (deviation, in points)" % title, swings, figure)
    return lines


def ahead_in(report, points):
    """{name: [texts]} of servers that have a lower quantile somewhere; where the generator was late nothing is known."""
    points = {name: point for name, point in points.items() if "lag" not in point["marks"]}
    ahead = {}
    for field, label in QUANTILES:
        found = best_of({name: point[field] for name, point in points.items()}, False)
        if found and found[2] > TIE * found[1]:
            best, theirs, mine = found
            ahead.setdefault(best, []).append("%s %s (weir %s)" % (label, duration(theirs), duration(mine)))
    return ahead


def of_share(report, route, share):
    """A latency at another rate is another thing, so both rates are told."""
    points = {name: point for name in report.serving(route) for point in report.figures[name]["latency"].get(route, [])
              if point["share"] == share}
    return ["%s at %d %% of its own capacity: %s at %s has %s; weir is at %s." % (
        report.route(route), share, report.title(best), rate(points[best]["rate"]), ", ".join(texts), rate(points["weir"]["rate"]))
        for best, texts in ahead_in(report, points).items()]


def of_same_rate(report, route):
    points = {name: report.figures[name]["same_rate"][route] for name in report.peers if route in report.figures[name]["same_rate"]}
    return ["%s, all at %s: %s has %s." % (report.route(route), rate(points[best]["rate"]), report.title(best), ", ".join(texts))
            for best, texts in ahead_in(report, points).items()]


def lost(report):
    lines = []
    for route in report.summary["routes"]:
        lines += of_route(report, route)
    # nginx has neither model nor runtime: in memory and cold start it does another thing.
    whole = [name for name in report.rivals if "json" in report.summary["services"][name]["routes"]]
    lines += loss(report, "peak of memory", {name: report.figures[name]["peak_mib"] for name in whole}, mib)
    lines += loss(report, "PSS at the end", {name: report.figures[name]["pss_mib"] for name in whole}, mib)
    lines += loss(report, "cold start", {name: report.figures[name]["cold_s"] for name in whole}, seconds)
    waits = {name: found["waits"] for name in whole if (found := report.figures[name]["pauses"] or {}).get("waits")}
    lines += loss(report, "waits and stalls of more than 1 ms", {name: found["over_1ms"] for name, found in waits.items()}, rate)
    lines += loss(report, "longest wait or stall", {name: found["max_us"] for name, found in waits.items()}, duration)
    return [line[0].upper() + line[1:] for line in lines]
