#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests made up from the demo's own OpenAPI document: nothing may fail in the server, and nothing may be answered that
the document does not tell.

Wants schemathesis, 4 or newer, on the path or in build/schemathesis:

    python3 -m venv build/schemathesis && build/schemathesis/bin/pip install schemathesis

Runs for SCHEMATHESIS_SECONDS, 20 without it.
"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import demo  # noqa: E402
import weir  # noqa: E402

SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "20"))
OWN = os.path.join(weir.ROOT, "build/schemathesis/bin/schemathesis")

# Not asked for: that every request which fits the document is taken. A schema cannot say that `data` has as many elements
# as `shape` says, nor that a text of base64 is an image.
LEFT_OUT = "positive_data_acceptance"

# Memory of a GPU is an extension that the protocol's clients ask for and weir has not: it says so, and the document tells it.
CONFIG = """
[[operations]]
include-name = "POST /v2/cudasharedmemory/region/{region}/register"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 501]
"""


def main():
    program = OWN if os.path.exists(OWN) else shutil.which("schemathesis")
    if not program:
        weir.skip("schemathesis is not installed")
    with demo.server() as server:
        url = "http://127.0.0.1:%d" % server.port
        config = server.path("schemathesis.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        command = [program, "--config-file", config, "run", url + "/openapi.json", "--max-time", str(SECONDS), "--seed", "1", "--checks", "all",
                   "--exclude-checks", LEFT_OUT, "--header", "Authorization: Bearer " + server.key,
                   "--continue-on-failure", "--no-color", "--request-timeout", "10", "--suppress-health-check", "all"]
        result = subprocess.run(command, cwd=server.folder, timeout=SECONDS * 3 + 120)
        assert server.process.poll() is None, "the server is gone"
    return 1 if result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
