/* SPDX-License-Identifier: Apache-2.0 */
/* Steps between lists and batches: rows of a tensor one by one, and many tensors as one. */
#include "pipeline/graph/graph_int.h"

#define NS_PER_KIB 100
#define ROWS_MAX   100000

static enum err bind_split(struct graph_binding *binding)
{
    const struct graph_shape *shape = binding->inputs[0];
    if (!shape || !shape->is_known)
        return ERR_OK;
    if (!shape->rank) {
        text_printf(binding->fault, "expects a tensor of at least 1 dimension, but is given ");
        graph_shape_print(binding->fault, shape);
        return ERR_MISMATCH;
    }
    binding->output = *shape;
    binding->output.dims[0] = 1;
    return ERR_OK;
}

static enum err plan_split(struct graph_call *call, struct graph_need *ret_need)
{
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    if (!tensor->rank || tensor->dims[0] < 0 || tensor->dims[0] > ROWS_MAX || tensor->type == TENSOR_BYTES) {
        call->fault = "its input is no batch of rows that it takes";
        return ERR_MISMATCH;
    }
    size_t rows = (size_t)tensor->dims[0];
    ret_need->bytes =
        rows * sizeof(struct graph_value) + tensor->bytes + rows * TENSOR_ALIGN + 2 * (size_t)TENSOR_ALIGN;
    ret_need->cost_ns = tensor->bytes / 1024 * NS_PER_KIB;
    return ERR_OK;
}

static enum err run_split(struct graph_call *call)
{
    const struct graph_tensor *tensor = &call->inputs[0]->tensor;
    uint32_t rows = (uint32_t)tensor->dims[0];
    size_t bytes = rows ? tensor->bytes / rows : 0;
    struct graph_value *items = arena_alloc(call->memory, rows * sizeof *items);
    if (!items)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < rows; i++) {
        items[i] = (struct graph_value){.type = GRAPH_TENSOR, .tensor = *tensor};
        items[i].tensor.dims[0] = 1;
        items[i].tensor.bytes = bytes;
        items[i].tensor.data = arena_alloc_aligned(call->memory, bytes);
        if (!items[i].tensor.data)
            return ERR_NOMEM;
        if (bytes)
            memcpy(items[i].tensor.data, (const char *)tensor->data + i * bytes, bytes);
    }
    call->outputs[0] = (struct graph_value){.type = GRAPH_TENSOR, .is_list = true, .count = rows, .items = items};
    return ERR_OK;
}

const struct graph_kind graph_kind_split = {
    .name = "split",
    .help = "The rows of a tensor, each a tensor with a first dimension of 1",
    .inputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .outputs = {{"rows", GRAPH_TENSOR, true, false}},
    .bind = bind_split,
    .plan = plan_split,
    .run = run_split,
};

static enum err bind_join(struct graph_binding *binding)
{
    const struct graph_shape *shape = binding->inputs[0];
    TRY(bind_split(binding));
    if (shape && shape->is_known)
        binding->output.dims[0] = TENSOR_DIM_ANY;
    return ERR_OK;
}

static bool is_alike(const struct graph_tensor *a, const struct graph_tensor *b)
{
    return a->type == b->type && a->rank == b->rank &&
           memcmp(a->dims + 1, b->dims + 1, (a->rank - 1) * sizeof a->dims[0]) == 0;
}

static enum err plan_join(struct graph_call *call, struct graph_need *ret_need)
{
    const struct graph_value *list = call->inputs[0];
    if (!list->count) {
        call->fault = "there is nothing to join";
        return ERR_MISMATCH;
    }
    ret_need->has_tensor = true;
    ret_need->tensor = list->items[0].tensor;
    ret_need->tensor.bytes = 0;
    ret_need->tensor.dims[0] = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct graph_tensor *tensor = &list->items[i].tensor;
        if (!tensor->rank || tensor->type == TENSOR_BYTES || !is_alike(tensor, &list->items[0].tensor)) {
            call->fault = "the tensors of the list differ in more than their first dimension";
            return ERR_MISMATCH;
        }
        ret_need->tensor.bytes += tensor->bytes;
        ret_need->tensor.dims[0] += tensor->dims[0];
    }
    ret_need->cost_ns = ret_need->tensor.bytes / 1024 * NS_PER_KIB;
    return ERR_OK;
}

static enum err run_join(struct graph_call *call)
{
    const struct graph_value *list = call->inputs[0];
    char *out = call->tensor;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct graph_tensor *tensor = &list->items[i].tensor;
        if (tensor->bytes)
            memcpy(out, tensor->data, tensor->bytes);
        out += tensor->bytes;
    }
    return ERR_OK;
}

const struct graph_kind graph_kind_join = {
    .name = "join",
    .help = "The tensors of a list as one, along their first dimension",
    .inputs = {{"tensors", GRAPH_TENSOR, true, false}},
    .outputs = {{"tensor", GRAPH_TENSOR, false, false}},
    .bind = bind_join,
    .plan = plan_join,
    .run = run_join,
};
