#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that were made for another server: Triton's Python library over both wires, waiting, asynchronous and with asyncio, and
perf_analyzer.

Wants tritonclient[all], in $TRITONCLIENT (a folder that python3 -m venv made), in build/tritonclient, or where Python finds it:

    python3 -m venv build/tritonclient && build/tritonclient/bin/pip install 'tritonclient[all]'

perf_analyzer is looked for in the same places ($PERF_ANALYZER is its own path); where its wheel does not fit the system's C library,
older wheels of tritonclient (2.45) have it inside."""

import asyncio
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

VENV = os.environ.get("TRITONCLIENT", os.path.join(weir.ROOT, "build/tritonclient"))
MODELS = os.path.join(weir.ROOT, "tests/data/models")

try:
    import numpy as np
    import tritonclient.grpc as grpcclient
    import tritonclient.grpc.aio as aiogrpcclient
    import tritonclient.http as httpclient
    import tritonclient.http.aio as aiohttpclient
    import tritonclient.utils.shared_memory as shared_memory
    from tritonclient.utils import InferenceServerException
except ImportError:
    python = os.path.join(VENV, "bin/python")
    if os.path.exists(python) and os.path.abspath(sys.prefix) != os.path.abspath(VENV):
        os.execv(python, [python, "-B", *sys.argv])
    weir.skip("tritonclient is not installed")

CONFIG = """
listen: [127.0.0.1:0]
workers: 2
executors: 2
shared_memory: true
repository: {folder: models, control: explicit, load: ["*"]}
models:
  - {name: identity, path: %(models)s/identity.onnx}
  - {name: two_inputs, path: %(models)s/two_inputs.onnx}
  - {name: mlp, path: %(models)s/mlp.onnx}
  - {name: int64, path: %(models)s/int64.onnx}
  - {name: half, path: %(models)s/half.onnx}
  - {name: string, path: %(models)s/string.onnx}
  - {name: orientation, path: %(demo)s/text-orientation.onnx}
routes:
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
""" % {"models": MODELS, "demo": weir.MODELS}

server = None


def setUpModule():
    global server
    server = weir.Server(CONFIG)
    os.makedirs(server.path("models/found/1"))
    shutil.copyfile(os.path.join(MODELS, "mlp.onnx"), server.path("models/found/1/model.onnx"))
    server.start()


def tearDownModule():
    assert server.process.poll() is None, "the server is gone"
    code = server.stop()
    server.remove()
    assert code == 0, "the server ended with %s:\n%s" % (code, server.stderr())


def url():
    return "127.0.0.1:%d" % server.port


def rows(count, width=4, start=0.0):
    return (np.arange(count * width, dtype=np.float32) / 8 + np.float32(start)).reshape(count, width)


class Both:
    """What holds on either wire; `lib` is the module of the client."""

    lib = None

    def make_client(self):
        raise NotImplementedError

    def setUp(self):
        self.client = self.make_client()

    def tearDown(self):
        self.client.close()

    def input(self, name, array, datatype="FP32", **more):
        made = self.lib.InferInput(name, list(array.shape), datatype)
        made.set_data_from_numpy(array, **more)
        return made

    def test_health(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("mlp"))
        self.assertFalse(self.client.is_model_ready("nothing"))

    def test_infer_by_name(self):
        left, right = rows(3, 2), rows(3, 2, 5)
        result = self.client.infer("two_inputs", [self.input("right", right), self.input("left", left)], request_id="id-7")
        np.testing.assert_array_equal(result.as_numpy("sum"), left + right)
        np.testing.assert_array_equal(result.as_numpy("product"), left * right)

    def test_requested_outputs_only(self):
        result = self.client.infer("two_inputs", [self.input("left", rows(1, 2)), self.input("right", rows(1, 2))],
                                   outputs=[self.lib.InferRequestedOutput("product")])
        np.testing.assert_array_equal(result.as_numpy("product"), rows(1, 2) * rows(1, 2))
        self.assertIsNone(result.as_numpy("sum"))

    def test_whole_numbers(self):
        values = np.array([0, -1, 2 ** 62 - 1, -2 ** 62], dtype=np.int64)
        result = self.client.infer("int64", [self.input("x", values, "INT64")])
        np.testing.assert_array_equal(result.as_numpy("y"), values + values)

    def test_texts(self):
        values = np.array([b"", "Zürich".encode(), b"a" * 1000, b"\x00\xff"], dtype=np.object_)
        result = self.client.infer("string", [self.input("x", values, "BYTES")])
        np.testing.assert_array_equal(result.as_numpy("y"), values)

    def test_halves(self):
        values = np.array([[0, -1, 65504, 6e-8]], dtype=np.float16)
        result = self.client.infer("half", [self.input("x", values, "FP16")])
        np.testing.assert_array_equal(result.as_numpy("y"), values)

    def test_classification(self):
        scores = np.array([[0.5, 9, -1, 3], [7, 0, 8, 1]], dtype=np.float32)
        result = self.client.infer("identity", [self.input("x", scores)],
                                   outputs=[self.lib.InferRequestedOutput("y", class_count=2)])
        found = [[entry.decode().split(":")[:2] for entry in row] for row in result.as_numpy("y")]
        self.assertEqual([[index for _, index in row] for row in found], [["1", "3"], ["2", "0"]])
        self.assertEqual([float(row[0][0]) for row in found], [9, 8])

    def test_errors_are_exceptions_with_a_text(self):
        wrong = [("nothing", self.input("x", rows(1))), ("identity", self.input("z", rows(1))),
                 ("identity", self.input("x", rows(1, 3))), ("int64", self.input("x", rows(1)[0]))]
        for model, made in wrong:
            with self.subTest(model=model), self.assertRaises(InferenceServerException) as caught:
                self.client.infer(model, [made])
            self.assertTrue(caught.exception.message())

    def test_a_row_of_an_unknown_version_is_an_error(self):
        with self.assertRaises(InferenceServerException):
            self.client.infer("identity", [self.input("x", rows(1))], model_version="99")

    def test_many_at_once(self):
        def ask(number):
            client = self.make_client()
            try:
                for i in range(20):
                    data = rows(1 + i % 3, 4, number * 100 + i)
                    found = client.infer("identity", [self.input("x", data)]).as_numpy("y")
                    if not np.array_equal(found, data):
                        wrong.append((number, i))
            finally:
                client.close()
        wrong = []
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_system_shared_memory(self):
        data = rows(2)
        name = "/weir_test_%d_%s" % (os.getpid(), type(self).__name__)
        region = shared_memory.create_shared_memory_region("both", name, 2 * data.nbytes)
        try:
            shared_memory.set_shared_memory_region(region, [data])
            self.client.register_system_shared_memory("both", name, 2 * data.nbytes)
            source = self.lib.InferInput("x", [2, 4], "FP32")
            source.set_shared_memory("both", data.nbytes)
            target = self.lib.InferRequestedOutput("y")
            target.set_shared_memory("both", data.nbytes, data.nbytes)
            result = self.client.infer("identity", [source], outputs=[target])
            self.assertIsNotNone(result.get_output("y"))
            np.testing.assert_array_equal(
                shared_memory.get_contents_as_numpy(region, np.float32, [2, 4], data.nbytes), data)
            self.assertIn("both", str(self.client.get_system_shared_memory_status()))
            self.client.unregister_system_shared_memory("both")
            self.assertNotIn("both", str(self.client.get_system_shared_memory_status()))
        finally:
            shared_memory.destroy_shared_memory_region(region)

    def test_repository(self):
        self.assertEqual(self.index()["found"], "READY")
        self.client.unload_model("found")
        weir.wait_until(lambda: not self.client.is_model_ready("found"), 10, "the model to go")
        with self.assertRaises(InferenceServerException):
            self.client.infer("found", [self.input("x", rows(1, 8))])
        self.assertNotEqual(self.index().get("found"), "READY")
        self.client.load_model("found")
        self.assertTrue(self.client.is_model_ready("found"))
        self.assertEqual(self.client.infer("found", [self.input("x", rows(1, 8))]).as_numpy("y").shape, (1, 3))
        with self.assertRaises(InferenceServerException):
            self.client.load_model("nothing")

    def test_trace_and_log_settings(self):
        self.assertIsNotNone(self.client.get_trace_settings())
        self.assertIsNotNone(self.client.get_log_settings())

    def test_priority_and_timeout_are_taken(self):
        result = self.client.infer("identity", [self.input("x", rows(1))], priority=1, timeout=5000000)
        np.testing.assert_array_equal(result.as_numpy("y"), rows(1))


class Http(Both, unittest.TestCase):
    lib = httpclient

    def make_client(self):
        return httpclient.InferenceServerClient(url(), concurrency=8)

    def index(self):
        return {entry["name"]: entry.get("state") for entry in self.client.get_model_repository_index()}

    def test_metadata(self):
        self.assertEqual(self.client.get_server_metadata()["name"], "weir")
        model = self.client.get_model_metadata("mlp")
        self.assertEqual(model["inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1, 8]}])
        self.assertEqual(model["outputs"][0]["name"], "y")
        config = self.client.get_model_config("mlp")
        self.assertEqual(config["name"], "mlp")
        self.assertIn("max_batch_size", config)
        self.assertEqual(config["input"][0]["data_type"], "TYPE_FP32")

    def test_statistics(self):
        before = self.client.get_inference_statistics("identity")["model_stats"][0]
        self.client.infer("identity", [self.input("x", rows(3))])
        after = self.client.get_inference_statistics("identity")["model_stats"][0]
        self.assertEqual(after["inference_count"] - before["inference_count"], 3)
        self.assertEqual(after["execution_count"] - before["execution_count"], 1)
        self.assertEqual(after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"], 1)
        self.assertGreater(after["inference_stats"]["success"]["ns"], before["inference_stats"]["success"]["ns"])
        self.assertIn("compute_infer", after["batch_stats"][0])

    def test_tensors_as_json(self):
        made = self.input("x", rows(2), binary_data=False)
        result = self.client.infer("identity", [made],
                                   outputs=[httpclient.InferRequestedOutput("y", binary_data=False)], request_id="seven")
        np.testing.assert_array_equal(result.as_numpy("y"), rows(2))
        self.assertEqual(result.get_response()["id"], "seven")
        self.assertEqual(result.get_response()["outputs"][0]["data"], rows(2).ravel().tolist())
        texts = np.array([b"", "Zürich".encode()], dtype=np.object_)
        result = self.client.infer("string", [self.input("x", texts, "BYTES", binary_data=False)],
                                   outputs=[httpclient.InferRequestedOutput("y", binary_data=False)])
        self.assertEqual(result.as_numpy("y").tolist(), ["", "Zürich"])

    def test_compression(self):
        for request in (None, "gzip", "deflate"):
            for response in (None, "gzip", "deflate"):
                with self.subTest(request=request, response=response):
                    data = rows(200)
                    result = self.client.infer("identity", [self.input("x", data)], request_compression_algorithm=request,
                                               response_compression_algorithm=response)
                    np.testing.assert_array_equal(result.as_numpy("y"), data)

    def test_asynchronous(self):
        pending = [self.client.async_infer("identity", [self.input("x", rows(1, 4, i))]) for i in range(16)]
        for i, request in enumerate(pending):
            np.testing.assert_array_equal(request.get_result().as_numpy("y"), rows(1, 4, i))

    def test_status_of_errors(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("nothing", [self.input("x", rows(1))])
        self.assertEqual(caught.exception.status(), "404")

    def test_asyncio(self):
        async def ask():
            async with aiohttpclient.InferenceServerClient(url()) as client:
                self.assertTrue(await client.is_server_live())
                self.assertEqual((await client.get_model_metadata("mlp"))["name"], "mlp")
                results = await asyncio.gather(
                    *(client.infer("identity", [self.input("x", rows(1, 4, i))]) for i in range(16)))
                for i, result in enumerate(results):
                    np.testing.assert_array_equal(result.as_numpy("y"), rows(1, 4, i))
        asyncio.run(ask())


class Grpc(Both, unittest.TestCase):
    lib = grpcclient

    def make_client(self):
        return grpcclient.InferenceServerClient(url())

    def index(self):
        return {entry.name: entry.state for entry in self.client.get_model_repository_index().models}

    def test_metadata(self):
        self.assertEqual(self.client.get_server_metadata().name, "weir")
        model = self.client.get_model_metadata("mlp")
        self.assertEqual([(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in model.inputs],
                         [("x", "FP32", [-1, 8])])
        config = self.client.get_model_config("mlp").config
        self.assertEqual((config.name, config.input[0].name), ("mlp", "x"))
        self.assertEqual(self.client.get_model_config("mlp", as_json=True)["config"]["input"][0]["data_type"], "TYPE_FP32")

    def test_statistics(self):
        before = self.client.get_inference_statistics("identity").model_stats[0]
        self.client.infer("identity", [self.input("x", rows(3))])
        after = self.client.get_inference_statistics("identity").model_stats[0]
        self.assertEqual(after.inference_count - before.inference_count, 3)
        self.assertEqual(after.inference_stats.success.count - before.inference_stats.success.count, 1)
        self.assertTrue(after.batch_stats)

    def test_the_request_s_id_comes_back(self):
        self.assertEqual(self.client.infer("identity", [self.input("x", rows(1))], request_id="id-7").get_response().id, "id-7")

    def test_compression(self):
        for algorithm in ("gzip", "deflate"):
            with self.subTest(algorithm=algorithm):
                data = rows(500)
                result = self.client.infer("identity", [self.input("x", data)], compression_algorithm=algorithm)
                np.testing.assert_array_equal(result.as_numpy("y"), data)

    def test_asynchronous(self):
        answers = queue.Queue()
        for i in range(16):
            self.client.async_infer("identity", [self.input("x", rows(1, 4, i))],
                                    callback=lambda result, error, i=i: answers.put((i, result, error)))
        for _ in range(16):
            i, result, error = answers.get(timeout=20)
            self.assertIsNone(error)
            np.testing.assert_array_equal(result.as_numpy("y"), rows(1, 4, i))

    def test_cancelled(self):
        answers = queue.Queue()
        data = np.zeros((16, 3, 48, 192), dtype=np.float32)
        cancelled = 0
        for _ in range(10):
            call = self.client.async_infer("orientation", [self.input("x", data)],
                                           callback=lambda result, error: answers.put(error))
            call.cancel()
            error = answers.get(timeout=20)
            cancelled += error is not None and "cancel" in str(error).lower()
        self.assertGreater(cancelled, 0)
        np.testing.assert_array_equal(self.client.infer("identity", [self.input("x", rows(1))]).as_numpy("y"), rows(1))

    def test_client_timeout(self):
        data = np.zeros((64, 3, 48, 192), dtype=np.float32)
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("orientation", [self.input("x", data)], client_timeout=0.0005)
        self.assertIn("DEADLINE_EXCEEDED", str(caught.exception.status()))

    def test_stream(self):
        answers = queue.Queue()
        self.client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for i in range(10):
            self.client.async_stream_infer("identity", [self.input("x", rows(1, 4, i))], request_id=str(i))
        found = {}
        for _ in range(10):
            result, error = answers.get(timeout=20)
            self.assertIsNone(error)
            found[result.get_response().id] = result.as_numpy("y")
        self.client.async_stream_infer("nothing", [self.input("x", rows(1))])
        result, error = answers.get(timeout=20)
        self.assertIsNotNone(error)
        self.client.stop_stream()
        for i in range(10):
            np.testing.assert_array_equal(found[str(i)], rows(1, 4, i))

    def test_status_of_errors(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("nothing", [self.input("x", rows(1))])
        self.assertEqual(caught.exception.status(), "StatusCode.NOT_FOUND")

    def test_asyncio(self):
        async def ask():
            async with aiogrpcclient.InferenceServerClient(url()) as client:
                self.assertTrue(await client.is_server_live())
                results = await asyncio.gather(
                    *(client.infer("identity", [self.input("x", rows(1, 4, i))]) for i in range(16)))
                for i, result in enumerate(results):
                    np.testing.assert_array_equal(result.as_numpy("y"), rows(1, 4, i))
        asyncio.run(ask())


class PerfAnalyzer(unittest.TestCase):
    SECONDS = 120

    @classmethod
    def setUpClass(cls):
        places = [os.environ.get("PERF_ANALYZER"), os.path.join(VENV, "bin/perf_analyzer"), shutil.which("perf_analyzer")]
        cls.program = next((place for place in places if place and os.path.exists(place)), None)
        runs = cls.program and subprocess.run([cls.program, "--version"], capture_output=True).returncode == 0
        if not runs:
            raise unittest.SkipTest("perf_analyzer is not installed, or does not run on this system")

    def analyze(self, *arguments):
        command = [self.program, "-u", url(), "-p", "500", "-s", "999", "-r", "4", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=self.SECONDS)
        throughput = re.search(r"throughput: ([\d.]+) infer/sec", result.stdout)
        self.assertTrue(throughput, result.stdout + result.stderr)
        self.assertGreater(float(throughput.group(1)), 0)
        self.assertNotIn("Failed", result.stdout)

    def test_http(self):
        self.analyze("-m", "mlp", "-i", "http", "--concurrency-range", "2")

    def test_http_asynchronous_with_a_batch(self):
        self.analyze("-m", "mlp", "-i", "http", "-b", "4", "--async", "--concurrency-range", "4")

    def test_http_shared_memory(self):
        self.analyze("-m", "mlp", "-i", "http", "--shared-memory", "system", "--output-shared-memory-size", "1024")

    def test_http_rate(self):
        self.analyze("-m", "mlp", "-i", "http", "--request-rate-range", "200", "--request-distribution", "poisson")

    def test_grpc(self):
        self.analyze("-m", "mlp", "-i", "grpc", "--concurrency-range", "2")

    def test_grpc_stream(self):
        self.analyze("-m", "mlp", "-i", "grpc", "--async", "--streaming", "--concurrency-range", "2")


if __name__ == "__main__":
    unittest.main(verbosity=2)
