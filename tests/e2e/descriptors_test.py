#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Out of file descriptors: accepting pauses and says so, who is connected is served, who waits is served later."""

import os
import select
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONFIG = """
listen: [127.0.0.1:0, unix:{folder}/a.sock]
workers: 2
executors: 1
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: POST /take, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""
DESCRIPTORS = 64


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Descriptors(unittest.TestCase):
    def test_running_out_pauses_accepting_and_loses_nobody(self):
        limit = ["prlimit", "--nofile=%d:%d" % (DESCRIPTORS, DESCRIPTORS)]
        with weir.Server(CONFIG, command=limit) as server:
            served = weir.Client(server.port)
            served.raw(b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1")
            waiting = [weir.Client(server.port) for _ in range(2 * DESCRIPTORS)]
            waiting += [weir.Client(None, path=server.path("a.sock")) for _ in range(DESCRIPTORS)]
            for client in waiting:
                client.send("GET", "/livez")
            server.wait_for_line("accepting has paused [0-9]+ times: out of file descriptors")
            begin = cpu_seconds(server.pid)
            time.sleep(1)
            self.assertLess(cpu_seconds(server.pid) - begin, 0.3, "it must not spin while it waits")
            served.raw(b"2" + weir.request_bytes("GET", "/metrics"))
            self.assertEqual(served.receive().status, 200)
            samples = weir.parse_metrics(served.receive().body.decode())
            self.assertGreater(samples["weir_accept_paused_total"], 0)
            self.assertLessEqual(weir.open_files(server.pid), DESCRIPTORS)
            while waiting:  # each that is answered makes room for one more
                readable = select.select([client.socket for client in waiting], [], [], 10 * weir.SLOWNESS)[0]
                ready = [client for client in waiting if client.socket in readable]
                self.assertTrue(ready, "%d clients are never answered" % len(waiting))
                for client in ready:
                    self.assertEqual(client.receive().status, 200)
                    client.close()
                    waiting.remove(client)
            weir.wait_until(lambda: weir.ask(server.port, "GET", "/livez").status == 200, 5, "an answer afterwards")
            served.close()


class Idle(unittest.TestCase):
    """Connections that nobody uses make room for those that want something."""

    def open_idle(self, server, count):
        clients = [weir.Client(server.port) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            self.assertEqual(client.request("GET", "/livez").status, 200)
        return clients

    def assert_served_soon(self, server, count):
        """All at once, each on a connection that stays open until the last is served."""
        begin = time.monotonic()
        clients = [weir.Client(server.port) for _ in range(count)]
        for client in clients:
            client.send("GET", "/livez")
        for client in clients:
            self.assertEqual(client.receive().status, 200)
        self.assertLess(time.monotonic() - begin, 5 * weir.SLOWNESS)
        for client in clients:
            client.close()

    def test_the_limit_of_connections_is_no_wall_of_idle_ones(self):
        config = CONFIG.replace("workers: 2", "workers: 1\nlimits: {connections: 20}")
        with weir.Server(config) as server:
            idle = self.open_idle(server, 15)
            busy = [weir.Client(server.port) for _ in range(4)]
            for client in busy:
                self.addCleanup(client.close)
                client.raw(b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1")
            time.sleep(1.3)
            self.assert_served_soon(server, 10)
            for client in busy:
                client.raw(b"2")
                self.assertEqual(client.receive().status, 200, "those with a request stay")
            gone = self.count_gone(idle)
            self.assertTrue(9 <= gone <= 11, gone)
            self.assertEqual(weir.metrics(server.port)["weir_connections_evicted_total"], self.count_gone(idle))

    def count_gone(self, clients):
        readable = select.select([client.socket for client in clients], [], [], 0)[0]
        self.assertTrue(all(connection.recv(1) == b"" for connection in readable), "closed and not reset")
        return len(readable)

    def test_none_is_closed_while_there_is_room(self):
        config = CONFIG.replace("workers: 2", "workers: 1\nlimits: {connections: 20}")
        with weir.Server(config) as server:
            idle = self.open_idle(server, 18)
            time.sleep(1.3)
            self.assert_served_soon(server, 1)
            self.assertEqual(self.count_gone(idle), 0)

    def test_descriptors_are_taken_back_from_idle_connections(self):
        limit = ["prlimit", "--nofile=%d:%d" % (DESCRIPTORS, DESCRIPTORS)]
        with weir.Server(CONFIG, command=limit) as server:
            connections = [weir.Client(server.port) for _ in range(DESCRIPTORS)]
            for client in connections:
                self.addCleanup(client.close)
                client.send("GET", "/livez")
            server.wait_for_line("accepting has paused [0-9]+ times: out of file descriptors")
            for client in connections:  # none is closed by us: each of the last is served in place of an idle one
                self.assertEqual(client.receive().status, 200)


if __name__ == "__main__":
    if not shutil.which("prlimit"):
        weir.skip("no prlimit")
    unittest.main(verbosity=2)
