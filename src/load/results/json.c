/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON: docs/guide/load-results.md says what is where. Members come in a fixed order; nothing is rounded. */
#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "load/results.h"

#define ARENA_BLOCK_BYTES (64U << 10)
#define FACT_BYTES_MAX    4096

static const char *const arrival_names[] = {
    [LOAD_CLOSED] = "closed",
    [LOAD_CONSTANT] = "constant",
    [LOAD_POISSON] = "poisson",
    [LOAD_REPLAY] = "replay",
};
static const char *const kind_names[] = {
    [LOAD_REMARK_INVALID] = "invalid",
    [LOAD_REMARK_WARNING] = "warning",
    [LOAD_REMARK_NOTE] = "note",
};

/* --- what it was measured with ------------------------------------------------------------------------------------ */

/* The value of the first line that begins with `key`, behind its colon; of the first line when there is no key. */
static struct slice fact_of(const char *path, const char *key, char *memory)
{
    struct text text = text_init(memory, FACT_BYTES_MAX);
    if (file_read_text(path, &text) != ERR_OK)
        return (struct slice){0};
    struct slice rest = text_slice(&text);
    while (rest.ptr) {
        struct slice line = slice_cut(&rest, '\n');
        if (!key)
            return line;
        if (slice_starts(line, slice_of_text(key)) && slice_find(line, ':') < line.len)
            return slice_trim(slice_skip(line, slice_find(line, ':') + 1));
    }
    return (struct slice){0};
}

static void write_machine(struct json_writer *writer)
{
    char memory[FACT_BYTES_MAX];
    json_write_key(writer, SLICE_LIT("machine"));
    json_write_object_begin(writer);
    json_write_member_u64(writer, "cores", thread_cpu_count());
    json_write_member_string(writer, "cpu", fact_of("/proc/cpuinfo", "model name", memory));
    json_write_member_string(writer, "kernel", fact_of("/proc/sys/kernel/osrelease", NULL, memory));
    json_write_object_end(writer);
}

static void write_stages_of_plan(const struct load_plan *plan, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("stages"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct load_stage *stage = &plan->stages[i];
        json_write_object_begin(writer);
        json_write_member_string(writer, "name", stage->name);
        json_write_member_u64(writer, "duration_ns", stage->duration_ns);
        json_write_member_f64(writer, "from", stage->from);
        json_write_member_f64(writer, "to", stage->to);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_steps_of_plan(const struct load_plan *plan, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("steps"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct load_step *step = &plan->steps[i];
        json_write_object_begin(writer);
        json_write_member_string(writer, "name", step->name);
        json_write_member_string(writer, "kind", slice_of_text(step->kind == LOAD_STEP_CHAT ? "chat" : "http"));
        json_write_member_string(writer, "method", step->method);
        if (step->target < plan->target_count)
            json_write_member_string(writer, "url", plan->targets[step->target].url);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_plan(const struct load_plan *plan, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("plan"));
    json_write_object_begin(writer);
    json_write_member_string(writer, "arrival", slice_of_text(arrival_names[plan->arrival]));
    json_write_member_u64(writer, "warm_ns", plan->warm_ns);
    json_write_member_u64(writer, "interval_ns", plan->interval_ns);
    json_write_member_u64(writer, "connections", plan->connections_max);
    json_write_member_u64(writer, "pipelining", plan->pipelining);
    json_write_member_u64(writer, "threads", plan->thread_count);
    json_write_member_bool(writer, "keep_alive", plan->is_kept_alive);
    json_write_member_u64(writer, "seed", plan->seed);
    json_write_member_u64(writer, "iterations", plan->iterations_max);
    write_stages_of_plan(plan, writer);
    write_steps_of_plan(plan, writer);
    json_write_object_end(writer);
}

/* --- the verdict -------------------------------------------------------------------------------------------------- */

static void write_remarks(const struct load_results *results, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("remarks"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < results->remark_count; i++) {
        const struct load_remark *remark = &results->remarks[i];
        json_write_object_begin(writer);
        json_write_member_string(writer, "kind", slice_of_text(kind_names[remark->kind]));
        json_write_member_string(writer, "code", remark->code);
        json_write_member_string(writer, "text", remark->text);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_thresholds(const struct load_results *results, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("thresholds"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < results->plan->threshold_count; i++) {
        json_write_object_begin(writer);
        json_write_member_string(writer, "text", results->plan->thresholds[i].text);
        json_write_member_f64(writer, "value", results->thresholds[i].value);
        json_write_member_f64(writer, "bound", results->plan->thresholds[i].bound);
        json_write_member_bool(writer, "holds", results->thresholds[i].holds);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

static void write_quantiles(const char *key, const struct hdr *hdr, struct json_writer *writer)
{
    json_write_key(writer, slice_of_text(key));
    json_write_object_begin(writer);
    json_write_member_u64(writer, "count", hdr_count(hdr));
    json_write_member_f64(writer, "mean_ns", hdr_mean_ns(hdr));
    json_write_member_u64(writer, "min_ns", hdr_min_ns(hdr));
    json_write_member_u64(writer, "p50_ns", hdr_quantile(hdr, 0.5));
    json_write_member_u64(writer, "p90_ns", hdr_quantile(hdr, 0.9));
    json_write_member_u64(writer, "p95_ns", hdr_quantile(hdr, 0.95));
    json_write_member_u64(writer, "p99_ns", hdr_quantile(hdr, 0.99));
    json_write_member_u64(writer, "p999_ns", hdr_quantile(hdr, 0.999));
    json_write_member_u64(writer, "p9999_ns", hdr_quantile(hdr, 0.9999));
    json_write_member_u64(writer, "max_ns", hdr_max_ns(hdr));
    json_write_object_end(writer);
}

static void write_series_summary(const struct load_results *results, struct slice name,
                                 const struct load_series *series, struct json_writer *writer)
{
    double span_s = (double)load_results_rated_ns(results) / 1e9;
    uint64_t answered = counter_read(&series->answered);
    uint64_t failed = load_series_failed(series);
    json_write_object_begin(writer);
    json_write_member_string(writer, "step", name);
    json_write_member_u64(writer, "requests", answered + failed);
    json_write_member_u64(writer, "answered", answered);
    json_write_member_u64(writer, "failed", failed);
    json_write_member_f64(writer, "error_share", answered + failed ? (double)failed / (double)(answered + failed) : 0);
    json_write_member_f64(writer, "answered_per_s", span_s > 0 ? (double)answered / span_s : 0);
    write_quantiles("latency", &series->latency, writer);
    write_quantiles("service", &series->service, writer);
    if (series->stream) {
        json_write_member_u64(writer, "tokens", counter_read(&series->stream->tokens));
        json_write_member_f64(writer, "tokens_per_s",
                              span_s > 0 ? (double)counter_read(&series->stream->tokens) / span_s : 0);
        json_write_member_f64(writer, "good_per_s",
                              span_s > 0 ? (double)counter_read(&series->stream->good) / span_s : 0);
        write_quantiles("first_token", &series->stream->first_token, writer);
        write_quantiles("between_tokens", &series->stream->between_tokens, writer);
        write_quantiles("per_token", &series->stream->per_token, writer);
        write_quantiles("normalized", &series->stream->normalized, writer);
        json_write_member_u64(writer, "input_tokens", counter_read(&series->stream->input_tokens));
        json_write_member_u64(writer, "events", counter_read(&series->stream->events));
        json_write_member_u64(writer, "bunched", counter_read(&series->stream->bunched));
        json_write_member_u64(writer, "good", counter_read(&series->stream->good));
    }
    json_write_object_end(writer);
}

/* The figures that most readers are after, so that they need not decode a histogram. */
static void write_summary(const struct load_results *results, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("summary"));
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("all"));
    write_series_summary(results, SLICE_LIT("all"), results->all, writer);
    json_write_key(writer, SLICE_LIT("steps"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < results->plan->step_count; i++)
        write_series_summary(results, results->plan->steps[i].name, &results->totals->series[i], writer);
    json_write_array_end(writer);
    write_quantiles("lag", &results->totals->lag, writer);
    write_quantiles("wait", &results->totals->wait, writer);
    write_quantiles("connect", &results->totals->connect, writer);
    json_write_member_f64(writer, "cpu_us_per_request", results->cpu_us_per_request);
    json_write_object_end(writer);
}

static void write_moment(const struct load_moment *moment, struct json_writer *writer)
{
    json_write_member_u64(writer, "due", moment->due);
    json_write_member_u64(writer, "sent", moment->sent);
    json_write_member_u64(writer, "answered", moment->answered);
    json_write_member_u64(writer, "failed", moment->failed);
    json_write_member_u64(writer, "response_bytes", moment->response_bytes);
    json_write_member_u64(writer, "p50_ns", moment->p50_ns);
    json_write_member_u64(writer, "p90_ns", moment->p90_ns);
    json_write_member_u64(writer, "p99_ns", moment->p99_ns);
    json_write_member_u64(writer, "p999_ns", moment->p999_ns);
    json_write_member_u64(writer, "max_ns", moment->max_ns);
    json_write_member_u64(writer, "service_p50_ns", moment->service_p50_ns);
    json_write_member_u64(writer, "service_p99_ns", moment->service_p99_ns);
    if (moment->tokens == 0 && moment->first_token_p50_ns == 0)
        return;
    json_write_member_u64(writer, "tokens", moment->tokens);
    json_write_member_u64(writer, "first_token_p50_ns", moment->first_token_p50_ns);
    json_write_member_u64(writer, "first_token_p99_ns", moment->first_token_p99_ns);
    json_write_member_u64(writer, "between_tokens_p50_ns", moment->between_tokens_p50_ns);
    json_write_member_u64(writer, "between_tokens_p99_ns", moment->between_tokens_p99_ns);
}

static void write_failed_by(const struct load_interval *interval, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("failed_by"));
    json_write_object_begin(writer);
    for (int i = LOAD_FAILURE_NONE + 1; i < LOAD_FAILURE_COUNT; i++)
        if (interval->failed[i])
            json_write_member_u64(writer, load_failure_name((enum load_failure)i), interval->failed[i]);
    json_write_object_end(writer);
}

static void write_interval(const struct load_results *results, const struct load_interval *interval,
                           struct json_writer *writer)
{
    json_write_object_begin(writer);
    json_write_member_u64(writer, "begin_ns", interval->begin_ns);
    json_write_member_u64(writer, "end_ns", interval->end_ns);
    json_write_member_u64(writer, "stage", interval->stage);
    write_moment(&interval->all, writer);
    write_failed_by(interval, writer);
    json_write_member_i64(writer, "users", interval->users);
    json_write_member_i64(writer, "links", interval->links);
    json_write_member_i64(writer, "in_flight", interval->in_flight);
    json_write_member_i64(writer, "backlog", interval->backlog);
    json_write_member_u64(writer, "lag_p99_ns", interval->lag_p99_ns);
    json_write_member_u64(writer, "lag_max_ns", interval->lag_max_ns);
    json_write_member_f64(writer, "cpu_share", interval->cpu_share);
    json_write_member_string(writer, "latency", interval->latency);
    if (results->plan->step_count > 1) {
        json_write_key(writer, SLICE_LIT("series"));
        json_write_array_begin(writer);
        for (uint32_t i = 0; i < results->plan->step_count; i++) {
            json_write_object_begin(writer);
            write_moment(&interval->series[i], writer);
            json_write_object_end(writer);
        }
        json_write_array_end(writer);
    }
    json_write_object_end(writer);
}

static void write_stages(const struct load_results *results, struct json_writer *writer, struct arena *arena)
{
    json_write_key(writer, SLICE_LIT("stages"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < results->stage_count; i++) {
        json_write_object_begin(writer);
        json_write_member_u64(writer, "begin_ns", results->stages[i].begin_ns);
        json_write_member_u64(writer, "end_ns", results->stages[i].end_ns);
        json_write_key(writer, SLICE_LIT("record"));
        load_record_write(results->stages[i].record, results->plan, writer, arena);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_parts(const struct load_results *results, struct json_writer *writer, struct arena *arena)
{
    json_write_key(writer, SLICE_LIT("parts"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < results->part_count; i++) {
        const struct load_part *part = &results->parts[i];
        json_write_object_begin(writer);
        json_write_member_string(writer, "name", part->name);
        json_write_member_f64(writer, "share", part->share);
        json_write_member_bool(writer, "lost", part->is_lost);
        if (part->is_lost)
            json_write_member_u64(writer, "lost_ns", part->lost_ns);
        if (part->record) {
            json_write_key(writer, SLICE_LIT("record"));
            load_record_write(part->record, results->plan, writer, arena);
        }
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_results(const struct load_results *results, struct json_writer *writer, struct arena *arena)
{
    char begin[25];
    clock_format_rfc3339(begin, results->wall_begin_ns);
    json_write_object_begin(writer);
    json_write_member_u64(writer, "weir_load", 1);
    json_write_member_string(writer, "version", slice_of_text(WEIR_VERSION));
    json_write_member_string(writer, "name", results->plan->name);
    json_write_member_string(writer, "begin", slice_of_text(begin));
    json_write_member_u64(writer, "duration_ns", results->duration_ns);
    json_write_member_u64(writer, "span_ns", load_results_span_ns(results));
    json_write_member_u64(writer, "rated_ns", load_results_rated_ns(results));
    json_write_member_bool(writer, "valid", load_results_are_valid(results));
    json_write_member_bool(writer, "holds", load_results_hold(results));
    json_write_member_bool(writer, "cancelled", results->is_cancelled);
    write_remarks(results, writer);
    write_thresholds(results, writer);
    write_machine(writer);
    write_plan(results->plan, writer);
    write_summary(results, writer);
    json_write_key(writer, SLICE_LIT("totals"));
    load_record_write(results->totals, results->plan, writer, arena);
    write_stages(results, writer, arena);
    write_parts(results, writer, arena);
    json_write_object_end(writer);
}

static enum err put(const struct json_writer *writer, size_t cut, FILE *out)
{
    struct slice text;
    TRY(json_writer_finish(writer, &text));
    return fwrite(text.ptr, 1, text.len - cut, out) == text.len - cut ? ERR_OK : ERR_IO;
}

/* The last member, an interval a line and each written by itself: a day of seconds is a hundred megabytes. */
static enum err put_intervals(const struct load_results *results, struct arena *arena, FILE *out)
{
    (void)fputs(",\"intervals\":[", out);
    for (uint32_t i = 0; i < results->interval_count; i++) {
        arena_reset(arena);
        struct json_writer writer = json_writer_in_arena(arena, 0);
        write_interval(results, results->intervals[i], &writer);
        (void)fputs(i ? ",\n" : "\n", out);
        TRY(put(&writer, 0, out));
    }
    return fputs("]}\n", out) == EOF || fflush(out) || ferror(out) ? ERR_IO : ERR_OK;
}

enum err load_results_write_json(const struct load_results *results, FILE *out)
{
    struct pool pool;
    struct arena arena;
    pool_init(&pool, ARENA_BLOCK_BYTES * 4, SIZE_MAX);
    arena_init(&arena, &pool, ARENA_BLOCK_BYTES, SIZE_MAX);
    struct json_writer writer = json_writer_in_arena(&arena, ARENA_BLOCK_BYTES);
    write_results(results, &writer, &arena);
    enum err err = put(&writer, 1, out); /* but for the brace that ends it */
    if (err == ERR_OK)
        err = put_intervals(results, &arena, out);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}
