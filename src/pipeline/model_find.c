/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/model_find.h"

#define NAMES_MAX       256 /* looked at for the nearest one */
#define LOADING_RETRY_S 2
#define FAILED_RETRY_S  30
#define VERSIONS_BYTES  256

static enum verdict refuse_name(struct request *request, struct slice name);

/* A version that is loaded stands in for a higher one that is not. */
static struct model_entry *of_route(const struct request *request)
{
    struct model_entry *entry = request->route->model;
    if (LIKELY(atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY))
        return entry;
    struct model_entry *other = config_model(request->config, entry->config->name);
    return other ? other : entry;
}

static enum verdict refuse_version(struct request *request, const struct model_range *range, struct slice version)
{
    char memory[VERSIONS_BYTES];
    struct text versions = text_init(memory, sizeof memory);
    for (uint32_t i = 0; i < range->count; i++)
        text_printf(&versions, "%s\"" SLICE_FMT "\"", i ? ", " : "", SLICE_ARG(range->entries[i]->config->version));
    return request_fail(request, PROBLEM_MODEL_NOT_FOUND,
                        "The model \"" SLICE_FMT "\" has no version \"" SLICE_FMT "\", only %s%s.",
                        SLICE_ARG(range->entries[0]->config->name), SLICE_ARG(slice_first(version, 64)), memory,
                        versions.is_cut ? "..." : "");
}

enum verdict model_find(struct request *request)
{
    if (request->route->model) {
        request->model_entry = of_route(request);
        return VERDICT_NEXT;
    }
    return model_find_named(request, route_param(&request->match, "model"), route_param(&request->match, "version"));
}

enum verdict model_find_named(struct request *request, struct slice name, struct slice version)
{
    if (!version.len) {
        request->model_entry = config_model(request->config, name);
        return request->model_entry ? VERDICT_NEXT : refuse_name(request, name);
    }
    struct model_range range = config_model_versions(request->config, name);
    for (uint32_t i = 0; i < range.count; i++)
        if (slice_equal(range.entries[i]->config->version, version)) {
            request->model_entry = range.entries[i];
            return VERDICT_NEXT;
        }
    return range.count ? refuse_version(request, &range, version) : refuse_name(request, name);
}

static enum verdict refuse_name(struct request *request, struct slice name)
{
    const struct model_config *models = request->config->models.items;
    const char *names[NAMES_MAX];
    size_t count = MIN(request->config->models.count, NAMES_MAX);
    for (size_t i = 0; i < count; i++)
        names[i] = models[i].name.ptr;
    struct slice shown = slice_first(name, 128);
    const char *nearest = text_nearest(shown, names, count);
    if (nearest)
        return request_fail(request, PROBLEM_MODEL_NOT_FOUND,
                            "No model is named \"" SLICE_FMT "\"; did you mean \"%s\"?", SLICE_ARG(shown), nearest);
    return request_fail(request, PROBLEM_MODEL_NOT_FOUND, "No model is named \"" SLICE_FMT "\".", SLICE_ARG(shown));
}

enum verdict model_need(struct request *request, struct model **ret_model)
{
    const struct model_entry *entry = request->model_entry;
    struct slice name = entry->config->name;
    switch ((enum model_state)atomic_load_explicit(&entry->state, memory_order_acquire)) {
    case MODEL_READY:
        *ret_model = atomic_load_explicit(&entry->model, memory_order_acquire);
        return VERDICT_NEXT;
    case MODEL_FAILED:
        request->retry_after_s = FAILED_RETRY_S;
        return request_fail(request, PROBLEM_MODEL_NOT_READY,
                            "The model \"" SLICE_FMT "\" could not be loaded; the server's own messages say why.",
                            SLICE_ARG(name));
    case MODEL_ABSENT:
        request->retry_after_s = FAILED_RETRY_S;
        return request_fail(request, PROBLEM_MODEL_NOT_READY, "The model \"" SLICE_FMT "\" is not loaded.",
                            SLICE_ARG(name));
    case MODEL_LOADING:
        break;
    }
    request->retry_after_s = LOADING_RETRY_S;
    return request_fail(request, PROBLEM_MODEL_NOT_READY, "The model \"" SLICE_FMT "\" is still loading.",
                        SLICE_ARG(name));
}

enum verdict model_find_ready(struct request *request, struct model **ret_model)
{
    enum verdict verdict = model_find(request);
    return verdict == VERDICT_NEXT ? model_need(request, ret_model) : verdict;
}
