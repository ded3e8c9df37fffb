# SPDX-License-Identifier: Apache-2.0
"""Drives the scenarios of a plan of `weir load` with Locust, for teams that stay with it.

    WEIR_PLAN=plan.yaml locust -f deploy/locust/locustfile.py --headless --csv results

Read of the plan: url, targets, variables, data, scenarios and steps (request, headers, body, json, body_file, timeout, think, checks,
extract), and load (users, spawn_rate, rate, duration, stages, iterations, pacing). What Locust cannot do, or does otherwise, stands in
deploy/README.md.
"""
import csv
import json
import os
import random
import re
import sys
import time
import uuid

import gevent
from locust import FastHttpUser, LoadTestShape, task
from locust.exception import StopUser

try:
    import yaml
except ImportError:
    sys.exit("the plan is YAML: pip install PyYAML")

PLAN_PATH = os.environ.get("WEIR_PLAN", "plan.yaml")
UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
PATTERN = re.compile(r"\$\$\{|\$\{\s*([^}]*?)\s*\}")


# --- values as plans write them ------------------------------------------------------------------------------------


def seconds(text, default=0.0):
    """500ms, 1m30s, or a number of seconds."""
    if text is None:
        return default
    if isinstance(text, (int, float)):
        return float(text)
    parts = re.findall(r"([\d.]+)(us|ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        return float(text)
    return sum(float(number) * UNITS_S[unit] for number, unit in parts)


def ramp(text):
    """100, 100/s, 6000/min; 10 -> 100 and 10..100: from and to."""
    ends = [part.strip() for part in re.split(r"->|\.\.", str(text))]
    values = []
    for end in ends:
        number, _, unit = end.partition("/")
        values.append(float(number) / (60 if unit.strip() in ("m", "min") else 1))
    return values[0], values[-1]


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def pointer(document, path):
    """RFC 6901; KeyError when there is nothing."""
    for part in path.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (IndexError, KeyError, TypeError, ValueError):
            raise KeyError(path) from None
    return document


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def as_number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


class Bare(str):
    """A text that stands without quotes in the plan."""


class Loader(yaml.SafeLoader):
    def construct_text(self, node):
        text = self.construct_scalar(node)
        return text if node.style else Bare(text)


Loader.add_constructor("tag:yaml.org,2002:str", Loader.construct_text)

# --- the plan -------------------------------------------------------------------------------------------------------


class Data:
    """Rows of a CSV or JSON-lines file; an iteration has one."""

    def __init__(self, spec, folder):
        self.order = spec.get("order", "sequential")
        path = os.path.join(folder, spec["file"])
        lines = spec.get("format", "auto")
        if lines == "auto":
            lines = "jsonl" if path.endswith((".jsonl", ".ndjson")) else "csv"
        with open(path, newline="", encoding="utf-8") as file:
            self.rows = [json.loads(line) for line in file if line.strip()] if lines == "jsonl" else list(csv.DictReader(file))
        self.next = 0

    def row(self):
        if self.order == "random":
            return random.choice(self.rows)
        if self.next % len(self.rows) == 0 and self.order == "shuffled":
            random.shuffle(self.rows)
        self.next += 1
        return self.rows[(self.next - 1) % len(self.rows)]


class Check:
    WORDS = ("equals", "not_equals", "contains", "matches", "less", "at_most", "more", "at_least", "exists")

    def __init__(self, spec):
        self.spec = spec
        self.name = json.dumps(spec)

    def is_status(self):
        return "status" in self.spec

    def holds(self, response, body):
        if "time" in self.spec:
            return response.request_meta["response_time"] / 1000 <= seconds(self.spec["time"])
        if self.is_status():
            return any(self._has_status(str(status), response.status_code) for status in listed(self.spec["status"]))
        value = find(self.spec, response, body)
        word = next((word for word in self.WORDS if word in self.spec), "exists")
        if value is None or word == "exists":
            return (value is not None) == self.spec.get("exists", True)
        return self._compare(word, as_text(value), as_text(self.spec[word]))

    @staticmethod
    def _has_status(text, status):
        if text.lower().endswith("xx"):
            return status // 100 == int(text[0])
        low, _, high = text.partition("-")
        return int(low) <= status <= int(high or low)

    @staticmethod
    def _compare(word, value, text):
        left, right = as_number(value), as_number(text)
        if word in ("equals", "not_equals"):
            is_equal = left == right if left is not None and right is not None else value == text
            return is_equal == (word == "equals")
        if word == "contains":
            return text in value
        if word == "matches":
            return re.search(text, value) is not None
        if left is None or right is None:
            return False
        return {"less": left < right, "at_most": left <= right, "more": left > right, "at_least": left >= right}[word]


def find(spec, response, body):
    """What a check or an extract looks at; None when it is not there."""
    if "header" in spec:
        value = response.headers.get(spec["header"])
    elif "json" in spec:
        try:
            value = pointer(json.loads(body), spec["json"])
        except (KeyError, ValueError):
            return None
    else:
        value = body
    if "regex" in spec:
        found = re.search(spec["regex"], value or "")
        return found[1] if found else None
    return value


class Step:
    def __init__(self, spec, targets, folder):
        spec = {"request": spec} if isinstance(spec, str) else spec
        method, _, path = str(spec.get("request", "")).rpartition(" ")
        self.path = spec.get("path", path)
        self.headers = {name: str(value) for name, value in (spec.get("headers") or {}).items()}
        self.json = spec.get("json")
        self.body = spec.get("body")
        if "body_file" in spec:
            with open(os.path.join(folder, spec["body_file"]), "rb") as file:
                self.body = file.read()
        has_body = self.json is not None or self.body is not None
        self.method = spec.get("method") or method.strip() or ("POST" if has_body else "GET")
        self.name = spec.get("name") or "%s %s" % (self.method, self.path)
        self.base = targets[spec["target"]] if "target" in spec else ""
        self.timeout = seconds(spec.get("timeout"), 30.0)
        self.think = [seconds(text) for text in listed(spec.get("think"))]
        self.checks = [Check(one if isinstance(one, dict) else {"status": one}) for one in listed(spec.get("checks"))]
        self.extracts = listed(spec.get("extract"))
        if self.json is not None:
            self.headers.setdefault("Content-Type", "application/json")


class Plan:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            spec = yaml.load(file, Loader)
        folder = os.path.dirname(os.path.abspath(path))
        targets = [{"url": one} if isinstance(one, str) else one for one in listed(spec.get("targets") or spec.get("url"))]
        self.host = targets[0]["url"].rstrip("/")
        if "://" not in self.host:
            self.host = "http://" + self.host
        named = {one.get("name", ""): one["url"].rstrip("/") for one in targets}
        named[targets[0].get("name", "")] = ""  # relative to the host, which --host may change
        scenarios = spec.get("scenarios") or [{"name": "default", "steps": spec["steps"]}]
        self.scenarios = [[Step(step, named, folder) for step in scenario["steps"]] for scenario in scenarios]
        self.weights = [float(scenario.get("weight", 1)) for scenario in scenarios]
        self.variables = spec.get("variables") or {}
        self.data = {one["name"]: Data(one, folder) for one in listed(spec.get("data"))}
        self.is_verified = all(one.get("verify", True) for one in targets)
        self._read_load(spec.get("load") or {})
        self.timeout = max(step.timeout for scenario in self.scenarios for step in scenario)

    def _read_load(self, load):
        """Open loop becomes a user for each iteration a second, who begins one a second: see deploy/README.md."""
        stages = listed(load.get("stages")) or [dict(load, duration=load.get("duration", 10))]
        self.is_open = load.get("mode") == "open" or any("rate" in stage for stage in stages)
        self.pacing = 1.0 if self.is_open else seconds(load.get("pacing"))
        self.iterations = int(load.get("iterations", 0))
        self.spawn_rate = ramp(load["spawn_rate"])[0] if "spawn_rate" in load else None
        word, default = ("rate", 1) if self.is_open else ("users", load.get("users", 1))
        self.stages = [(seconds(stage["duration"]), *ramp(stage.get(word, default))) for stage in stages]

    def users_at(self, now_s):
        """None: the test is over."""
        for duration, begin, end in self.stages:
            if now_s < duration:
                return begin + (end - begin) * now_s / duration
            now_s -= duration
        return None


PLAN = Plan(PLAN_PATH)


# --- what Locust runs ------------------------------------------------------------------------------------------------


class Values:
    """What ${...} stands for in one iteration."""

    sequence = 0

    def __init__(self, user, iteration):
        self.variables = dict(PLAN.variables)
        self.rows = {name: data.row() for name, data in PLAN.data.items()}
        self.user, self.iteration = user, iteration

    def _look_up(self, expression):
        if expression == "uuid":
            return str(uuid.uuid4())
        if expression.startswith("random("):
            return str(random.randint(*(int(part) for part in expression[7:-1].split(","))))
        if expression == "sequence":
            Values.sequence += 1
            return str(Values.sequence)
        if expression in ("user", "iteration"):
            return str(getattr(self, expression))
        if expression == "now":
            return str(int(time.time() * 1000))
        name, _, column = expression.partition(".")
        return as_text(self.rows[name][column] if column and name in self.rows else self.variables[expression])

    def fill(self, text):
        return PATTERN.sub(lambda found: "${" if found[1] is None else self._look_up(found[1]), text)

    def fill_tree(self, tree):
        """JSON; a single ${...} without quotes that becomes a number is one."""
        if isinstance(tree, dict):
            return {name: self.fill_tree(value) for name, value in tree.items()}
        if isinstance(tree, list):
            return [self.fill_tree(value) for value in tree]
        if not isinstance(tree, str):
            return tree
        text = self.fill(tree)
        is_number = isinstance(tree, Bare) and PATTERN.fullmatch(tree) is not None and as_number(text) is not None
        return json.loads(text) if is_number else text


class PlanUser(FastHttpUser):
    host = PLAN.host
    network_timeout = connection_timeout = PLAN.timeout
    insecure = not PLAN.is_verified
    count = 0
    iterations = 0

    def on_start(self):
        PlanUser.count += 1
        self.number = PlanUser.count
        self.begun = 0.0

    def wait_time(self):
        return max(0.0, self.begun + PLAN.pacing - time.monotonic())

    @task
    def iterate(self):
        if PLAN.iterations and PlanUser.iterations >= PLAN.iterations:
            raise StopUser()
        PlanUser.iterations += 1
        self.begun = time.monotonic()
        values = Values(self.number, PlanUser.iterations)
        for step in random.choices(PLAN.scenarios, PLAN.weights)[0]:
            if not self.run_step(step, values):
                return
            if step.think:
                gevent.sleep(random.uniform(step.think[0], step.think[-1]))

    def run_step(self, step, values):
        """False: a value that later steps need is not there."""
        body = step.body if isinstance(step.body, bytes) else values.fill(step.body) if step.body is not None else None
        if step.json is not None:
            body = json.dumps(values.fill_tree(step.json))
        headers = {name: values.fill(value) for name, value in step.headers.items()}
        with self.client.request(step.method, step.base + values.fill(step.path), name=step.name, data=body, headers=headers,
                                 catch_response=True, allow_redirects=False) as response:
            text = response.text or ""
            if response.status_code == 0:
                return False  # the failure is counted already
            if not any(check.is_status() for check in step.checks) and not 200 <= response.status_code < 400:
                response.failure("status %d" % response.status_code)
            for check in step.checks:
                if not check.holds(response, text):
                    response.failure("check " + check.name)
                    break
            for extract in step.extracts:
                value = find(extract, response, text)
                if value is not None:
                    values.variables[extract["variable"]] = value
                elif not extract.get("optional", False):
                    response.failure("extract " + extract["variable"])
                    return False
        return True


class PlanShape(LoadTestShape):
    """Users over time, as the plan's stages have them; the test ends with the last."""

    def tick(self):
        users = PLAN.users_at(self.get_run_time())
        if users is None or (PLAN.iterations and PlanUser.iterations >= PLAN.iterations):
            return None
        users = max(1, round(users))
        return users, PLAN.spawn_rate or users
