/* SPDX-License-Identifier: Apache-2.0 */
/* How many users a closed loop has. */
#include "lib/sys/clock.h"
#include "load/arrival/arrival.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct load_plan plan_of(const struct load_stage *stages, uint32_t count, double spawn_per_s)
{
    return (struct load_plan){
        .arrival = LOAD_CLOSED, .stages = stages, .stage_count = count, .spawn_per_s = spawn_per_s};
}

static void all_users_are_there_at_once_without_a_spawn_rate(void **state)
{
    (void)state;
    struct load_stage stage = {.duration_ns = NS_PER_S, .from = 64, .to = 64};
    struct load_plan plan = plan_of(&stage, 1, 0);
    struct load_users users;
    uint64_t next_ns;
    load_users_init(&users, &plan);
    assert_int_equal(load_users_at(&users, 0, &next_ns), 64);
    assert_int_equal(next_ns, NS_PER_S);
    assert_int_equal(load_users_at(&users, NS_PER_S, &next_ns), 0);
    assert_int_equal(load_users_max(&plan), 64);
}

static void users_are_spawned_one_after_the_other(void **state)
{
    (void)state;
    struct load_stage stage = {.duration_ns = 10 * NS_PER_S, .from = 20, .to = 20};
    struct load_plan plan = plan_of(&stage, 1, 10);
    struct load_users users;
    uint64_t next_ns;
    load_users_init(&users, &plan);
    for (uint64_t ms = 0; ms < 4000; ms += 50) {
        uint32_t count = load_users_at(&users, ms * NS_PER_MS, &next_ns);
        assert_int_equal(count, MIN(ms / 100 + 1, 20));
    }
    assert_int_equal(next_ns, 10 * NS_PER_S);
}

static void a_ramp_goes_up_and_down(void **state)
{
    (void)state;
    struct load_stage stages[] = {{.duration_ns = 2 * NS_PER_S, .from = 0, .to = 100},
                                  {.duration_ns = 1 * NS_PER_S, .from = 100, .to = 100},
                                  {.duration_ns = 1 * NS_PER_S, .from = 100, .to = 10}};
    struct load_plan plan = plan_of(stages, 3, 0);
    struct load_users users;
    uint64_t next_ns;
    load_users_init(&users, &plan);
    assert_int_equal(load_users_at(&users, 0, &next_ns), 0);
    assert_int_equal(load_users_at(&users, NS_PER_S, &next_ns), 50);
    assert_int_equal(load_users_at(&users, 2500 * NS_PER_MS, &next_ns), 100);
    assert_int_equal(load_users_at(&users, 3500 * NS_PER_MS, &next_ns), 55);
}

/* A step of the plan from 10 to 1000 users is climbed at the spawn rate, and one down is taken at once. */
static void a_step_up_is_climbed_at_the_spawn_rate(void **state)
{
    (void)state;
    struct load_stage stages[] = {{.duration_ns = NS_PER_S, .from = 10, .to = 10},
                                  {.duration_ns = NS_PER_S, .from = 1000, .to = 1000},
                                  {.duration_ns = NS_PER_S, .from = 5, .to = 5}};
    struct load_plan plan = plan_of(stages, 3, 100);
    struct load_users users;
    uint64_t next_ns;
    load_users_init(&users, &plan);
    assert_int_equal(load_users_at(&users, 1500 * NS_PER_MS, &next_ns), 60);
    assert_int_equal(load_users_at(&users, 2000 * NS_PER_MS, &next_ns), 5);
}

static void parts_share_users_out(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 20; count++) {
        uint32_t sum = 0;
        for (uint32_t part = 0; part < 3; part++)
            sum += load_share(count, part, 3);
        assert_int_equal(sum, count);
    }
    assert_int_equal(load_share(7, 0, 3), 3);
    assert_int_equal(load_share(7, 2, 3), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_users_are_there_at_once_without_a_spawn_rate),
        cmocka_unit_test(users_are_spawned_one_after_the_other),
        cmocka_unit_test(a_ramp_goes_up_and_down),
        cmocka_unit_test(a_step_up_is_climbed_at_the_spawn_rate),
        cmocka_unit_test(parts_share_users_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
