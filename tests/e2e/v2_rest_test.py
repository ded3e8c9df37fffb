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
shared_memory: {allow: true, prefix: weir-test-}
models:
  - {name: string, path: %(models)s/string.onnx}
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

    def test_what_is_not_there_is_told_where_clients_look(self):
        for path in ("/v2/models/none", "/v2/models/mlp/versions/9", "/v2/models/mlp/unknown"):
            response = self.ask("GET", path)
            self.assertEqual((response.status, response.json()["error"]), (404, response.json()["detail"]))

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


    def test_texts_go_both_ways(self):
        texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"a", b"\xff\0b"))
        body, headers = binary({"inputs": [tensor("x", [2], "BYTES", binary_data_size=len(texts))],
                                "parameters": {"binary_data_output": True}}, texts)
        self.assertEqual(split(self.infer("string", body, headers))[1]["y"], texts)
        plain = self.infer("string", json.dumps({"inputs": [tensor("x", [2], "BYTES", ["a", "\u00fc"])]}).encode())
        self.assertEqual(plain.json()["outputs"][0]["data"], ["a", "\u00fc"])
        raw = self.infer("string", b"whole body", {LENGTH: "0"})
        self.assertEqual(split(raw)[1]["y"], struct.pack("<I", 10) + b"whole body")

    def test_tensors_lie_in_shared_memory(self):
        base = "/v2/systemsharedmemory"
        with Object(100) as given, Object(100) as taken:
            for name, item in (("in", given), ("out", taken)):
                answer = self.ask("POST", base + "/region/%s/register" % name,
                                  json.dumps({"key": "/" + item.name, "offset": 4, "byte_size": 96}).encode())
                self.assertEqual(answer.status, 200, answer)
            self.assertEqual([region["name"] for region in self.ask("GET", base + "/status").json()], ["in", "out"])
            given.write(4 + 8, floats(1, 2) + floats(3, 4))
            document = {"inputs": [tensor("left", [1, 2], "FP32", shared_memory_region="in", shared_memory_offset=8,
                                          shared_memory_byte_size=8),
                                   tensor("right", [1, 2], "FP32", shared_memory_region="in", shared_memory_offset=16,
                                          shared_memory_byte_size=8)],
                        "outputs": [{"name": "sum", "parameters": {"shared_memory_region": "out",
                                                                   "shared_memory_byte_size": 8}},
                                    {"name": "product"}]}
            response = self.infer("two", json.dumps(document).encode())
            self.assertEqual(response.status, 200, response)
            shared, plain = response.json()["outputs"]
            # No parameters either: Triton's C++ client takes any for those of binary data.
            self.assertEqual(shared, {"name": "sum", "datatype": "FP32", "shape": [1, 2]})
            self.assertEqual(plain["data"], [3.0, 8.0])
            self.assertEqual(taken.read(4, 8), floats(4, 6))
            # A client that cuts its objects short gets an answer, and nobody else notices.
            taken.truncate(5)
            self.assertEqual(self.infer("two", json.dumps(document).encode()).status, 422)
            given.truncate(5)
            self.assertEqual(self.infer("two", json.dumps(document).encode()).status, 422)
            self.assertEqual(self.ask("POST", base + "/region/in/unregister").status, 200)
            self.assertEqual(self.ask("GET", base + "/region/in/status").problem(), "region-not-found")
            self.assertEqual(self.ask("POST", base + "/unregister").status, 200)
            self.assertEqual(self.ask("GET", base + "/status").json(), [])

    def test_a_region_has_the_same_name_in_paths_and_documents(self):
        base = "/v2/systemsharedmemory"
        with Object(32) as item:
            for name, path in (("in put", "in%20put"), ("p%c", "p%25c"), ("\u00e9", "%C3%A9"), ("%FF", "%FF")):
                register = json.dumps({"key": "/" + item.name, "byte_size": 32}).encode()
                self.assertEqual(self.ask("POST", base + "/region/%s/register" % path, register).status, 200)
                x = tensor("x", [1, 8], "FP32", shared_memory_region=name, shared_memory_byte_size=32)
                self.assertEqual(self.infer("mlp", json.dumps({"inputs": [x]}).encode()).status, 200, name)
                (region,) = self.ask("GET", base + "/region/%s/status" % path).json()
                self.assertEqual(region["name"], name)
                self.assertEqual(self.ask("POST", base + "/region/%s/unregister" % path).status, 200)
            self.assertEqual(self.ask("GET", base + "/status").json(), [])

    def test_only_objects_that_may_be_are_registered(self):
        def register(**body):
            return self.ask("POST", "/v2/systemsharedmemory/region/r/register", json.dumps(body).encode())
        self.assertEqual(register(key="/other", byte_size=1).problem(), "not-enabled")
        self.assertEqual(register(key="weir-test-/../x", byte_size=1).status, 400)
        self.assertEqual(register(key="weir-test-none", byte_size=1).status, 400)
        self.assertEqual(register(byte_size=1).json()["error"],
                         "/key: Expected the name of a shared memory object, got nothing.")
        self.assertEqual(self.ask("POST", "/v2/cudasharedmemory/region/r/register").status, 501)
        self.assertEqual(self.ask("GET", "/v2/cudasharedmemory/status").json(), [])

    def test_statistics_count_what_was_run(self):
        def count():
            stats = self.ask("GET", "/v2/models/two/versions/1/stats").json()["model_stats"]
            return stats[0]["inference_stats"]["success"]["count"]
        before = count()
        data = [1.0, 2.0]
        document = {"inputs": [tensor(name, [1, 2], "FP32", data) for name in ("left", "right")]}
        self.assertEqual(self.infer("two", json.dumps(document).encode()).status, 200)
        self.assertEqual(count(), before + 1)


class Object:
    """An object of POSIX shared memory, which Linux keeps as a file."""

    count = 0

    def __init__(self, size):
        Object.count += 1
        self.name = "weir-test-%d-%d" % (os.getpid(), Object.count)
        self.file = open("/dev/shm/" + self.name, "w+b", buffering=0)
        self.file.truncate(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        os.unlink("/dev/shm/" + self.name)

    def write(self, offset, data):
        os.pwrite(self.file.fileno(), data, offset)

    def read(self, offset, size):
        return os.pread(self.file.fileno(), size, offset)

    def truncate(self, size):
        os.ftruncate(self.file.fileno(), size)


WIDTH = 8

if __name__ == "__main__":
    unittest.main()
