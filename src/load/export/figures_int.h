/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a test, small enough to be taken by the session's thread once an interval and read by another. */
#ifndef WEIR_LOAD_EXPORT_FIGURES_INT_H
#define WEIR_LOAD_EXPORT_FIGURES_INT_H

#include "load/results.h"

#define EXPORT_QUANTILES 3
extern const double export_quantiles[EXPORT_QUANTILES];

/* From ten microseconds, for own lag, to the minute at which nobody waits any more; 1, 2 and 5 of each decade. */
#define EXPORT_BOUNDS 21
extern const double export_bounds_s[EXPORT_BOUNDS];

struct export_times {
    uint64_t below[EXPORT_BOUNDS]; /* at most export_bounds_s[i] */
    uint64_t count;
    uint64_t sum_ns;
};

struct export_step {
    struct slice scenario;
    struct slice step;
    bool has_stream;
    uint64_t answered;
    uint64_t failed[LOAD_FAILURE_COUNT];
    uint64_t statuses[LOAD_STATUSES];
    uint64_t interval_count; /* of the last interval, with its quantiles */
    uint64_t quantiles_ns[EXPORT_QUANTILES];
#define STEP_COUNTER(name, unit, place, help)   uint64_t name;
#define STREAM_COUNTER(name, unit, place, help) uint64_t name;
#define STEP_TIMES(name, place, help)           struct export_times name;
#define STREAM_TIMES(name, place, help)         struct export_times name;
#include "load/export/metrics.def"
};

struct export_figures {
    struct slice test;
    struct slice version;
    uint64_t elapsed_ns;
    uint64_t cpu_ns;
    uint32_t agent_count, agents_lost;
    uint64_t interval_count;
    uint64_t quantiles_ns[EXPORT_QUANTILES];
#define TEST_COUNTER(name, unit, place, help) uint64_t name;
#define TEST_GAUGE(name, unit, place, help)   int64_t name;
#define TEST_TIMES(name, place, help)         struct export_times name;
#include "load/export/metrics.def"
    uint32_t step_count;
    struct export_step *steps; /* of plan->steps */
};

/* Takes figures, and keeps what it needs to tell an interval from the one before. */
struct export_taker {
    const struct load_plan *plan;
    struct hdr *before;   /* latencies of each step as of the last interval */
    struct hdr *interval; /* scratch: one step's, and all together */
};

MUST_USE enum err export_taker_init(struct export_taker *taker, const struct load_plan *plan);
void export_taker_deinit(struct export_taker *taker);
/* `figures` with room for the steps of the plan: export_figures_create. */
void export_take(struct export_taker *taker, const struct load_results *results, struct export_figures *figures);

MUST_USE enum err export_figures_create(const struct load_plan *plan, struct slice version,
                                        struct export_figures **ret_figures);
void export_figures_destroy(struct export_figures *figures); /* NULL is accepted */

#endif
