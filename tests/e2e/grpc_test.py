#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol v2 over gRPC, byte by byte: what is answered, what is refused and how, compression, deadlines,
cancelled calls, many calls at a time. clients_grpc_test.py asks the public clients the same."""

import gzip
import json
import os
import shutil
import struct
import sys
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import grpc_wire as wire  # noqa: E402
import http2  # noqa: E402
import weir  # noqa: E402

MODELS = os.path.join(weir.ROOT, "tests/data/models")
CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
limits: {body_bytes: 1MiB, http2_streams: 200, grpc_stream_requests: 8, grpc_idle_time: 2s}
models:
  - {name: two, path: %(models)s/two_inputs.onnx}
  - {name: mlp, path: %(models)s/mlp.onnx, queue: 4000}
  - {name: int64, path: %(models)s/int64.onnx}
  - {name: detection, path: %(deps)s/text-detection.onnx, warm_up: {x: [1, 3, 32, 32]}}
shared_memory: {allow: true, prefix: weir-test-}
chain: [request_id, access_log: {path: access.log}, metrics, compress: {types: [application/*], min_bytes: 1}]
routes:
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: /v2, public: true, to: {endpoint: v2}}
""" % {"models": MODELS, "deps": weir.MODELS}


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def two(rows=1, *parts, model="two"):
    values = [float(i) for i in range(2 * rows)]
    return wire.infer(model, wire.tensor("left", "FP32", [rows, 2]), wire.tensor("right", "FP32", [rows, 2]), *parts,
                      raws=[floats(*values), floats(*values)])


def slow():
    """Takes a model of ours a good part of a second."""
    dims = [1, 3, 256, 256]
    return wire.infer("detection", wire.tensor("x", "FP32", dims), raws=[bytes(4 * 3 * 256 * 256)])


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(CONFIG).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def client(self, **options):
        client = http2.Client(self.server.port, **options)
        self.addCleanup(client.close)
        return client

    def call(self, *arguments, **options):
        return wire.call(self.client(), *arguments, **options)

    def log_line(self, user_agent):
        def find():
            with open(os.path.join(self.server.folder, "access.log"), encoding="utf-8") as file:
                return next((entry for entry in map(json.loads, file) if entry.get("user_agent") == user_agent), None)
        return weir.wait_until(find, 10, "a line of the log")


class Answers(Case):
    def test_configuration_and_statistics(self):
        config = wire.fields(self.call("ModelConfig", wire.field(1, "two")).message[1][0])
        self.assertEqual((config[1], config[17]), ([b"two"], [b"onnxruntime"]))
        self.assertEqual([wire.fields(spec)[2] for spec in config[5]], [[11], [11]])
        self.call("ModelInfer", two(3))
        stats = [wire.fields(model) for model in self.call("ModelStatistics", wire.field(1, "two")).message[1]]
        self.assertEqual([model[1] for model in stats], [[b"two"]])
        self.assertGreaterEqual(stats[0][4][0], 3)
        self.assertEqual(len(self.call("ModelStatistics").message[1]), 4)

    def test_health_and_metadata(self):
        self.assertEqual(self.call("ServerLive").message, {1: [1]})
        self.assertEqual(self.call("ServerReady").message, {1: [1]})
        self.assertEqual(self.call("ServerMetadata").message[1], [b"weir"])
        self.assertEqual(self.call("ModelReady", wire.field(1, "two")).message, {1: [1]})
        self.assertEqual(self.call("ModelReady", wire.field(1, "two") + wire.field(2, "1")).message, {1: [1]})
        self.assertEqual(self.call("ModelReady", wire.field(1, "none")).message, {})
        self.assertEqual(self.call("/grpc.health.v1.Health/Check").message, {1: [1]})
        service = wire.field(1, "inference.GRPCInferenceService")
        self.assertEqual(self.call("/grpc.health.v1.Health/Check", service).message, {1: [1]})

    def test_metadata_of_a_model(self):
        message = self.call("ModelMetadata", wire.field(1, "two")).message
        self.assertEqual((message[1], message[2], message[3]), ([b"two"], [b"1"], [b"onnxruntime_onnx"]))
        inputs = [wire.fields(spec) for spec in message[4]]
        self.assertEqual([spec[1] for spec in inputs], [[b"left"], [b"right"]])
        self.assertEqual(inputs[0][2], [b"FP32"])
        self.assertEqual(inputs[0][3], [wire.varint(-1) + wire.varint(2)])
        self.assertEqual([wire.fields(spec)[1] for spec in message[5]], [[b"sum"], [b"product"]])

    def test_infer_with_raw_contents(self):
        answer = self.call("ModelInfer", two(2, wire.field(3, "an id")))
        message = answer.message
        self.assertEqual((message[1], message[2], message[3]), ([b"two"], [b"1"], [b"an id"]))
        outputs = [wire.fields(output) for output in message[5]]
        self.assertEqual([output[1] for output in outputs], [[b"sum"], [b"product"]])
        self.assertEqual([output[3] for output in outputs], [[b"\2\2"], [b"\2\2"]])
        self.assertEqual(message[6], [floats(0, 2, 4, 6), floats(0, 1, 4, 9)])
        self.assertEqual(answer.head["content-type"], "application/grpc")
        self.assertNotIn("content-length", answer.head)
        self.assertNotIn("content-encoding", answer.head)

    def test_infer_with_typed_contents(self):
        contents = wire.field(5, wire.field(3, wire.varint(-5) + wire.varint(1 << 40)))
        message = self.call("ModelInfer", wire.infer("int64", wire.tensor("x", "INT64", [2], contents))).message
        self.assertEqual(message[6], [struct.pack("<2q", -10, 1 << 41)])

    def test_large_tensors_come_back_whole(self):
        rows = 40000
        values = [float(i) for i in range(2 * rows)]
        message = self.call("ModelInfer", two(rows)).message
        self.assertEqual(message[6][0], floats(*(2 * value for value in values)))
        self.assertEqual(len(message[6][1]), 8 * rows)

    def test_only_the_outputs_that_are_asked_for(self):
        message = self.call("ModelInfer", two(1, wire.field(6, wire.field(1, "product")))).message
        self.assertEqual([wire.fields(output)[1] for output in message[5]], [[b"product"]])
        self.assertEqual(message[6], [floats(0, 1)])

    def test_classification(self):
        wish = wire.field(6, wire.field(1, "sum") + wire.parameter(2, "classification", 1))
        message = self.call("ModelInfer", two(2, wish)).message
        self.assertEqual(wire.fields(message[5][0])[2], [b"BYTES"])
        self.assertEqual(message[6], [b"\5\0\0\x002.0:1" + b"\5\0\0\x006.0:1"])

    def test_a_hundred_calls_at_a_time_get_their_own_answers(self):
        client = self.client()
        numbers = [wire.open_call(client, "ModelInfer", two(1 + i % 7, wire.field(3, "id %d" % i))) for i in range(100)]
        client.wait(*numbers)
        for i, number in enumerate(numbers):
            message = wire.Answer(client.streams[number]).message
            self.assertEqual(message[3], [b"id %d" % i])
            self.assertEqual(len(message[6][0]), 8 * (1 + i % 7))


class Object:
    """An object of POSIX shared memory, which Linux keeps as a file."""

    def __init__(self, name, size):
        self.name = "weir-test-%s-%d" % (name, os.getpid())
        self.file = open("/dev/shm/" + self.name, "w+b", buffering=0)
        self.file.truncate(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        os.unlink("/dev/shm/" + self.name)


class Extensions(Case):
    def register(self, item, name, size, offset=0):
        message = wire.field(1, name) + wire.field(2, "/" + item.name) + wire.field(3, offset) + wire.field(4, size)
        return self.call("SystemSharedMemoryRegister", message)

    def regions(self, name=""):
        entries = self.call("SystemSharedMemoryStatus", wire.field(1, name)).message.get(1, [])
        return {wire.fields(entry)[1][0]: wire.fields(wire.fields(entry)[2][0]) for entry in entries}

    def place(self, number, region, size, offset=0):
        return (wire.parameter(number, "shared_memory_region", region) +
                wire.parameter(number, "shared_memory_byte_size", size) +
                wire.parameter(number, "shared_memory_offset", offset))

    def test_tensors_lie_in_shared_memory(self):
        with Object("in", 64) as given, Object("out", 64) as taken:
            self.assertEqual(self.register(given, "in", 60, 4).message, {})
            self.assertEqual(self.register(taken, "out", 64).message, {})
            self.assertEqual(self.register(taken, "out", 32).status, wire.ALREADY_EXISTS)
            found = self.regions()
            self.assertEqual(set(found), {b"in", b"out"})
            self.assertEqual(found[b"in"], {1: [b"in"], 2: [b"/" + given.name.encode()], 3: [4], 4: [60]})
            self.assertEqual(set(self.regions("out")), {b"out"})
            os.pwrite(given.file.fileno(), floats(1, 2), 12)
            message = wire.infer("two", wire.tensor("left", "FP32", [1, 2], self.place(4, "in", 8, 8)),
                                 wire.tensor("right", "FP32", [1, 2]),
                                 wire.field(6, wire.field(1, "sum") + self.place(2, "out", 8, 16)),
                                 wire.field(6, wire.field(1, "product")), raws=[floats(3, 4)])
            answer = self.call("ModelInfer", message).message
            self.assertEqual(answer[6], [b"", floats(3, 8)])
            self.assertEqual(os.pread(taken.file.fileno(), 8, 16), floats(4, 6))
            taken.file.truncate(5)
            self.assertEqual(self.call("ModelInfer", message).status, wire.INVALID_ARGUMENT)
            given.file.truncate(5)
            self.assertEqual(self.call("ModelInfer", message).status, wire.INVALID_ARGUMENT)
            self.assertEqual(self.call("SystemSharedMemoryUnregister", wire.field(1, "in")).message, {})
            self.assertEqual(self.call("SystemSharedMemoryStatus", wire.field(1, "in")).status, wire.NOT_FOUND)
            self.assertEqual(self.call("SystemSharedMemoryUnregister").message, {})
            self.assertEqual(self.regions(), {})

    def test_what_may_not_be_shared(self):
        refused = self.call("SystemSharedMemoryRegister",
                            wire.field(1, "x") + wire.field(2, "/other") + wire.field(4, 8))
        self.assertEqual(refused.status, wire.PERMISSION_DENIED)
        left = wire.tensor("left", "FP32", [1, 2], self.place(4, "nowhere", 8))
        right = wire.tensor("right", "FP32", [1, 2])
        answer = self.call("ModelInfer", wire.infer("two", left, right, raws=[floats(1, 2)]))
        self.assertEqual(answer.status, wire.INVALID_ARGUMENT)
        self.assertIn("nowhere", answer.text)

    def test_memory_of_gpus_is_not_there(self):
        self.assertEqual(self.call("CudaSharedMemoryStatus").message, {})
        self.assertEqual(self.call("CudaSharedMemoryUnregister").message, {})
        self.assertEqual(self.call("CudaSharedMemoryRegister", wire.field(1, "x")).status, wire.UNIMPLEMENTED)

    def settings(self, procedure, message=b""):
        entries = [wire.fields(entry) for entry in self.call(procedure, message).message[1]]
        return {entry[1][0].decode(): wire.fields(entry[2][0]) for entry in entries}

    def setting(self, name, value):
        return wire.field(1, wire.field(1, name) + wire.field(2, value))

    def test_trace_settings(self):
        found = self.settings("TraceSetting", wire.field(2, "two"))
        self.assertEqual(found["trace_level"], {1: [b"OFF"]})
        self.assertEqual(found["trace_rate"], {1: [b"1000"]})
        self.assertEqual(self.call("TraceSetting", self.setting("trace_rate", wire.field(1, "0"))).status,
                         wire.INVALID_ARGUMENT)
        self.assertEqual(self.call("TraceSetting", self.setting("trace_file", wire.field(1, "/etc/x"))).status,
                         wire.UNIMPLEMENTED)
        answer = self.call("TraceSetting", self.setting("trace_level", wire.field(1, "TIMESTAMPS")))
        self.assertEqual(answer.status, wire.PERMISSION_DENIED, answer)  # no file is configured
        self.assertEqual(self.call("TraceSetting", wire.field(2, "none")).status, wire.NOT_FOUND)

    def test_log_settings(self):
        found = self.settings("LogSettings")
        self.assertEqual((found["log_info"], found["log_verbose_level"]), ({1: [1]}, {2: [0]}))
        self.assertEqual(self.settings("LogSettings", self.setting("log_info", wire.field(1, 1))), found)
        self.assertEqual(self.call("LogSettings", self.setting("log_info", wire.field(1, 0))).status,
                         wire.PERMISSION_DENIED)
        self.assertEqual(self.call("LogSettings", self.setting("log_info", wire.field(2, 1))).status,
                         wire.INVALID_ARGUMENT)
        self.assertEqual(self.call("LogSettings", self.setting("log_file", wire.field(3, "x"))).status,
                         wire.UNIMPLEMENTED)


REPOSITORY = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
repository: {folder: models, control: explicit, load: [mlp]}
routes:
  - {match: /, public: true, to: {endpoint: v2_grpc}}
"""


class Repository(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = weir.Server(REPOSITORY)
        os.mkdir(cls.server.path("models"))
        for name in ("mlp", "two_inputs", "not_onnx"):
            shutil.copy(os.path.join(MODELS, name + ".onnx"), cls.server.path("models/%s.onnx" % name))
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def call(self, procedure, message=b""):
        with http2.Client(self.server.port) as client:
            return wire.call(client, procedure, message)

    def index(self, message=b""):
        rows = [wire.fields(row) for row in self.call("RepositoryIndex", message).message.get(1, [])]
        return {row[1][0].decode(): row[3][0].decode() for row in rows}

    def test_models_come_and_go_on_request(self):
        self.assertEqual(self.index(wire.field(2, 1)), {"mlp": "READY"})
        self.assertEqual(self.index()["two_inputs"], "UNAVAILABLE")
        self.assertEqual(self.call("ModelReady", wire.field(1, "two_inputs")).message, {})
        self.assertEqual(self.call("RepositoryModelLoad", wire.field(2, "two_inputs")).message, {})
        self.assertEqual(self.call("ModelReady", wire.field(1, "two_inputs")).message, {1: [1]})
        self.assertEqual(self.call("ModelInfer", two(model="two_inputs")).status, wire.OK)
        self.assertEqual(self.call("RepositoryModelUnload", wire.field(2, "two_inputs")).message, {})
        self.assertEqual(self.call("ModelReady", wire.field(1, "two_inputs")).message, {})
        self.assertEqual(self.index(wire.field(2, 1)), {"mlp": "READY"})

    def test_what_cannot_be_loaded(self):
        self.assertEqual(self.call("RepositoryModelLoad", wire.field(2, "none")).status, wire.NOT_FOUND)
        self.assertEqual(self.call("RepositoryModelLoad", wire.field(2, "not_onnx")).status, wire.INVALID_ARGUMENT)
        entry = wire.field(3, wire.field(1, "file:1/model.onnx") + wire.field(2, wire.field(4, b"x")))
        self.assertEqual(self.call("RepositoryModelLoad", wire.field(2, "mlp") + entry).status, wire.UNIMPLEMENTED)
        self.assertEqual(self.call("RepositoryModelLoad", wire.field(2, "mlp\0x")).status, wire.NOT_FOUND)
        config = json.dumps({"output": [{"name": "y", "label_filename": "../../weir.yaml"}]})
        entry = wire.field(3, wire.field(1, "config") + wire.field(2, wire.field(3, config)))
        answer = self.call("RepositoryModelLoad", wire.field(2, "mlp") + entry)
        self.assertEqual(answer.status, wire.INVALID_ARGUMENT, "no file outside of the model's folder is read")
        self.assertIn('"label_filename" takes the name of a file in the folder of the model', answer.text)
        entry = wire.field(3, wire.field(1, "config") + wire.field(2, wire.field(2, 1)))
        self.assertEqual(self.call("RepositoryModelLoad", wire.field(2, "mlp") + entry).status, wire.INVALID_ARGUMENT)
        self.assertEqual(self.index(wire.field(2, 1)), {"mlp": "READY"})


class Refusals(Case):
    def refused(self, status, words, answer):
        self.assertEqual(answer.status, status, answer)
        self.assertIn(words, answer.text)
        self.assertEqual(answer.http_status, 200)
        self.assertTrue(answer.is_trailers_only, answer)
        self.assertEqual(answer.messages, [])

    def test_what_is_not_there(self):
        self.refused(wire.NOT_FOUND, "No model is named \"tow\"; did you mean \"two\"?",
                     self.call("ModelInfer", two(model="tow")))
        self.refused(wire.NOT_FOUND, "No model is named \"\"", self.call("ModelInfer"))
        self.refused(wire.NOT_FOUND, "no version \"9\"", self.call("ModelInfer", two(1, wire.field(2, "9"))))
        self.refused(wire.UNIMPLEMENTED, "No route matches", self.call("ModelDream"))
        self.refused(wire.UNIMPLEMENTED, "No route matches", self.call("/other.Service/Call"))
        self.refused(wire.UNIMPLEMENTED, "This path takes GET", self.call("/metrics"))
        self.refused(wire.NOT_FOUND, "no service", self.call("/grpc.health.v1.Health/Check", wire.field(1, "other")))

    def test_what_is_wrong_with_tensors(self):
        left = wire.tensor("left", "FP32", [1, 2])
        for message, words in ((wire.infer("two", left, raws=[floats(1, 2)]), "The input \"right\" is missing"),
                               (wire.infer("two", left, raws=[floats(1)]), "has 4 bytes of raw_input_contents"),
                               (two(1, wire.parameter(4, "timeout", "soon")), "The parameter \"timeout\" does not do"),
                               (wire.field(1, b"\xff"), "The message is no ModelInferRequest"),
                               (wire.field(5, 1), "The message is no ModelInferRequest")):
            self.refused(wire.INVALID_ARGUMENT, words, self.call("ModelInfer", message))

    def test_what_is_wrong_with_messages(self):
        for body, words in ((b"", "There is no message"), (b"\0\0\0", "in the middle of a message"),
                            (wire.frame(b"abc")[:-1], "in the middle of a message"),
                            (wire.frame(b"") + wire.frame(b""), "more than one message"),
                            (wire.frame(b"", flag=2), "neither 0 nor 1"),
                            (wire.frame(b"x", flag=1), "no grpc-encoding says how")):
            self.refused(wire.INVALID_ARGUMENT, words, self.call("ServerLive", body=body))

    def test_a_message_that_is_too_large(self):
        self.refused(wire.RESOURCE_EXHAUSTED, "up to 1048576 bytes", self.call("ModelInfer", two(100000)))

    def test_another_subtype_and_another_coding(self):
        client = self.client()
        number = client.open("POST", wire.SERVICE + "ServerLive", [("content-type", "application/grpc+json")], b"")
        self.refused(wire.UNIMPLEMENTED, "as \"json\"", wire.Answer(client.wait(number)))
        answer = self.call("ServerLive", more=[("grpc-encoding", "snappy")])
        self.refused(wire.UNIMPLEMENTED, "\"snappy\" is not taken", answer)
        self.assertEqual(answer.head["grpc-accept-encoding"], "identity,gzip,deflate")

    def test_a_timeout_that_is_none(self):
        self.refused(wire.INVALID_ARGUMENT, "which is no time", self.call("ServerLive", more=[("grpc-timeout", "1s")]))

    def test_whoever_speaks_no_grpc_gets_a_problem_document(self):
        client = self.client()
        stream = client.request("POST", wire.SERVICE + "ServerLive", [("content-type", "application/json")], b"{}")
        self.assertEqual(stream.status, 415)
        self.assertEqual(json.loads(stream.body)["type"], "urn:weir:problem:unsupported-media-type")

    def test_over_http1_it_is_refused(self):
        response = weir.ask(self.server.port, "POST", wire.SERVICE + "ServerLive", {"Content-Type": "application/grpc"},
                                       wire.frame(b""))
        self.assertEqual(response.status, 505)

    def test_the_log_and_the_metrics_tell_what_became_of_calls(self):
        self.call("ModelInfer", two(), more=[("user-agent", "good")])
        self.call("ModelInfer", two(model="none"), more=[("user-agent", "bad")])
        good, bad = self.log_line("good"), self.log_line("bad")
        self.assertEqual((good["status"], good["model"], good["protocol"]), (200, "two", "HTTP/2"))
        self.assertEqual((bad["status"], bad["route"]), (404, "POST /inference.GRPCInferenceService/ModelInfer"))
        meters = weir.metrics(self.server.port)
        name = 'weir_http_requests_total{route="POST /inference.GRPCInferenceService/ModelInfer",status="404"}'
        self.assertGreaterEqual(meters[name], 1)


class Compression(Case):
    def test_each_coding_both_ways(self):
        for coding, compress, expand in (("gzip", gzip.compress, gzip.decompress),
                                         ("deflate", zlib.compress, zlib.decompress)):
            body = wire.frame(compress(two(200)), flag=1)
            for accepted in (False, True):
                more = [("grpc-encoding", coding)]
                if accepted:
                    more.append(("grpc-accept-encoding", "identity, deflate, gzip"))
                answer = self.call("ModelInfer", more=more, body=body)
                self.assertEqual(answer.status, wire.OK, answer)
                flag, message = answer.messages[0]
                self.assertEqual(flag, int(accepted))
                self.assertEqual(answer.head.get("grpc-encoding"), coding if accepted else None)
                raws = wire.fields(expand(message) if accepted else message)[6]
                self.assertEqual(raws[0], floats(*(2.0 * i for i in range(400))))

    def test_small_answers_stay_as_they_are(self):
        more = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")]
        answer = self.call("ServerLive", more=more)
        self.assertEqual(answer.messages, [(0, b"\x08\x01")])

    def test_an_uncompressed_message_may_come_where_a_coding_was_named(self):
        self.assertEqual(self.call("ModelInfer", two(), more=[("grpc-encoding", "gzip")]).status, wire.OK)

    def test_what_is_not_coded_as_it_says(self):
        answer = self.call("ModelInfer", more=[("grpc-encoding", "gzip")], body=wire.frame(b"nothing", flag=1))
        self.assertEqual((answer.status, answer.is_trailers_only), (wire.INVALID_ARGUMENT, True))
        whole = gzip.compress(two())
        answer = self.call("ModelInfer", more=[("grpc-encoding", "gzip")], body=wire.frame(whole[:-4], flag=1))
        self.assertEqual(answer.status, wire.INVALID_ARGUMENT)

    def test_a_bomb(self):
        answer = self.call("ModelInfer", more=[("grpc-encoding", "gzip")],
                           body=wire.frame(gzip.compress(bytes(32 << 20)), flag=1))
        self.assertEqual(answer.status, wire.RESOURCE_EXHAUSTED)


class Streams(Case):
    """ModelStreamInfer."""

    def stream(self, *messages_, **options):
        body = b"".join(wire.frame(message) for message in messages_)
        return self.call("ModelStreamInfer", body=body, **options)

    def answers(self, answer):
        """[(error, ModelInferResponse), …]"""
        found = [wire.fields(message) for _, message in answer.messages]
        return [(message.get(1, [b""])[0].decode(), wire.fields(message.get(2, [b""])[0])) for message in found]

    def test_answers_come_in_the_order_of_the_messages(self):
        messages = [two(1 + i % 6, wire.field(3, "id %d" % i)) for i in range(300)]
        answer = self.stream(*messages)
        self.assertEqual((answer.status, len(answer.messages)), (wire.OK, 300), answer)
        for i, (error, response) in enumerate(self.answers(answer)):
            self.assertEqual((error, response[3]), ("", [b"id %d" % i]))
            self.assertEqual(len(response[6][0]), 8 * (1 + i % 6))

    def test_a_quick_one_waits_for_a_slow_one(self):
        answers = self.answers(self.stream(slow(), two()))
        self.assertEqual([response[1] for _, response in answers], [[b"detection"], [b"two"]])

    def test_a_stream_without_messages(self):
        client = self.client()
        number = client.open("POST", wire.SERVICE + "ModelStreamInfer", wire.FIELDS)
        answer = wire.Answer(client.wait(number))
        self.assertEqual((answer.status, answer.messages), (wire.OK, []))
        self.assertEqual(self.stream().status, wire.OK)

    def test_answers_come_while_the_stream_goes_on(self):
        client = self.client()
        number = wire.open_call(client, "ModelStreamInfer", two(), is_ended=False)
        stream = client.streams[number]
        for count in range(1, 6):
            while len(wire.messages(stream.body) if len(stream.body) >= 5 else []) < count:
                client.take()
            client.raw(client.data_frames(number, wire.frame(two()), is_ended=count == 5))
        self.assertEqual(len(wire.Answer(client.wait(number)).messages), 6)

    def test_a_client_may_open_its_windows_as_grpc_s_own_library_does(self):
        """That is, for each message four times: before it comes and when its size is known, of stream and connection. Calls that
        fail have the first two as well."""
        client = self.client(is_holding=True)

        def give(number, size):
            client.raw(b"".join(http2.frame(http2.WINDOW_UPDATE, 0, on, struct.pack(">I", size)) for on in (number, 0)))

        number = wire.open_call(client, "ModelStreamInfer", body=b"", is_ended=False)
        stream = client.streams[number]
        size = 0
        for i in range(800):
            before = len(stream.body)
            client.raw(client.data_frames(number, wire.frame(two()), is_ended=False))
            give(number, 5)
            while len(stream.body) == before or len(stream.body) < before + size:
                self.assertTrue(client.take(), "closed after %d messages; GOAWAYs %r" % (i, client.goaways))
            size = len(stream.body) - before
            give(number, size - 5)
        client.raw(client.data_frames(number, b""))
        self.assertEqual(len(wire.Answer(client.wait(number)).messages), 800)
        for _ in range(800):
            number = wire.open_call(client, "ModelInfer", two(model="none"))
            give(number, 5)
            self.assertEqual(wire.Answer(client.wait(number)).status, wire.NOT_FOUND)
            del client.streams[number]
        self.assertEqual(client.goaways, [])

    def test_messages_in_pieces(self):
        client = self.client()
        body = b"".join(wire.frame(two(1, wire.field(3, "id %d" % i))) for i in range(20))
        number = wire.open_call(client, "ModelStreamInfer", body=body[:3], is_ended=False)
        for at in range(3, len(body), 7):
            client.raw(client.data_frames(number, body[at:at + 7], is_ended=at + 7 >= len(body)))
        answer = wire.Answer(client.wait(number))
        self.assertEqual([response[3] for _, response in self.answers(answer)], [[b"id %d" % i] for i in range(20)])

    def test_what_is_wrong_with_a_message_does_not_end_the_stream(self):
        answer = self.stream(two(), two(1, wire.field(3, "bad"), model="none"), wire.field(1, b"\xff"), two())
        self.assertEqual((answer.status, len(answer.messages)), (wire.OK, 4), answer)
        errors = self.answers(answer)
        self.assertEqual([bool(error) for error, _ in errors], [False, True, True, False])
        self.assertIn("No model is named \"none\"", errors[1][0])
        self.assertEqual(errors[1][1], {3: [b"bad"]})
        self.assertIn("no ModelInferRequest", errors[2][0])

    def test_names_that_are_shown_in_part_leave_the_answer_utf8(self):
        """A name is cut within a character; a client would refuse the whole answer, and with it the stream."""
        wrong = wire.infer("two", wire.tensor("a" + "\u00e9" * 40, "FP32", [1, 2]), raws=[floats(1, 2)])
        errors = self.answers(self.stream(wrong, two()))
        self.assertIn("The model has no input", errors[0][0])
        self.assertEqual(errors[1][0], "")

    def test_a_message_that_is_too_large_ends_the_stream_behind_the_answers_before(self):
        client = self.client()
        number = wire.open_call(client, "ModelStreamInfer", body=wire.frame(two()) + b"\0\0\x10\0\1" + bytes(100),
                                is_ended=False)
        answer = wire.Answer(client.wait(number))
        self.assertEqual((answer.status, len(answer.messages)), (wire.RESOURCE_EXHAUSTED, 1), answer)
        self.assertIn("messages of up to 1048576 bytes", answer.text)

    def test_a_stream_that_ends_in_the_middle_of_a_message(self):
        for end in (b"\0\0", wire.frame(two())[:-1]):
            answer = self.call("ModelStreamInfer", body=wire.frame(two()) + end)
            self.assertEqual((answer.status, len(answer.messages)), (wire.INVALID_ARGUMENT, 1), answer)
            self.assertIn("in the middle of a message", answer.text)
        answer = self.call("ModelStreamInfer", body=wire.frame(b"", flag=7))
        self.assertEqual(answer.status, wire.INVALID_ARGUMENT, answer)

    def test_compressed_messages(self):
        more = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")]
        body = wire.frame(gzip.compress(two(200)), flag=1) + wire.frame(two())
        answer = self.call("ModelStreamInfer", body=body, more=more)
        self.assertEqual([flag for flag, _ in answer.messages], [1, 0], answer)
        response = wire.fields(wire.fields(gzip.decompress(answer.messages[0][1]))[2][0])
        self.assertEqual(len(response[6][0]), 1600)
        self.assertEqual(answer.head["grpc-encoding"], "gzip")

    def test_no_more_messages_are_under_way_than_the_limit_allows(self):
        client = self.client()
        wire.call(client, "ServerLive")  # windows are as the server says from here on
        body = b"".join(wire.frame(slow()) for _ in range(30))  # of 768 KiB each
        number = wire.open_call(client, "ModelStreamInfer", body=b"", is_ended=False)
        window = 256 << 10
        client.raw(client.data_frames(number, body[:window], is_ended=False))
        sent = window
        stream = client.streams[number]
        hear, given = client.heard, [0]

        def heard(kind, flags, on, payload):
            if kind == http2.WINDOW_UPDATE and on == number:
                given[0] += struct.unpack(">I", payload)[0]
            hear(kind, flags, on, payload)
        client.heard = heard
        while sent < len(body):
            client.take()
            if given[0]:
                piece = body[sent:sent + given[0]]
                client.raw(client.data_frames(number, piece, is_ended=False))
                sent += len(piece)
                given[0] = 0
            done = len(stream.body) // 1000
            self.assertLessEqual(sent // (len(body) // 30), done + 8 + 3)
        client.reset(number)
        self.assertEqual(wire.call(client, "ModelInfer", two()).status, wire.OK)

    def test_a_stream_has_the_time_that_it_says(self):
        client = self.client()
        number = wire.open_call(client, "ModelStreamInfer", two(), more=[("grpc-timeout", "300m")], is_ended=False)
        answer = wire.Answer(client.wait(number))
        self.assertEqual((answer.status, len(answer.messages)), (wire.DEADLINE_EXCEEDED, 1), answer)

    def test_a_stream_without_a_message_for_long_ends(self):
        client = self.client()
        number = wire.open_call(client, "ModelStreamInfer", two(), is_ended=False)
        answer = wire.Answer(client.wait(number))
        self.assertEqual((answer.status, len(answer.messages)), (wire.UNAVAILABLE, 1), answer)

    def test_a_stream_that_is_given_up_takes_its_messages_with_it(self):
        for count in (0, 1, 8, 20):
            client = self.client()
            wire.call(client, "ServerLive")
            number = wire.open_call(client, "ModelStreamInfer", body=b"", is_ended=False)
            client.raw(client.data_frames(number, b"".join(wire.frame(slow()) for _ in range(count))[:200000] + b"\0\0",
                                          is_ended=False))
            client.raw(client.data_frames(number, b"".join(wire.frame(two()) for _ in range(count)), is_ended=False))
            if count == 20:
                client.close(is_reset=True)
            else:
                client.reset(number)
                self.assertEqual(wire.call(client, "ModelInfer", two()).status, wire.OK)
        self.assertEqual(self.call("ModelInfer", two()).status, wire.OK)

    def test_many_streams_at_a_time(self):
        client = self.client()
        body = b"".join(wire.frame(two(1, wire.field(3, "id %d" % i))) for i in range(10))
        numbers = [wire.open_call(client, "ModelStreamInfer", body=body) for _ in range(100)]
        client.wait(*numbers)
        for number in numbers:
            answers = self.answers(wire.Answer(client.streams[number]))
            self.assertEqual([response[3] for _, response in answers], [[b"id %d" % i] for i in range(10)])


class Time(Case):
    def test_a_call_has_the_time_that_it_says(self):
        begin = time.monotonic()
        answer = self.call("ModelInfer", slow(), more=[("grpc-timeout", "5m")])
        self.assertEqual((answer.status, answer.is_trailers_only), (wire.DEADLINE_EXCEEDED, True), answer)
        self.assertLess(time.monotonic() - begin, 5 * weir.SLOWNESS)
        self.assertEqual(self.call("ModelInfer", slow(), more=[("grpc-timeout", "1M")]).status, wire.OK)

    def test_a_cancelled_call_leaves_nothing_behind(self):
        client = self.client()
        for _ in range(20):
            client.reset(wire.open_call(client, "ModelInfer", slow()))
        self.assertEqual(wire.call(client, "ModelInfer", two()).status, wire.OK)
        weir.wait_until(lambda: weir.metrics(self.server.port)["weir_requests_cancelled_total"] >= 20, 20, "cancelled calls")


if __name__ == "__main__":
    unittest.main()
