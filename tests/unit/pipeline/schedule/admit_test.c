/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in: by queue, share and deadline. */
#include "unit/pipeline/schedule/fake.h"

#include "pipeline/schedule/schedule_int.h"

static struct model model;
static struct scheduler scheduler = {.executor_count = 1};
static struct job jobs[400];
static uint32_t job_count;
static struct admission admission;

static int setup(void **state)
{
    (void)state;
    memset(&model, 0, sizeof model);
    model.config.queue = 100;
    model.info =
        (struct batch_info){.rows_max = 8, .instances = 1, .samples = {{1, 1000000}, {8, 1700000}}, .sample_count = 2};
    fake_open(&model, 2);
    job_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (job_count)
        lane_leave(model.lane, &jobs[--job_count]);
    assert_int_equal(model.lane->slots[0].tenant_count, 0);
    assert_int_equal(model.lane->slots[0].out, 0);
    fake_close(&model);
    return 0;
}

static struct job wish(uint64_t tenant, uint32_t priority, uint64_t time_us)
{
    return (struct job){.tenant = tenant,
                        .priority = priority,
                        .rows = 1,
                        .deadline_ns = time_us ? clock_now_ns() + time_us * 1000 : JOB_NO_DEADLINE};
}

static enum err ask(struct job job)
{
    return lane_admit(model.lane, &scheduler, 0, &job, &admission);
}

static void enter(uint32_t worker, uint64_t tenant, uint32_t priority, uint32_t count)
{
    for (; count > 0; count--) {
        struct job *job = &jobs[job_count++];
        *job = wish(tenant, priority, 0);
        job->worker_index = worker;
        lane_enter(model.lane, job);
    }
}

static void a_queue_has_an_end(void **state)
{
    (void)state;
    enter(0, 0, 0, 99);
    assert_int_equal(ask(wish(0, 0, 0)), ERR_OK);
    enter(0, 0, 0, 1);
    assert_int_equal(ask(wish(0, 0, 0)), ERR_BUSY);
    assert_int_equal(admission.refusal, REFUSAL_FULL);
    assert_in_range(admission.wait_ns, 10 * NS_PER_MS, 40 * NS_PER_MS); /* 13 batches */
}

static void the_queue_of_all_workers_has_one_too(void **state)
{
    (void)state;
    model.config.queue_total = 30;
    enter(1, 0, 0, 29);
    assert_int_equal(ask(wish(0, 0, 0)), ERR_OK);
    enter(0, 0, 0, 1);
    assert_int_equal(ask(wish(0, 0, 0)), ERR_BUSY);
    assert_int_equal(admission.refusal, REFUSAL_FULL);
}

static void a_tenant_leaves_room_for_others(void **state)
{
    (void)state;
    enter(0, 7, 0, 79);
    enter(0, 8, 0, 1);
    assert_int_equal(ask(wish(7, 0, 0)), ERR_OK); /* 79 < 4 * 20 */
    enter(0, 7, 0, 1);
    assert_int_equal(ask(wish(7, 0, 0)), ERR_BUSY);
    assert_int_equal(admission.refusal, REFUSAL_TENANT_FULL);
    assert_int_equal(ask(wish(8, 0, 0)), ERR_OK);
    assert_int_equal(ask(wish(9, 0, 0)), ERR_OK);
    assert_int_equal(ask(wish(0, 0, 0)), ERR_OK);
}

/* 16 jobs are two batches, 3.4 ms, and its own run takes 1. */
static void refuses_what_could_not_be_in_time(void **state)
{
    (void)state;
    enter(0, 0, 0, 16);
    assert_int_equal(ask(wish(0, 0, 6000)), ERR_OK);
    assert_int_equal(ask(wish(0, 0, 3000)), ERR_BUSY);
    assert_int_equal(admission.refusal, REFUSAL_DEADLINE);
    assert_in_range(admission.wait_ns, NS_PER_MS, 2 * NS_PER_MS);
    assert_int_equal(ask(wish(0, 0, 0)), ERR_OK);
}

static void later_levels_are_not_ahead(void **state)
{
    (void)state;
    enter(1, 0, 8, 80);
    assert_int_equal(ask(wish(0, 8, 3000)), ERR_BUSY);
    assert_int_equal(ask(wish(0, 1, 3000)), ERR_OK);
}

/* It is served in turn with the one that has filled the queue. */
static void a_tenant_with_little_out_waits_for_less(void **state)
{
    (void)state;
    enter(0, 7, 0, 64);
    assert_int_equal(ask(wish(7, 0, 5000)), ERR_BUSY);
    assert_int_equal(ask(wish(8, 0, 5000)), ERR_OK);
}

static void lets_one_in_now_and_then(void **state)
{
    (void)state;
    uint32_t taken = 0;
    for (int i = 0; i < 170; i++) {
        if (ask(wish(0, 0, 200)) != ERR_OK)
            continue;
        assert_int_equal(ask(wish(0, 0, 200)), ERR_OK); /* once more when it has its run */
        enter(0, 0, 0, 1);
        lane_leave(model.lane, &jobs[--job_count]);
        taken++;
    }
    assert_int_equal(taken, 10);
    struct job past = wish(0, 0, 0);
    past.deadline_ns = 1;
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(past), ERR_BUSY);
}

static void a_model_without_a_measurement_refuses_nobody(void **state)
{
    (void)state;
    teardown(NULL);
    model.info.sample_count = 0;
    fake_open(&model, 2);
    enter(0, 0, 0, 50);
    assert_int_equal(ask(wish(0, 0, 100)), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_queue_has_an_end),
        TEST(the_queue_of_all_workers_has_one_too),
        TEST(a_tenant_leaves_room_for_others),
        TEST(refuses_what_could_not_be_in_time),
        TEST(later_levels_are_not_ahead),
        TEST(a_tenant_with_little_out_waits_for_less),
        TEST(lets_one_in_now_and_then),
        TEST(a_model_without_a_measurement_refuses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
