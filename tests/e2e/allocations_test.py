#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The server counts how often it asks the system for memory, and says who does: what is answered once it is warm does not."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import http2  # noqa: E402
import weir  # noqa: E402

REQUESTS = 500
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
models: [%s]
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /debug/allocations, public: true, to: {endpoint: allocations}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
""" % (weir.MODEL, weir.IMAGE_CHAIN)
IMAGE = weir.request_bytes("POST", "/v1/text-orientation", {"Content-Type": "image/jpeg"}, weir.image("upright-1.jpg"))
TENSOR = weir.request_bytes("POST", "/v2/models/text-orientation/infer", {}, json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [1] * 3072}]}).encode())
LIVEZ = weir.request_bytes("GET", "/livez")


def look(port):
    answer = weir.ask(port, "GET", "/debug/allocations")
    assert answer.status == 200, answer
    return answer.json()


def allocations(document, thread, subsystem=None):
    counts = document["threads"][thread]
    if subsystem:
        counts = counts["subsystems"].get(subsystem, {"allocations": 0})
    return counts["allocations"]


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG).start()
        cls.is_counted = look(cls.server.port)["counted"]

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def setUp(self):
        if not self.is_counted:
            self.skipTest("this binary does not count")

    def ask(self, client, request, count):
        for _ in range(count):
            client.raw(request)
            self.assertEqual(client.receive().status, 200)

    def measure(self, request):
        """What so many requests made the threads ask for, once warm."""
        with weir.Client(self.server.port) as client:
            self.ask(client, request, 300)
            for _ in range(3):
                before = look(self.server.port)
            self.ask(client, request, REQUESTS)
            return before, look(self.server.port)

    def test_parts_add_up(self):
        document = look(self.server.port)
        for name in ("allocations", "frees", "bytes"):
            whole = document["all"][name]
            self.assertEqual(whole, sum(part[name] for part in document["subsystems"].values()), name)
            self.assertEqual(whole, sum(part[name] for part in document["threads"].values()), name)
            for thread in document["threads"].values():
                self.assertEqual(thread[name], sum(part[name] for part in thread["subsystems"].values()), name)
        self.assertGreater(allocations(document, "control", "onnxruntime"), 1000)
        self.assertGreater(allocations(document, "control", "control"), 100)
        self.assertGreater(allocations(document, "control", "tls"), 10)

    def test_a_warm_worker_asks_for_nothing(self):
        for request in (LIVEZ, TENSOR):
            before, after = self.measure(request)
            self.assertEqual(allocations(after, "worker") - allocations(before, "worker"), 0)
            self.assertGreaterEqual(after["requests"] - before["requests"], REQUESTS)

    def test_the_runtime_and_decoders_are_named(self):
        before, after = self.measure(IMAGE)
        runtime = allocations(after, "executor", "onnxruntime") - allocations(before, "executor", "onnxruntime")
        decoders = allocations(after, "worker", "images") - allocations(before, "worker", "images")
        self.assertGreater(runtime, REQUESTS)
        self.assertGreater(decoders, REQUESTS)
        self.assertEqual(allocations(after, "worker") - allocations(before, "worker"), decoders)
        self.assertAlmostEqual(decoders / REQUESTS, after["threads"]["worker"]["allocations_per_request"], delta=1)

    def test_http2_is_named(self):
        before = allocations(look(self.server.port), "worker", "http2")
        with http2.Client(self.server.port) as client:
            client.wait(client.open("GET", "/livez"))
        self.assertGreater(allocations(look(self.server.port), "worker", "http2"), before)

    def test_rates_are_of_the_span(self):
        look(self.server.port)
        time.sleep(1.1)
        look(self.server.port)
        time.sleep(1.1)
        document = look(self.server.port)
        self.assertGreater(document["span_s"], 1)
        self.assertLess(document["span_s"], 10 * weir.SLOWNESS)
        self.assertLess(document["all"]["allocations_per_s"], document["all"]["allocations"])

    def test_metrics_have_the_same(self):
        document = look(self.server.port)
        seen = weir.metrics(self.server.port)
        name = 'weir_allocations_total{subsystem="onnxruntime",thread="control"}'
        self.assertEqual(seen[name], allocations(document, "control", "onnxruntime"))
        self.assertGreater(seen['weir_allocated_bytes_total{subsystem="control",thread="control"}'], 10000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
