/* SPDX-License-Identifier: Apache-2.0 */
/* What rows cannot say: values that are fine alone and wrong together, and names that must lead somewhere. */
#include "control/config/compile_int.h"
#include "lib/options/scalar.h"
#include "lib/sys/file.h"
#include "pipeline/contract.h"
#include "pipeline/graph.h"

#define PIXEL_BYTES 3

static void check_limits(struct compile *compile);
static void check_clients(struct compile *compile);
static void check_routes(struct compile *compile);

void compile_check(struct compile *compile)
{
    compile_check_models(compile);
    check_limits(compile);
    check_clients(compile);
    check_routes(compile);
}

struct order {
    const char *less;
    uint64_t less_value;
    const char *more;
    uint64_t more_value;
    const char *reason;
};

/* The message stands at the one of the two that was written, the smaller one first. */
static void check_order(struct compile *compile, const struct order *order)
{
    const struct yaml_node *limits = yaml_find(compile->root, "limits");
    const struct yaml_node *less = yaml_find(limits, order->less);
    const struct yaml_node *more = yaml_find(limits, order->more);
    char memory[64];
    struct text values = text_init(memory, sizeof memory);
    if (order->less_value <= order->more_value)
        return;
    size_format(order->less_value, &values);
    text_add(&values, SLICE_LIT(" > "));
    size_format(order->more_value, &values);
    report_error(compile->report, compile_place_of(less ? less : more),
                 "limits.%s must not be more than limits.%s (%s): %s", order->less, order->more, memory, order->reason);
}

static void check_limits(struct compile *compile)
{
    const struct limits_config *limits = &compile->config->limits;
    const struct order orders[] = {
        {"target_bytes", limits->target_bytes, "head_bytes", limits->head_bytes, "the target is a part of the head"},
        {"body_bytes", limits->body_bytes, "request_memory", limits->request_memory,
         "the body is held in the memory of its request"},
        {"head_bytes", limits->head_bytes, "request_memory", limits->request_memory,
         "the head is held in the memory of its request"},
        {"request_memory", limits->request_memory, "worker_memory", limits->worker_memory,
         "one request could never get its memory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        check_order(compile, &orders[i]);
    if (limits->image_pixels * PIXEL_BYTES > limits->request_memory)
        report_warning(
            compile->report, compile_place_of(yaml_find(yaml_find(compile->root, "limits"), "image_pixels")),
            "an image of limits.image_pixels takes %llu bytes, more than limits.request_memory: the largest images "
            "will be refused for want of memory",
            (unsigned long long)limits->image_pixels * PIXEL_BYTES);
}

static struct slice folder_of(struct slice path)
{
    while (path.len > 1 && path.ptr[path.len - 1] != '/')
        path.len--;
    return path;
}

/* The file is made when the first trace comes, which may be long after anybody looked. */
static void check_trace(struct compile *compile)
{
    struct slice file = compile->config->trace.file;
    struct slice folder = file.len ? arena_copy(compile->fill.scratch, folder_of(file)) : file;
    struct file_status status;
    if (folder.len && (file_status(folder.ptr, &status) != ERR_OK || status.is_regular))
        report_error(compile->report, compile_place_of(yaml_find(compile->root, "trace")),
                     "the folder of the trace file " SLICE_FMT " does not exist", SLICE_ARG(file));
}

/* What clients may have the server do, where it can do that at all. */
static void check_clients(struct compile *compile)
{
    const struct config *config = compile->config;
    const struct yaml_node *prefix = yaml_find(yaml_find(compile->root, "shared_memory"), "prefix");
    check_trace(compile);
    if (prefix && slice_find(config->shared_memory.prefix, '/') < config->shared_memory.prefix.len)
        report_error(
            compile->report, prefix->place,
            "\"prefix\" is how names begin, without the slash in front, and they have no other; found \"" SLICE_FMT
            "\"",
            SLICE_ARG(config->shared_memory.prefix));
}

static bool serves_any_model(const struct route *route)
{
    return route->endpoint == ENDPOINT_v2_infer || route->rpc == RPC_ModelInfer;
}

static bool runs_in_pipeline(const struct pipeline *pipeline, struct slice name)
{
    for (uint32_t i = 0; pipeline && i < pipeline->step_count; i++)
        if (slice_equal(pipeline->steps[i].model_name, name))
            return true;
    return false;
}

static void check_use(struct compile *compile, uint32_t index, const struct yaml_node *item)
{
    const struct config *config = compile->config;
    const struct model_config *model = (const struct model_config *)config->models.items + index;
    for (uint32_t i = 0; i < config->route_count; i++)
        if (serves_any_model(config->routes[i]) || slice_equal(config->routes[i]->config->to.model, model->name) ||
            runs_in_pipeline(config->routes[i]->pipeline, model->name))
            return;
    report_warning(compile->report, compile_place_of(yaml_find(item, "name")),
                   "no route leads to model \"" SLICE_FMT "\"", SLICE_ARG(model->name));
}

/* What became of a route as it is written; of several methods the first. NULL: nothing, which is reported. */
static const struct route *route_at(const struct compile *compile, const struct yaml_node *node)
{
    const struct yaml_node *match = yaml_find(node, "match");
    for (uint32_t i = 0; match && i < compile->config->route_count; i++)
        if (compile->places[i].line == match->place.line && compile->places[i].column == match->place.column)
            return compile->config->routes[i];
    return NULL;
}

/* A body goes on to an upstream while it comes, unless a contract wants to see it. */
static void check_body_bytes(struct compile *compile, const struct yaml_node *node)
{
    const struct yaml_node *written = yaml_find(node, "body_bytes");
    const struct yaml_node *to = yaml_find(node, "to");
    const struct route *route = route_at(compile, node);
    bool is_held = route && contract_checks_bodies(route->contract);
    bool is_streamed = !is_held && (yaml_find(to, "upstream") || yaml_find(to, "proxy"));
    uint64_t bytes;
    if (written && !is_streamed && size_parse(written->text, &bytes) == ERR_OK &&
        bytes > compile->config->limits.request_memory)
        report_error(compile->report, written->place,
                     "body_bytes of a route must not be more than limits.request_memory: the body is held "
                     "in the memory of its request");
}

static bool enforces_responses(const struct contract *contract)
{
    for (uint32_t i = 0; contract && i < contract->response_count; i++)
        if (contract->responses[i].schema.schema && contract->responses[i].schema.mode == CONTRACT_ENFORCE)
            return true;
    return false;
}

/* A file is sent from the disk, and nobody has it whole to look at. */
static void check_files(struct compile *compile, const struct yaml_node *node)
{
    const struct route *route = route_at(compile, node);
    if (route && route->files && enforces_responses(route->contract))
        report_error(compile->report, yaml_find(node, "match")->place,
                     "responses of files cannot be enforced, because files are sent as they are read; write "
                     "contract: {responses: report}, or off");
}

/* Whoever may load a model may replace one, and read what the log says of files. */
static void check_public(struct compile *compile)
{
    const struct config *config = compile->config;
    for (uint32_t i = 0; i < config->route_count && config_is_explicit(config); i++)
        if (config->routes[i]->endpoint == ENDPOINT_v2_repository_load && config->routes[i]->config->is_public)
            report_warning(compile->report, compile->places[i],
                           "anyone may load and unload models by this route: a repository is under explicit control, "
                           "and the route is public");
}

static void check_routes(struct compile *compile)
{
    check_public(compile);
    const struct yaml_node *routes = yaml_find(compile->root, "routes");
    const struct yaml_node *models = yaml_find(compile->root, "models");
    for (const struct yaml_node *route = routes && routes->kind == YAML_LIST ? routes->first : NULL; route;
         route = route->next) {
        check_body_bytes(compile, route);
        check_files(compile, route);
    }
    if (compile->report->error_count || !models || models->count != compile->written_models)
        return;
    const struct yaml_node *item = models->first;
    for (uint32_t i = 0; i < compile->written_models; i++, item = item->next)
        check_use(compile, i, item);
}
