# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by the openssl command."""

import os
import shutil
import subprocess

import weir


class Authority:
    """Issues certificates into a folder: issue("a", "DNS:a.example") makes a.pem and a.key there."""

    def __init__(self, folder, name="ca"):
        if not shutil.which("openssl"):
            weir.skip("the openssl command is not installed")
        self.folder = folder
        self.path = os.path.join(folder, name + ".pem")
        self.key_path = os.path.join(folder, name + ".key")
        run(["req", "-x509", *NEW_KEY, "-keyout", self.key_path, "-out", self.path, "-days", "2",
             "-subj", "/CN=weir test " + name])

    def issue(self, name, alternative_names=None, subject="/O=weir test", days=2):
        request = os.path.join(self.folder, name + ".csr")
        certificate = os.path.join(self.folder, name + ".pem")
        key = os.path.join(self.folder, name + ".key")
        extensions = ["-addext", "subjectAltName=" + alternative_names] if alternative_names else []
        run(["req", "-new", *NEW_KEY, "-keyout", key + ".new", "-out", request, "-subj", subject, *extensions])
        run(["x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key_path, "-out", certificate + ".new",
             "-days", str(days), "-copy_extensions", "copy"])
        os.chmod(key + ".new", 0o600)
        os.rename(key + ".new", key)
        os.rename(certificate + ".new", certificate)
        return certificate, key


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def run(arguments):
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "openssl %s: %s" % (" ".join(arguments), done.stderr)
