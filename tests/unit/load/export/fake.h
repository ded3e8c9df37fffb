/* SPDX-License-Identifier: Apache-2.0 */
/* A test of two steps that has run for an interval, with round numbers. */
#ifndef WEIR_TESTS_UNIT_LOAD_EXPORT_FAKE_H
#define WEIR_TESTS_UNIT_LOAD_EXPORT_FAKE_H

#include "lib/sys/clock.h"
#include "load/export/figures_int.h"
#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct load_step fake_steps[] = {
    {.name = {"log in", 6}, .index = 0},
    {.name = {"chat \"1\"", 8}, .index = 1, .kind = LOAD_STEP_CHAT},
};
static const struct load_scenario fake_scenarios[] = {
    {.name = {"visit", 5}, .weight = 1, .steps = fake_steps, .step_count = 1},
    {.name = {"talk", 4}, .weight = 1, .steps = fake_steps + 1, .step_count = 1},
};
static const struct load_plan fake_plan = {
    .name = {"fake", 4}, .steps = fake_steps, .step_count = 2, .scenarios = fake_scenarios, .scenario_count = 2};

static struct load_interval fake_interval = {.end_ns = 1500 * NS_PER_MS};
static struct load_interval *fake_intervals[] = {&fake_interval};
static struct load_results fake_results;
static struct export_taker fake_taker;
static struct export_figures *fake_figures;

static void fake_fill(struct load_record *record)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct load_series *series = &record->series[i];
        counter_add(&series->due, 110);
        counter_add(&series->sent, 105);
        counter_add(&series->answered, 100);
        counter_add(&series->failed[LOAD_FAILURE_TIMEOUT], 2);
        counter_add(&series->failed[LOAD_FAILURE_STATUS], 1);
        counter_add(&series->statuses[200], 100);
        counter_add(&series->statuses[503], 1);
        counter_add(&series->response_bytes, 12345);
        for (uint64_t k = 1; k <= 100; k++) {
            hdr_record(&series->latency, k * NS_PER_MS);
            hdr_record(&series->service, k * NS_PER_MS / 2);
        }
    }
    struct load_stream_series *stream = record->series[1].stream;
    counter_add(&stream->tokens, 640);
    hdr_record(&stream->first_token, 30 * NS_PER_MS);
    hdr_record(&stream->between_tokens, 4 * NS_PER_MS);
    hdr_record(&record->lag, 15000);
    counter_add(&record->cpu_ns, 250 * NS_PER_MS);
    gauge_set(&record->users, 8);
    gauge_set(&record->backlog, 5);
}

static int fake_make(void **state)
{
    (void)state;
    fake_results = (struct load_results){.plan = &fake_plan, .intervals = fake_intervals, .interval_count = 1};
    assert_int_equal(load_record_create(&fake_plan, &fake_results.totals), ERR_OK);
    assert_int_equal(export_taker_init(&fake_taker, &fake_plan), ERR_OK);
    assert_int_equal(export_figures_create(&fake_plan, SLICE_LIT("0.1.0"), &fake_figures), ERR_OK);
    fake_fill(fake_results.totals);
    export_take(&fake_taker, &fake_results, fake_figures);
    return make_arena_of(SIZE_MAX);
}

static int fake_drop(void **state)
{
    load_record_destroy(fake_results.totals);
    export_taker_deinit(&fake_taker);
    export_figures_destroy(fake_figures);
    return drop_arena(state);
}

#endif
