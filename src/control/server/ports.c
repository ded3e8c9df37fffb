/* SPDX-License-Identifier: Apache-2.0 */
/* What the data plane asks of the control plane. */
#include "control/metrics/debug_render.h"
#include "control/openapi/openapi.h"
#include "control/server/say.h"
#include "control/server/server_int.h"

static bool is_ready(void *owner, struct text *why)
{
    struct server *server = owner;
    if (atomic_load_explicit(&server->is_draining, memory_order_relaxed)) {
        text_add(why, SLICE_LIT("the server is shutting down"));
        return false;
    }
    return models_are_ready(server->models, why);
}

static enum err render(void *owner, bool is_openmetrics, char **ret_text, size_t *ret_bytes)
{
    struct server *server = owner;
    char fault[64];
    struct text fault_text = text_init(fault, sizeof fault);
    struct config *config = server_config(server);
    struct metrics_sources sources = {
        .workers = server->meters,
        .worker_count = server->worker_count,
        .registry = server->registry,
        .config = config,
        .reloads = &server->reloads,
        .schemas = &server->schemas.meter,
        .loads = models_loads(server->models),
        .log_lines_lost = access_log_lost_lines(server->log),
        .build = {.version = SLICE_LIT(WEIR_VERSION),
                  .compiler = SLICE_LIT(METRICS_COMPILER),
                  .onnxruntime = config->models.count ? runtime_version(config->onnxruntime, &fault_text)
                                                      : (struct slice){NULL, 0}},
    };
    enum err err = metrics_render(&sources, is_openmetrics, ret_text, ret_bytes);
    config_unref(config);
    return err;
}

static enum err render_debug(void *owner, enum debug_document document, char **ret_text, size_t *ret_bytes)
{
    struct server *server = owner;
    struct config *config = server_config(server);
    struct debug_sources sources = {
        .workers = server->meters,
        .worker_count = server->worker_count,
        .stall_threshold_ns = config->stalls.threshold_ns,
        .begin_ns = server->begin_ns,
        .allocations = &server->allocations,
    };
    enum err err = debug_render(&sources, document, ret_text, ret_bytes);
    config_unref(config);
    return err;
}

static enum err render_openapi(void *owner, const struct config *config, bool is_yaml, char **ret_text,
                               size_t *ret_bytes)
{
    (void)owner;
    return openapi_render(config, is_yaml ? OPENAPI_YAML : OPENAPI_JSON, ret_text, ret_bytes);
}

static bool are_stale(void *owner, struct text *why)
{
    return schemas_are_stale(owner, why);
}

static uint64_t ask_for_schemas(void *owner)
{
    return schemas_ask(owner);
}

static enum err outcome_of_schemas(void *owner, uint64_t ticket, struct arena *arena,
                                   struct schemas_outcome *ret_outcome)
{
    return schemas_outcome_of(owner, ticket, arena, ret_outcome);
}

static uint64_t ask_for_model(void *owner, const struct repository_request *request)
{
    return repository_ask(owner, request);
}

static enum err outcome_of_model(void *owner, uint64_t ticket, struct arena *arena,
                                 struct repository_outcome *ret_outcome)
{
    return repository_outcome_of(owner, ticket, arena, ret_outcome);
}

static enum err list_models(void *owner, bool is_ready_only, struct repository_index **ret_index)
{
    return repository_index(owner, is_ready_only, ret_index);
}

static struct access_record *reserve(void *owner, uint32_t worker_index)
{
    return access_log_reserve(((struct server *)owner)->log, worker_index);
}

static void commit(void *owner, uint32_t worker_index)
{
    access_log_commit(((struct server *)owner)->log, worker_index);
}

static struct trace_record *reserve_trace(void *owner, uint32_t worker_index)
{
    return trace_log_reserve(((struct server *)owner)->trace_log, worker_index);
}

static void commit_trace(void *owner, uint32_t worker_index, struct trace_record *record)
{
    trace_log_commit(((struct server *)owner)->trace_log, worker_index, record);
}

static struct log_settings log_settings(void *owner, const struct log_settings *change)
{
    struct log_settings now;
    (void)owner;
    if (change)
        say_set(change->is_info, change->is_error);
    say_look(&now.is_info, &now.is_error);
    return now;
}

void server_ports_init(struct server *server)
{
    server->ports = (struct ports){
        .owner = server,
        .is_ready = is_ready,
        .trace_reserve = reserve_trace,
        .trace_commit = commit_trace,
        .log_settings = log_settings,
        .metrics_render = render,
        .openapi_render = render_openapi,
        .debug_render = render_debug,
        .schemas_are_stale = are_stale,
        .schemas_reload = ask_for_schemas,
        .schemas_outcome = outcome_of_schemas,
        .repository_ask = ask_for_model,
        .repository_outcome = outcome_of_model,
        .repository_index = list_models,
        .log_reserve = reserve,
        .log_commit = commit,
    };
}

struct config *server_config(struct server *server)
{
    mutex_lock(&server->config_lock);
    struct config *config = config_ref(server->config);
    mutex_unlock(&server->config_lock);
    return config;
}
