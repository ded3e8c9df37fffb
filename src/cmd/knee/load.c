/* SPDX-License-Identifier: Apache-2.0 */
/* A measurement is a test of load, run by the engine of weir load. Each of its slices is a stage with a scenario, and so a series, of its
 * own: what is recorded of a request belongs to the slice in which it was due. */
#include "cmd/knee/load.h"

#include "lib/sys/clock.h"
#include "load/run.h"

#include <stdlib.h>

#define DRAIN_NS   (2 * NS_PER_S)
#define READY_NS   (5 * NS_PER_S)
#define HEAD_START (10 * NS_PER_MS)
#define LOOK_NS    (10 * NS_PER_MS)

/* A plan and what it points to. */
struct parts {
    struct load_plan plan;
    struct load_target target;
    struct load_scenario scenarios[KNEE_SLICES];
    struct load_step steps[KNEE_SLICES];
    struct load_stage stages[KNEE_SLICES];
    struct load_piece path, body, values[KNEE_FIELDS_MAX];
    struct load_field fields[KNEE_FIELDS_MAX];
};

struct measurement {
    const struct knee_load_options *options;
    struct knee_load *load;
    struct parts parts;
    struct load_run *run;
    struct load_record *record;
};

static struct load_template literal(struct load_piece *piece, struct slice text)
{
    *piece = (struct load_piece){.kind = LOAD_PIECE_TEXT, .text = text};
    return (struct load_template){.pieces = piece, .count = text.len ? 1 : 0};
}

static struct load_step make_step(const struct load_request *request, struct parts *parts)
{
    struct load_step step = {.name = SLICE_LIT("infer"),
                             .method = request->method,
                             .path = literal(&parts->path, request->path),
                             .fields = parts->fields,
                             .field_count = MIN(request->field_count, KNEE_FIELDS_MAX),
                             .body = literal(&parts->body, request->body),
                             .is_literal = true,
                             .beside = UINT32_MAX};
    for (uint32_t i = 0; i < step.field_count; i++) {
        parts->fields[i].name = request->fields[i].name;
        parts->fields[i].value = literal(&parts->values[i], request->fields[i].value);
    }
    return step;
}

static void make_slices(const struct knee_load_options *options, struct parts *parts)
{
    double level = options->rate > 0 ? options->rate : options->connections;
    struct load_step step = make_step(options->request, parts);
    for (uint32_t i = 0; i < KNEE_SLICES; i++) {
        step.index = i;
        parts->steps[i] = step;
        parts->scenarios[i] =
            (struct load_scenario){.name = step.name, .weight = 1, .steps = &parts->steps[i], .step_count = 1};
        parts->stages[i] =
            (struct load_stage){.duration_ns = options->measure_ns / KNEE_SLICES, .from = level, .to = level};
    }
}

static void make_plan(const struct knee_load_options *options, struct parts *parts)
{
    make_slices(options, parts);
    parts->target =
        (struct load_target){.authority = options->host, .addresses[0] = options->address, .address_count = 1};
    parts->plan = (struct load_plan){.targets = &parts->target,
                                     .target_count = 1,
                                     .scenarios = parts->scenarios,
                                     .scenario_count = KNEE_SLICES,
                                     .steps = parts->steps,
                                     .step_count = KNEE_SLICES,
                                     .is_scenario_of_stage = true,
                                     .arrival = options->rate > 0 ? LOAD_POISSON : LOAD_CLOSED,
                                     .stages = parts->stages,
                                     .stage_count = KNEE_SLICES,
                                     .warm_ns = options->warm_ns,
                                     .drain_ns = DRAIN_NS,
                                     .connections_max = options->connections,
                                     .pipelining = 1,
                                     .is_kept_alive = true,
                                     .thread_count = 1,
                                     .first_cpu = -1,
                                     .seed = options->seed};
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

/* Each bucket as so many of its middle: a two-thousandth off at most. */
static void add_histogram(struct histogram *into, const struct hdr *hdr)
{
    for (uint32_t i = 0; i < HDR_BUCKETS && hdr_count(hdr); i++) {
        uint64_t count = hdr_place_read(&hdr->buckets[i]);
        uint64_t lowest_ns = hdr_bucket_lowest_ns(i);
        while (count--)
            histogram_record(into, lowest_ns + (hdr_bucket_highest_ns(i) - lowest_ns) / 2);
    }
}

static void look(struct measurement *measurement)
{
    load_record_reset(measurement->record);
    load_run_collect(measurement->run, measurement->record);
}

/* What was never sent has waited at least until the end. */
static void add_unsent(const struct measurement *measurement, uint32_t index, uint64_t count)
{
    uint64_t slice_ns = measurement->options->measure_ns / KNEE_SLICES;
    uint64_t waited_ns = (KNEE_SLICES - index) * slice_ns - slice_ns / 2 + DRAIN_NS;
    while (count--)
        histogram_record(&measurement->load->slices[index].latency, waited_ns);
}

static void read_slice(const struct measurement *measurement, uint32_t index)
{
    const struct load_series *series = &measurement->record->series[index];
    struct knee_slice *slice = &measurement->load->slices[index];
    slice->due = counter_read(&series->due);
    slice->answered = counter_read(&series->answered);
    slice->refused = counter_read(&series->statuses[429]) + counter_read(&series->statuses[503]);
    slice->failed = slice->due - slice->answered - slice->refused;
    add_histogram(&slice->latency, &series->latency);
    add_unsent(measurement, index, slice->due - slice->answered - load_series_failed(series));
}

static bool is_stopped(const struct knee_load_options *options)
{
    return options->is_stopped && options->is_stopped(options->owner);
}

static enum err wait_until(const struct knee_load_options *options, uint64_t moment_ns)
{
    for (uint64_t now_ns; (now_ns = clock_now_ns()) < moment_ns;) {
        if (is_stopped(options))
            return ERR_CANCELLED;
        clock_sleep_ns(MIN(moment_ns - now_ns, LOOK_NS));
    }
    return ERR_OK;
}

static enum err watch(struct measurement *measurement)
{
    const struct knee_load_options *options = measurement->options;
    struct knee_load *load = measurement->load;
    uint64_t begin_ns = clock_now_ns() + HEAD_START;
    load_run_begin(measurement->run, begin_ns);
    for (uint64_t i = 0; i < KNEE_SLICES; i++) {
        TRY(wait_until(options, begin_ns + options->warm_ns + options->measure_ns * (i + 1) / KNEE_SLICES));
        look(measurement);
        load->waiting_max = MAX(load->waiting_max, (uint64_t)gauge_read(&measurement->record->backlog));
    }
    for (uint32_t i = 0; i < KNEE_SLICES; i++)
        load->completed += counter_read(&measurement->record->series[i].answered);
    load->seconds = (double)options->measure_ns / (double)NS_PER_S;
    while (!load_run_is_over(measurement->run))
        TRY(wait_until(options, clock_now_ns() + LOOK_NS));
    look(measurement);
    for (uint32_t i = 0; i < KNEE_SLICES; i++)
        read_slice(measurement, i);
    add_histogram(&load->lag, &measurement->record->lag);
    return ERR_OK;
}

/* --- a measurement ------------------------------------------------------------------------------------------------ */

static enum err run(struct measurement *measurement, struct text *fault)
{
    struct load_run_options options = {.plan = &measurement->parts.plan, .parts = 1};
    const char *why = "";
    TRY(load_record_create(options.plan, &measurement->record));
    enum err err = load_run_create(&options, READY_NS, &measurement->run, &why);
    if (err != ERR_OK)
        text_printf(fault, "%s", why);
    return err == ERR_OK ? watch(measurement) : err;
}

enum err knee_load_run(const struct knee_load_options *options, struct text *fault, struct knee_load *load)
{
    struct measurement *measurement = calloc(1, sizeof *measurement);
    if (!measurement)
        return ERR_NOMEM;
    memset(load, 0, sizeof *load);
    measurement->options = options;
    measurement->load = load;
    make_plan(options, &measurement->parts);
    enum err err = run(measurement, fault);
    load_run_destroy(measurement->run);
    load_record_destroy(measurement->record);
    free(measurement);
    return err;
}
