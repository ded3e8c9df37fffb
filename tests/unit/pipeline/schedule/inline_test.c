/* SPDX-License-Identifier: Apache-2.0 */
/* When a worker runs jobs itself, and how many at a time. */
#include "unit/pipeline/schedule/fake.h"

#include "pipeline/schedule/schedule_int.h"

#define JOBS 20

static struct model model;
static struct scheduler *scheduler;
static struct wake wake;
static struct job jobs[JOBS];
static struct run runs[JOBS];
static uint32_t done;
static uint32_t batch_rows_seen;

static void open(uint64_t single_ns)
{
    static struct wake *wakes[] = {&wake};
    memset(&model, 0, sizeof model);
    model.info = (struct batch_info){
        .rows_max = 8, .instances = 1, .samples = {{1, single_ns}, {8, single_ns * 2}}, .sample_count = 2};
    fake_open(&model, 1);
    assert_int_equal(wake_init(&wake), ERR_OK);
    const struct scheduler_options options = {
        .executor_count = 1, .worker_count = 1, .ring_entries = JOBS, .wakes = wakes};
    assert_int_equal(scheduler_create(&options, &scheduler), ERR_OK);
    done = batch_rows_seen = 0;
}

static void close(void)
{
    scheduler_destroy(scheduler);
    wake_deinit(&wake);
    fake_close(&model);
}

static struct inbox *inbox(void)
{
    return &scheduler->inboxes[0];
}

static bool decide(void)
{
    return inline_decide(model.lane, &model.lane->slots[0], inbox());
}

static void know(double single_ns)
{
    atomic_store(&model.lane->a_ns, 0.1 * single_ns);
    atomic_store(&model.lane->b_ns, 0.9 * single_ns);
    atomic_store(&model.lane->observed, 100);
}

static void on_done(struct job *job)
{
    done++;
    assert_true(job->is_inline);
    batch_rows_seen = MAX(batch_rows_seen, job->batch_rows);
}

static void submit(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct admission admission;
        runs[i] = (struct run){.model = &model, .rows = 1, .key = i % 5 == 4};
        jobs[i] = (struct job){.run = &runs[i], .on_done = on_done, .deadline_ns = JOB_NO_DEADLINE};
        assert_int_equal(scheduler_submit(scheduler, 0, &jobs[i], &admission), ERR_OK);
    }
}

static void what_costs_less_than_a_hand_over_is_run_here(void **state)
{
    (void)state;
    open(5000);
    inbox()->handover_ns = 20000;
    assert_false(decide()); /* nothing is known for sure */
    know(18000);
    assert_false(decide());
    know(10000);
    assert_true(decide());
    inbox()->handover_ns = 9000; /* less than a run, but not clearly */
    assert_true(decide());
    inbox()->handover_ns = 5000;
    assert_false(decide());
    inbox()->handover_ns = 11000; /* more, but not clearly */
    assert_false(decide());
    close();
}

static void the_jobs_of_a_turn_are_run_at_its_end_and_in_batches(void **state)
{
    (void)state;
    open(5000);
    inbox()->handover_ns = 1e6; /* a machine on which nothing else would do */
    know(1000);
    submit(JOBS);
    assert_int_equal(done, 0);
    scheduler_turn(scheduler, 0);
    assert_int_equal(done, JOBS);
    assert_int_equal(batch_rows_seen, 8);
    assert_int_equal(inbox()->outstanding, 0);
    assert_int_equal(atomic_load(&model.lane->slots[0].out), 0);
    close();
}

static void a_cancelled_one_is_dropped(void **state)
{
    (void)state;
    open(5000);
    inbox()->handover_ns = 1e6;
    know(1000);
    submit(2);
    job_cancel(&jobs[0]);
    scheduler_turn(scheduler, 0);
    assert_int_equal(done, 2);
    assert_int_equal(jobs[0].err, ERR_CANCELLED);
    assert_int_equal(jobs[1].err, ERR_OK);
    close();
}

static void count_any(struct job *job)
{
    (void)job;
    done++;
}

/* A turn has its time: what a burst of slow ones would take beyond it goes to the executors. */
static void a_burst_does_not_hold_up_the_loop(void **state)
{
    (void)state;
    open(5000);
    model.batch_ns = NS_PER_MS; /* not what was known of it */
    inbox()->handover_ns = 1e6;
    know(1000);
    for (uint32_t i = 0; i < JOBS; i++) {
        struct admission admission;
        runs[i] = (struct run){.model = &model, .rows = 1, .key = i};
        jobs[i] = (struct job){.run = &runs[i], .on_done = count_any, .deadline_ns = JOB_NO_DEADLINE};
        assert_int_equal(scheduler_submit(scheduler, 0, &jobs[i], &admission), ERR_OK);
    }
    scheduler_turn(scheduler, 0);
    assert_in_range(done, 1, 3);
    assert_true(inbox()->outstanding >= JOBS - 3);
    while (done < JOBS)
        (void)scheduler_collect(scheduler, 0);
    close();
}

static void what_a_turn_has_not_run_comes_back_at_the_end(void **state)
{
    (void)state;
    open(5000);
    inbox()->handover_ns = 1e6;
    know(1000);
    submit(3);
    for (int i = 0; i < 3; i++)
        jobs[i].on_done = count_any;
    close();
    assert_int_equal(done, 3);
    assert_int_equal(jobs[0].err, ERR_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_costs_less_than_a_hand_over_is_run_here),
        cmocka_unit_test(the_jobs_of_a_turn_are_run_at_its_end_and_in_batches),
        cmocka_unit_test(a_cancelled_one_is_dropped),
        cmocka_unit_test(a_burst_does_not_hold_up_the_loop),
        cmocka_unit_test(what_a_turn_has_not_run_comes_back_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
