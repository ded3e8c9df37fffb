/* SPDX-License-Identifier: Apache-2.0 */
/* A config.pbtxt against the model it is about, and against the versions that there are. */
#include "control/repository/model_settings.h"

#include <stdlib.h>

struct fitting {
    const struct model_settings *settings;
    struct slice path;
    struct text *fault;
};

static bool refuse(const struct fitting *fitting, const struct declared_tensor *tensor)
{
    text_printf(fitting->fault, SLICE_FMT, SLICE_ARG(fitting->path));
    if (tensor->place.line)
        text_printf(fitting->fault, ":%u:%u", tensor->place.line, tensor->place.column);
    text_add(fitting->fault, SLICE_LIT(": "));
    return false;
}

/* The shape that is declared, with the batch dimension. */
static uint32_t whole_dims(const struct model_settings *settings, const struct declared_tensor *tensor,
                           int64_t dims[TENSOR_RANK_MAX + 1])
{
    uint32_t rank = 0;
    if (settings->batch_max)
        dims[rank++] = TENSOR_DIM_ANY;
    for (uint32_t i = 0; i < tensor->rank; i++)
        dims[rank++] = tensor->dims[i];
    return rank;
}

/* Where either leaves a size open they agree: Triton's users write -1 where the model says more, and the other way round. */
static bool has_same_dims(const struct model_settings *settings, const struct declared_tensor *tensor,
                          const struct tensor_spec *spec)
{
    int64_t dims[TENSOR_RANK_MAX + 1];
    uint32_t rank = whole_dims(settings, tensor, dims);
    bool are_same = rank == spec->rank;
    for (uint32_t i = 0; are_same && i < rank; i++)
        are_same = dims[i] == spec->dims[i] || dims[i] == TENSOR_DIM_ANY || spec->dims[i] == TENSOR_DIM_ANY;
    return are_same;
}

static bool fits_tensor(const struct fitting *fitting, const char *kind, const struct declared_tensor *tensor,
                        const struct tensor_spec *spec)
{
    const struct model_settings *settings = fitting->settings;
    int64_t dims[TENSOR_RANK_MAX + 1];
    if (tensor->type != TENSOR_NONE && tensor->type != spec->type) {
        (void)refuse(fitting, tensor);
        text_printf(fitting->fault, "%s \"" SLICE_FMT "\" is declared as %s, and the model has %s", kind,
                    SLICE_ARG(tensor->name), tensor_type_name(tensor->type), tensor_type_name(spec->type));
        return false;
    }
    if (!tensor->has_dims || has_same_dims(settings, tensor, spec))
        return true;
    (void)refuse(fitting, tensor);
    text_printf(fitting->fault, "%s \"" SLICE_FMT "\" is declared with the shape ", kind, SLICE_ARG(tensor->name));
    tensor_shape_print(fitting->fault, dims, whole_dims(settings, tensor, dims));
    text_printf(fitting->fault, "%s, and the model has ",
                settings->batch_max ? ", the batch dimension in front because max_batch_size is not 0" : "");
    tensor_shape_print(fitting->fault, spec->dims, spec->rank);
    return false;
}

static bool fits_side(const struct fitting *fitting, const char *kind, const struct declared_tensor *tensors,
                      uint32_t count, const struct tensor_spec *specs, uint32_t spec_count)
{
    const char *names[MODEL_TENSORS_MAX];
    for (uint32_t i = 0; i < spec_count; i++)
        names[i] = specs[i].name.ptr;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = 0;
        while (k < spec_count && !slice_equal(specs[k].name, tensors[i].name))
            k++;
        if (k < spec_count) {
            if (!fits_tensor(fitting, kind, &tensors[i], &specs[k]))
                return false;
            continue;
        }
        const char *nearest = text_nearest(tensors[i].name, names, spec_count);
        (void)refuse(fitting, &tensors[i]);
        text_printf(fitting->fault, "the model has no %s \"" SLICE_FMT "\"; %s\"%s\"%s", kind,
                    SLICE_ARG(tensors[i].name), nearest ? "did you mean " : "the first one is ",
                    nearest      ? nearest
                    : spec_count ? names[0]
                                 : "",
                    nearest ? "?" : "");
        return false;
    }
    return true;
}

static bool is_state(const struct model_settings *settings, struct slice input)
{
    for (uint32_t i = 0; i < settings->state_count; i++)
        if (slice_equal(settings->states[i].input, input))
            return true;
    return false;
}

/* Who lists inputs lists all of them: a request would fail for want of one that nobody knew of. */
static bool has_all_inputs(const struct fitting *fitting, const struct model_info *info)
{
    const struct model_settings *settings = fitting->settings;
    for (uint32_t i = 0; settings->input_count && i < info->input_count; i++) {
        uint32_t k = 0;
        while (k < settings->input_count && !slice_equal(settings->inputs[k].name, info->inputs[i].name))
            k++;
        if (k < settings->input_count || is_state(settings, info->inputs[i].name))
            continue;
        text_printf(fitting->fault, SLICE_FMT ": the model has an input \"" SLICE_FMT "\" that is not declared",
                    SLICE_ARG(fitting->path), SLICE_ARG(info->inputs[i].name));
        return false;
    }
    return true;
}

bool model_settings_fit(const struct model_settings *settings, const struct model_info *info, struct slice path,
                        struct text *fault)
{
    const struct fitting fitting = {.settings = settings, .path = path, .fault = fault};
    return fits_side(&fitting, "input", settings->inputs, settings->input_count, info->inputs, info->input_count) &&
           fits_side(&fitting, "output", settings->outputs, settings->output_count, info->outputs,
                     info->output_count) &&
           has_all_inputs(&fitting, info);
}

static bool is_wanted(const struct model_settings *settings, uint64_t version)
{
    for (uint32_t i = 0; i < settings->version_count; i++)
        if (settings->versions[i] == version)
            return true;
    return false;
}

uint32_t model_settings_choose(const struct model_settings *settings, uint64_t latest_count, uint64_t *versions,
                               uint32_t count)
{
    uint64_t latest = settings->policy == VERSIONS_UNSAID   ? latest_count
                      : settings->policy == VERSIONS_LATEST ? settings->latest_count
                                                            : 0;
    uint32_t chosen = 0;
    if (settings->policy != VERSIONS_SPECIFIC)
        return latest && latest < count ? (uint32_t)latest : count;
    for (uint32_t i = 0; i < count; i++)
        if (is_wanted(settings, versions[i]))
            versions[chosen++] = versions[i];
    return chosen;
}
