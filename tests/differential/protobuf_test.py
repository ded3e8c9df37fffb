#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lib/protobuf beside Google's own: what the library writes is read and written the same here, and the two agree on which bytes
are a message.

    protobuf_test.py BINARY

Wants google.protobuf: Debian's python3-protobuf, or any in the folder of $PROTOBUF_PYTHON (a virtual environment) or
build/tritonclient. PROTOBUF_ROUNDS in the environment looks for longer, PROTOBUF_SEED elsewhere."""

import os
import random
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.environ.get("PROTOBUF_PYTHON", os.path.join(ROOT, "build/tritonclient"))

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message, message_factory
except ImportError:
    python = os.path.join(VENV, "bin/python")
    if os.path.exists(python) and os.path.abspath(sys.prefix) != os.path.abspath(VENV):
        os.execv(python, [python, "-B", *sys.argv])
    print("skipped: google.protobuf is not installed")
    sys.exit(77)

ROUNDS = int(os.environ.get("PROTOBUF_ROUNDS", 3000))
F = descriptor_pb2.FieldDescriptorProto
# number, name, type, whether it is repeated
FIELDS = [(1, "a", F.TYPE_INT32, False), (2, "b", F.TYPE_INT64, False), (3, "c", F.TYPE_UINT32, False),
          (4, "d", F.TYPE_UINT64, False), (5, "e", F.TYPE_BOOL, False), (6, "f", F.TYPE_FLOAT, False),
          (7, "g", F.TYPE_DOUBLE, False), (8, "h", F.TYPE_STRING, False), (9, "i", F.TYPE_BYTES, False),
          (10, "j", F.TYPE_MESSAGE, False), (11, "k", F.TYPE_INT64, True), (12, "l", F.TYPE_FLOAT, True),
          (13, "m", F.TYPE_DOUBLE, True), (14, "n", F.TYPE_BYTES, True), (15, "o", F.TYPE_MESSAGE, True),
          (16, "p", F.TYPE_BOOL, True), ((1 << 29) - 1, "q", F.TYPE_UINT64, False)]


def make_class():
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    made = file.message_type.add(name="T")
    for number, name, kind, is_repeated in FIELDS:
        field = made.field.add(name=name, number=number, type=kind)
        field.label = F.LABEL_REPEATED if is_repeated else F.LABEL_OPTIONAL
        if kind == F.TYPE_MESSAGE:
            field.type_name = ".t.T"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("t.T")
    return (message_factory.GetMessageClass(descriptor) if hasattr(message_factory, "GetMessageClass")
            else message_factory.MessageFactory(pool).GetPrototype(descriptor))


def whole(rng, bits, is_signed):
    value = rng.getrandbits(rng.randint(1, bits))
    return value - (1 << bits) if is_signed and value >> (bits - 1) else value


def value_of(rng, kind):
    return {F.TYPE_INT32: lambda: whole(rng, 32, True), F.TYPE_INT64: lambda: whole(rng, 64, True),
            F.TYPE_UINT32: lambda: whole(rng, 32, False), F.TYPE_UINT64: lambda: whole(rng, 64, False),
            F.TYPE_BOOL: lambda: rng.random() < 0.5,
            F.TYPE_FLOAT: lambda: struct.unpack("<f", struct.pack("<f", rng.uniform(-1e30, 1e30)))[0],
            F.TYPE_DOUBLE: lambda: rng.uniform(-1e300, 1e300),
            F.TYPE_STRING: lambda: "".join(rng.choice("aé€𝄞%") for _ in range(rng.randint(0, 200))),
            F.TYPE_BYTES: lambda: bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 127, 128, 300))))}[kind]()


def fill(rng, made, depth):
    for _, name, kind, is_repeated in FIELDS:
        if rng.random() < 0.6:
            continue
        if kind == F.TYPE_MESSAGE:
            if depth < 3:
                fill(rng, getattr(made, name).add() if is_repeated else getattr(made, name), depth + 1)
        elif is_repeated:
            getattr(made, name).extend(value_of(rng, kind) for _ in range(rng.randint(0, 20)))
        else:
            setattr(made, name, value_of(rng, kind))
    return made


class Codec:
    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, data):
        """None: no message; else fields and what is written of them."""
        self.process.stdin.write(data.hex() + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        if line == "error":
            return None
        fields, written = line.split("=")
        return [field.split(":") for field in fields.split()], bytes.fromhex(written)


def check_values(made, fields):
    """Each field that is not repeated and no message has the value that the library sees."""
    found = {int(number): (int(wire), value) for number, wire, value in fields}
    for number, name, kind, is_repeated in FIELDS:
        if is_repeated or kind == F.TYPE_MESSAGE or number not in found:
            continue
        wire, value = found[number]
        if kind in (F.TYPE_STRING, F.TYPE_BYTES):
            data = bytes.fromhex(value)
            seen = data.decode() if kind == F.TYPE_STRING else data
        elif wire == 1:
            seen = struct.unpack("<d", struct.pack("<Q", int(value)))[0]
        elif wire == 5:
            seen = struct.unpack("<f", struct.pack("<I", int(value)))[0]
        else:
            bits = 64 if kind in (F.TYPE_INT64, F.TYPE_UINT64) else 32
            seen = int(value) & ((1 << bits) - 1)
            if kind in (F.TYPE_INT32, F.TYPE_INT64) and seen >> (bits - 1):
                seen -= 1 << bits
        assert seen == getattr(made, name), (name, seen, getattr(made, name))


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(4)
        if what == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif what == 1:
            del data[at:at + rng.randint(1, 4)]
        elif what == 2:
            data[at:at] = bytes(rng.choice((0, 0x80, 0xff, 0x0b, 0x0c, rng.randrange(256))) for _ in range(3))
        elif data:
            del data[at:]
    return bytes(data)


def is_message(data):
    try:
        empty_pb2.Empty().ParseFromString(data)
        return True
    except message.DecodeError:
        return False


def main():
    seed = int(os.environ.get("PROTOBUF_SEED", 1))
    rng = random.Random(seed)
    codec = Codec(sys.argv[1])
    made_class = make_class()
    stricter = 0
    for _ in range(ROUNDS):
        made = fill(rng, made_class(), 0)
        data = made.SerializeToString(deterministic=True)
        fields, written = codec.ask(data)
        assert written == data, (data.hex(), written.hex())
        check_values(made, fields)
        broken = mutate(rng, data)
        answer = codec.ask(broken)
        if answer is not None:
            assert is_message(broken), "taken here, not there: %s" % broken.hex()
        elif is_message(broken):
            stricter += 1  # varints beyond 64 bits, which some builds of the library cut
    assert stricter * 100 < ROUNDS, "refused here and taken there: %d of %d" % (stricter, ROUNDS)
    print("%d messages and as many broken ones, seed %d; %d of these are refused here only" % (ROUNDS, seed, stricter))


if __name__ == "__main__":
    main()
