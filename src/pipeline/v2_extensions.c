/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/v2_extensions.h"

static bool always(const struct config *config)
{
    (void)config;
    return true;
}

static bool has_shared_memory(const struct config *config)
{
    return config->shared_memory.is_allowed;
}

static bool has_trace(const struct config *config)
{
    return config->trace.file.len;
}

static bool has_repository(const struct config *config)
{
    return config->repositories.count;
}

static bool has_sequences(const struct config *config)
{
    const struct model_config *models = config->models.items;
    for (uint32_t i = 0; i < config->models.count; i++)
        if (models[i].sequence.states.count)
            return true;
    return false;
}

static const struct {
    const char *name;
    bool (*is_there)(const struct config *config);
} extensions[] = {
    {"binary_tensor_data", always},
    {"classification", always},
    {"logging", always},
    {"model_configuration", always},
    {"model_repository", has_repository},
    {"parameters", always},
    {"schedule_policy", always},
    {"sequence", has_sequences},
    {"statistics", always},
    {"system_shared_memory", has_shared_memory},
    {"trace", has_trace},
};

const char *v2_extension(const struct config *config, uint32_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (extensions[i].is_there(config) && index-- == 0)
            return extensions[i].name;
    return NULL;
}

static bool are_deep(const struct tensor_spec *specs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (specs[i].rank < 2)
            return false;
    return true;
}

uint32_t v2_batch_size_max(const struct model *model)
{
    const struct model_info *info = model_info(model);
    uint32_t rows_max = model_batch_info(model)->rows_max;
    bool is_told =
        rows_max > 1 && are_deep(info->inputs, info->input_count) && are_deep(info->outputs, info->output_count);
    return is_told ? rows_max : 0;
}
