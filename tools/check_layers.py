#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the compiler cannot: layers, doors, system calls, and a few rules of the house.

    tools/check_layers.py [--root DIR] [-I DIR]... [--cc gcc] [--no-compile]

  layer     main, cmd -> control, govern, load -> pipeline/*.c -> pipeline/<stage> -> lib/<x> -> lib/base
            A stage includes no other stage; load sees only lib; headers in pipeline/ itself are the shared language.
  path      an include is the full path from src/; x_int.h stays in its folder
  system    headers of system calls, sockets, threads and the clock belong to lib/sys
  door      a third-party header is included by one .c file (yyjson.h: by lib/json, which hands on its inline functions)
  alone     every header compiles by itself
  guard     the include guard is named after the path
  spdx      the licence line comes first
  text      words and calls that do not enter the tree
  size      no function over 100 lines, no file over 600

Prints "file:line: rule: what to do" and exits 1 on findings. An exception is a row in ALLOWED with its reason; a row
that excuses nothing any more is a finding too, so the table can only shrink.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import re
import subprocess
import sys

# (path, rule, detail) -> reason. detail: the header of "system" and "door", the function of "size" ("" for the file).
ALLOWED = {}

# Who may include whom. "stage" is a folder in pipeline/, "pipeline" are the files beside those folders.
LAYERS = {
    "main": {"cmd", "control", "govern", "load", "pipeline", "stage", "lib"},
    "cmd": {"cmd", "control", "govern", "load", "pipeline", "stage", "lib"},
    "control": {"control", "pipeline", "stage", "lib"},
    "govern": {"govern", "pipeline", "stage", "lib"},
    "load": {"load", "lib"},
    "pipeline": {"pipeline", "stage", "lib"},
    "stage": {"pipeline", "lib"},
    "lib": {"lib"},
}

# Libraries that may use another one; each may use itself. Everything else is a need to think about first.
LIBRARIES = {
    "base": set(),
    "crypto": {"base"},
    "codings": {"base"},
    "grpc": {"base"},
    "http": {"base"},
    "http2": {"base", "http"},
    "image": {"base"},
    "json": {"base"},
    "meter": {"base", "http"},
    "protobuf": {"base"},
    "options": {"base", "json", "yaml"},
    "regex": {"base"},
    "formats": {"base", "regex"},
    "schema": {"base", "formats", "json", "regex"},
    "resolver": {"base", "sys"},
    "sys": {"base"},
    "tls": {"base", "crypto"},
    "vision": {"base", "image"},
    "yaml": {"base", "json"},
}

# Headers that any file may include: pure C, and what compilers bring.
PLAIN_HEADERS = set(
    """assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h setjmp.h
    stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h
    tgmath.h uchar.h wchar.h wctype.h getopt.h endian.h byteswap.h malloc.h alloca.h cpuid.h immintrin.h x86intrin.h
    arm_neon.h sanitizer/asan_interface.h sanitizer/lsan_interface.h sanitizer/tsan_interface.h
    valgrind/memcheck.h""".split()
)
SYSTEM_HEADERS = set(
    """aio.h dirent.h dlfcn.h execinfo.h fcntl.h fnmatch.h ftw.h glob.h grp.h ifaddrs.h netdb.h poll.h pthread.h pwd.h
    sched.h semaphore.h signal.h spawn.h syslog.h termios.h threads.h time.h ucontext.h unistd.h utime.h""".split()
)
SYSTEM_FOLDERS = ("arpa/", "asm/", "linux/", "net/", "netinet/", "sys/")

FORBIDDEN_CALLS = {
    "strcpy": "memcpy with a length, or struct text of lib/base/text.h",
    "strncpy": "memcpy with a length",
    "strcat": "text_add of lib/base/text.h",
    "strncat": "text_add of lib/base/text.h",
    "sprintf": "snprintf, or text_printf of lib/base/text.h",
    "vsprintf": "vsnprintf, or text_vprintf of lib/base/text.h",
    "gets": "lib/sys/file.h",
    "atoi": "the parsers of lib/base/text.h, which report errors",
    "atol": "the parsers of lib/base/text.h, which report errors",
    "atof": "lib/json/number.h, which reports errors",
    "strtok": "the slice functions of lib/base",
    "alloca": "an arena",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(FORBIDDEN_CALLS) + r")\s*\(")
LATER = re.compile(r"\b(TODO|FIXME|XXX)\b")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
HIDDEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
SPDX = "SPDX-License-Identifier: Apache-2.0"

FUNCTION_LINES_MAX = 100
FILE_LINES_MAX = 600

Place = collections.namedtuple("Place", "layer folder")


def place_of(path):
    """The layer of a path below src/, and the folder that counts inside that layer."""
    parts = path.split("/")
    if len(parts) == 1:
        return Place("main", "")
    if parts[0] == "pipeline":
        return Place("pipeline", "") if len(parts) == 2 else Place("stage", parts[1])
    if parts[0] == "lib":
        return Place("lib", parts[1]) if len(parts) > 2 else None
    return Place(parts[0], "") if parts[0] in LAYERS else None


def code_only(text):
    """Comments and literals become spaces; lines stay where they are."""
    return HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


class Checker:
    def __init__(self, root, allowed=None):
        self.root = pathlib.Path(root)
        self.allowed = ALLOWED if allowed is None else allowed
        self.used = set()
        self.findings = []
        self.doors = collections.defaultdict(list)  # third-party header -> [(path, line)]

    def report(self, path, line, rule, advice, detail=""):
        if (path, rule, detail) in self.allowed:
            self.used.add((path, rule, detail))
        else:
            self.findings.append((path, line, rule, advice))

    def files(self, folder, *endings):
        found = (self.root / folder).rglob("*")
        return sorted(p for p in found if p.suffix in endings and "corpus" not in p.parts and p.is_file())

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def run(self):
        for path in self.files("src", ".c", ".h", ".def"):
            self.check_source(self.name(path), path.read_text(errors="replace"))
        for path in self.files("tests", ".c", ".h"):
            self.check_words(self.name(path), path.read_text(errors="replace"))
        for folder in ("tools", "setup", "tests", "examples", "cmake", ".ci"):
            for path in self.files(folder, ".py", ".sh", ".cmake", ""):
                self.check_script(self.name(path), path)
        self.check_doors()
        for row in sorted(set(self.allowed) - self.used):
            self.findings.append((row[0], 1, "allowed", f"excuses nothing any more; remove {row} from ALLOWED"))

    def check_source(self, path, text):
        self.check_words(path, text)
        code = code_only(text)
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if code.splitlines()[line - 1].lstrip().startswith("#"):
                self.check_include(path, line, match.group(1), match.group(2))
        self.check_guard(path, text)
        self.check_size(path, code)

    def check_words(self, path, text):
        """What holds for tests as well."""
        if SPDX not in text.split("\n", 1)[0]:
            self.report(path, 1, "spdx", f"begin the file with /* {SPDX} */")
        for match in LATER.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            self.report(path, line, "text", f"{match.group()}: do it now, or file an issue", match.group())
        code = code_only(text)
        for match in CALL.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            call = match.group(1)
            self.report(path, line, "text", f"{call}: use {FORBIDDEN_CALLS[call]}", call)

    def check_script(self, path, file):
        text = file.read_text(errors="replace")
        is_script = file.suffix or text.startswith("#!")
        if is_script and SPDX not in "".join(text.splitlines(keepends=True)[:2]):
            self.report(path, 1, "spdx", f"put # {SPDX} on the first line, or below #!")

    def check_include(self, path, line, kind, header):
        if kind == "<":
            self.check_foreign(path, line, header)
            return
        target = place_of(header)
        if target is None or target.layer == "main":
            self.report(path, line, "path", f'"{header}": write the full path from src/', header)
            return
        here = path.removeprefix("src/")
        if header.rsplit(".", 1)[0].endswith("_int") and header.rpartition("/")[0] != here.rpartition("/")[0]:
            self.report(path, line, "path", f'"{header}" belongs to its own folder; use its public header', header)
        reason = why_not(place_of(here), target, here.endswith(".h"))
        if reason:
            self.report(path, line, "layer", f'"{header}": {reason}', header)

    def check_foreign(self, path, line, header):
        if header in PLAIN_HEADERS:
            return
        if header in SYSTEM_HEADERS or header.startswith(SYSTEM_FOLDERS):
            if not path.startswith("src/lib/sys/"):
                self.doors["system " + header].append((path, line))
            return
        self.doors[header].append((path, line))

    def check_doors(self):
        ort_door = {path for path, _ in self.doors.get("onnxruntime_c_api.h", [])}
        for header, users in sorted(self.doors.items()):
            if header.startswith("system "):
                header = header.removeprefix("system ")
                for path, line in users:
                    if header == "dlfcn.h" and path in ort_door:
                        continue  # the door of ONNX Runtime opens it at run time
                    self.report(path, line, "system", f"<{header}>: wrap what you need in lib/sys", header)
                continue
            if header == "yyjson.h":
                for path, line in users:
                    if not path.startswith("src/lib/json/"):
                        self.report(path, line, "door", 'include "lib/json/json.h" instead of <yyjson.h>', header)
                continue
            in_headers = [user for user in users if user[0].endswith(".h")]
            for path, line in in_headers:
                self.report(path, line, "door", f"<{header}>: third-party types stay in one .c file", header)
            others = [user for user in users if user not in in_headers]
            for path, line in others[1:]:
                self.report(path, line, "door", f"<{header}> has its door already: {others[0][0]}", header)

    def check_guard(self, path, text):
        if not path.endswith(".h"):
            return
        guard = "WEIR_" + re.sub(r"[^A-Z0-9]", "_", path.removeprefix("src/").upper())
        first = re.search(r"^#\s*(\w+)(?:\s+(\w+))?", code_only(text), re.M)
        if not first or first.group(1) != "ifndef" or first.group(2) != guard:
            line = text.count("\n", 0, first.start()) + 1 if first else 1
            self.report(path, line, "guard", f"begin with #ifndef {guard}")

    def check_size(self, path, code):
        lines = code.splitlines()
        if len(lines) > FILE_LINES_MAX:
            self.report(path, FILE_LINES_MAX, "size", f"{len(lines)} lines; split the file by what it knows")
        start = None
        for number, line in enumerate(lines, 1):
            if line.rstrip() == "{":
                start = number
            elif line.rstrip() == "}" and start:
                if number - start + 1 > FUNCTION_LINES_MAX:
                    name = function_name(lines, start)
                    advice = f"{name} has {number - start + 1} lines; give its steps names"
                    self.report(path, start, "size", advice, name)
                start = None

    def check_headers_alone(self, compiler, include_dirs):
        """Two compilers, half of the headers each: one for each header would take longer to start than to run."""
        headers = self.files("src", ".h")
        flags = [f"-I{d}" for d in [self.root / "src", *include_dirs]]
        # clang takes a header given by itself for a source, in which every inline function is one that nobody uses.
        warnings = ["-Wall", "-Wno-unused-function", "-Werror"]
        command = [compiler, "-x", "c", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", *warnings, *flags]

        def compile_all(some):
            if not some:
                return ""
            return subprocess.run([*command, *map(str, some)], capture_output=True, text=True, check=False).stderr

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            messages = "".join(pool.map(compile_all, (headers[::2], headers[1::2])))
        for file, line, message in re.findall(r"^([^\s:]+):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", messages, re.M):
            path = pathlib.Path(file)
            name = self.name(path) if path.is_relative_to(self.root) else file
            self.report(name, int(line), "alone", f"must compile by itself: {message}")


def why_not(here, target, is_header):
    """Why a file in `here` may not include one of `target`; None if it may."""
    if here is None:
        return "this folder is not in the picture; see ARCHITECTURE.md"
    if target.layer == "stage" and here.layer == "stage":
        return None if here.folder == target.folder else "a stage includes no other stage; go through pipeline/ports.h"
    if target.layer == "stage" and here.layer == "pipeline" and is_header:
        return "the shared language does not know the stages"
    if target.layer not in LAYERS[here.layer]:
        return f"{here.layer} does not see {target.layer}; turn the arrow around with a vtable in pipeline/ports.h"
    if here.layer == "lib" and here.folder != target.folder and target.folder not in LIBRARIES.get(here.folder, set()):
        return f"lib/{here.folder} does not use lib/{target.folder}; see LIBRARIES in tools/check_layers.py"
    return None


def function_name(lines, start):
    for line in reversed(lines[max(0, start - 8) : start - 1]):
        match = re.match(r"[A-Za-z_].*?(\w+)\(", line)
        if match:
            return match.group(1)
    return "a function"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent, type=pathlib.Path)
    parser.add_argument("-I", dest="include_dirs", action="append", default=[], help="where third-party headers are")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--no-compile", action="store_true", help="leave out the rule 'alone'")
    options = parser.parse_args()

    checker = Checker(options.root)
    checker.run()
    if not options.no_compile:
        checker.check_headers_alone(options.cc, options.include_dirs or [options.root / "build/deps/include"])
    for path, line, rule, advice in sorted(checker.findings):
        print(f"{path}:{line}: {rule}: {advice}")
    if not checker.findings:
        print("layers, doors and house rules: no findings")
    return 1 if checker.findings else 0


if __name__ == "__main__":
    sys.exit(main())
