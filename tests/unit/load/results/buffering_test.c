/* SPDX-License-Identifier: Apache-2.0 */
#include "load/results.h"

#include "lib/sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct load_step steps[] = {
    {.name = {"gateway", 7}, .index = 0, .kind = LOAD_STEP_CHAT, .beside = 1},
    {.name = {"origin", 6}, .index = 1, .kind = LOAD_STEP_CHAT, .beside = UINT32_MAX},
};
static const struct load_step lone_steps[] = {
    {.name = {"lone", 4}, .index = 0, .kind = LOAD_STEP_CHAT, .beside = UINT32_MAX},
};
static const struct load_stage stage = {.duration_ns = NS_PER_S, .from = 1, .to = 1};
static const struct load_plan plan = {
    .steps = steps, .step_count = 2, .stages = &stage, .stage_count = 1, .error_bound = 1};
static const struct load_plan lone_plan = {
    .steps = lone_steps, .step_count = 1, .stages = &stage, .stage_count = 1, .error_bound = 1};

static struct load_results results;

static int begin(void **state)
{
    (void)state;
    return load_results_init(&plan, &results) == ERR_OK ? 0 : -1;
}

static int begin_lone(void **state)
{
    (void)state;
    return load_results_init(&lone_plan, &results) == ERR_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    load_results_deinit(&results);
    return 0;
}

/* `count` tokens `gap_us` apart, give or take a fifth, of which each `bunch` come at one. */
static void stream(unsigned step, unsigned count, uint64_t gap_us, unsigned bunch)
{
    struct load_stream_series *series = results.totals->series[step].stream;
    hdr_record(&series->first_token, (50000 + (uint64_t)bunch * gap_us) * 1000);
    for (unsigned i = 0; i < count; i++) {
        bool is_held = i % bunch != 0;
        uint64_t jitter_us = gap_us * (i * 7 % 41) / 100;
        hdr_record(&series->between_tokens, is_held ? 0 : (gap_us * bunch - gap_us / 5 + jitter_us) * 1000);
        counter_add(&series->bunched, is_held);
        counter_add(&series->events, 1);
    }
    counter_add(&results.totals->series[step].answered, 1);
}

static const struct load_remark *remark_of(const char *code)
{
    load_results_judge(&results);
    for (uint32_t i = 0; i < results.remark_count; i++)
        if (slice_is(results.remarks[i].code, code))
            return &results.remarks[i];
    return NULL;
}

static void says_nothing_of_equal_streams(void **state)
{
    (void)state;
    stream(0, 500, 10000, 1);
    stream(1, 600, 10000, 1);
    assert_null(remark_of("buffering"));
}

static void says_nothing_of_a_gateway_that_is_slower(void **state)
{
    (void)state;
    stream(0, 500, 14000, 1);
    stream(1, 500, 10000, 1);
    assert_null(remark_of("buffering"));
}

static void makes_a_run_invalid_whose_gateway_is_faster_than_its_origin(void **state)
{
    (void)state;
    stream(0, 500, 10000, 8);
    stream(1, 500, 10000, 1);
    const struct load_remark *remark = remark_of("buffering");
    assert_non_null(remark);
    assert_int_equal(remark->kind, LOAD_REMARK_INVALID);
    assert_false(load_results_are_valid(&results));
}

static void does_not_take_noise_for_it(void **state)
{
    (void)state;
    stream(0, 40, 9200, 1);
    stream(1, 40, 10000, 1);
    for (uint64_t us = 0; us < 40000; us += 1000) { /* both are wide */
        hdr_record(&results.totals->series[0].stream->between_tokens, us * 1000);
        hdr_record(&results.totals->series[1].stream->between_tokens, us * 1000);
    }
    assert_null(remark_of("buffering"));
}

/* A third of the tokens comes with the one before, so the median is still a real gap. */
static void warns_of_what_is_held_back_at_times(void **state)
{
    (void)state;
    stream(0, 600, 10000, 1);
    stream(1, 900, 10000, 1);
    stream(0, 600, 10000, 3);
    stream(1, 300, 11000, 1);
    const struct load_remark *remark = remark_of("buffering");
    assert_non_null(remark);
    assert_int_equal(remark->kind, LOAD_REMARK_WARNING);
}

static void says_nothing_where_the_origin_bunches_too(void **state)
{
    (void)state;
    stream(0, 500, 10000, 4);
    stream(1, 500, 10000, 4);
    assert_null(remark_of("buffering"));
}

static void notes_that_it_cannot_say(void **state)
{
    (void)state;
    stream(0, 500, 10000, 8);
    stream(1, 3, 10000, 1);
    const struct load_remark *remark = remark_of("buffering");
    assert_non_null(remark);
    assert_int_equal(remark->kind, LOAD_REMARK_NOTE);
}

static void notes_bunches_of_a_step_that_is_held_against_nothing(void **state)
{
    (void)state;
    stream(0, 500, 10000, 4);
    const struct load_remark *remark = remark_of("bunched");
    assert_non_null(remark);
    assert_int_equal(remark->kind, LOAD_REMARK_NOTE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_nothing_of_equal_streams),
        TEST(says_nothing_of_a_gateway_that_is_slower),
        TEST(makes_a_run_invalid_whose_gateway_is_faster_than_its_origin),
        TEST(does_not_take_noise_for_it),
        TEST(warns_of_what_is_held_back_at_times),
        TEST(says_nothing_where_the_origin_bunches_too),
        TEST(notes_that_it_cannot_say),
        cmocka_unit_test_setup_teardown(notes_bunches_of_a_step_that_is_held_against_nothing, begin_lone, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
