/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the timeline: what was recorded since the last look becomes an interval, and part of its stage. */
#include "load/results.h"

#include <math.h>
#include <stdlib.h>

#define ARENA_BLOCK_BYTES (64U << 10)
#define POOL_CACHE_BYTES  (4U << 20)
#define INTERVALS_FIRST   256
#define REMARK_BYTES_MAX  400

static bool has_stream(const struct load_plan *plan)
{
    for (uint32_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == LOAD_STEP_CHAT)
            return true;
    return false;
}

static enum err make_records(const struct load_plan *plan, struct load_results *results)
{
    TRY(load_record_create(plan, &results->totals));
    TRY(load_record_create(plan, &results->before));
    TRY(load_record_create(plan, &results->delta));
    TRY(load_series_create(has_stream(plan), &results->all));
    TRY(load_series_create(has_stream(plan), &results->moment));
    results->stages = arena_alloc_array(&results->arena, MAX(plan->stage_count, 1), sizeof results->stages[0]);
    results->thresholds =
        arena_alloc_array(&results->arena, MAX(plan->threshold_count, 1), sizeof results->thresholds[0]);
    return results->stages && results->thresholds ? ERR_OK : ERR_NOMEM;
}

enum err load_results_init(const struct load_plan *plan, struct load_results *results)
{
    *results = (struct load_results){.plan = plan};
    pool_init(&results->pool, POOL_CACHE_BYTES, SIZE_MAX);
    arena_init(&results->arena, &results->pool, ARENA_BLOCK_BYTES, SIZE_MAX);
    enum err err = make_records(plan, results);
    if (err != ERR_OK)
        load_results_deinit(results);
    return err;
}

void load_results_deinit(struct load_results *results)
{
    load_record_destroy(results->totals);
    load_record_destroy(results->before);
    load_record_destroy(results->delta);
    load_series_destroy(results->all);
    load_series_destroy(results->moment);
    for (uint32_t i = 0; i < results->stage_count; i++)
        load_record_destroy(results->stages[i].record);
    for (uint32_t i = 0; i < results->part_count; i++)
        load_record_destroy(results->parts[i].record);
    arena_reset(&results->arena);
    pool_deinit(&results->pool);
    *results = (struct load_results){0};
}

/* --- the timeline ------------------------------------------------------------------------------------------------- */

static void fill_moment(const struct load_series *series, struct load_moment *moment)
{
    const struct hdr *latency = &series->latency;
    *moment = (struct load_moment){
        .due = counter_read(&series->due),
        .sent = counter_read(&series->sent),
        .answered = counter_read(&series->answered),
        .failed = load_series_failed(series),
        .response_bytes = counter_read(&series->response_bytes),
        .p50_ns = hdr_quantile(latency, 0.5),
        .p90_ns = hdr_quantile(latency, 0.9),
        .p99_ns = hdr_quantile(latency, 0.99),
        .p999_ns = hdr_quantile(latency, 0.999),
        .max_ns = hdr_max_ns(latency),
        .service_p50_ns = hdr_quantile(&series->service, 0.5),
        .service_p99_ns = hdr_quantile(&series->service, 0.99),
    };
    const struct load_stream_series *stream = series->stream;
    if (!stream)
        return;
    moment->tokens = counter_read(&stream->tokens);
    moment->first_token_p50_ns = hdr_quantile(&stream->first_token, 0.5);
    moment->first_token_p99_ns = hdr_quantile(&stream->first_token, 0.99);
    moment->between_tokens_p50_ns = hdr_quantile(&stream->between_tokens, 0.5);
    moment->between_tokens_p99_ns = hdr_quantile(&stream->between_tokens, 0.99);
}

static void fill_gauges(const struct load_record *delta, struct load_interval *interval)
{
    uint64_t span_ns = interval->end_ns - interval->begin_ns;
    interval->users = gauge_read(&delta->users);
    interval->links = gauge_read(&delta->links);
    interval->in_flight = gauge_read(&delta->in_flight);
    interval->backlog = gauge_read(&delta->backlog);
    interval->lag_p99_ns = hdr_quantile(&delta->lag, 0.99);
    interval->lag_max_ns = hdr_max_ns(&delta->lag);
    interval->cpu_share = span_ns ? (double)counter_read(&delta->cpu_ns) / (double)span_ns : 0;
}

static enum err make_interval(struct load_results *results, uint64_t end_ns, uint32_t stage,
                              struct load_interval **ret_interval)
{
    const struct load_plan *plan = results->plan;
    struct load_interval *interval = arena_alloc_zero(&results->arena, sizeof *interval);
    if (!interval)
        return ERR_NOMEM;
    interval->series = arena_alloc_array(&results->arena, MAX(plan->step_count, 1), sizeof interval->series[0]);
    if (!interval->series)
        return ERR_NOMEM;
    uint32_t count = results->interval_count;
    interval->begin_ns = count ? results->intervals[count - 1]->end_ns : 0;
    interval->end_ns = end_ns;
    interval->stage = stage;
    fill_moment(results->moment, &interval->all);
    for (int i = 0; i < LOAD_FAILURE_COUNT; i++)
        interval->failed[i] = counter_read(&results->moment->failed[i]);
    for (uint32_t i = 0; i < plan->step_count; i++)
        fill_moment(&results->delta->series[i], &interval->series[i]);
    fill_gauges(results->delta, interval);
    TRY(hdr_encode(&results->moment->latency, &results->arena, &interval->latency));
    *ret_interval = interval;
    return ERR_OK;
}

static enum err push_interval(struct load_results *results, struct load_interval *interval)
{
    if (results->interval_count == results->interval_capacity) {
        uint32_t capacity = MAX(2 * results->interval_capacity, INTERVALS_FIRST);
        struct load_interval **larger = arena_alloc_array(&results->arena, capacity, sizeof(struct load_interval *));
        if (!larger)
            return ERR_NOMEM;
        for (uint32_t i = 0; i < results->interval_count; i++)
            larger[i] = results->intervals[i];
        results->intervals = larger;
        results->interval_capacity = capacity;
    }
    results->intervals[results->interval_count++] = interval;
    return ERR_OK;
}

/* What is under way at the end of a stage is no sum of what was under way before. */
static void keep_gauges(const struct load_record *now, struct load_record *stage)
{
    gauge_set(&stage->users, gauge_read(&now->users));
    gauge_set(&stage->links, gauge_read(&now->links));
    gauge_set(&stage->in_flight, gauge_read(&now->in_flight));
    gauge_set(&stage->backlog, gauge_read(&now->backlog));
}

/* Stages that nothing came of before are there, and empty. */
static enum err add_to_stage(struct load_results *results, const struct load_interval *interval)
{
    while (results->stage_count <= interval->stage) {
        struct load_stage_result *next = &results->stages[results->stage_count];
        TRY(load_record_create(results->plan, &next->record));
        next->begin_ns = next->end_ns = interval->begin_ns;
        results->stage_count++;
    }
    struct load_stage_result *stage = &results->stages[interval->stage];
    load_record_add(stage->record, results->delta);
    keep_gauges(results->delta, stage->record);
    stage->end_ns = interval->end_ns;
    return ERR_OK;
}

enum err load_results_add_interval(struct load_results *results, const struct load_record *totals, uint64_t end_ns,
                                   uint32_t stage)
{
    struct load_interval *interval;
    stage = MIN(stage, MAX(results->plan->stage_count, 1) - 1);
    if (totals != results->totals) {
        load_record_reset(results->totals);
        load_record_add(results->totals, totals);
    }
    load_record_subtract(results->delta, results->totals, results->before);
    load_record_total(results->delta, results->moment);
    load_record_reset(results->before);
    load_record_add(results->before, results->totals);
    load_record_total(results->totals, results->all);
    TRY(make_interval(results, end_ns, stage, &interval));
    TRY(push_interval(results, interval));
    TRY(add_to_stage(results, interval));
    results->duration_ns = end_ns;
    uint64_t sent = counter_read(&results->all->sent);
    results->cpu_us_per_request = sent ? (double)counter_read(&results->totals->cpu_ns) / 1e3 / (double)sent : 0;
    return ERR_OK;
}

uint64_t load_results_span_ns(const struct load_results *results)
{
    return MIN(results->duration_ns, load_plan_duration_ns(results->plan));
}

/* The backlog is taken at the pace of the answers until then. What was given up in the end took no time of anybody. */
uint64_t load_results_rated_ns(const struct load_results *results)
{
    uint64_t span_ns = load_results_span_ns(results);
    uint64_t within = 0;
    uint64_t behind = 0;
    uint64_t backlog = 0;
    if (results->duration_ns <= span_ns)
        return span_ns;
    for (uint32_t i = 0; i < results->interval_count; i++) {
        const struct load_interval *interval = results->intervals[i];
        uint64_t ended = interval->all.answered + interval->all.failed;
        bool is_within = interval->begin_ns < span_ns;
        *(is_within ? &within : &behind) += ended;
        if (is_within)
            backlog = (uint64_t)MAX(interval->backlog, 0);
    }
    backlog = MIN(backlog, behind);
    if (backlog == 0)
        return span_ns;
    double more_ns = within ? (double)backlog / (double)within * (double)span_ns : INFINITY;
    return span_ns + (uint64_t)fmin(more_ns, (double)(results->duration_ns - span_ns));
}

/* --- remarks ------------------------------------------------------------------------------------------------------ */

/* What no room is left for is dropped: the first ones say what is wrong. */
void load_results_remark(struct load_results *results, enum load_remark_kind kind, const char *code, const char *format,
                         ...)
{
    char memory[REMARK_BYTES_MAX];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    if (results->remark_count == LOAD_REMARKS_MAX)
        return;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    struct slice kept = arena_copy(&results->arena, text_slice(&text));
    if (!kept.ptr)
        return;
    results->remarks[results->remark_count++] =
        (struct load_remark){.kind = kind, .code = slice_of_text(code), .text = kept};
}

bool load_results_are_valid(const struct load_results *results)
{
    for (uint32_t i = 0; i < results->remark_count; i++)
        if (results->remarks[i].kind == LOAD_REMARK_INVALID)
            return false;
    return true;
}

bool load_results_hold(const struct load_results *results)
{
    for (uint32_t i = 0; i < results->plan->threshold_count; i++)
        if (!results->thresholds[i].holds)
            return false;
    return true;
}
