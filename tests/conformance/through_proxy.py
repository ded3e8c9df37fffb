#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The conformance cases once more, through a route to an upstream: whatever a client sends, what reaches the upstream is a
sequence of requests that nobody can read in two ways, and no request that was hidden in another is among them.

The upstream here is the strictest reader there could be. One case after the other, so that it is known whose a request is."""

import re
import sys
import time

import run as conformance
from run import weir, wire
from upstream import Ended, Upstream

CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
limits: {head_bytes: 2KiB, target_bytes: 256, header_count: 16, body_bytes: 64KiB, header_time: 2s, body_time: 2s}
upstreams:
  - {name: app, servers: ["%s"]}
chain: [metrics]
routes:
  - {match: "* /{rest...}", public: true, to: {upstream: app}}
"""
TOKEN = r"[!#$%%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(r"%s /[!$-;=?-~]* HTTP/1\.1" % TOKEN)
FIELD_LINE = re.compile(r"%s: [^\x00-\x08\x0a-\x1f\x7f]*" % TOKEN)
HOP_BY_HOP = ("keep-alive", "proxy-connection", "upgrade")


class Witness:
    """Reads like no lenient server does and notes what it thinks of it."""

    def __init__(self):
        self.requests = []  # (request line, host) of those that came whole
        self.faults = []

    def serve(self, connection):
        while True:
            message = connection.head()
            self.look(message)
            try:
                connection.body(message)
            except (ValueError, AssertionError) as error:
                self.faults.append("a body of %r: %r" % (message.raw, error))
                raise Ended("malformed")
            self.requests.append((message.start, message.field("Host")))
            connection.answer(b"ok")

    def look(self, message):
        lines = message.raw.decode("latin-1").split("\r\n")
        lengths, codings = message.all("Content-Length"), message.all("Transfer-Encoding")
        is_good = (REQUEST_LINE.fullmatch(lines[0]) and all(FIELD_LINE.fullmatch(line) for line in lines[1:]) and
                   len(message.all("Host")) == 1 and len(lengths) + len(codings) <= 1 and
                   all(re.fullmatch(r"\d+", length) for length in lengths) and codings in ([], ["chunked"]) and
                   message.all("Expect") in ([], ["100-continue"]) and
                   (message.all("TE"), message.all("Connection")) in (([], []), (["trailers"], ["TE"])) and
                   not any(message.all(name) for name in HOP_BY_HOP))
        if not is_good:
            self.faults.append("the head %r" % message.raw)


def play(port, witness, case):
    """None, or what is wrong."""
    witness.requests.clear()
    player = wire.Player(port)
    refused = sum(status[0] in "45" for status in conformance.expand(case.statuses))
    answered = len(list(conformance.expand(case.statuses))) - refused
    try:
        is_followed = case.end != "waiting" and not case.is_alone
        data = b"".join(data or b"" for data in case.steps) + (conformance.FOLLOWER if is_followed else b"")
        player.send(data.replace(b"/livez", b"/other"))  # which weir answers by itself, whatever the routes say
        end = time.monotonic() + (0.05 if case.end == "waiting" else 2 * weir.SLOWNESS)
        while not player.is_eof and time.monotonic() < end:
            if case.end == "open" and ("GET /other HTTP/1.1", "follower") in witness.requests:
                break
            player.wait(0.01)
    finally:
        player.socket.close()
    hosts = [host for _, host in witness.requests]
    if witness.faults:
        return "the upstream got " + witness.faults.pop()
    if case.end == "closed" and "follower" in hosts:
        return "what came behind reached the upstream"
    if case.end == "closed" and len(hosts) > answered:
        return "%d requests reached the upstream, %d were to be answered" % (len(hosts), answered)
    if case.end == "open" and len(hosts) != answered + is_followed:
        return "%d requests reached the upstream, %d were sent: %r" % (len(hosts), answered + is_followed, hosts)
    return None


# Answered otherwise by a proxy: it refuses a WebSocket with 501.
OTHERWISE = ("an_upgrade_to_websocket_does_not_change_the_protocol", "an_upgrade_with_a_body_does_not_change_the_framing")


def is_fit(case):
    """Where the answer does not depend on what routes there are."""
    is_of_routes = any(status.startswith(("204", "401", "404", "405")) for status in case.statuses)
    return case.name.startswith("trace_") or (case.name not in OTHERWISE and not is_of_routes)


def main(words):
    witness = Witness()
    cases = [case for case in conformance.all_cases()
             if is_fit(case) and (not words or any(word in case.category + "/" + case.name for word in words))]
    failures = 0
    with Upstream(witness.serve) as upstream, weir.Server(CONFIG % upstream.address) as server:
        for case in cases:
            why = play(server.port, witness, case)
            failures += why is not None
            if why:
                print("FAIL %s/%s: %s" % (case.category, case.name, why))
    print("%d passed, %d failed" % (len(cases) - failures, failures))
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
