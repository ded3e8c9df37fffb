/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in the binary form of the Open Inference Protocol v2, which REST (behind the JSON), gRPC (raw_input_contents) and
 * shared memory have in common: elements row-major in little endian, as they are in memory; an element of BYTES is its
 * length in four bytes and its bytes. */
#ifndef WEIR_PIPELINE_TENSOR_WIRE_H
#define WEIR_PIPELINE_TENSOR_WIRE_H

#include "lib/base/err.h"
#include "pipeline/tensor.h"

#define TENSOR_WIRE_LENGTH_BYTES 4 /* in front of each element of BYTES */

/* What a tensor takes in this form. */
uint64_t tensor_wire_bytes(const struct tensor *tensor);
/* Writes as many; returns the place behind. */
char *tensor_wire_write(char *out, const struct tensor *tensor);
/* Takes `wire` apart into as many elements of BYTES, which stay where they are. ERR_MISMATCH: it does not hold exactly
 * them, and `fault` says how. */
MUST_USE enum err tensor_wire_split(struct slice wire, struct slice *elements, size_t count, struct text *fault);
/* What a tensor of that type and these dims brings: exactly so many bytes, or, of BYTES, at least so many. The dims have
 * a product. */
uint64_t tensor_wire_bytes_of(enum tensor_type type, const int64_t *dims, uint32_t rank);
/* Whether the elements are values of their type, which all bytes are but for BOOL: a byte other than 0 and 1 is none, and a
 * runtime that takes it for one does anything. ERR_MISMATCH. */
MUST_USE enum err tensor_wire_check(enum tensor_type type, struct slice wire, struct text *fault);
/* Fills an input's memory (run_input) with such a tensor; elements of BYTES point into `wire`. ERR_MISMATCH. */
MUST_USE enum err tensor_wire_read(const struct tensor_spec *spec, const int64_t *dims, struct slice wire, void *data,
                                   struct text *fault);

#endif
