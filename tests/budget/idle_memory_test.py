#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An idle keep-alive connection costs at most 600 bytes of private memory: it keeps no buffer."""

import os
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

CONNECTIONS = 1000
ROUNDS = 4
LIMIT_BYTES = 600
REQUEST = weir.request_bytes("GET", "/livez")


def connect(server, count):
    """Each has had a request answered, so whatever a request leaves behind is there."""
    made = []
    for _ in range(count):
        made.append(socket.create_connection(("127.0.0.1", server.port)))
        made[-1].sendall(REQUEST)
        assert made[-1].recv(4096).startswith(b"HTTP/1.1 200")
    return made


def private_bytes(server):
    """Dirty pages only: clean ones of the binary are private or shared as other servers come and go."""
    time.sleep(0.2)
    return 1024 * weir.rollup_kib(server.pid, "Private_Dirty")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS * ROUNDS + 100
    if hard != resource.RLIM_INFINITY and hard < wanted:
        weir.skip("%d open files are not allowed" % wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with weir.Server(weir.LIVEZ_CONFIG) as server:
        sockets = connect(server, 10)
        before = private_bytes(server)
        costs = []
        for _ in range(ROUNDS):
            sockets += connect(server, CONNECTIONS)
            after = private_bytes(server)
            costs.append((after - before) / CONNECTIONS)
            before = after
        print("private bytes for each of %d idle connections, round by round: %s"
              % (CONNECTIONS, ", ".join("%.0f" % cost for cost in costs)))
        for connection in sockets:
            connection.close()
    mean = sum(costs) / ROUNDS
    assert mean <= LIMIT_BYTES, "an idle connection costs %.0f bytes" % mean
    print("mean %.0f bytes, at most %d allowed" % (mean, LIMIT_BYTES))


if __name__ == "__main__":
    main()
