/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/image_input.h"

static int find_input(const struct model_info *model, struct slice name)
{
    if (name.len == 0)
        return 0;
    for (uint32_t i = 0; i < model->input_count; i++)
        if (slice_equal(model->inputs[i].name, name))
            return (int)i;
    return -1;
}

static enum err no_fit(struct text *fault, const struct tensor_spec *input, const int64_t *dims, enum tensor_type type)
{
    char made_memory[TENSOR_SHAPE_BYTES];
    char wanted_memory[TENSOR_SHAPE_BYTES];
    struct text made = text_init(made_memory, sizeof made_memory);
    struct text wanted = text_init(wanted_memory, sizeof wanted_memory);
    tensor_shape_print(&made, dims, 4);
    tensor_shape_print(&wanted, input->dims, input->rank);
    text_printf(fault,
                "normalize_image does not fit the model: it makes %s %s, but the input \"" SLICE_FMT "\" is %s %s.",
                tensor_type_name(type), made.ptr, SLICE_ARG(input->name), tensor_type_name(input->type), wanted.ptr);
    return ERR_MISMATCH;
}

enum err image_input_find(const struct decode_plan *plan, const struct model_info *model, struct text *fault,
                          struct image_input *ret_input)
{
    int index = find_input(model, plan->input);
    if (index < 0) {
        text_printf(fault, "normalize_image fills the input \"" SLICE_FMT "\", which the model does not have.",
                    SLICE_ARG(plan->input));
        return ERR_MISMATCH;
    }
    if (model->input_count != 1) {
        text_printf(fault, "normalize_image fills one input; the model has %u.", model->input_count);
        return ERR_MISMATCH;
    }
    const struct normalize_spec *spec = plan->image;
    const struct tensor_spec *input = &model->inputs[index];
    bool is_planar = spec->layout == NORMALIZE_NCHW;
    struct image_input found = {
        .index = (uint32_t)index,
        .dims = {1, is_planar ? spec->channels : spec->height, is_planar ? spec->height : spec->width,
                 is_planar ? spec->width : spec->channels},
    };
    enum tensor_type type = spec->type == NORMALIZE_F32 ? TENSOR_F32 : TENSOR_U8;
    if (input->type != type || !tensor_dims_fit(input, found.dims, 4))
        return no_fit(fault, input, found.dims, type);
    *ret_input = found;
    return ERR_OK;
}
