# SPDX-License-Identifier: Apache-2.0
"""nginx with one server, on a port and in a folder of its own."""

import os
import shutil
import signal
import subprocess
import tempfile

import weir

CONFIG = """
daemon off;
pid %(folder)s/nginx.pid;
error_log stderr;
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    server {
        %(server)s
    }
}
"""


def is_there():
    return shutil.which("nginx") is not None


class Nginx:
    """`server` is what stands in the block of that name, with %(port)d for the port."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-nginx-")
        self.port = weir.free_port()
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG % {"folder": self.folder, "server": self.server % {"port": self.port}})
        self.process = subprocess.Popen(["nginx", "-c", path, "-p", self.folder], stderr=subprocess.DEVNULL)
        weir.wait_until(lambda: weir.is_listening(self.port), 10, "nginx")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        shutil.rmtree(self.folder)
