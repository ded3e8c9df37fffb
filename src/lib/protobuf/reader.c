/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/protobuf/protobuf.h"

#include "lib/base/utf8.h"

#define WIRE_GROUP_BEGIN 3
#define WIRE_GROUP_END   4

static enum err read_long_varint(struct slice *rest, uint64_t *ret_value);
static enum err read_tag(struct slice *rest, uint32_t *ret_number, unsigned *ret_wire);
static enum err read_value(struct slice *rest, struct protobuf_field *field, unsigned wire);
static enum err skip_group(struct slice *rest, uint32_t number);

enum err protobuf_varint(struct slice *rest, uint64_t *ret_value)
{
    if (LIKELY(rest->len && !(rest->ptr[0] & 0x80))) {
        *ret_value = (uint64_t)rest->ptr[0];
        *rest = slice_skip(*rest, 1);
        return ERR_OK;
    }
    return read_long_varint(rest, ret_value);
}

/* The tenth byte has one bit left to give. */
static enum err read_long_varint(struct slice *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t len = MIN(rest->len, (size_t)PROTOBUF_VARINT_MAX);
    for (size_t i = 0; i < len; i++) {
        uint64_t byte = (unsigned char)rest->ptr[i];
        if (i == PROTOBUF_VARINT_MAX - 1 && byte > 1)
            return ERR_SYNTAX;
        value |= (byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        *ret_value = value;
        *rest = slice_skip(*rest, i + 1);
        return ERR_OK;
    }
    return ERR_TRUNCATED;
}

enum err protobuf_next(struct slice *rest, struct protobuf_field *ret_field)
{
    struct slice at = *rest;
    struct protobuf_field field = {0};
    unsigned wire;
    while (at.len) {
        TRY(read_tag(&at, &field.number, &wire));
        if (UNLIKELY(wire == WIRE_GROUP_BEGIN)) {
            TRY(skip_group(&at, field.number));
            continue;
        }
        TRY(read_value(&at, &field, wire));
        *rest = at;
        *ret_field = field;
        return ERR_OK;
    }
    *rest = at;
    return ERR_EOF;
}

static enum err read_tag(struct slice *rest, uint32_t *ret_number, unsigned *ret_wire)
{
    uint64_t tag;
    TRY(protobuf_varint(rest, &tag));
    if (tag >> 3 == 0 || tag >> 3 > PROTOBUF_NUMBER_MAX)
        return ERR_SYNTAX;
    *ret_number = (uint32_t)(tag >> 3);
    *ret_wire = tag & 7;
    return ERR_OK;
}

static enum err take(struct slice *rest, uint64_t bytes, struct slice *ret_bytes)
{
    if (bytes > rest->len)
        return ERR_TRUNCATED;
    *ret_bytes = slice_first(*rest, (size_t)bytes);
    *rest = slice_skip(*rest, (size_t)bytes);
    return ERR_OK;
}

/* Little endian, as this machine is. */
static enum err read_fixed(struct slice *rest, size_t bytes, uint64_t *ret_value)
{
    struct slice fixed;
    TRY(take(rest, bytes, &fixed));
    *ret_value = 0;
    memcpy(ret_value, fixed.ptr, bytes);
    return ERR_OK;
}

static enum err read_value(struct slice *rest, struct protobuf_field *field, unsigned wire)
{
    field->wire = (enum protobuf_wire)wire;
    switch (wire) {
    case PROTOBUF_VARINT:
        return protobuf_varint(rest, &field->value);
    case PROTOBUF_FIXED64:
        return read_fixed(rest, 8, &field->value);
    case PROTOBUF_FIXED32:
        return read_fixed(rest, 4, &field->value);
    case PROTOBUF_BYTES:
        TRY(protobuf_varint(rest, &field->value));
        return take(rest, field->value, &field->bytes);
    default: /* the end of a group that was not begun, or nothing that there is */
        return ERR_SYNTAX;
    }
}

static enum err skip_group(struct slice *rest, uint32_t number)
{
    uint32_t open[PROTOBUF_GROUPS_MAX] = {number};
    uint32_t depth = 1;
    while (depth > 0) {
        struct protobuf_field field = {0};
        unsigned wire;
        TRY(read_tag(rest, &field.number, &wire));
        if (wire == WIRE_GROUP_BEGIN) {
            if (depth == PROTOBUF_GROUPS_MAX)
                return ERR_LIMIT;
            open[depth++] = field.number;
        } else if (wire == WIRE_GROUP_END) {
            if (open[--depth] != field.number)
                return ERR_SYNTAX;
        } else {
            TRY(read_value(rest, &field, wire));
        }
    }
    return ERR_OK;
}

bool protobuf_bytes(const struct protobuf_field *field, struct slice *ret_bytes)
{
    if (field->wire != PROTOBUF_BYTES)
        return false;
    *ret_bytes = field->bytes;
    return true;
}

bool protobuf_string(const struct protobuf_field *field, struct slice *ret_text)
{
    return utf8_is_valid(field->bytes) && protobuf_bytes(field, ret_text);
}

bool protobuf_u64(const struct protobuf_field *field, uint64_t *ret_value)
{
    if (field->wire != PROTOBUF_VARINT)
        return false;
    *ret_value = field->value;
    return true;
}

bool protobuf_bool(const struct protobuf_field *field, bool *ret_value)
{
    uint64_t value;
    if (!protobuf_u64(field, &value))
        return false;
    *ret_value = value != 0;
    return true;
}

bool protobuf_i64(const struct protobuf_field *field, int64_t *ret_value)
{
    uint64_t value;
    if (!protobuf_u64(field, &value))
        return false;
    *ret_value = (int64_t)value;
    return true;
}

bool protobuf_f64(const struct protobuf_field *field, double *ret_value)
{
    if (field->wire != PROTOBUF_FIXED64)
        return false;
    memcpy(ret_value, &field->value, sizeof *ret_value);
    return true;
}

/* A varint ends with the byte that has no high bit. */
static uint64_t count_varints(struct slice bytes)
{
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.len; i++)
        count += !(bytes.ptr[i] & 0x80);
    return count;
}

static enum err count_elements(struct slice bytes, enum protobuf_element element, uint64_t *ret_count)
{
    size_t element_bytes = element == PROTOBUF_ELEMENT_4 ? 4 : 8;
    if (element == PROTOBUF_ELEMENT_VARINT) {
        *ret_count = count_varints(bytes);
        return ERR_OK;
    }
    if (bytes.len % element_bytes)
        return ERR_SYNTAX;
    *ret_count = bytes.len / element_bytes;
    return ERR_OK;
}

enum err protobuf_repeated(const struct protobuf_field *field, enum protobuf_element element,
                           struct protobuf_elements *ret_elements)
{
    static const enum protobuf_wire wires[] = {
        [PROTOBUF_ELEMENT_VARINT] = PROTOBUF_VARINT,
        [PROTOBUF_ELEMENT_4] = PROTOBUF_FIXED32,
        [PROTOBUF_ELEMENT_8] = PROTOBUF_FIXED64,
    };
    struct protobuf_elements elements = {.count = 1, .value = field->value, .bytes = field->bytes};
    if (field->wire == PROTOBUF_BYTES)
        TRY(count_elements(field->bytes, element, &elements.count));
    else if (field->wire != wires[element])
        return ERR_SYNTAX;
    else if (element != PROTOBUF_ELEMENT_VARINT)
        elements.bytes = slice_of(&field->value, element == PROTOBUF_ELEMENT_4 ? 4 : 8);
    *ret_elements = elements;
    return ERR_OK;
}
