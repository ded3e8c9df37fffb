# SPDX-License-Identifier: Apache-2.0
"""Prometheus and its push gateway as tests run them: the real programs, on free ports of 127.0.0.1, with their data in a folder that
goes when they end. setup/setup.sh --test unpacks both into build/deps/tools; an installed one does as well."""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import weir

TOOLS = os.path.join(weir.DEPS, "tools")


def find(program):
    own = os.path.join(TOOLS, program)
    return own if os.path.exists(own) else shutil.which(program)


def need(*programs):
    """Skips the test visibly where one is missing."""
    for program in programs:
        if not find(program):
            weir.skip("%s is not there: setup/setup.sh --test unpacks it" % program)


def check_text(text):
    """What promtool finds wrong with a scrape; empty for nothing."""
    done = subprocess.run([find("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    return done.stderr.decode()


class Daemon:
    """A program that answers /-/ready; ended by its process, whose output is shown when the test fails."""

    def __init__(self, program):
        self.program = find(program)
        self.folder = tempfile.mkdtemp(prefix="weir-%s-" % program)
        self.port = weir.free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *arguments):
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen([self.program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        weir.wait_until(self._is_ready, 30, "%s" % self.program)
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("%s ended with %s" % (self.program, self.process.returncode))
        try:
            return self.get("/-/ready") is not None
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as response:
            return response.read().decode()

    def __enter__(self):
        try:
            return self if self.process else self.start()
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise

    def __exit__(self, kind, value, trace):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if kind is not None and os.path.exists(self.path("log")):
            with open(self.path("log"), encoding="utf-8", errors="replace") as log:
                print("".join("    | " + line for line in log.readlines()[-30:]))
        shutil.rmtree(self.folder, ignore_errors=True)


class Prometheus(Daemon):
    """`jobs`: {job: [address, ...]}, scraped each second. It takes remote write too."""

    def __init__(self, jobs=None, rules=None):
        super().__init__("prometheus")
        self.jobs = jobs or {}
        self.rules = rules

    def start(self):
        text = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
        text += "rule_files: [%s]\n" % json.dumps(self.rules) if self.rules else ""
        text += "scrape_configs:\n"
        for job, targets in self.jobs.items():
            text += "  - {job_name: %s, static_configs: [{targets: %s}]}\n" % (job, json.dumps(targets))
        with open(self.path("prometheus.yml"), "w", encoding="utf-8") as file:
            file.write(text)
        return super().start("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:%d" % self.port,
                             "--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=1h", "--log.level=warn")

    def api(self, path, **arguments):
        try:
            answer = json.loads(self.get("/api/v1/%s?%s" % (path, urllib.parse.urlencode(arguments, doseq=True))))
        except urllib.error.HTTPError as error:
            raise AssertionError("%s: %s" % (arguments, error.read().decode()))
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression, at=None):
        """[({label: value}, number)]"""
        arguments = {"query": expression}
        if at:
            arguments["time"] = at
        data = self.api("query", **arguments)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def value(self, expression):
        """Of the one series that there is; None when there is none."""
        samples = self.query(expression)
        assert len(samples) <= 1, samples
        return samples[0][1] if samples else None

    def wait_for(self, expression, seconds=30):
        return weir.wait_until(lambda: self.query(expression), seconds, expression)


class Pushgateway(Daemon):
    def __init__(self):
        super().__init__("prometheus-pushgateway")

    def start(self):
        return super().start("--web.listen-address=127.0.0.1:%d" % self.port, "--log.level=warn")
