/* SPDX-License-Identifier: Apache-2.0 */
/* GET of `endpoint: stalls`. Durations are whole nanoseconds; quantiles are of stalls, not of time: where a loop was away twice, they
 * are of two values. */
#include "control/metrics/debug_int.h"
#include "lib/sys/clock.h"
#include "pipeline/stalls.h"

#include <stdlib.h>

#define EVENTS_TOLD 200

struct told_event {
    uint32_t worker;
    struct stall_event event;
};

struct stalls_work {
    struct histogram all;                  /* of one worker, all causes */
    struct histogram causes[STALL_CAUSES]; /* of all workers */
    struct histogram total;
    uint64_t cause_ns[STALL_CAUSES];
};

static void write_quantiles(struct json_writer *writer, const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}, {"p99_9_ns", 0.999}};
    json_write_member_u64(writer, "count", histogram_count(histogram));
    json_write_member_u64(writer, "total_ns", histogram_sum_ns(histogram));
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        json_write_member_u64(writer, quantiles[i].name, histogram_quantile(histogram, quantiles[i].quantile));
    json_write_member_u64(writer, "max_ns", histogram_max_ns(histogram));
}

/* `cause_ns` is what all stalls had of the cause, the others what stalls were whose main cause it was. */
static void write_cause(struct json_writer *writer, enum stall_cause cause, const struct histogram *histogram,
                        uint64_t cause_ns)
{
    json_write_key(writer, slice_of_text(stall_cause_name(cause)));
    json_write_object_begin(writer);
    write_quantiles(writer, histogram);
    json_write_member_u64(writer, "cause_ns", cause_ns);
    json_write_object_end(writer);
}

static void write_worker(struct json_writer *writer, struct stalls_work *work, const struct stall_meter *meter,
                         uint32_t index)
{
    histogram_reset(&work->all);
    for (int i = 0; i < STALL_CAUSES; i++) {
        histogram_merge(&work->all, &meter->time[i]);
        histogram_merge(&work->total, &meter->time[i]);
        histogram_merge(&work->causes[i], &meter->time[i]);
        work->cause_ns[i] += counter_read(&meter->cause_ns[i]);
    }
    json_write_object_begin(writer);
    json_write_member_u64(writer, "worker", index);
    write_quantiles(writer, &work->all);
    json_write_member_u64(writer, "watched_ns", counter_read(&meter->watched_ns));
    json_write_member_u64(writer, "turns", counter_read(&meter->turns));
    json_write_member_u64(writer, "cpu_ns", counter_read(&meter->cpu_ns));
    json_write_member_u64(writer, "run_delay_ns", counter_read(&meter->run_delay_ns));
    json_write_member_u64(writer, "major_faults", counter_read(&meter->major_faults));
    json_write_key(writer, SLICE_LIT("causes"));
    json_write_object_begin(writer);
    for (enum stall_cause cause = 0; cause < STALL_CAUSES; cause++)
        write_cause(writer, cause, &meter->time[cause], counter_read(&meter->cause_ns[cause]));
    json_write_object_end(writer);
    json_write_object_end(writer);
}

static void write_event(struct json_writer *writer, const struct told_event *told)
{
    const struct stall_event *event = &told->event;
    char at[25];
    clock_format_rfc3339(at, event->end_ns);
    json_write_object_begin(writer);
    json_write_member_string(writer, "until", slice_of_text(at));
    json_write_member_u64(writer, "until_unix_ns", event->end_ns);
    json_write_member_u64(writer, "worker", told->worker);
    json_write_member_u64(writer, "number", event->number);
    json_write_member_u64(writer, "duration_ns", event->what.total_ns);
    json_write_member_string(writer, "cause", slice_of_text(stall_cause_name(stall_main_cause(&event->what))));
    for (enum stall_cause cause = 0; cause < STALL_CAUSES; cause++) {
        char key[32];
        struct text text = text_init(key, sizeof key);
        text_printf(&text, "%s_ns", stall_cause_name(cause));
        json_write_member_u64(writer, key, event->what.cause_ns[cause]);
    }
    json_write_member_u64(writer, "run_delay_ns", event->what.run_delay_ns);
    json_write_member_u64(writer, "major_faults", event->what.major_faults);
    json_write_member_string(writer, "phase", slice_of_text(stall_phase_name(event->what.phase)));
    if (event->held_ns) {
        json_write_member_string(writer, "stage", slice_of_text(stage_name(event->stage)));
        json_write_member_u64(writer, "stage_ns", event->held_ns);
    }
    if (event->route[0])
        json_write_member_string(writer, "route", slice_of_text(event->route));
    if (event->request_id[0])
        json_write_member_string(writer, "request_id", slice_of_text(event->request_id));
    json_write_object_end(writer);
}

static int newest_first(const void *a, const void *b)
{
    uint64_t one = ((const struct told_event *)a)->event.end_ns;
    uint64_t other = ((const struct told_event *)b)->event.end_ns;
    return (one < other) - (one > other);
}

static enum err write_events(struct json_writer *writer, struct arena *arena, const struct worker_meter *const *workers,
                             uint32_t worker_count)
{
    struct told_event *told = arena_alloc_array(arena, (size_t)worker_count * STALL_EVENTS, sizeof *told);
    struct stall_event *events = arena_alloc_array(arena, STALL_EVENTS, sizeof *events);
    size_t count = 0;
    if (!told || !events)
        return ERR_NOMEM;
    for (uint32_t w = 0; w < worker_count; w++) {
        uint32_t found = stall_meter_events(&workers[w]->stalls, events);
        for (uint32_t i = 0; i < found; i++)
            told[count++] = (struct told_event){w, events[i]};
    }
    qsort(told, count, sizeof *told, newest_first);
    json_write_key(writer, SLICE_LIT("events"));
    json_write_array_begin(writer);
    for (size_t i = 0; i < MIN(count, EVENTS_TOLD); i++)
        write_event(writer, &told[i]);
    json_write_array_end(writer);
    return ERR_OK;
}

enum err debug_write_stalls(struct json_writer *writer, struct arena *arena, const struct debug_sources *sources)
{
    struct stalls_work *work = arena_alloc_zero(arena, sizeof *work);
    if (!work)
        return ERR_NOMEM;
    json_write_object_begin(writer);
    json_write_member_u64(writer, "threshold_ns", sources->stall_threshold_ns);
    json_write_key(writer, SLICE_LIT("workers"));
    json_write_array_begin(writer);
    for (uint32_t w = 0; w < sources->worker_count; w++)
        write_worker(writer, work, &sources->workers[w]->stalls, w);
    json_write_array_end(writer);
    json_write_key(writer, SLICE_LIT("all"));
    json_write_object_begin(writer);
    write_quantiles(writer, &work->total);
    json_write_key(writer, SLICE_LIT("causes"));
    json_write_object_begin(writer);
    for (enum stall_cause cause = 0; cause < STALL_CAUSES; cause++)
        write_cause(writer, cause, &work->causes[cause], work->cause_ns[cause]);
    json_write_object_end(writer);
    json_write_object_end(writer);
    TRY(write_events(writer, arena, sources->workers, sources->worker_count));
    json_write_object_end(writer);
    return ERR_OK;
}
