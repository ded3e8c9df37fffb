#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where connections come in: several listeners, IPv6, unix sockets, and what becomes of the files of the latter."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONFIG = """
listen: %s
workers: 3
executors: 1
chain: [request_id, access_log: {path: access.log}]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
"""
SOCKET = "{address: unix:{folder}/a.sock, mode: 0600}"


def config(*listeners):
    return CONFIG % ("[" + ", ".join(listeners) + "]")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def serve_once(config_path):
    return subprocess.run([weir.BINARY, "serve", config_path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30 * weir.SLOWNESS)


class UnixSockets(unittest.TestCase):
    def test_one_answers_as_tcp_does_and_its_file_comes_and_goes(self):
        with weir.Server(config("127.0.0.1:0", SOCKET)) as server:
            path = server.path("a.sock")
            self.assertIsNotNone(server.find_line("listening on unix:" + re.escape(path) + " with 3 workers"))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            for _ in range(50):
                with weir.Client(None, path=path) as client:
                    self.assertEqual(client.request("GET", "/livez").status, 200)
                    self.assertEqual(client.request("GET", "/livez").status, 200)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            self.assertFalse(os.path.exists(path))
            peers = {json.loads(line)["peer"] for line in weir.read(server.path("access.log")).splitlines()}
            self.assertEqual(peers, {"unix"})

    def test_all_workers_share_one(self):
        with weir.Server(config("127.0.0.1:0", SOCKET)) as server:
            clients = [weir.Client(None, path=server.path("a.sock")) for _ in range(300)]
            for client in clients:
                client.send("GET", "/livez")
            for client in clients:
                self.assertEqual(client.receive().status, 200)
                client.close()
            samples = weir.metrics(server.port)
            self.assertGreaterEqual(samples["weir_connections_accepted_total"], 300)

    def test_the_file_of_a_server_that_was_killed_is_replaced(self):
        server = weir.Server(config("127.0.0.1:0", SOCKET))
        with server:
            before = os.stat(server.path("a.sock")).st_ino
            server.exit_code = -signal.SIGKILL
            server.signal(signal.SIGKILL)
            server.wait()
            self.assertTrue(os.path.exists(server.path("a.sock")))
            server.exit_code = 0
            server.lines.clear()
            server.start()
            self.assertTrue(stat.S_ISSOCK(os.stat(server.path("a.sock")).st_mode))
            with weir.Client(None, path=server.path("a.sock")) as client:
                self.assertEqual(client.request("GET", "/livez").status, 200)
            self.assertIsNotNone(before)

    def test_a_second_server_leaves_the_first_ones_alone(self):
        with weir.Server(config("127.0.0.1:0", SOCKET)) as server:
            second = serve_once(server.config_path)
            self.assertNotEqual(second.returncode, 0)
            self.assertIn("a.sock: the address is in use", second.stderr)
            with weir.Client(None, path=server.path("a.sock")) as client:
                self.assertEqual(client.request("GET", "/livez").status, 200)

    def test_a_file_that_is_no_socket_stays(self):
        server = weir.Server(config("127.0.0.1:0", SOCKET))
        with open(server.path("a.sock"), "w") as file:
            file.write("mine")
        result = serve_once(server.config_path)
        self.assertIn("there is a file of this name that is no socket", result.stderr)
        self.assertEqual(weir.read(server.path("a.sock")), b"mine")
        server.remove()

    def test_a_file_that_another_server_has_put_there_is_not_removed(self):
        with weir.Server(config("127.0.0.1:0", SOCKET)) as server:
            path = server.path("a.sock")
            os.rename(path, path + ".old")
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(path)
                server.signal(signal.SIGTERM)
                self.assertEqual(server.wait(), 0)
                self.assertTrue(os.path.exists(path))


class Addresses(unittest.TestCase):
    def test_several_are_served_by_the_same_workers(self):
        listeners = ["127.0.0.1:0", "{address: \"127.0.0.1:0\", backlog: 16}", "\":0\""]
        if has_ipv6():
            listeners += ["\"[::1]:0\"", "\"[::]:0\""]
        with weir.Server(config(*listeners)) as server:
            lines = [line for line in server.lines if "listening on http://" in line]
            self.assertEqual(len(lines), len(listeners))
            for line in lines:
                host, port = re.search(r"http://(.*):(\d+) ", line).groups()
                host = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "[::1]": "::1"}.get(host, host)
                with weir.Client(int(port), host=host) as client:
                    self.assertEqual(client.request("GET", "/livez").status, 200)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            peers = [json.loads(line)["peer"] for line in weir.read(server.path("access.log")).splitlines()]
            self.assertEqual(len(peers), len(listeners))
            self.assertEqual(set(peers), {"127.0.0.1", "::1"} if has_ipv6() else {"127.0.0.1"})

    def test_every_address_of_ipv6_is_none_of_ipv4(self):
        if not has_ipv6():
            self.skipTest("no IPv6 on this machine")
        with weir.Server(config("\"[::]:0\"")) as server:
            with self.assertRaises(ConnectionRefusedError):
                weir.Client(server.port)

    def test_a_reload_may_change_what_is_said_of_a_listener_but_not_its_address(self):
        with weir.Server(config("127.0.0.1:0", SOCKET)) as server:
            server.write_config(config("{address: 127.0.0.1:0, protocols: [http/1.1]}", SOCKET))
            server.reload()
            for changed in (config("127.0.0.1:0"), config(SOCKET, "127.0.0.1:0"),
                            config("127.0.0.1:0", SOCKET.replace("0600", "0666"))):
                server.write_config(changed)
                server.reload(is_good=False)
                self.assertIsNotNone(server.find_line('"listen" has changed, which takes a restart'))


if __name__ == "__main__":
    unittest.main(verbosity=2)
