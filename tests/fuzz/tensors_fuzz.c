/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 * A v2 request in JSON against a fixed model: whatever the bytes, they are refused with a fault or fill memory of exactly
 * the announced size, to its last element. */
#include "pipeline/decode/tensors_int.h"

#include <stdlib.h>

#define MEMORY_BYTES (8u << 20)
#define BYTES_MAX    (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct model_info model = {
    .input_count = 4,
    .inputs =
        {
            {.name = {"x", 1}, .type = TENSOR_F32, .rank = 3, .dims = {TENSOR_DIM_ANY, 2, TENSOR_DIM_ANY}},
            {.name = {"n", 1}, .type = TENSOR_I64, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"b", 1}, .type = TENSOR_BOOL, .rank = 0},
            {.name = {"u", 1}, .type = TENSOR_U8, .rank = 2, .dims = {2, 2}},
        },
    .output_count = 2,
    .outputs =
        {
            {.name = {"y", 1}, .type = TENSOR_F32, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"z", 1}, .type = TENSOR_F32, .rank = 1, .dims = {TENSOR_DIM_ANY}},
        },
};

static void fill(struct tensors_plan *plan, uint32_t input)
{
    const struct tensor_spec *spec = &model.inputs[input];
    ASSERT(plan->items[input].is_given, "an input that is missing is refused");
    ASSERT(tensor_dims_fit(spec, plan->items[input].dims, spec->rank), "a shape that does not fit is refused");
    int64_t elements = tensor_elements(plan->items[input].dims, spec->rank);
    size_t bytes = (size_t)elements * tensor_type_bytes(spec->type);
    ASSERT(elements > 0 && bytes <= BYTES_MAX, "a size out of bounds is refused");
    void *memory = malloc(bytes);
    memset(memory, 0xA5, bytes);
    tensors_fill(plan, input, memory);
    if (spec->type == TENSOR_BOOL && !plan->is_refused)
        ASSERT(*(uint8_t *)memory <= 1, "every element was written");
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(64) char memory[MEMORY_BYTES];
    const struct json_limits limits = {.bytes_max = 1u << 16, .depth_max = 32, .keeps_numbers = size % 2};
    struct json_document document;
    struct json_fault fault;
    struct arena arena;
    arena_init_fixed(&arena, memory, sizeof memory);
    if (json_parse(&arena, slice_of(data, size), &limits, &document, &fault) != ERR_OK)
        return 0;
    struct tensors_plan plan = {.model = &model, .arena = &arena, .bytes_max = BYTES_MAX};
    tensors_check(&plan, document.root);
    for (uint32_t i = 0; i < model.input_count && !plan.is_refused; i++)
        fill(&plan, i);
    ASSERT(plan.is_refused || plan.fault_count == 0, "what has faults is refused");
    ASSERT(!plan.is_refused || plan.fault_count > 0, "what is refused has a fault that says why");
    return 0;
}
