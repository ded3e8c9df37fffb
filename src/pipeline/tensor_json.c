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
