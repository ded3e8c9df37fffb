/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 * A v2 request in JSON against a fixed model: whatever the bytes, they are refused with a fault or fill memory of exactly
 * the announced size, to its last element. What the fast way takes, the tree takes too, with the same bits. */
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

static size_t bytes_of(const struct tensors_plan *plan, uint32_t input)
{
    const struct tensor_spec *spec = &model.inputs[input];
    ASSERT(plan->items[input].is_given, "an input that is missing is refused");
    ASSERT(tensor_dims_fit(spec, plan->items[input].dims, spec->rank), "a shape that does not fit is refused");
    int64_t elements = tensor_elements(plan->items[input].dims, spec->rank);
    size_t bytes = (size_t)elements * tensor_type_bytes(spec->type);
    ASSERT(elements >= 0 && bytes <= BYTES_MAX, "a size out of bounds is refused");
    return bytes;
}

static void fill(struct tensors_plan *plan, uint32_t input, void *memory, size_t bytes)
{
    memset(memory, 0xA5, bytes);
    tensors_fill(plan, input, memory);
    if (model.inputs[input].type == TENSOR_BOOL && !plan->is_refused)
        ASSERT(*(uint8_t *)memory <= 1, "every element was written");
}

static bool fill_fast(struct tensors_plan *plan, uint32_t input, void *memory)
{
    if (plan->items[input].cut)
        return tensors_read(plan, input, memory);
    tensors_fill(plan, input, memory);
    return !plan->is_refused;
}

/* `fast` has been scanned and not refused. */
static void compare(struct tensors_plan *tree, struct tensors_plan *fast)
{
    bool is_taken = true;
    bool is_equal = !tree->is_refused;
    for (uint32_t i = 0; i < model.input_count && is_taken; i++) {
        size_t bytes = bytes_of(fast, i);
        char *by_fast = malloc(bytes + 1);
        char *by_tree = malloc(bytes + 1);
        is_taken = fill_fast(fast, i, by_fast);
        is_equal = is_equal && bytes_of(tree, i) == bytes;
        if (is_equal)
            fill(tree, i, by_tree, bytes);
        is_equal = is_equal && !tree->is_refused && memcmp(by_fast, by_tree, bytes) == 0;
        free(by_fast);
        free(by_tree);
    }
    ASSERT(!is_taken || is_equal, "what the fast way takes is what the tree has");
    ASSERT(!is_taken || slice_equal(tree->inference.id, fast->inference.id), "and so is the rest");
}

static void check_tree(struct tensors_plan *plan)
{
    for (uint32_t i = 0; i < model.input_count && !plan->is_refused; i++) {
        size_t bytes = bytes_of(plan, i);
        void *memory = malloc(bytes + 1);
        fill(plan, i, memory, bytes);
        free(memory);
    }
    ASSERT(plan->is_refused || plan->fault_count == 0, "what has faults is refused");
    ASSERT(!plan->is_refused || plan->fault_count > 0, "what is refused has a fault that says why");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(64) char memory[MEMORY_BYTES];
    struct json_limits limits = {
        .bytes_max = 1u << 16, .depth_max = 32, .keeps_numbers = size % 2, .refuse_duplicate_keys = true};
    struct json_document document;
    struct json_fault fault;
    struct arena arena;
    arena_init_fixed(&arena, memory, sizeof memory);
    struct tensors_plan fast = {.model = &model, .arena = &arena, .bytes_max = BYTES_MAX};
    bool is_fast = tensors_scan(&fast, slice_of(data, size), &limits);
    struct tensors_plan plan = {.model = &model, .arena = &arena, .bytes_max = BYTES_MAX};
    if (json_parse(&arena, slice_of(data, size), &limits, &document, &fault) == ERR_OK) {
        tensors_check(&plan, document.root);
        struct tensors_plan again = plan;
        check_tree(&again);
    } else {
        plan.is_refused = true;
    }
    if (is_fast)
        compare(&plan, &fast);
    return 0;
}
