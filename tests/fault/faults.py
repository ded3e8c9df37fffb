# SPDX-License-Identifier: Apache-2.0
"""What the fault tests share: the other side of the file that fault.c maps."""

import errno
import mmap
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import weir  # noqa: E402

SITES_MAX = 131072
LASTING = 0x80000000
BYTES = 40 + 8 * SITES_MAX
LIBRARY = os.environ.get("FAULT", "")
IS_CALLS_ONLY = weir.SANITIZER == "address"


def _read_calls():
    with open(os.path.join(HERE, "calls.def")) as file:
        names = re.findall(r"^(?:CALL|PLAIN)\((\w+),", file.read(), re.M)
    return {name: number for number, name in enumerate(["allocation"] + names + ["open", "epoll_ctl", "pthread_create"], 1)}


CALLS = _read_calls()
EVERY = ("EINTR", "EAGAIN", "ENOMEM", "EMFILE", "ECONNRESET", "EPIPE")
# What a call that cannot fail otherwise fails with.
ONLY = {"epoll_wait": ("EINTR",), "allocation": ("ENOMEM",), "pthread_create": ("EAGAIN",), "epoll_create1": ("EMFILE", "ENOMEM"),
        "eventfd": ("EMFILE", "ENOMEM"), "epoll_ctl": ("ENOMEM", "ENOSPC")}


def errors_of(call):
    return ONLY.get(call, EVERY)


# Libraries that crash by themselves when an allocation fails, where we can do nothing about it: the YAML parser on its own
# state, OpenSSL on a lock that its first use did not get. The list may only shrink.
FRAGILE = ("libfyaml.so", "libcrypto.so")


def library_of_crash(lines):
    """Where fault.c says it crashed, leaving out the C library, which only crashes on what it is given; or ""."""
    for line in lines:
        if line.startswith("crashed in ") and "/libc.so" not in line:
            return os.path.basename(line.split(" ")[2].split("+")[0])
    return ""


class Control:
    """Told to the library in a server that is running or about to start."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(BYTES)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), BYTES)

    def environment(self):
        return {"LD_PRELOAD": LIBRARY, "FAULT_FILE": self.path, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    def arm(self, call, error, nth, is_lasting=False):
        """The nth such call from now fails, and all behind it if it is lasting."""
        self.disarm()
        struct.pack_into("<I", self.memory, 4, getattr(errno, error))
        struct.pack_into("<qQ", self.memory, 8, nth, 0)
        struct.pack_into("<I", self.memory, 0, CALLS[call] | (LASTING if is_lasting else 0))

    def disarm(self):
        struct.pack_into("<I", self.memory, 0, 0)

    def hits(self):
        return struct.unpack_from("<Q", self.memory, 16)[0]

    def countdown(self):
        return struct.unpack_from("<q", self.memory, 8)[0]

    def shorten(self, most_bytes):
        struct.pack_into("<Q", self.memory, 24, most_bytes)

    def record(self, is_recording):
        struct.pack_into("<I", self.memory, 32, is_recording)

    def sites(self):
        count = min(struct.unpack_from("<I", self.memory, 36)[0], SITES_MAX)
        return struct.unpack_from("<%dQ" % count, self.memory, 40)

    def close(self):
        self.memory.close()


def require():
    if not all(os.path.exists(path) for path in LIBRARY.split(":")) or not LIBRARY:
        weir.skip("FAULT names no library")


def indexes_to_fail(sites):
    """The first, the second and the last allocation of each place, counted from 1; all of them with FAULT_ALL=1."""
    if os.environ.get("FAULT_ALL"):
        return list(range(1, len(sites) + 1))
    places = {}
    for index, site in enumerate(sites, 1):
        places.setdefault(site, []).append(index)
    return sorted({index for indexes in places.values() for index in (indexes[0], indexes[len(indexes) // 2], indexes[-1])})
