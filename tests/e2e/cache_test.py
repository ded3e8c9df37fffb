#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Outputs that are given again, and requests that wait for one like them. One worker, since each keeps its own."""

import json
import os
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import grpc_wire as wire  # noqa: E402
import http2  # noqa: E402
import weir  # noqa: E402

MODELS = os.path.join(weir.ROOT, "tests/data/models")
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
models:
  - {name: mlp, path: %(models)s/mlp.onnx, cache: 60s}
  - {name: plain, path: %(models)s/mlp.onnx}
  - {name: brief, path: %(models)s/mlp.onnx, cache: {ttl: 1s}}
  - {name: few, path: %(models)s/mlp.onnx, cache: {ttl: 60s, entries: 2}}
  - {name: small, path: %(models)s/two_inputs.onnx, cache: {ttl: 60s, bytes: 64KiB}}
  - {name: texts, path: %(models)s/labels.onnx, cache: 60s}
  - {name: slow, path: %(demo)s/text-recognition.onnx, single_flight: true, batch: 1, warm_up: {x: [1, 3, 48, 640]}}
  - {name: slow-kept, path: %(demo)s/text-recognition.onnx, single_flight: true, cache: 60s, batch: 1, warm_up: {x: [1, 3, 48, 640]}}
  - {name: crowded, path: %(demo)s/text-recognition.onnx, cache: 60s, queue: 1, batch: 1, warm_up: {x: [1, 3, 48, 640]}}
  - {name: broken, path: %(models)s/reshape.onnx, single_flight: true, batch: 1}
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: POST /mine, chain: [auth: {keys: keys.conf}], to: {model: mlp}}
""" % {"models": MODELS, "demo": weir.MODELS}
MLP = {"name": "x", "datatype": "FP32", "shape": [1, 8]}


def mlp(seed, **more):
    return dict({"inputs": [dict(MLP, data=[seed + i / 8 for i in range(8)])]}, **more)


def slow(seed, width=640, **more):
    data = [seed] * (3 * 48 * width)
    return json.dumps(dict({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 48, width], "data": data}]},
                           **more)).encode()


class Cache(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG)
        cls.keys = [subprocess.run([weir.BINARY, "keys", "add", "--file", cls.server.path("keys.conf"), "--tenant", tenant],
                                   check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
                    for tenant in ("one", "other")]
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.remove()

    def ask(self, model, document, headers=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        response = weir.ask(self.server.port, "POST", "/v2/models/%s/infer" % model, headers or {}, body)
        self.assertEqual(response.status, 200, response)
        return response

    def metric(self, name, model):
        return weir.metrics(self.server.port)['%s{model="%s",version="1"}' % (name, model)]

    def test_tells_no_tenant_what_another_has_asked(self):
        def status(key):
            response = weir.ask(self.server.port, "POST", "/mine", {"X-API-Key": key}, json.dumps(mlp(77)).encode())
            self.assertEqual(response.status, 200, response)
            return response.field("Cache-Status").split(";")[1].strip()

        self.assertEqual([status(key) for key in (*self.keys, *self.keys)], ["fwd=miss", "fwd=miss", "hit", "hit"])

    def test_gives_outputs_again_in_whatever_form_they_are_asked_for(self):
        runs = self.metric("weir_model_runs_total", "mlp")
        first = self.ask("mlp", mlp(1))
        self.assertEqual(first.field("Cache-Status"), "weir; fwd=miss; stored")
        again = self.ask("mlp", mlp(1, id="other"))
        self.assertRegex(again.field("Cache-Status"), r"^weir; hit; ttl=(59|60)$")
        self.assertEqual(again.json()["id"], "other")
        self.assertEqual(again.json()["outputs"], first.json()["outputs"])
        named = self.ask("mlp", mlp(1, outputs=[{"name": "y"}]))
        self.assertIn("hit", named.field("Cache-Status"))
        binary = self.ask("mlp", mlp(1, parameters={"binary_data_output": True}))
        self.assertIn("hit", binary.field("Cache-Status"))
        self.assertTrue(binary.field("Inference-Header-Content-Length"))
        nested = {"inputs": [dict(MLP, data=[[1 + i / 8 for i in range(8)]])]}
        self.assertIn("hit", self.ask("mlp", nested).field("Cache-Status"))
        self.assertEqual(self.metric("weir_model_runs_total", "mlp") - runs, 1)
        self.assertEqual(self.metric("weir_model_cache_hits_total", "mlp"), 4)
        self.assertEqual(self.metric("weir_model_cache_misses_total", "mlp"), 1)

    def test_tells_shapes_and_values_apart(self):
        two = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 8], "data": [0.25] * 16}]}
        one = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 8], "data": [0.25] * 8}]}
        negative = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 8], "data": [0.25] * 7 + [-0.25]}]}
        for document in (two, one, negative):
            self.assertEqual(self.ask("mlp", document).field("Cache-Status"), "weir; fwd=miss; stored")
        for document, rows in ((two, 2), (one, 1), (negative, 1)):
            response = self.ask("mlp", document)
            self.assertIn("hit", response.field("Cache-Status"))
            self.assertEqual(response.json()["outputs"][0]["shape"], [rows, 3])

    def test_is_off_unless_asked_for(self):
        for _ in range(2):
            self.assertIsNone(self.ask("plain", mlp(1)).field("Cache-Status"))

    def test_keeps_texts(self):
        document = {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [3, 2]}]}
        first = self.ask("texts", document).json()["outputs"]
        for other in (0, 1, 2):
            self.ask("texts", {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [other, 1]}]})
        again = self.ask("texts", document)
        self.assertIn("hit", again.field("Cache-Status"))
        self.assertEqual(again.json()["outputs"], first)
        self.assertEqual(first[0]["data"], ["Zürich", "a text of more than fifteen bytes"])

    def test_hears_what_the_client_says_of_caches(self):
        self.ask("mlp", mlp(20))
        anew = self.ask("mlp", mlp(20), {"Cache-Control": "no-cache"})
        self.assertEqual(anew.field("Cache-Status"), "weir; fwd=request; stored")
        self.assertIsNone(self.ask("mlp", mlp(21), {"Cache-Control": "max-age=0, No-Store"}).field("Cache-Status"))
        self.assertEqual(self.ask("mlp", mlp(21)).field("Cache-Status"), "weir; fwd=miss; stored")

    def test_forgets_what_is_too_old(self):
        self.ask("brief", mlp(1))
        self.assertIn("hit", self.ask("brief", mlp(1)).field("Cache-Status"))
        time.sleep(1.1)
        self.assertEqual(self.ask("brief", mlp(1)).field("Cache-Status"), "weir; fwd=miss; stored")

    def test_keeps_as_many_as_it_may_and_those_last_asked_for(self):
        for seed in (1, 2, 1, 3):  # 2 makes room
            self.ask("few", mlp(seed))
        self.assertIn("hit", self.ask("few", mlp(1)).field("Cache-Status"))
        self.assertIn("hit", self.ask("few", mlp(3)).field("Cache-Status"))
        self.assertIn("miss", self.ask("few", mlp(2)).field("Cache-Status"))
        self.assertEqual(self.metric("weir_model_cache_entries", "few"), 2)
        self.assertEqual(self.metric("weir_model_cache_evicted_total", "few"), 2)

    def test_stays_within_its_memory(self):
        for seed in range(60):
            data = [seed] * 400
            tensor = {"datatype": "FP32", "shape": [200, 2], "data": data}
            self.ask("small", {"inputs": [dict(tensor, name="left"), dict(tensor, name="right")]})
        self.assertLessEqual(self.metric("weir_model_cache_bytes", "small"), 65536)
        self.assertGreater(self.metric("weir_model_cache_entries", "small"), 5)
        large = {"datatype": "FP32", "shape": [20000, 2], "data": [1] * 40000}
        response = self.ask("small", {"inputs": [dict(large, name="left"), dict(large, name="right")]})
        self.assertEqual(response.field("Cache-Status"), "weir; fwd=miss")

    def test_gives_what_is_kept_when_the_queue_is_full(self):
        self.ask("crowded", slow(0.5))
        busy = weir.Client(self.server.port)
        self.addCleanup(busy.close)
        bodies = [slow(0.25, 3200), slow(0.5), slow(0.75)]
        path = "/v2/models/crowded/infer"
        busy.send("POST", path, {}, bodies[0])
        weir.wait_until(lambda: self.metric("weir_model_runs_in_flight", "crowded") == 1, 5, "one runs")
        kept, other = [weir.ask(self.server.port, "POST", path, {}, body) for body in bodies[1:]]
        self.assertEqual((kept.status, other.status), (200, 503), (kept, other))
        self.assertIn("hit", kept.field("Cache-Status"))
        self.assertEqual(busy.receive().status, 200)

    # --- Requests that wait for one like them ---------------------------------------------------------------------

    def together(self, model, body, count):
        """So many clients that have asked the same; the first one's run is under way."""
        clients = [weir.Client(self.server.port) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
        clients[0].send("POST", "/v2/models/%s/infer" % model, {}, body)
        weir.wait_until(lambda: self.metric("weir_model_runs_in_flight", model) == 1, 5, "the first one runs")
        for client in clients[1:]:
            client.send("POST", "/v2/models/%s/infer" % model, {}, body)
        return clients

    def joined(self, model, count):
        weir.wait_until(lambda: self.metric("weir_model_cache_joined_total", model) >= count, 5, "the others wait")

    def test_runs_once_for_all_that_ask_the_same(self):
        for model in ("slow", "slow-kept"):
            runs = self.metric("weir_model_runs_total", model)
            joined = self.metric("weir_model_cache_joined_total", model)
            clients = self.together(model, slow(0.5), 6)
            answers = [client.receive() for client in clients]
            self.assertEqual([answer.status for answer in answers], [200] * 6)
            joined = self.metric("weir_model_cache_joined_total", model) - joined
            runs = self.metric("weir_model_runs_total", model) - runs
            hits = sum("hit" in (answer.field("Cache-Status") or "") for answer in answers)
            self.assertEqual(runs + joined + hits, 6)
            self.assertGreater(joined, 0)
            self.assertEqual(sum((answer.field("Cache-Status") or "") == "weir; fwd=miss; collapsed" for answer in answers),
                             joined)
            self.assertEqual(len({answer.body for answer in answers}), 1)

    def test_goes_on_for_the_others_when_the_first_one_leaves(self):
        joined = self.metric("weir_model_cache_joined_total", "slow")
        clients = self.together("slow", slow(0.75, 1200), 4)
        self.joined("slow", joined + 3)
        clients[0].close()
        answers = [client.receive() for client in clients[1:]]
        self.assertEqual([answer.status for answer in answers], [200] * 3)
        self.assertEqual(len({answer.body for answer in answers}), 1)

    def test_goes_on_for_messages_of_streams_when_the_first_one_leaves(self):
        joined = self.metric("weir_model_cache_joined_total", "slow")
        bodies = [slow(0.625 + i / 64, 3200) for i in range(2)] + [slow(0.625, 1200)]
        message = wire.infer("slow", wire.tensor("x", "FP32", [1, 3, 48, 1200]),
                             raws=[struct.pack("<f", 0.625) * (3 * 48 * 1200)])
        before = [weir.Client(self.server.port) for _ in bodies]
        for client, body in zip(before, bodies):
            self.addCleanup(client.close)
            client.send("POST", "/v2/models/slow/infer", {}, body)
        client = http2.Client(self.server.port)
        self.addCleanup(client.close)
        number = wire.open_call(client, "ModelStreamInfer", body=wire.frame(message))
        self.joined("slow", joined + 1)
        before[-1].close()
        answer = wire.Answer(client.wait(number))
        self.assertEqual((answer.status, len(answer.messages)), (wire.OK, 1), answer)
        self.assertEqual(list(wire.fields(answer.messages[0][1])), [2], "without an error")

    def test_waits_for_no_answer_that_is_not_read(self):
        """The first one has failed, and its client lets the server send nothing."""
        body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [5], "data": [1] * 5}]}).encode()
        silent = http2.Client(self.server.port, window=0)
        self.addCleanup(silent.close)
        number = silent.open("POST", "/v2/models/broken/infer", [("content-type", "application/json")], body)
        while silent.streams[number].status is None:
            silent.take()
        client = weir.Client(self.server.port, timeout=5)
        self.addCleanup(client.close)
        client.send("POST", "/v2/models/broken/infer", {}, body)
        self.assertEqual(client.receive().status, 500)

    def test_holds_each_to_its_own_deadline(self):
        joined = self.metric("weir_model_cache_joined_total", "slow")
        clients = self.together("slow", slow(0.875, 1200), 2)
        late = weir.Client(self.server.port)
        self.addCleanup(late.close)
        late.send("POST", "/v2/models/slow/infer", {}, slow(0.875, 1200, parameters={"timeout": 1000}))
        self.joined("slow", joined + 2)
        self.assertEqual(late.receive().status, 503)
        self.assertEqual([client.receive().status for client in clients], [200, 200])

    def test_tells_all_when_the_model_fails(self):
        body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [7], "data": [1] * 7}]}).encode()
        clients = [weir.Client(self.server.port) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
            client.send("POST", "/v2/models/broken/infer", {}, body)
        self.assertEqual({client.receive().status for client in clients}, {500})


if __name__ == "__main__":
    unittest.main(verbosity=2)
