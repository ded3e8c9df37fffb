# SPDX-License-Identifier: Apache-2.0
"""An upstream that does what a test tells it to, byte by byte: one thread for each connection, no HTTP library between."""

import socket
import ssl
import threading


class Ended(Exception):
    """The other side has closed or reset the connection."""


class Message:
    def __init__(self, start, fields, raw):
        self.start = start
        self.fields = fields  # [(name as sent, value)]
        self.raw = raw        # the whole head
        self.body = b""
        self.trailers = []    # like fields

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name):
        values = self.all(name)
        return values[0] if values else None


class Connection:
    def __init__(self, accepted, number, timeout):
        self.socket = accepted
        self.number = number  # of the upstream's connections, from 0
        self.socket.settimeout(timeout)
        if accepted.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""

    def more(self):
        try:
            data = self.socket.recv(1 << 16)
        except OSError as error:
            raise Ended(str(error))
        if not data:
            raise Ended("closed")
        self.input += data

    def take(self, count):
        while len(self.input) < count:
            self.more()
        data, self.input = self.input[:count], self.input[count:]
        return data

    def line(self):
        while b"\r\n" not in self.input:
            self.more()
        line, _, self.input = self.input.partition(b"\r\n")
        return line

    def head(self):
        while b"\r\n\r\n" not in self.input:
            self.more()
        raw, _, self.input = self.input.partition(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        return Message(lines[0], [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]], raw)

    def body(self, message):
        if message.field("Transfer-Encoding"):
            while size := int(self.line(), 16):
                message.body += self.take(size)
                assert self.line() == b""
            while line := self.line():
                message.trailers.append(tuple(part.strip() for part in line.decode("latin-1").split(":", 1)))
        else:
            message.body = self.take(int(message.field("Content-Length") or 0))
        return message

    def request(self):
        return self.body(self.head())

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Ended(str(error))

    def answer(self, body=b"hello", fields="", status="200 OK"):
        self.send(("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), fields)).encode() + body)

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def wait_for_end(self):
        """Reads until the other side ends the connection."""
        try:
            while True:
                self.more()
        except Ended:
            return

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def answer_all(connection):
    """Answers requests until the other side has had enough, with what they were."""
    while True:
        message = connection.request()
        connection.answer(("%s %d" % (message.start, len(message.body))).encode())


class Upstream:
    """serve(connection) is called for each connection and may raise Ended; the connection is closed behind it."""

    def __init__(self, serve=answer_all, timeout=30, path=None, context=None):
        self.serve = serve
        self.timeout = timeout
        self.path = path
        self.context = context  # ssl.SSLContext; None: plain
        self.count = 0
        self.faults = []
        self.is_closing = False

    def __enter__(self):
        if self.path:
            self.listening = socket.socket(socket.AF_UNIX)
            self.listening.bind(self.path)
            self.address = "unix:" + self.path
        else:
            self.listening = socket.socket()
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listening.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % self.listening.getsockname()[1]
        self.listening.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None and self.faults:
            raise AssertionError("in the upstream: %r" % self.faults)

    def close(self):
        """No connection any more; those that are there stay."""
        self.is_closing = True
        try:
            self.listening.shutdown(socket.SHUT_RDWR)  # a close alone leaves it to the thread that accepts
        except OSError:
            pass
        self.listening.close()

    def _accept(self):
        while True:
            try:
                accepted, _ = self.listening.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._run, args=(accepted, self.count - 1), daemon=True).start()

    def _run(self, accepted, number):
        connection = None
        try:
            if self.context:
                accepted.settimeout(self.timeout)
                accepted = self.context.wrap_socket(accepted, server_side=True)
            connection = Connection(accepted, number, self.timeout)
            self.serve(connection)
        except (Ended, ssl.SSLError, ConnectionError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            if not self.is_closing:
                self.faults.append(error)
        finally:
            (connection.socket if connection else accepted).close()
