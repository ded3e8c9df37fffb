/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler under workers that submit, cancel and set deadlines at random; $SCHEDULER_STRESS_MS makes it longer. */
#include "unit/pipeline/schedule/fake.h"

#include "lib/sys/thread.h"

#include <stdio.h>

#define WORKERS   3
#define EXECUTORS 3
#define MODELS    3
#define JOBS      40

struct worker_jobs {
    struct job job;
    struct run run;
    uint32_t done;
    bool is_cancelled;
};

struct bench {
    struct thread thread;
    struct wake wake;
    struct scheduler *scheduler;
    uint32_t index;
    uint64_t random;
    struct worker_jobs jobs[JOBS];
    uint32_t out;
    uint32_t submitted;
    uint32_t done;
    uint32_t errs[3]; /* ok, cancelled, late */
};

static struct model models[MODELS];
static struct bench benches[WORKERS];
static uint64_t stress_until_ns;

static uint64_t chance(struct bench *bench, uint64_t below)
{
    bench->random ^= bench->random << 13;
    bench->random ^= bench->random >> 7;
    bench->random ^= bench->random << 17;
    return bench->random % below;
}

static void on_done(struct job *job)
{
    struct worker_jobs *own = CONTAINER_OF(job, struct worker_jobs, job);
    struct bench *bench = job->owner;
    if (job->is_out || own->run.executed > 1)
        abort();
    if (job->err == ERR_OK && (own->run.executed != 1 || job->batch_jobs == 0 || job->batch_rows == 0))
        abort();
    if (job->err == ERR_TIMEOUT && (own->run.executed || job->deadline_ns == JOB_NO_DEADLINE))
        abort();
    if (job->err == ERR_CANCELLED && !own->is_cancelled)
        abort();
    bench->errs[job->err == ERR_OK ? 0 : job->err == ERR_CANCELLED ? 1 : 2]++;
    own->done++;
    bench->out--;
    bench->done++;
}

static bool submit(struct bench *bench, struct worker_jobs *own, struct model *model, uint64_t deadline_ns)
{
    struct admission admission;
    own->run = (struct run){.model = model, .rows = 1 + (uint32_t)chance(bench, 3), .key = chance(bench, 3)};
    own->is_cancelled = false;
    own->job.run = &own->run;
    own->job.on_done = on_done;
    own->job.owner = bench;
    own->job.priority = (uint32_t)chance(bench, 4);
    own->job.tenant = chance(bench, 5);
    own->job.deadline_ns = deadline_ns;
    if (scheduler_submit(bench->scheduler, bench->index, &own->job, &admission) != ERR_OK)
        return false;
    bench->out++;
    bench->submitted++;
    return true;
}

static void wait_for_some(struct bench *bench)
{
    if (scheduler_collect(bench->scheduler, bench->index))
        return;
    wake_announce(&bench->wake);
    if (scheduler_collect(bench->scheduler, bench->index))
        wake_clear(&bench->wake);
    else
        wake_wait(&bench->wake);
}

static void run_bench(void *argument)
{
    struct bench *bench = argument;
    while (clock_now_ns() < stress_until_ns) {
        uint64_t burst = chance(bench, 8);
        for (uint64_t i = 0; i < burst; i++) {
            struct worker_jobs *own = &bench->jobs[chance(bench, JOBS)];
            if (!own->job.is_out) {
                uint64_t deadline_ns = chance(bench, 4) ? JOB_NO_DEADLINE : clock_now_ns() + chance(bench, 2000000);
                (void)submit(bench, own, &models[chance(bench, MODELS)], deadline_ns);
            } else if (chance(bench, 3) == 0) {
                own->is_cancelled = true;
                job_cancel(&own->job);
            }
        }
        scheduler_turn(bench->scheduler, bench->index);
        if (bench->out && chance(bench, 4))
            wait_for_some(bench);
    }
    scheduler_turn(bench->scheduler, bench->index);
    while (bench->out)
        wait_for_some(bench);
}

static struct scheduler *open_scheduler(uint32_t executors, uint32_t workers, uint32_t ring_entries)
{
    static struct wake *wakes[WORKERS];
    struct scheduler *scheduler = NULL;
    for (uint32_t w = 0; w < workers; w++) {
        benches[w] = (struct bench){.index = w, .random = 88172645463325252ULL + w};
        assert_int_equal(wake_init(&benches[w].wake), ERR_OK);
        wakes[w] = &benches[w].wake;
    }
    const struct scheduler_options options = {
        .executor_count = executors, .worker_count = workers, .ring_entries = ring_entries, .wakes = wakes};
    assert_int_equal(scheduler_create(&options, &scheduler), ERR_OK);
    for (uint32_t w = 0; w < workers; w++)
        benches[w].scheduler = scheduler;
    return scheduler;
}

static void close_scheduler(struct scheduler *scheduler, uint32_t workers)
{
    scheduler_destroy(scheduler);
    for (uint32_t w = 0; w < workers; w++)
        wake_deinit(&benches[w].wake);
}

static void open_models(uint32_t count, uint32_t instances, uint32_t workers)
{
    for (uint32_t m = 0; m < count; m++) {
        memset(&models[m], 0, sizeof models[m]);
        models[m].info.rows_max = m == 0 ? 1 : 8;
        models[m].info.instances = instances;
        fake_open(&models[m], workers);
    }
}

static void close_models(uint32_t count)
{
    for (uint32_t m = 0; m < count; m++)
        fake_close(&models[m]);
}

static uint64_t stress_ns(void)
{
    const char *text = getenv("SCHEDULER_STRESS_MS");
    return (text ? strtoull(text, NULL, 10) : 700) * NS_PER_MS;
}

/* A job that is lost would leave its worker waiting, and the test would be over its time. */
static void every_job_comes_back_once(void **state)
{
    (void)state;
    for (uint32_t executors = 1; executors <= EXECUTORS; executors += 2) {
        open_models(MODELS, executors, WORKERS);
        models[1].row_ns = 20000;
        struct scheduler *scheduler = open_scheduler(executors, WORKERS, 64);
        stress_until_ns = clock_now_ns() + stress_ns();
        for (uint32_t w = 0; w < WORKERS; w++)
            assert_int_equal(thread_start(&benches[w].thread, "bench", run_bench, &benches[w]), ERR_OK);
        uint32_t errs[3] = {0};
        for (uint32_t w = 0; w < WORKERS; w++) {
            thread_join(&benches[w].thread);
            assert_int_equal(benches[w].out, 0);
            assert_int_equal(benches[w].done, benches[w].submitted);
            for (uint32_t e = 0; e < 3; e++)
                errs[e] += benches[w].errs[e];
        }
        print_message("%u executors: %u done, %u cancelled, %u late\n", executors, errs[0], errs[1], errs[2]);
        assert_true(errs[0] > 100 && errs[1] > 0 && errs[2] > 0);
        close_scheduler(scheduler, WORKERS);
        for (uint32_t m = 0; m < MODELS; m++)
            assert_true(atomic_load(&models[m].executing_max) <=
                        executors + WORKERS); /* which run small ones themselves */
        close_models(MODELS);
    }
}

/* One after the other, so that the executors sleep each time: the edge that a wake-up could be lost at. */
static void an_idle_executor_hears_of_each_job(void **state)
{
    (void)state;
    open_models(1, 2, 1);
    struct scheduler *scheduler = open_scheduler(2, 1, 4);
    struct bench *bench = &benches[0];
    for (int i = 0; i < 5000; i++) {
        assert_true(submit(bench, &bench->jobs[0], &models[0], JOB_NO_DEADLINE));
        scheduler_turn(scheduler, 0);
        while (bench->out)
            wait_for_some(bench);
    }
    close_scheduler(scheduler, 1);
    close_models(1);
}

static void hold_all(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(submit(&benches[0], &benches[0].jobs[i], &models[0], JOB_NO_DEADLINE));
    }
    scheduler_turn(benches[0].scheduler, 0);
}

static void jobs_that_are_out_come_back_when_the_scheduler_ends(void **state)
{
    (void)state;
    open_models(1, 1, 1);
    atomic_store(&models[0].is_held, true);
    struct scheduler *scheduler = open_scheduler(2, 1, 16);
    hold_all(8);
    while (!atomic_load(&models[0].executing))
        clock_sleep_ns(NS_PER_MS);
    for (uint32_t i = 0; i < 8; i++)
        benches[0].jobs[i].is_cancelled = true; /* or given up, which looks the same */
    atomic_store(&models[0].is_held, false);
    close_scheduler(scheduler, 1);
    assert_int_equal(benches[0].out, 0);
    assert_int_equal(benches[0].done, 8);
    close_models(1);
    scheduler_destroy(NULL);
}

static void refuses_what_is_over_the_ring(void **state)
{
    (void)state;
    struct admission admission = {0};
    open_models(1, 1, 1);
    atomic_store(&models[0].is_held, true);
    struct scheduler *scheduler = open_scheduler(1, 1, 4);
    hold_all(4);
    struct worker_jobs *own = &benches[0].jobs[4];
    own->run = (struct run){.model = &models[0], .rows = 1};
    own->job = (struct job){.run = &own->run, .on_done = on_done, .owner = &benches[0], .deadline_ns = JOB_NO_DEADLINE};
    assert_int_equal(scheduler_submit(scheduler, 0, &own->job, &admission), ERR_BUSY);
    assert_int_equal(admission.refusal, REFUSAL_FULL);
    assert_false(own->job.is_out);
    atomic_store(&models[0].is_held, false);
    while (benches[0].out)
        wait_for_some(&benches[0]);
    close_scheduler(scheduler, 1);
    close_models(1);
}

/* The last member that goes stops the batch; the others wait for it no longer. */
static void a_batch_without_members_is_stopped(void **state)
{
    (void)state;
    open_models(1, 1, 1);
    atomic_store(&models[0].is_held, true);
    struct scheduler *scheduler = open_scheduler(1, 1, 4);
    hold_all(2);
    while (!atomic_load(&models[0].executing))
        clock_sleep_ns(NS_PER_MS);
    for (uint32_t i = 0; i < 2; i++) {
        benches[0].jobs[i].is_cancelled = true;
        job_cancel(&benches[0].jobs[i].job);
    }
    while (benches[0].out)
        wait_for_some(&benches[0]);
    assert_int_equal(atomic_load(&models[0].terminations), 1);
    assert_int_equal(benches[0].errs[1], 2);
    assert_int_equal(benches[0].jobs[0].run.executed + benches[0].jobs[1].run.executed, 1);
    close_scheduler(scheduler, 1);
    close_models(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_comes_back_once),
        cmocka_unit_test(an_idle_executor_hears_of_each_job),
        cmocka_unit_test(jobs_that_are_out_come_back_when_the_scheduler_ends),
        cmocka_unit_test(refuses_what_is_over_the_ring),
        cmocka_unit_test(a_batch_without_members_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
