# SPDX-License-Identifier: Apache-2.0
"""HdrHistogram's V2 encoding, as results of weir load hold it: base64 text to counts by bucket. A second reader, by the
published layout (https://hdrhistogram.org), so that tests do not read with what they test."""

import base64
import struct

COOKIE_V2 = 0x1C849303


def decode(text):
    """Counts by index of the bucket, only those that are not zero."""
    data = base64.b64decode(text)
    cookie, payload, _, digits = struct.unpack(">iiii", data[:16])
    if cookie & ~0xF0 != COOKIE_V2 & ~0xF0 or digits != 3:
        raise ValueError("cookie %x, %d digits" % (cookie, digits))
    counts, index, at, end = {}, 0, 40, 40 + payload
    while at < end:
        value, shift = 0, 0
        while True:  # ZigZag LEB128, at most nine bytes; the ninth has eight bits
            byte = data[at]
            at += 1
            if shift == 56:
                value |= byte << shift
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        value = (value >> 1) ^ -(value & 1)
        if value < 0:
            index -= value
        else:
            if value:
                counts[index] = value
            index += 1
    return counts


def counts_of(histogram):
    """Of an object of the results' JSON; null is an empty one."""
    return decode(histogram["hdr"]) if histogram else {}


def add(*many):
    total = {}
    for counts in many:
        for index, count in counts.items():
            total[index] = total.get(index, 0) + count
    return total
