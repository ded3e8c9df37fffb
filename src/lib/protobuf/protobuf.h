/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding), without schemas and generated code: a
 * message is walked field by field, and whoever knows the message says what each field means.
 *
 * Nothing is copied and nothing allocated: strings, bytes, messages and packed numbers are slices of the input. protobuf-c
 * and nanopb make structs of every message, with a copy of each tensor in them; upb maps strings in place but wants an
 * arena and tables of each message. Where nearly all bytes of a message are one tensor, walking it costs what its few
 * other fields cost.
 *
 * Strict where the format is: varints of more than 64 bits, field numbers of 0 or above 2^29-1, and what goes beyond the
 * end of its message are errors. Groups, which proto3 has no more, are skipped, as unknown fields are by their reader. */
#ifndef WEIR_LIB_PROTOBUF_PROTOBUF_H
#define WEIR_LIB_PROTOBUF_PROTOBUF_H

#include "lib/base/buffer.h"

enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2, /* a string, bytes, a message, or packed numbers */
    PROTOBUF_FIXED32 = 5,
};

#define PROTOBUF_NUMBER_MAX ((1u << 29) - 1)
#define PROTOBUF_VARINT_MAX 10 /* bytes */
#define PROTOBUF_GROUPS_MAX 32 /* in each other */

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;     /* of a number, as its bits stand */
    struct slice bytes; /* of PROTOBUF_BYTES */
};

/* The next field of *rest, which then begins behind it. ERR_EOF when there is none; ERR_SYNTAX, ERR_TRUNCATED, or
 * ERR_LIMIT for more than PROTOBUF_GROUPS_MAX groups in each other. */
MUST_USE enum err protobuf_next(struct slice *rest, struct protobuf_field *ret_field);
/* A varint of at most PROTOBUF_VARINT_MAX bytes. ERR_TRUNCATED, ERR_SYNTAX over 64 bits. */
MUST_USE enum err protobuf_varint(struct slice *rest, uint64_t *ret_value);

/* The types of fields. False: the field has another one on the wire, which a reader by the book takes for unknown; here
 * it is told as a mistake, because nobody sends it for another reason. */
MUST_USE bool protobuf_bytes(const struct protobuf_field *field, struct slice *ret_bytes);
/* The same, and well-formed UTF-8, as proto3 demands of strings. */
MUST_USE bool protobuf_string(const struct protobuf_field *field, struct slice *ret_text);
MUST_USE bool protobuf_bool(const struct protobuf_field *field, bool *ret_value);
/* int64, uint64, and the smaller ones, which are cut to their size as the format has it. */
MUST_USE bool protobuf_u64(const struct protobuf_field *field, uint64_t *ret_value);
MUST_USE bool protobuf_i64(const struct protobuf_field *field, int64_t *ret_value);
MUST_USE bool protobuf_f64(const struct protobuf_field *field, double *ret_value);

/* How the elements of a repeated number stand in a packed field. */
enum protobuf_element { PROTOBUF_ELEMENT_VARINT, PROTOBUF_ELEMENT_4, PROTOBUF_ELEMENT_8 };
/* What one field of a repeated number brings, which is one element, or, packed, any number of them. A single varint is
 * given as `value` alone, with `bytes` empty; all others stand in `bytes`, of a single one in the field itself. Whether
 * packed varints are well-formed is found out when they are read. */
struct protobuf_elements {
    uint64_t count;
    uint64_t value;
    struct slice bytes;
};
/* ERR_SYNTAX: it is neither, or its bytes are no multiple of the element. */
MUST_USE enum err protobuf_repeated(const struct protobuf_field *field, enum protobuf_element element,
                                    struct protobuf_elements *ret_elements);

/* Writing, into a buffer whose first failure sticks. Numbers are 1 to PROTOBUF_NUMBER_MAX. What has the default value is
 * left out by its caller, where proto3 wants that. */
void protobuf_write_varint(struct buffer *out, uint64_t value);
void protobuf_write_tag(struct buffer *out, uint32_t number, enum protobuf_wire wire);
void protobuf_write_u64(struct buffer *out, uint32_t number, uint64_t value);
static inline void protobuf_write_i64(struct buffer *out, uint32_t number, int64_t value)
{
    protobuf_write_u64(out, number, (uint64_t)value);
}
void protobuf_write_f32(struct buffer *out, uint32_t number, float value);
void protobuf_write_f64(struct buffer *out, uint32_t number, double value);
void protobuf_write_bytes(struct buffer *out, uint32_t number, struct slice bytes);
/* A string, left out when empty. What is no UTF-8, as a text that was cut within a character, is replaced: readers refuse a
 * whole message for one such string. */
void protobuf_write_text(struct buffer *out, uint32_t number, struct slice text);
/* Packed; left out when there is none. */
void protobuf_write_i64_packed(struct buffer *out, uint32_t number, const int64_t *values, size_t count);

/* A message in a field, of which the length is not known yet: what is written between the two calls, which nest. Its
 * length is taken to be below 128; a longer one is moved to make room, so what is large is better announced by
 * protobuf_write_length. */
MUST_USE size_t protobuf_message_begin(struct buffer *out, uint32_t number);
void protobuf_message_end(struct buffer *out, size_t begin);
/* Tag and length of a field whose bytes come from elsewhere. */
void protobuf_write_length(struct buffer *out, uint32_t number, uint64_t bytes);

/* How many bytes a varint takes. */
static inline size_t protobuf_varint_bytes(uint64_t value)
{
    return (size_t)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

#endif
