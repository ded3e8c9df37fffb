/* SPDX-License-Identifier: Apache-2.0 */
#include "load/remote/clock_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define AHEAD  UINT64_C(5000000000)
#define MINUTE UINT64_C(60000000000)

/* A question asked at `at_ns` that takes so long there and back; the agent thinks for 100 ns. */
static void ask(struct load_clock *clock, uint64_t at_ns, uint64_t there_ns, uint64_t back_ns)
{
    uint64_t received_ns = at_ns + there_ns + AHEAD;
    assert_true(load_clock_add(clock, at_ns, received_ns, received_ns + 100, at_ns + there_ns + 100 + back_ns));
}

static void an_even_way_gives_the_offset_exactly(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    ask(&clock, 1000, 400, 400);
    struct load_clock_estimate estimate = load_clock_estimate(&clock, 1000);
    assert_int_equal(estimate.offset_ns, AHEAD);
    assert_int_equal(estimate.error_ns, 400);
}

static void a_clock_that_is_behind_has_a_negative_offset(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    assert_true(load_clock_add(&clock, AHEAD, 1000, 1100, AHEAD + 2100));
    assert_int_equal(load_clock_estimate(&clock, AHEAD).offset_ns, -(int64_t)AHEAD);
}

static void an_uneven_way_is_within_the_error_that_is_told(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    ask(&clock, 1000, 900, 10);
    struct load_clock_estimate estimate = load_clock_estimate(&clock, 1000);
    int64_t wrong = estimate.offset_ns - (int64_t)AHEAD;
    assert_true(wrong >= -(int64_t)estimate.error_ns && wrong <= (int64_t)estimate.error_ns);
    assert_int_equal(estimate.error_ns, 455);
}

static void of_many_the_shortest_way_is_believed(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    ask(&clock, 1000, 90000, 10);
    ask(&clock, 2000, 50, 50);
    ask(&clock, 3000, 10, 90000);
    assert_int_equal(load_clock_estimate(&clock, 3000).offset_ns, AHEAD);
}

static void an_old_sample_is_worth_less(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    ask(&clock, 1000, 50, 50);
    ask(&clock, 1000 + MINUTE, 5000, 5000); /* clocks may drift 900 us apart in a minute */
    struct load_clock_estimate estimate = load_clock_estimate(&clock, 1000 + MINUTE);
    assert_true(estimate.error_ns < 6000);
}

static void only_the_latest_samples_are_kept(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    ask(&clock, 1000, 1, 1);
    for (uint64_t i = 0; i < LOAD_CLOCK_SAMPLES; i++)
        ask(&clock, 2000 + i, 500, 500);
    assert_int_equal(load_clock_estimate(&clock, 3000).error_ns, 500);
}

static void moments_that_cannot_be_are_left_out(void **state)
{
    (void)state;
    struct load_clock clock = {0};
    assert_false(load_clock_add(&clock, 1000, 5, 6, 999));     /* heard before it was asked */
    assert_false(load_clock_add(&clock, 1000, 6, 5, 2000));    /* answered before it was received */
    assert_false(load_clock_add(&clock, 1000, 5, 3000, 2000)); /* away for longer than that took */
    assert_false(load_clock_add(&clock, 0, 0, UINT64_MAX, 1));
    assert_true(load_clock_add(&clock, 0, UINT64_MAX, UINT64_MAX, 1)); /* very far ahead, but possible */
    assert_int_equal(clock.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_even_way_gives_the_offset_exactly),
        cmocka_unit_test(a_clock_that_is_behind_has_a_negative_offset),
        cmocka_unit_test(an_uneven_way_is_within_the_error_that_is_told),
        cmocka_unit_test(of_many_the_shortest_way_is_believed),
        cmocka_unit_test(an_old_sample_is_worth_less),
        cmocka_unit_test(only_the_latest_samples_are_kept),
        cmocka_unit_test(moments_that_cannot_be_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
