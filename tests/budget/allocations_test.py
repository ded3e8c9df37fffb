#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Once warm, a worker allocates nothing: not for GET /livez, not for a JSON inference, not for what it hands on. For an image the
decoders of the system do; that is reported.

$MALLOC_COUNT is the library of malloc_count.c, which counts by kind of thread. What ONNX Runtime allocates on the
executors is its own affair; it is reported."""

import gzip
import http.client
import json
import mmap
import os
import struct
import sys
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import grpc_wire  # noqa: E402
import http2  # noqa: E402
import upstream  # noqa: E402
import upstream_http2  # noqa: E402
import weir  # noqa: E402

WARM_UP = 300
REQUESTS = 1000
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
models: [%s]
upstreams:
  - {name: app, servers: ["%s"]}
  - {name: app2, servers: ["%s"], protocol: http2}
  - {name: json, servers: ["%s"]}
schemas: schemas
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: "* /app/{rest...}", public: true, to: {upstream: app}}
  - {match: "* /app2/{rest...}", public: true, to: {upstream: app2}}
  - {match: POST /chat, public: true, to: {upstream: json}}
  - {match: POST /edited, public: true, schema: schemas/edited.json, to: {upstream: json}}
  - match: GET /items/{id}
    public: true
    contract: {responses: enforce}
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string, pattern: "^[a-z]+$"}}}
    responses: {200: schemas/item.json}
    to: {upstream: json}
  - {match: GET /reported, public: true, contract: {responses: report}, responses: {200: schemas/item.json}, to: {upstream: json}}
  - {match: "GET /files/{path...}", public: true, to: {files: public}}
  - {match: "GET /coded/{path...}", public: true, chain: [compress], to: {files: {root: public, precompressed: false}}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
"""


# A chat request as OpenAI has it, in the main.
CHAT = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string"},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "stream": {"type": "boolean"},
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "oneOf": [
                    {"properties": {"role": {"enum": ["system", "user"]}, "content": {"type": "string", "minLength": 1}}},
                    {"properties": {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]}}},
                ],
                "required": ["role", "content"],
                "unevaluatedProperties": False,
            },
        },
        "stop": {"type": "array", "uniqueItems": True, "items": {"type": "string", "pattern": "^[^\\0]*$"}},
    },
    "additionalProperties": False,
}
EDITED = {
    "x-openapi-validation": {"coerceTypes": True, "removeAdditional": True, "applyDefaults": True},
    "properties": {"n": {"type": "integer"}, "unit": {"default": "m"}},
    "additionalProperties": False,
}


class Counters:
    """The file that malloc_count.c maps: workers, executors, all others."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 24)

    def read(self):
        return struct.unpack("<3Q", self.memory[:24])


def answer_json(connection):
    while True:
        connection.request()
        connection.answer(b'{"id":5}', "Content-Type: application/json\r\n")


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        library = os.environ.get("MALLOC_COUNT")
        if not library or not os.path.exists(library):
            weir.skip("MALLOC_COUNT names no library")
        cls.upstream = upstream.Upstream().__enter__()
        cls.upstream_http2 = upstream.Upstream(upstream_http2.serving()).__enter__()
        cls.json = upstream.Upstream(answer_json).__enter__()
        cls.server = weir.Server(CONFIG % (weir.MODEL, cls.upstream.address, cls.upstream_http2.address, cls.json.address,
                                           weir.IMAGE_CHAIN))
        os.mkdir(cls.server.path("schemas"))
        for name, schema in (("post-chat", CHAT), ("edited", EDITED), ("item", {"required": ["id"]})):
            with open(cls.server.path("schemas/%s.json" % name), "w") as file:
                json.dump(schema, file)
        os.mkdir(cls.server.path("public"))
        for name, size in (("small.txt", 10000), ("large.txt", 300000)):
            with open(cls.server.path("public/" + name), "wb") as file:
                file.write(b"".join(b"line %d\n" % i for i in range(size // 10))[:size])
        path = cls.server.path("counts")
        cls.server.environment.update(LD_PRELOAD=library, MALLOC_COUNT_FILE=path)
        cls.server.start()
        cls.counters = Counters(path)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)
        cls.upstream.__exit__(None)
        cls.upstream_http2.__exit__(None)
        cls.json.__exit__(None)

    def measure(self, name, request, requests=REQUESTS, status=200):
        with weir.Client(self.server.port) as client:
            for _ in range(WARM_UP):
                client.raw(request)
                self.assertEqual(client.receive().status, status)
            begin = self.counters.read()
            for _ in range(requests):
                client.raw(request)
                client.receive()
            end = self.counters.read()
        worker, executor, _ = (b - a for a, b in zip(begin, end))
        print("%s: %d allocations by the worker in %d requests, %.2f a request by the executor"
              % (name, worker, requests, executor / requests))
        return worker

    def test_the_counter_counts(self):
        self.assertGreater(self.counters.read()[0], 0, "a worker allocates while it starts")
        self.assertGreater(self.counters.read()[2], 100)

    def test_livez(self):
        self.assertEqual(self.measure("GET /livez", weir.request_bytes("GET", "/livez"), 5000), 0)

    def test_a_request_that_is_handed_on(self):
        self.assertEqual(self.measure("GET handed on", weir.request_bytes("GET", "/app/x")), 0)
        chunk = b"%x\r\n%s\r\n" % (3000, bytes(3000))
        chunked = b"POST /app/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + 20 * chunk + b"0\r\n\r\n"
        self.assertEqual(self.measure("chunked POST handed on", chunked), 0)

    def test_a_request_with_a_contract(self):
        messages = [{"role": role, "content": "x" * 200} for role in ("system", "user", "assistant", "user")]
        chat = {"model": "m", "temperature": 1.5, "stop": ["a", "b", "c"], "messages": messages}
        bad = dict(chat, temperature=3, other=[1], messages=messages + [{"role": "user", "content": ""}])
        fields = {"Content-Type": "application/json"}
        for name, path, document, status in (("POST that fits", "/chat", chat, 200),
                                             ("POST that does not fit", "/chat", bad, 422),
                                             ("POST that is edited", "/edited", {"n": "5", "x": 1}, 200)):
            request = weir.request_bytes("POST", path, fields, json.dumps(document).encode())
            self.assertEqual(self.measure(name, request, status=status), 0)
        for name, target, status in (("GET with parameters and a response that is held", "/items/5?tags=a,b", 200),
                                     ("GET with wrong parameters", "/items/x?tags=a,1", 400),
                                     ("GET with a response that is reported", "/reported", 200)):
            self.assertEqual(self.measure(name, weir.request_bytes("GET", target), status=status), 0)

    def test_a_request_that_is_handed_on_over_http2(self):
        self.assertEqual(self.measure("GET handed on over HTTP/2", weir.request_bytes("GET", "/app2/x")), 0)
        chunk = b"%x\r\n%s\r\n" % (3000, bytes(3000))
        chunked = b"POST /app2/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + 20 * chunk + b"0\r\n\r\n"
        self.assertEqual(self.measure("chunked POST handed on over HTTP/2", chunked), 0)

    def measure_http2(self, name, *request, slow=None):
        """As measure, in streams of one connection, eight at a time. How many of them are open at the same moment is a
        matter of luck, so it is warmed up with twice as many; and with eight behind a slow request, since a model has
        as many runs as were ever in flight at once."""
        with http2.Client(self.server.port) as client:
            def ask(count=8):
                numbers = [client.open(*request) for _ in range(count)]
                client.wait(*numbers)
                self.assertEqual({client.streams.pop(number).status for number in numbers}, {200})
            for _ in range(WARM_UP // 8):
                ask(16)
            for _ in range(10 if slow else 0):
                number = client.open(*slow)
                ask()
                client.wait(number)
            begin = self.counters.read()
            for _ in range(REQUESTS // 8):
                ask()
            end = self.counters.read()
        worker = end[0] - begin[0]
        print("%s: %d allocations by the worker in %d streams" % (name, worker, REQUESTS))
        return worker

    def test_streams_of_http2(self):
        self.assertEqual(self.measure_http2("GET /livez by HTTP/2", "GET", "/livez"), 0)
        self.assertEqual(self.measure_http2("GET handed on from HTTP/2 to HTTP/2", "GET", "/app2/x"), 0)
        small, large = (("POST", "/v2/models/text-orientation/infer", (), json.dumps(
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 32, width], "data": [1] * 96 * width}]}).encode())
            for width in (32, 6400))
        self.assertEqual(self.measure_http2("JSON inference by HTTP/2", *small, slow=large), 0)

    def test_inference_by_grpc(self):
        def message(width):
            return grpc_wire.infer("text-orientation", grpc_wire.tensor("x", "FP32", [1, 3, 32, width]),
                                   raws=[bytes(4 * 3 * 32 * width)])

        def request(procedure, body, *more):
            return "POST", grpc_wire.SERVICE + procedure, [*grpc_wire.FIELDS, *more], body
        slow = request("ModelInfer", grpc_wire.frame(message(1600)))
        coded = grpc_wire.frame(gzip.compress(message(32)), flag=1)
        coding = ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")
        stream = b"".join(grpc_wire.frame(message(8)) for _ in range(10))
        for name, asked in (("ModelInfer", request("ModelInfer", grpc_wire.frame(message(32)))),
                            ("ModelInfer in gzip", request("ModelInfer", coded, *coding)),
                            ("ModelStreamInfer", request("ModelStreamInfer", stream)),
                            ("ServerLive", request("ServerLive", grpc_wire.frame(b"")))):
            self.assertEqual(self.measure_http2(name + " by gRPC", *asked, slow=slow), 0)

    def test_a_new_connection(self):
        request = weir.request_bytes("GET", "/livez", {"Connection": "close"})

        def ask():
            with weir.Client(self.server.port) as client:
                client.raw(request)
                client.receive()
        for _ in range(WARM_UP):
            ask()
        begin = self.counters.read()[0]
        for _ in range(REQUESTS):
            ask()
        self.assertEqual(self.counters.read()[0] - begin, 0)

    def test_json_inference(self):
        data = [round(i / 7, 6) for i in range(3 * 48 * 192)]
        body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 48, 192], "data": data}]})
        request = weir.request_bytes("POST", "/v2/models/text-orientation/infer", {}, body.encode())
        self.assertEqual(self.measure("JSON inference", request), 0)

    def test_small_json_inference(self):
        body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [1] * 3072}]})
        request = weir.request_bytes("POST", "/v2/models/text-orientation/infer", {}, body.encode())
        self.assertEqual(self.measure("small JSON inference", request), 0)

    def test_binary_inference(self):
        head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 48, 192],
                                       "parameters": {"binary_data_size": 110592}}],
                           "parameters": {"binary_data_output": True}}).encode()
        request = weir.request_bytes("POST", "/v2/models/text-orientation/infer",
                                     {"Inference-Header-Content-Length": str(len(head))}, head + bytes(110592))
        self.assertEqual(self.measure("tensors in binary", request, 100), 0)

    def test_files(self):
        for name in ("small.txt", "large.txt"):
            self.assertEqual(self.measure(name, weir.request_bytes("GET", "/files/" + name)), 0)
        ranges = weir.request_bytes("GET", "/files/large.txt", {"Range": "bytes=0-99,5000-200000"})
        with weir.Client(self.server.port) as client:
            for i in range(WARM_UP + REQUESTS):
                if i == WARM_UP:
                    begin = self.counters.read()[0]
                client.raw(ranges)
                self.assertEqual(client.receive().status, 206)
            self.assertEqual(self.counters.read()[0] - begin, 0)

    def test_compressed_responses(self):
        for coding in ("gzip", "br", "zstd"):
            for name in ("small.txt", "large.txt"):
                connection = http.client.HTTPConnection("127.0.0.1", self.server.port)
                for i in range(WARM_UP // 3 + 100):
                    if i == WARM_UP // 3:
                        begin = self.counters.read()[0]
                    connection.request("GET", "/coded/" + name, headers={"Accept-Encoding": coding})
                    response = connection.getresponse()
                    self.assertEqual(response.getheader("Content-Encoding"), coding)
                    response.read()
                self.assertEqual(self.counters.read()[0] - begin, 0, "%s in %s" % (name, coding))
                connection.close()

    def test_coded_requests(self):
        body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [1] * 3072}]})
        for coding, coded in (("gzip", gzip.compress(body.encode())), ("deflate", zlib.compress(body.encode()))):
            request = weir.request_bytes("POST", "/v2/models/text-orientation/infer", {"Content-Encoding": coding}, coded)
            self.assertEqual(self.measure("JSON in " + coding, request, 300), 0)

    def test_problems(self):
        request = weir.request_bytes("GET", "/nope")
        with weir.Client(self.server.port) as client:
            for i in range(WARM_UP + REQUESTS):
                if i == WARM_UP:
                    begin = self.counters.read()[0]
                client.raw(request)
                self.assertEqual(client.receive().status, 404)
            self.assertEqual(self.counters.read()[0] - begin, 0)

    def test_images_are_reported(self):
        """The image libraries allocate by themselves, so an image is not free; how far from it is worth knowing."""
        for name in ("upright-1.jpg", "upright-2.png", "upright-3.webp"):
            self.measure(name, weir.request_bytes("POST", "/v1/text-orientation", {}, weir.image(name)), 200)


if __name__ == "__main__":
    unittest.main(verbosity=1)
