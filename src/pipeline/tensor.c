/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/tensor.h"

#include "lib/base/attr.h"

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
#define TENSOR_TYPE(name, bytes, v2) {v2, bytes},
    TENSOR_TYPES(TENSOR_TYPE)
#undef TENSOR_TYPE
};

const char *tensor_type_name(enum tensor_type type)
{
    return types[type].name;
}

size_t tensor_type_bytes(enum tensor_type type)
{
    return types[type].bytes;
}

size_t tensor_element_bytes(enum tensor_type type)
{
    return type == TENSOR_BYTES ? sizeof(struct slice) : tensor_type_bytes(type);
}

int64_t tensor_elements(const int64_t *dims, uint32_t rank)
{
    int64_t count = 1;
    for (uint32_t i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count))
            return -1;
    return count;
}

bool tensor_dims_fit(const struct tensor_spec *spec, const int64_t *dims, uint32_t rank)
{
    if (rank != spec->rank)
        return false;
    for (uint32_t i = 0; i < rank; i++)
        if (spec->dims[i] != TENSOR_DIM_ANY && spec->dims[i] != dims[i])
            return false;
    return true;
}

void tensor_shape_print(struct text *out, const int64_t *dims, uint32_t rank)
{
    text_add(out, SLICE_LIT("["));
    for (uint32_t i = 0; i < rank; i++)
        text_printf(out, "%s%lld", i ? ", " : "", (long long)dims[i]);
    text_add(out, SLICE_LIT("]"));
}
