/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/model_find.h"

#define NAMES_MAX       256 /* looked at for the nearest one */
#define LOADING_RETRY_S 2
#define FAILED_RETRY_S  30

static enum verdict refuse_name(struct request *request, struct slice name);

enum verdict model_find(struct request *request)
{
    if (request->route->model) {
        request->model_entry = request->route->model;
        return VERDICT_NEXT;
    }
    struct slice name = route_param(&request->match, "model");
    struct slice version = route_param(&request->match, "version");
    struct model_entry *entry = config_model(request->config, name);
    if (!entry)
        return refuse_name(request, name);
    if (version.ptr && !slice_equal(version, entry->config->version))
        return request_fail(request, PROBLEM_MODEL_NOT_FOUND,
                            "The model \"" SLICE_FMT "\" has no version \"" SLICE_FMT "\", only \"" SLICE_FMT "\".",
                            SLICE_ARG(name), SLICE_ARG(slice_first(version, 64)), SLICE_ARG(entry->config->version));
    request->model_entry = entry;
    return VERDICT_NEXT;
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
    case MODEL_LOADING:
        break;
    }
    request->retry_after_s = LOADING_RETRY_S;
    return request_fail(request, PROBLEM_MODEL_NOT_READY, "The model \"" SLICE_FMT "\" is still loading.",
                        SLICE_ARG(name));
}
