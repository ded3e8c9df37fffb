/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of Protocol Buffers, one a line in hexadecimal, taken apart and put together again: for protobuf_test.py.
 *
 * Prints for each line "error", or the fields as "number:wire:value", where the value of bytes is hexadecimal, and behind a
 * "=" the message as lib/protobuf writes these fields. */
#include "lib/base/text.h"
#include "lib/protobuf/protobuf.h"

#include <stdio.h>

#define LINE_BYTES (1u << 20)

static char line[LINE_BYTES];
static char bytes[LINE_BYTES / 2];
static char written[LINE_BYTES];

static void print_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        printf("%02x", (unsigned char)text.ptr[i]);
}

static void print_field(const struct protobuf_field *field)
{
    printf("%u:%d:", field->number, (int)field->wire);
    if (field->wire == PROTOBUF_BYTES)
        print_hex(field->bytes);
    else
        printf("%llu", (unsigned long long)field->value);
    printf(" ");
}

static void write_field(struct buffer *out, const struct protobuf_field *field)
{
    double large;
    float small;
    uint32_t low = (uint32_t)field->value;
    memcpy(&large, &field->value, sizeof large);
    memcpy(&small, &low, sizeof small);
    if (field->wire == PROTOBUF_VARINT)
        protobuf_write_u64(out, field->number, field->value);
    else if (field->wire == PROTOBUF_BYTES)
        protobuf_write_bytes(out, field->number, field->bytes);
    else if (field->wire == PROTOBUF_FIXED64)
        protobuf_write_f64(out, field->number, large);
    else
        protobuf_write_f32(out, field->number, small);
}

static bool is_well_formed(struct slice message)
{
    struct protobuf_field field;
    enum err err;
    while ((err = protobuf_next(&message, &field)) == ERR_OK)
        ;
    return err == ERR_EOF;
}

static void answer(struct slice message)
{
    struct buffer out = buffer_in_memory(written, sizeof written);
    struct protobuf_field field;
    if (!is_well_formed(message)) {
        printf("error\n");
        return;
    }
    while (protobuf_next(&message, &field) == ERR_OK) {
        print_field(&field);
        write_field(&out, &field);
    }
    printf("=");
    print_hex(slice_of(out.ptr, out.len));
    printf("\n");
}

int main(void)
{
    while (fgets(line, sizeof line, stdin)) {
        size_t len = strcspn(line, "\n");
        if (text_decode_hex(slice_of(line, len), bytes) != ERR_OK)
            return 2;
        answer(slice_of(bytes, len / 2));
        fflush(stdout);
    }
    return 0;
}
