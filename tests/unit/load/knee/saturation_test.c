/* SPDX-License-Identifier: Apache-2.0 */
#include "load/knee/saturation_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define POINTS 25

static double seconds[POINTS];
static double outstanding[POINTS];

/* A queue that grows by `slope` a second, with a scatter that has no trend. */
static struct saturation look(double slope, double scatter, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        seconds[i] = 0.2 * (i + 1);
        outstanding[i] = 5 + slope * seconds[i] + (i % 3 == 0 ? scatter : i % 3 == 1 ? -scatter : 0);
    }
    return saturation_find(seconds, outstanding, count);
}

static void a_straight_line_has_its_slope_and_no_error(void **state)
{
    (void)state;
    struct saturation found = look(50, 0, POINTS);
    assert_true(fabs(found.slope - 50) < 1e-9 && found.error < 1e-6);
    found = look(-7, 0, POINTS);
    assert_true(fabs(found.slope + 7) < 1e-9);
}

static void scatter_is_in_the_error_and_hardly_in_the_slope(void **state)
{
    (void)state;
    struct saturation found = look(50, 20, POINTS);
    assert_true(fabs(found.slope - 50) < 2 * found.error);
    assert_true(found.error > 1 && found.error < 5);
}

static void a_few_points_say_nothing(void **state)
{
    (void)state;
    assert_true(look(500, 0, SATURATION_LEAST - 1).slope == 0);
    assert_true(look(500, 0, SATURATION_LEAST).slope > 499);
}

static void moments_that_are_all_one_say_nothing(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < POINTS; i++)
        seconds[i] = 2;
    assert_true(saturation_find(seconds, outstanding, POINTS).slope == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_straight_line_has_its_slope_and_no_error),
        cmocka_unit_test(scatter_is_in_the_error_and_hardly_in_the_slope),
        cmocka_unit_test(a_few_points_say_nothing),
        cmocka_unit_test(moments_that_are_all_one_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
