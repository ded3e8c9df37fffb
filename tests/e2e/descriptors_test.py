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
            self.assertEqual(served.request("GET", "/livez").status, 200)
            waiting = [weir.Client(server.port) for _ in range(2 * DESCRIPTORS)]
            waiting += [weir.Client(None, path=server.path("a.sock")) for _ in range(DESCRIPTORS)]
            for client in waiting:
                client.send("GET", "/livez")
            server.wait_for_line("accepting has paused [0-9]+ times: out of file descriptors")
            begin = cpu_seconds(server.pid)
            time.sleep(1)
            self.assertLess(cpu_seconds(server.pid) - begin, 0.3, "it must not spin while it waits")
            self.assertEqual(served.request("GET", "/livez").status, 200)
            samples = weir.parse_metrics(served.request("GET", "/metrics").body.decode())
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


if __name__ == "__main__":
    if not shutil.which("prlimit"):
        weir.skip("no prlimit")
    unittest.main(verbosity=2)
