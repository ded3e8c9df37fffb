# SPDX-License-Identifier: Apache-2.0
"""The demo's configuration for a server of a test: any port, keys and log in the test's own folder."""

import os
import subprocess

import weir

EXAMPLE = os.path.join(weir.ROOT, "examples/demo.yaml")


def config():
    with open(EXAMPLE, encoding="utf-8") as file:
        text = file.read()
    text = text[:text.index("\nwelcome:")]
    for old, new in (("127.0.0.1:8080", "127.0.0.1:0"), ("../build/deps/models", weir.MODELS),
                     ("../build/demo-keys.conf", "demo-keys.conf"), ("../build/access.log", "access.log"),
                     ("schemas: schemas", "schemas: " + os.path.join(weir.ROOT, "examples/schemas"))):
        text = text.replace(old, new)
    return text


def server():
    """Not started; `key` lets its client in."""
    made = weir.Server(config())
    command = [weir.BINARY, "keys", "add", "--file", made.path("demo-keys.conf"), "--tenant", "demo"]
    made.key = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return made
