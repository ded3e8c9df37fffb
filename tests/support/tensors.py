# SPDX-License-Identifier: Apache-2.0
"""Tensors as files (ONNX) and on three wires: Open Inference Protocol v2 in JSON, in JSON with binary data, and as gRPC messages.

Only the standard library, and nothing of weir: what the protocols say, written a second time, so that the tests do not
believe the server in what it says of itself."""

import array
import collections
import json
import math
import struct

import grpc_wire

# By ONNX's number of a type: its name in v2 and the format of an element, in the letters of struct.
TYPES = {1: ("FP32", "f"), 2: ("UINT8", "B"), 3: ("INT8", "b"), 4: ("UINT16", "H"), 5: ("INT16", "h"), 6: ("INT32", "i"),
         7: ("INT64", "q"), 8: ("BYTES", None), 9: ("BOOL", "B"), 10: ("FP16", "e"), 11: ("FP64", "d"), 12: ("UINT32", "I"),
         13: ("UINT64", "Q"), 16: ("BF16", None)}
LETTERS = {name: letter for name, letter in TYPES.values()}
WIDTHS = {name: struct.calcsize(letter) for name, letter in TYPES.values() if letter} | {"BF16": 2}
FLOATS = ("FP16", "BF16", "FP32", "FP64")
# Have no form in JSON.
BINARY_ONLY = ("FP16", "BF16")


class Unsupported(Exception):
    """What the protocol cannot say; the text is the reason."""


class Tensor:
    """`data` is little-endian and row-major; of BYTES a list of elements."""

    def __init__(self, name, datatype, shape, data):
        self.name = name
        self.datatype = datatype
        self.shape = list(shape)
        self.data = data

    def values(self):
        return self.data if self.datatype == "BYTES" else unpack(self.datatype, self.data)

    def __repr__(self):
        return "%s %s%s" % (self.name, self.datatype, self.shape)


def unpack(datatype, data):
    if datatype == "BF16":
        halves = struct.unpack("<%dH" % (len(data) // 2), data)
        return list(struct.unpack("<%df" % len(halves), b"".join(b"\0\0" + struct.pack("<H", half) for half in halves)))
    letter = LETTERS[datatype]
    if letter == "e":
        return list(struct.unpack("<%de" % (len(data) // 2), data))
    return array.array(letter, data).tolist()


def pack(datatype, values):
    """Of numbers; for what JSON has said."""
    return array.array(LETTERS[datatype], values).tobytes()


def varints(values):
    """Of a repeated field as grpc_wire.fields has it: whole numbers, or packed ones."""
    out = []
    for value in values:
        if isinstance(value, int):
            out.append(value)
            continue
        number = shift = 0
        for byte in value:
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                out.append(number)
                number = shift = 0
    return [value - (1 << 64) if value >> 63 else value for value in out]


def read_onnx(path):
    """The tensor of a file with a TensorProto (onnx.proto)."""
    with open(path, "rb") as file:
        found = collections.defaultdict(list, grpc_wire.fields(file.read()))
    number = found[2][0]
    if number not in TYPES:
        raise Unsupported("type %s of ONNX is not in the protocol" % number)
    datatype, dims = TYPES[number][0], varints(found[1])
    name = found[8][0].decode() if found[8] else ""
    if datatype == "BYTES":
        return Tensor(name, datatype, dims, found[6])
    numbers = varints(found[5] + found[7] + found[11])
    if found[9]:
        data = found[9][0]
    elif numbers:
        data = struct.pack("<%d%s" % (len(numbers), "H" if datatype in BINARY_ONLY else LETTERS[datatype]), *numbers)
    else:
        data = b"".join(found[4] + found[10])
    return Tensor(name, datatype, dims, data)


# --- REST --------------------------------------------------------------------------------------------------------------

def raw_of(tensor):
    """As the binary forms of both wires have it: elements of BYTES each with its length."""
    if tensor.datatype == "BYTES":
        return b"".join(struct.pack("<I", len(element)) + element for element in tensor.data)
    return tensor.data


def of_raw(name, datatype, shape, raw):
    if datatype != "BYTES":
        return Tensor(name, datatype, shape, bytes(raw))
    elements, at = [], 0
    while at < len(raw):
        size = struct.unpack_from("<I", raw, at)[0]
        elements.append(bytes(raw[at + 4:at + 4 + size]))
        at += 4 + size
    return Tensor(name, datatype, shape, elements)


def json_values(tensor):
    if tensor.datatype in BINARY_ONLY:
        raise Unsupported("%s has no form in JSON" % tensor.datatype)
    if tensor.datatype == "BYTES":
        try:
            return [element.decode() for element in tensor.data]
        except UnicodeDecodeError:
            raise Unsupported("bytes that are no UTF-8 have no form in JSON") from None
    values = tensor.values()
    if tensor.datatype in FLOATS and not all(math.isfinite(value) for value in values):
        raise Unsupported("NaN and infinity have no form in JSON")
    return [bool(value) for value in values] if tensor.datatype == "BOOL" else values


def head_of(tensor):
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}


def json_request(inputs, **more):
    """(headers, body)"""
    document = {"inputs": [{**head_of(tensor), "data": json_values(tensor)} for tensor in inputs], **more}
    return {"Content-Type": "application/json"}, json.dumps(document).encode()


def binary_request(inputs, **more):
    tails = [raw_of(tensor) for tensor in inputs]
    heads = [{**head_of(tensor), "parameters": {"binary_data_size": len(tail)}} for tensor, tail in zip(inputs, tails)]
    document = {"inputs": heads, "parameters": {"binary_data_output": True}, **more}
    text = json.dumps(document).encode()
    return {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(text))}, \
        text + b"".join(tails)


def of_json(entry):
    values = entry["data"]
    while values and isinstance(values[0], list):
        values = [value for row in values for value in row]
    datatype = entry["datatype"]
    if datatype == "BYTES":
        return Tensor(entry["name"], datatype, entry["shape"], [value.encode() for value in values])
    if datatype in FLOATS:  # null stands for what JSON cannot say
        values = [math.nan if value is None else value for value in values]
    return Tensor(entry["name"], datatype, entry["shape"], pack(datatype, values))


def response_tensors(headers_length, body):
    """By name, of a response of REST; `headers_length` is its Inference-Header-Content-Length, or None."""
    text, tail = (body, b"") if headers_length is None else (body[:int(headers_length)], body[int(headers_length):])
    tensors = {}
    for entry in json.loads(text)["outputs"]:
        size = entry.get("parameters", {}).get("binary_data_size")
        if size is None:
            tensors[entry["name"]] = of_json(entry)
        else:
            tensors[entry["name"]] = of_raw(entry["name"], entry["datatype"], entry["shape"], tail[:size])
            tail = tail[size:]
    assert not tail, "%d bytes behind the last tensor" % len(tail)
    return tensors


# --- gRPC, with raw contents ---------------------------------------------------------------------------------------------

def grpc_request(model, inputs):
    """A ModelInferRequest."""
    parts = [grpc_wire.tensor(tensor.name, tensor.datatype, tensor.shape) for tensor in inputs]
    return grpc_wire.infer(model, *parts, raws=[raw_of(tensor) for tensor in inputs])


def grpc_tensors(message):
    """By name, of a ModelInferResponse as grpc_wire.fields has it."""
    found = {}
    heads, raws = message.get(5, []), message.get(6, [])
    assert len(heads) == len(raws), (len(heads), len(raws))
    for head, raw in zip(heads, raws):
        head = grpc_wire.fields(head)
        name, datatype = head[1][0].decode(), head[2][0].decode()
        found[name] = of_raw(name, datatype, varints(head.get(3, [])), raw)
    return found
