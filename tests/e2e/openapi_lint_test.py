#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's OpenAPI document as the linters see it: redocly and spectral, without errors or warnings.

They come from npm, once, into build/openapi-lint; without npm or a network this is skipped.
"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import demo  # noqa: E402
import weir  # noqa: E402

PACKAGES = ["@redocly/cli@2.77.0", "@stoplight/spectral-cli@6.16.3"]
FOLDER = os.path.join(weir.ROOT, "build/openapi-lint")
INSTALL_SECONDS = 120


def tool(name):
    return os.path.join(FOLDER, "node_modules/.bin", name)


def install():
    if os.path.exists(tool("redocly")) and os.path.exists(tool("spectral")):
        return
    if not shutil.which("npm"):
        weir.skip("npm is not installed")
    os.makedirs(FOLDER, exist_ok=True)
    command = ["npm", "install", "--prefix", FOLDER, "--no-audit", "--no-fund", "--fetch-retries=1", *PACKAGES]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        weir.skip("npm took longer than %d s" % INSTALL_SECONDS)
    if result.returncode:
        weir.skip("npm could not install %s: %s" % (", ".join(PACKAGES), result.stderr.strip()[-300:]))


def lint(name, *arguments):
    environment = dict(os.environ, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true", CI="1")
    result = subprocess.run([tool(name), "lint", *arguments], capture_output=True, text=True, cwd=FOLDER,
                            env=environment)
    print(name + ":", result.stdout.strip() or result.stderr.strip())
    return result.returncode


def main():
    install()
    with open(os.path.join(FOLDER, "spectral.yaml"), "w", encoding="utf-8") as file:
        file.write('extends: ["spectral:oas"]\n')
    server = demo.server()
    try:
        failures = 0
        for form in ("json", "yaml"):
            document = server.path("openapi." + form)
            subprocess.run([weir.BINARY, "openapi", "--" + form, "-o", document, server.config_path], check=True)
            failures += lint("redocly", "--max-problems=100", document) != 0
            failures += lint("spectral", "--ruleset", "spectral.yaml", "--fail-severity=warn", document) != 0
    finally:
        server.remove()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
