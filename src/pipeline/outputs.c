/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/outputs.h"

#include "pipeline/classify.h"
#include "pipeline/shared_regions.h"
#include "pipeline/tensor_wire.h"
#include "pipeline/worker.h"

static enum verdict classify_output(struct request *request, struct output *output)
{
    const struct model_info *model = model_info(run_model(request->run));
    struct tensor *classes = arena_alloc(&request->arena, sizeof *classes);
    if (!classes || classify(&request->arena, output->tensor, output->wish->classes, model->labels, model->label_count,
                             classes) != ERR_OK)
        return request_fail_memory(request);
    output->tensor = classes;
    return VERDICT_NEXT;
}

enum verdict outputs_collect(struct request *request, struct output outputs[MODEL_TENSORS_MAX], uint32_t *ret_count)
{
    const struct inference *inference = &request->inference;
    uint32_t count = inference->output_count;
    if (!count) {
        count = model_info(run_model(request->run))->output_count;
        for (uint32_t i = 0; i < count; i++)
            outputs[i] = (struct output){run_output(request->run, i), NULL, inference->is_binary};
    }
    for (uint32_t i = 0; i < inference->output_count; i++) {
        const struct output_wish *wish = &inference->outputs[i];
        outputs[i] = (struct output){run_output(request->run, wish->index), wish, wish->is_binary};
        if (wish->classes && classify_output(request, &outputs[i]) == VERDICT_FAIL)
            return VERDICT_FAIL;
    }
    *ret_count = count;
    return VERDICT_NEXT;
}

struct shared_regions *outputs_regions(const struct request *request)
{
    return request->config->shared_memory.is_allowed ? request->worker->ports->shared_regions : NULL;
}

static void let_go(void *argument)
{
    const struct inference *inference = &((struct request *)argument)->inference;
    for (uint32_t i = 0; i < inference->output_count; i++)
        if (inference->outputs[i].shared.held)
            shared_region_release(inference->outputs[i].shared.held);
}

enum err outputs_hold_shared(struct request *request, uint32_t *ret_index, struct text *fault)
{
    struct output_wish *wishes = (struct output_wish *)request->inference.outputs;
    bool is_shared = false;
    for (uint32_t i = 0; i < request->inference.output_count; i++)
        is_shared |= wishes[i].shared.region.ptr != NULL;
    if (!is_shared)
        return ERR_OK;
    request_on_release(request, let_go, request);
    for (uint32_t i = 0; i < request->inference.output_count; i++) {
        struct shared_range *range = &wishes[i].shared;
        *ret_index = i;
        if (range->region.ptr)
            TRY(shared_region_acquire(outputs_regions(request), range, &range->held, fault));
    }
    return ERR_OK;
}

/* As it is in memory, or, of texts, in the binary form. */
static enum verdict bytes_of(struct request *request, const struct tensor *tensor, struct slice *ret_bytes)
{
    *ret_bytes = slice_of(tensor->data, tensor->bytes);
    if (tensor->spec->type != TENSOR_BYTES)
        return VERDICT_NEXT;
    size_t bytes = tensor_wire_bytes(tensor);
    char *memory = arena_alloc(&request->arena, bytes);
    if (!memory)
        return request_fail_memory(request);
    (void)tensor_wire_write(memory, tensor);
    *ret_bytes = slice_of(memory, bytes);
    return VERDICT_NEXT;
}

static enum verdict write_shared(struct request *request, const struct output *output)
{
    const struct shared_range *range = &output->wish->shared;
    struct slice name = output->tensor->spec->name;
    struct slice bytes;
    if (bytes_of(request, output->tensor, &bytes) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (bytes.len > range->bytes)
        return request_fail(request, PROBLEM_INVALID_TENSOR,
                            "The output \"" SLICE_FMT "\" takes %zu bytes; its place in shared memory has %llu.",
                            SLICE_ARG(name), bytes.len, (unsigned long long)range->bytes);
    if (shared_region_write(range->held, range->offset, bytes) != ERR_OK)
        return request_fail(request, PROBLEM_INVALID_TENSOR,
                            "The output \"" SLICE_FMT "\" cannot be written to the region \"" SLICE_FMT
                            "\": the object has become shorter than it was.",
                            SLICE_ARG(name), SLICE_ARG(range->region));
    return VERDICT_NEXT;
}

enum verdict outputs_write_shared(struct request *request, const struct output *outputs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (outputs[i].wish && outputs[i].wish->shared.held && write_shared(request, &outputs[i]) == VERDICT_FAIL)
            return VERDICT_FAIL;
    return VERDICT_NEXT;
}
