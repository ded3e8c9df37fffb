# SPDX-License-Identifier: Apache-2.0
"""The rows about inference: small and larger JSON requests beside fastify with onnxruntime-node, what the server adds to a run, what
batching gives and what a window costs."""

import importlib.util
import json
import os
import random
import socket
import statistics
import struct
import sys
import urllib.request

import harness
import servers
from rows import LAG_SHARE_MAX, Row, timed

sys.path.insert(0, os.path.join(harness.ROOT, "bench/report"))
import install  # noqa: E402
import services  # noqa: E402

BUILD = os.path.join(harness.BUILD, "infer")
MODELS = os.path.join(harness.ROOT, "tests/data/models")
DEMO = os.path.join(harness.ROOT, "build/deps/models")
CONNECTIONS = 32
SMALL_BAR = 3      # times fastify
ADDED_BAR_US = 10
FLOATS_BAR = 40000
BATCH_BAR = 0.9    # of n / (a n + b)
WINDOW_BAR = 1.02  # of p99 without batching
BATCH_CONNECTIONS = 64

WEIR = """
listen: [127.0.0.1:0]
workers: 1
executors: %(executors)d
limits: {connection_requests: 4294967295, idle_time: 1h}
models:
  - {name: model, path: "%(path)s", queue: 4096, batch: {max: %(batch)d}}
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""


# ---- models and requests ---------------------------------------------------------------------------------------------

def writer():
    """tests/data/models/make_models.py, which writes ONNX with nothing but the standard library."""
    spec = importlib.util.spec_from_file_location("make_models", os.path.join(MODELS, "make_models.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wide_mlp():
    """784 → 512 → 256 → 10, as one would classify digits."""
    path = os.path.join(BUILD, "mlp-784.onnx")
    if os.path.exists(path):
        return path
    onnx, chance, sizes = writer(), random.Random(1), (784, 512, 256, 10)
    nodes, weights, last = [], [], "x"
    for i, (rows, columns) in enumerate(zip(sizes, sizes[1:])):
        weights += [onnx.floats("w%d" % i, [rows, columns], [chance.gauss(0, rows ** -0.5) for _ in range(rows * columns)]),
                    onnx.floats("b%d" % i, [columns], [0.0] * columns)]
        is_last = i == len(sizes) - 2
        nodes.append(onnx.node("Gemm", [last, "w%d" % i, "b%d" % i], ["y" if is_last else "g%d" % i]))
        if not is_last:
            nodes.append(onnx.node("Relu", ["g%d" % i], ["r%d" % i]))
        last = "r%d" % i
    made = onnx.model("mlp_784", nodes, [onnx.value_info("x", onnx.FLOAT, ["batch", 784])],
                      [onnx.value_info("y", onnx.FLOAT, ["batch", 10])], weights)
    os.makedirs(BUILD, exist_ok=True)
    with open(path, "wb") as file:
        file.write(made)
    return path


def numbers(count):
    chance = random.Random(7)
    return [round(chance.uniform(0, 1), 4) for _ in range(count)]


def json_body(shape):
    count = 1
    for size in shape:
        count *= size
    return json.dumps({"inputs": [{"name": "x", "shape": list(shape), "datatype": "FP32", "data": numbers(count)}]},
                      separators=(",", ":")).encode(), "Content-Type: application/json\r\n"


def binary_body(shape):
    count = 1
    for size in shape:
        count *= size
    data = struct.pack("<%df" % count, *numbers(count))
    text = json.dumps({"inputs": [{"name": "x", "shape": list(shape), "datatype": "FP32",
                                   "parameters": {"binary_data_size": len(data)}}],
                       "parameters": {"binary_data_output": True}}).encode()
    return text + data, "Content-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\n" % len(text)


class Load:
    """One POST to one server. A first answer is kept, to be looked at; the others must begin as it does, up to the numbers, which may
    differ in their last digit from batch to batch."""

    def __init__(self, server, path, made):
        self.server = server
        body, fields = made
        head = "POST %s HTTP/1.1\r\nHost: bench\r\nUser-Agent: weir-bench\r\n%sContent-Length: %d\r\n\r\n" % (
            path, fields, len(body))
        self.request = os.path.join(server.folder, "request")
        self.body = os.path.join(server.folder, "expected")
        with open(self.request, "wb") as file:
            file.write(head.encode() + body)
        self.answer = self.ask(head.encode() + body)
        with open(self.body, "wb") as file:
            file.write(self.answer[:self.answer.index(b'"outputs"')])

    def ask(self, request):
        with socket.create_connection(("127.0.0.1", self.server.port), 30) as connection:
            connection.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                data += self.more(connection)
            head, _, body = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise harness.Void("%s answers %r" % (self.server.name, data[:300]))
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            while len(body) < length:
                body += self.more(connection)
        return body

    def more(self, connection):
        data = connection.recv(1 << 16)
        if not data:
            raise harness.Void("%s closed the connection" % self.server.name)
        return data

    def run(self, *arguments, rank=harness.FIRST):
        pids = [text for pid in self.server.pids for text in ("--pid", pid)]
        result = harness.client("load", "--port", self.server.port, "--prefix", 1, "--request", self.request, "--body", self.body,
                                *pids, *arguments, rank=rank)
        if "latency_us" in result:
            result["p99_us"] = result["latency_us"]["p99"]
            if result["lag_us"]["p99"] > LAG_SHARE_MAX * result["p99_us"]:
                raise harness.Void("the client's own lag is %.0f µs of a p99 of %.0f µs" % (
                    result["lag_us"]["p99"], result["p99_us"]))
        return result


# ---- servers ---------------------------------------------------------------------------------------------------------

def weir(settings, path, name="weir", batch=32, executors=1, rank=harness.FIRST):
    config = WEIR % {"path": path, "batch": batch, "executors": executors}
    server = servers.Weir(settings.folder, config, name=name, rank=rank)
    harness.wait_until(lambda: ask_json(server, "/v2/models/model/ready") is not None, 60, "the model")
    return server


def ask_json(server, path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (server.port, path), timeout=20) as response:
            text = response.read()
    except OSError:
        return None
    return json.loads(text) if text else {}


def metric(server, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % server.port, timeout=20) as response:
        for line in response.read().decode().splitlines():
            if line.startswith(name + "{"):
                return float(line.rsplit(" ", 1)[1])
    raise harness.Void("weir has no metric " + name)


class Fastify(servers.Server):
    def __init__(self, folder, path):
        super().__init__("fastify", folder)
        try:
            install.npm()
        except install.CannotInstall as error:
            raise servers.Missing(str(error)) from error
        self.port = servers.free_port()
        self.start([servers.need("node"), os.path.join(services.PEERS, "fastify/tensors.js"), str(self.port), path],
                   {"NODE_PATH": services.MODULES})
        self.wait_for_port()


# ---- rows ------------------------------------------------------------------------------------------------------------

def same_numbers(loads):
    """The servers must have computed the same."""
    datas = [json.loads(load.answer)["outputs"][0]["data"] for load in loads]
    for other in datas[1:]:
        if len(other) != len(datas[0]) or any(abs(a - b) > 1e-4 * (1 + abs(b)) for a, b in zip(other, datas[0])):
            raise harness.Void("the answers differ: %s and %s" % (datas[0][:4], other[:4]))


def beside_fastify(settings, path, shape):
    with weir(settings, path) as server, Fastify(settings.folder, path) as fastify:
        made = json_body(shape)
        loads = {"weir": Load(server, "/v2/models/model/infer", made), "fastify": Load(fastify, "/", made)}
        same_numbers(list(loads.values()))
        rounds, voids = harness.alternate(settings, {
            name: lambda load=load: load.run("--connections", CONNECTIONS, *timed(settings)) for name, load in loads.items()})
        rows_a_batch = metric(server, "nv_inference_count") / metric(server, "nv_inference_exec_count")
    detail = ", ".join("%s %.1f k/s, %.1f µs of CPU" % (name, harness.median(rounds, name, "per_second") / 1e3,
                                                       harness.median(rounds, name, "server_us")) for name in loads)
    return rounds, voids, "%s; weir had %.1f rows in a run" % (detail, rows_a_batch)


def small(settings):
    """Inferences a second of an MLP of 8 → 16 → 3 with its input as JSON, 32 connections, server on one core: weir against fastify
    with onnxruntime-node."""
    rounds, voids, detail = beside_fastify(settings, os.path.join(MODELS, "mlp.onnx"), (1, 8))
    return Row(harness.ratio(rounds, "weir", "fastify", "per_second"), SMALL_BAR, "times fastify", detail, rounds,
               is_most=False, voids=voids)


def floats(settings):
    """Inferences a second of an MLP of 784 → 512 → 256 → 10 with 784 numbers as JSON, 32 connections, server on one core."""
    rounds, voids, detail = beside_fastify(settings, wide_mlp(), (1, 784))
    detail += "; %.1f times fastify" % harness.ratio(rounds, "weir", "fastify", "per_second")
    return Row(harness.median(rounds, "weir", "per_second") / 1e3, FLOATS_BAR / 1e3, "k/s", detail, rounds, is_most=False,
               voids=voids)


def added(settings):
    """What the server adds to one inference: time from request to response on one connection, of the small MLP with JSON, less that
    of GET /livez on the same server (sockets and the kernel), less the time inside the runtime."""
    with weir(settings, os.path.join(MODELS, "mlp.onnx")) as server:
        load = Load(server, "/v2/models/model/infer", json_body((1, 8)))
        plain = harness.Load(settings.folder, servers.BODY)
        runs = []

        def infer():
            before = [metric(server, "weir_model_run_duration_seconds_" + part) for part in ("sum", "count")]
            result = load.run("--connections", 1, *timed(settings))
            after = [metric(server, "weir_model_run_duration_seconds_" + part) for part in ("sum", "count")]
            runs.append((after[0] - before[0]) / (after[1] - before[1]) * 1e6)
            return result
        rounds, voids = harness.alternate(settings, {
            "livez": lambda: plain.run(server, "--connections", 1, *timed(settings)), "infer": infer})
    run_us = statistics.median(runs)
    whole = [1e6 / results["infer"]["per_second"] for results in rounds]
    floor = [1e6 / results["livez"]["per_second"] for results in rounds]
    figure = statistics.median(a - b for a, b in zip(whole, floor)) - run_us
    detail = "inference %.1f µs, GET %.1f µs, run %.2f µs" % (statistics.median(whole), statistics.median(floor), run_us)
    return Row(figure, ADDED_BAR_US, "µs", detail, rounds, voids=voids)


def cost_of(server):
    """a and b of T(n) = a n + b in seconds, from what executions of each size have taken."""
    stats = ask_json(server, "/v2/models/model/stats")["model_stats"][0]["batch_stats"]
    points = []
    for entry in stats:
        count = entry["compute_infer"]["count"]
        if count:
            points.append((entry["batch_size"], entry["compute_infer"]["ns"] / count / 1e9, count))
    weight = sum(count for _, _, count in points)
    mean_n = sum(n * count for n, _, count in points) / weight
    mean_t = sum(t * count for _, t, count in points) / weight
    spread = sum(count * (n - mean_n) ** 2 for n, _, count in points)
    if not spread:
        return mean_t / mean_n, 0.0
    a = sum(count * (n - mean_n) * (t - mean_t) for n, t, count in points) / spread
    return a, mean_t - a * mean_n


def batch(settings):
    """Rows a second of the orientation net (3 × 48 × 192) under as many connections as make full batches, tensors in binary: as a
    share of n/(an+b), which is what the runs alone would allow, of the batches that were formed."""
    with weir(settings, os.path.join(DEMO, "text-orientation.onnx")) as server:
        load = Load(server, "/v2/models/model/infer", binary_body((1, 3, 48, 192)))
        for connections in (1, 2, 4, 8, 16):  # so that the cost of small batches is known too
            load.run("--connections", connections, "--warm-ms", 50, "--run-ms", 400)

        def full():
            before = [metric(server, "nv_inference_" + name) for name in ("count", "exec_count")]
            result = load.run("--connections", BATCH_CONNECTIONS, *timed(settings))
            after = [metric(server, "nv_inference_" + name) for name in ("count", "exec_count")]
            n = (after[0] - before[0]) / (after[1] - before[1])
            a, b = cost_of(server)
            return dict(result, rows=n, a_us=a * 1e6, b_us=b * 1e6, share=result["per_second"] * (a * n + b) / n)
        rounds, voids = harness.alternate(settings, {"weir": full})
    last = rounds[-1]["weir"]
    detail = "%.0f rows/s in batches of %.1f; T(n) = %.1f µs n + %.1f µs" % (
        harness.median(rounds, "weir", "per_second"), harness.median(rounds, "weir", "rows"), last["a_us"], last["b_us"])
    return Row(harness.median(rounds, "weir", "share"), BATCH_BAR, "of n/(an+b)", detail, rounds, is_most=False, voids=voids)


def window(settings):
    """p99 of the orientation net in open loop, at half of what it can do, with batching as weir does it by default, divided by that
    of a second server that does not batch."""
    path = os.path.join(DEMO, "text-orientation.onnx")
    made = binary_body((1, 3, 48, 192))
    with weir(settings, path, name="weir batching", rank=harness.URGENT) as batching, \
            weir(settings, path, name="weir single", batch=1, rank=harness.URGENT) as single:
        loads = {"batching": Load(batching, "/v2/models/model/infer", made),
                 "single": Load(single, "/v2/models/model/infer", made)}
        most = loads["single"].run("--connections", 8, "--warm-ms", 200, "--run-ms", 1000)["per_second"]
        rounds, voids = harness.alternate(settings, {
            name: lambda load=load: load.run("--connections", CONNECTIONS, "--rate", int(most / 2), *timed(settings),
                                             rank=harness.URGENT) for name, load in loads.items()})
    detail = "p99 %.2f ms batching, %.2f ms single, at %d/s" % (harness.median(rounds, "batching", "p99_us") / 1e3,
                                                                harness.median(rounds, "single", "p99_us") / 1e3, most / 2)
    return Row(harness.ratio(rounds, "batching", "single", "p99_us"), WINDOW_BAR, "of p99 without", detail, rounds, voids=voids)


ROWS = {
    "infer_small": (small, "inferences/s, small JSON"),
    "infer_floats": (floats, "inferences/s, 784 floats"),
    "infer_added": (added, "added to an inference"),
    "infer_batch": (batch, "batch throughput"),
    "infer_window": (window, "p99 with batching"),
}
