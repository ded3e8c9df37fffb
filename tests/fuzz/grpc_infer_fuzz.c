/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 * Any bytes as a ModelInferRequest against a fixed model: they are refused with a sentence, or fill memory of exactly the
 * announced size. */
#include "pipeline/grpc/infer_int.h"

#include <stdlib.h>

#define BYTES_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct model_info model = {
    .input_count = 5,
    .inputs =
        {
            {.name = {"x", 1}, .type = TENSOR_F32, .rank = 3, .dims = {TENSOR_DIM_ANY, 2, TENSOR_DIM_ANY}},
            {.name = {"n", 1}, .type = TENSOR_I8, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"b", 1}, .type = TENSOR_BOOL, .rank = 0},
            {.name = {"s", 1}, .type = TENSOR_BYTES, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"h", 1}, .type = TENSOR_F16, .rank = 1, .dims = {TENSOR_DIM_ANY}},
        },
    .written_inputs = 1U << 1,
    .output_count = 2,
    .outputs =
        {
            {.name = {"y", 1}, .type = TENSOR_F32, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"z", 1}, .type = TENSOR_BYTES, .rank = 1, .dims = {TENSOR_DIM_ANY}},
        },
};

/* Of BYTES each element has to stand in the message. */
static void check_texts(struct slice whole, const struct slice *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_within =
            texts[i].len == 0 || (texts[i].ptr >= whole.ptr && texts[i].ptr + texts[i].len <= whole.ptr + whole.len);
        ASSERT(is_within, "elements point into the message");
    }
}

static bool fill(struct infer_message *message, struct slice whole, uint32_t index)
{
    const struct tensor_spec *spec = &model.inputs[index];
    if (message->items[index] == INFER_ITEM_NONE) {
        ASSERT(model.written_inputs & 1U << index, "an input that is needed and missing is refused");
        return true;
    }
    const struct infer_input *input = &message->inputs[message->items[index]];
    if (input->parameters.shared.region.ptr)
        return true;
    ASSERT(tensor_dims_fit(spec, input->dims, input->rank), "a shape that does not fit is refused");
    int64_t elements = tensor_elements(input->dims, input->rank);
    size_t bytes = (size_t)elements * tensor_element_bytes(spec->type);
    ASSERT(elements >= 0 && bytes <= BYTES_MAX, "a size out of bounds is refused");
    void *memory = malloc(MAX(bytes, (size_t)1));
    memset(memory, 0xA5, bytes);
    enum err err = infer_fill(message, &model, index, memory);
    if (err == ERR_OK && spec->type == TENSOR_BYTES)
        check_texts(whole, memory, (size_t)elements);
    if (err == ERR_OK && spec->type == TENSOR_BOOL && !input->has_raw)
        ASSERT(*(uint8_t *)memory <= 1, "every element was written");
    free(memory);
    ASSERT(err != ERR_INVALID || message->fault->len > 0, "what is refused has a sentence that says why");
    return err == ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char arena_memory[1u << 16];
    char fault_memory[400];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    struct arena arena;
    struct infer_message message;
    struct slice whole = slice_of(data, size);
    arena_init_fixed(&arena, arena_memory, sizeof arena_memory);
    memset(&message, 0xA5, sizeof message); /* what no count says is there is not looked at */
    memset(&message, 0, offsetof(struct infer_message, inputs));
    message.arena = &arena;
    message.fault = &fault;
    enum err err = infer_parse(&message, whole);
    if (err == ERR_OK)
        err = infer_check(&message, &model, BYTES_MAX);
    ASSERT(err != ERR_INVALID || fault.len > 0, "what is refused has a sentence that says why");
    for (uint32_t i = 0; err == ERR_OK && i < model.input_count; i++)
        if (!fill(&message, whole, i))
            break;
    return 0;
}
