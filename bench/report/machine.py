# SPDX-License-Identifier: Apache-2.0
"""The machine that was measured on, and the versions of all that was."""

import json
import os
import platform
import subprocess

import services  # (finds harness and servers)
import harness

PYTHON_PACKAGES = ("flask", "gunicorn", "gevent", "fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "numpy", "pillow",
                   "onnxruntime")
GO_MODULES = ("github.com/gofiber/fiber/v3", "github.com/valyala/fasthttp", "github.com/go-playground/validator/v10",
              "github.com/yalue/onnxruntime_go", "golang.org/x/image")
NPM_PACKAGES = ("fastify", "onnxruntime-node", "sharp")


def python_versions():
    code = ("import importlib.metadata as m, json, platform, sys; print(json.dumps(dict("
            "[('python', platform.python_version())] + [(n, m.version(n)) for n in sys.argv[1:]])))")
    return json_of([services.PYTHON, "-c", code, *PYTHON_PACKAGES])


def npm_versions():
    code = ("const v = {node: process.version.slice(1)}; for (const n of process.argv.slice(1)) "
            "v[n] = JSON.parse(require('fs').readFileSync(process.env.NODE_PATH + '/' + n + '/package.json')).version; "
            "console.log(JSON.stringify(v))")
    return json_of(["node", "-e", code, *NPM_PACKAGES], dict(os.environ, NODE_PATH=services.MODULES))


def go_versions():
    text = harness.text_of(["go", "version"]) or ""
    versions = {"go": text.split()[2].removeprefix("go")} if text else {}
    with open(os.path.join(services.PEERS, "fiber/go.mod"), encoding="ascii") as file:
        for line in file:
            parts = line.split()
            if parts and parts[0] in GO_MODULES:
                versions[parts[0]] = parts[1].removeprefix("v")
    return versions


def json_of(command, environment=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    except (OSError, subprocess.SubprocessError):
        return {}
    return json.loads(done.stdout)


def versions(names):
    """{what: {name: version}} of the peers that take part."""
    found = {"weir": {"weir": (harness.text_of([harness.BINARY, "--version"]) or "").removeprefix("weir ")}}
    if any(issubclass(services.BY_NAME[name], services.Python) for name in names):
        found["Python"] = python_versions()
    if "fiber" in names:
        found["Go"] = go_versions()
    if "fastify" in names:
        found["Node"] = npm_versions()
    if "nginx" in names:
        nginx = harness.text_of(["nginx", "-v"]) or harness.text_of(["/usr/sbin/nginx", "-v"]) or ""
        found["nginx"] = {"nginx": nginx.rpartition("/")[2]}
    return found


def system():
    with open("/etc/os-release", encoding="utf-8") as file:
        return next((line.split("=", 1)[1].strip().strip('"') for line in file if line.startswith("PRETTY_NAME=")), None)


def gib(text):
    """What Linux tells in kB, as people say it."""
    number = text.split()[0] if text else ""
    return "%.1f GiB" % (int(number) / (1 << 20)) if number.isdigit() else text


def describe(names):
    machine = harness.machine()
    return {
        "cpu": machine["cpu"], "cores": machine["cores"], "memory": gib(machine["memory"]), "kernel": platform.release(),
        "system": system(), "server_core": harness.SERVER_CORE, "client_core": harness.CLIENT_CORE,
        "is_first": os.geteuid() == 0,  # processes that are measured go before others
        "commit": harness.text_of(["git", "-C", harness.ROOT, "rev-parse", "--short=12", "HEAD"]),
        "is_changed": bool(harness.text_of(["git", "-C", harness.ROOT, "status", "--porcelain", "--untracked-files=no", "--", "src"])),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "versions": versions(names),
    }
