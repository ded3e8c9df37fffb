# SPDX-License-Identifier: Apache-2.0
"""gRPC without magic, on http2.py: messages of Protocol Buffers by field numbers, calls of one stream, statuses."""

import struct
import urllib.parse

import hpack
import http2

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = range(8)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = range(8, 15)
UNAUTHENTICATED = 16
SERVICE = "/inference.GRPCInferenceService/"
FIELDS = [("content-type", "application/grpc"), ("te", "trailers")]


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    """Of a whole number, bytes, a text, or a float as a double."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def take_varint(data):
    value = shift = 0
    for at, byte in enumerate(data):
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return value, data[at + 1:]
    raise AssertionError("a varint that does not end")


def fields(message):
    """{number: [value, …]}: whole numbers, and bytes for all that has a length."""
    found = {}
    while message:
        tag, message = take_varint(message)
        if tag & 7 == 0:
            value, message = take_varint(message)
        elif tag & 7 == 2:
            length, message = take_varint(message)
            assert length <= len(message)
            value, message = message[:length], message[length:]
        else:
            size = 8 if tag & 7 == 1 else 4
            value, message = message[:size], message[size:]
        found.setdefault(tag >> 3, []).append(value)
    return found


def frame(message, flag=0):
    return struct.pack(">BI", flag, len(message)) + message


def messages(body):
    """[(flag, message), …]; all of the body."""
    found = []
    while body:
        flag, length = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + length, "a message that does not end"
        found.append((flag, body[5:5 + length]))
        body = body[5 + length:]
    return found


class Answer:
    """Of a stream that is over."""

    def __init__(self, stream):
        blocks = [dict(hpack.decode(block)) for block in stream.blocks]
        self.is_trailers_only = len(blocks) == 1
        self.head = blocks[0] if blocks else {}
        self.trailers = blocks[-1] if blocks else {}
        self.http_status = stream.status
        self.reset_code = stream.reset_code
        self.status = int(self.trailers["grpc-status"]) if "grpc-status" in self.trailers else None
        self.text = urllib.parse.unquote(self.trailers.get("grpc-message", ""))
        self.messages = messages(stream.body) if self.status is not None else []

    @property
    def message(self):
        assert self.status == OK and len(self.messages) == 1, (self.status, self.text, self.messages)
        return fields(self.messages[0][1])

    def __repr__(self):
        return "%r %r %r" % (self.status, self.text, self.head)


def open_call(client, procedure, message=b"", more=(), body=None, is_ended=True):
    path = procedure if procedure.startswith("/") else SERVICE + procedure
    body = frame(message) if body is None else body
    return client.open("POST", path, [*FIELDS, *more], body=body, is_ended=is_ended)


def call(client, procedure, message=b"", more=(), body=None):
    number = open_call(client, procedure, message, more, body)
    return Answer(client.wait(number))


def shape(dims):
    return field(3, b"".join(varint(dim) for dim in dims))


def tensor(name, datatype, dims, *more):
    """An InferInputTensor, as the field of a request."""
    return field(5, field(1, name) + field(2, datatype) + shape(dims) + b"".join(more))


def parameter(number, name, value):
    """An entry of a map of InferParameter."""
    kind = {bool: 1, int: 2, str: 3, float: 4}[type(value)]
    return field(number, field(1, name) + field(2, field(kind, int(value) if kind == 1 else value)))


def infer(model, *parts, raws=()):
    return field(1, model) + b"".join(parts) + b"".join(field(7, raw) for raw in raws)
