/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 * A v2 request with tensors in binary: two bytes say how long the JSON is, then JSON, then what stands behind it. Whatever
 * the bytes, they are refused with a fault, or fill memory of exactly the announced size; texts stay within the bytes that
 * came. Without JSON the body is the one input of another model. */
#include "pipeline/decode/tensors_int.h"

#include <stdlib.h>

#define MEMORY_BYTES (8u << 20)
#define BYTES_MAX    (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct model_info model = {
    .input_count = 3,
    .inputs =
        {
            {.name = {"x", 1}, .type = TENSOR_F32, .rank = 2, .dims = {TENSOR_DIM_ANY, 2}},
            {.name = {"h", 1}, .type = TENSOR_F16, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"s", 1}, .type = TENSOR_BYTES, .rank = 1, .dims = {TENSOR_DIM_ANY}},
        },
    .output_count = 1,
    .outputs = {{.name = {"y", 1}, .type = TENSOR_F32, .rank = 1, .dims = {TENSOR_DIM_ANY}}},
};

static const struct model_info models_of_one[] = {
    {.input_count = 1, .inputs = {{.name = {"x", 1}, .type = TENSOR_I16, .rank = 2, .dims = {3, TENSOR_DIM_ANY}}}},
    {.input_count = 1, .inputs = {{.name = {"x", 1}, .type = TENSOR_BYTES, .rank = 1, .dims = {1}}}},
    {.input_count = 1, .inputs = {{.name = {"x", 1}, .type = TENSOR_U8, .rank = 1, .dims = {5}}}},
};

static unsigned sum;

static void fill(struct tensors_plan *plan, uint32_t input)
{
    const struct tensor_spec *spec = &plan->model->inputs[input];
    const struct tensor_item *item = &plan->items[input];
    ASSERT(item->is_given, "an input that is missing is refused");
    ASSERT(tensor_dims_fit(spec, item->dims, spec->rank), "a shape that does not fit is refused");
    size_t count = (size_t)tensor_elements(item->dims, spec->rank);
    size_t bytes = count * tensor_element_bytes(spec->type);
    ASSERT(bytes <= BYTES_MAX, "a size out of bounds is refused");
    if (item->source == TENSOR_IN_SHARED_MEMORY)
        return;
    void *memory = malloc(bytes ? bytes : 1);
    tensors_fill(plan, input, memory);
    for (size_t i = 0; spec->type == TENSOR_BYTES && i < count && !plan->is_refused; i++) {
        struct slice text = ((struct slice *)memory)[i];
        for (size_t k = 0; k < text.len; k++)
            sum += (unsigned char)text.ptr[k];
    }
    free(memory);
}

static void fill_all(struct tensors_plan *plan)
{
    for (uint32_t i = 0; i < plan->model->input_count && !plan->is_refused; i++)
        fill(plan, i);
    ASSERT(plan->is_refused == (plan->fault_count > 0), "what is refused has a fault that says why");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(64) char memory[MEMORY_BYTES];
    const struct json_limits limits = {.bytes_max = 1u << 16, .depth_max = 32};
    struct json_document document;
    struct json_fault fault;
    struct arena arena;
    if (size < 2)
        return 0;
    arena_init_fixed(&arena, memory, sizeof memory);
    struct slice body = slice_of(data + 2, size - 2);
    size_t json_bytes = data[0] | (size_t)data[1] << 8;
    struct tensors_plan plan = {.model = &model, .arena = &arena, .bytes_max = BYTES_MAX, .has_tail = true};
    if (json_bytes == 0) {
        plan.model = &models_of_one[size % ARRAY_LEN(models_of_one)];
        plan.tail = body;
        tensors_check_raw(&plan);
        fill_all(&plan);
        return 0;
    }
    json_bytes = json_bytes < body.len ? json_bytes : body.len;
    plan.tail = slice_skip(body, json_bytes);
    if (json_parse(&arena, slice_first(body, json_bytes), &limits, &document, &fault) != ERR_OK)
        return 0;
    tensors_check(&plan, document.root);
    fill_all(&plan);
    return 0;
}
