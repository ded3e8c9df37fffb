/* SPDX-License-Identifier: Apache-2.0 */
/* The binary tensor data extension of the Open Inference Protocol v2: a header says how long the JSON is, and behind it
 * stand the elements of those inputs that have a parameter binary_data_size, in the order of `inputs`. A body without any
 * JSON (the header says 0) is the elements of the one input that the model has. */
#include "pipeline/decode/tensors_int.h"
#include "pipeline/shared_input.h"
#include "pipeline/tensor_wire.h"

static const char parameter_size[] = "parameters/binary_data_size";

void tensors_take_binary(struct tensors_plan *plan, const struct tensor_spec *spec, struct tensor_item *item,
                         uint64_t bytes)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer(memory, item->position, parameter_size);
    uint64_t wanted = tensor_wire_bytes_of(spec->type, item->dims, spec->rank);
    bool is_bytes = spec->type == TENSOR_BYTES;
    item->source = TENSOR_IN_TAIL;
    if (!plan->has_tail)
        tensors_fault(plan, &pointer,
                      "Where the JSON ends and the data begin is to be said by the header "
                      "Inference-Header-Content-Length, which is missing.");
    else if (bytes > plan->tail.len)
        tensors_fault(plan, &pointer, "Expected %llu bytes behind the JSON; %zu are left.", (unsigned long long)bytes,
                      plan->tail.len);
    else if (is_bytes ? bytes < wanted : bytes != wanted)
        tensors_fault(plan, &pointer, "Expected %s%llu bytes, as the shape says; got %llu.",
                      is_bytes ? "at least " : "", (unsigned long long)wanted, (unsigned long long)bytes);
    bytes = bytes < plan->tail.len ? bytes : plan->tail.len;
    item->binary = slice_first(plan->tail, bytes);
    plan->tail = slice_skip(plan->tail, bytes);
}

void tensors_take_shared(struct tensors_plan *plan, const struct tensor_spec *spec, struct tensor_item *item,
                         const struct shared_range *range)
{
    char memory[TENSORS_POINTER_BYTES];
    char why[120];
    struct text fault = text_init(why, sizeof why);
    struct text pointer = tensors_pointer(memory, item->position, "parameters/shared_memory_byte_size");
    item->source = TENSOR_IN_SHARED_MEMORY;
    item->shared = *range;
    if (shared_input_check(range, spec, item->dims, &fault) != ERR_OK)
        tensors_fault(plan, &pointer, "%s", why);
}

/* Where something else is wrong, what is left may be for what was not understood. */
void tensors_check_tail(struct tensors_plan *plan)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer_to(memory, "/inputs");
    if (!plan->is_refused && plan->tail.len)
        tensors_fault(plan, &pointer,
                      "The body has %zu bytes behind the JSON that no input's binary_data_size asks for.",
                      plan->tail.len);
}

void tensors_check_binary(struct tensors_plan *plan, uint32_t input)
{
    char memory[TENSORS_POINTER_BYTES];
    char why[200];
    struct text fault = text_init(why, sizeof why);
    const struct tensor_item *item = &plan->items[input];
    struct text pointer =
        plan->is_raw ? tensors_pointer_to(memory, "") : tensors_pointer(memory, item->position, parameter_size);
    if (tensor_wire_check(plan->model->inputs[input].type, item->binary, &fault) != ERR_OK)
        tensors_fault(plan, &pointer, "%s.", why);
}

void tensors_fill_binary(struct tensors_plan *plan, uint32_t input, void *data)
{
    char memory[TENSORS_POINTER_BYTES];
    char why[200];
    struct text fault = text_init(why, sizeof why);
    const struct tensor_item *item = &plan->items[input];
    if (plan->is_raw && plan->model->inputs[input].type == TENSOR_BYTES) {
        *(struct slice *)data = item->binary;
        return;
    }
    struct text pointer = tensors_pointer(memory, item->position, parameter_size);
    if (tensor_wire_read(&plan->model->inputs[input], item->dims, item->binary, data, &fault) != ERR_OK)
        tensors_fault(plan, &pointer, "%s.", why);
}

/* --- a body without JSON ------------------------------------------------------------------------------------------------ */

static void refuse_raw(struct tensors_plan *plan, const struct tensor_spec *spec, const char *what)
{
    char memory[TENSORS_POINTER_BYTES];
    char shape_memory[TENSOR_SHAPE_BYTES];
    struct text pointer = tensors_pointer_to(memory, "");
    struct text shape = text_init(shape_memory, sizeof shape_memory);
    tensor_shape_print(&shape, spec->dims, spec->rank);
    tensors_fault(plan, &pointer,
                  "A body without JSON is the data of one input%s; the input \"" SLICE_FMT "\" is %s %s.", what,
                  SLICE_ARG(spec->name), tensor_type_name(spec->type), shape.ptr);
}

/* A text is the whole body: there is no place to say where one ends and the next begins. */
static void take_text(struct tensors_plan *plan, const struct tensor_spec *spec, struct tensor_item *item)
{
    if (spec->rank != 1 || (spec->dims[0] != 1 && spec->dims[0] != TENSOR_DIM_ANY)) {
        refuse_raw(plan, spec, ", and one text only where the shape is [1]");
        return;
    }
    item->dims[0] = 1;
    item->binary = plan->tail;
}

/* The one open dimension is as large as the body makes it. */
static void take_numbers(struct tensors_plan *plan, const struct tensor_spec *spec, struct tensor_item *item)
{
    int64_t open = -1;
    memcpy(item->dims, spec->dims, sizeof item->dims);
    for (uint32_t i = 0; i < spec->rank; i++) {
        if (spec->dims[i] != TENSOR_DIM_ANY)
            continue;
        if (open >= 0) {
            refuse_raw(plan, spec, ", of which one dimension at most may be of any size");
            return;
        }
        open = i;
        item->dims[i] = 1;
    }
    uint64_t bytes = tensor_wire_bytes_of(spec->type, item->dims, spec->rank);
    if (open >= 0 && bytes && plan->tail.len % bytes == 0)
        item->dims[open] = (int64_t)(plan->tail.len / bytes);
    bool does_fit = open >= 0 ? bytes && plan->tail.len % bytes == 0 : plan->tail.len == bytes;
    if (!does_fit) {
        char what[100];
        struct text out = text_init(what, sizeof what);
        text_printf(&out, ", %s%llu bytes, and this one has %zu", open >= 0 ? "a multiple of " : "",
                    (unsigned long long)bytes, plan->tail.len);
        refuse_raw(plan, spec, what);
    }
    item->binary = plan->tail;
}

/* Inputs that are written here (masks) need not be given. Returns how many others there are. */
static uint32_t find_wanted(const struct model_info *model, uint32_t *ret_index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->input_count; i++) {
        if (model->written_inputs & 1U << i)
            continue;
        *ret_index = i;
        count++;
    }
    return count;
}

void tensors_check_raw(struct tensors_plan *plan)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer_to(memory, "");
    uint32_t index = 0;
    uint32_t count = find_wanted(plan->model, &index);
    const struct tensor_spec *spec = &plan->model->inputs[index];
    struct tensor_item *item = &plan->items[index];
    plan->is_raw = true;
    plan->inference.is_binary = true;
    item->is_given = true;
    item->source = TENSOR_IN_TAIL;
    if (count != 1)
        tensors_fault(plan, &pointer, "A body without JSON is the data of one input; this model has %u.", count);
    else if (spec->type == TENSOR_BYTES)
        take_text(plan, spec, item);
    else
        take_numbers(plan, spec, item);
    plan->tail = (struct slice){NULL, 0};
}
