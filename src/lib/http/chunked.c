/* SPDX-License-Identifier: Apache-2.0 */
/* A byte machine for everything around the data, with a short cut for the usual; a block move for the data itself.
 *
 * The machine takes one byte at a time and so cannot care how the body was split. Sizes are accumulated in 64 bits from
 * at most 16 digits and cannot overflow; what they promise is checked against the limit before any data is taken. */
#include "lib/http/chunked.h"

#include "lib/http/scan.h"

#define SIZE_DIGITS_MAX 16

enum state {
    STATE_SIZE, /* before or in the hex digits */
    STATE_EXTENSION_SPACE,
    STATE_EXTENSION_NAME_START,
    STATE_EXTENSION_NAME,
    STATE_EXTENSION_NAME_SPACE,
    STATE_EXTENSION_VALUE_START,
    STATE_EXTENSION_VALUE,
    STATE_EXTENSION_QUOTED,
    STATE_EXTENSION_ESCAPE,
    STATE_EXTENSION_QUOTED_END,
    STATE_SIZE_LF,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILER_START, /* at the start of a trailer line or of the last empty line */
    STATE_TRAILER_NAME,
    STATE_TRAILER_VALUE,
    STATE_TRAILER_LF,
    STATE_END_LF,
    STATE_DONE,
};

static enum http1_fault take_byte(struct chunked *chunked, char byte);
static size_t skip_usual(struct chunked *chunked, const char *at, size_t len);
static size_t take_data(struct chunked *chunked, char *to, const char *from, size_t len);

void chunked_init(struct chunked *chunked, const struct chunked_limits *limits)
{
    *chunked = (struct chunked){.limits = *limits, .state = STATE_SIZE};
}

enum err chunked_decode(struct chunked *chunked, char *data, size_t len, struct chunked_result *ret)
{
    size_t at = 0;
    size_t produced = 0;
    size_t trailers_at = len;
    while (at < len && chunked->state != STATE_DONE && chunked->fault == HTTP1_FAULT_NONE) {
        if (chunked->state >= STATE_TRAILER_START)
            trailers_at = MIN(trailers_at, at);
        if (chunked->state == STATE_DATA) {
            size_t taken = take_data(chunked, data + produced, data + at, len - at);
            at += taken;
            produced += taken;
            continue;
        }
        size_t skipped = skip_usual(chunked, data + at, len - at);
        if (skipped)
            at += skipped;
        else
            chunked->fault = take_byte(chunked, data[at++]);
    }
    if (chunked->fault != HTTP1_FAULT_NONE)
        return http1_fault_err(chunked->fault);
    *ret = (struct chunked_result){.consumed = at, .produced = produced, .is_done = chunked->state == STATE_DONE};
    if (trailers_at < at)
        ret->trailers = slice_of(data + trailers_at, at - trailers_at);
    return ERR_OK;
}

static size_t take_data(struct chunked *chunked, char *to, const char *from, size_t len)
{
    size_t taken = chunked->remaining < len ? (size_t)chunked->remaining : len;
    if (to != from)
        memmove(to, from, taken);
    chunked->remaining -= taken;
    if (chunked->remaining == 0)
        chunked->state = STATE_DATA_CR;
    return taken;
}

/* The size line is complete. */
static enum http1_fault begin_chunk(struct chunked *chunked)
{
    if (chunked->remaining > chunked->limits.body_bytes_max - chunked->body_bytes)
        return HTTP1_FAULT_BODY_TOO_LARGE;
    chunked->body_bytes += chunked->remaining;
    chunked->digits = 0;
    chunked->state = chunked->remaining ? STATE_DATA : STATE_TRAILER_START;
    return HTTP1_FAULT_NONE;
}

/* What nearly always stands between two pieces of data, when all of it is here: a line end, and a size without an
 * extension. Returns how many bytes that is; with 0 the machine takes one, and finds what is wrong. */
static size_t skip_usual(struct chunked *chunked, const char *at, size_t len)
{
    size_t digits = 0;
    uint64_t size = 0;
    if (chunked->state == STATE_DATA_CR && len >= 2 && memcmp(at, "\r\n", 2) == 0) {
        chunked->state = STATE_SIZE;
        return 2;
    }
    if (chunked->state != STATE_SIZE || chunked->digits > 0)
        return 0;
    for (int digit; digits < MIN(len, SIZE_DIGITS_MAX) && (digit = scan_hex_digit(at[digits])) >= 0; digits++)
        size = size << 4 | (unsigned)digit;
    if (digits == 0 || len - digits < 2 || memcmp(at + digits, "\r\n", 2) != 0)
        return 0;
    chunked->remaining = size;
    chunked->fault = begin_chunk(chunked);
    return digits + 2;
}

static enum http1_fault take_size(struct chunked *chunked, char byte)
{
    int digit = scan_hex_digit(byte);
    if (digit >= 0) {
        if (++chunked->digits > SIZE_DIGITS_MAX)
            return HTTP1_FAULT_CHUNK_SIZE;
        chunked->remaining = chunked->remaining << 4 | (unsigned)digit;
        return HTTP1_FAULT_NONE;
    }
    if (chunked->digits == 0)
        return byte == '\n' ? HTTP1_FAULT_BARE_LF : HTTP1_FAULT_CHUNK_SIZE;
    switch (byte) {
    case '\r':
        chunked->state = STATE_SIZE_LF;
        return HTTP1_FAULT_NONE;
    case '\n':
        return HTTP1_FAULT_BARE_LF;
    case ';':
        chunked->state = STATE_EXTENSION_NAME_START;
        return HTTP1_FAULT_NONE;
    case ' ':
    case '\t':
        chunked->state = STATE_EXTENSION_SPACE;
        return HTTP1_FAULT_NONE;
    default:
        return HTTP1_FAULT_CHUNK_SIZE;
    }
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Inside a quoted string, RFC 9110 section 5.6.4: any value byte; quotes and backslashes only escaped. */
static int next_in_quotes(int state, char byte)
{
    if (!scan_is(byte, SCAN_VALUE))
        return -1;
    if (state == STATE_EXTENSION_ESCAPE)
        return STATE_EXTENSION_QUOTED;
    return byte == '"' ? STATE_EXTENSION_QUOTED_END : byte == '\\' ? STATE_EXTENSION_ESCAPE : STATE_EXTENSION_QUOTED;
}

/* Where a name, a value or a quoted string may end. */
static int next_after_part(char byte)
{
    return byte == '\r' ? STATE_SIZE_LF : byte == ';' ? STATE_EXTENSION_NAME_START : -1;
}

/* RFC 9112 section 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). The next state, or -1. */
static int next_in_extension(int state, char byte)
{
    switch (state) {
    case STATE_EXTENSION_SPACE:
        return is_space(byte) ? state : byte == ';' ? STATE_EXTENSION_NAME_START : -1;
    case STATE_EXTENSION_NAME_START:
        return is_space(byte) ? state : scan_is(byte, SCAN_TCHAR) ? STATE_EXTENSION_NAME : -1;
    case STATE_EXTENSION_NAME:
        if (scan_is(byte, SCAN_TCHAR))
            return state;
        return is_space(byte) ? STATE_EXTENSION_NAME_SPACE
               : byte == '='  ? STATE_EXTENSION_VALUE_START
                              : next_after_part(byte);
    case STATE_EXTENSION_NAME_SPACE:
        if (is_space(byte))
            return state;
        return byte == '=' ? STATE_EXTENSION_VALUE_START : byte == ';' ? STATE_EXTENSION_NAME_START : -1;
    case STATE_EXTENSION_VALUE_START:
        if (is_space(byte))
            return state;
        return byte == '"' ? STATE_EXTENSION_QUOTED : scan_is(byte, SCAN_TCHAR) ? STATE_EXTENSION_VALUE : -1;
    case STATE_EXTENSION_VALUE:
        if (scan_is(byte, SCAN_TCHAR))
            return state;
        return is_space(byte) ? STATE_EXTENSION_SPACE : next_after_part(byte);
    case STATE_EXTENSION_QUOTED_END:
        return is_space(byte) ? STATE_EXTENSION_SPACE : next_after_part(byte);
    default:
        return next_in_quotes(state, byte);
    }
}

static enum http1_fault take_extension(struct chunked *chunked, char byte)
{
    if (byte == '\n')
        return HTTP1_FAULT_BARE_LF;
    if (chunked->extension_bytes == chunked->limits.extension_bytes_max)
        return HTTP1_FAULT_CHUNK_EXTENSIONS_TOO_LONG;
    chunked->extension_bytes++;
    int next = next_in_extension(chunked->state, byte);
    if (next < 0)
        return HTTP1_FAULT_CHUNK_EXTENSION;
    chunked->state = (uint8_t)next;
    return HTTP1_FAULT_NONE;
}

static enum http1_fault take_lf(struct chunked *chunked, char byte, enum state next)
{
    if (byte != '\n')
        return HTTP1_FAULT_BARE_CR;
    chunked->state = (uint8_t)next;
    return HTTP1_FAULT_NONE;
}

/* One byte of the trailer section; RFC 9112 section 7.1.2. */
static enum http1_fault take_trailer(struct chunked *chunked, char byte)
{
    if (chunked->trailer_bytes == chunked->limits.trailer_bytes_max)
        return HTTP1_FAULT_TRAILERS_TOO_LARGE;
    chunked->trailer_bytes++;
    if (chunked->state == STATE_TRAILER_LF)
        return take_lf(chunked, byte, STATE_TRAILER_START);
    if (chunked->state == STATE_END_LF)
        return take_lf(chunked, byte, STATE_DONE);
    if (byte == '\n')
        return HTTP1_FAULT_BARE_LF;
    if (chunked->state == STATE_TRAILER_VALUE) {
        if (byte == '\r')
            chunked->state = STATE_TRAILER_LF;
        else if (!scan_is(byte, SCAN_VALUE))
            return HTTP1_FAULT_TRAILER_INVALID;
        return HTTP1_FAULT_NONE;
    }
    if (scan_is(byte, SCAN_TCHAR))
        chunked->state = STATE_TRAILER_NAME;
    else if (byte == ':' && chunked->state == STATE_TRAILER_NAME)
        chunked->state = STATE_TRAILER_VALUE;
    else if (byte == '\r' && chunked->state == STATE_TRAILER_START)
        chunked->state = STATE_END_LF;
    else
        return HTTP1_FAULT_TRAILER_INVALID;
    return HTTP1_FAULT_NONE;
}

static enum http1_fault take_byte(struct chunked *chunked, char byte)
{
    switch (chunked->state) {
    case STATE_SIZE:
        return take_size(chunked, byte);
    case STATE_SIZE_LF:
        return byte == '\n' ? begin_chunk(chunked) : HTTP1_FAULT_BARE_CR;
    case STATE_DATA_CR:
        if (byte != '\r')
            return byte == '\n' ? HTTP1_FAULT_BARE_LF : HTTP1_FAULT_CHUNK_END;
        chunked->state = STATE_DATA_LF;
        return HTTP1_FAULT_NONE;
    case STATE_DATA_LF:
        return take_lf(chunked, byte, STATE_SIZE);
    case STATE_TRAILER_START:
    case STATE_TRAILER_NAME:
    case STATE_TRAILER_VALUE:
    case STATE_TRAILER_LF:
    case STATE_END_LF:
        return take_trailer(chunked, byte);
    default:
        return take_extension(chunked, byte);
    }
}

size_t chunked_format_size(char *out, uint64_t size)
{
    unsigned digits = size ? (67 - (unsigned)__builtin_clzll(size)) / 4 : 1;
    for (unsigned i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[size >> 4 * (digits - 1 - i) & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
