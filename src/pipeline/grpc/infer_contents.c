/* SPDX-License-Identifier: Apache-2.0 */
/* Typed contents of an input (InferTensorContents): numbers by the field of their type, packed or one by one. Smaller types
 * stand in the field of a larger one, so each number is held against its range. FP16 and BF16 have no field. */
#include "pipeline/grpc/infer_int.h"

enum contents_field {
    CONTENTS_NONE,
    CONTENTS_BOOL,
    CONTENTS_INT,
    CONTENTS_INT64,
    CONTENTS_UINT,
    CONTENTS_UINT64,
    CONTENTS_FP32,
    CONTENTS_FP64,
    CONTENTS_BYTES,
    CONTENTS_COUNT,
};

static const char *const field_names[CONTENTS_COUNT] = {
    [CONTENTS_BOOL] = "bool_contents", [CONTENTS_INT] = "int_contents",       [CONTENTS_INT64] = "int64_contents",
    [CONTENTS_UINT] = "uint_contents", [CONTENTS_UINT64] = "uint64_contents", [CONTENTS_FP32] = "fp32_contents",
    [CONTENTS_FP64] = "fp64_contents", [CONTENTS_BYTES] = "bytes_contents",
};

/* Where the elements of a type are; of whole numbers also which there are. */
static const struct contents_row {
    enum contents_field field;
    enum protobuf_element element;
    int64_t least;
    uint64_t most;
} rows[] = {
    [TENSOR_BOOL] = {CONTENTS_BOOL, PROTOBUF_ELEMENT_VARINT, 0, UINT64_MAX},
    [TENSOR_U8] = {CONTENTS_UINT, PROTOBUF_ELEMENT_VARINT, 0, UINT8_MAX},
    [TENSOR_U16] = {CONTENTS_UINT, PROTOBUF_ELEMENT_VARINT, 0, UINT16_MAX},
    [TENSOR_U32] = {CONTENTS_UINT, PROTOBUF_ELEMENT_VARINT, 0, UINT32_MAX},
    [TENSOR_U64] = {CONTENTS_UINT64, PROTOBUF_ELEMENT_VARINT, 0, UINT64_MAX},
    [TENSOR_I8] = {CONTENTS_INT, PROTOBUF_ELEMENT_VARINT, INT8_MIN, INT8_MAX},
    [TENSOR_I16] = {CONTENTS_INT, PROTOBUF_ELEMENT_VARINT, INT16_MIN, INT16_MAX},
    [TENSOR_I32] = {CONTENTS_INT, PROTOBUF_ELEMENT_VARINT, INT32_MIN, INT32_MAX},
    [TENSOR_I64] = {CONTENTS_INT64, PROTOBUF_ELEMENT_VARINT, INT64_MIN, INT64_MAX},
    [TENSOR_F32] = {CONTENTS_FP32, PROTOBUF_ELEMENT_4, 0, 0},
    [TENSOR_F64] = {CONTENTS_FP64, PROTOBUF_ELEMENT_8, 0, 0},
    [TENSOR_F16] = {CONTENTS_NONE, PROTOBUF_ELEMENT_VARINT, 0, 0},
    [TENSOR_BF16] = {CONTENTS_NONE, PROTOBUF_ELEMENT_VARINT, 0, 0},
    [TENSOR_BYTES] = {CONTENTS_BYTES, PROTOBUF_ELEMENT_VARINT, 0, 0},
};

static enum err refuse_field(struct infer_message *message, const struct tensor_spec *spec, uint32_t number)
{
    enum contents_field wanted = rows[spec->type].field;
    if (wanted == CONTENTS_NONE)
        text_printf(message->fault, "The input \"" SLICE_FMT "\" is %s, which is taken in raw_input_contents only.",
                    SLICE_ARG(spec->name), tensor_type_name(spec->type));
    else
        text_printf(message->fault, "The input \"" SLICE_FMT "\" is %s, which stands in %s, not in %s.",
                    SLICE_ARG(spec->name), tensor_type_name(spec->type), field_names[wanted], field_names[number]);
    return ERR_INVALID;
}

static enum err count_field(const struct contents_row *row, const struct protobuf_field *field, uint64_t *count)
{
    struct protobuf_elements elements;
    if (row->field == CONTENTS_BYTES) {
        ++*count;
        return field->wire == PROTOBUF_BYTES ? ERR_OK : ERR_SYNTAX;
    }
    TRY(protobuf_repeated(field, row->element, &elements));
    *count += elements.count;
    return ERR_OK;
}

/* A field of another type without an element says nothing. */
static bool is_empty(const struct protobuf_field *field)
{
    return field->wire == PROTOBUF_BYTES && field->bytes.len == 0 && field->number != CONTENTS_BYTES;
}

enum err infer_contents_count(struct infer_message *message, const struct tensor_spec *spec, struct slice contents,
                              uint64_t *ret_count)
{
    const struct contents_row *row = &rows[spec->type];
    struct protobuf_field field;
    uint64_t count = 0;
    enum err err;
    while ((err = protobuf_next(&contents, &field)) == ERR_OK) {
        if (field.number >= CONTENTS_COUNT || is_empty(&field))
            continue;
        if (field.number != row->field)
            return refuse_field(message, spec, field.number);
        TRY(count_field(row, &field, &count));
    }
    if (err != ERR_EOF)
        return ERR_SYNTAX;
    *ret_count = count;
    return ERR_OK;
}

static bool is_in_range(const struct contents_row *row, uint64_t value)
{
    if (row->least < 0)
        return (int64_t)value >= row->least && (int64_t)value <= (int64_t)row->most;
    return value <= row->most;
}

/* int32 and uint32 are cut to their 32 bits, as by every reader of the format: some writers send -1 with ten bytes, some with
 * five. */
static uint64_t cut(const struct contents_row *row, uint64_t value)
{
    if (row->field == CONTENTS_INT)
        return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    return row->field == CONTENTS_UINT ? (uint32_t)value : value;
}

static enum err put(struct infer_message *message, const struct tensor_spec *spec, uint64_t value, char **out)
{
    const struct contents_row *row = &rows[spec->type];
    size_t bytes = tensor_type_bytes(spec->type);
    value = spec->type == TENSOR_BOOL ? value != 0 : cut(row, value);
    if (!is_in_range(row, value)) {
        text_printf(message->fault, "The input \"" SLICE_FMT "\" is %s, and %lld is none.", SLICE_ARG(spec->name),
                    tensor_type_name(spec->type), (long long)value);
        return ERR_INVALID;
    }
    memcpy(*out, &value, bytes); /* little endian, as numbers stand in memory */
    *out += bytes;
    return ERR_OK;
}

static enum err put_all(struct infer_message *message, const struct tensor_spec *spec,
                        const struct protobuf_field *field, char **out)
{
    struct protobuf_elements elements;
    uint64_t value;
    TRY(protobuf_repeated(field, rows[spec->type].element, &elements));
    if (rows[spec->type].element != PROTOBUF_ELEMENT_VARINT) {
        memcpy(*out, elements.bytes.ptr, elements.bytes.len);
        *out += elements.bytes.len;
        return ERR_OK;
    }
    if (field->wire == PROTOBUF_VARINT)
        return put(message, spec, elements.value, out);
    while (elements.bytes.len) {
        TRY(protobuf_varint(&elements.bytes, &value));
        TRY(put(message, spec, value, out));
    }
    return ERR_OK;
}

enum err infer_contents_fill(struct infer_message *message, const struct tensor_spec *spec, struct slice contents,
                             void *data)
{
    struct protobuf_field field;
    char *out = data;
    while (protobuf_next(&contents, &field) == ERR_OK) {
        if (field.number != rows[spec->type].field || is_empty(&field))
            continue;
        if (spec->type == TENSOR_BYTES) {
            memcpy(out, &field.bytes, sizeof field.bytes);
            out += sizeof field.bytes;
        } else {
            TRY(put_all(message, spec, &field, &out));
        }
    }
    return ERR_OK;
}
