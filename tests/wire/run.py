#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays the byte dialogues of tests/wire/dialogues against one server; README.md describes their language.

run.py [NAME...]: only the dialogues whose name contains one of the words."""

import concurrent.futures
import gzip
import os
import re
import select
import shutil
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import weir  # noqa: E402

PLAYERS = 24  # at once: most dialogues wait for time to pass
SEGMENT_SECONDS = 0.02
ANSWER_SECONDS = 15 * weir.SLOWNESS
OPEN_REQUEST = b"GET /livez HTTP/1.1\r\nHost: open\r\n\r\n"


class Wrong(Exception):
    pass


def unescape(text):
    """\\r \\n \\t \\\\ \\xHH, and {1000*text} for repetition (not nested)."""
    def repeat(match):
        return match.group(2) * int(match.group(1))

    def escape(match):
        body = match.group(1)
        if body[0] == "x":
            return chr(int(body[1:], 16))
        return {"r": "\r", "n": "\n", "t": "\t", "\\": "\\", "{": "{"}[body]
    text = re.sub(r"(?<!\\)\{(\d+)\*((?:[^}\\]|\\.)*)\}", repeat, text)
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", escape, text).encode("latin-1")


class Step:
    def __init__(self, verb, text, line):
        self.verb, self.text, self.line = verb, text, line


def parse(path):
    """The steps of a dialogue; lines to send that stand together are one segment."""
    steps = []
    is_split_everywhere = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            verb, _, text = line.partition(" ")
            if verb == "split-everywhere":
                is_split_everywhere = True
            elif verb == ">" and steps and steps[-1].verb == ">":
                steps[-1].text += unescape(text)
            elif verb == ">":
                steps.append(Step(verb, unescape(text), number))
            elif verb in ("<", "<!", "<=", "<~", "pause", "segment", "half-close", "reset", "close", "silence", "head",
                          "problem", "open", "closed", "patience"):
                steps.append(Step(verb, text, number))
            else:
                raise SystemExit("%s:%d: unknown verb %r" % (path, number, verb))
    if not steps or steps[-1].verb not in ("open", "closed", "close", "reset"):
        raise SystemExit("%s: a dialogue ends in open, closed, close or reset" % path)
    return steps, is_split_everywhere


class Player:
    """One connection and the response at hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.input = b""
        self.is_eof = False
        self.is_reset = False
        self.is_head = False
        self.patience = ANSWER_SECONDS
        self.response = None  # (status line, [(name, value)], body)

    def wait(self, seconds, wants_write=False):
        """Takes what has come; true when the socket can be written."""
        readers = [] if self.is_eof else [self.socket]
        readable, writable, _ = select.select(readers, [self.socket] if wants_write else [], [], max(0, seconds))
        if readable:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                self.is_reset = True
                data = b""
            self.input += data
            self.is_eof = not data
        return bool(writable)

    def send(self, data):
        """A server that has answered may well close before it has everything: that is not this step's business."""
        end = time.monotonic() + ANSWER_SECONDS
        while data and not self.is_reset:
            if time.monotonic() > end:
                raise Wrong("the server takes no more; %d bytes are left" % len(data))
            if not self.wait(1, True):
                continue
            try:
                data = data[self.socket.send(data[:1 << 16]):]
            except BlockingIOError:
                continue
            except ConnectionError:
                return

    def until(self, condition, what):
        end = time.monotonic() + self.patience
        while not condition():
            if self.is_eof:
                raise Wrong("%s, but the server %s; got %r"
                            % (what, "reset" if self.is_reset else "closed", self.input[:300]))
            if time.monotonic() > end:
                raise Wrong("waited in vain for %s; got %r" % (what, self.input[:300]))
            self.wait(end - time.monotonic())

    def take_response(self):
        self.until(lambda: b"\r\n\r\n" in self.input, "expected a response head")
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if any(b"\n" in line or b"\r" in line for line in lines):
            raise Wrong("a bare CR or LF in the head %r" % head)
        fields = []
        for line in lines[1:]:
            match = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([^\x00-\x08\x0a-\x1f\x7f]*)", line)
            if not match:
                raise Wrong("the field line %r is malformed" % line)
            fields.append((match.group(1).decode(), match.group(2).decode("latin-1")))
        match = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]*", lines[0])
        if not match:
            raise Wrong("the status line %r is malformed" % lines[0])
        status = int(match.group(1))
        lengths = [value for name, value in fields if name.lower() == "content-length"]
        has_body = not self.is_head and status >= 200 and status not in (204, 304)
        codings = [value for name, value in fields if name.lower() == "transfer-encoding"]
        if codings not in ([], ["chunked"]) or (codings and not has_body and not self.is_head):
            raise Wrong("Transfer-Encoding %r in %r" % (codings, head))
        if (has_body or self.is_head) and len(lengths) + len(codings) != 1:
            raise Wrong("%d Content-Length fields in %r" % (len(lengths), head))
        if not has_body and not self.is_head and lengths:
            raise Wrong("a Content-Length in %r" % head)
        body = self.take_chunks() if codings and has_body else self.take(int(lengths[0]) if has_body else 0)
        self.is_head = False
        self.response = (lines[0].decode("latin-1"), fields, body)

    def take(self, length):
        self.until(lambda: len(self.input) >= length, "expected a body of %d bytes" % length)
        data, self.input = self.input[:length], self.input[length:]
        return data

    def take_chunks(self):
        body = b""
        while True:
            self.until(lambda: b"\r\n" in self.input, "expected the size of a chunk")
            size, _, self.input = self.input.partition(b"\r\n")
            if not re.fullmatch(rb"[0-9a-f]{1,16}", size):
                raise Wrong("the chunk size %r is malformed" % size)
            data = self.take(int(size, 16) + 2)
            if data[-2:] != b"\r\n":
                raise Wrong("a chunk ends in %r" % data[-2:])
            body += data[:-2]
            if int(size, 16) == 0:
                return body

    def values(self, name):
        return [value for key, value in self.response[1] if key.lower() == name.strip().lower()]


def is_like(value, pattern):
    """A pattern is a text in which * stands for anything and ? for any character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.S) is not None


def seconds_of(text):
    match = re.fullmatch(r"(\d+)(ms|s)", text)
    return int(match.group(1)) / (1000 if match.group(2) == "ms" else 1)


def expect(player, text):
    """"< 200 OK" takes the next response, "< 3* 200" three of them; "< Name: value" looks at a field of the last."""
    count = re.match(r"(\d+)\* ", text)
    if count:
        for _ in range(int(count.group(1))):
            expect(player, text[count.end():])
        return
    if re.match(r"\d\d\d( |$)", text):
        player.take_response()
        line = player.response[0]
        if not is_like(line, "HTTP/1.1 " + text + ("" if " " in text else " *")):
            raise Wrong("expected %s, got %r with %r" % (text, line, player.response[2][:300]))
        return
    name, _, pattern = text.partition(":")
    values = player.values(name)
    if not any(is_like(value, pattern.strip()) for value in values):
        raise Wrong("expected the field %r, got %r" % (text, values))


def expect_problem(player, text):
    """"problem not-found text*": type, status, media type, and the detail if a text is given."""
    import json
    slug, _, detail = text.partition(" ")
    line, _, body = player.response
    if player.values("Content-Type") != ["application/problem+json"]:
        raise Wrong("Content-Type is %r" % player.values("Content-Type"))
    problem = json.loads(body)
    if problem["type"] != "urn:weir:problem:" + slug:
        raise Wrong("expected the problem %s, got %r" % (slug, body))
    if problem["status"] != int(line.split(" ")[1]):
        raise Wrong("the status of the document is not that of the response: %r" % body)
    if detail and not is_like(problem.get("detail", ""), detail):
        raise Wrong("expected the detail %r, got %r" % (detail, problem.get("detail")))


def expect_nothing(player, seconds):
    end = time.monotonic() + seconds
    while not player.is_eof and time.monotonic() < end:
        player.wait(end - time.monotonic())
    if player.input:
        raise Wrong("expected nothing more, got %r" % player.input[:300])


def expect_closed(player):
    player.until(lambda: player.is_eof, "expected the end of the connection")
    if player.input:
        raise Wrong("expected nothing before the end, got %r" % player.input[:300])
    if player.is_reset:
        raise Wrong("the server reset the connection instead of closing it")


def expect_open(player):
    if player.input:
        raise Wrong("expected nothing more, got %r" % player.input[:300])
    player.send(OPEN_REQUEST)
    player.take_response()
    if not player.response[0].startswith("HTTP/1.1 200"):
        raise Wrong("expected an open connection, got %r" % (player.response,))


def play_step(player, step):
    verb, text = step.verb, step.text
    if verb == ">":
        player.send(text)
    elif verb == "<":
        expect(player, text)
    elif verb == "<!":
        if player.values(text):
            raise Wrong("expected no field %s, got %r" % (text, player.values(text)))
    elif verb == "<=":
        if player.response[2] != unescape(text):
            raise Wrong("expected the body %r, got %r" % (unescape(text), player.response[2]))
    elif verb == "<~":
        if not re.search(text, player.response[2].decode("latin-1")):
            raise Wrong("expected a body with /%s/, got %r" % (text, player.response[2]))
    elif verb == "problem":
        expect_problem(player, text)
    elif verb == "head":
        player.is_head = True
    elif verb == "pause":
        time.sleep(seconds_of(text))
    elif verb == "segment":
        time.sleep(SEGMENT_SECONDS)
    elif verb == "patience":
        player.patience = seconds_of(text) * weir.SLOWNESS
    elif verb == "silence":
        expect_nothing(player, seconds_of(text))
    elif verb == "half-close":
        player.socket.shutdown(socket.SHUT_WR)
    elif verb == "closed":
        expect_closed(player)
    elif verb == "open":
        expect_open(player)
    elif verb == "reset":
        player.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def play_once(port, steps):
    player = Player(port)
    try:
        for step in steps:
            try:
                play_step(player, step)
            except Wrong as wrong:
                raise Wrong("line %d: %s" % (step.line, wrong))
    finally:
        player.socket.close()


def split_steps(steps):
    """The dialogue once for each place at which the first segment can be cut in two."""
    first = next(i for i, step in enumerate(steps) if step.verb == ">")
    data = steps[first].text
    line = steps[first].line
    for at in range(1, len(data)):
        halves = [Step(">", data[:at], line), Step("pause", "2ms", line), Step(">", data[at:], line)]
        yield at, steps[:first] + halves + steps[first + 1:]


def play(port, name):
    """None, or why it failed."""
    steps, is_split_everywhere = parse(os.path.join(HERE, "dialogues", name + ".wire"))
    try:
        play_once(port, steps)
        if is_split_everywhere:
            for at, variant in split_steps(steps):
                try:
                    play_once(port, variant)
                except Wrong as wrong:
                    raise Wrong("cut at byte %d: %s" % (at, wrong))
    except (Wrong, OSError, ValueError, KeyError) as error:
        return str(error) or repr(error)
    return None


# Content of the served folder, and what the dialogues may count on: all was modified Sun, 06 Nov 1994 08:49:37 GMT.
PUBLIC = {
    "hello.txt": b"Hello, world!\n",
    "empty.txt": b"",
    "large.bin": bytes(range(256)) * 800,
    ".hidden": b"hidden",
    "docs/index.html": b"<p>docs</p>\n",
    "docs/.secret/a.txt": b"secret",
    "none/a.txt": b"a",
    "a b%c.txt": b"name",
    "text.txt": b"".join(b"line %d\n" % i for i in range(500)),
    "page.js": b"let page = 1\n",
    "page.js.gz": gzip.compress(b"let page = 1\n", mtime=0),
    "stale.js": b"let stale = 1\n",
    "stale.js.gz": gzip.compress(b"let stale = 0\n", mtime=0),
}
MODIFIED = 784111777


def make_public(folder):
    for name, content in PUBLIC.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (MODIFIED, MODIFIED))
    os.utime(os.path.join(folder, "stale.js.gz"), (MODIFIED - 1, MODIFIED - 1))
    os.mkfifo(os.path.join(folder, "fifo"))
    os.symlink("hello.txt", os.path.join(folder, "link.txt"))
    os.symlink("/etc/passwd", os.path.join(folder, "out.txt"))
    os.symlink("../keys.conf", os.path.join(folder, "keys.txt"))


def make_server():
    """The server of the dialogues, with the files that its configuration names; not started yet."""
    with open(os.path.join(HERE, "weir.yaml")) as file:
        config = file.read().replace("{models}", weir.MODELS)
    server = weir.Server(config)
    for name in "keys.conf", "checked.json":
        shutil.copy(os.path.join(HERE, name), server.path(name))
    os.chmod(server.path("keys.conf"), 0o600)
    make_public(server.path("public"))
    return server


def main(words):
    names = sorted(name[:-5] for name in os.listdir(os.path.join(HERE, "dialogues")) if name.endswith(".wire"))
    if words:
        names = [name for name in names if any(word in name for word in words)]
    failures = 0
    server = make_server()
    with server, concurrent.futures.ThreadPoolExecutor(PLAYERS) as pool:
        plays = {name: pool.submit(play, server.port, name) for name in names}
        for name, future in plays.items():
            why = future.result()
            failures += why is not None
            print("%s %s%s" % ("FAIL" if why else "ok  ", name, ": " + why if why else ""))
        response = weir.ask(server.port, "GET", "/livez")
        assert response.status == 200, "the server does not answer any more"
    print("%d passed, %d failed" % (len(names) - failures, failures))
    return 1 if failures or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
