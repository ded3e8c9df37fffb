#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX's own test data (Debian's libonnx-testdata): each model's inputs, sent over every wire, give the expected outputs.

    tests/conformance/onnx_testdata_test.py              all of them, with build/release/weir or $WEIR
    tests/conformance/onnx_testdata_test.py conv maxpool those with one of the words in "folder/name"

What is not asked is printed with its reason, and a reason that is not among those below is a failure: a model that weir cannot
load or a type that it cannot say is not passed over in silence. Tolerances are those of ONNX's runner
(onnx/backend/test/runner: rtol 1e-3, atol 1e-7)."""

import collections
import glob
import math
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import grpc_wire  # noqa: E402
import http2  # noqa: E402
import tensors  # noqa: E402
import weir  # noqa: E402

DATA = os.environ.get("ONNX_TESTDATA", "/usr/share/libonnx-testdata/data")
MODELS_PER_SERVER = 150
RTOL, ATOL = 1e-3, 1e-7

# Why a model cannot be served: what weir says of it, and in a word.
LOAD_EXCUSES = [
    (r"sequence|optional|map type|is not a tensor", "a sequence, map or optional, which the protocol has no word for"),
    (r"not (a )?registered function/op|is not a registered|No Op registered|Could not find an implementation",
     "the runtime does not have the operator or this type of it"),
    (r"ONNX Runtime only \*guarantees\* support|is under development|opset \d+ is under", "an opset under development"),
    (r"rank|dimensions", "more than 8 dimensions"),
    (r"COMPLEX", "complex numbers, which the protocol has no word for"),
    (r"Batchwise recurrent operations|layout_ == 0", "the runtime has recurrent operators with time first only"),
    (r"Failed to construct locale", "the runtime wants a locale that this machine does not have"),
]
# Not asked, by the name of the case.
CASE_EXCUSES = [
    (r"test_bernoulli|test_training_dropout(?!_zero_ratio)", "its outputs are random"),
    (r"test_(dft|stft)", "the runtime gives 1e-6 to 1e-4 where 0 is expected"),
    (r"test_castlike_BFLOAT16_to_FLOAT", "an input of the data does not have the shape that the model declares"),
    (r"test_cast(like)?_FLOAT_to_BFLOAT16", "the runtime rounds to the nearest BF16, the data are cut"),
    (r"test_cast(like)?_FLOAT_to_STRING", "the runtime writes floats with other digits (%.8g)"),
    (r"test_maxunpool_export_with_output_shape|test_resize_downsample_scales_(cubic|linear)_align_corners",
     "the runtime gives other values, as its own Python binding does; the data of this release of ONNX was corrected later"),
]


def collect(words):
    """[(name, folder)]"""
    found = []
    for path in sorted(glob.glob(os.path.join(DATA, "*", "*"))):
        name = "/".join(path.split("/")[-2:])
        if not words or any(word in name for word in words):
            found.append((name, path))
    return found


def numbered(folder, kind):
    """input_0.pb, input_1.pb, …"""
    paths = glob.glob(os.path.join(folder, kind + "_*.pb"))
    return sorted(paths, key=lambda path: int(re.search(r"_(\d+)\.pb$", path).group(1)))


def model_name(name):
    return name.replace("/", ".")


class Tally:
    def __init__(self):
        self.passed = collections.Counter()
        self.excluded = []  # (name, wire or None, reason)
        self.failed = []  # (name, wire, what)

    def exclude(self, name, wire, reason):
        self.excluded.append((name, wire, reason))

    def fail(self, name, wire, what):
        self.failed.append((name, wire, what))


def is_near(found, expected):
    if math.isnan(expected) or math.isinf(expected) or math.isnan(found) or math.isinf(found):
        return found == expected or (math.isnan(found) and math.isnan(expected))
    return abs(found - expected) <= ATOL + RTOL * abs(expected)


def difference(found, expected, is_json):
    """What is wrong with an output, or None."""
    if found.datatype != expected.datatype or found.shape != expected.shape:
        return "is %r and not %r" % (found, expected)
    got, want = found.values(), expected.values()
    if len(got) != len(want):
        return "has %d elements and not %d" % (len(got), len(want))
    for i, (a, b) in enumerate(zip(got, want)):
        if a == b:
            continue
        if expected.datatype not in tensors.FLOATS and expected.datatype != "BYTES":
            is_same = abs(a - b) <= ATOL + RTOL * abs(b)  # as assert_allclose has it
        elif expected.datatype == "BYTES":
            is_same = False
        else:  # null says any of them
            is_same = is_near(a, b) or (is_json and math.isnan(a) and not math.isfinite(b))
        if not is_same:
            return "has %r and not %r at %d" % (a, b, i)
    return None


class Json:
    name = "JSON"

    def __init__(self, port):
        self.port = port
        self.client = weir.Client(port)

    def request(self, inputs):
        return tensors.json_request(inputs)

    def infer(self, model, inputs):
        headers, body = self.request(inputs)
        try:
            response = self.client.request("POST", "/v2/models/%s/infer" % model, headers, body)
        except weir.Gone:
            self.client = weir.Client(self.port)
            raise
        if response.field("Connection") == "close":
            self.client = weir.Client(self.port)
        if response.status != 200:
            raise Refused("%d %s" % (response.status, response.body[:300].decode("utf-8", "replace")))
        return tensors.response_tensors(response.field("Inference-Header-Content-Length"), response.body)


class Binary(Json):
    name = "binary"

    def request(self, inputs):
        return tensors.binary_request(inputs)


class Grpc:
    name = "gRPC"

    def __init__(self, port):
        self.client = http2.Client(port)

    def infer(self, model, inputs):
        answer = grpc_wire.call(self.client, "ModelInfer", tensors.grpc_request(model, inputs))
        if answer.status != grpc_wire.OK:
            raise Refused("%s %s" % (answer.status, answer.text))
        return tensors.grpc_tensors(answer.message)


class Refused(Exception):
    """The server answered, and it was no success."""


def ask(wire, tally, name, metadata, folder):
    """One set of inputs over one wire."""
    try:
        inputs = [tensors.read_onnx(path) for path in numbered(folder, "input")]
        expected = [tensors.read_onnx(path) for path in numbered(folder, "output")]
        for tensor, spec in zip(inputs + expected, metadata["inputs"] + metadata["outputs"]):
            tensor.name = spec["name"]
            if "BFLOAT16" in name:  # of which the data are flat, and their type is UINT16
                tensor.datatype, tensor.shape = spec["datatype"], spec["shape"]
        if wire.name == "JSON" and any(spec["datatype"] in tensors.BINARY_ONLY for spec in metadata["outputs"]):
            raise tensors.Unsupported("FP16 and BF16 have no form in JSON")
        found = wire.infer(model_name(name), inputs)
    except tensors.Unsupported as reason:
        tally.exclude(name, wire.name, str(reason))
        return
    except (Refused, weir.Gone, OSError, AssertionError) as error:
        tally.fail(name, wire.name, str(error))
        return
    for spec, tensor in zip(metadata["outputs"], expected):
        if spec["name"] not in found:
            tally.fail(name, wire.name, "the output %s is missing" % spec["name"])
            return
        what = difference(found[spec["name"]], tensor, wire.name == "JSON")
        if what:
            tally.fail(name, wire.name, "%s %s" % (spec["name"], what))
            return
    tally.passed[wire.name] += 1


def config_of(cases):
    rows = ["  - {name: %s, path: %s/model.onnx}" % (model_name(name), folder) for name, folder in cases]
    return "\n".join(["listen: [127.0.0.1:0]", "workers: 1", "executors: 1", "models:", *rows, "routes:",
                      "  - {match: /v2, public: true, body_bytes: 67108864, to: {endpoint: v2}}"])


def excuse_of(text, excuses):
    return next((excuse for pattern, excuse in excuses if re.search(pattern, text, re.I)), None)


def metadata_of(port, name):
    """Waits until the model is ready or given up."""
    def look():
        response = weir.ask(port, "GET", "/v2/models/%s" % model_name(name))
        return None if b"is loading" in response.body or b"is still loading" in response.body else response
    return weir.wait_until(look, 60, "the model " + name)


def run_batch(cases, tally):
    with weir.Server(config_of(cases)).start(is_ready=False) as server:
        wires = [Json(server.port), Binary(server.port), Grpc(server.port)]
        for name, folder in cases:
            response = metadata_of(server.port, name)
            if response.status != 200:
                said = server.wait_for_line(r"model %s cannot be served" % re.escape(model_name(name)))
                excuse = excuse_of(said, LOAD_EXCUSES)
                if excuse:
                    tally.exclude(name, None, excuse)
                else:
                    tally.fail(name, "loading", said[:600])
                continue
            for wire in wires:
                for data_set in sorted(glob.glob(os.path.join(folder, "test_data_set_*"))):
                    ask(wire, tally, name, response.json(), data_set)
            assert server.process.poll() is None, "the server is gone after " + name
    return [wire.name for wire in wires]


def report(tally, wires):
    by_reason = collections.defaultdict(list)
    for name, wire, reason in tally.excluded:
        by_reason[(wire or "all wires", reason)].append(name)
    for (wire, reason), names in sorted(by_reason.items()):
        print("excluded from %s, %d: %s\n    %s" % (wire, len(names), reason, " ".join(sorted(set(names)))))
    for name, wire, what in tally.failed:
        print("FAILED %s, %s: %s" % (name, wire, what))
    print(", ".join("%s: %d passed" % (wire, tally.passed[wire]) for wire in wires) +
          "; %d excluded, %d failed" % (len(tally.excluded), len(tally.failed)))


def main(words):
    if not os.path.isdir(DATA):
        weir.skip("libonnx-testdata is not installed")
    tally, cases, wires = Tally(), [], []
    for name, folder in collect(words):
        if not os.path.exists(os.path.join(folder, "model.onnx")):
            tally.exclude(name, None, "the package has a link to the model and not the model")
        elif excuse_of(name, CASE_EXCUSES):
            tally.exclude(name, None, excuse_of(name, CASE_EXCUSES))
        else:
            cases.append((name, folder))
    for begin in range(0, len(cases), MODELS_PER_SERVER):
        wires = run_batch(cases[begin:begin + MODELS_PER_SERVER], tally)
    report(tally, wires)
    return 1 if tally.failed or not tally.passed["JSON"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
