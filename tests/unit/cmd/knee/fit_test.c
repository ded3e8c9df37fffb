/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/fit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define POINTS 12

static struct knee_point *points[POINTS];

/* A measurement of which every slice has the mean `ms`, give or take a share of it. */
static void measure(struct knee_point *point, double rate, double ms, double noise)
{
    static uint64_t state = 1;
    point->rate = rate;
    point->load.seconds = 1;
    for (int i = 0; i < KNEE_SLICES; i++) {
        struct knee_slice *slice = &point->load.slices[i];
        state = state * 6364136223846793005u + 1442695040888963407u;
        double shift = 1 + noise * ((double)(state >> 33) / 0x1p30 - 1);
        for (int j = 0; j < 10; j++)
            histogram_record(&slice->latency, (uint64_t)(ms * shift * 1e6));
        slice->due = slice->answered = 10;
    }
}

static int make_points(void **state)
{
    (void)state;
    for (int i = 0; i < POINTS; i++)
        if (!(points[i] = calloc(1, sizeof *points[i])))
            return -1;
    return 0;
}

static int drop_points(void **state)
{
    (void)state;
    for (int i = 0; i < POINTS; i++)
        free(points[i]);
    return 0;
}

static struct knee_fit fit(uint32_t count)
{
    struct knee_fit found;
    knee_fit((const struct knee_point *const *)points, count, 1, &found);
    return found;
}

static void finds_where_latency_takes_off(void **state)
{
    (void)state;
    for (int i = 0; i < POINTS; i++) {
        double rate = 100 * (i + 1);
        measure(points[i], rate, rate < 730 ? 1 : exp((rate - 730) / 100), 0.05);
    }
    struct knee_fit found = fit(POINTS);
    assert_true(found.is_found);
    assert_true(fabs(found.rate - 730) < 40);
    assert_true(found.low <= found.rate && found.rate <= found.high);
    assert_true(found.high - found.low < 100);
    assert_true(found.flat < 1.05 && found.steep > 2);
    assert_true(found.repeated > 900);
}

static void is_less_sure_of_what_is_noisy(void **state)
{
    (void)state;
    double width[2];
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < POINTS; i++) {
            for (int s = 0; s < KNEE_SLICES; s++)
                histogram_reset(&points[i]->load.slices[s].latency);
            double rate = 100 * (i + 1);
            measure(points[i], rate, rate < 730 ? 1 : exp((rate - 730) / 100), turn ? 0.9 : 0.05);
        }
        struct knee_fit found = fit(POINTS);
        width[turn] = found.high - found.low;
    }
    assert_true(width[1] > width[0]);
}

static void a_straight_rise_has_no_knee(void **state)
{
    (void)state;
    for (int i = 0; i < POINTS; i++)
        measure(points[i], 100 * (i + 1), exp(0.1 * i), 0.001);
    assert_false(fit(POINTS).is_found);
}

static void a_few_points_are_not_enough(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        measure(points[i], 100 * (i + 1), i < 2 ? 1 : 100, 0);
    assert_false(fit(4).is_found);
}

static void fits_a_line_to_what_executions_take(void **state)
{
    (void)state;
    const struct knee_size sizes[] = {{1, 110, 1000}, {4, 140, 10}, {32, 420, 1}};
    struct knee_cost cost = knee_fit_cost(sizes, 3);
    assert_true(cost.is_known);
    assert_true(fabs(cost.a_ns - 10) < 1e-6 && fabs(cost.b_ns - 100) < 1e-6);
}

static void one_size_tells_no_slope(void **state)
{
    (void)state;
    const struct knee_size size = {1, 110, 1000};
    struct knee_cost cost = knee_fit_cost(&size, 1);
    assert_false(cost.is_known);
    assert_true(fabs(cost.b_ns - 110) < 1e-9);
    assert_false(knee_fit_cost(NULL, 0).is_known);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_points, drop_points)
    const struct CMUnitTest tests[] = {
        TEST(finds_where_latency_takes_off),       TEST(is_less_sure_of_what_is_noisy),
        TEST(a_straight_rise_has_no_knee),         TEST(a_few_points_are_not_enough),
        TEST(fits_a_line_to_what_executions_take), TEST(one_size_tells_no_slope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
