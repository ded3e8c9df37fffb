# SPDX-License-Identifier: Apache-2.0
"""A server of HTTP/1.1 on a thread whose answers come when they should, and not when it has time: what a load test measures is
then known beforehand. It counts what it is asked."""

import asyncio
import threading


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server = server
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport
        self.server.open.add(self)
        self.server.connections += 1

    def connection_lost(self, _):
        self.server.open.discard(self)

    def data_received(self, data):
        self.data += data
        while True:
            head, separator, rest = self.data.partition(b"\r\n\r\n")
            if not separator:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self.data = rest[length:]
            self.server.take(self, head, rest[:length])

    def answer(self, status):
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok" % status)


class Server:
    """`delay` seconds for each; or, with `service`, one at a time and so many seconds each, as in a queue: the end of
    each is calculated from that of the one before, so that a machine that is late makes no server that is slow."""

    def __init__(self, delay=0.0, service=None):
        self.delay = delay
        self.service = service
        self.idle_at = 0.0
        self.requests = 0
        self.connections = 0
        self.open = set()
        self.heads = []
        self.bodies = []
        self.keep = 0  # how many requests are kept to be looked at
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait()

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(self.loop.create_server(lambda: Connection(self), "127.0.0.1", 0,
                                                                      backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        for connection in list(self.open):
            connection.transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def take(self, connection, head, body):
        self.requests += 1
        if len(self.heads) < self.keep:
            self.heads.append(head.decode())
            self.bodies.append(body.decode())
        now = self.loop.time()
        if self.service is None:
            at = now + self.delay
        else:
            at = self.idle_at = max(self.idle_at, now) + self.service
        if at <= now:
            connection.answer(b"200 OK")
        else:
            self.loop.call_at(at, connection.answer, b"200 OK")

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    @property
    def url(self):
        return "http://127.0.0.1:%d/" % self.port
