#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a page of docs/guide and compares what they print with what the page says.

    tests/docs/run_blocks.py [--weir build/test/weir] [--deps build/deps] [--verbose] docs/guide/PAGE.md...

Without --weir and --deps the environment variables WEIR and WEIR_DEPS count.

What the fences of a page mean:

    ```sh         run, in order, in one bash for the whole page; the last command must exit with 0, or with what a
                  comment <!-- exits: 1 --> right before the fence says
    ```console    what the sh block before it printed: the whole of it, standard error and the server's lines included.
                  `…` and `...` stand for any text in a line, and alone in a line for any lines; how many spaces stand
                  somewhere does not count
    ```json       the same, where white space between the parts of the document does not count
    ```yaml       written to the file that the first line names (`# weir.yaml`); without such a line only shown
    any other     only shown; an sh block after a comment <!-- not run: reason --> too

The bash starts in an empty folder with links to examples, tests and build/deps, as docs/guide/README.md has its reader
begin. `weir` is on the PATH. 127.0.0.1:8080 in commands and files is replaced by a free port, and back in what is
printed. After a block that starts `weir serve` the runner waits until /readyz knows whether the models can be run, as a reader
would.

Exit codes: 0 all as the pages say, 1 not, 77 skipped for want of bash, curl, ONNX Runtime or the demo models.
"""
import argparse
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ADDRESS = "127.0.0.1:8080"
BLOCK_SECONDS = 60
READY_SECONDS = 60
OUTPUT_SECONDS = 10
QUIET_SECONDS = 0.3
QUIET_SECONDS_MAX = 5
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Block:
    def __init__(self, language, line, text, note):
        self.language, self.line, self.text = language, line, text
        self.exits = 0
        self.reason = None
        match = re.fullmatch(r"<!--\s*(exits|not run):\s*(.*?)\s*-->", note)
        if match and match[1] == "exits":
            self.exits = int(match[2])
        elif match:
            self.reason = match[2]


def read_blocks(path):
    """The fenced blocks of a page; fences may be indented, as in lists."""
    blocks, note, fence = [], "", None
    with open(path, encoding="utf-8") as page:
        for number, line in enumerate(page, 1):
            opened = re.fullmatch(r"( *)```(\w*)\n?", line)
            if fence is None and opened:
                fence = (opened[1], opened[2], number, [])
            elif fence is None:
                note = line.strip() or note
            elif line.strip() == "```":
                blocks.append(Block(fence[1], fence[2], "".join(fence[3]), note))
                fence, note = None, ""
            else:
                fence[3].append(line.removeprefix(fence[0]))
    if fence:
        sys.exit(f"{path}:{fence[2]}: this fence is not closed")
    return blocks


def compact(text):
    """JSON without the white space between its parts."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|\s+', lambda match: match[1] or "", text)


def one_space(text):
    """How wide a column is depends on what stands in it."""
    return re.sub(r" +", " ", text)


def pattern_of(expected):
    lines = []
    for line in one_space(expected.strip()).split("\n"):
        if line.strip() in ("…", "..."):
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*?".join(re.escape(part) for part in re.split(r"…|\.\.\.", line.rstrip())) + r"[ ]*\n")
    return re.compile("".join(lines))


def is_expected(block, printed):
    if block.language == "json":
        parts = [re.escape(part) for part in re.split(r"…|\.\.\.", compact(block.text))]
        return re.fullmatch(".*?".join(parts), compact(printed)) is not None
    return pattern_of(block.text).fullmatch(one_space(printed.strip()) + "\n") is not None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Page:
    def __init__(self, path, options):
        self.path, self.options = path, options
        self.address = f"127.0.0.1:{free_port()}"
        self.ran = self.shown = 0
        self.folder = tempfile.mkdtemp(prefix="weir-docs-")
        self.make_folder()
        self.log = open(os.path.join(self.folder, ".log"), "ab")
        environment = dict(os.environ, PATH=os.path.join(self.folder, ".bin") + os.pathsep + os.environ["PATH"],
                           LC_ALL="C.UTF-8")
        environment.pop("KEY", None)
        # -m: a server in the background has a process group of its own, as in a terminal.
        self.shell = subprocess.Popen(["bash", "--norc", "-m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, cwd=self.folder, env=environment, text=True,
                                      start_new_session=True)
        # What the page leaves running ends with the bash, which ends with its input, whatever becomes of this script.
        self.tell("trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT")

    def tell(self, command):
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()

    def make_folder(self):
        os.makedirs(os.path.join(self.folder, ".bin"))
        os.makedirs(os.path.join(self.folder, "build"))
        os.symlink(os.path.abspath(self.options.weir), os.path.join(self.folder, ".bin", "weir"))
        os.symlink(os.path.abspath(self.options.deps), os.path.join(self.folder, "build", "deps"))
        os.symlink(os.path.join(ROOT, "tests"), os.path.join(self.folder, "tests"))
        shutil.copytree(os.path.join(ROOT, "examples"), os.path.join(self.folder, "examples"))
        for name in os.listdir(os.path.join(self.folder, "examples")):
            if name.endswith(".yaml"):
                self.write(os.path.join("examples", name), self.read(os.path.join("examples", name)))

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text.replace(ADDRESS, self.address))

    def printed(self, offset):
        with open(os.path.join(self.folder, ".log"), "rb") as log:
            log.seek(offset)
            return log.read().decode("utf-8", "replace").replace(self.address, ADDRESS).replace("\r", "")

    def fail(self, block, message):
        print(f"{self.path}:{block.line}: {message}")
        return False

    def run(self):
        blocks = read_blocks(self.path)
        for index, block in enumerate(blocks):
            following = blocks[index + 1] if index + 1 < len(blocks) else None
            if block.language == "yaml":
                named = re.match(r"# (\S+\.ya?ml)\n", block.text)
                if named:
                    self.write(named[1], block.text)
            elif block.language == "sh" and not block.reason:
                wanted = following if following and following.language in ("console", "json") else None
                if not self.run_block(block, wanted):
                    return False
                self.ran += 1
            elif block.language in ("sh", "text", ""):
                self.shown += 1
        return True

    def run_block(self, block, wanted):
        offset = os.path.getsize(os.path.join(self.folder, ".log"))
        self.write(".block", block.text)
        log = os.path.join(self.folder, ".log")
        self.tell(f". ./.block >>{log} 2>&1 </dev/null; echo $?")
        status = self.read_status()
        if self.options.verbose:
            print(f"--- {self.path}:{block.line}\n{block.text}{self.printed(offset)}", flush=True)
        if status is None:
            return self.fail(block, f"not done after {BLOCK_SECONDS} s; it printed:\n{self.printed(offset)}")
        if re.search(r"^\s*weir serve\b", block.text, re.MULTILINE) and not self.wait_ready():
            return self.fail(block, f"the server did not get ready; it printed:\n{self.printed(offset)}")
        if status != block.exits:
            return self.fail(block, f"exit code {status}, not {block.exits}; it printed:\n{self.printed(offset)}")
        return wanted is None or self.wait_expected(wanted, offset)

    def read_status(self):
        ready, _, _ = select.select([self.shell.stdout], [], [], BLOCK_SECONDS)
        line = self.shell.stdout.readline() if ready else ""
        return int(line) if line.strip() else None

    def wait_ready(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=2):
                    break
            except urllib.error.HTTPError as error:
                if b"is loading" not in error.read():
                    break  # it will never be ready, and says so
                time.sleep(0.05)
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        self.wait_quiet()
        return time.monotonic() < end

    def wait_quiet(self):
        """What a server says once it is ready follows at once, but follows."""
        path = os.path.join(self.folder, ".log")
        end = time.monotonic() + QUIET_SECONDS_MAX
        size = -1
        while size != os.path.getsize(path) and time.monotonic() < end:
            size = os.path.getsize(path)
            time.sleep(QUIET_SECONDS)

    def wait_expected(self, wanted, offset):
        """The server's lines come when they come."""
        end = time.monotonic() + OUTPUT_SECONDS
        while not is_expected(wanted, self.printed(offset)):
            if time.monotonic() > end:
                return self.fail(wanted, f"the page says\n{wanted.text}but it printed\n{self.printed(offset)}")
            time.sleep(0.05)
        return True

    def close(self):
        try:
            self.shell.stdin.close()
            self.shell.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.shell.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def why_skip(options):
    for tool in ("bash", "curl"):
        if not shutil.which(tool):
            return f"there is no {tool}"
    if not os.path.exists(os.path.join(options.deps, "models", "text-orientation.onnx")):
        return f"there are no demo models in {options.deps}; run setup/setup.sh"
    probe = subprocess.run([options.weir, "model", "inspect", os.path.join(ROOT, "tests/data/models/mlp.onnx")],
                           capture_output=True, text=True, check=False)
    if probe.returncode != 0 and "ONNX Runtime" in probe.stderr:
        return probe.stderr.strip()
    return None


def main():
    parser = argparse.ArgumentParser(description="Runs the command blocks of guide pages.")
    parser.add_argument("--weir", default=os.environ.get("WEIR", os.path.join(ROOT, "build", "test", "weir")))
    parser.add_argument("--deps", default=os.environ.get("WEIR_DEPS", os.path.join(ROOT, "build", "deps")))
    parser.add_argument("--verbose", action="store_true", help="print every block and its output")
    parser.add_argument("pages", nargs="+")
    options = parser.parse_args()
    reason = why_skip(options)
    if reason:
        print(f"skipped: {reason}")
        return 77
    is_good = True
    for path in options.pages:
        page = Page(path, options)
        try:
            is_page_good = page.run()
        finally:
            page.close()
        print(f"{path}: {page.ran} blocks run, {page.shown} not run{'' if is_page_good else '; FAILED'}")
        is_good = is_good and is_page_good
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
