/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/protobuf/protobuf.h"

#include "lib/base/utf8.h"

#define REPLACEMENT SLICE_LIT("\xef\xbf\xbd")

static void put_varint(char *place, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *place++ = (char)(value | 0x80);
    *place = (char)value;
}

void protobuf_write_varint(struct buffer *out, uint64_t value)
{
    size_t bytes = protobuf_varint_bytes(value);
    char *place = buffer_reserve(out, bytes);
    if (!place)
        return;
    put_varint(place, value);
    out->len += bytes;
}

void protobuf_write_tag(struct buffer *out, uint32_t number, enum protobuf_wire wire)
{
    protobuf_write_varint(out, (uint64_t)number << 3 | wire);
}

void protobuf_write_u64(struct buffer *out, uint32_t number, uint64_t value)
{
    protobuf_write_tag(out, number, PROTOBUF_VARINT);
    protobuf_write_varint(out, value);
}

void protobuf_write_f32(struct buffer *out, uint32_t number, float value)
{
    protobuf_write_tag(out, number, PROTOBUF_FIXED32);
    buffer_add(out, slice_of(&value, sizeof value));
}

void protobuf_write_f64(struct buffer *out, uint32_t number, double value)
{
    protobuf_write_tag(out, number, PROTOBUF_FIXED64);
    buffer_add(out, slice_of(&value, sizeof value));
}

void protobuf_write_length(struct buffer *out, uint32_t number, uint64_t bytes)
{
    protobuf_write_tag(out, number, PROTOBUF_BYTES);
    protobuf_write_varint(out, bytes);
}

void protobuf_write_bytes(struct buffer *out, uint32_t number, struct slice bytes)
{
    protobuf_write_length(out, number, bytes.len);
    buffer_add(out, bytes);
}

/* The next character or, where there is none, what stands for it. */
static struct slice take_character(struct slice *text)
{
    int len = utf8_measure(*text);
    struct slice character = len > 0 ? slice_first(*text, (size_t)len) : REPLACEMENT;
    *text = slice_skip(*text, (size_t)(len > 0 ? len : -len));
    return character;
}

void protobuf_write_text(struct buffer *out, uint32_t number, struct slice text)
{
    uint64_t bytes = 0;
    if (LIKELY(utf8_is_valid(text))) {
        if (text.len)
            protobuf_write_bytes(out, number, text);
        return;
    }
    for (struct slice rest = text; rest.len;)
        bytes += take_character(&rest).len;
    protobuf_write_length(out, number, bytes);
    while (text.len)
        buffer_add(out, take_character(&text));
}

void protobuf_write_i64_packed(struct buffer *out, uint32_t number, const int64_t *values, size_t count)
{
    uint64_t bytes = 0;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        bytes += protobuf_varint_bytes((uint64_t)values[i]);
    protobuf_write_length(out, number, bytes);
    for (size_t i = 0; i < count; i++)
        protobuf_write_varint(out, (uint64_t)values[i]);
}

size_t protobuf_message_begin(struct buffer *out, uint32_t number)
{
    protobuf_write_tag(out, number, PROTOBUF_BYTES);
    buffer_add_byte(out, 0);
    return out->len;
}

void protobuf_message_end(struct buffer *out, size_t begin)
{
    if (out->err != ERR_OK)
        return;
    size_t bytes = out->len - begin;
    size_t more = protobuf_varint_bytes(bytes) - 1;
    if (more > 0) {
        if (!buffer_reserve(out, more))
            return;
        memmove(out->ptr + begin + more, out->ptr + begin, bytes);
    }
    put_varint(out->ptr + begin - 1, bytes);
    out->len += more;
}
