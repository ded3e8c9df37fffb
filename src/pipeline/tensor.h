/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as every stage sees them: what a model takes and gives, and memory with a shape. */
#ifndef WEIR_PIPELINE_TENSOR_H
#define WEIR_PIPELINE_TENSOR_H

#include "lib/base/text.h"

#include <stdint.h>

#define TENSOR_RANK_MAX   8
#define TENSOR_DIM_ANY    (-1)
#define TENSOR_ALIGN      64
#define MODEL_TENSORS_MAX 16 /* inputs or outputs of one model */

/* TENSOR_TYPE(name, bytes of an element, the name in the Open Inference Protocol v2) */
#define TENSOR_TYPES(TENSOR_TYPE)                                                                                      \
    TENSOR_TYPE(NONE, 0, "NONE")                                                                                       \
    TENSOR_TYPE(BOOL, 1, "BOOL")                                                                                       \
    TENSOR_TYPE(U8, 1, "UINT8")                                                                                        \
    TENSOR_TYPE(U16, 2, "UINT16")                                                                                      \
    TENSOR_TYPE(U32, 4, "UINT32")                                                                                      \
    TENSOR_TYPE(U64, 8, "UINT64")                                                                                      \
    TENSOR_TYPE(I8, 1, "INT8")                                                                                         \
    TENSOR_TYPE(I16, 2, "INT16")                                                                                       \
    TENSOR_TYPE(I32, 4, "INT32")                                                                                       \
    TENSOR_TYPE(I64, 8, "INT64")                                                                                       \
    TENSOR_TYPE(F16, 2, "FP16")                                                                                        \
    TENSOR_TYPE(F32, 4, "FP32")                                                                                        \
    TENSOR_TYPE(F64, 8, "FP64")                                                                                        \
    TENSOR_TYPE(BF16, 2, "BF16")                                                                                       \
    TENSOR_TYPE(BYTES, 0, "BYTES")

enum tensor_type {
#define TENSOR_TYPE(name, bytes, v2) TENSOR_##name,
    TENSOR_TYPES(TENSOR_TYPE)
#undef TENSOR_TYPE
};

/* What a model declares about one input or output. Lives as long as the model. */
struct tensor_spec {
    struct slice name;
    enum tensor_type type;
    uint32_t rank;
    int64_t dims[TENSOR_RANK_MAX];         /* TENSOR_DIM_ANY where the model leaves it open */
    struct slice symbols[TENSOR_RANK_MAX]; /* names of open dimensions, such as "batch"; may be empty */
};

/* A tensor with memory. `data` is aligned to TENSOR_ALIGN and row-major; whose it is depends on who made it. An element of
 * BYTES is a struct slice, whose bytes are somebody's who lives as long as the tensor is used. */
struct tensor {
    const struct tensor_spec *spec;
    int64_t dims[TENSOR_RANK_MAX];
    uint32_t rank;
    void *data;
    size_t bytes;
};

const char *tensor_type_name(enum tensor_type type); /* as in the v2 protocol */
size_t tensor_type_bytes(enum tensor_type type);     /* 0 for BYTES and NONE */
/* What an element takes in struct tensor: as above, and sizeof(struct slice) for BYTES. */
size_t tensor_element_bytes(enum tensor_type type);
/* The product of the dims; ERR-free: -1 on overflow or a negative dim. */
int64_t tensor_elements(const int64_t *dims, uint32_t rank);
/* Whether concrete dims fit the spec: same rank, and equal wherever the spec is not open. */
bool tensor_dims_fit(const struct tensor_spec *spec, const int64_t *dims, uint32_t rank);
/* "[1, 3, 48, 192]", for messages. */
void tensor_shape_print(struct text *out, const int64_t *dims, uint32_t rank);
#define TENSOR_SHAPE_BYTES 200

#endif
