/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in the words of the Open Inference Protocol v2. */
#ifndef WEIR_PIPELINE_TENSOR_JSON_H
#define WEIR_PIPELINE_TENSOR_JSON_H

#include "lib/json/writer.h"
#include "pipeline/tensor.h"

/* The members name, datatype and shape of an object that has been begun. `dims` are those of the spec, with -1 for what
 * is open, or those of a tensor. */
void tensor_write_members(struct json_writer *writer, const struct tensor_spec *spec, const int64_t *dims,
                          uint32_t rank);
/* Half floats have none. */
bool tensor_type_has_json(enum tensor_type type);
/* The array of all elements, flat and row-major, of a type that has one. */
void tensor_write_data(struct json_writer *writer, enum tensor_type type, const void *data, size_t bytes);

#endif
