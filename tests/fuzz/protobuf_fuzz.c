/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/protobuf
 *
 * Any bytes as a message, and every field of bytes as a message again: fields stay within their message, the rest only gets
 * shorter, and what was read comes out the same when it is written and read once more. */
#include "lib/protobuf/protobuf.h"

#include <stdlib.h>

#define DEPTH_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void write_back(const struct protobuf_field *field, struct buffer *out)
{
    protobuf_write_tag(out, field->number, field->wire);
    if (field->wire == PROTOBUF_VARINT)
        protobuf_write_varint(out, field->value);
    else if (field->wire == PROTOBUF_BYTES)
        protobuf_write_varint(out, field->bytes.len);
    else
        buffer_add(out, slice_of(&field->value, field->wire == PROTOBUF_FIXED32 ? 4 : 8));
    if (field->wire == PROTOBUF_BYTES)
        buffer_add(out, field->bytes);
}

static void check_written(const struct protobuf_field *field, size_t room)
{
    char *memory = malloc(room);
    struct buffer out = buffer_in_memory(memory, room);
    struct protobuf_field again;
    write_back(field, &out);
    struct slice rest;
    require(buffer_finish(&out, &rest) == ERR_OK);
    require(protobuf_next(&rest, &again) == ERR_OK && rest.len == 0);
    require(again.number == field->number && again.wire == field->wire && again.value == field->value);
    require(slice_equal(again.bytes, field->bytes));
    free(memory);
}

static void check_elements(const struct protobuf_field *field, enum protobuf_element element)
{
    struct protobuf_elements elements;
    uint64_t value;
    if (protobuf_repeated(field, element, &elements) != ERR_OK)
        return;
    if (element != PROTOBUF_ELEMENT_VARINT) {
        require(elements.bytes.len == elements.count * (element == PROTOBUF_ELEMENT_4 ? 4 : 8));
        return;
    }
    uint64_t count = elements.bytes.len || field->wire == PROTOBUF_BYTES ? 0 : 1;
    while (elements.bytes.len && protobuf_varint(&elements.bytes, &value) == ERR_OK)
        count++;
    require(elements.bytes.len ? count <= elements.count : count == elements.count);
}

static void walk(struct slice message, unsigned depth)
{
    struct protobuf_field field;
    struct slice rest = message;
    size_t left = rest.len;
    while (protobuf_next(&rest, &field) == ERR_OK) {
        require(rest.len < left && rest.ptr + rest.len == message.ptr + message.len);
        require(field.number > 0 && field.number <= PROTOBUF_NUMBER_MAX);
        left = rest.len;
        check_written(&field, field.bytes.len + 20);
        for (int element = PROTOBUF_ELEMENT_VARINT; element <= PROTOBUF_ELEMENT_8; element++)
            check_elements(&field, (enum protobuf_element)element);
        if (field.wire != PROTOBUF_BYTES)
            continue;
        require(field.bytes.ptr >= message.ptr && field.bytes.len <= message.len);
        require(field.bytes.ptr + field.bytes.len == rest.ptr);
        if (depth < DEPTH_MAX)
            walk(field.bytes, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk(slice_of(data, size), 0);
    return 0;
}
