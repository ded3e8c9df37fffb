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

#endif
