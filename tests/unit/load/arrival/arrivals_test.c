/* SPDX-License-Identifier: Apache-2.0 */
/* Moments of an open loop: how many, how they are spread, and the same whoever shares them out. */
#include "lib/sys/clock.h"
#include "load/arrival/arrival.h"

#include <math.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct load_plan plan_of(enum load_arrival arrival, const struct load_stage *stages, uint32_t count)
{
    return (struct load_plan){.arrival = arrival, .stages = stages, .stage_count = count, .seed = 7};
}

/* Of one part of one, by second. */
static uint64_t count_by_second(const struct load_plan *plan, uint32_t *seconds, size_t second_count)
{
    struct load_arrivals arrivals;
    struct load_due due;
    uint64_t all = 0;
    uint64_t last_ns = 0;
    load_arrivals_init(&arrivals, plan, 0, 1);
    while (load_arrivals_next(&arrivals, &due)) {
        assert_true(due.ns >= last_ns);
        assert_int_equal(due.number, all);
        last_ns = due.ns;
        all++;
        if (due.ns / NS_PER_S < second_count)
            seconds[due.ns / NS_PER_S]++;
    }
    return all;
}

static void a_constant_rate_has_the_same_number_in_each_second(void **state)
{
    (void)state;
    static uint32_t seconds[10];
    struct load_stage stage = {.duration_ns = 10 * NS_PER_S, .from = 1237, .to = 1237};
    struct load_plan plan = plan_of(LOAD_CONSTANT, &stage, 1);
    assert_int_equal(count_by_second(&plan, seconds, 10), 12370);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(seconds[i], 1237);
}

static void a_constant_rate_does_not_drift_within_an_hour(void **state)
{
    (void)state;
    struct load_stage stage = {.duration_ns = 3600 * NS_PER_S, .from = 3000, .to = 3000};
    struct load_plan plan = plan_of(LOAD_CONSTANT, &stage, 1);
    struct load_arrivals arrivals;
    struct load_due due;
    uint64_t number = 0;
    load_arrivals_init(&arrivals, &plan, 0, 1);
    for (; load_arrivals_next(&arrivals, &due); number++) {
        int64_t off_ns = (int64_t)due.ns - (int64_t)(number * NS_PER_S / 3000);
        assert_true(off_ns >= -1 && off_ns <= 1);
    }
    assert_int_equal(number, 3000 * 3600);
}

/* Rate r(t) = 100 t: the number until t is 50 t², so the one with number k is due at sqrt(k / 50). */
static void a_ramp_follows_the_integral_of_its_rate(void **state)
{
    (void)state;
    struct load_stage stage = {.duration_ns = 10 * NS_PER_S, .from = 0, .to = 1000};
    struct load_plan plan = plan_of(LOAD_CONSTANT, &stage, 1);
    struct load_arrivals arrivals;
    struct load_due due;
    uint64_t number = 0;
    load_arrivals_init(&arrivals, &plan, 0, 1);
    for (; load_arrivals_next(&arrivals, &due); number++)
        assert_true(fabs((double)due.ns - sqrt((double)number / 50) * 1e9) < 2);
    assert_int_equal(number, 5000);
}

static void steps_and_ramps_down_have_their_numbers(void **state)
{
    (void)state;
    static uint32_t seconds[8];
    struct load_stage stages[] = {
        {.duration_ns = 2 * NS_PER_S, .from = 100, .to = 100},
        {.duration_ns = 1 * NS_PER_S, .from = 0, .to = 0},
        {.duration_ns = 2 * NS_PER_S, .from = 500, .to = 500},
        {.duration_ns = 2 * NS_PER_S, .from = 500, .to = 0},
    };
    struct load_plan plan = plan_of(LOAD_CONSTANT, stages, 4);
    assert_int_equal(count_by_second(&plan, seconds, 8), 200 + 1000 + 500);
    uint32_t expected[8] = {100, 100, 0, 500, 500, 375, 125, 0};
    assert_memory_equal(seconds, expected, sizeof expected);
}

static void warming_up_comes_before_the_stages(void **state)
{
    (void)state;
    static uint32_t seconds[4];
    struct load_stage stage = {.duration_ns = 2 * NS_PER_S, .from = 50, .to = 150};
    struct load_plan plan = plan_of(LOAD_CONSTANT, &stage, 1);
    plan.warm_ns = 2 * NS_PER_S;
    assert_int_equal(count_by_second(&plan, seconds, 4), 100 + 200);
    uint32_t expected[4] = {50, 50, 75, 125};
    assert_memory_equal(seconds, expected, sizeof expected);
}

static void iterations_max_bounds_what_counts(void **state)
{
    (void)state;
    struct load_stage stage = {.duration_ns = UINT64_MAX, .from = 50, .to = 50};
    struct load_plan plan = plan_of(LOAD_CONSTANT, &stage, 1);
    plan.warm_ns = 2 * NS_PER_S;
    plan.iterations_max = 1000;
    assert_int_equal(count_by_second(&plan, NULL, 0), 100 + 1000);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

#define GAPS 100000
static double gaps[GAPS];

/* Kolmogorov and Smirnov's test: the largest distance between the distribution of the gaps and the exponential one. Above 1.36 / sqrt(n) lie
 * 5 of 100 seeds; this one is far from it. */
static void gaps_of_a_poisson_process_are_exponential(void **state)
{
    (void)state;
    struct load_stage stage = {.duration_ns = UINT64_MAX, .from = 1000, .to = 1000};
    struct load_plan plan = plan_of(LOAD_POISSON, &stage, 1);
    struct load_arrivals arrivals;
    struct load_due due;
    uint64_t last_ns = 0;
    load_arrivals_init(&arrivals, &plan, 0, 1);
    for (size_t i = 0; i < GAPS; i++) {
        assert_true(load_arrivals_next(&arrivals, &due));
        gaps[i] = (double)(due.ns - last_ns) / 1e6;
        last_ns = due.ns;
    }
    qsort(gaps, GAPS, sizeof gaps[0], compare);
    double distance = 0;
    for (size_t i = 0; i < GAPS; i++) {
        double expected = 1 - exp(-gaps[i]);
        distance = fmax(distance, fmax(fabs(expected - (double)i / GAPS), fabs(expected - (double)(i + 1) / GAPS)));
    }
    assert_true(distance < 1.36 / sqrt(GAPS));
}

/* Within four standard deviations in each second of a rate that rises. */
static void a_poisson_ramp_has_the_numbers_of_its_rate(void **state)
{
    (void)state;
    static uint32_t seconds[20];
    struct load_stage stage = {.duration_ns = 20 * NS_PER_S, .from = 0, .to = 10000};
    struct load_plan plan = plan_of(LOAD_POISSON, &stage, 1);
    (void)count_by_second(&plan, seconds, 20);
    for (size_t i = 0; i < 20; i++) {
        double expected = 500 * ((double)i + 0.5);
        assert_true(fabs(seconds[i] - expected) < 4 * sqrt(expected));
    }
}

static void parts_together_are_the_whole_process(void **state)
{
    (void)state;
    enum load_arrival kinds[] = {LOAD_CONSTANT, LOAD_POISSON};
    for (size_t kind = 0; kind < 2; kind++) {
        struct load_stage stages[] = {{.duration_ns = NS_PER_S, .from = 100, .to = 3000},
                                      {.duration_ns = NS_PER_S, .from = 3000, .to = 50}};
        struct load_plan plan = plan_of(kinds[kind], stages, 2);
        struct load_arrivals whole, parts[3];
        struct load_due expected, due;
        load_arrivals_init(&whole, &plan, 0, 1);
        for (uint32_t i = 0; i < 3; i++)
            load_arrivals_init(&parts[i], &plan, i, 3);
        while (load_arrivals_next(&whole, &expected)) {
            assert_true(load_arrivals_next(&parts[expected.number % 3], &due));
            assert_int_equal(due.number, expected.number);
            assert_int_equal(due.ns, expected.ns);
        }
        for (uint32_t i = 0; i < 3; i++)
            assert_false(load_arrivals_next(&parts[i], &due));
    }
}

static void a_replay_is_due_when_it_was_recorded(void **state)
{
    (void)state;
    uint64_t moments[] = {0, 5, 5, 900, 1000};
    struct load_plan plan = {.arrival = LOAD_REPLAY, .replay_ns = moments, .replay_count = 5, .warm_ns = 100};
    struct load_arrivals arrivals;
    struct load_due due;
    load_arrivals_init(&arrivals, &plan, 1, 2);
    assert_true(load_arrivals_next(&arrivals, &due));
    assert_int_equal(due.ns, 105);
    assert_true(load_arrivals_next(&arrivals, &due));
    assert_int_equal(due.ns, 1000);
    assert_false(load_arrivals_next(&arrivals, &due));
    assert_int_equal(load_plan_duration_ns(&plan), 1001);
}

static void a_stage_is_found_by_its_moment(void **state)
{
    (void)state;
    struct load_stage stages[] = {{.duration_ns = 10}, {.duration_ns = 0}, {.duration_ns = 5}};
    struct load_plan plan = plan_of(LOAD_CONSTANT, stages, 3);
    assert_int_equal(load_stage_at(&plan, 0), 0);
    assert_int_equal(load_stage_at(&plan, 9), 0);
    assert_int_equal(load_stage_at(&plan, 10), 2);
    assert_int_equal(load_stage_at(&plan, 99), 2);
    assert_int_equal(load_plan_duration_ns(&plan), 15);
    assert_int_equal(load_stage_end_ns(&plan, 0), 10);
    assert_int_equal(load_stage_end_ns(&plan, 9), 10);
    assert_true(load_stage_end_ns(&plan, 10) == UINT64_MAX);
    /* An interval that ends a little late is still of the stage it was for. */
    assert_int_equal(load_stage_of(&plan, 0, 11), 0);
    assert_int_equal(load_stage_of(&plan, 5, 12), 0);
    assert_int_equal(load_stage_of(&plan, 9, 15), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_rate_has_the_same_number_in_each_second),
        cmocka_unit_test(a_constant_rate_does_not_drift_within_an_hour),
        cmocka_unit_test(a_ramp_follows_the_integral_of_its_rate),
        cmocka_unit_test(steps_and_ramps_down_have_their_numbers),
        cmocka_unit_test(warming_up_comes_before_the_stages),
        cmocka_unit_test(iterations_max_bounds_what_counts),
        cmocka_unit_test(gaps_of_a_poisson_process_are_exponential),
        cmocka_unit_test(a_poisson_ramp_has_the_numbers_of_its_rate),
        cmocka_unit_test(parts_together_are_the_whole_process),
        cmocka_unit_test(a_replay_is_due_when_it_was_recorded),
        cmocka_unit_test(a_stage_is_found_by_its_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
