/* SPDX-License-Identifier: Apache-2.0 */
/* A test stand for stages and middlewares: a worker without a socket, one route, one request at a time, a crew of one
 * thread, and a model that is nothing but memory, unless STAND_HAS_REAL_MODELS is defined. Included by one .c file of a
 * test, because it defines the functions of model.h and ports.h that the program takes from elsewhere. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_STAND_H
#define WEIR_TESTS_UNIT_PIPELINE_STAND_H

#include "lib/sys/clock.h"
#include "pipeline/config_make.h"
#include "pipeline/connection.h"
#include "pipeline/flow.h"
#include "pipeline/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifndef STAND_HAS_REAL_MODELS

/* --- A model of memory ------------------------------------------------------------------------------------------ */

struct run {
    struct model *model;
    struct tensor in[MODEL_TENSORS_MAX];
    struct tensor out[MODEL_TENSORS_MAX];
    bool is_out;
};

struct model {
    struct model_info info;
    struct batch_info batch;
    struct model_cache *cache;
    struct run run; /* the only one */
    uint32_t acquired;
};

static struct model fake;

const struct model_info *model_info(const struct model *model)
{
    return &model->info;
}

const struct batch_info *model_batch_info(const struct model *model)
{
    return &model->batch;
}

static int index_of(const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(specs[i].name, name))
            return (int)i;
    return -1;
}

int model_input_index(const struct model *model, struct slice name)
{
    return index_of(model->info.inputs, model->info.input_count, name);
}

int model_output_index(const struct model *model, struct slice name)
{
    return index_of(model->info.outputs, model->info.output_count, name);
}

enum err run_acquire(struct model *model, uint32_t worker_index, struct run **ret_run)
{
    (void)worker_index;
    if (model->run.is_out)
        return ERR_BUSY;
    model->run.is_out = true;
    model->run.model = model;
    model->acquired++;
    *ret_run = &model->run;
    return ERR_OK;
}

void run_release(struct run *run)
{
    assert_true(run->is_out);
    for (uint32_t i = 0; i < MODEL_TENSORS_MAX; i++) {
        free(run->in[i].data);
        run->in[i].data = NULL;
    }
    run->is_out = false;
}

enum err run_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max, void **ret_data)
{
    const struct tensor_spec *spec = &run->model->info.inputs[index];
    struct tensor *tensor = &run->in[index];
    assert_true(tensor_dims_fit(spec, dims, spec->rank));
    *tensor = (struct tensor){.spec = spec, .rank = spec->rank};
    memcpy(tensor->dims, dims, spec->rank * sizeof *dims);
    tensor->bytes = (size_t)tensor_elements(dims, spec->rank) * tensor_element_bytes(spec->type);
    if (tensor->bytes > bytes_max)
        return ERR_LIMIT;
    /* Exactly as many bytes as there are: AddressSanitizer sees the first one too many. */
    tensor->data = malloc(tensor->bytes);
    *ret_data = tensor->data;
    return ERR_OK;
}

/* Copied always, which may be done too. */
enum err run_wrap_input(struct run *run, uint32_t index, const int64_t *dims, uint64_t bytes_max, const void *data)
{
    void *place;
    TRY(run_input(run, index, dims, bytes_max, &place));
    if (run->in[index].bytes)
        memcpy(place, data, run->in[index].bytes);
    return ERR_OK;
}

const struct tensor *run_output(const struct run *run, uint32_t index)
{
    return &run->out[index];
}

struct model *run_model(const struct run *run)
{
    return run->model;
}

enum err run_execute(struct run *run)
{
    (void)run;
    return ERR_OK;
}

void run_terminate(struct run *run)
{
    (void)run;
}

struct slice run_fault(const struct run *run)
{
    (void)run;
    return (struct slice){NULL, 0};
}

void model_tidy(struct model *model, uint32_t worker_index)
{
    (void)model, (void)worker_index;
}

uint64_t run_duration_ns(const struct run *run)
{
    (void)run;
    return 0;
}

struct model *model_ref(struct model *model)
{
    return model;
}

void model_unref(struct model *model)
{
    (void)model;
}

const struct tensor *run_given_input(const struct run *run, uint32_t index)
{
    return &run->in[index];
}

void run_lend_output(struct run *run, uint32_t index, const struct tensor *tensor)
{
    run->out[index] = *tensor;
}

struct model_cache *model_cache(const struct model *model)
{
    return model->cache;
}

bool run_is_given(const struct run *run, uint32_t index)
{
    return run->in[index].data;
}

struct sequences *model_sequences(const struct model *model)
{
    (void)model;
    return NULL;
}

/* No stage of a stand runs a model. */
struct lane *model_lane(const struct model *model)
{
    (void)model;
    return NULL;
}

uint32_t run_rows(const struct run *run)
{
    (void)run;
    return 0;
}

uint64_t run_batch_key(const struct run *run)
{
    (void)run;
    return 0;
}

bool run_fits_batch(const struct run *run, const struct run *other)
{
    return run == other;
}

void batch_execute(struct model *model, uint32_t instance, struct batch_member *members, uint32_t count,
                   struct batch_times *ret_times)
{
    (void)model, (void)instance, (void)members, (void)count;
    *ret_times = (struct batch_times){0};
}

void batch_terminate(struct model *model, uint32_t instance)
{
    (void)model, (void)instance;
}

UNUSED static struct tensor_spec spec_of(const char *name, enum tensor_type type, uint32_t rank, const int64_t *dims)
{
    struct tensor_spec spec = {.name = slice_of_text(name), .type = type, .rank = rank};
    memcpy(spec.dims, dims, rank * sizeof *dims);
    return spec;
}
#define SPEC(name, type, ...)                                                                                          \
    spec_of(name, type, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__})

#endif

/* --- Ports ------------------------------------------------------------------------------------------------------ */

struct stand {
    struct config *config;
    struct places *places;
    struct worker *worker;
    struct crew *crew;
    struct ports ports;
    struct connection connection;
    struct request *request;
    struct route route;
    struct route_config route_config;
    struct route *routes[1];
    struct model_config model_config;
    struct model_entry model_entry;
    struct model_entry *model_entries[1];
    struct route_meter *meters;
    char *input; /* the head, as received */
    char *body;
    char fault[512]; /* of the last middleware's prepare */
    /* What the ports saw and say. */
    const char *not_ready; /* NULL: ready */
    const char *stale;     /* why schemas are; NULL: they are not */
    const char *metrics;   /* NULL: no memory */
    enum err document_err;
    bool was_openmetrics;
    bool is_log_full;
    struct access_record record;
    uint32_t records;
};

static char opened_log[256];
enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    (void)fault;
    snprintf(opened_log, sizeof opened_log, SLICE_FMT, SLICE_ARG(path));
    *ret_sink = 7;
    return ERR_OK;
}

static bool port_is_ready(void *owner, struct text *why)
{
    struct stand *stand = owner;
    if (stand->not_ready)
        text_printf(why, "%s", stand->not_ready);
    return !stand->not_ready;
}

static bool port_is_stale(void *owner, struct text *why)
{
    struct stand *stand = owner;
    if (stand->stale)
        text_printf(why, "%s", stand->stale);
    return stand->stale;
}

static enum err port_metrics_render(void *owner, bool is_openmetrics, char **ret_text, size_t *ret_bytes)
{
    struct stand *stand = owner;
    if (!stand->metrics)
        return ERR_NOMEM;
    stand->was_openmetrics = is_openmetrics;
    *ret_text = strdup(stand->metrics);
    *ret_bytes = strlen(stand->metrics);
    return ERR_OK;
}

static enum err port_openapi_render(void *owner, const struct config *config, bool is_yaml, char **ret_text,
                                    size_t *ret_bytes)
{
    struct stand *stand = owner;
    if (config != stand->config)
        return ERR_INVALID;
    if (stand->document_err != ERR_OK)
        return stand->document_err;
    *ret_text = strdup(is_yaml ? "a: 1\n" : "{\"a\":1}");
    *ret_bytes = strlen(*ret_text);
    return ERR_OK;
}

static struct access_record *port_log_reserve(void *owner, uint32_t worker_index)
{
    struct stand *stand = owner;
    (void)worker_index;
    return stand->is_log_full ? NULL : &stand->record;
}

static void port_log_commit(void *owner, uint32_t worker_index)
{
    (void)worker_index;
    ((struct stand *)owner)->records++;
}

/* --- The stand -------------------------------------------------------------------------------------------------- */

static void stand_init(struct stand *stand)
{
    *stand = (struct stand){0};
    stand->ports = (struct ports){
        .owner = stand,
        .is_ready = port_is_ready,
        .schemas_are_stale = port_is_stale,
        .metrics_render = port_metrics_render,
        .openapi_render = port_openapi_render,
        .log_reserve = port_log_reserve,
        .log_commit = port_log_commit,
    };
    struct config *config = stand->config = config_create();
    assert_non_null(config);
    config->inline_pixels = 262144;
    config->limits = (struct limits_config){
        .codings = 8,
        .coding_memory = 28 << 20,
        .decoded_ratio = 200,
        .request_memory = 64 << 20,
        .worker_memory = 256 << 20,
        .connections = 4,
        .header_count = 20,
        .body_bytes = 1 << 20,
        .image_pixels = 1000000,
        .json_depth = 16,
        .multipart_parts = 4,
        .validation_steps = 1000000,
        .regex_steps = 100000,
    };
    stand->model_config = (struct model_config){.name = SLICE_LIT("net"), .version = SLICE_LIT("3"), .queue = 1};
    stand->model_entry.config = &stand->model_config;
#ifndef STAND_HAS_REAL_MODELS
    fake = (struct model){
        .info = {.name = SLICE_LIT("net"), .version = SLICE_LIT("3"), .platform = SLICE_LIT("onnxruntime_onnx")}};
    atomic_init(&stand->model_entry.model, &fake);
#endif
    atomic_init(&stand->model_entry.state, MODEL_READY);
    stand->model_entries[0] = &stand->model_entry;
    config->models = (struct option_list){&stand->model_config, 1};
    config->model_entries = stand->model_entries;
    stand->route = (struct route){.name = SLICE_LIT("POST /x"),
                                  .config = &stand->route_config,
                                  .body_bytes_max = 1 << 20,
                                  .body_time_ns = UINT64_C(60000000000)};
    assert_int_equal(places_create(1, &stand->places), ERR_OK);
    const struct worker_options options = {.config = config, .places = stand->places, .ports = &stand->ports};
    assert_int_equal(worker_create(&options, &stand->worker), ERR_OK);
    static struct wake *wakes[1];
    wakes[0] = &stand->worker->mailbox.wake;
    const struct crew_options crew = {
        .name = "stand", .thread_count = 1, .worker_count = 1, .ring_entries = 4, .wakes = wakes};
    assert_int_equal(crew_create(&crew, &stand->crew), ERR_OK);
    stand->worker->crew = stand->crew;
    stand->connection.worker = stand->worker;
    assert_int_equal(ip_parse(SLICE_LIT("192.0.2.7"), &stand->connection.peer), ERR_OK);
}

static void stand_end(struct stand *stand)
{
    if (stand->request)
        request_release(stand->request);
    stand->request = NULL;
    free(stand->input);
    free(stand->body);
    stand->input = stand->body = NULL;
}

static void stand_deinit(struct stand *stand)
{
    stand_end(stand);
    crew_destroy(stand->crew);
    worker_destroy(stand->worker);
    places_destroy(stand->places);
    config_unref(stand->config);
    free(stand->meters);
}

/* A new request: its head with all lines but the last, empty one, and its body. */
static struct request *stand_begin(struct stand *stand, const char *head, struct slice body)
{
    stand_end(stand);
    size_t head_bytes = strlen(head) + 2;
    stand->input = malloc(head_bytes + 1);
    snprintf(stand->input, head_bytes + 1, "%s\r\n", head);
    stand->body = malloc(body.len ? body.len : 1);
    if (body.len)
        memcpy(stand->body, body.ptr, body.len);
    struct request *request = stand->request = request_acquire(&stand->connection, 20);
    assert_non_null(request);
    struct http1_parser parser;
    http1_parser_init(&parser, &(struct http1_limits){4096, 1024, 20});
    if (http1_request_parse(&parser, slice_of(stand->input, head_bytes), &request->head) != ERR_OK)
        fail_msg("%s", http1_fault_text(parser.fault));
    request->path = request->target_path = request->head.target;
    request->begin_ns = clock_now_ns();
    request->route = request->match.route = &stand->route;
    request->body = slice_of(stand->body, body.len);
    return request;
}

static void on_stand_done(struct task *task)
{
    CONTAINER_OF(task, struct request, task)->holds--;
}

/* Runs one stage to its end, the crew's part of it included. */
UNUSED static enum verdict stand_run(struct stand *stand, stage_run stage)
{
    enum verdict verdict = stage(stand->request);
    while (verdict == VERDICT_WAIT) {
        stand->request->task.on_done = on_stand_done;
        while (stand->request->holds)
            (void)crew_collect(stand->crew, 0);
        verdict = stage(stand->request);
    }
    return verdict;
}

/* --- Middlewares ------------------------------------------------------------------------------------------------ */

/* "[a, b]" → two texts. */
static uint32_t split_list(struct arena *arena, const char *text, struct slice **ret_items)
{
    struct slice rest = slice_of(text + 1, strlen(text) - 2);
    *ret_items = arena_alloc_array(arena, 32, sizeof **ret_items);
    uint32_t count = 0;
    while (rest.ptr && rest.len)
        (*ret_items)[count++] = arena_copy(arena, slice_trim(slice_cut(&rest, ',')));
    return count;
}

static void set_list(struct arena *arena, const struct option *row, const char *text, struct option_list *list)
{
    struct slice *items;
    list->count = split_list(arena, text, &items);
    list->items = items;
    if (row->type == OPTION_TEXTS)
        return;
    double *reals = arena_alloc_array(arena, 32, sizeof *reals);
    uint64_t *counts = arena_alloc_array(arena, 32, sizeof *counts);
    for (uint32_t i = 0; i < list->count; i++) {
        reals[i] = strtod(items[i].ptr, NULL);
        counts[i] = strtoull(items[i].ptr, NULL, 10);
    }
    list->items = row->type == OPTION_REALS ? (void *)reals : (void *)counts;
}

static void set_option(struct arena *arena, const struct option *row, const char *text, void *options)
{
    void *field = (char *)options + row->offset;
    switch (row->type) {
    case OPTION_BOOL:
        *(bool *)field = !strcmp(text, "true");
        break;
    case OPTION_COUNT:
        *(uint64_t *)field = strtoull(text, NULL, 10);
        break;
    case OPTION_BYTES:
        *(uint64_t *)field = strtoull(text, NULL, 10) << (strstr(text, "KiB") ? 10 : 0);
        break;
    case OPTION_REAL:
        *(double *)field = strtod(text, NULL);
        break;
    case OPTION_TEXT:
    case OPTION_PATH:
        *(struct slice *)field = arena_copy(arena, slice_of_text(text));
        break;
    case OPTION_CHOICE:
        for (*(uint32_t *)field = 0; strcmp(row->choices[*(uint32_t *)field], text) != 0;)
            assert_non_null(row->choices[++*(uint32_t *)field]);
        break;
    default:
        set_list(arena, row, text, field);
    }
}

/* Adds a middleware to the route, with options as pairs of name and text up to NULL; returns what prepare said, and its
 * fault in stand->fault. */
UNUSED static enum err stand_add(struct stand *stand, const char *name, ...)
{
    const struct middleware *middleware = middleware_find(slice_of_text(name));
    assert_non_null(middleware);
    struct arena *arena = &stand->config->arena;
    const struct option_table *table = middleware->options;
    void *options = table ? arena_alloc_zero(arena, table->bytes) : NULL;
    for (size_t i = 0; table && i < table->count; i++)
        if (table->rows[i].fallback)
            set_option(arena, &table->rows[i], table->rows[i].fallback, options);
    va_list args;
    va_start(args, name);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        size_t i = 0;
        while (strcmp(table->rows[i].name, key) != 0)
            assert_true(++i < table->count);
        set_option(arena, &table->rows[i], value, options);
    }
    va_end(args);
    struct text fault = text_init(stand->fault, sizeof stand->fault);
    struct middleware_setup setup = {
        .arena = arena, .folder = SLICE_LIT("/etc/weir"), .options = options, .fault = &fault};
    enum err err = middleware->prepare ? middleware->prepare(&setup) : ERR_OK;
    if (err == ERR_OK)
        route_chain_add(&stand->route, (struct chain_link){.middleware = middleware, .options = options});
    return err;
}

/* --- What came out ---------------------------------------------------------------------------------------------- */

#define assert_says(text, part)                                                                                        \
    do {                                                                                                               \
        if (!strstr(text, part))                                                                                       \
            fail_msg("\"%s\" does not say \"%s\"", text, part);                                                        \
    } while (0)

/* The request failed with exactly this. */
UNUSED static void expect_problem(const struct stand *stand, enum problem problem, const char *detail)
{
    const struct request *request = stand->request;
    if (request->problem != problem)
        fail_msg("got problem %s (" SLICE_FMT ")", request->problem ? problem_row(request->problem)->slug : "none",
                 SLICE_ARG(request->problem_detail));
    if (!slice_is(request->problem_detail, detail))
        fail_msg("got detail \"" SLICE_FMT "\", expected \"%s\"", SLICE_ARG(request->problem_detail), detail);
}

UNUSED static void expect_fault(const struct stand *stand, uint32_t index, const char *pointer, const char *detail)
{
    assert_true(index < stand->request->fault_count);
    const struct request_fault *fault = &stand->request->faults[index];
    if (!slice_is(fault->pointer, pointer) || !slice_is(fault->detail, detail))
        fail_msg("got \"" SLICE_FMT "\": \"" SLICE_FMT "\", expected \"%s\": \"%s\"", SLICE_ARG(fault->pointer),
                 SLICE_ARG(fault->detail), pointer, detail);
}

UNUSED static void expect_slice(struct slice got, const char *expected)
{
    if (!slice_is(got, expected))
        fail_msg("got \"" SLICE_FMT "\", expected \"%s\"", SLICE_ARG(got), expected);
}

/* {NULL, 0}: the response has no such field. */
UNUSED static struct slice stand_field(const struct stand *stand, const char *name)
{
    const struct response *response = &stand->request->response;
    for (uint32_t i = 0; i < response->field_count; i++)
        if (slice_is(response->fields[i].name, name))
            return response->fields[i].value;
    return (struct slice){NULL, 0};
}

UNUSED static void expect_response(const struct stand *stand, int status, const char *content_type, const char *body)
{
    const struct response *response = &stand->request->response;
    assert_int_equal(response->status, status);
    expect_slice(response->content_type, content_type);
    expect_slice(response->body, body);
}

/* The stand of a test that needs one only, anew for each. */
static struct stand stand;

UNUSED static int stand_setup(void **state)
{
    (void)state;
    stand_init(&stand);
    return 0;
}

UNUSED static int stand_teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

#endif
