#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that people use: curl, wget, nghttp, Node's fetch, Python's http.client and urllib, Chromium.

Each really talks to the running binary: a GET, an image to classify, uploads in pieces, errors, several requests on one
connection, plain and over TLS. One that is not installed is skipped, and says so."""

import gzip
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import certificates  # noqa: E402
import upstream  # noqa: E402
import weir  # noqa: E402

ENTRY = next(entry for entry in weir.reference()["images"] if entry["file"] == "upright-1.jpg")
IMAGE = os.path.join(weir.IMAGES, ENTRY["file"])
LARGE = b"weir" * (1 << 19)  # 2 MiB: over the size from which curl asks first
CONFIG = """
listen:
  - 127.0.0.1:0
  - address: 127.0.0.1:0
    tls: {certificates: [{cert: %s/server.pem, key: %s/server.key}]}
workers: 2
executors: 1
limits: {body_bytes: 3MiB}
models: [%s]
chain: [request_id, metrics, compress]
routes:
  - {match: GET /livez, public: true, to: {endpoint: livez}}
  - {match: GET /metrics, public: true, to: {endpoint: metrics}}
  - {match: "* /echo", public: true, to: {endpoint: livez}}
  - {match: /v2, public: true, to: {endpoint: v2}}
  - {match: POST /refuses, public: true, body_bytes: 64MiB, to: {proxy: "http://%s"}}
  - match: POST /v1/text-orientation
    public: true
    chain: %s
    to: {model: text-orientation}
"""


def refuse(connection):
    """Takes no body, so that the client has used up its window when the answer comes."""
    connection.head()
    time.sleep(0.5)
    connection.answer(b"refused", status="413 Content Too Large")
    time.sleep(10)


def setUpModule():
    global FOLDER, SERVER, PLAIN, SECURE, CA
    FOLDER = tempfile.mkdtemp(prefix="weir-clients-")
    CA = certificates.Authority(FOLDER)
    CA.issue("server", "DNS:localhost,IP:127.0.0.1")
    with open(os.path.join(FOLDER, "large"), "wb") as file:
        file.write(LARGE)
    with open(os.path.join(FOLDER, "huge"), "wb") as file:
        file.write(LARGE * 12)
    with open(os.path.join(FOLDER, "image.gz"), "wb") as file:
        file.write(gzip.compress(weir.image(ENTRY["file"])))
    refusing = upstream.Upstream(refuse).__enter__()
    unittest.addModuleCleanup(refusing.close)
    SERVER = weir.Server(CONFIG % (FOLDER, FOLDER, weir.MODEL, refusing.address, weir.IMAGE_CHAIN)).start()
    PLAIN = "http://127.0.0.1:%d" % SERVER.port
    SECURE = SERVER.find_line(r"listening on https://").split(" ")[3]


def tearDownModule():
    SERVER.__exit__(None, None, None)
    shutil.rmtree(FOLDER)


def needs(program):
    return unittest.skipUnless(shutil.which(program), "no %s on this machine" % program)


def run(*command, expected=0, **options):
    """stdout and stderr of a client that ends with that code."""
    done = subprocess.run(command, capture_output=True, timeout=60 * weir.SLOWNESS, **options)
    if done.returncode != expected:
        raise AssertionError("%s ended with %d:\n%s\n%s" % (" ".join(command), done.returncode, done.stdout[-1000:],
                                                             done.stderr[-2000:].decode("utf-8", "replace")))
    return done.stdout, done.stderr.decode("utf-8", "replace")


class Case(unittest.TestCase):
    def assert_image(self, data):
        self.assertEqual(json.loads(data)["result"], ENTRY["result"])

    def assert_problem(self, data, slug, status):
        document = json.loads(data)
        self.assertEqual((document["type"], document["status"]), ("urn:weir:problem:" + slug, status))


@needs("curl")
class Curl(Case):
    base = staticmethod(lambda: PLAIN)
    flags = ()

    def curl(self, *arguments, **options):
        return run("curl", "-sS", "--max-time", "60", "--cacert", CA.path, *self.flags, *arguments, **options)

    def url(self, path):
        return self.base() + path

    def status(self, *arguments):
        return int(self.curl("-o", os.devnull, "-w", "%{http_code}", *arguments)[0])

    def test_get(self):
        self.assertEqual(json.loads(self.curl(self.url("/livez"))[0]), {"status": "ok"})

    def test_head(self):
        head = self.curl("-I", self.url("/livez"))[0].decode()
        self.assertRegex(head, r"^HTTP/[12](\.[01])? 200")
        self.assertRegex(head.lower(), r"content-length: 15")

    def test_image_as_the_body(self):
        self.assert_image(self.curl("-H", "Content-Type: image/jpeg", "--data-binary", "@" + IMAGE,
                                    self.url("/v1/text-orientation"))[0])

    def test_image_as_a_form(self):
        self.assert_image(self.curl("-F", "image=@" + IMAGE, self.url("/v1/text-orientation"))[0])

    def test_image_compressed(self):
        self.assert_image(self.curl("-H", "Content-Encoding: gzip", "-H", "Content-Type: image/jpeg",
                                    "--data-binary", "@" + FOLDER + "/image.gz", self.url("/v1/text-orientation"))[0])

    def test_image_in_chunks(self):
        self.assert_image(self.curl("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: image/jpeg",
                                    "--data-binary", "@" + IMAGE, self.url("/v1/text-orientation"))[0])

    def test_large_upload(self):
        _, words = self.curl("-v", "--data-binary", "@" + FOLDER + "/large", self.url("/echo"))
        self.assertRegex(words, r"< HTTP/[12](\.1)? 200")
        if "< HTTP/1" in words and "--http1.0" not in self.flags:
            self.assertIn("< HTTP/1.1 100 Continue", words)

    def test_large_upload_that_nobody_takes(self):
        self.assertEqual(self.status("--data-binary", "@" + FOLDER + "/large", self.url("/nowhere")), 404)

    def test_upload_over_the_limit(self):
        data = b"x" * (4 << 20)
        body, _ = self.curl("--data-binary", "@-", self.url("/echo"), input=data)
        self.assert_problem(body, "body-too-large", 413)

    def test_upload_that_is_refused_while_nobody_takes_it(self):
        begin = time.monotonic()
        body, _ = self.curl("-H", "Expect:", "--data-binary", "@" + FOLDER + "/huge", self.url("/refuses"))
        self.assertEqual(body, b"refused")
        self.assertLess(time.monotonic() - begin, 3 * weir.SLOWNESS)

    def test_upload_from_a_pipe(self):
        self.assertEqual(self.curl("-T", "-", self.url("/echo"), input=LARGE)[0], b'{"status":"ok"}')

    def test_errors(self):
        self.assert_problem(self.curl(self.url("/nowhere"))[0], "not-found", 404)
        self.assert_problem(self.curl("-X", "DELETE", self.url("/livez"))[0], "method-not-allowed", 405)
        self.assert_problem(self.curl("-H", "Content-Type: image/jpeg", "-d", "no image",
                                      self.url("/v1/text-orientation"))[0], "invalid-image", 422)

    def test_several_requests_on_one_connection(self):
        urls = [self.url("/livez")] * 5
        body, words = self.curl("-v", *urls)
        self.assertEqual(body, b'{"status":"ok"}' * 5)
        self.assertEqual(len(re.findall("Re-using existing connection", words)), 4)

    def test_many_at_once(self):
        body, _ = self.curl("-Z", "--parallel-max", "10", *[self.url("/livez")] * 40)
        self.assertEqual(body, b'{"status":"ok"}' * 40)

    def test_compressed_answer(self):
        words = self.curl("--compressed", "-v", self.url("/metrics"))
        self.assertIn(b"weir_requests_total", words[0])
        self.assertRegex(words[1].lower(), r"< content-encoding: (zstd|br|gzip)")


class CurlWithHttp10(Curl):
    flags = ("--http1.0",)
    test_image_in_chunks = test_upload_from_a_pipe = None  # HTTP/1.0 has no chunks

    def test_several_requests_on_one_connection(self):
        self.assertEqual(self.curl("-H", "Connection: keep-alive", *[self.url("/livez")] * 3)[0], b'{"status":"ok"}' * 3)


class CurlOverTls(Curl):
    base = staticmethod(lambda: SECURE)
    flags = ("--http1.1",)


class CurlWithHttp2(Curl):
    flags = ("--http2-prior-knowledge",)
    # curl 7.88 uses a connection by prior knowledge once, and fails on the second request; of nginx, too.
    test_several_requests_on_one_connection = test_many_at_once = None

    def test_version(self):
        self.assertEqual(self.curl("-o", os.devnull, "-w", "%{http_version}", self.url("/livez"))[0], b"2")


    # By HTTP/1 the answer ends the connection.
    def test_upload_that_is_refused_while_its_source_pauses(self):
        source = subprocess.Popen(["sh", "-c", "cat %s/large; sleep 2; cat %s/large" % (FOLDER, FOLDER)],
                                  stdout=subprocess.PIPE)
        with source:
            body, _ = self.curl("-X", "POST", "-T", "-", self.url("/refuses"), stdin=source.stdout)
        self.assertEqual(body, b"refused")


class CurlWithHttp2OverTls(CurlWithHttp2):
    base = staticmethod(lambda: SECURE)
    flags = ("--http2",)
    test_several_requests_on_one_connection = Curl.test_several_requests_on_one_connection
    test_many_at_once = Curl.test_many_at_once


@needs("wget")
class Wget(Case):
    base = staticmethod(lambda: PLAIN)

    def wget(self, *arguments, **options):
        return run("wget", "-O", "-", "--tries=1", "--timeout=30", "--ca-certificate=" + CA.path, *arguments, **options)

    def test_get(self):
        self.assertEqual(self.wget("-q", self.base() + "/livez")[0], b'{"status":"ok"}')

    def test_image(self):
        self.assert_image(self.wget("-q", "--post-file=" + IMAGE, "--header=Content-Type: image/jpeg",
                                    self.base() + "/v1/text-orientation")[0])

    def test_error(self):
        body, words = self.wget("--content-on-error", self.base() + "/nowhere", expected=8)
        self.assert_problem(body, "not-found", 404)
        self.assertIn("404 Not Found", words)

    def test_several_requests_on_one_connection(self):
        body, words = self.wget(*[self.base() + "/livez"] * 3)
        self.assertEqual(body, b'{"status":"ok"}' * 3)
        self.assertEqual(words.count("Reusing existing connection"), 2)


class WgetOverTls(Wget):
    base = staticmethod(lambda: SECURE)


@needs("nghttp")
class Nghttp(Case):
    def test_get(self):
        for base in (PLAIN, SECURE):
            self.assertEqual(run("nghttp", base + "/livez")[0].strip(), b'{"status":"ok"}')

    def test_image(self):
        for base in (PLAIN, SECURE):
            self.assert_image(run("nghttp", "-d", IMAGE, "-H", "content-type: image/jpeg", base + "/v1/text-orientation")[0])

    def test_upload_larger_than_the_window(self):
        self.assertEqual(run("nghttp", "-d", FOLDER + "/large", PLAIN + "/echo")[0].strip(), b'{"status":"ok"}')

    def test_many_streams_of_one_connection(self):
        output = run("nghttp", "-n", "-s", "-m", "50", PLAIN + "/livez")[0].decode()
        self.assertEqual(len(re.findall(r"\s200\s", output)), 50, output)

    def test_error(self):
        self.assert_problem(run("nghttp", PLAIN + "/nowhere")[0], "not-found", 404)


NODE = r"""
const fs = require('node:fs');
const [base, image, expected] = process.argv.slice(2);
const assert = require('node:assert');
async function main() {
    const alive = await fetch(base + '/livez');
    assert.strictEqual(alive.status, 200);
    assert.deepStrictEqual(await alive.json(), {status: 'ok'});

    const whole = await fetch(base + '/v1/text-orientation',
        {method: 'POST', body: fs.readFileSync(image), headers: {'content-type': 'image/jpeg'}});
    assert.strictEqual((await whole.json()).result, expected);

    const form = new FormData();
    form.append('image', new Blob([fs.readFileSync(image)], {type: 'image/jpeg'}), 'image.jpg');
    const asForm = await fetch(base + '/v1/text-orientation', {method: 'POST', body: form});
    assert.strictEqual((await asForm.json()).result, expected);

    const pieces = async function* () {
        const data = fs.readFileSync(image);
        for (let at = 0; at < data.length; at += 500) {
            yield data.subarray(at, at + 500);
            await new Promise((done) => setTimeout(done, 1));
        }
    };
    const streamed = await fetch(base + '/v1/text-orientation',
        {method: 'POST', body: ReadableStream.from(pieces()), duplex: 'half', headers: {'content-type': 'image/jpeg'}});
    assert.strictEqual((await streamed.json()).result, expected);

    const missing = await fetch(base + '/nowhere');
    assert.strictEqual(missing.status, 404);
    assert.strictEqual(missing.headers.get('content-type'), 'application/problem+json');
    assert.strictEqual((await missing.json()).type, 'urn:weir:problem:not-found');

    const metrics = await fetch(base + '/metrics', {headers: {'accept-encoding': 'gzip, br'}});
    assert.ok(['gzip', 'br'].includes(metrics.headers.get('content-encoding')));
    assert.ok((await metrics.text()).includes('weir_requests_total'));

    const many = await Promise.all(Array.from({length: 50}, () => fetch(base + '/livez').then((one) => one.text())));
    assert.ok(many.every((text) => text === '{"status":"ok"}'));

    const control = new AbortController();
    const given = fetch(base + '/echo', {method: 'POST', body: ReadableStream.from((async function* () {
        yield Buffer.from('begun');
        await new Promise(() => {});
    })()), duplex: 'half', signal: control.signal});
    setTimeout(() => control.abort(), 50);
    await assert.rejects(given, {name: 'AbortError'});
    assert.strictEqual((await fetch(base + '/livez')).status, 200);
    console.log('all is well with ' + process.version);
    process.exit(0);
}
main().catch((error) => { console.error(error); process.exit(1); });
"""


@needs("node")
class Node(Case):
    def test_fetch(self):
        if run("node", "-p", "typeof fetch + typeof ReadableStream?.from")[0].strip() != b"functionfunction":
            self.skipTest("this Node has no fetch")
        path = os.path.join(FOLDER, "client.js")
        with open(path, "w") as file:
            file.write(NODE)
        for base in (PLAIN, SECURE):
            output, _ = run("node", path, base, IMAGE, ENTRY["result"], env=dict(os.environ, NODE_EXTRA_CA_CERTS=CA.path))
            self.assertIn(b"all is well", output)


class Python(Case):
    def connections(self):
        yield http.client.HTTPConnection(PLAIN.split("/")[-1], timeout=30)
        yield http.client.HTTPSConnection(SECURE.split("/")[-1], timeout=30,
                                          context=ssl.create_default_context(cafile=CA.path))

    def test_http_client_keeps_its_connection(self):
        for connection in self.connections():
            connection.connect()
            socket = connection.sock
            for _ in range(5):
                connection.request("GET", "/livez")
                self.assertEqual(json.loads(connection.getresponse().read()), {"status": "ok"})
            connection.request("POST", "/v1/text-orientation", weir.image(ENTRY["file"]), {"Content-Type": "image/jpeg"})
            self.assert_image(connection.getresponse().read())
            connection.request("GET", "/nowhere")
            self.assert_problem(connection.getresponse().read(), "not-found", 404)
            connection.request("HEAD", "/livez")
            self.assertEqual(connection.getresponse().read(), b"")
            self.assertIs(connection.sock, socket)
            connection.close()

    def test_http_client_sends_chunks(self):
        data = weir.image(ENTRY["file"])
        for connection in self.connections():
            pieces = (data[at:at + 700] for at in range(0, len(data), 700))
            connection.request("POST", "/v1/text-orientation", pieces, {"Content-Type": "image/jpeg"}, encode_chunked=True)
            self.assert_image(connection.getresponse().read())
            connection.close()

    def test_urllib(self):
        context = ssl.create_default_context(cafile=CA.path)
        for base in (PLAIN, SECURE):
            options = {"timeout": 30, "context": context} if base == SECURE else {"timeout": 30}
            with urllib.request.urlopen(base + "/livez", **options) as response:
                self.assertEqual(json.load(response), {"status": "ok"})
            request = urllib.request.Request(base + "/v1/text-orientation", weir.image(ENTRY["file"]),
                                             {"Content-Type": "image/jpeg"})
            with urllib.request.urlopen(request, **options) as response:
                self.assert_image(response.read())
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(base + "/nowhere", **options)
            self.assert_problem(caught.exception.read(), "not-found", 404)


def chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@unittest.skipUnless(chromium(), "no Chromium on this machine")
class Chromium(Case):
    def dump(self, url):
        folder = tempfile.mkdtemp(dir=FOLDER)
        return run(chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--ignore-certificate-errors", "--user-data-dir=" + folder, "--virtual-time-budget=10000",
                   "--dump-dom", url)[0].decode()

    def test_page(self):
        for base in (PLAIN, SECURE):
            self.assertIn('{"status":"ok"}', self.dump(base + "/livez"))

    def test_error(self):
        self.assertIn("urn:weir:problem:not-found", self.dump(PLAIN + "/nowhere"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
