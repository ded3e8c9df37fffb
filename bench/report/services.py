# SPDX-License-Identifier: Apache-2.0
"""The peers as processes: how each is started, on which core, and what of it counts."""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import harness  # noqa: E402
import servers  # noqa: E402
import stalls  # noqa: E402

PEERS = os.path.join(harness.ROOT, "bench/peers")
BUILD = os.path.join(harness.BUILD, "peers")
PYTHON = os.path.join(BUILD, "python/bin/python")
FIBER = os.path.join(BUILD, "fiber")
MODULES = os.path.join(BUILD, "fastify/node_modules")
MLP = os.path.join(harness.ROOT, "tests/data/models/mlp.onnx")
DEPS = os.environ.get("WEIR_DEPS", os.path.join(harness.ROOT, "build/deps"))
ORIENTATION = os.path.join(DEPS, "models/text-orientation.onnx")
ORT = os.path.join(DEPS, "lib/libonnxruntime.so.1")
START_SECONDS = 90
KEEPALIVE_S = "75"


class Service(servers.Server):
    """One of the peers, running. Used in a with statement; what it needs stands in its folder."""

    name = None   # in files and on command lines
    title = None  # in tables
    about = None  # how it is run
    routes = ("plain", "json", "image")
    is_peer = True     # else a variant of one, of which less is measured
    has_pauses = True  # /debug/pauses tells them

    def __init__(self, folder, rank=harness.FIRST):
        super().__init__(self.name, folder)
        self.port = servers.free_port()
        self.rank = rank
        self.began = None

    @classmethod
    def missing(cls):
        """Why it cannot run here; None when it can."""
        return None

    @classmethod
    def told(cls):
        return {"title": cls.title, "about": cls.about, "routes": list(cls.routes), "is_peer": cls.is_peer}

    def environment(self):
        return {"PEER_PORT": str(self.port), "PEER_MLP": MLP, "PEER_ORIENTATION": ORIENTATION, "PEER_ORT": ORT}

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        command = self.command()
        self.began = time.monotonic()
        self.start(command, self.environment(), self.rank)
        return self

    def __exit__(self, *error):
        """Nothing that was started stays, even where a parent goes before its children."""
        pids = self.pids
        super().__exit__(*error)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    @property
    def pids(self):
        """The process and all it has started."""
        found = []

        def add(pid):
            found.append(pid)
            for task in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as file:
                    for child in file.read().split():
                        add(int(child))
        with contextlib.suppress(OSError):
            add(self.process.pid)
        return found

    def wait(self, route, is_right):
        """Seconds from exec to the first answer that is right."""
        def answered():
            if self.process.poll() is not None:
                raise RuntimeError("%s did not start: %s" % (self.name, self.stderr()))
            with contextlib.suppress(OSError, ValueError):
                return is_right(*self.ask(route))
            return False
        end = time.monotonic() + START_SECONDS
        while not answered():
            if time.monotonic() > end:
                raise RuntimeError("%s gives no right answer: %s" % (self.name, self.stderr()))
            time.sleep(0.003)
        return time.monotonic() - self.began

    def ask(self, route):
        """Status and document."""
        return self.send(route.method, route.path, route.body, route.media_type)

    def request(self, method, path, body=None, media_type=None):
        fields = {"Content-Type": media_type} if media_type else {}
        return urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), body, fields, method=method)

    def fetch(self, route):
        """The body, as it comes."""
        request = self.request(route.method, route.path, route.body, route.media_type)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()

    def send(self, *request):
        try:
            with urllib.request.urlopen(self.request(*request), timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None


    @classmethod
    def shares(cls, wanted):
        """At which shares of its own capacity latency is measured, in percent."""
        return wanted if cls.is_peer else []

    def counters(self):
        """What the server itself counts, by name, that is wanted for each request."""
        return {}

    def watch_pauses(self):
        self.send("POST", "/debug/pauses")

    def told_pauses(self):
        return self.send("GET", "/debug/pauses")[1] or {}


class Python(Service):
    folder_of_app = None

    @classmethod
    def missing(cls):
        return None if os.path.exists(os.path.join(BUILD, "python.stamp")) else "its Python packages are not installed"

    def environment(self):
        paths = (os.path.join(PEERS, self.folder_of_app), os.path.join(PEERS, "python"))
        return dict(super().environment(), PYTHONPATH=os.pathsep.join(paths), PYTHONDONTWRITEBYTECODE="1", PYTHONHOME="",
                    OPENBLAS_NUM_THREADS="1")


class Gunicorn(Python):
    folder_of_app = "flask"
    flags = ()

    def command(self):
        return [PYTHON, "-m", "gunicorn", "--bind", "127.0.0.1:%d" % self.port, "--keep-alive", KEEPALIVE_S,
                "--worker-tmp-dir", "/dev/shm", *self.flags, "app:app"]


class FlaskThreads(Gunicorn):
    name = "flask-threads"
    title = "Flask, gunicorn threads"
    about = "Flask 3, gunicorn, one worker of 8 threads (gthread)"
    flags = ("--worker-class", "gthread", "--workers", "1", "--threads", "8")


class FlaskGevent(Gunicorn):
    name = "flask-gevent"
    title = "Flask, gunicorn gevent"
    about = "Flask 3, gunicorn, one worker (gevent)"
    flags = ("--worker-class", "gevent", "--workers", "1")


class FlaskWorkers(Gunicorn):
    """What gunicorn advises for one core: 2 × cores + 1."""

    name = "flask-workers"
    title = "Flask, gunicorn 3 workers"
    about = "Flask 3, gunicorn, three workers of 4 threads (gthread); closed loop only"
    flags = ("--worker-class", "gthread", "--workers", "3", "--threads", "4")
    is_peer = False
    has_pauses = False


class FastApi(Python):
    name = "fastapi"
    title = "FastAPI, uvicorn"
    about = "FastAPI, uvicorn with uvloop and httptools, one process"
    folder_of_app = "fastapi"

    def command(self):
        return [PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port), "--loop", "uvloop", "--http", "httptools",
                "--no-access-log", "--timeout-keep-alive", KEEPALIVE_S, "app:app"]


class Fiber(Service):
    name = "fiber"
    title = "Go Fiber"
    about = "Fiber 3 with onnxruntime_go; one core, so GOMAXPROCS is 1"

    @classmethod
    def missing(cls):
        return None if os.access(FIBER, os.X_OK) else "it is not built"

    def command(self):
        return [FIBER]


class Fastify(Service):
    name = "fastify"
    title = "fastify"
    about = "fastify 5 with onnxruntime-node and sharp, one process"

    @classmethod
    def missing(cls):
        return None if os.path.exists(os.path.join(BUILD, "fastify.stamp")) else "its npm packages are not installed"

    def environment(self):
        return dict(super().environment(), NODE_PATH=MODULES, NODE_ENV="production")

    def command(self):
        return [servers.need("node"), os.path.join(PEERS, "fastify/server.js")]


class Weir(Service):
    name = "weir"
    title = "weir"
    about = "weir, one worker, one executor"
    more = ""  # configuration

    @classmethod
    def missing(cls):
        return None if os.access(harness.BINARY, os.X_OK) else "%s is not built" % harness.BINARY

    def command(self):
        with open(os.path.join(PEERS, "weir/weir.yaml"), encoding="utf-8") as file:
            text = file.read()
        for name, value in (("port", self.port), ("mlp", MLP), ("orientation", ORIENTATION)):
            text = text.replace("{%s}" % name, str(value))
        shutil.copy(os.path.join(PEERS, "weir/classify.json"), self.folder)
        return [harness.BINARY, "serve", self.write("weir.yaml", text + self.more)]

    def counters(self):
        """Allocations since the start, by subsystem; a build that does not count has none."""
        found = self.send("GET", "/debug/allocations")[1]
        return {name: counts["allocations"] for name, counts in found.get("subsystems", {}).items()}

    def watch_pauses(self):
        self.stalls = stalls.Watch(self)

    def told_pauses(self):
        return self.stalls.told()


class WeirUnpooled(Weir):
    name = "weir-unpooled"
    title = "weir without pools"
    about = "the same with `diagnostics: {pooling: false}`: memory is asked of the system each time; closed loop only"
    more = "\ndiagnostics: {pooling: false}\n"
    is_peer = False
    has_pauses = False


class Nginx(Service):
    name = "nginx"
    title = "nginx"
    about = "nginx, one worker, `return 200`; HTTP only"
    has_pauses = False
    routes = ("plain",)

    @classmethod
    def missing(cls):
        return None if shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin") else "nginx is not installed"

    def command(self):
        values = {"folder": self.folder, "port": self.port, "user": "user root;" if os.geteuid() == 0 else "",
                  "locations": servers.NGINX_RETURN, "more": ""}
        path = self.write("nginx.conf", servers.NGINX % values)
        return [servers.need("nginx"), "-p", self.folder, "-c", path, "-e", os.path.join(self.folder, "nginx.log")]


ALL = (FlaskThreads, FlaskGevent, FlaskWorkers, FastApi, Fiber, Fastify, Weir, WeirUnpooled, Nginx)
BY_NAME = {service.name: service for service in ALL}
