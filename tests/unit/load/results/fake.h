/* SPDX-License-Identifier: Apache-2.0 */
/* A test that never ran: a plan, and what a generator would have counted. For tests of what results are made into. */
#ifndef WEIR_TESTS_UNIT_LOAD_RESULTS_FAKE_H
#define WEIR_TESTS_UNIT_LOAD_RESULTS_FAKE_H

#include "lib/sys/clock.h"
#include "load/results.h"

#define FAKE_NAME "fake </script><b>&\""

static const struct load_step fake_steps[] = {
    {.name = {"login", 5}, .index = 0, .method = {"POST", 4}, .beside = UINT32_MAX},
    {.name = {"</script>&\"", 11}, .index = 1, .method = {"GET", 3}, .beside = UINT32_MAX},
};
static const struct load_stage fake_stages[] = {
    {.duration_ns = 2 * NS_PER_S, .from = 100, .to = 100, .name = {"flat", 4}},
    {.duration_ns = 3 * NS_PER_S, .from = 100, .to = 300},
};
static const struct load_threshold fake_thresholds[] = {
    {.text = {"p99 < 20ms", 10},
     .step = UINT32_MAX,
     .quantity = LOAD_Q_LATENCY,
     .statistic = LOAD_S_QUANTILE,
     .quantile = 0.99,
     .test = LOAD_LESS,
     .bound = 20e6},
    {.text = {"login: errors <= 1%", 19},
     .step = 0,
     .quantity = LOAD_Q_ERRORS,
     .statistic = LOAD_S_VALUE,
     .test = LOAD_AT_MOST,
     .bound = 0.01},
    {.text = {"rate >= 150", 11},
     .step = UINT32_MAX,
     .quantity = LOAD_Q_RATE,
     .statistic = LOAD_S_VALUE,
     .test = LOAD_AT_LEAST,
     .bound = 150},
};
static const struct load_plan fake_plan = {
    .name = {FAKE_NAME, sizeof FAKE_NAME - 1},
    .steps = fake_steps,
    .step_count = 2,
    .stages = fake_stages,
    .stage_count = 2,
    .arrival = LOAD_CONSTANT,
    .thresholds = fake_thresholds,
    .threshold_count = 3,
    .thread_count = 1,
    .interval_ns = NS_PER_S,
    .lag_bound_ns = NS_PER_MS,
    .error_bound = 0.05,
};

/* One second of the plan: requests take 1 to 2 ms, one of 50 of the second step fails. */
static inline void fake_second(struct load_record *record, uint64_t requests)
{
    for (uint64_t i = 0; i < requests; i++) {
        struct load_series *series = &record->series[i % 2];
        bool is_failed = i % 100 == 99;
        counter_add(&series->due, 1);
        counter_add(&series->sent, 1);
        counter_add(&series->statuses[is_failed ? 503 : 200], 1);
        counter_add(is_failed ? &series->failed[LOAD_FAILURE_STATUS] : &series->answered, 1);
        counter_add(&series->response_bytes, 512);
        if (!is_failed) {
            hdr_record(&series->latency, NS_PER_MS + i * NS_PER_MS / requests);
            hdr_record(&series->service, NS_PER_MS + i * NS_PER_MS / requests - 1000);
        }
        hdr_record(&record->lag, 2000 + i);
        counter_add(&record->iterations_due, 1);
        counter_add(&record->iterations_begun, 1);
        counter_add(&record->iterations_ended, 1);
        counter_add(&record->cpu_ns, 6000);
    }
    gauge_set(&record->links, 8);
    gauge_set(&record->in_flight, 3);
}

/* The whole of it, judged. */
static inline enum err fake_results(struct load_results *results)
{
    static const uint64_t requests[] = {100, 100, 133, 200, 267};
    TRY(load_results_init(&fake_plan, results));
    results->wall_begin_ns = UINT64_C(1764112500) * NS_PER_S;
    for (uint32_t i = 0; i < 5; i++) {
        fake_second(results->totals, requests[i]);
        TRY(load_results_add_interval(results, results->totals, (i + 1) * NS_PER_S, i < 2 ? 0 : 1));
    }
    load_results_judge(results);
    return ERR_OK;
}

#endif
