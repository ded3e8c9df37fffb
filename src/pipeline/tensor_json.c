/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/tensor_json.h"

void tensor_write_members(struct json_writer *writer, const struct tensor_spec *spec, const int64_t *dims,
                          uint32_t rank)
{
    json_write_key(writer, SLICE_LIT("name"));
    json_write_string(writer, spec->name);
    json_write_key(writer, SLICE_LIT("datatype"));
    json_write_string(writer, slice_of_text(tensor_type_name(spec->type)));
    json_write_key(writer, SLICE_LIT("shape"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < rank; i++)
        json_write_i64(writer, dims[i]);
    json_write_array_end(writer);
}

bool tensor_type_has_json(enum tensor_type type)
{
    return type != TENSOR_F16 && type != TENSOR_BF16 && type != TENSOR_NONE;
}

static void write_element(struct json_writer *writer, enum tensor_type type, const void *data, size_t i)
{
    switch (type) {
    case TENSOR_BOOL:
        json_write_bool(writer, ((const uint8_t *)data)[i]);
        break;
    case TENSOR_U8:
        json_write_u64(writer, ((const uint8_t *)data)[i]);
        break;
    case TENSOR_U16:
        json_write_u64(writer, ((const uint16_t *)data)[i]);
        break;
    case TENSOR_U32:
        json_write_u64(writer, ((const uint32_t *)data)[i]);
        break;
    case TENSOR_U64:
        json_write_u64(writer, ((const uint64_t *)data)[i]);
        break;
    case TENSOR_I8:
        json_write_i64(writer, ((const int8_t *)data)[i]);
        break;
    case TENSOR_I16:
        json_write_i64(writer, ((const int16_t *)data)[i]);
        break;
    case TENSOR_I32:
        json_write_i64(writer, ((const int32_t *)data)[i]);
        break;
    case TENSOR_I64:
        json_write_i64(writer, ((const int64_t *)data)[i]);
        break;
    case TENSOR_F64:
        json_write_f64(writer, ((const double *)data)[i]);
        break;
    case TENSOR_BYTES:
        json_write_string(writer, ((const struct slice *)data)[i]);
        break;
    default:
        ASSERT(false, "who calls asks tensor_type_has_json");
    }
}

void tensor_write_data(struct json_writer *writer, enum tensor_type type, const void *data, size_t bytes)
{
    size_t count = bytes / tensor_element_bytes(type);
    if (type == TENSOR_F32) {
        json_write_f32_array(writer, data, count);
        return;
    }
    json_write_array_begin(writer);
    for (size_t i = 0; i < count; i++)
        write_element(writer, type, data, i);
    json_write_array_end(writer);
}
