# SPDX-License-Identifier: Apache-2.0
"""Header blocks of HTTP/2 (RFC 7541), as far as a peer goes that was told to keep no dynamic table."""

# Appendix A: name and value; what has none is empty.
STATIC = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
]
# Appendix B: how long the code of each byte is, and of the end. The codes follow from that: shorter ones come first, those
# of one length in the order of the bytes.
LENGTHS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505"
    "050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e060f050605"
    "06050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817181816171817"
    "1717171516171617171816151416161717151716161815161717151516151716171714161616171616171a1a141316171619"
    "1a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c"
    "1b1b1b1b1b1a1e")


def huffman_codes():
    codes = {}
    code = 0
    order = sorted(range(len(LENGTHS)), key=lambda symbol: (LENGTHS[symbol], symbol))
    for last, symbol in zip([order[0], *order], order):
        code <<= LENGTHS[symbol] - LENGTHS[last]
        codes[LENGTHS[symbol], code] = symbol
        code += 1
    return codes


CODES = huffman_codes()


def unhuffman(data):
    out = bytearray()
    length = code = 0
    for bit in "".join("{:08b}".format(byte) for byte in data):
        code = code << 1 | int(bit)
        length += 1
        if (length, code) in CODES:
            out.append(CODES[length, code])
            length = code = 0
    assert length < 8 and code == (1 << length) - 1, "padding is the beginning of the end"
    return bytes(out)


def take_number(block, bits):
    """Section 5.1."""
    most = (1 << bits) - 1
    value = block[0] & most
    at = 1
    if value == most:
        shift = 0
        while True:
            value += (block[at] & 0x7f) << shift
            shift += 7
            at += 1
            if not block[at - 1] & 0x80:
                break
    return value, block[at:]


def take_text(block):
    is_huffman = block[0] & 0x80
    length, block = take_number(block, 7)
    text = block[:length]
    return (unhuffman(text) if is_huffman else text).decode("latin-1"), block[length:]


def decode(block):
    """The fields of a block, in their order."""
    fields = []
    while block:
        if block[0] & 0x80:
            index, block = take_number(block, 7)
            fields.append(STATIC[index - 1])
            continue
        if block[0] & 0xe0 == 0x20:  # a size of the table
            _, block = take_number(block, 5)
            continue
        index, block = take_number(block, 6 if block[0] & 0x40 else 4)
        name = STATIC[index - 1][0] if index else None
        if name is None:
            name, block = take_text(block)
        value, block = take_text(block)
        fields.append((name, value))
    return fields
