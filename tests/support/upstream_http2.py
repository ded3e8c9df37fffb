# SPDX-License-Identifier: Apache-2.0
"""The server's side of HTTP/2 for an upstream of a test, frame by frame: serve functions for upstream.Upstream.

Heads that weir sends are compressed; libnghttp2, which it is linked to, unpacks them. Heads that are sent are literal."""

import ctypes
import ctypes.util
import struct

import http2
from http2 import (ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE,  # noqa: F401
                   REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, hear_body, literal)
from upstream import Ended

MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4


class _Pair(ctypes.Structure):  # nghttp2_nv
    _fields_ = [("name", ctypes.POINTER(ctypes.c_uint8)), ("value", ctypes.POINTER(ctypes.c_uint8)),
                ("name_bytes", ctypes.c_size_t), ("value_bytes", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


class Unpacker:
    """HPACK, with the table of one connection."""

    def __init__(self):
        self.library = ctypes.CDLL(ctypes.util.find_library("nghttp2"))
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.inflater = ctypes.c_void_p()
        assert self.library.nghttp2_hd_inflate_new(ctypes.byref(self.inflater)) == 0

    def close(self):
        self.library.nghttp2_hd_inflate_del(self.inflater)

    def unpack(self, block):
        fields, at = [], 0
        while True:
            pair, flags = _Pair(), ctypes.c_int()
            rest = block[at:]
            taken = self.library.nghttp2_hd_inflate_hd2(self.inflater, ctypes.byref(pair), ctypes.byref(flags), rest,
                                                        ctypes.c_size_t(len(rest)), 1)
            assert taken >= 0, taken
            at += taken
            if flags.value & 2:  # a field
                fields.append((ctypes.string_at(pair.name, pair.name_bytes).decode(),
                               ctypes.string_at(pair.value, pair.value_bytes).decode("latin-1")))
            if flags.value & 1:  # the end
                self.library.nghttp2_hd_inflate_end_headers(self.inflater)
                return fields


class Stream:
    def __init__(self, number, window):
        self.number = number
        self.window = window  # that the client gives us
        self.fields = None
        self.trailers = None
        self.body = b""
        self.is_ended = False
        self.reset_code = None

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def field(self, name):
        values = self.all(name)
        return values[0] if values else None


class Http2:
    """Over a connection of upstream.Upstream. The client's bodies are given their windows back unless is_holding."""

    def __init__(self, connection, streams_max=None, window=None, is_holding=False):
        self.connection = connection
        self.streams = {}
        self.ready = []  # numbers of streams, as their heads came
        self.window = 65535
        self.stream_window = 65535
        self.is_holding = is_holding
        self.goaways = []
        self.pongs = 0
        self.unpacker = Unpacker()
        assert connection.take(len(PREFACE)) == PREFACE
        settings = b""
        if streams_max is not None:
            settings += struct.pack(">HI", MAX_CONCURRENT_STREAMS, streams_max)
        if window is not None:
            settings += struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        self.frame(SETTINGS, 0, 0, settings)

    def frame(self, *arguments):
        self.connection.send(frame(*arguments))

    def take(self):
        """One frame of the client's. Ended at the end."""
        head = self.connection.take(9)
        payload = self.connection.take(int.from_bytes(head[:3], "big"))
        self.heard(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7fffffff, payload)

    def heard(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == INITIAL_WINDOW_SIZE:
                    self.stream_window = value
            self.frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        elif kind == PING:
            self.pongs += 1
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8])[1])
        elif kind == WINDOW_UPDATE:
            increment = struct.unpack(">I", payload)[0]
            if number == 0:
                self.window += increment
            elif stream:
                stream.window += increment
        elif kind == HEADERS:
            assert flags & END_HEADERS
            fields = self.unpacker.unpack(payload[5:] if flags & 0x20 else payload)
            if stream:
                stream.trailers = fields
            else:
                stream = self.streams[number] = Stream(number, self.stream_window)
                stream.fields = fields
                self.ready.append(number)
        hear_body(self, stream, kind, flags, number, payload)

    def give(self, number, increment):
        self.frame(WINDOW_UPDATE, 0, number, struct.pack(">I", increment))

    def until(self, condition):
        while not condition():
            self.take()

    def head(self):
        """The next request, as soon as its head is here."""
        self.until(lambda: self.ready)
        return self.streams[self.ready.pop(0)]

    def request(self):
        """The next request, whole."""
        stream = self.head()
        self.until(lambda: stream.is_ended or stream.reset_code is not None)
        return stream

    def begin(self, stream, status=200, fields=(), is_ended=False):
        head = [(":status", status), *fields]
        block = b"".join(literal(name.encode(), str(value).encode()) for name, value in head)
        self.frame(HEADERS, END_HEADERS | (END_STREAM if is_ended else 0), stream.number, block)

    def data(self, stream, body, is_ended=False):
        """As windows allow."""
        while body:
            self.until(lambda: stream.reset_code is not None or min(self.window, stream.window) > 0)
            if stream.reset_code is not None:
                return
            piece = body[:min(16384, self.window, stream.window)]
            body = body[len(piece):]
            self.window -= len(piece)
            stream.window -= len(piece)
            self.frame(DATA, END_STREAM if is_ended and not body else 0, stream.number, piece)

    def end(self, stream, trailers=()):
        if trailers:
            block = b"".join(literal(name.encode(), str(value).encode()) for name, value in trailers)
            self.frame(HEADERS, END_HEADERS | END_STREAM, stream.number, block)
        else:
            self.frame(DATA, END_STREAM, stream.number)

    def answer(self, stream, body=b"hello", status=200, fields=()):
        self.begin(stream, status, [("content-length", len(body)), *fields], is_ended=not body)
        self.data(stream, body, is_ended=True)

    def reset(self, stream, code):
        self.frame(RST_STREAM, 0, stream.number, struct.pack(">I", code))

    def goaway(self, last, code=http2.NO_ERROR):
        self.frame(GOAWAY, 0, 0, struct.pack(">II", last, code))

    def drain(self):
        """Until the client closes."""
        try:
            while True:
                self.take()
        except Ended:
            return


def serving(reply=None, **options):
    """A serve function: reply(session, stream) for one whole request after the other."""
    def serve(connection):
        session = Http2(connection, **options)
        while True:
            stream = session.request()
            if stream.reset_code is None:
                (reply or Http2.answer)(session, stream)
    return serve
