/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/tracing.h"

#include "lib/sys/thread.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#include <stdlib.h>

/* Settings of all models, or of one. Its name is written before `scope_count` says that it is there, and stays. */
struct scope {
    _Atomic uint32_t own; /* bits of enum trace_setting: the others are those of all models */
    _Atomic bool is_on;
    _Atomic uint64_t rate;
    _Atomic int64_t count;
    _Atomic uint64_t log_frequency;
    _Atomic uint64_t seen; /* requests */
    struct slice model;
};

struct tracing {
    struct mutex lock; /* of changes */
    _Atomic uint32_t scope_count;
    _Atomic bool is_any_on;
    _Atomic uint64_t last_id;
    struct scope all;
    struct scope scopes[TRACE_MODELS_MAX];
};

static const struct trace_settings first_settings = {.rate = TRACE_RATE_FIRST, .count = -1};

static void store(struct scope *scope, const struct trace_settings *settings, uint32_t set)
{
    if (set & TRACE_LEVEL)
        atomic_store(&scope->is_on, settings->is_on);
    if (set & TRACE_RATE)
        atomic_store(&scope->rate, settings->rate);
    if (set & TRACE_COUNT)
        atomic_store(&scope->count, settings->count);
    if (set & TRACE_FREQUENCY)
        atomic_store(&scope->log_frequency, settings->log_frequency);
}

enum err tracing_create(struct tracing **ret_tracing)
{
    struct tracing *tracing = calloc(1, sizeof *tracing);
    if (!tracing)
        return ERR_NOMEM;
    mutex_init(&tracing->lock);
    store(&tracing->all, &first_settings, UINT32_MAX);
    *ret_tracing = tracing;
    return ERR_OK;
}

void tracing_destroy(struct tracing *tracing)
{
    if (!tracing)
        return;
    for (uint32_t i = 0; i < tracing->scope_count; i++)
        free((void *)tracing->scopes[i].model.ptr);
    mutex_deinit(&tracing->lock);
    free(tracing);
}

/* NULL: it has none of its own. */
static struct scope *find(const struct tracing *tracing, struct slice model)
{
    uint32_t count = atomic_load_explicit(&tracing->scope_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(tracing->scopes[i].model, model))
            return (struct scope *)&tracing->scopes[i];
    return NULL;
}

/* Where a setting of the model stands. */
static struct scope *scope_of(const struct tracing *tracing, const struct scope *own, enum trace_setting setting)
{
    bool is_own = own && atomic_load_explicit(&own->own, memory_order_relaxed) & setting;
    return (struct scope *)(is_own ? own : &tracing->all);
}

static struct trace_settings look(const struct tracing *tracing, const struct scope *own)
{
    return (struct trace_settings){
        .is_on = atomic_load_explicit(&scope_of(tracing, own, TRACE_LEVEL)->is_on, memory_order_relaxed),
        .rate = atomic_load_explicit(&scope_of(tracing, own, TRACE_RATE)->rate, memory_order_relaxed),
        .count = atomic_load_explicit(&scope_of(tracing, own, TRACE_COUNT)->count, memory_order_relaxed),
        .log_frequency =
            atomic_load_explicit(&scope_of(tracing, own, TRACE_FREQUENCY)->log_frequency, memory_order_relaxed),
    };
}

struct trace_settings tracing_settings(const struct tracing *tracing, struct slice model)
{
    return look(tracing, find(tracing, model));
}

static enum err add_scope(struct tracing *tracing, struct slice model, struct scope **ret_scope)
{
    uint32_t count = tracing->scope_count;
    if (count == TRACE_MODELS_MAX)
        return ERR_LIMIT;
    char *name = malloc(model.len);
    if (!name)
        return ERR_NOMEM;
    memcpy(name, model.ptr, model.len);
    tracing->scopes[count].model = slice_of(name, model.len);
    store(&tracing->scopes[count], &first_settings, UINT32_MAX);
    atomic_store_explicit(&tracing->scope_count, count + 1, memory_order_release);
    *ret_scope = &tracing->scopes[count];
    return ERR_OK;
}

static bool is_any_on(const struct tracing *tracing)
{
    bool is_on = look(tracing, NULL).is_on;
    for (uint32_t i = 0; i < tracing->scope_count; i++)
        is_on |= look(tracing, &tracing->scopes[i]).is_on;
    return is_on;
}

static enum err change(struct tracing *tracing, struct slice model, const struct trace_settings *settings, uint32_t set,
                       uint32_t cleared)
{
    struct scope *scope = model.len ? find(tracing, model) : &tracing->all;
    if (!scope)
        TRY(add_scope(tracing, model, &scope));
    store(scope, settings, set);
    if (scope == &tracing->all)
        store(scope, &first_settings, cleared);
    else
        atomic_store(&scope->own, (scope->own | set) & ~cleared);
    atomic_store(&tracing->is_any_on, is_any_on(tracing));
    return ERR_OK;
}

enum err tracing_change(struct tracing *tracing, struct slice model, const struct trace_settings *settings,
                        uint32_t set, uint32_t cleared)
{
    mutex_lock(&tracing->lock);
    enum err err = change(tracing, model, settings, set, cleared);
    mutex_unlock(&tracing->lock);
    return err;
}

/* --- of a request ------------------------------------------------------------------------------------------------------- */

/* One of those that are still to be traced. */
static bool take_one(_Atomic int64_t *count)
{
    int64_t left = atomic_load_explicit(count, memory_order_relaxed);
    while (left > 0)
        if (atomic_compare_exchange_weak_explicit(count, &left, left - 1, memory_order_relaxed, memory_order_relaxed))
            return true;
    return left < 0;
}

void trace_begin(struct request *request)
{
    struct tracing *tracing = request->worker->ports->tracing;
    if (LIKELY(!tracing || !atomic_load_explicit(&tracing->is_any_on, memory_order_relaxed)))
        return;
    struct scope *own = find(tracing, request->model_entry->config->name);
    struct trace_settings settings = look(tracing, own);
    if (!settings.is_on)
        return;
    struct scope *rate = scope_of(tracing, own, TRACE_RATE);
    uint64_t number = atomic_fetch_add_explicit(&rate->seen, 1, memory_order_relaxed);
    if (number % settings.rate || !take_one(&scope_of(tracing, own, TRACE_COUNT)->count))
        return;
    request->trace_id = atomic_fetch_add_explicit(&tracing->last_id, 1, memory_order_relaxed) + 1;
    request->trace_frequency = settings.log_frequency;
    request->trace_received_ns = request->worker->loop.now_ns;
}

static uint8_t put(char *out, size_t capacity, struct slice text)
{
    text = slice_first(text, capacity);
    (void)slice_put(out, text);
    return (uint8_t)text.len;
}

/* A run that was refused, given up, or not needed since its outputs were kept, has no times. */
static void fill_times(struct trace_record *record, const struct request *request)
{
    uint64_t *at_ns = record->at_ns;
    const struct job *job = &request->job;
    memset(at_ns, 0, sizeof record->at_ns);
    at_ns[TRACE_HTTP_RECV_START] = request->begin_ns;
    at_ns[TRACE_HTTP_RECV_END] = at_ns[TRACE_REQUEST_START] = request->trace_received_ns;
    at_ns[TRACE_REQUEST_END] = at_ns[TRACE_HTTP_SEND_START] = at_ns[TRACE_HTTP_SEND_END] = request->end_ns;
    if (!request->has_outputs || !request->has_job)
        return;
    at_ns[TRACE_QUEUE_START] = job->submit_ns;
    at_ns[TRACE_COMPUTE_START] = job->submit_ns + job->times.queue_ns;
    at_ns[TRACE_COMPUTE_INPUT_END] = at_ns[TRACE_COMPUTE_START] + job->times.gather_ns;
    at_ns[TRACE_COMPUTE_OUTPUT_START] = at_ns[TRACE_COMPUTE_INPUT_END] + job->times.run_ns;
    at_ns[TRACE_COMPUTE_END] = at_ns[TRACE_COMPUTE_OUTPUT_START] + job->times.scatter_ns;
    at_ns[TRACE_REQUEST_END] = at_ns[TRACE_HTTP_SEND_START] = MAX(at_ns[TRACE_COMPUTE_END], request->stage_begin_ns);
    at_ns[TRACE_HTTP_SEND_END] = MAX(at_ns[TRACE_HTTP_SEND_START], request->end_ns);
}

void trace_end(struct request *request)
{
    struct worker *worker = request->worker;
    struct trace_record *record = worker->ports->trace_reserve(worker->ports->owner, worker->index);
    if (!record) {
        counter_add(&worker->meter.traces_dropped, 1);
        return;
    }
    const struct model_config *model = request->model_entry->config;
    record->id = request->trace_id;
    record->log_frequency = request->trace_frequency;
    record->model_bytes = put(record->model, sizeof record->model, model->name);
    record->version_bytes = put(record->version, sizeof record->version, model->version);
    record->id_bytes = put(record->request_id, sizeof record->request_id, request->inference.id);
    fill_times(record, request);
    worker->ports->trace_commit(worker->ports->owner, worker->index, record);
}
