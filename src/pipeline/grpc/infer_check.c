/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a ModelInferRequest against what the model declares. */
#include "pipeline/grpc/infer_int.h"
#include "pipeline/shared_input.h"
#include "pipeline/tensor_wire.h"

#define NAME_SHOWN  64
#define NAMES_BYTES 300

static enum err assign_raws(struct infer_message *message);
static enum err check_input(struct infer_message *message, const struct model_info *model, uint32_t position,
                            uint64_t bytes_max);
static enum err check_missing(struct infer_message *message, const struct model_info *model);
static enum err check_outputs(struct infer_message *message, const struct model_info *model);

enum err infer_check(struct infer_message *message, const struct model_info *model, uint64_t bytes_max)
{
    for (uint32_t i = 0; i < model->input_count; i++)
        message->items[i] = INFER_ITEM_NONE;
    TRY(assign_raws(message));
    for (uint32_t i = 0; i < message->input_count; i++)
        TRY(check_input(message, model, i, bytes_max));
    TRY(check_missing(message, model));
    return check_outputs(message, model);
}

/* raw_input_contents are for all inputs, in their order, but for those in shared memory; then none has contents. */
static enum err assign_raws(struct infer_message *message)
{
    uint32_t taken = 0;
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < message->input_count; i++) {
        struct infer_input *input = &message->inputs[i];
        if (input->parameters.shared.region.ptr)
            continue;
        wanted++;
        if (message->raw_count && input->has_contents) {
            text_printf(message->fault,
                        "The input \"" SLICE_FMT "\" has contents beside raw_input_contents; one of the two is taken.",
                        SLICE_ARG(slice_first(input->name, NAME_SHOWN)));
            return ERR_INVALID;
        }
        if (taken < message->raw_count) {
            input->raw = message->raws[taken++];
            input->has_raw = true;
        }
    }
    if (message->raw_count && message->raw_count != wanted) {
        text_printf(message->fault, "Expected %u raw_input_contents, one for each input; got %u.", wanted,
                    message->raw_count);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static int find_spec(const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(specs[i].name, name))
            return (int)i;
    return -1;
}

static enum err fail_name(struct infer_message *message, const char *kind, const struct tensor_spec *specs,
                          uint32_t count, struct slice name)
{
    char memory[NAMES_BYTES];
    struct text names = text_init(memory, sizeof memory);
    for (uint32_t i = 0; i < count; i++)
        text_printf(&names, "%s\"" SLICE_FMT "\"", i ? ", " : "", SLICE_ARG(specs[i].name));
    text_printf(message->fault, "The model has no %s \"" SLICE_FMT "\", only " SLICE_FMT "%s.", kind,
                SLICE_ARG(slice_first(name, NAME_SHOWN)), SLICE_ARG(text_slice(&names)), names.is_cut ? "..." : "");
    return ERR_INVALID;
}

static enum err fail_shape(struct infer_message *message, const struct tensor_spec *spec,
                           const struct infer_input *input, const char *what)
{
    char memory[TENSOR_SHAPE_BYTES];
    char given_memory[TENSOR_SHAPE_BYTES];
    struct text shape = text_init(memory, sizeof memory);
    struct text given = text_init(given_memory, sizeof given_memory);
    tensor_shape_print(&shape, spec->dims, spec->rank);
    tensor_shape_print(&given, input->dims, input->rank);
    text_printf(message->fault,
                "The shape " SLICE_FMT " %s: the input \"" SLICE_FMT "\" is " SLICE_FMT ", where -1 is any size.",
                SLICE_ARG(text_slice(&given)), what, SLICE_ARG(spec->name), SLICE_ARG(text_slice(&shape)));
    return ERR_INVALID;
}

static enum err check_shape(struct infer_message *message, const struct tensor_spec *spec,
                            const struct infer_input *input, uint64_t bytes_max)
{
    if (!tensor_dims_fit(spec, input->dims, input->rank))
        return fail_shape(message, spec, input, "does not fit");
    for (uint32_t i = 0; i < input->rank; i++)
        if (input->dims[i] < 0)
            return fail_shape(message, spec, input, "has a negative dimension");
    int64_t elements = tensor_elements(input->dims, input->rank);
    if (elements < 0 || (uint64_t)elements > bytes_max / MAX(tensor_element_bytes(spec->type), 1))
        return fail_shape(message, spec, input, "takes more memory than a request may have");
    return ERR_OK;
}

static enum err check_raw(struct infer_message *message, const struct tensor_spec *spec,
                          const struct infer_input *input)
{
    uint64_t bytes = tensor_wire_bytes_of(spec->type, input->dims, input->rank);
    bool is_right = spec->type == TENSOR_BYTES ? input->raw.len >= bytes : input->raw.len == bytes;
    if (is_right)
        return ERR_OK;
    text_printf(message->fault,
                "The input \"" SLICE_FMT "\" has %zu bytes of raw_input_contents; expected %s%llu, as "
                "its shape says.",
                SLICE_ARG(spec->name), input->raw.len, spec->type == TENSOR_BYTES ? "at least " : "",
                (unsigned long long)bytes);
    return ERR_INVALID;
}

static enum err check_contents(struct infer_message *message, const struct tensor_spec *spec,
                               const struct infer_input *input)
{
    uint64_t count;
    uint64_t elements = (uint64_t)tensor_elements(input->dims, input->rank);
    TRY(infer_contents_count(message, spec, input->contents, &count));
    if (count == elements)
        return ERR_OK;
    text_printf(message->fault, "The input \"" SLICE_FMT "\" has %llu elements; expected %llu, as its shape says.",
                SLICE_ARG(spec->name), (unsigned long long)count, (unsigned long long)elements);
    return ERR_INVALID;
}

static enum err check_parameters(struct infer_message *message, const struct tensor_spec *spec,
                                 const struct infer_input *input)
{
    char memory[200];
    struct text why = text_init(memory, sizeof memory);
    if (tensor_parameters_check(&input->parameters, &why) == ERR_OK)
        return ERR_OK;
    text_printf(message->fault, "The input \"" SLICE_FMT "\": " SLICE_FMT, SLICE_ARG(spec->name),
                SLICE_ARG(text_slice(&why)));
    return ERR_INVALID;
}

static enum err check_shared(struct infer_message *message, const struct tensor_spec *spec,
                             const struct infer_input *input)
{
    char memory[120];
    struct text why = text_init(memory, sizeof memory);
    if (shared_input_check(&input->parameters.shared, spec, input->dims, &why) == ERR_OK)
        return ERR_OK;
    text_printf(message->fault, "The input \"" SLICE_FMT "\" in shared memory: " SLICE_FMT, SLICE_ARG(spec->name),
                SLICE_ARG(text_slice(&why)));
    return ERR_INVALID;
}

static enum err check_input(struct infer_message *message, const struct model_info *model, uint32_t position,
                            uint64_t bytes_max)
{
    const struct infer_input *input = &message->inputs[position];
    int index = find_spec(model->inputs, model->input_count, input->name);
    if (index < 0)
        return fail_name(message, "input", model->inputs, model->input_count, input->name);
    const struct tensor_spec *spec = &model->inputs[index];
    if (message->items[index] != INFER_ITEM_NONE) {
        text_printf(message->fault, "The input \"" SLICE_FMT "\" is given twice.", SLICE_ARG(spec->name));
        return ERR_INVALID;
    }
    message->items[index] = position;
    if (!slice_is(input->datatype, tensor_type_name(spec->type))) {
        text_printf(message->fault, "The input \"" SLICE_FMT "\" is %s, not \"" SLICE_FMT "\".", SLICE_ARG(spec->name),
                    tensor_type_name(spec->type), SLICE_ARG(slice_first(input->datatype, NAME_SHOWN)));
        return ERR_INVALID;
    }
    TRY(check_shape(message, spec, input, bytes_max));
    TRY(check_parameters(message, spec, input));
    if (input->parameters.shared.region.ptr)
        return check_shared(message, spec, input);
    return input->has_raw ? check_raw(message, spec, input) : check_contents(message, spec, input);
}

static enum err check_missing(struct infer_message *message, const struct model_info *model)
{
    char memory[TENSOR_SHAPE_BYTES];
    for (uint32_t i = 0; i < model->input_count; i++) {
        const struct tensor_spec *spec = &model->inputs[i];
        if (message->items[i] != INFER_ITEM_NONE || (model->written_inputs & 1U << i))
            continue;
        struct text shape = text_init(memory, sizeof memory);
        tensor_shape_print(&shape, spec->dims, spec->rank);
        text_printf(message->fault, "The input \"" SLICE_FMT "\" is missing: %s " SLICE_FMT ", where -1 is any size.",
                    SLICE_ARG(spec->name), tensor_type_name(spec->type), SLICE_ARG(text_slice(&shape)));
        return ERR_INVALID;
    }
    return ERR_OK;
}

static bool is_wished(const struct infer_message *message, uint32_t index)
{
    for (uint32_t i = 0; i < message->inference.output_count; i++)
        if (message->wishes[i].index == index)
            return true;
    return false;
}

static enum err check_outputs(struct infer_message *message, const struct model_info *model)
{
    char memory[200];
    struct inference *inference = &message->inference;
    for (uint32_t i = 0; i < message->output_count; i++) {
        const struct infer_output *output = &message->outputs[i];
        int index = find_spec(model->outputs, model->output_count, output->name);
        if (index < 0)
            return fail_name(message, "output", model->outputs, model->output_count, output->name);
        const struct tensor_spec *spec = &model->outputs[index];
        if (is_wished(message, (uint32_t)index)) {
            text_printf(message->fault, "The output \"" SLICE_FMT "\" is asked for twice.", SLICE_ARG(spec->name));
            return ERR_INVALID;
        }
        struct text why = text_init(memory, sizeof memory);
        if (output_wish_make(&output->parameters, inference, spec, (uint32_t)index,
                             &message->wishes[inference->output_count], &why) != ERR_OK) {
            text_printf(message->fault, "The output \"" SLICE_FMT "\": " SLICE_FMT, SLICE_ARG(spec->name),
                        SLICE_ARG(text_slice(&why)));
            return ERR_INVALID;
        }
        inference->output_count++;
    }
    return ERR_OK;
}

static enum err refuse_raw(struct infer_message *message, const struct tensor_spec *spec, const struct text *why)
{
    text_printf(message->fault, "The input \"" SLICE_FMT "\": " SLICE_FMT ".", SLICE_ARG(spec->name),
                SLICE_ARG(text_slice(why)));
    return ERR_INVALID;
}

enum err infer_check_raw(struct infer_message *message, const struct tensor_spec *spec, const struct infer_input *input)
{
    char memory[200];
    struct text why = text_init(memory, sizeof memory);
    return tensor_wire_check(spec->type, input->raw, &why) == ERR_OK ? ERR_OK : refuse_raw(message, spec, &why);
}

enum err infer_fill(struct infer_message *message, const struct model_info *model, uint32_t index, void *data)
{
    char memory[200];
    struct text why = text_init(memory, sizeof memory);
    const struct tensor_spec *spec = &model->inputs[index];
    const struct infer_input *input = &message->inputs[message->items[index]];
    if (!input->has_raw)
        return infer_contents_fill(message, spec, input->contents, data);
    bool is_right = tensor_wire_read(spec, input->dims, input->raw, data, &why) == ERR_OK;
    return is_right ? ERR_OK : refuse_raw(message, spec, &why);
}
