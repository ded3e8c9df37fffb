/* SPDX-License-Identifier: Apache-2.0 */
#include "load/export/sink_int.h"

#include "lib/base/text.h"
#include "lib/sys/clock.h"

#define TEXT_FIRST_BYTES 32768
#define STEP_LABELS      2

struct text_sink {
    struct export_sink sink;
    struct exposition out;
};

static void add_family(struct export_sink *sink, const char *name, enum exposition_type type, const char *unit,
                       const char *help);
static void add_steps(struct export_sink *sink, const struct export_figures *figures, size_t offset, bool is_stream);
static void add_step_times(struct export_sink *sink, const struct export_figures *figures, size_t offset,
                           bool is_stream);
static void add_times(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                      const struct export_times *times);
static size_t label_step(const struct export_step *step, struct exposition_label labels[STEP_LABELS]);
#define FAMILY(name, type, unit, labels, help)                                                                         \
    static void render_##name(const struct export_figures *figures, struct export_sink *sink);
#include "load/export/metrics.def"

/* The rows in their order. */
void export_render(const struct export_figures *figures, struct export_sink *sink)
{
#define BEGIN(name, type, unit, help) add_family(sink, "weir_load_" #name, EXPOSITION_##type, #unit, help);
#define FAMILY(name, type, unit, labels, help)                                                                         \
    BEGIN(name, type, unit, help)                                                                                      \
    render_##name(figures, sink);
#define STEP_COUNTER(name, unit, place, help)                                                                          \
    BEGIN(name, COUNTER, unit, help)                                                                                   \
    add_steps(sink, figures, offsetof(struct export_step, name), false);
#define STREAM_COUNTER(name, unit, place, help)                                                                        \
    BEGIN(name, COUNTER, unit, help)                                                                                   \
    add_steps(sink, figures, offsetof(struct export_step, name), true);
#define STEP_TIMES(name, place, help)                                                                                  \
    BEGIN(name, HISTOGRAM, seconds, help)                                                                              \
    add_step_times(sink, figures, offsetof(struct export_step, name), false);
#define STREAM_TIMES(name, place, help)                                                                                \
    BEGIN(name, HISTOGRAM, seconds, help)                                                                              \
    add_step_times(sink, figures, offsetof(struct export_step, name), true);
#define TEST_COUNTER(name, unit, place, help)                                                                          \
    BEGIN(name, COUNTER, unit, help)                                                                                   \
    sink->sample(sink, NULL, 0, (double)figures->name);
#define TEST_GAUGE(name, unit, place, help)                                                                            \
    BEGIN(name, GAUGE, unit, help)                                                                                     \
    sink->sample(sink, NULL, 0, (double)figures->name);
#define TEST_TIMES(name, place, help)                                                                                  \
    BEGIN(name, HISTOGRAM, seconds, help)                                                                              \
    add_times(sink, NULL, 0, &figures->name);
#include "load/export/metrics.def"
#undef BEGIN
}

/* --- the kinds of rows -------------------------------------------------------------------------------------------- */

static void add_family(struct export_sink *sink, const char *name, enum exposition_type type, const char *unit,
                       const char *help)
{
    sink->family(sink,
                 &(struct exposition_family){.name = name, .type = type, .unit = unit[0] ? unit : NULL, .help = help});
}

static size_t label_step(const struct export_step *step, struct exposition_label labels[STEP_LABELS])
{
    labels[0] = (struct exposition_label){"scenario", step->scenario};
    labels[1] = (struct exposition_label){"step", step->step};
    return STEP_LABELS;
}

static const void *place_in(const struct export_step *step, size_t offset)
{
    return (const char *)step + offset;
}

static void add_steps(struct export_sink *sink, const struct export_figures *figures, size_t offset, bool is_stream)
{
    for (uint32_t i = 0; i < figures->step_count; i++) {
        const struct export_step *step = &figures->steps[i];
        struct exposition_label labels[STEP_LABELS];
        const uint64_t *value = place_in(step, offset);
        if (step->has_stream || !is_stream)
            sink->sample(sink, labels, label_step(step, labels), (double)*value);
    }
}

static void add_step_times(struct export_sink *sink, const struct export_figures *figures, size_t offset,
                           bool is_stream)
{
    for (uint32_t i = 0; i < figures->step_count; i++) {
        const struct export_step *step = &figures->steps[i];
        struct exposition_label labels[STEP_LABELS];
        if (step->has_stream || !is_stream)
            add_times(sink, labels, label_step(step, labels), place_in(step, offset));
    }
}

static void add_times(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                      const struct export_times *times)
{
    sink->times(sink, labels, label_count,
                &(struct exposition_counts){.bounds = export_bounds_s,
                                            .below = times->below,
                                            .bound_count = EXPORT_BOUNDS,
                                            .count = times->count,
                                            .sum = (double)times->sum_ns / (double)NS_PER_S});
}

/* --- families with a function each -------------------------------------------------------------------------------- */

static void render_test(const struct export_figures *figures, struct export_sink *sink)
{
    struct exposition_label labels[] = {{"test", figures->test}, {"version", figures->version}};
    sink->sample(sink, labels, ARRAY_LEN(labels), 1);
}

static void render_elapsed_seconds(const struct export_figures *figures, struct export_sink *sink)
{
    sink->sample(sink, NULL, 0, (double)figures->elapsed_ns / (double)NS_PER_S);
}

static void render_cpu_seconds(const struct export_figures *figures, struct export_sink *sink)
{
    sink->sample(sink, NULL, 0, (double)figures->cpu_ns / (double)NS_PER_S);
}

static void render_agents(const struct export_figures *figures, struct export_sink *sink)
{
    sink->sample(sink, NULL, 0, figures->agent_count);
}

static void render_agents_lost(const struct export_figures *figures, struct export_sink *sink)
{
    sink->sample(sink, NULL, 0, figures->agents_lost);
}

/* A sample of a step that has one more label. */
static void add_labelled(struct export_sink *sink, const struct export_step *step, const char *name, struct slice value,
                         double number)
{
    struct exposition_label labels[STEP_LABELS + 1];
    size_t count = label_step(step, labels);
    labels[count++] = (struct exposition_label){name, value};
    sink->sample(sink, labels, count, number);
}

static void render_requests(const struct export_figures *figures, struct export_sink *sink)
{
    for (uint32_t i = 0; i < figures->step_count; i++) {
        const struct export_step *step = &figures->steps[i];
        uint64_t failed = 0;
        for (int failure = 0; failure < LOAD_FAILURE_COUNT; failure++)
            failed += step->failed[failure];
        add_labelled(sink, step, "outcome", SLICE_LIT("ok"), (double)step->answered);
        add_labelled(sink, step, "outcome", SLICE_LIT("failed"), (double)failed);
    }
}

/* All kinds, also those that did not happen: a rate over a counter that appears with its first failure misses that one. */
static void render_failures(const struct export_figures *figures, struct export_sink *sink)
{
    for (uint32_t i = 0; i < figures->step_count; i++)
        for (int failure = LOAD_FAILURE_NONE + 1; failure < LOAD_FAILURE_COUNT; failure++)
            add_labelled(sink, &figures->steps[i], "kind", slice_of_text(load_failure_name((enum load_failure)failure)),
                         (double)figures->steps[i].failed[failure]);
}

static void render_responses(const struct export_figures *figures, struct export_sink *sink)
{
    for (uint32_t i = 0; i < figures->step_count; i++)
        for (uint64_t status = 0; status < LOAD_STATUSES; status++) {
            char digits[20];
            if (figures->steps[i].statuses[status])
                add_labelled(sink, &figures->steps[i], "status", slice_of(digits, text_format_u64(digits, status)),
                             (double)figures->steps[i].statuses[status]);
        }
}

/* Not as a label `quantile`, which is for summaries. */
static struct slice quantile_name(size_t index)
{
    static const char *const names[EXPORT_QUANTILES] = {"50", "95", "99"};
    return slice_of_text(names[index]);
}

/* Where nothing was answered in the interval there is no quantile, and none is told. */
static void render_latency_quantile_seconds(const struct export_figures *figures, struct export_sink *sink)
{
    for (uint32_t i = 0; i < figures->step_count; i++)
        for (size_t q = 0; q < EXPORT_QUANTILES && figures->steps[i].interval_count; q++)
            add_labelled(sink, &figures->steps[i], "percentile", quantile_name(q),
                         (double)figures->steps[i].quantiles_ns[q] / (double)NS_PER_S);
}

static void render_overall_latency_quantile_seconds(const struct export_figures *figures, struct export_sink *sink)
{
    for (size_t q = 0; q < EXPORT_QUANTILES && figures->interval_count; q++) {
        struct exposition_label label = {"percentile", quantile_name(q)};
        sink->sample(sink, &label, 1, (double)figures->quantiles_ns[q] / (double)NS_PER_S);
    }
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

static void text_family(struct export_sink *sink, const struct exposition_family *family)
{
    exposition_family(&CONTAINER_OF(sink, struct text_sink, sink)->out, family);
}

static void text_sample(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                        double value)
{
    exposition_sample(&CONTAINER_OF(sink, struct text_sink, sink)->out, labels, label_count, value);
}

static void text_times(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                       const struct exposition_counts *counts)
{
    exposition_counts(&CONTAINER_OF(sink, struct text_sink, sink)->out, labels, label_count, counts);
}

enum err export_render_text(const struct export_figures *figures, enum exposition_format format, struct arena *arena,
                            struct slice *ret_text)
{
    struct text_sink text = {.sink = {text_family, text_sample, text_times},
                             .out = exposition_begin(format, buffer_in_arena(arena, TEXT_FIRST_BYTES))};
    export_render(figures, &text.sink);
    return exposition_end(&text.out, ret_text);
}
