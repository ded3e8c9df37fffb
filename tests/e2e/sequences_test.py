#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models that have a state between requests: a running sum, and Silero's voice detector where npm gives it
(npm package @ricky0123/vad-web, pinned; kept in build/deps/from)."""

import base64
import hashlib
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import struct
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import grpc_wire as wire  # noqa: E402
import http2  # noqa: E402
import weir  # noqa: E402

MODELS = os.path.join(weir.ROOT, "tests/data/models")
CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 2
limits: {body_bytes: 64KiB, request_memory: 256KiB}
models:
  - {name: sum, path: %(models)s/running_sum.onnx, sequence: {state: [{input: sum, output: next}]}}
  - {name: brief, path: %(models)s/running_sum.onnx, sequence: {state: [{input: sum, output: next}], idle: 3s, max: 2}}
  - {name: cached, path: %(models)s/running_sum.onnx, cache: 60s, sequence: {state: [{input: sum, output: next}]}}
  - {name: large, path: %(models)s/running_sum.onnx, sequence: {state: [{input: sum, output: next, dims: [100000, 2]}]}}
  - {name: heavy, path: %(models)s/running_sum.onnx, batch: 1, memory: 1MiB,
     sequence: {state: [{input: sum, output: next, dims: [8000, 2]}]}}
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: /v2, public: true, to: {endpoint: v2}}
""" % {"models": MODELS}

PACKAGE = "@ricky0123/vad-web@0.0.31"
INTEGRITY = "ePVq8TvB21sdHSxVMZOEIf9JVa7MAYpaIaNXeGgsPOiMCN8xbPCdF2LS5aYj7VRR3ZxzutedgV9ZplV65IA1Fg=="
VAD_CONFIG = """
listen: [127.0.0.1:0]
workers: 2
models:
  - name: vad
    path: %s
    warm_up: {input: [1, 256], state: [2, 1, 128]} # at a rate of zero it takes windows of 256
    sequence: {state: [{input: state, output: stateN, dims: [2, 1, 128]}]}
routes:
  - {match: /v2, public: true, to: {endpoint: v2}}
"""


def body(sequence, values, rows=1, start=False, end=False, **more):
    parameters = dict({"sequence_start": start, "sequence_end": end}, **more)
    if sequence is not None:
        parameters["sequence_id"] = sequence
    tensor = {"name": "x", "datatype": "FP32", "shape": [rows, 2], "data": values}
    return json.dumps({"inputs": [tensor], "parameters": parameters}).encode()


class Sequences(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG)
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def post(self, model, *arguments, **options):
        return weir.ask(self.server.port, "POST", "/v2/models/%s/infer" % model, {}, body(*arguments, **options))

    def sum(self, *arguments, model="sum", **options):
        response = self.post(model, *arguments, **options)
        self.assertEqual(response.status, 200, response)
        outputs = response.json()["outputs"]
        self.assertEqual([output["name"] for output in outputs], ["y"], "the state is not shown")
        return outputs[0]["data"]

    def refused(self, status, slug, *arguments, model="sum", **options):
        response = self.post(model, *arguments, **options)
        self.assertEqual((response.status, response.json()["type"]), (status, "urn:weir:problem:" + slug), response)
        return response

    def metric(self, name, model):
        return weir.metrics(self.server.port)['%s{model="%s",version="1"}' % (name, model)]

    def test_goes_on_where_the_request_before_ended(self):
        self.assertEqual(self.sum(1, [1, 10], start=True), [1, 10])
        self.assertEqual(self.sum(1, [2, 20]), [3, 30])
        self.assertEqual(self.sum("two", [5, 5], start=True), [5, 5])
        self.assertEqual(self.sum("1", [3, 30], end=True), [6, 60])
        self.refused(400, "unknown-sequence", 1, [1, 1])
        self.assertEqual(self.sum("two", [1, 1], start=True), [1, 1])
        self.assertEqual(self.sum("two", [1, 1], end=True), [2, 2])

    def test_goes_on_over_grpc_too(self):
        def add(*values, **parameters):
            parts = [wire.parameter(4, name, value) for name, value in parameters.items()]
            message = wire.infer("sum", wire.tensor("x", "FP32", [1, 2]), wire.parameter(4, "sequence_id", "wire"), *parts,
                                 raws=[struct.pack("<2f", *values)])
            with http2.Client(self.server.port) as client:
                return list(struct.unpack("<2f", wire.call(client, "ModelInfer", message).message[6][0]))

        self.assertEqual(add(1, 10, sequence_start=True), [1, 10])
        self.assertEqual(add(2, 20), [3, 30])
        self.assertEqual(self.sum("wire", [3, 30], end=True), [6, 60])

    def test_begins_with_as_many_rows_as_the_request_has(self):
        self.assertEqual(self.sum("rows", [1, 2, 3, 4], rows=2, start=True), [1, 2, 3, 4])
        self.assertEqual(self.sum("rows", [1, 1, 1, 1], rows=2, end=True), [2, 3, 4, 5])

    def test_wants_a_sequence_or_the_state(self):
        self.refused(400, "unknown-sequence", None, [1, 1])
        self.refused(400, "unknown-sequence", "never", [1, 1])
        self.refused(400, "unknown-sequence", "y" * 128, [1, 1])
        inputs = [{"name": name, "datatype": "FP32", "shape": [1, 2], "data": [1, 2]} for name in ("x", "sum")]
        response = weir.ask(self.server.port, "POST", "/v2/models/sum/infer", {}, json.dumps({"inputs": inputs}).encode())
        self.assertEqual({output["name"]: output["data"] for output in response.json()["outputs"]},
                         {"y": [2, 4], "next": [2, 4]})

    def test_forgets_what_nobody_asks_for_and_takes_no_more_than_it_may(self):
        self.sum("a", [1, 1], start=True, model="brief")
        self.sum("b", [1, 1], start=True, model="brief")
        response = self.refused(503, "overloaded", "c", [1, 1], start=True, model="brief")
        self.assertEqual(response.field("Retry-After"), "1")
        self.assertEqual(self.metric("weir_model_sequences", "brief"), 2)
        time.sleep(1.6)
        self.assertEqual(self.sum("b", [1, 1], model="brief"), [2, 2])
        time.sleep(1.6)
        self.assertEqual(self.sum("c", [1, 1], start=True, model="brief"), [1, 1])
        self.refused(400, "unknown-sequence", "a", [1, 1], model="brief")
        self.assertEqual(self.metric("weir_model_sequences_expired_total", "brief"), 1)
        self.assertEqual(self.metric("weir_model_sequences_refused_total", "brief"), 1)

    def test_is_never_answered_from_the_cache(self):
        for total in (1, 2, 3):
            self.assertEqual(self.sum("kept", [1, 1], start=total == 1, model="cached"), [total, total])

    def test_begins_nothing_when_the_first_state_cannot_be_made(self):
        self.refused(413, "request-too-large", 1, [1, 1], start=True, model="large")
        self.assertEqual(self.metric("weir_model_sequences", "large"), 0)
        self.refused(400, "unknown-sequence", 1, [1, 1], model="large")

    def test_keeps_states_within_the_memory_of_the_model(self):
        for name in range(1, 17):
            self.assertEqual(len(self.sum(name, [1, 1], start=True, model="heavy")), 16000)
        self.refused(503, "out-of-memory", 17, [1, 1], start=True, model="heavy")
        self.assertEqual(self.sum(2, [1, 1], end=True, model="heavy")[:2], [2, 2])
        self.assertEqual(self.sum(17, [3, 3], start=True, model="heavy")[:2], [3, 3])
        self.refused(503, "out-of-memory", 18, [1, 1], start=True, model="heavy")

    def test_counts_no_sequences_of_a_model_that_is_gone(self):
        config = CONFIG.replace("name: brief,", "name: brief, queue: %d,")
        with weir.Server(config % 100) as server:
            answer = weir.ask(server.port, "POST", "/v2/models/brief/infer", {}, body(1, [1, 1], start=True))
            self.assertEqual(answer.status, 200)
            name = 'weir_model_sequences{model="brief",version="1"}'
            self.assertEqual(weir.metrics(server.port)[name], 1)
            server.write_config(config % 200)
            server.reload()
            weir.wait_until(lambda: weir.metrics(server.port).get(name) == 0, 10, "the other model")

    def test_goes_on_over_grpc(self):
        client = http2.Client(self.server.port)
        self.addCleanup(client.close)
        sums = []
        for values in ((1, 10), (2, 20)):
            message = wire.infer("sum", wire.parameter(4, "sequence_id", 77), wire.parameter(4, "sequence_start", not sums),
                                 wire.tensor("x", "FP32", [1, 2]), raws=[struct.pack("<2f", *values)])
            answer = wire.call(client, "ModelInfer", message)
            self.assertEqual(answer.status, wire.OK, answer)
            sums.append(struct.unpack("<2f", answer.message[6][0]))
        self.assertEqual(sums, [(1, 10), (3, 30)])
        self.assertEqual(self.sum(77, [3, 30], end=True), [6, 60])

    def test_runs_one_after_the_other_whoever_asks(self):
        """All at once over as many connections, on both workers: every sum comes out once."""
        self.sum("crowd", [0, 0], start=True)
        totals = []

        def work():
            with weir.Client(self.server.port) as client:
                for _ in range(20):
                    response = client.request("POST", "/v2/models/sum/infer", {}, body("crowd", [1, 2]))
                    totals.append(tuple(response.json()["outputs"][0]["data"]))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(totals), [(n, 2 * n) for n in range(1, 161)])
        self.assertEqual(self.sum("crowd", [0, 0], end=True), [160, 320])

    def test_keeps_sequences_apart(self):
        def work(name):
            chance = random.Random(name)
            total = [0, 0]
            for step in range(40):
                values = [chance.randrange(100), chance.randrange(100)]
                total = [total[0] + values[0], total[1] + values[1]]
                try:
                    if self.sum(name, values, start=step == 0, end=step == 39) != total:
                        raise AssertionError("another's state")
                except AssertionError as error:
                    faults.append(error)
                    return

        faults = []
        threads = [threading.Thread(target=work, args=("s%d" % n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])

    def test_lets_the_next_one_go_on_when_a_client_leaves(self):
        self.sum("left", [0, 0], start=True)
        for _ in range(30):
            client = weir.Client(self.server.port)
            client.send("POST", "/v2/models/sum/infer", {}, body("left", [1, 1]))
            client.close()
        total = self.sum("left", [1, 1], end=True)[0]
        self.assertTrue(1 <= total <= 31, total)


def voice_model():
    """The path of Silero's model; fetched once."""
    path = os.path.join(os.path.dirname(weir.MODELS), "from/silero_vad_v5.onnx")
    if os.path.exists(path):
        return path
    npm = shutil.which("npm")
    if not npm:
        raise unittest.SkipTest("npm is not there to fetch %s" % PACKAGE)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([npm, "pack", PACKAGE, "--pack-destination", folder], capture_output=True, text=True,
                              timeout=100, check=False)
        files = os.listdir(folder)
        if done.returncode != 0 or len(files) != 1:
            raise unittest.SkipTest("npm does not give %s" % PACKAGE)
        archive = os.path.join(folder, files[0])
        with open(archive, "rb") as file:
            digest = base64.b64encode(hashlib.sha512(file.read()).digest()).decode()
        assert digest == INTEGRITY, "%s is not what it was" % PACKAGE
        with tarfile.open(archive) as tar:
            data = tar.extractfile("package/dist/silero_vad_v5.onnx").read()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)
    return path


class Voice(unittest.TestCase):
    def infer(self, port, samples, state=None, **parameters):
        inputs = [{"name": "input", "datatype": "FP32", "shape": [1, 512], "data": samples},
                  {"name": "sr", "datatype": "INT64", "shape": [], "data": [16000]}]
        if state:
            inputs.append({"name": "state", "datatype": "FP32", "shape": [2, 1, 128], "data": state})
        document = {"inputs": inputs, "parameters": parameters}
        response = weir.ask(port, "POST", "/v2/models/vad/infer", {}, json.dumps(document).encode())
        self.assertEqual(response.status, 200, response)
        return {output["name"]: output["data"] for output in response.json()["outputs"]}

    def test_a_voice_detector_hears_the_same_by_sequence_as_by_hand(self):
        chunks = [[0.4 * math.sin(0.05 * n * (n + 512 * c) / 400) * (c % 3) for n in range(512)] for c in range(12)]
        with weir.Server(VAD_CONFIG % voice_model()) as server:
            state = [0.0] * 256
            by_hand = []
            for chunk in chunks:
                outputs = self.infer(server.port, chunk, state)
                state = outputs["stateN"]
                by_hand.append(outputs["output"][0])
            for name in ("one", "two"):
                heard = [self.infer(server.port, chunk, sequence_id=name, sequence_start=c == 0, sequence_end=c == 11)
                         for c, chunk in enumerate(chunks)]
                self.assertEqual([list(outputs) for outputs in heard], [["output"]] * 12)
                self.assertEqual([outputs["output"][0] for outputs in heard], by_hand)
        self.assertGreater(len(set(by_hand)), 6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
