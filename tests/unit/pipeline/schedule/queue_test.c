/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which jobs leave a queue: priorities, shares of tenants, arrival. */
#include "pipeline/schedule/queue_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define QUANTUM 100.0

static struct queue queue;
static struct job jobs[4000];
static uint32_t job_count;
static uint64_t now_ns;

static int setup(void **state)
{
    (void)state;
    queue_init(&queue);
    job_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (queue.jobs)
        (void)queue_take(&queue, queue_turn(&queue, QUANTUM), 1);
    queue_deinit(&queue);
    return 0;
}

static struct job *push(uint32_t priority, uint64_t tenant, uint64_t key, uint32_t rows)
{
    struct job *job = &jobs[job_count++];
    *job = (struct job){.priority = priority,
                        .tenant = tenant,
                        .key = key,
                        .rows = rows,
                        .submit_ns = ++now_ns,
                        .deadline_ns = JOB_NO_DEADLINE};
    assert_int_equal(queue_push(&queue, job), ERR_OK);
    return job;
}

/* A job a turn, paid by its rows. */
static struct job *take(void)
{
    struct queue_flow *flow = queue_turn(&queue, QUANTUM);
    return flow ? queue_take(&queue, flow, QUANTUM * MAX(flow->first->rows, 1)) : NULL;
}

static struct job *take_more(uint64_t key)
{
    struct queue_flow *flow = queue_more(&queue, key, QUANTUM);
    return flow ? queue_take(&queue, flow, QUANTUM * MAX(flow->first->rows, 1)) : NULL;
}

static void the_order_of_arrival_holds_within_a_tenant(void **state)
{
    (void)state;
    struct job *first = push(1, 7, 1, 1);
    struct job *other_key = push(1, 7, 2, 1);
    struct job *last = push(1, 7, 1, 1);
    assert_ptr_equal(take(), first);
    assert_ptr_equal(take(), other_key);
    assert_ptr_equal(take(), last);
    assert_null(take());
}

static void a_level_waits_for_those_before_it(void **state)
{
    (void)state;
    struct job *late = push(3, 1, 1, 1);
    struct job *urgent = push(1, 1, 1, 1);
    struct job *beyond = push(99, 1, 1, 1);
    struct job *middle = push(2, 2, 9, 1);
    assert_ptr_equal(take(), urgent);
    assert_ptr_equal(take(), middle);
    assert_ptr_equal(take(), late);
    assert_ptr_equal(take(), beyond);
}

static void what_has_another_key_stays_where_it_is(void **state)
{
    (void)state;
    struct job *a = push(1, 1, 1, 1);
    struct job *odd = push(1, 1, 2, 1);
    struct job *b = push(1, 1, 1, 1);
    struct job *rides_along = push(5, 1, 1, 1);
    assert_ptr_equal(take(), a);
    assert_ptr_equal(take_more(1), b);
    assert_ptr_equal(take_more(1), rides_along);
    assert_null(take_more(1));
    assert_int_equal(queue.rows, 1);
    assert_ptr_equal(take(), odd);
}

/* One sends ten times as many: each gets half. */
static void tenants_share_what_there_is(void **state)
{
    (void)state;
    uint32_t served[3] = {0};
    for (int i = 0; i < 1000; i++)
        push(1, i % 11 == 0 ? 2 : 1, 1, 1);
    for (int i = 0; i < 160; i++)
        served[take()->tenant]++;
    assert_in_range(served[2], 78, 82);
}

/* The share is of time and not of jobs, also within a batch that all of them fill. */
static void who_brings_more_rows_is_served_less_often(void **state)
{
    (void)state;
    uint32_t rows[3] = {0};
    for (int i = 0; i < 400; i++) {
        push(1, 1, 1, 8);
        push(1, 2, 1, 1);
        push(1, 2, 1, 1);
        push(1, 2, 1, 1);
    }
    for (int i = 0; i < 30; i++) {
        struct job *job = take();
        for (uint32_t total = 0; job; job = total < 32 ? take_more(1) : NULL) {
            rows[job->tenant] += job->rows;
            total += job->rows;
        }
    }
    assert_in_range(rows[2], rows[1] * 9 / 10, rows[1] * 11 / 10 + 10);
}

static void shapes_of_its_own_do_not_give_a_tenant_more(void **state)
{
    (void)state;
    uint32_t served[3] = {0};
    for (uint64_t i = 0; i < 300; i++) {
        push(1, 1, 1000 + i, 1);
        push(1, 2, 1, 1);
    }
    for (int i = 0; i < 200; i++)
        served[take()->tenant]++;
    assert_in_range(served[1], 98, 102);
}

/* Debts of hours are passed over at once. */
static void a_large_debt_costs_no_time(void **state)
{
    (void)state;
    push(1, 1, 1, 1);
    push(1, 1, 1, 1);
    push(1, 2, 1, 1);
    push(1, 2, 1, 1);
    for (int i = 0; i < 2; i++)
        (void)queue_take(&queue, queue_turn(&queue, 1), 1e15);
    assert_non_null(queue_turn(&queue, 1));
}

static bool is_odd(struct job *job, void *context)
{
    (void)context;
    return job->rows % 2;
}

static void count(struct job *job, void *context)
{
    assert_true(job->rows % 2);
    ++*(uint32_t *)context;
}

static void a_sweep_takes_out_what_is_over(void **state)
{
    (void)state;
    uint32_t swept = 0;
    for (uint32_t i = 0; i < 100; i++)
        push(1 + i % 3, i % 5, i % 7, i)->deadline_ns = i;
    queue_sweep(&queue, is_odd, count, &swept);
    assert_int_equal(swept, 50);
    assert_int_equal(queue.jobs, 50);
    assert_int_equal(queue.deadline_ns, 0);
    for (uint32_t left = 50; left > 0; left--)
        assert_int_equal(take()->rows % 2, 0);
    assert_int_equal(queue.rows, 0);
    assert_true(queue.deadline_ns == JOB_NO_DEADLINE);
}

/* Against a count by hand, with whatever comes. */
static void holds_its_sums_under_anything(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252ULL;
    uint32_t in_queue = 0;
    while (job_count < 3900) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (random % 5 < 3) {
            push((uint32_t)(random >> 8) % 12, random >> 16 & 7, random >> 24 & 7, (uint32_t)(random >> 32) % 4);
            in_queue++;
        } else if (random % 5 == 3 && take()) {
            in_queue--;
        } else if (take_more(random >> 24 & 7)) {
            in_queue--;
        }
        assert_int_equal(queue.jobs, in_queue);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_order_of_arrival_holds_within_a_tenant),
        TEST(a_level_waits_for_those_before_it),
        TEST(what_has_another_key_stays_where_it_is),
        TEST(tenants_share_what_there_is),
        TEST(who_brings_more_rows_is_served_less_often),
        TEST(shapes_of_its_own_do_not_give_a_tenant_more),
        TEST(a_large_debt_costs_no_time),
        TEST(a_sweep_takes_out_what_is_over),
        TEST(holds_its_sums_under_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
