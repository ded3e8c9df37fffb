# SPDX-License-Identifier: Apache-2.0
"""Reads HdrHistogram's V2 encoding, which the results of `weir load` hold, and adds histograms up.

The layout is Gil Tene's (hdrhistogram.org): counts of values in order of their buckets, each a ZigZag LEB128 number; a negative
one stands for so many empty buckets."""

import base64
import struct

COOKIE = 0x1C849303


def counts_of(text):
    """{largest value of a bucket in ns: count}."""
    data = base64.b64decode(text)
    cookie, length, _, digits, lowest, _, _ = struct.unpack(">iiiiqqd", data[:40])
    if cookie & ~0xF0 != COOKIE:
        raise ValueError("no histogram in HdrHistogram's V2 encoding")
    half_bits = sub_bucket_half_bits(digits)
    unit_bits = max(lowest, 1).bit_length() - 1
    counts, index, at, end = {}, 0, 40, 40 + length
    while at < end:
        number, at = read_number(data, at)
        if number < 0:
            index -= number
            continue
        if number:
            counts[largest_value(index, half_bits, unit_bits)] = number
        index += 1
    return counts


def sub_bucket_half_bits(digits):
    return (2 * 10 ** digits - 1).bit_length() - 1


def read_number(data, at):
    """A ZigZag LEB128 number of at most nine bytes, and where the next begins."""
    value = shift = 0
    for count in range(9):
        byte = data[at]
        at += 1
        value |= (byte if count == 8 else byte & 0x7F) << shift
        if count == 8 or byte < 0x80:
            break
        shift += 7
    return (value >> 1) ^ -(value & 1), at


def largest_value(index, half_bits, unit_bits):
    bucket = (index >> half_bits) - 1
    sub = (index & ((1 << half_bits) - 1)) + (1 << half_bits)
    if bucket < 0:
        bucket, sub = 0, sub - (1 << half_bits)
    shift = bucket + unit_bits
    return (sub << shift) + (1 << shift) - 1


def added(texts):
    total = {}
    for text in texts:
        for value, count in counts_of(text).items():
            total[value] = total.get(value, 0) + count
    return total


def quantile(counts, share):
    """The value that this share of what was recorded does not exceed; None when there is nothing."""
    wanted = share * sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted and seen:
            return value
    return None


def quantile_us(text, share):
    return quantile(counts_of(text), share) / 1e3
