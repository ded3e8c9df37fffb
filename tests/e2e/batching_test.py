#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scheduler behind the wire: batches form when requests come together, odd shapes stop nobody's, deadlines are kept or refused
at once, and a tenant that sends too much does not shut out another."""

import contextlib
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CROWD = 24
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
models:
  - {name: orientation, path: %(models)s/text-orientation.onnx}
  - {name: narrow, path: %(models)s/text-orientation.onnx, queue_total: 4}
  - {name: shared, path: %(models)s/text-orientation.onnx, queue: 20}
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: GET /scheduler, public: true, to: {endpoint: scheduler}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: POST /hurried, public: true, deadline: 1ms, to: {model: orientation}}
  - {match: POST /shared, chain: [auth: {keys: keys.conf}], to: {model: shared}}
"""


def body(height, seed=0.5):
    shape = [1, 3, height, height]
    data = [round(seed * (i % 7), 3) for i in range(3 * height * height)]
    return json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": data}]}).encode()


def infer(model, height=32, seed=0.5, fields=None, path=None):
    return weir.request_bytes("POST", path or "/v2/models/%s/infer" % model, fields or {}, body(height, seed))


class Batching(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG % {"models": weir.MODELS})
        cls.keys = [subprocess.run([weir.BINARY, "keys", "add", "--file", cls.server.path("keys.conf"), "--tenant", tenant],
                                   check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
                    for tenant in ("large", "small")]
        cls.server.start()
        cls.port = cls.server.port

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    @contextlib.contextmanager
    def clients(self, count):
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(weir.Client(self.port)) for _ in range(count)]

    def together(self, requests, rounds=1):
        """All at once, each on a connection of its own."""
        answers = []
        with self.clients(len(requests)) as clients:
            for _ in range(rounds):
                for client, request in zip(clients, requests):
                    client.raw(request)
                answers += [client.receive() for client in clients]
        return answers

    def counts(self, model):
        samples = weir.metrics(self.port)
        return [sum(value for name, value in samples.items() if name.startswith(metric + "{") and '"%s"' % model in name)
                for metric in ("nv_inference_count", "nv_inference_exec_count")]

    def test_batches_form_when_requests_come_together(self):
        """The expected rows are those of each request alone."""
        seeds = [0.1 * (i + 1) for i in range(CROWD)]
        alone = [weir.ask(self.port, "POST", "/v2/models/orientation/infer", {}, body(32, seed)).json()["outputs"][0]["data"]
                 for seed in seeds]
        before = self.counts("orientation")
        answers = self.together([infer("orientation", 32, seed) for seed in seeds], rounds=10)
        after = self.counts("orientation")
        runs, batches = (b - a for a, b in zip(before, after))
        print("%d requests in %d batches" % (runs, batches))
        self.assertEqual({answer.status for answer in answers}, {200})
        for i, answer in enumerate(answers):
            got = answer.json()["outputs"][0]["data"]
            for x, y in zip(got, alone[i % CROWD]):
                self.assertAlmostEqual(x, y, delta=1e-4)
        self.assertEqual(runs, 10 * CROWD)
        self.assertLess(batches, runs * 0.8)

    def test_tells_what_it_has_learned_and_what_follows(self):
        self.together([infer("orientation")] * CROWD)
        models = {model["name"]: model for model in weir.ask(self.port, "GET", "/scheduler").json()["models"]}
        self.assertEqual(set(models), {"orientation", "narrow", "shared"})
        model = models["orientation"]
        rows = model["rows_knee"]
        self.assertGreater(model["row_ns"] + model["run_ns"], 0)
        self.assertAlmostEqual(model["capacity_per_s"], rows * 1e9 / (model["row_ns"] * rows + model["run_ns"]), delta=1)

    def test_an_odd_shape_stops_no_batch(self):
        """Every other request has another shape: the batches are as large as if there were two models."""
        heights = [32 if i % 2 else 48 for i in range(CROWD)]
        before = self.counts("orientation")
        answers = self.together([infer("orientation", height) for height in heights], rounds=10)
        after = self.counts("orientation")
        runs, batches = (b - a for a, b in zip(before, after))
        print("%d requests of two shapes in %d batches" % (runs, batches))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertLess(batches, runs * 0.9)

    def test_a_deadline_is_kept_or_refused_at_once(self):
        good = self.together([infer("orientation", fields={"X-Request-Timeout": "30s"})])[0]
        self.assertEqual(good.status, 200)
        for request in (infer("orientation", fields={"X-Request-Timeout": "0.001ms"}), infer("", 192, path="/hurried")):
            begin = time.monotonic()
            late = self.together([request])[0]
            self.assertLess(time.monotonic() - begin, 2 * weir.SLOWNESS)
            self.assertEqual((late.status, late.problem()), (503, "deadline-exceeded"), late)
        refused = [answer for answer in self.together([infer("orientation", fields={"X-Request-Timeout": "100us"})] * 8)
                   if answer.field("retry-after")]
        self.assertTrue(refused)
        self.assertGreaterEqual(int(refused[0].field("retry-after")), 1)
        wrong = self.together([infer("orientation", fields={"X-Request-Timeout": "soon"})])[0]
        self.assertEqual((wrong.status, wrong.problem()), (400, "bad-request"), wrong)

    def test_what_is_over_the_queue_of_all_workers_is_told_when_to_come_back(self):
        answers = self.together([infer("narrow", 192)] * CROWD)
        statuses = {answer.status for answer in answers}
        self.assertLessEqual(statuses, {200, 503})
        for answer in answers:
            if answer.status == 503:
                self.assertEqual(answer.problem(), "overloaded")
                self.assertGreaterEqual(int(answer.field("retry-after")), 1)
        self.assertIn(200, statuses)

    def test_a_tenant_that_sends_too_much_leaves_room_for_others(self):
        large = infer("", 96, path="/shared", fields={"X-API-Key": self.keys[0]})
        small = infer("", 96, path="/shared", fields={"X-API-Key": self.keys[1]})
        own, others = [], []
        with self.clients(60) as crowd, weir.Client(self.port) as client:
            for _ in range(4):
                for each in crowd:
                    each.raw(large)
                client.raw(small)
                own.append(client.receive().status)
                others += [each.receive() for each in crowd]
        self.assertEqual(set(own), {200}, "one request at a time always finds room")
        self.assertLessEqual({answer.status for answer in others}, {200, 429, 503})
        self.assertEqual({answer.problem() for answer in others if answer.status == 429} - {"over-share"}, set())


if __name__ == "__main__":
    unittest.main(verbosity=1)
