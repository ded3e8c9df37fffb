/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/v2_extensions.h"

static bool always(const struct config *config)
{
    (void)config;
    return true;
}

static const struct {
    const char *name;
    bool (*is_there)(const struct config *config);
} extensions[] = {
    {"binary_tensor_data", always}, {"classification", always}, {"model_configuration", always},
    {"parameters", always},         {"statistics", always},
};

const char *v2_extension(const struct config *config, uint32_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (extensions[i].is_there(config) && index-- == 0)
            return extensions[i].name;
    return NULL;
}
