/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/provider.h"

#include <stdio.h>

/* Names in configurations, which are lower case, and the ones the runtime wants. An unknown one is passed on as it is. */
static const struct {
    const char *name;
    const char *theirs;
} provider_names[] = {
    {"azure", "AZURE"},       {"coreml", "CoreML"}, {"openvino", "OpenVINO"}, {"qnn", "QNN"},         {"snpe", "SNPE"},
    {"tensorrt", "TensorRT"}, {"webgpu", "WebGPU"}, {"vitisai", "VitisAI"},   {"xnnpack", "XNNPACK"},
};

enum err provider_read(struct slice words, struct provider *provider, struct text *fault)
{
    snprintf(provider->memory, sizeof(provider->memory), SLICE_FMT, SLICE_ARG(words));
    char *rest = provider->memory;
    provider->name = slice_of_text(strsep(&rest, " "));
    while (rest) {
        char *value = strsep(&rest, " ");
        const char *key = strsep(&value, "=");
        if (!*key)
            continue;
        if (!value || provider->count == ARRAY_LEN(provider->keys)) {
            text_printf(fault, "\"%s\" is no option of a provider: key=value is", key);
            return ERR_INVALID;
        }
        provider->keys[provider->count] = key;
        provider->values[provider->count++] = value;
    }
    return ERR_OK;
}

const char *provider_runtime_name(const struct provider *provider)
{
    for (size_t i = 0; i < ARRAY_LEN(provider_names); i++)
        if (slice_equal_nocase(provider->name, slice_of_text(provider_names[i].name)))
            return provider_names[i].theirs;
    return provider->name.ptr;
}
