# SPDX-License-Identifier: Apache-2.0
"""What the tests of the running binary share: a server's life, a client without magic, metrics, figures of a process.

The binary is $WEIR, the folder with the models is $WEIR_DEPS/models; CMake sets both. Only the standard library."""

import array
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("WEIR", os.path.join(ROOT, "build/release/weir"))
DEPS = os.environ.get("WEIR_DEPS", os.path.join(ROOT, "build/deps"))
MODELS = os.path.join(DEPS, "models")
IMAGES = os.path.join(ROOT, "examples/images")
# "address", "thread" or "": how the binary was built. Instrumented code is slower, so waits are stretched.
SANITIZER = os.environ.get("WEIR_SANITIZE", "").split(",")[0]
SLOWNESS = {"": 1, "address": 3, "thread": 6}[SANITIZER]
START_SECONDS = 20 * SLOWNESS
SKIPPED = 77

# The model of examples/demo.yaml with the chain around it that the demo has.
MODEL = "{name: text-orientation, path: %s/text-orientation.onnx, warm_up: {x: [1, 3, 48, 192]}}" % MODELS
IMAGE_CHAIN = """[
      normalize_image: {size: [192, 48], color: rgb, mean: [0.5], std: [0.5]},
      format_output: {labels: ["0", "180"]}]"""


def skip(reason):
    """Ends the test visibly: CMake reads this exit code as skipped."""
    print("skipped: " + reason)
    sys.exit(SKIPPED)


def wait_until(condition, seconds, what):
    """Polls; the last value is returned. A test that has to wait says for what."""
    end = time.monotonic() + seconds * SLOWNESS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s for: %s" % (seconds * SLOWNESS, what))
        time.sleep(0.02)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def is_listening(port):
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


# The least there is to a request: one worker, one route, the chain that names and counts.
LIVEZ_CONFIG = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
chain: [request_id, metrics]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""


class Server:
    """`weir serve` on a free port, with a folder of its own that holds its configuration."""

    def __init__(self, config, environment=None, command=()):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.config_path = os.path.join(self.folder, "weir.yaml")
        self.environment = dict(os.environ, **(environment or {}))
        self.command = list(command)
        self.lines = []
        self.process = None
        self.port = None
        self.exit_code = 0  # what is expected of it
        self.write_config(config)

    def write_config(self, text):
        """Put in place whole, so that a reload never sees half a file. The welcome says when all models are there."""
        with open(self.config_path + ".new", "w") as file:
            file.write(text.replace("{folder}", self.folder) + '\nwelcome: "up: {address}"\n')
        os.rename(self.config_path + ".new", self.config_path)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, is_ready=True):
        command = self.command + [BINARY, "serve", self.config_path]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=self.environment, cwd=self.folder)
        self.output = b""
        self.readers = [threading.Thread(target=self._read_stderr, daemon=True),
                        threading.Thread(target=self._read_stdout, daemon=True)]
        for reader in self.readers:
            reader.start()
        line = self.wait_for_line(r"listening on https?://", START_SECONDS)
        self.port = int(re.search(r"https?://[^ ]*:(\d+)", line).group(1))
        if is_ready:
            wait_until(lambda: b"up: " in self.output or self.process.poll() is not None, 20, "the models")
            self._catch_up()
        return self

    def _catch_up(self):
        """What the server has written to stderr by now is in self.lines: the welcome came by another pipe."""
        unread = array.array("i", [1])
        while unread[0] > 0:
            fcntl.ioctl(self.process.stderr.fileno(), termios.FIONREAD, unread)
            time.sleep(0.02 * SLOWNESS)

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            sys.stderr.write("".join("    | " + line + "\n" for line in self.lines[-30:]))
        try:
            code = self.stop()
            if kind is None:
                assert code == self.exit_code, "the server ended with %s:\n%s" % (code, self.stderr())
        finally:
            self.remove()

    @property
    def pid(self):
        return self.process.pid

    def _read_stderr(self):
        for line in self.process.stderr:
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def _read_stdout(self):
        while data := os.read(self.process.stdout.fileno(), 4096):
            self.output += data

    def stderr(self):
        return "\n".join(self.lines)

    def find_line(self, pattern, begin=0):
        return next((line for line in self.lines[begin:] if re.search(pattern, line)), None)

    def wait_for_line(self, pattern, seconds=10, begin=0):
        def look():
            line = self.find_line(pattern, begin)
            if not line and self.process.poll() is not None:
                self.readers[0].join(5)
                line = self.find_line(pattern, begin)
                assert line, "the server ended with %s:\n%s" % (self.process.returncode, self.stderr())
            return line
        return wait_until(look, seconds, "the line /%s/ in\n%s" % (pattern, self.stderr()))

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, is_good=True):
        """SIGHUP, and waits until the server has said how it went."""
        begin = len(self.lines)
        self.signal(signal.SIGHUP)
        return self.wait_for_line(r"weir: reloaded " if is_good else r"was not taken", 20, begin)

    def wait(self, seconds=20):
        code = self.process.wait(seconds * SLOWNESS)
        for reader in self.readers:
            reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def stop(self, seconds=20):
        """SIGTERM, and the exit code; what does not end in time is killed and is a failure."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise AssertionError("the server did not end within %d s of SIGTERM:\n%s" % (seconds, self.stderr()))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Response:
    def __init__(self, status, fields, body, is_closed=False):
        self.status = status
        self.fields = fields  # [(name as sent, value)]
        self.body = body
        self.is_closed = is_closed

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name):
        values = self.all(name)
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """The last part of the problem's type, or None when the response is none."""
        if not (self.field("Content-Type") or "").startswith("application/problem+json"):
            return None
        return self.json()["type"].rsplit(":", 1)[-1]

    def __repr__(self):
        return "<%d %r %r>" % (self.status, self.fields, self.body[:300])


class Gone(Exception):
    """The server closed or reset the connection where a response was due."""


class Client:
    """One connection. request() sends and reads; send(), receive() and raw() are for those that want it otherwise."""

    def __init__(self, port, timeout=30, host="127.0.0.1", path=None):
        if path:  # of a unix socket
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout * SLOWNESS)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((host, port), timeout * SLOWNESS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, is_reset=False):
        if is_reset:  # SO_LINGER with time 0: close sends RST
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, method, path, headers=None, body=b""):
        self.raw(request_bytes(method, path, headers, body))

    def _more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError as error:
            raise Gone(str(error))
        if not data:
            raise Gone("closed after %r" % self.input[:200])
        self.input += data

    def receive(self, is_head=False):
        while b"\r\n\r\n" not in self.input:
            self._more()
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        response = Response(status, fields, b"")
        length = int(response.field("Content-Length") or 0)
        if is_head or status in (204, 304) or status < 200:
            return response
        while len(self.input) < length:
            self._more()
        response.body, self.input = self.input[:length], self.input[length:]
        return response

    def request(self, method, path, headers=None, body=b""):
        self.send(method, path, headers, body)
        return self.receive(method == "HEAD")


def request_bytes(method, path, headers=None, body=b""):
    fields = {"Host": "test", **(headers or {})}
    if body or method in ("POST", "PUT"):
        fields.setdefault("Content-Length", str(len(body)))
    head = "%s %s HTTP/1.1\r\n" % (method, path) + "".join("%s: %s\r\n" % pair for pair in fields.items()) + "\r\n"
    return head.encode("latin-1") + body


def ask(port, method, path, headers=None, body=b"", timeout=30):
    """One request on a connection of its own."""
    with Client(port, timeout) as client:
        return client.request(method, path, headers, body)


def parse_metrics(text):
    """{'name{label="value"}': number}"""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


def metrics(port):
    return parse_metrics(ask(port, "GET", "/metrics").body.decode())


def status_kib(pid, name):
    """A line of /proc/PID/status, such as VmRSS."""
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^%s:\s+(\d+) kB" % name, file.read(), re.M).group(1))


def rollup_kib(pid, name):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return int(re.search(r"^%s:\s+(\d+) kB" % name, file.read(), re.M).group(1))


def open_files(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def image(name):
    return read(os.path.join(IMAGES, name))


def image_type(name):
    return {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}[name.rsplit(".", 1)[1]]


def image_names():
    return sorted(os.listdir(IMAGES))


def reference():
    return json.loads(read(os.path.join(ROOT, "tests/reference/orientation.json")))
