#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The maker of the report: figures of given runs are the right ones, and what weir loses is told. No load is made."""

import base64
import os
import struct
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench/report"))
import compare  # noqa: E402
import hdr  # noqa: E402
import markdown  # noqa: E402
import sections  # noqa: E402
import summary  # noqa: E402


def put_number(out, number):
    """ZigZag LEB128, as HdrHistogram writes it."""
    value = (number << 1) ^ (number >> 63)
    for _ in range(8):
        if value < 0x80:
            out.append(value)
            return
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0xFF)


def histogram(counts):
    """V2 encoding of {ns: count}, three digits."""
    buckets = {}
    for value, count in counts.items():
        shift = max(value.bit_length() - 11, 0)
        index = (shift << 10) + (value >> shift)
        buckets[index] = buckets.get(index, 0) + count
    out, last = bytearray(), 0
    for index in sorted(buckets):
        if index > last:
            put_number(out, last - index)
        put_number(out, buckets[index])
        last = index + 1
    return base64.b64encode(struct.pack(">iiiiqqd", 0x1C849313, len(out), 0, 3, 1, 1 << 42, 1.0) + bytes(out)).decode()


def about(title, is_peer=True, routes=("plain", "json")):
    return {"title": title, "about": title, "routes": list(routes), "is_peer": is_peer}


def runs_of(name, number, per_second, cpu_us, latency, peak_kib):
    shared = {"round": number, "service": name}
    for route in ("plain", "json"):
        yield {**shared, "kind": "throughput", "route": route, "answered": 3000, "seconds": 3.0, "per_second": per_second, "cpu_us": cpu_us,
               "cpu_shares": [99.0] * 20, "generator_us": 5.0, "counted": {}}
        yield {**shared, "kind": "latency", "route": route, "share": 50, "rate": 500, "due": 1000, "offered_seconds": 2.0,
               "answered": 1000, "seconds": 2.01, "per_second": 497.5,
               "cpu_us": cpu_us, "cpu_shares": [40.0, 60.0] * 10, "latency": histogram(latency), "lag_p99_us": 1.0}
    yield {**shared, "kind": "same", "route": "json", "rate": 700, "due": 1000, "offered_seconds": 2.0, "answered": 1000, "seconds": 2.01,
           "per_second": 497.5, "cpu_us": cpu_us, "cpu_shares": [], "latency": histogram(latency), "lag_p99_us": 1.0}
    yield {**shared, "kind": "cold", "seconds": 0.5 * number}
    yield {**shared, "kind": "memory", "peak_kib": peak_kib, "pss_kib": peak_kib // 2, "processes": 1}


FAST = {100_000: 890, 1_000_000: 10}
SLOW = {5_000_000: 990, 50_000_000: 10}


def document():
    runs = []
    for number, pace in ((1, 1.0), (2, 0.5), (3, 0.9)):  # the machine was slower in the second round, for both
        runs += runs_of("weir", number, 10000 * pace, 10.0, FAST, 60 * 1024 * number)
        runs += runs_of("flask-threads", number, 1000 * pace, 300.0, SLOW, 50 * 1024)
    runs.append({"round": 3, "service": "weir", "kind": "throughput", "route": "json", "void": "1 failed"})
    return {
        "began": "2026-01-01 00:00 UTC", "took_seconds": 60.0, "skipped": {"fiber": "go is not installed"},
        "machine": {"cpu": "a CPU", "cores": 2, "memory": "1 kB", "kernel": "6", "system": "a system", "server_core": 0, "client_core": 1,
                    "commit": "abc", "is_changed": False, "load_before": [0.1], "versions": {"weir": {"weir": "1"}}},
        "settings": {"seconds": 3.0}, "services": {"flask-threads": about("Flask"), "weir": about("weir")},
        "routes": {route: {"title": route, "method": "GET", "path": "/" + route, "connections": 64} for route in ("plain", "json")},
        "equal": {"names": ["flask-threads", "weir"], "rows": [["plain", "200", "200"]], "json_tolerance": 1e-5, "image_tolerance": 1e-2},
        "runs": runs,
    }


class Histograms(unittest.TestCase):
    def test_a_value_is_read_back_to_three_digits(self):
        for value in (0, 1, 2047, 2048, 4095, 4096, 123_456_789, 3_600_000_000_000):
            (read, count), = hdr.counts_of(histogram({value: 3})).items()
            self.assertEqual(count, 3)
            self.assertTrue(value <= read <= value * (1 + 1 / 1024), (value, read))

    def test_empty_buckets_between_values_are_left_out(self):
        self.assertEqual(len(hdr.counts_of(histogram({10: 1, 1_000_000: 2, 1_000_000_000: 3}))), 3)

    def test_counts_of_histograms_add_up(self):
        total = hdr.added([histogram({500: 2}), histogram({500: 3, 900: 1})])
        self.assertEqual(total, {500: 5, 900: 1})

    def test_a_quantile_is_the_value_that_so_many_do_not_exceed(self):
        counts = {10: 50, 20: 49, 30: 1}
        self.assertEqual([hdr.quantile(counts, share) for share in (0, 0.5, 0.51, 0.99, 0.999, 1)], [10, 10, 20, 20, 30, 30])

    def test_another_encoding_is_refused(self):
        with self.assertRaises(ValueError):
            hdr.counts_of(base64.b64encode(bytes(40)).decode())


class Figures(unittest.TestCase):
    def setUp(self):
        self.found = summary.summarize(document())
        self.weir = self.found["figures"]["weir"]

    def test_a_figure_is_the_median_of_the_rounds(self):
        self.assertEqual(self.weir["throughput"]["plain"]["per_second"], 9000)
        self.assertEqual(self.weir["cold_s"], 1.0)

    def test_a_ratio_is_the_median_of_ratios_and_not_of_the_machine(self):
        self.assertEqual(self.weir["throughput"]["plain"]["ratio"], 10)

    def test_a_void_run_is_counted_as_such_and_as_nothing_else(self):
        self.assertEqual(self.weir["throughput"]["json"]["void"], 1)
        self.assertEqual(self.weir["throughput"]["json"]["rounds"], 3)
        self.assertEqual(self.found["voids"], 1)

    def test_quantiles_are_of_all_rounds_together(self):
        point, = self.weir["latency"]["json"]
        self.assertEqual(point["count"], 2700)
        self.assertAlmostEqual(point["p50_us"], 100, delta=0.2)

    def test_a_quantile_with_too_few_values_beyond_is_not_told(self):
        point, = self.weir["latency"]["json"]
        self.assertIsNone(point["p999_us"])  # two or three of 2,700 lie beyond

    def test_a_late_generator_marks_the_row(self):
        runs = document()
        for run in runs["runs"]:
            if run["kind"] == "latency" and run["service"] == "weir":
                run["lag_p99_us"] = 900.0
        points = summary.summarize(runs)["figures"]["weir"]["latency"]["json"]
        self.assertEqual(points[0]["marks"], ["lag"])

    def test_a_server_that_falls_behind_marks_the_row(self):
        runs = document()
        for run in runs["runs"]:
            if run["kind"] == "latency" and run["service"] == "weir":
                run.update(seconds=3.0, per_second=333.3)
        self.assertEqual(summary.summarize(runs)["figures"]["weir"]["latency"]["json"][0]["marks"], ["rate"])

    def test_the_most_memory_of_the_rounds_counts(self):
        self.assertEqual(self.weir["peak_mib"], 180)

    def test_durations_of_watched_pauses_add_up_over_rounds(self):
        part = {"count": 3, "max_us": 1500.0, "buckets_us": [[50.0, 2], [1500.0, 1]]}
        found = summary.watched([part, part], 10.0)
        self.assertEqual((found["count"], found["max_us"], found["over_1ms"], found["over_10ms"]), (6, 1500.0, 0.2, 0))


class Pages(unittest.TestCase):
    def lost(self, runs):
        return compare.lost(sections.Report(summary.summarize(runs)))

    def test_what_weir_loses_is_told_and_nothing_else(self):
        lines = self.lost(document())
        self.assertEqual([line.split(":")[0] for line in lines], ["Peak of memory", "PSS at the end"])
        self.assertIn("Flask has 50 MiB, weir 180 MiB, 3.6 times", lines[0])

    def test_a_peer_with_other_settings_is_held_against_weir_and_weir_with_others_is_not(self):
        runs = document()
        for name in ("flask-workers", "weir-unpooled"):
            runs["services"][name] = about(name, is_peer=False)
            runs["runs"] += [run for number in (1, 2, 3) for run in runs_of(name, number, 20000, 5.0, FAST, 40 * 1024)
                             if run["kind"] in ("throughput", "memory")]
        report = sections.Report(summary.summarize(runs))
        told = "\n".join(compare.lost(report))
        self.assertIn("Json, requests a second: flask-workers has 20,000/s", told)
        self.assertIn("Peak of memory: flask-workers", told)
        self.assertNotIn("weir-unpooled", told)
        self.assertIn("the best of the others, flask-workers", str(sections.in_short(report).parts))

    def test_few_rounds_are_said_before_any_figure(self):
        found = summary.summarize(document())
        self.assertIn("Only 3 rounds", str(sections.in_short(sections.Report(found)).parts[0]))
        found["rounds"] = 5
        self.assertNotIn("Only", str(sections.in_short(sections.Report(found)).parts))

    def test_nothing_beside_nothing_is_no_loss(self):
        report = sections.Report(summary.summarize(document()))
        self.assertEqual(compare.loss(report, "stalls", {"weir": 0, "flask-threads": 0}, str), [])
        self.assertEqual(compare.loss(report, "stalls", {"weir": 2, "flask-threads": 0}, str), ["stalls: Flask has 0, weir 2."])
        self.assertEqual(compare.loss(report, "stalls", {"weir": None, "flask-threads": 0}, str), [])

    def test_a_faster_peer_is_told_in_every_figure(self):
        runs = document()
        for run in runs["runs"]:
            if run["service"] == "flask-threads":
                run.update({name: value for name, value in (("per_second", 20000), ("cpu_us", 1.0), ("latency", histogram({10_000: 1000})))
                            if name in run})
        text = "\n".join(self.lost(runs))
        for what in ("Plain, requests a second: Flask has 20,000/s, weir 9,000/s", "Json, CPU a request", "Json at 50 %", "Json, all at 700/s"):
            self.assertIn(what, text)

    def test_what_was_skipped_and_void_stands_in_the_page(self):
        text = markdown.write(sections.sections(summary.summarize(document())))
        self.assertIn("Skipped: fiber: go is not installed.", text)
        self.assertIn("3 rounds, 1 void runs", text)

    def test_a_server_that_was_not_measured_leaves_no_hole(self):
        runs = document()
        runs["runs"] = [run for run in runs["runs"] if run["service"] == "weir"]
        markdown.write(sections.sections(summary.summarize(runs)))


if __name__ == "__main__":
    unittest.main()
