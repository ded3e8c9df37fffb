/* SPDX-License-Identifier: Apache-2.0 */
/* One function for each group of families; a family's samples stand together, as both formats demand. Workers are added
 * up here and not told apart: which worker took a connection is the kernel's choice and says nothing to a reader. */
#include "control/metrics/render_int.h"

#include "lib/base/arena.h"
#include "lib/base/text.h"
#include "lib/sys/thread.h"
#include "pipeline/contract.h"
#include "pipeline/route.h"

#include <stdlib.h>

#define TEXT_FIRST_BYTES 65536
#define TEXT_BYTES_MAX   (256u << 20)
#define NS_PER_SECOND    1e9

/* From a hundred microseconds, which a small model takes, to the half minute at which clients give up. */
static const double bounds_seconds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                        0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

/* A row of metrics.def and where its value stands in struct worker_meter. */
struct metric_row {
    const char *name;
    const char *unit; /* "" without */
    const char *help;
    size_t offset;
    enum metric_kind kind;
};

static const struct metric_row rows[] = {
#define METRIC(name, kind, unit, help) {#name, #unit, help, offsetof(struct worker_meter, name), METRIC_##kind},
#include "pipeline/metrics.def"
#undef METRIC
};

static void render_build(struct rendering *rendering);
static void render_process(struct rendering *rendering);
static void render_workers(struct rendering *rendering);
static void render_tls_failures(struct rendering *rendering);
static void render_stages(struct rendering *rendering);
static void render_upstreams(struct rendering *rendering);
static void render_routes(struct rendering *rendering);
static void render_reloads(struct rendering *rendering);
static void render_loads(struct rendering *rendering);
static void render_schemas(struct rendering *rendering);

enum err metrics_render(const struct metrics_sources *sources, bool is_openmetrics, char **ret_text, size_t *ret_bytes)
{
    struct pool pool;
    struct arena arena;
    struct rendering rendering = {.sources = sources};
    pool_init(&pool, 0, TEXT_BYTES_MAX);
    arena_init(&arena, &pool, TEXT_FIRST_BYTES, TEXT_BYTES_MAX);
    rendering.out = exposition_begin(is_openmetrics ? EXPOSITION_OPENMETRICS : EXPOSITION_PROMETHEUS,
                                     buffer_in_arena(&arena, TEXT_FIRST_BYTES));
    render_build(&rendering);
    render_process(&rendering);
    render_workers(&rendering);
    render_tls_failures(&rendering);
    render_stages(&rendering);
    render_upstreams(&rendering);
    render_loops(&rendering);
    render_allocations(&rendering);
    if (sources->registry)
        render_routes(&rendering);
    render_models(&rendering);
    render_steps(&rendering);
    if (sources->reloads)
        render_reloads(&rendering);
    if (sources->schemas)
        render_schemas(&rendering);
    if (sources->loads)
        render_loads(&rendering);
    struct slice text;
    enum err err = exposition_end(&rendering.out, &text);
    if (err == ERR_OK)
        err = render_copy(text, ret_text, ret_bytes);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}

enum err render_copy(struct slice text, char **ret_text, size_t *ret_bytes)
{
    char *copy = malloc(text.len);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, text.ptr, text.len);
    *ret_text = copy;
    *ret_bytes = text.len;
    return ERR_OK;
}

/* --- families and samples, shorter to say ------------------------------------------------------------------------ */

void render_family(struct rendering *rendering, enum exposition_type type, const char *name, const char *unit,
                   const char *help)
{
    exposition_family(&rendering->out,
                      &(struct exposition_family){.name = name, .unit = unit, .help = help, .type = type});
}

static void sample(struct rendering *rendering, double value)
{
    exposition_sample(&rendering->out, NULL, 0, value);
}

static void single(struct rendering *rendering, enum exposition_type type, const char *name, const char *unit,
                   const char *help, double value)
{
    render_family(rendering, type, name, unit, help);
    sample(rendering, value);
}

void render_histogram(struct rendering *rendering, const struct exposition_label *labels, size_t label_count,
                      struct exposition_bounds bounds)
{
    exposition_histogram(&rendering->out, labels, label_count, &rendering->merged, bounds);
    histogram_reset(&rendering->merged);
}

static void histogram(struct rendering *rendering, const struct exposition_label *labels, size_t label_count)
{
    struct exposition_bounds bounds = {.seconds = bounds_seconds, .count = ARRAY_LEN(bounds_seconds)};
    render_histogram(rendering, labels, label_count, bounds);
}

/* --- the process ------------------------------------------------------------------------------------------------- */

static void render_build(struct rendering *rendering)
{
    const struct metrics_build *build = &rendering->sources->build;
    struct exposition_label labels[] = {
        {"version", build->version}, {"compiler", build->compiler}, {"onnxruntime", build->onnxruntime}};
    render_family(rendering, EXPOSITION_INFO, "weir_build", NULL, "What is running");
    exposition_sample(&rendering->out, labels, ARRAY_LEN(labels), 1);
}

static void render_process(struct rendering *rendering)
{
    struct process_usage usage;
    process_usage(&usage);
    single(rendering, EXPOSITION_COUNTER, "process_cpu_seconds", "seconds", "User and system CPU time",
           (double)usage.cpu_ns / NS_PER_SECOND);
    single(rendering, EXPOSITION_GAUGE, "process_resident_memory_bytes", "bytes", "Resident memory",
           (double)usage.resident_bytes);
    single(rendering, EXPOSITION_GAUGE, "process_open_fds", NULL, "Open file descriptors", (double)usage.open_files);
    single(rendering, EXPOSITION_GAUGE, "process_max_fds", NULL, "Most file descriptors that may be open",
           (double)usage.open_files_max);
    single(rendering, EXPOSITION_GAUGE, "process_start_time_seconds", "seconds", "Start of the process, since 1970",
           (double)usage.start_wall_ns / NS_PER_SECOND);
}

/* --- rows of metrics.def ----------------------------------------------------------------------------------------- */

static double sum_row(const struct metrics_sources *sources, const struct metric_row *row)
{
    uint64_t counted = 0;
    int64_t level = 0;
    for (uint32_t i = 0; i < sources->worker_count; i++) {
        const char *place = (const char *)sources->workers[i] + row->offset;
        if (row->kind == METRIC_COUNTER)
            counted += counter_read((const struct counter *)(const void *)place);
        else
            level += gauge_read((const struct gauge *)(const void *)place);
    }
    return row->kind == METRIC_COUNTER ? (double)counted : (double)level;
}

/* A name ends with its unit: received_bytes has it, memory_outstanding gets it. */
static void name_row(const struct metric_row *row, struct text *name)
{
    size_t len = strlen(row->name);
    size_t unit_len = strlen(row->unit);
    bool has_unit = unit_len == 0 || (len > unit_len && strcmp(row->name + len - unit_len, row->unit) == 0);
    text_printf(name, "weir_%s%s%s", row->name, has_unit ? "" : "_", has_unit ? "" : row->unit);
}

static void render_workers(struct rendering *rendering)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char memory[96];
        struct text name = text_init(memory, sizeof memory);
        name_row(&rows[i], &name);
        single(rendering, rows[i].kind == METRIC_COUNTER ? EXPOSITION_COUNTER : EXPOSITION_GAUGE, name.ptr,
               rows[i].unit[0] ? rows[i].unit : NULL, rows[i].help, sum_row(rendering->sources, &rows[i]));
    }
    single(rendering, EXPOSITION_GAUGE, "weir_workers", NULL, "Event loops", (double)rendering->sources->worker_count);
    single(rendering, EXPOSITION_COUNTER, "weir_log_lines_lost", NULL, "Access log lines that a file did not take",
           (double)rendering->sources->log_lines_lost);
}

static void render_tls_failures(struct rendering *rendering)
{
    static const char *const names[] = {
#define TLS_FAILURE(name) #name,
#include "pipeline/tls_failures.def"
#undef TLS_FAILURE
    };
    const struct metrics_sources *sources = rendering->sources;
    render_family(rendering, EXPOSITION_COUNTER, "weir_tls_handshakes_failed", NULL,
                  "TLS handshakes that failed or took too long, by reason");
    for (size_t reason = 0; reason < TLS_FAILURE_COUNT; reason++) {
        struct exposition_label label = {"reason", slice_of_text(names[reason])};
        uint64_t count = 0;
        for (uint32_t i = 0; i < sources->worker_count; i++)
            count += counter_read(&sources->workers[i]->tls_handshakes_failed[reason]);
        exposition_sample(&rendering->out, &label, 1, (double)count);
    }
}

static void render_stages(struct rendering *rendering)
{
    const struct metrics_sources *sources = rendering->sources;
    render_family(rendering, EXPOSITION_HISTOGRAM, "weir_stage_duration_seconds", "seconds",
                  "Time that requests with a body spent in each stage, waiting included");
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        struct exposition_label label = {"stage", slice_of_text(stage_name((enum stage)stage))};
        for (uint32_t i = 0; i < sources->worker_count; i++)
            histogram_merge(&rendering->merged, &sources->workers[i]->stage_time[stage]);
        histogram(rendering, &label, 1);
    }
}

static void render_upstreams(struct rendering *rendering)
{
    const struct metrics_sources *sources = rendering->sources;
    render_family(rendering, EXPOSITION_HISTOGRAM, "weir_upstream_response_seconds", "seconds",
                  "Time from handing a request on to the head of the upstream's response");
    for (uint32_t i = 0; i < sources->worker_count; i++)
        histogram_merge(&rendering->merged, &sources->workers[i]->upstream_time);
    histogram(rendering, NULL, 0);
}

/* --- routes ------------------------------------------------------------------------------------------------------ */

static void render_statuses(struct rendering *rendering, const struct route_series *series)
{
    uint32_t workers = meter_registry_workers(rendering->sources->registry);
    for (int i = 0; i < METER_STATUS_COUNT; i++) {
        uint64_t count = 0;
        for (uint32_t w = 0; w < workers; w++)
            count += counter_read(&series->meters[w].requests[i]);
        if (!count)
            continue;
        char digits[20];
        struct slice status = slice_of(digits, text_format_u64(digits, (uint64_t)(METER_STATUS_MIN + i)));
        struct exposition_label labels[] = {{"route", series->name}, {"status", status}};
        exposition_sample(&rendering->out, labels, ARRAY_LEN(labels), (double)count);
    }
}

/* Only of routes where there was something: most have no contract. */
static void render_contracts(struct rendering *rendering, const struct route_series *first)
{
    static const struct {
        const char *what;
        const char *action;
    } events[CONTRACT_EVENT_COUNT] = {
        [CONTRACT_REQUEST_REFUSED] = {"request", "refused"},
        [CONTRACT_REQUEST_REPORTED] = {"request", "reported"},
        [CONTRACT_RESPONSE_REFUSED] = {"response", "refused"},
        [CONTRACT_RESPONSE_REPORTED] = {"response", "reported"},
    };
    render_family(rendering, EXPOSITION_COUNTER, "weir_contract_violations", NULL,
                  "Requests and responses that did not fit the contract of their route");
    for (const struct route_series *series = first; series; series = route_series_next(series))
        for (size_t event = 0; event < CONTRACT_EVENT_COUNT; event++) {
            uint64_t count = 0;
            for (uint32_t w = 0; w < meter_registry_workers(rendering->sources->registry); w++)
                count += counter_read(&series->meters[w].contract[event]);
            struct exposition_label labels[] = {{"route", series->name},
                                                {"what", slice_of_text(events[event].what)},
                                                {"action", slice_of_text(events[event].action)}};
            if (count)
                exposition_sample(&rendering->out, labels, ARRAY_LEN(labels), (double)count);
        }
}

static void render_routes(struct rendering *rendering)
{
    const struct meter_registry *registry = rendering->sources->registry;
    const struct route_series *first = meter_registry_first_route(registry);
    render_family(rendering, EXPOSITION_COUNTER, "weir_http_requests", NULL, "Requests answered, by route and status");
    for (const struct route_series *series = first; series; series = route_series_next(series))
        render_statuses(rendering, series);
    render_family(rendering, EXPOSITION_HISTOGRAM, "weir_http_request_duration_seconds", "seconds",
                  "Time from the first byte of a request to its response handed over");
    for (const struct route_series *series = first; series; series = route_series_next(series)) {
        struct exposition_label label = {"route", series->name};
        for (uint32_t w = 0; w < meter_registry_workers(registry); w++)
            histogram_merge(&rendering->merged, &series->meters[w].request_time);
        histogram(rendering, &label, 1);
    }
    render_family(rendering, EXPOSITION_GAUGE, "weir_http_requests_in_flight", NULL,
                  "Requests that are being answered");
    for (const struct route_series *series = first; series; series = route_series_next(series)) {
        struct exposition_label label = {"route", series->name};
        int64_t level = 0;
        for (uint32_t w = 0; w < meter_registry_workers(registry); w++)
            level += gauge_read(&series->meters[w].in_flight);
        exposition_sample(&rendering->out, &label, 1, (double)level);
    }
    render_contracts(rendering, first);
}

/* --- reloads ----------------------------------------------------------------------------------------------------- */

static void render_outcomes(struct rendering *rendering, const char *name, const char *help,
                            const struct reload_meter *reloads)
{
    struct exposition_label succeeded = {"result", SLICE_LIT("success")};
    struct exposition_label failed = {"result", SLICE_LIT("failure")};
    render_family(rendering, EXPOSITION_COUNTER, name, NULL, help);
    exposition_sample(&rendering->out, &succeeded, 1, (double)counter_read(&reloads->succeeded));
    exposition_sample(&rendering->out, &failed, 1, (double)counter_read(&reloads->failed));
}

static void count_schema(void *count, struct slice part, const struct contract_schema *schema)
{
    (void)part, (void)schema;
    ++*(uint32_t *)count;
}

static void render_schemas(struct rendering *rendering)
{
    const struct config *config = rendering->sources->config;
    const struct reload_meter *schemas = rendering->sources->schemas;
    uint32_t count = 0;
    for (uint32_t i = 0; config && i < config->route_count; i++)
        contract_each(config->routes[i]->contract, count_schema, &count);
    single(rendering, EXPOSITION_GAUGE, "weir_schemas", NULL, "Schemas that routes are bound to", count);
    render_outcomes(rendering, "weir_schemas_reloads", "Times that schemas were read anew", schemas);
    single(rendering, EXPOSITION_GAUGE, "weir_schemas_last_reload_successful", NULL,
           "1 when the schemas in use are those of the files", (double)gauge_read(&schemas->is_last_good));
}

static void render_reloads(struct rendering *rendering)
{
    const struct reload_meter *reloads = rendering->sources->reloads;
    render_outcomes(rendering, "weir_config_reloads", "Times that the configuration was loaded anew", reloads);
    single(rendering, EXPOSITION_GAUGE, "weir_config_last_reload_successful", NULL,
           "1 when the configuration file in place is the one being served",
           (double)gauge_read(&reloads->is_last_good));
    single(rendering, EXPOSITION_GAUGE, "weir_config_last_reload_success_timestamp_seconds", "seconds",
           "When the configuration being served was loaded, since 1970",
           (double)gauge_read(&reloads->last_success_ms) / 1e3);
}

static void render_loads(struct rendering *rendering)
{
    render_outcomes(rendering, "weir_model_loads", "Times that a model was opened and warmed",
                    rendering->sources->loads);
}
