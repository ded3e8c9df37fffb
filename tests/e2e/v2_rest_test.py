#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol v2 over REST as its public clients speak it, byte by byte."""

import gzip
import json
import os
import struct
import sys
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

MODELS = os.path.join(weir.ROOT, "tests/data/models")
LENGTH = "Inference-Header-Content-Length"
CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 1
models:
  - {name: two, path: %(models)s/two_inputs.onnx}
  - {name: mlp, path: %(models)s/mlp.onnx, labels: "{folder}/labels.txt"}
routes:
  - {match: /v2, public: true, chain: [compress: {types: [application/*], min_bytes: 1, codings: [gzip, deflate]}], to: {endpoint: v2}}
""" % {"models": MODELS}


def binary(document, *tails):
    """A body, and the header that says how much of it is JSON."""
    text = json.dumps(document).encode()
    return text + b"".join(tails), {LENGTH: str(len(text))}


def tensor(name, shape, datatype, data=None, **parameters):
    made = {"name": name, "shape": shape, "datatype": datatype}
    if data is not None:
        made["data"] = data
    if parameters:
        made["parameters"] = parameters
    return made


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def split(response):
    """The document, and what stands behind it by the name of the output."""
    length = response.field(LENGTH)
    if length is None:
        return json.loads(response.body), {}
    document, tail = json.loads(response.body[:int(length)]), response.body[int(length):]
    tensors = {}
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is not None:
            tensors[output["name"]], tail = tail[:size], tail[size:]
    assert tail == b"", tail
    return document, tensors


class Rest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG)
        with open(cls.server.path("labels.txt"), "w") as file:
            file.write("zero\none\ntwo\n")
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def ask(self, method, path, body=b"", headers=None):
        return weir.ask(self.server.port, method, path, headers, body)

    def infer(self, model, body, headers=None):
        return self.ask("POST", "/v2/models/%s/infer" % model, body, headers)

    def mlp(self, *tails, **members):
        document = {"inputs": [tensor("x", [1, WIDTH], "FP32", binary_data_size=4 * WIDTH)], **members}
        return self.infer("mlp", *binary(document, *(tails or [floats(*range(WIDTH))])))

    def test_binary_is_what_json_is(self):
        values = [0.25 * i for i in range(WIDTH)]
        plain = self.infer("mlp", json.dumps({"inputs": [tensor("x", [1, WIDTH], "FP32", values)]}).encode())
        self.assertEqual(plain.status, 200, plain)
        response = self.mlp(floats(*values), parameters={"binary_data_output": True})
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.field("Content-Type"), "application/octet-stream")
        document, tensors = split(response)
        expected = plain.json()["outputs"][0]
        self.assertEqual(document["outputs"][0]["shape"], expected["shape"])
        self.assertEqual(tensors["y"], floats(*expected["data"]))

    def test_a_body_without_json_is_the_one_input(self):
        values = floats(*range(WIDTH))
        raw = self.infer("mlp", values, {LENGTH: "0"})
        self.assertEqual(raw.status, 200, raw)
        self.assertEqual(split(raw)[1], split(self.mlp(values, parameters={"binary_data_output": True}))[1])

    def test_sizes_that_do_not_fit_are_told_by_pointer(self):
        response = self.mlp(b"abc")
        self.assertEqual(response.status, 422, response)
        problem = response.json()
        self.assertEqual(problem["errors"][0]["pointer"], "/inputs/0/parameters/binary_data_size")
        self.assertEqual(problem["error"], problem["detail"])
        self.assertEqual(self.infer("mlp", b"{}", {LENGTH: "3"}).status, 400)

    def test_codings_are_taken_off_before_the_body_is_split(self):
        body, headers = binary({"inputs": [tensor("x", [1, WIDTH], "FP32", binary_data_size=4 * WIDTH)],
                                "parameters": {"binary_data_output": True}}, floats(*range(WIDTH)))
        expected = split(self.infer("mlp", body, headers))
        for coding, code, decode in (("gzip", gzip.compress, gzip.decompress),
                                     ("deflate", zlib.compress, zlib.decompress)):
            response = self.infer("mlp", code(body), {**headers, "Content-Encoding": coding, "Accept-Encoding": coding})
            self.assertEqual(response.status, 200, response)
            self.assertEqual(response.field("Content-Encoding"), coding)
            response.body = decode(response.body)
            self.assertEqual(split(response), expected)

    def test_the_best_classes_bear_their_labels(self):
        response = self.mlp(outputs=[{"name": "y", "parameters": {"classification": 2}}])
        self.assertEqual(response.status, 200, response)
        output = response.json()["outputs"][0]
        self.assertEqual((output["datatype"], output["shape"]), ("BYTES", [1, 2]))
        scores = [float(text.split(":")[0]) for text in output["data"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        for text in output["data"]:
            _, index, *label = text.split(":")
            self.assertEqual(label, [["zero"], ["one"], ["two"]][int(index)] if int(index) < 3 else [])

    def test_bodies_that_clients_call_bytes_are_taken(self):
        body = json.dumps({"inputs": [tensor("x", [1, WIDTH], "FP32", [0.0] * WIDTH)]}).encode()
        self.assertEqual(self.infer("mlp", body, {"Content-Type": "application/octet-stream"}).status, 200)


WIDTH = 8

if __name__ == "__main__":
    unittest.main()
