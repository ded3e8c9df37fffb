# SPDX-License-Identifier: Apache-2.0
"""Tensors as files (ONNX) and on three wires: Open Inference Protocol v2 in JSON, in JSON with binary data, and as gRPC messages.

Only the standard library, and nothing of weir: what the protocols say, written a second time, so that the tests do not
believe the server in what it says of itself."""

import array
import json
import math
import struct

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


# --- protocol buffers: https://protobuf.dev/programming-guides/encoding ------------------------------------------------

def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A field of a message: bytes and text with their length, integers as varint, None not at all."""
    if value is None:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, kind of wire, value) of each field of a message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        else:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        yield key >> 3, kind, value


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def varints(kind, value):
    """Of a repeated field, packed or not."""
    if kind == 0:
        return [signed(value)]
    out, at = [], 0
    while at < len(value):
        one, at = read_varint(value, at)
        out.append(signed(one))
    return out


def read_onnx(path):
    """The tensor of a file with a TensorProto (onnx.proto)."""
    with open(path, "rb") as file:
        data = file.read()
    dims, number, name, raw, texts, numbers = [], None, "", None, [], []
    floats = b""
    for tag, kind, value in fields(data):
        if tag == 1:
            dims += varints(kind, value)
        elif tag == 2 and kind == 0:
            number = value
        elif tag == 8 and kind == 2:
            name = value.decode()
        elif tag == 9 and kind == 2:
            raw = value
        elif tag in (4, 10) and kind in (1, 2, 5):
            floats += value
        elif tag in (5, 7, 11):
            numbers += varints(kind, value)
        elif tag == 6:
            texts.append(value)
    if number not in TYPES:
        raise Unsupported("type %s of ONNX is not in the protocol" % number)
    datatype = TYPES[number][0]
    if datatype == "BYTES":
        return Tensor(name, datatype, dims, texts)
    if raw is None and numbers:
        letter = "H" if datatype in BINARY_ONLY else LETTERS[datatype]
        raw = struct.pack("<%d%s" % (len(numbers), letter), *numbers)
    return Tensor(name, datatype, dims, raw if raw is not None else floats)


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


# --- gRPC (grpc_predict_v2.proto), with raw contents -----------------------------------------------------------------------

def grpc_message(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def grpc_request(model, inputs):
    """A ModelInferRequest with its frame."""
    message = field(1, model)
    for tensor in inputs:
        shape = b"".join(varint(dim) for dim in tensor.shape)
        message += field(5, field(1, tensor.name) + field(2, tensor.datatype) + field(3, shape))
    for tensor in inputs:
        message += field(7, raw_of(tensor))
    return grpc_message(message)


def grpc_tensors(body):
    """By name, of a framed ModelInferResponse."""
    assert body[:1] == b"\0" and struct.unpack(">I", body[1:5])[0] == len(body) - 5, body[:40]
    heads, raws = [], []
    for tag, _, value in fields(body[5:]):
        if tag == 5:
            heads.append(value)
        elif tag == 6:
            raws.append(value)
    assert len(heads) == len(raws), (len(heads), len(raws))
    tensors = {}
    for head, raw in zip(heads, raws):
        name, datatype, shape = "", "", []
        for tag, kind, value in fields(head):
            if tag == 1:
                name = value.decode()
            elif tag == 2:
                datatype = value.decode()
            elif tag == 3:
                shape += varints(kind, value)
        tensors[name] = of_raw(name, datatype, shape, raw)
    return tensors
