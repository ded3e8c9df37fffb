# SPDX-License-Identifier: Apache-2.0
"""Figures as people read them. None is a dash: not measured, or too few values to tell."""

DASH = "–"


def figure(value):
    """Three digits, thousands apart."""
    if value is None:
        return DASH
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return "{:,.0f}".format(float("%.3g" % value))
    return "%.3g" % value if size < 100 else "%.0f" % value


def times(value):
    return DASH if value is None else "%s ×" % figure(value)


def duration(us):
    """Microseconds in the unit that fits."""
    if us is None:
        return DASH
    if us < 1000:
        return "%s µs" % figure(us)
    return "%s ms" % figure(us / 1e3) if us < 1e6 else "%s s" % figure(us / 1e6)


def rate(value):
    return DASH if value is None else "%s/s" % figure(value)


def mib(value):
    return DASH if value is None else "%s MiB" % figure(value)


def seconds(value):
    return DASH if value is None else "%.2f s" % value


def percent(value):
    return DASH if value is None else "%s %%" % figure(value)
