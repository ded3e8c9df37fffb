/* SPDX-License-Identifier: Apache-2.0 */
/* The cost model against lines that are known, with noise, outliers and models that change. */
#include "pipeline/schedule/cost_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ASSERT_NEAR(value, expected, ratio) assert_true(fabs((value) - (expected)) <= (ratio) * (expected))

static uint64_t state = 88172645463325252ULL;

static uint64_t chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* a n + b, off by up to `noise` percent. */
static uint64_t sample(double a, double b, uint32_t rows, uint32_t noise)
{
    double factor = 1 + ((double)chance(2 * noise + 1) - noise) / 100;
    return (uint64_t)((a * rows + b) * factor);
}

static void observe(struct cost *cost, double a, double b, uint32_t noise, int times)
{
    for (int i = 0; i < times; i++) {
        uint32_t rows = 1 + (uint32_t)chance(64);
        cost_observe(cost, rows, sample(a, b, rows, noise));
    }
}

static void finds_the_line(void **unused)
{
    (void)unused;
    struct cost cost;
    cost_init(&cost, NULL, 0);
    assert_true(cost.a_ns == 0 && cost.b_ns == 0);
    observe(&cost, 4000, 20000, 10, 400);
    ASSERT_NEAR(cost.a_ns, 4000, 0.06);
    ASSERT_NEAR(cost.b_ns, 20000, 0.2);
    assert_true(cost.error_ratio < 0.1);
}

static void begins_with_what_loading_has_measured(void **unused)
{
    (void)unused;
    const struct batch_sample samples[] = {{1, 24000}, {2, 28000}, {8, 52000}, {64, 276000}};
    struct cost cost;
    cost_init(&cost, samples, 4);
    ASSERT_NEAR(cost.a_ns, 4000, 0.01);
    ASSERT_NEAR(cost.b_ns, 20000, 0.01);
}

/* Only singles for a long time: their time is known, and the slope is still that of loading. */
static void traffic_of_one_size_keeps_the_slope(void **unused)
{
    (void)unused;
    const struct batch_sample samples[] = {{1, 24000}, {64, 276000}};
    struct cost cost;
    cost_init(&cost, samples, 2);
    for (int i = 0; i < 100000; i++)
        cost_observe(&cost, 1, sample(4000, 20000, 1, 5));
    ASSERT_NEAR(cost_ns(&cost, 1), 24000, 0.05);
    ASSERT_NEAR(cost_ns(&cost, 64), 276000, 0.15);
}

static void a_preempted_run_says_little(void **unused)
{
    (void)unused;
    struct cost cost;
    cost_init(&cost, NULL, 0);
    for (int i = 0; i < 2000; i++) {
        uint32_t rows = 1 + (uint32_t)chance(32);
        uint64_t ns = sample(1000, 5000, rows, 3);
        cost_observe(&cost, rows, i % 20 == 19 ? ns * 50 : ns);
    }
    ASSERT_NEAR(cost_ns(&cost, 16), 21000, 0.15);
}

static void follows_a_model_that_becomes_slower_or_faster(void **unused)
{
    (void)unused;
    struct cost cost;
    cost_init(&cost, NULL, 0);
    observe(&cost, 1000, 5000, 3, 200);
    observe(&cost, 10000, 50000, 3, 100);
    ASSERT_NEAR(cost_ns(&cost, 16), 210000, 0.15);
    observe(&cost, 1000, 5000, 3, 200);
    ASSERT_NEAR(cost_ns(&cost, 16), 21000, 0.15);
}

static void no_part_is_negative(void **unused)
{
    (void)unused;
    struct cost cost;
    cost_init(&cost, NULL, 0);
    for (int i = 0; i < 50; i++) { /* larger batches that take less */
        cost_observe(&cost, 1, 1000);
        cost_observe(&cost, 8, 900);
    }
    assert_true(cost.a_ns >= 0 && cost.b_ns > 0);
    cost_init(&cost, NULL, 0);
    for (int i = 0; i < 50; i++) { /* more than in proportion */
        cost_observe(&cost, 1, 100);
        cost_observe(&cost, 10, 2000);
    }
    assert_true(cost.a_ns > 0 && cost.b_ns >= 0);
    cost_init(&cost, NULL, 0);
    cost_observe(&cost, 1, 0);
    assert_true(isfinite(cost.a_ns) && isfinite(cost.b_ns));
}

static void batches_end_where_they_cost_more_a_row(void **unused)
{
    (void)unused;
    /* A text recogniser: alone 21.5 ms, 16 together 32 ms each. */
    const struct batch_sample rising[] = {{1, 21500}, {2, 43500}, {4, 92000}, {8, 210000}, {16, 512000}};
    assert_int_equal(cost_rows_paying(rising, 5, 16), 2);
    /* Best in the middle. */
    const struct batch_sample hump[] = {{1, 1000}, {2, 1200}, {4, 1600}, {8, 3100}, {16, 9000}};
    assert_int_equal(cost_rows_paying(hump, 5, 16), 8);
    const struct batch_sample line[] = {{1, 23}, {2, 27}, {4, 35}, {8, 52}};
    assert_int_equal(cost_rows_paying(line, 4, 8), 8);
    assert_int_equal(cost_rows_paying(line, 2, 8), 8); /* not all was measured */
    assert_int_equal(cost_rows_paying(line, 0, 8), 8);
    assert_int_equal(cost_rows_paying(line, 4, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_line),
        cmocka_unit_test(begins_with_what_loading_has_measured),
        cmocka_unit_test(traffic_of_one_size_keeps_the_slope),
        cmocka_unit_test(a_preempted_run_says_little),
        cmocka_unit_test(follows_a_model_that_becomes_slower_or_faster),
        cmocka_unit_test(no_part_is_negative),
        cmocka_unit_test(batches_end_where_they_cost_more_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
