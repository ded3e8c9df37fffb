# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 without magic: frames as they are, many streams at a time, and all the mistakes one wants to make.

Requests are literal fields without compression. SETTINGS_HEADER_TABLE_SIZE 0 keeps the server from compressing against
a table, so that the status, which comes first, can be read without one; other fields are not looked at."""

import socket
import struct

import weir

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
STREAM_CLOSED, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 5, 7, 8, 11
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}  # RFC 7541 appendix A
HUFFMAN_DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5", "011100": "6",
                  "011101": "7", "011110": "8", "011111": "9"}  # RFC 7541 appendix B


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    assert len(name) < 127 and len(value) < 127
    return b"\0%c%s%c%s" % (len(name), name, len(value), value)


def block(method, path, fields=()):
    head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "weir.test"), *fields]
    return b"".join(literal(name.encode(), str(value).encode()) for name, value in head)


def status_of(head):
    """Of the first field of a block."""
    while head and head[0] >> 5 == 1:  # a new size of the table
        head = head[1:]
    if head[0] & 0x80:
        return STATIC_STATUS[head[0] & 0x7f]
    assert head[0] & 0x0f == 8 and head[0] >> 4 in (0, 1), head
    length = head[1] & 0x7f
    text = head[2:2 + length]
    if not head[1] & 0x80:
        return int(text)
    bits = "".join("{:08b}".format(byte) for byte in text)
    digits = ""
    while len(digits) < 3:
        code = next(code for code in HUFFMAN_DIGITS if bits.startswith(code))
        digits += HUFFMAN_DIGITS[code]
        bits = bits[len(code):]
    return int(digits)


def hear_body(session, stream, kind, flags, number, payload):
    """What either side does about a frame of a body: its window is given back unless the session is holding."""
    if kind == DATA:
        stream.body += payload
        if payload and not session.is_holding:
            session.give(0, len(payload))
            if not flags & END_STREAM:
                session.give(number, len(payload))
    elif kind == RST_STREAM:
        stream.reset_code = struct.unpack(">I", payload)[0]
    if kind in (HEADERS, DATA) and flags & END_STREAM:
        stream.is_ended = True


class Stream:
    def __init__(self):
        self.statuses = []  # interim ones first
        self.blocks = []  # of heads and trailers, as they came; hpack.py reads them
        self.body = b""
        self.is_ended = False
        self.reset_code = None

    @property
    def status(self):
        return self.statuses[-1] if self.statuses else None

    @property
    def is_over(self):
        return self.is_ended or self.reset_code is not None


class Client:
    """One connection. Windows are given back as data comes unless is_holding."""

    def __init__(self, port, window=None, is_holding=False, timeout=30, wrap=None, preface=PREFACE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout * weir.SLOWNESS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.socket = wrap(self.socket)
        self.input = b""
        self.streams = {}
        self.next_stream = 1
        self.is_holding = is_holding
        self.goaways = []  # (last stream, code)
        self.pongs = 0
        self.is_closed = False
        settings = struct.pack(">HI", HEADER_TABLE_SIZE, 0)
        if window is not None:
            settings += struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        self.raw(preface + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, is_reset=False):
        if is_reset:  # SO_LINGER with time 0: close sends RST
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def frame(self, *arguments):
        self.raw(frame(*arguments))

    def open(self, method, path, fields=(), body=None, is_ended=True):
        """Sends the head, and the body as far as no window is asked; returns the stream's number."""
        number = self.next_stream
        self.next_stream += 2
        self.streams[number] = Stream()
        has_body = body is not None
        is_last = is_ended and not has_body
        data = frame(HEADERS, END_HEADERS | (END_STREAM if is_last else 0), number, block(method, path, fields))
        if has_body:
            data += self.data_frames(number, body, is_ended)
        self.raw(data)
        return number

    @staticmethod
    def data_frames(number, body, is_ended=True):
        pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)] or [b""]
        return b"".join(frame(DATA, END_STREAM if is_ended and i == len(pieces) - 1 else 0, number, piece)
                        for i, piece in enumerate(pieces))

    def reset(self, number, code=CANCEL):
        self.frame(RST_STREAM, 0, number, struct.pack(">I", code))

    def give(self, number, increment):
        self.frame(WINDOW_UPDATE, 0, number, struct.pack(">I", increment))

    def take(self):
        """One frame of the server is taken; False at the end."""
        while len(self.input) < 9 or len(self.input) < 9 + int.from_bytes(self.input[:3], "big"):
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                self.is_closed = True
                return False
            self.input += data
        length = int.from_bytes(self.input[:3], "big")
        kind, flags = self.input[3], self.input[4]
        number = int.from_bytes(self.input[5:9], "big")
        payload = self.input[9:9 + length]
        self.input = self.input[9 + length:]
        self.heard(kind, flags, number, payload)
        return True

    def heard(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            self.frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        elif kind == PING:
            self.pongs += 1
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8]))
        elif kind == HEADERS:
            stream.blocks.append(payload)
            if not (stream.statuses and stream.statuses[-1] >= 200):
                stream.statuses.append(status_of(payload))
        hear_body(self, stream, kind, flags, number, payload)

    def wait(self, *numbers):
        """Until the streams are over; returns the last one."""
        numbers = numbers or list(self.streams)
        while not all(self.streams[number].is_over for number in numbers):
            if not self.take():
                raise weir.Gone("closed; GOAWAYs %r" % self.goaways)
        return self.streams[numbers[-1]]

    def request(self, method, path, fields=(), body=None):
        return self.wait(self.open(method, path, fields, body))

    def drain(self):
        """Until the server closes."""
        while self.take():
            pass
        return self.goaways
