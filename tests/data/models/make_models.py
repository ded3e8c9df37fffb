#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tiny ONNX models of the tests, byte for byte the same each time, with the standard library only.

ONNX files are protocol buffers; the few messages needed here are written by hand (field numbers from onnx.proto3),
so that making them needs no package and every oddity of a model is visible below.

Usage: make_models.py [FOLDER]    (default: the folder of this script)
"""
import pathlib
import struct
import sys

FLOAT, UINT8, INT32, INT64, STRING, BOOL, FLOAT16 = 1, 2, 6, 7, 8, 9, 10
OPSET = 13


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor_type(elem_type, dims):
    """dims: int = fixed, str = symbol, None = open without a name; dims None = a shape that nobody declared."""
    body = number(1, elem_type)
    if dims is not None:
        shape = b""
        for dim in dims:
            if dim is None:
                shape += chunk(1, b"")
            elif isinstance(dim, str):
                shape += chunk(1, chunk(2, dim))
            else:
                shape += chunk(1, number(1, dim))
        body += chunk(2, shape)
    return chunk(1, body)


def value_info(name, elem_type, dims):
    return chunk(1, name) + chunk(2, tensor_type(elem_type, dims))


def sequence_info(name, elem_type, dims):
    return chunk(1, name) + chunk(2, chunk(4, chunk(1, tensor_type(elem_type, dims))))


def attribute(name, value):
    if isinstance(value, int):
        return chunk(1, name) + number(3, value) + number(20, 2)
    return chunk(1, name) + b"".join(number(8, v) for v in value) + number(20, 7)


def node(op, inputs, outputs, **attributes):
    body = b"".join(chunk(1, i) for i in inputs) + b"".join(chunk(2, o) for o in outputs)
    return body + chunk(4, op) + b"".join(chunk(5, attribute(k, v)) for k, v in attributes.items())


def floats(name, dims, values):
    return (b"".join(number(1, d) for d in dims) + number(2, FLOAT) + chunk(8, name)
            + chunk(9, struct.pack("<%df" % len(values), *values)))


def ints(name, dims, values):
    return (b"".join(number(1, d) for d in dims) + number(2, INT64) + chunk(8, name)
            + chunk(9, struct.pack("<%dq" % len(values), *values)))


def texts(name, dims, values):
    return (b"".join(number(1, d) for d in dims) + number(2, STRING) + b"".join(chunk(6, v) for v in values)
            + chunk(8, name))


def model(name, nodes, inputs, outputs, initializers=()):
    graph = b"".join(chunk(1, n) for n in nodes) + chunk(2, name)
    graph += b"".join(chunk(5, i) for i in initializers)
    graph += b"".join(chunk(11, i) for i in inputs) + b"".join(chunk(12, o) for o in outputs)
    return (number(1, 7) + chunk(2, "weir-tests") + chunk(3, "1") + number(5, 3) + chunk(7, graph)
            + chunk(8, chunk(1, "") + number(2, OPSET)))


def weights(count, step):
    """Small numbers that are exact in binary, so that sums do not depend on their order."""
    return [((i * step) % 17 - 8) / 16 for i in range(count)]


def one(name, op, in_type, in_dims, out_type, out_dims, **attributes):
    return model(name, [node(op, ["x"], ["y"], **attributes)], [value_info("x", in_type, in_dims)],
                 [value_info("y", out_type, out_dims)])


MODELS = {
    # y = x, batch named on both sides.
    "identity": one("identity", "Identity", FLOAT, ["N", 4], FLOAT, ["N", 4]),
    # y = x with open dimensions that have no names: output sizes cannot be told from the model.
    "unnamed": one("unnamed", "Identity", FLOAT, [None, 4], FLOAT, [None, 4]),
    # y = relu(x·A + a)·B + b, 8 → 16 → 3.
    "mlp": model(
        "mlp",
        [node("Gemm", ["x", "A", "a"], ["h"]), node("Relu", ["h"], ["r"]), node("Gemm", ["r", "B", "b"], ["y"])],
        [value_info("x", FLOAT, ["batch", 8])], [value_info("y", FLOAT, ["batch", 3])],
        [floats("A", [8, 16], weights(128, 5)), floats("a", [16], weights(16, 3)),
         floats("B", [16, 3], weights(48, 7)), floats("b", [3], [0.5, -0.25, 1.0])]),
    # The same with 1/1024 added to the first output, as a model that was trained again may have.
    "mlp_shifted": model(
        "mlp_shifted",
        [node("Gemm", ["x", "A", "a"], ["h"]), node("Relu", ["h"], ["r"]), node("Gemm", ["r", "B", "b"], ["y"])],
        [value_info("x", FLOAT, ["batch", 8])], [value_info("y", FLOAT, ["batch", 3])],
        [floats("A", [8, 16], weights(128, 5)), floats("a", [16], weights(16, 3)),
         floats("B", [16, 3], weights(48, 7)), floats("b", [3], [0.5 + 1 / 1024, -0.25, 1.0])]),
    # sum = left + right and product = left · right.
    "two_inputs": model(
        "two_inputs",
        [node("Add", ["left", "right"], ["sum"]), node("Mul", ["left", "right"], ["product"])],
        [value_info("left", FLOAT, ["N", 2]), value_info("right", FLOAT, ["N", 2])],
        [value_info("sum", FLOAT, ["N", 2]), value_info("product", FLOAT, ["N", 2])]),
    # A batch of exactly 2.
    "fixed_batch": one("fixed_batch", "Neg", FLOAT, [2, 3], FLOAT, [2, 3]),
    # y = x + x on 64-bit integers.
    "int64": model("int64", [node("Add", ["x", "x"], ["y"])], [value_info("x", INT64, ["N"])],
                   [value_info("y", INT64, ["N"])]),
    # The output's size depends on the values.
    "nonzero": one("nonzero", "NonZero", FLOAT, ["N"], INT64, [1, "found"]),
    # The same, and the model claims that it were the size of the input.
    "nonzero_lying": one("nonzero_lying", "NonZero", FLOAT, ["N"], INT64, [1, "N"]),
    # Declares an output of one row whatever goes in, as careless exports do.
    "wrong_shape": one("wrong_shape", "Neg", FLOAT, ["N", 4], FLOAT, [1, 4]),
    # Nobody declared the output's shape.
    "no_shape": one("no_shape", "Neg", FLOAT, ["N", 4], FLOAT, None),
    # An output that is an input, untouched by any node.
    "pass_through": model("pass_through", [node("Neg", ["x"], ["y"])], [value_info("x", FLOAT, ["N", 4])],
                          [value_info("x", FLOAT, ["N", 4]), value_info("y", FLOAT, ["N", 4])]),
    # A scalar in, a scalar out.
    "scalar": one("scalar", "Neg", FLOAT, [], FLOAT, []),
    # Fails at run time unless the input has 6 elements, which no shape says.
    "reshape": model("reshape", [node("Reshape", ["x", "to"], ["y"])], [value_info("x", FLOAT, ["N"])],
                     [value_info("y", FLOAT, [2, 3])], [ints("to", [2], [2, 3])]),
    # y = x minus the mean of its column: no row comes out of a batch as it does alone.
    "row_mean": model("row_mean", [node("ReduceMean", ["x"], ["m"], axes=[0]), node("Sub", ["x", "m"], ["y"])],
                      [value_info("x", FLOAT, ["N", 4])], [value_info("y", FLOAT, ["N", 4])]),
    # Looks up rows of a table of 4: a run with an index out of its range fails.
    "lookup": model("lookup", [node("Gather", ["T", "x"], ["y"])], [value_info("x", INT64, ["N"])],
                    [value_info("y", FLOAT, ["N", 2])], [floats("T", [4, 2], weights(8, 5))]),
    # Says that it takes any number of rows, and was exported with a batch of 1 baked in: into a value that is only known when
    # it runs, or the runtime would find out.
    "baked": model(
        "baked",
        [node("Mul", ["x", "zero"], ["zeros"]), node("ReduceMax", ["zeros"], ["most"], keepdims=0),
         node("Cast", ["most"], ["whole"], to=INT64), node("Add", ["whole", "sizes"], ["to"]),
         node("Reshape", ["x", "to"], ["y"])],
        [value_info("x", FLOAT, ["N", 4])], [value_info("y", FLOAT, ["N", 4])],
        [floats("zero", [1], [0.0]), ints("sizes", [2], [1, 4])]),
    # total = the sum of a row where the mask is 1, twice = 2 x, of rows of any length.
    "masked": model(
        "masked",
        [node("Mul", ["x", "mask"], ["m"]), node("ReduceSum", ["m", "axes"], ["total"], keepdims=0),
         node("Add", ["x", "x"], ["twice"])],
        [value_info("x", FLOAT, ["N", "length"]), value_info("mask", FLOAT, ["N", "length"])],
        [value_info("total", FLOAT, ["N"]), value_info("twice", FLOAT, ["N", "length"])],
        [ints("axes", [1], [1])]),
    # y = x on halves, which have no form in JSON.
    "half": one("half", "Identity", FLOAT16, ["N", 4], FLOAT16, ["N", 4]),
    # Texts in, texts out.
    "string": one("string", "Identity", STRING, ["N"], STRING, ["N"]),
    # Numbers in, texts out, some of them longer than a string keeps without memory of its own.
    "labels": model("labels", [node("Gather", ["T", "x"], ["y"])], [value_info("x", INT64, ["N", 2])],
                    [value_info("y", STRING, ["N", 2])],
                    [texts("T", [4], ["", "one", "a text of more than fifteen bytes", "Zürich"])]),
    # An image as bytes in; the same in other types out.
    "pixel_types": model(
        "pixel_types",
        [node("Cast", ["x"], ["whole"], to=INT32), node("Cast", ["x"], ["is_lit"], to=BOOL),
         node("Cast", ["x"], ["half"], to=FLOAT16), node("Cast", ["x"], ["text"], to=STRING)],
        [value_info("x", UINT8, [1, 2, 2, 3])],
        [value_info("whole", INT32, [1, 2, 2, 3]), value_info("is_lit", BOOL, [1, 2, 2, 3]),
         value_info("half", FLOAT16, [1, 2, 2, 3]), value_info("text", STRING, [1, 2, 2, 3])]),
    # A state: what was asked before, summed.
    "running_sum": model("running_sum", [node("Add", ["sum", "x"], ["next"]), node("Identity", ["next"], ["y"])],
                         [value_info("x", FLOAT, ["batch", 2]), value_info("sum", FLOAT, ["batch", 2])],
                         [value_info("y", FLOAT, ["batch", 2]), value_info("next", FLOAT, ["batch", 2])]),
    # What weir does not serve.
    "sequence": model("sequence", [node("SequenceConstruct", ["x"], ["y"])], [value_info("x", FLOAT, ["N"])],
                      [sequence_info("y", FLOAT, ["N"])]),
    "rank_9": one("rank_9", "Neg", FLOAT, [1] * 8 + ["N"], FLOAT, [1] * 8 + ["N"]),
    "inputs_17": model("inputs_17", [node("Concat", ["x%d" % i for i in range(17)], ["y"], axis=0)],
                       [value_info("x%d" % i, FLOAT, [1]) for i in range(17)], [value_info("y", FLOAT, [17])]),
    "unknown_operator": one("unknown_operator", "Frobnicate", FLOAT, ["N"], FLOAT, ["N"]),
}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for name, data in MODELS.items():
        (folder / (name + ".onnx")).write_bytes(data)
    (folder / "truncated.onnx").write_bytes(MODELS["mlp"][:400])
    (folder / "not_onnx.onnx").write_text("This is a text file with the wrong ending.\n")
    (folder / "empty.onnx").write_bytes(b"")


if __name__ == "__main__":
    main()
