# SPDX-License-Identifier: Apache-2.0
"""Installs the peers below build/bench/peers as their lock files pin them: once, and again when a lock file is newer.

What the machine cannot install is said and skipped; nothing outside of the folder changes."""

import os
import shutil
import subprocess
import sys

import harness
import services

SECONDS = 900


class CannotInstall(Exception):
    pass


def run(command, folder=None, **environment):
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS,
                              env=dict(os.environ, **environment))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotInstall("%s: %s" % (command[0], error)) from error
    if done.returncode != 0:
        raise CannotInstall("%s: %s" % (" ".join(command[:4]), (done.stderr or done.stdout).strip()[-300:]))


def is_fresh(result, sources):
    return os.path.exists(result) and all(os.path.getmtime(result) >= os.path.getmtime(source) for source in sources)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise CannotInstall("%s is not installed" % tool)


def python():
    requirements = os.path.join(services.PEERS, "python/requirements.txt")
    stamp = os.path.join(services.BUILD, "python.stamp")
    if is_fresh(stamp, [requirements]):
        return
    folder = os.path.join(services.BUILD, "python")
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", folder])
    run([services.PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements])
    harness.write_file(stamp, "")


def npm():
    need("node", "npm")
    source = os.path.join(services.PEERS, "fastify")
    lock = [os.path.join(source, name) for name in ("package.json", "package-lock.json")]
    stamp = os.path.join(services.BUILD, "fastify.stamp")
    if is_fresh(stamp, lock):
        return
    folder = os.path.join(services.BUILD, "fastify")
    os.makedirs(folder, exist_ok=True)
    for path in lock:
        shutil.copy(path, folder)
    # Without scripts, of which one would fetch libraries for other hardware.
    run(["npm", "ci", "--ignore-scripts", "--onnxruntime-node-install=skip", "--no-audit", "--no-fund"], folder)
    harness.write_file(stamp, "")


def go():
    need("go", "cc")
    source = os.path.join(services.PEERS, "fiber")
    if is_fresh(services.FIBER, [os.path.join(source, name) for name in os.listdir(source)]):
        return
    run(["go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", services.FIBER, "."], source, CGO_ENABLED="1")


STEPS = {"flask-threads": python, "flask-gevent": python, "flask-workers": python, "fastapi": python, "fiber": go, "fastify": npm}


def install(names):
    """{name: why it is skipped} of those that cannot be had."""
    os.makedirs(services.BUILD, exist_ok=True)
    outcome = {}  # of each step: None, or why it failed
    skipped = {}
    for name in names:
        step = STEPS.get(name)
        if step and step not in outcome:
            harness.say("installing what %s needs, unless it is there" % name)
            try:
                step()
                outcome[step] = None
            except CannotInstall as error:
                outcome[step] = str(error)
        why = outcome.get(step) or services.BY_NAME[name].missing()
        if why:
            skipped[name] = why
            harness.say("skip %s: %s" % (name, why))
    return skipped
