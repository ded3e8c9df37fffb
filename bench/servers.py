# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared, each with one worker on the server's core, and how they are configured.

Why each line of a peer's configuration stands there: bench/README.md."""

import os
import re
import shutil
import socket
import subprocess

import harness

BODY = '{"status":"ok"}'
START_SECONDS = 60

WEIR_HEAD = """
listen: [127.0.0.1:0]
workers: 1
executors: 1
limits: {connections: 20000, connection_requests: 4294967295, idle_time: 1h}
"""

# One listener with TLS: the certificate is filled in.
WEIR_LOADED = """
listen: [{address: 127.0.0.1:0, tls: {certificates: [{cert: %(cert)s, key: %(key)s}]}}]
workers: 1
executors: 1
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""
WEIR_PLAIN = WEIR_HEAD + """
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
"""

WEIR_FIVE = WEIR_HEAD + """
chain: [request_id, access_log: {path: access.log}, metrics]
routes:
  - match: GET /livez
    chain: [auth: {keys: keys.conf}, user_context: {buckets: [control, treatment]}]
    to: {endpoint: livez}
"""

WEIR_CHAT = WEIR_HEAD + """
routes:
  - match: POST /v1/chat/completions
    public: true
    %(schema)s
    to: {endpoint: livez}
"""

WEIR_PROXY = WEIR_HEAD + """
upstreams:
  - {name: bench, servers: ["127.0.0.1:%(upstream)d"]}
routes:
  - {match: GET /livez, public: true, to: {upstream: bench}}
  - {match: GET /events, public: true, to: {upstream: bench}}
"""

NGINX = """
daemon off;
worker_processes 1;
%(user)s
pid %(folder)s/nginx.pid;
error_log %(folder)s/nginx.log warn;
worker_rlimit_nofile 20000;
events { worker_connections 19000; use epoll; }
http {
    access_log off;
    server_tokens off;
    default_type application/json;
    sendfile on;
    tcp_nopush off;
    tcp_nodelay on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    open_file_cache max=100 inactive=1h;
    open_file_cache_valid 1h;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    %(more)s
    server {
        listen 127.0.0.1:%(port)d backlog=4096;
        root %(folder)s/files;
        %(locations)s
    }
}
"""
NGINX_RETURN = "location = /livez { return 200 '%s'; }" % BODY
NGINX_STATIC = "location / { }"
NGINX_UPSTREAM = """upstream bench {
        server 127.0.0.1:%(upstream)d;
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 3600s;
    }"""
NGINX_PROXY = """location / {
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_buffering off;
            proxy_read_timeout 3600s;
        }"""

HAPROXY = """
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    option http-keep-alive
    option forwardfor
    http-reuse always
    timeout client 1h
    timeout server 1h
    timeout connect 5s
frontend in
    bind 127.0.0.1:%(port)d
    default_backend out
backend out
    server one 127.0.0.1:%(upstream)d
"""


class Missing(Exception):
    """A tool, or a feature of weir, that a row needs and that is not there: the row is skipped, visibly."""


def need(*tools):
    """The path of the last one."""
    path = None
    for tool in tools:
        path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
        if not path:
            raise Missing("%s is not installed (setup/setup.sh --bench)" % tool)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process on the server's core; `pids` are those whose CPU time counts. Used in a with statement."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = os.path.join(folder, name.replace(" ", "-"))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(os.path.join(self.folder, "files"))
        self.process = None
        self.port = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, command, environment=None, rank=harness.FIRST):
        self.log = open(os.path.join(self.folder, "stderr"), "w+")
        self.process = harness.spawn(command, harness.SERVER_CORE, rank, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=self.log, cwd=self.folder,
                                     env=dict(os.environ, **(environment or {})))

    def wait_for_port(self):
        def is_open():
            if self.process.poll() is not None:
                raise RuntimeError("%s did not start: %s" % (self.name, self.stderr()))
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        harness.wait_until(is_open, START_SECONDS, self.name + " to listen")

    def stderr(self):
        with open(self.log.name) as file:
            return file.read().strip()[-600:]

    @property
    def pids(self):
        return [self.process.pid]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            harness.end(self.process)
            self.log.close()


class Weir(Server):
    def __init__(self, folder, config, name="weir", command=(), environment=None, rank=harness.FIRST):
        super().__init__(name, folder)
        path = self.write("weir.yaml", config)
        self.key = self.make_key() if "keys.conf" in config else None
        check = subprocess.run([harness.BINARY, "check", path], capture_output=True, text=True, check=False, timeout=60)
        if check.returncode != 0:
            raise Missing("weir does not take the row's configuration: %s" % check.stderr.strip().splitlines()[-1])
        self.start([*command, harness.BINARY, "serve", path], environment, rank)
        self.port = int(harness.wait_until(self.find_port, START_SECONDS, "weir to listen"))
        self.wait_for_port()

    def make_key(self):
        command = [harness.BINARY, "keys", "add", "--file", os.path.join(self.folder, "keys.conf"), "--tenant", "bench"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    def find_port(self):
        if self.process.poll() is not None:
            raise RuntimeError("weir did not start: " + self.stderr())
        found = re.search(r"listening on https?://[^ ]*:(\d+)", self.stderr())
        return found and found.group(1)


class Nginx(Server):
    def __init__(self, folder, name, locations, more="", upstream=0):
        super().__init__(name, folder)
        binary = need("nginx")
        self.port = free_port()
        with open(os.path.join(self.folder, "files", "livez"), "w") as file:
            file.write(BODY)
        # As root the worker would become nobody and could not read what lies in root's home.
        values = {"folder": self.folder, "port": self.port, "user": "user root;" if os.geteuid() == 0 else "",
                  "locations": locations, "more": more % {"upstream": upstream} if more else ""}
        path = self.write("nginx.conf", NGINX % values)
        self.start([binary, "-p", self.folder, "-c", path, "-e", os.path.join(self.folder, "nginx.log")])
        self.wait_for_port()

    @property
    def pids(self):
        """The worker's: the master does nothing."""
        pid = self.process.pid
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(child) for child in file.read().split()]


class Haproxy(Server):
    def __init__(self, folder, upstream):
        super().__init__("haproxy", folder)
        binary = need("haproxy")
        self.port = free_port()
        path = self.write("haproxy.cfg", HAPROXY % {"port": self.port, "upstream": upstream})
        self.start([binary, "-db", "-q", "-f", path])
        self.wait_for_port()


class Upstream:
    """The helper behind the proxies, on the client's core."""

    def __init__(self, folder):
        body = os.path.join(folder, "body")
        with open(body, "w") as file:
            file.write(BODY)
        self.process = harness.spawn([harness.helper("upstream"), "--body", body], harness.CLIENT_CORE,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        harness.end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
