#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Batched equals single, under load, at random sizes, shapes and moments, and nobody ever gets another's row.

Many clients ask several models at once. Of each model there are some rows whose answers are known, from asking for each of them
alone while nothing else was going on; a request is one to a few of them, and its answer must be theirs, in their order. Rows of
`identity` and `pass_through` are unlike any other ever sent: their answer is foretold and compared bit by bit.

Meanwhile clients close their connections in the middle (of the request, and of the wait), ask with deadlines that pass, and the
configuration is loaded anew, with other models in it each time. What may be answered beside 200: that there is no room (429, 503)
or no time (503, 504). Some ask by gRPC, several streams at a time, of which they reset some.

SOAK_SECONDS is how long, 30 without it; SOAK_SEED repeats a run's choices, SOAK_CLIENTS is how many ask at once."""

import array
import asyncio
import collections
import itertools
import json
import os
import random
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import grpc_wire  # noqa: E402
import http2  # noqa: E402
import tensors  # noqa: E402
import weir  # noqa: E402

SECONDS = float(os.environ.get("SOAK_SECONDS", os.environ.get("E2E_SECONDS", "30")))
SEED = int(os.environ.get("SOAK_SEED", str(random.SystemRandom().getrandbits(32))))
CLIENTS = int(os.environ.get("SOAK_CLIENTS", "24"))
GRPC_CLIENTS = 2
RELOAD_SECONDS = 1.5 * weir.SLOWNESS
TOLERANCE = 1e-4  # times 1 + magnitude, as weir's own check when it loads a model has it
VALUES_COMPARED = 4096  # of an output, evenly spread
REFUSALS = (429, 503, 504)
OWN = os.path.join(weir.ROOT, "tests/data/models")


class Model:
    """`shapes` are of one row, without its first dimension; `known` is how many rows of each shape have known answers."""

    def __init__(self, name, path, shapes, weight, rows_max=4, known=12):
        self.name, self.path, self.shapes, self.weight, self.rows_max = name, path, shapes, weight, rows_max
        self.known = known
        self.input = "x"
        self.rows = {}  # by shape: [(packed floats, {output: bytes})]
        self.is_foretold = name in ("identity", "pass_through")


MODELS = [
    Model("identity", OWN + "/identity.onnx", [(4,)], 6, rows_max=8),
    Model("pass_through", OWN + "/pass_through.onnx", [(4,)], 4, rows_max=8),
    Model("mlp", OWN + "/mlp.onnx", [(8,)], 6, rows_max=8, known=64),
    Model("text-orientation", weir.MODELS + "/text-orientation.onnx", [(3, 48, 192)], 3),
    Model("text-recognition", weir.MODELS + "/text-recognition.onnx", [(3, 48, 32), (3, 48, 64), (3, 48, 48)], 1, rows_max=2,
          known=4),
    Model("text-detection", weir.MODELS + "/text-detection.onnx", [(3, 64, 64), (3, 64, 96)], 1, rows_max=2, known=4),
]

FEW_BYTES = [model for model in MODELS if len(model.shapes[0]) == 1]  # by gRPC, so that no window is ever asked


def config(turn):
    """Of each turn another one, with some models anew: one of another `queue` is another model, opened and warmed."""
    rows = ["  - {name: %s, path: %s, queue: %d, batch: {max: 16}}" % (model.name, model.path, 200 + (turn + i) // 3 % 2)
            for i, model in enumerate(MODELS)]
    return "\n".join(["listen: [127.0.0.1:0]", "workers: 2", "executors: 2", "chain: [metrics]", "models:", *rows, "routes:",
                      "  - {match: /v2, public: true, to: {endpoint: v2}}",
                      "  - {match: GET /metrics, public: true, to: {endpoint: metrics}}"])


# --- requests and answers ----------------------------------------------------------------------------------------------

class Wire:
    """Binary tensors, which are cheaper for both; now and then JSON, of few numbers."""

    def __init__(self, port):
        self.port = port

    def request(self, model, shape, rows, parameters=None, is_json=False):
        tensor = tensors.Tensor(model.input, "FP32", [len(rows), *shape], b"".join(rows))
        if is_json:
            headers, body = tensors.json_request([tensor], parameters=parameters or {})
        else:
            headers, body = tensors.binary_request([tensor], parameters={"binary_data_output": True, **(parameters or {})})
        return weir.request_bytes("POST", "/v2/models/%s/infer" % model.name, headers, body)


def outputs_of(fields, body):
    """By name: (shape, bytes)"""
    found = tensors.response_tensors(fields.get("inference-header-content-length"), body)
    return {name: (tensor.shape, tensor.data) for name, tensor in found.items()}


def split_rows(outputs, count):
    """[{name: bytes}] of the rows of a response."""
    rows = [{} for _ in range(count)]
    for name, (shape, data) in outputs.items():
        assert shape[0] == count, "%d rows were asked for, %s has the shape %s" % (count, name, shape)
        size = len(data) // count
        for i in range(count):
            rows[i][name] = data[i * size:(i + 1) * size]
    return rows


def is_near(found, expected):
    if found == expected:
        return True
    if len(found) != len(expected):
        return False
    step = max(1, len(found) // 4 // VALUES_COMPARED)
    pairs = zip(array.array("f", found)[::step], array.array("f", expected)[::step])
    return all(abs(a - b) <= TOLERANCE * (1 + abs(b)) for a, b in pairs)


# --- rows --------------------------------------------------------------------------------------------------------------

markers = itertools.count(1)


def foretold_row(model):
    """A row that was never there before, and what must come of it."""
    row = struct.pack("<4f", *(next(markers) % (1 << 24) for _ in range(4)))
    negative = struct.pack("<4f", *(-value for value in struct.unpack("<4f", row)))
    return row, {"y": row} if model.name == "identity" else {"x": row, "y": negative}


def made_up_row(shape, chance):
    """Numbers where there are few, else an image with strokes as of letters."""
    if len(shape) == 1:
        return array.array("f", (chance.uniform(-2, 2) for _ in range(shape[0]))).tobytes()
    channels, height, width = shape
    plane = array.array("f", [4.0]) * (height * width)
    for _ in range(10):
        left, top = chance.randrange(width - 3), chance.randrange(height - 8)
        for y in range(top, min(height, top + chance.randint(3, 14))):
            for x in range(left, left + chance.randint(1, 3)):
                plane[y * width + x] = -4.0
    return plane.tobytes() * channels


def is_alike(a, b):
    return all(is_near(a[name], b[name]) for name in a)


def answer_alone(client, wire, model, shape, row):
    client.raw(wire.request(model, shape, [row]))
    response = client.receive()
    assert response.status == 200, "%s: %r" % (model.name, response)
    fields = {name.lower(): value for name, value in response.fields}
    return split_rows(outputs_of(fields, response.body), 1)[0]


def learn(wire, chance):
    """Asks for rows alone, and keeps those whose answers can be told apart: others would prove nothing."""
    with weir.Client(wire.port, timeout=60) as client:
        for model in MODELS:
            for shape in model.shapes if not model.is_foretold else []:
                known = model.rows[shape] = []
                for tries in range(20 * model.known):
                    row = made_up_row(shape, chance)
                    answer = answer_alone(client, wire, model, shape, row)
                    if not any(is_alike(answer, other) for _, other in known):
                        known.append((row, answer))
                    if len(known) == model.known:
                        break
                print("%s %s: %d rows of %d can be told apart" % (model.name, list(shape), len(known), tries + 1))
                assert len(known) > 2, "the rows of %s are too much alike to be markers" % model.name


def draw(model, chance):
    """(shape, rows, what must come of them)"""
    shape = chance.choice(model.shapes)
    count = chance.randint(1, model.rows_max) if chance.random() < 0.5 else 1
    pairs = [foretold_row(model) if model.is_foretold else chance.choice(model.rows[shape]) for _ in range(count)]
    return shape, [row for row, _ in pairs], [expected for _, expected in pairs]


# --- clients -----------------------------------------------------------------------------------------------------------

class Soak:
    def __init__(self, wire):
        self.wire = wire
        self.counts = collections.Counter()
        self.faults = []
        self.end = time.monotonic() + SECONDS

    def is_over(self):
        return time.monotonic() > self.end or len(self.faults) > 5


class Connection:
    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def open(self):
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)

    def close(self):
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def receive(self):
        """(status, {name in lower case: value}, body)"""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict((line.split(":", 1)[0].lower(), line.split(":", 1)[1].strip()) for line in head[1:] if line)
        body = await self.reader.readexactly(int(fields["content-length"]))
        return int(head[0].split()[1]), fields, body


def judge(soak, model, expected, answer):
    status, fields, body = answer
    if status != 200:
        soak.counts["refused %d" % status] += 1
        if status not in REFUSALS:
            soak.faults.append("%s: %d %s" % (model.name, status, body[:300]))
        return
    judge_rows(soak, model, expected, outputs_of(fields, body))


def judge_rows(soak, model, expected, outputs):
    found = split_rows(outputs, len(expected))
    for i, (row, wanted) in enumerate(zip(found, expected)):
        for name, data in wanted.items():
            is_right = row[name] == data if model.is_foretold else is_near(row[name], data)
            if not is_right:
                soak.faults.append("%s: row %d of %d, %s is not what the row gives alone" % (model.name, i, len(found), name))
                return
    soak.counts["right"] += 1
    soak.counts["right rows"] += len(expected)


async def ask(soak, connection, chance):
    model = chance.choices(MODELS, [model.weight for model in MODELS])[0]
    shape, rows, expected = draw(model, chance)
    way = chance.random()
    parameters = {"timeout": chance.choice([1, 200, 2000, 20000])} if way < 0.1 else None
    request = soak.wire.request(model, shape, rows, parameters, is_json=model in FEW_BYTES and chance.random() < 0.3)
    await connection.open()
    soak.counts["asked"] += 1
    if 0.1 < way < 0.13:  # in the middle of the request
        connection.writer.write(request[:chance.randrange(1, len(request))])
        await asyncio.sleep(chance.uniform(0, 0.01))
        connection.close()
        soak.counts["left in the request"] += 1
        return
    connection.writer.write(request)
    if 0.13 < way < 0.2:  # in the middle of the wait
        await asyncio.sleep(chance.choice([0, 0.0005, 0.002, 0.01]))
        connection.close()
        soak.counts["left while waiting"] += 1
        return
    answer = await asyncio.wait_for(connection.receive(), 60 * weir.SLOWNESS)
    judge(soak, model, expected, answer)
    if answer[1].get("connection") == "close":
        connection.close()


async def client(soak, number):
    chance = random.Random(SEED * 1000 + number)
    connection = Connection(soak.wire.port)
    while not soak.is_over():
        try:
            for _ in range(chance.randint(1, 12)):
                await ask(soak, connection, chance)
        except (OSError, asyncio.IncompleteReadError) as error:
            soak.counts["connection lost"] += 1
            soak.faults.append("a connection broke: %r" % error)
            connection.close()
        except asyncio.TimeoutError:
            soak.faults.append("no answer in a minute")
            connection.close()
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.02]))
    connection.close()


# --- gRPC --------------------------------------------------------------------------------------------------------------

def ask_streams(soak, session, chance):
    """Some streams at once; those that are reset answer nobody."""
    asked = {}
    for _ in range(chance.randint(1, 6)):
        model = chance.choice(FEW_BYTES)
        shape, rows, expected = draw(model, chance)
        tensor = tensors.Tensor(model.input, "FP32", [len(rows), *shape], b"".join(rows))
        asked[grpc_wire.open_call(session, "ModelInfer", tensors.grpc_request(model.name, [tensor]))] = (model, expected)
        soak.counts["asked by gRPC"] += 1
    for number in [number for number in asked if chance.random() < 0.15]:
        session.reset(number)
        session.streams.pop(number)
        asked.pop(number)
        soak.counts["reset"] += 1
    for number, (model, expected) in asked.items():
        answer = grpc_wire.Answer(session.wait(number))
        session.streams.pop(number)
        if answer.status == grpc_wire.OK:
            found = tensors.grpc_tensors(answer.message)
            judge_rows(soak, model, expected, {name: (found[name].shape, found[name].data) for name in found})
            continue
        soak.counts["refused by gRPC"] += 1
        if answer.status not in (grpc_wire.UNAVAILABLE, grpc_wire.RESOURCE_EXHAUSTED):
            soak.faults.append("%s by gRPC: %r" % (model.name, answer))


class Session(http2.Client):
    """Frames of streams that were reset may be under way still."""

    def heard(self, kind, flags, number, payload):
        if number == 0 or number in self.streams:
            super().heard(kind, flags, number, payload)
        elif kind == http2.DATA and payload:
            self.give(0, len(payload))


def grpc_client(soak, number):
    chance = random.Random(SEED * 1000 + 500 + number)
    while not soak.is_over():
        try:
            with Session(soak.wire.port, timeout=60) as session:
                for _ in range(chance.randint(1, 30)):
                    ask_streams(soak, session, chance)
        except (OSError, weir.Gone) as error:
            soak.faults.append("a connection of gRPC broke: %r" % error)


async def reload(soak, server):
    turn = 0
    while not soak.is_over():
        await asyncio.sleep(RELOAD_SECONDS)
        turn += 1
        server.write_config(config(turn))
        await asyncio.to_thread(server.reload)
        soak.counts["reloads"] += 1


async def run(soak, server):
    clients = [asyncio.create_task(client(soak, number)) for number in range(CLIENTS)]
    reloads = asyncio.create_task(reload(soak, server))
    grpc = [asyncio.create_task(asyncio.to_thread(grpc_client, soak, number)) for number in range(GRPC_CLIENTS)]
    done, pending = await asyncio.wait([*clients, *grpc, reloads], timeout=SECONDS + 120 * weir.SLOWNESS)
    assert not pending, "%d clients hang" % len(pending)
    for task in done:
        task.result()


def report(soak, server):
    print(json.dumps(dict(sorted(soak.counts.items()))))
    for fault in soak.faults:
        print("FAULT " + fault)
    samples = weir.metrics(server.port)
    batched = 0
    for model in MODELS:
        labels = '{model="%s",version="1"}' % model.name
        runs, batches = samples["weir_model_runs_total" + labels], samples["weir_model_batches_total" + labels]
        batched += runs > 1.1 * batches
        print("%s: %d runs in %d executions" % (model.name, runs, batches))
    in_flight = {name: value for name, value in samples.items() if name.startswith("weir_model_runs_in_flight") and value}
    assert not in_flight, "still in flight: %r" % in_flight
    assert not soak.faults and soak.counts["right"] and soak.counts["reloads"]
    assert batched > 2, "hardly anything was batched: this has shown nothing"


def main():
    print("seed %d" % SEED)
    with weir.Server(config(0)).start() as server:
        wire = Wire(server.port)
        learn(wire, random.Random(SEED))
        soak = Soak(wire)
        asyncio.run(run(soak, server))
        weir.wait_until(lambda: not any(value for name, value in weir.metrics(server.port).items()
                                        if name.startswith("weir_model_runs_in_flight")), 20, "the last runs")
        report(soak, server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
