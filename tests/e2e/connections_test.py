#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""limits.connections and limits.client_connections hold for the server, however the kernel spreads clients over workers,
and nobody who waits is forgotten because the room is on another worker."""

import os
import select
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import http2  # noqa: E402
import weir  # noqa: E402

CONFIG = """
listen: [127.0.0.1:0]
workers: 4
executors: 1
limits: {%s}
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: POST /take, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""
EVICTED_IDLE_SECONDS = 1.3


class Connections(unittest.TestCase):
    def open(self, server, count):
        clients = [weir.Client(server.port) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def ask(self, server, count):
        clients = self.open(server, count)
        for client in clients:
            client.send("GET", "/livez")
        return clients

    def open_busy(self, server, count):
        """Each is within a request, so that no other can have its place."""
        clients = self.open(server, count)
        for client in clients:
            client.raw(b"POST /take HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        for client in clients:
            self.assertEqual(client.receive().status, 100)
        return clients

    def end(self, client):
        client.raw(b"12")
        self.assertEqual(client.receive().status, 200)
        client.close()

    def answered(self, clients, seconds):
        """Those that have something to read by then."""
        end = time.monotonic() + seconds
        ready = []
        while len(ready) < len(clients) and time.monotonic() < end:
            ready = select.select([client.socket for client in clients], [], [], 0)[0]
            time.sleep(0.02)
        return [client for client in clients if client.socket in ready]

    def test_all_workers_together_have_no_more_than_the_limit(self):
        with weir.Server(CONFIG % "connections: 6") as server:
            files = weir.open_files(server.pid)
            busy = self.open_busy(server, 6)
            waiting = self.ask(server, 12)
            self.assertEqual(self.answered(waiting, 1), [])
            self.assertLessEqual(weir.open_files(server.pid) - files, 6 + 4, "beyond, each worker has accepted one")
            for client in busy:
                self.end(client)
            for _ in range(len(waiting)):  # each that leaves makes room for one, on whatever worker that waits
                ready = self.answered(waiting, 10 * weir.SLOWNESS)
                self.assertTrue(ready, "%d clients are never answered" % len(waiting))
                for client in ready:
                    self.assertEqual(client.receive().status, 200)
                    client.close()
                    waiting.remove(client)
                if not waiting:
                    break
            self.assertEqual(waiting, [])

    def test_places_that_are_freed_go_round_all_workers(self):
        with weir.Server(CONFIG % "connections: 2") as server:
            begin = time.monotonic()
            clients = self.open(server, 60)
            for client in clients:
                client.send("GET", "/livez", {"Connection": "close"})
            for client in clients:
                self.assertEqual(client.receive().status, 200)
            self.assertLess(time.monotonic() - begin, 10 * weir.SLOWNESS)

    def test_idle_connections_of_other_workers_make_room(self):
        with weir.Server(CONFIG % "connections: 4") as server:
            idle = self.ask(server, 4)
            for client in idle:
                self.assertEqual(client.receive().status, 200)
            time.sleep(EVICTED_IDLE_SECONDS)
            begin = time.monotonic()
            # One after the other, each on whatever worker, until all the idle ones have gone for them.
            new = []
            for _ in range(4):
                new += self.ask(server, 1)
                self.assertEqual(new[-1].receive().status, 200)
            self.assertLess(time.monotonic() - begin, 1 * weir.SLOWNESS)
            gone = select.select([client.socket for client in idle], [], [], 1)[0]
            self.assertEqual(len(gone), 4, "one idle connection for each that came")
            new[0].send("GET", "/metrics")
            samples = weir.parse_metrics(new[0].receive().body.decode())
            self.assertEqual(samples["weir_connections_evicted_total"], 4)

    def test_an_idle_connection_of_http2_makes_room(self):
        with weir.Server(CONFIG % "connections: 1") as server:
            idle = http2.Client(server.port)
            self.addCleanup(idle.close)
            self.assertEqual(idle.request("GET", "/livez").status, 200)
            time.sleep(EVICTED_IDLE_SECONDS)
            begin = time.monotonic()
            self.assertEqual(self.ask(server, 1)[0].receive().status, 200)
            self.assertLess(time.monotonic() - begin, 5 * weir.SLOWNESS)

    def test_one_client_has_only_so_many_on_all_workers(self):
        with weir.Server(CONFIG % "client_connections: 5") as server:
            clients = self.ask(server, 40)
            statuses = []
            for client in clients:
                try:
                    statuses.append(client.receive().status)
                except weir.Gone:
                    pass
            self.assertEqual(statuses, [200] * 5)
            for client in clients:
                client.close()
            samples = weir.wait_until(lambda: self.try_metrics(server.port), 5, "the places of those that went")
            self.assertGreaterEqual(samples["weir_client_limit_refused_total"], 35)

    def try_metrics(self, port):
        try:
            return weir.metrics(port)
        except (weir.Gone, ConnectionError):
            return None

    def test_a_reload_raises_and_lowers_the_limit(self):
        with weir.Server(CONFIG % "connections: 2") as server:
            busy = self.open_busy(server, 2)
            waiting = self.ask(server, 8)
            self.assertEqual(self.answered(waiting, 0.5), [])
            server.write_config(CONFIG % "connections: 20")
            server.reload()
            for client in waiting:
                self.assertEqual(client.receive().status, 200)
            server.write_config(CONFIG % "connections: 3")
            server.reload()
            late = self.ask(server, 1)
            for client in waiting:
                client.close()
            self.assertEqual(late[0].receive().status, 200)
            for client in busy:
                self.end(client)

    def test_who_waits_when_draining_begins_is_answered(self):
        with weir.Server(CONFIG % "connections: 1") as server:
            busy = self.open_busy(server, 1)
            waiting = self.ask(server, 8)
            time.sleep(0.3)
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            for client in waiting:
                self.assertEqual(client.receive().status, 200)
            self.end(busy[0])
            stopping.join()


if __name__ == "__main__":
    unittest.main(verbosity=2)
