# SPDX-License-Identifier: Apache-2.0
"""bench/client/llm.c: a language model that is none, whose tokens come at known moments."""

import os
import shutil
import subprocess
import tempfile

import weir

SOURCE = os.path.join(weir.ROOT, "bench/client/llm.c")


def build(folder):
    compiler = os.environ.get("CC", "cc")
    if not shutil.which(compiler):
        weir.skip("there is no C compiler to build bench/client/llm.c with")
    path = os.path.join(folder, "llm")
    subprocess.run([compiler, "-std=gnu17", "-D_GNU_SOURCE", "-O2", SOURCE, "-o", path], check=True, timeout=120)
    return path


class Llm:
    """`with Llm(first_us=…, interval_us=…, tokens=…) as llm:` serves at 127.0.0.1:llm.port."""

    def __init__(self, first_us=50000, interval_us=10000, tokens=20):
        self.folder = tempfile.mkdtemp(prefix="weir-llm-")
        self.arguments = ["--first-us", str(first_us), "--interval-us", str(interval_us), "--tokens", str(tokens)]

    def __enter__(self):
        self.process = subprocess.Popen([build(self.folder), *self.arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = "http://127.0.0.1:%d" % self.port
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        shutil.rmtree(self.folder)
