# SPDX-License-Identifier: Apache-2.0
"""Clients that go away at random moments, among others that stay: nothing leaks, nobody else notices.

E2E_SECONDS in the environment: how long. E2E_SEED: the random numbers of a run that failed."""

import os
import random
import threading
import time

import weir

SECONDS = float(os.environ.get("E2E_SECONDS", "5"))
SEED = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(10**6)))


class Quitters:
    """For a TestCase that says how one client goes away (quit, soon after self.end at the latest) and how one asks until the
    end (stay)."""

    QUITTERS = 8
    STAYERS = 3

    def quit(self, chance, port):
        raise NotImplementedError

    def stay(self, index, port, end):
        raise NotImplementedError

    def setUp(self):
        self.faults = []
        self.counts = {}
        self.lock = threading.Lock()

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def _quit(self, index, port, end):
        chance = random.Random(SEED * 1000 + index)
        while time.monotonic() < end:
            self.quit(chance, port)
            if chance.random() < 0.3:
                time.sleep(chance.random() * 0.01)

    def _run(self, target, *arguments):
        try:
            target(*arguments)
        except BaseException as error:  # pylint: disable=broad-except
            self.faults.append("%s: %r" % (target.__name__, error))

    def at_rest(self, port):
        """The metrics, once the scrape itself is the one request that there is, on the one connection."""
        values = weir.metrics(port)
        is_quiet = all(values[name] <= 1 for name in ("weir_requests_in_flight", "weir_connections_open"))
        runs = [value for name, value in values.items() if name.startswith("weir_model_runs_in_flight")]
        routes = [value for name, value in values.items()
                  if name.startswith("weir_http_requests_in_flight") and "/metrics" not in name]
        return values if is_quiet and not any(runs) and not any(routes) else None

    def come_and_go(self, server):
        print("seed %d" % SEED)
        weir.ask(server.port, "GET", "/livez")  # opens the log
        time.sleep(1.5)
        files = weir.open_files(server.pid)
        before = weir.wait_until(lambda: self.at_rest(server.port), 10, "rest before the test")
        self.end = end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=self._run, args=(self._quit, i, server.port, end)) for i in range(self.QUITTERS)]
        threads += [threading.Thread(target=self._run, args=(self.stay, i, server.port, end)) for i in range(self.STAYERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.faults, [])
        after = weir.wait_until(lambda: self.at_rest(server.port), 15, "nothing in flight afterwards")
        weir.wait_until(lambda: weir.open_files(server.pid) <= files, 15,
                        "%d open files as at the start, now %d" % (files, weir.open_files(server.pid)))
        # Looked at once a second by each worker, so the scrape that looks is not in it.
        weir.wait_until(lambda: weir.metrics(server.port)["weir_memory_outstanding_bytes"] <= 1 << 16, 10,
                        "memory given back: %d bytes are out" % after["weir_memory_outstanding_bytes"])
        cancelled, lost = (after[name] - before[name] for name in
                           ("weir_requests_cancelled_total", "weir_connections_lost_total"))
        print("%s; %d cancelled, %d connections lost, RSS %.1f MiB"
              % (", ".join("%s %d" % pair for pair in sorted(self.counts.items())), cancelled, lost,
                 weir.status_kib(server.pid, "VmRSS") / 1024))
        self.assertGreater(cancelled, 0)
