/* SPDX-License-Identifier: Apache-2.0 */
#include "load/export/figures_int.h"

#include "lib/sys/clock.h"

#include <stdlib.h>

const double export_quantiles[EXPORT_QUANTILES] = {0.5, 0.95, 0.99};
const double export_bounds_s[EXPORT_BOUNDS] = {1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2,
                                               5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10,   30,   60};

static void take_times(const struct hdr *hdr, struct export_times *times);
static void take_step(struct export_taker *taker, uint32_t index, const struct load_series *series,
                      struct export_step *step);
static void take_quantiles(const struct hdr *hdr, uint64_t *ret_count, uint64_t quantiles_ns[EXPORT_QUANTILES]);
static void name_steps(const struct load_plan *plan, struct export_step *steps);

enum err export_figures_create(const struct load_plan *plan, struct slice version, struct export_figures **ret_figures)
{
    struct export_figures *figures = calloc(1, sizeof *figures);
    struct export_step *steps = calloc(plan->step_count, sizeof *steps);
    if (!figures || !steps) {
        free(figures);
        free(steps);
        return ERR_NOMEM;
    }
    *figures =
        (struct export_figures){.test = plan->name, .version = version, .step_count = plan->step_count, .steps = steps};
    name_steps(plan, steps);
    *ret_figures = figures;
    return ERR_OK;
}

static void name_steps(const struct load_plan *plan, struct export_step *steps)
{
    for (uint32_t i = 0; i < plan->scenario_count; i++) {
        const struct load_scenario *scenario = &plan->scenarios[i];
        for (uint32_t j = 0; j < scenario->step_count; j++) {
            struct export_step *step = &steps[scenario->steps[j].index];
            step->scenario = scenario->name;
            step->step = scenario->steps[j].name;
        }
    }
}

void export_figures_destroy(struct export_figures *figures)
{
    if (!figures)
        return;
    free(figures->steps);
    free(figures);
}

enum err export_taker_init(struct export_taker *taker, const struct load_plan *plan)
{
    *taker = (struct export_taker){.plan = plan,
                                   .before = calloc(plan->step_count, sizeof *taker->before),
                                   .interval = calloc(2, sizeof *taker->interval)};
    if (taker->before && taker->interval)
        return ERR_OK;
    export_taker_deinit(taker);
    return ERR_NOMEM;
}

void export_taker_deinit(struct export_taker *taker)
{
    free(taker->before);
    free(taker->interval);
    *taker = (struct export_taker){0};
}

void export_take(struct export_taker *taker, const struct load_results *results, struct export_figures *figures)
{
    const struct load_record *record = results->totals;
    struct hdr *all = &taker->interval[1];
#define TEST_COUNTER(name, unit, place, help) figures->name = counter_read(&record->place);
#define TEST_GAUGE(name, unit, place, help)   figures->name = gauge_read(&record->place);
#define TEST_TIMES(name, place, help)         take_times(&record->place, &figures->name);
#include "load/export/metrics.def"
    figures->cpu_ns = counter_read(&record->cpu_ns);
    figures->elapsed_ns = results->interval_count ? results->intervals[results->interval_count - 1]->end_ns : 0;
    figures->agent_count = results->agent_count;
    figures->agents_lost = results->agents_lost;
    hdr_reset(all);
    for (uint32_t i = 0; i < figures->step_count; i++)
        take_step(taker, i, &record->series[i], &figures->steps[i]);
    take_quantiles(all, &figures->interval_count, figures->quantiles_ns);
}

static void take_step(struct export_taker *taker, uint32_t index, const struct load_series *series,
                      struct export_step *step)
{
    struct hdr *before = &taker->before[index];
    struct hdr *interval = &taker->interval[0];
#define STEP_COUNTER(name, unit, place, help) step->name = counter_read(&series->place);
#define STEP_TIMES(name, place, help)         take_times(&series->place, &step->name);
#include "load/export/metrics.def"
    step->answered = counter_read(&series->answered);
    for (int i = 0; i < LOAD_FAILURE_COUNT; i++)
        step->failed[i] = counter_read(&series->failed[i]);
    for (int i = 0; i < LOAD_STATUSES; i++)
        step->statuses[i] = counter_read(&series->statuses[i]);
    step->has_stream = series->stream != NULL;
    if (step->has_stream) {
#define STREAM_COUNTER(name, unit, place, help) step->name = counter_read(&series->stream->place);
#define STREAM_TIMES(name, place, help)         take_times(&series->stream->place, &step->name);
#include "load/export/metrics.def"
    }
    hdr_subtract(interval, &series->latency, before);
    take_quantiles(interval, &step->interval_count, step->quantiles_ns);
    hdr_merge(&taker->interval[1], interval);
    hdr_merge(before, interval);
}

static void take_quantiles(const struct hdr *hdr, uint64_t *ret_count, uint64_t quantiles_ns[EXPORT_QUANTILES])
{
    *ret_count = hdr_count(hdr);
    for (size_t i = 0; i < EXPORT_QUANTILES; i++)
        quantiles_ns[i] = hdr_quantile(hdr, export_quantiles[i]);
}

/* One walk for all bounds, over what is used: hdr_count_at_most would walk for each. */
static void take_times(const struct hdr *hdr, struct export_times *times)
{
    uint64_t count = 0;
    uint32_t index = hdr_index(hdr_min_ns(hdr));
    uint32_t end = hdr_count(hdr) ? hdr_index(hdr_max_ns(hdr)) + 1 : index;
    for (size_t i = 0; i < EXPORT_BOUNDS; i++) {
        uint32_t last = hdr_index((uint64_t)(export_bounds_s[i] * (double)NS_PER_S + 0.5));
        for (; index < end && index <= last; index++)
            count += atomic_load_explicit(&hdr->buckets[index], memory_order_relaxed);
        times->below[i] = count;
    }
    times->count = hdr_count(hdr);
    times->sum_ns = hdr_sum_ns(hdr);
}
