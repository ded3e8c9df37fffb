/* SPDX-License-Identifier: Apache-2.0 */
/* The crew under workers like the real ones: each with a loop, a mailbox and its own tasks. */
#include "lib/sys/crew.h"

#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/lib/sys/net.h"

#define WORKERS        3
#define THREADS        2
#define TASKS          34000 /* of each worker */
#define RING_ENTRIES   16
#define BUSY_ROUNDS    200
#define WATCHDOG_S     100 /* a wake-up that was missed ends the test by SIGALRM instead of hanging it */
#define IDLE_TURNS_MAX 4

struct job {
    struct task task;
    struct worker *worker;
    unsigned runs;
    unsigned dones;
    bool was_cancelled;
};

struct worker {
    struct loop loop;
    struct mailbox mailbox;
    struct thread thread;
    struct crew *crew;
    struct job *jobs;
    uint32_t index;
    uint32_t submitted;
    uint32_t done;
    uint64_t random;
};

static struct worker workers[WORKERS];

static uint64_t random_of(struct worker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random;
}

static void run_job(struct task *task)
{
    struct job *job = CONTAINER_OF(task, struct job, task);
    job->runs++;
    if ((uintptr_t)job % 7 == 0)
        sched_yield();
}

/* Fills the rings until one says busy, or a random time earlier. */
static void submit_some(struct worker *worker)
{
    while (worker->submitted < TASKS) {
        struct job *job = &worker->jobs[worker->submitted];
        enum err err = crew_submit(worker->crew, worker->index, &job->task);
        if (err == ERR_BUSY)
            return;
        assert_int_equal(err, ERR_OK);
        worker->submitted++;
        uint64_t choice = random_of(worker);
        struct job *victim = &worker->jobs[worker->submitted - 1 - choice % MIN(worker->submitted, RING_ENTRIES)];
        if (choice % 11 == 0 && victim->dones == 0) {
            victim->was_cancelled = true;
            atomic_store(&victim->task.is_cancelled, true);
        }
        if (choice % 29 == 0)
            return;
    }
}

static void job_done(struct task *task)
{
    struct job *job = CONTAINER_OF(task, struct job, task);
    struct worker *worker = job->worker;
    job->dones++;
    worker->done++;
    assert_int_equal(job->runs, task->was_run ? 1 : 0);
    assert_true(task->was_run || job->was_cancelled);
    if (worker->done == TASKS)
        loop_stop(&worker->loop);
    else
        submit_some(worker);
}

static bool collect(struct mailbox *mailbox)
{
    struct worker *worker = CONTAINER_OF(mailbox, struct worker, mailbox);
    return worker->crew && crew_collect(worker->crew, worker->index);
}

static void init_worker(struct worker *worker, uint32_t index, uint32_t jobs)
{
    *worker = (struct worker){.index = index, .random = 88172645463325252ULL + index};
    worker->jobs = calloc(jobs, sizeof *worker->jobs);
    assert_non_null(worker->jobs);
    for (uint32_t i = 0; i < jobs; i++)
        worker->jobs[i] = (struct job){.worker = worker, .task = {.on_run = run_job, .on_done = job_done}};
    assert_int_equal(loop_init(&worker->loop), ERR_OK);
    worker->mailbox.on_mail = collect;
    assert_int_equal(mailbox_start(&worker->mailbox, &worker->loop), ERR_OK);
}

static void deinit_worker(struct worker *worker)
{
    mailbox_stop(&worker->mailbox);
    loop_deinit(&worker->loop);
    free(worker->jobs);
}

static struct crew *make_crew(uint32_t worker_count, uint32_t thread_count, uint32_t ring_entries)
{
    struct wake *wakes[WORKERS];
    for (uint32_t w = 0; w < worker_count; w++)
        wakes[w] = &workers[w].mailbox.wake;
    struct crew_options options = {
        .name = "test",
        .thread_count = thread_count,
        .worker_count = worker_count,
        .ring_entries = ring_entries,
        .wakes = wakes,
    };
    struct crew *crew = NULL;
    assert_int_equal(crew_create(&options, &crew), ERR_OK);
    return crew;
}

static void run_worker(void *argument)
{
    struct worker *worker = argument;
    while (worker->done < TASKS) {
        submit_some(worker);
        loop_run(&worker->loop);
    }
}

static void every_task_comes_back_once_and_no_wake_up_is_missed(void **state)
{
    (void)state;
    for (uint32_t w = 0; w < WORKERS; w++)
        init_worker(&workers[w], w, TASKS);
    struct crew *crew = make_crew(WORKERS, THREADS, RING_ENTRIES);
    alarm(WATCHDOG_S);
    for (uint32_t w = 0; w < WORKERS; w++) {
        workers[w].crew = crew;
        assert_int_equal(thread_start(&workers[w].thread, "worker", run_worker, &workers[w]), ERR_OK);
    }
    for (uint32_t w = 0; w < WORKERS; w++)
        thread_join(&workers[w].thread);
    alarm(0);
    for (uint32_t w = 0; w < WORKERS; w++) {
        assert_int_equal(crew_outstanding(crew, w), 0);
        for (uint32_t i = 0; i < TASKS; i++)
            assert_int_equal(workers[w].jobs[i].dones, 1);
    }
    crew_destroy(crew);
    for (uint32_t w = 0; w < WORKERS; w++)
        deinit_worker(&workers[w]);
}

static _Atomic bool is_gate_open;

static void wait_at_gate(struct task *task)
{
    while (!atomic_load(&is_gate_open))
        clock_sleep_ns(NS_PER_MS / 10);
    run_job(task);
}

static void count_done(struct task *task)
{
    CONTAINER_OF(task, struct job, task)->dones++;
}

static void start_gated(uint32_t jobs)
{
    atomic_store(&is_gate_open, false);
    init_worker(&workers[0], 0, jobs);
    for (uint32_t i = 0; i < jobs; i++)
        workers[0].jobs[i].task = (struct task){.on_run = wait_at_gate, .on_done = count_done};
}

static void says_busy_when_all_rings_are_full_and_recovers(void **state)
{
    (void)state;
    start_gated(9);
    struct crew *crew = make_crew(1, 2, 4);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(crew_submit(crew, 0, &workers[0].jobs[i].task), ERR_OK);
    assert_int_equal(crew_submit(crew, 0, &workers[0].jobs[8].task), ERR_BUSY);
    assert_int_equal(crew_outstanding(crew, 0), 8);
    atomic_store(&is_gate_open, true);
    alarm(WATCHDOG_S);
    while (!crew_collect(crew, 0))
        sched_yield();
    assert_int_equal(crew_submit(crew, 0, &workers[0].jobs[8].task), ERR_OK);
    while (crew_outstanding(crew, 0)) {
        crew_collect(crew, 0);
        sched_yield();
    }
    alarm(0);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(workers[0].jobs[i].dones, 1);
    crew_destroy(crew);
    deinit_worker(&workers[0]);
}

static void spreads_tasks_over_the_threads(void **state)
{
    (void)state;
    start_gated(8);
    struct crew *crew = make_crew(1, 2, 8);
    unsigned of_thread[2] = {0};
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(crew_submit(crew, 0, &workers[0].jobs[i].task), ERR_OK);
        of_thread[workers[0].jobs[i].task.thread_index]++;
    }
    assert_int_equal(of_thread[0], 4);
    assert_int_equal(of_thread[1], 4);
    atomic_store(&is_gate_open, true);
    crew_destroy(crew);
    deinit_worker(&workers[0]);
}

static enum err submitted_at_end;

static void submit_at_end(struct task *task)
{
    struct job *job = CONTAINER_OF(task, struct job, task);
    job->dones++;
    submitted_at_end = crew_submit(job->worker->crew, 0, task);
}

static void destroy_finishes_what_no_worker_collected(void **state)
{
    (void)state;
    alarm(WATCHDOG_S);
    for (unsigned round = 0; round < BUSY_ROUNDS; round++) {
        start_gated(8);
        struct crew *crew = make_crew(1, 1 + round % 2, 8);
        workers[0].crew = crew;
        atomic_store(&is_gate_open, round % 3 != 0);
        workers[0].jobs[2].task.on_done = submit_at_end;
        submitted_at_end = ERR_OK;
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(crew_submit(crew, 0, &workers[0].jobs[i].task), ERR_OK);
        atomic_store(&workers[0].jobs[7].task.is_cancelled, true);
        atomic_store(&is_gate_open, true);
        crew_destroy(crew);
        assert_int_equal(submitted_at_end, ERR_CLOSED);
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(workers[0].jobs[i].dones, 1);
            assert_int_equal(workers[0].jobs[i].runs, workers[0].jobs[i].task.was_run);
        }
        deinit_worker(&workers[0]);
    }
    alarm(0);
    crew_destroy(NULL);
}

static struct crew *resubmit_crew;
static unsigned resubmits;

static void run_nothing(struct task *task)
{
    (void)task;
}

/* Waits until a thread has the next result ready, so that there is always one more to collect. */
static void resubmit(struct task *task)
{
    if (++resubmits < 1000) {
        assert_int_equal(crew_submit(resubmit_crew, 0, task), ERR_OK);
        clock_sleep_ns(NS_PER_MS / 5);
    }
}

static void collect_returns_although_every_result_submits_again(void **state)
{
    (void)state;
    init_worker(&workers[0], 0, 8);
    struct crew *crew = make_crew(1, 1, 8);
    resubmit_crew = crew;
    resubmits = 0;
    for (uint32_t i = 0; i < 8; i++) {
        workers[0].jobs[i].task = (struct task){.on_run = run_nothing, .on_done = resubmit};
        assert_int_equal(crew_submit(crew, 0, &workers[0].jobs[i].task), ERR_OK);
    }
    clock_sleep_ns(20 * NS_PER_MS);
    assert_true(crew_collect(crew, 0));
    assert_true(resubmits <= 8);
    resubmits = 1000;
    crew_destroy(crew);
    deinit_worker(&workers[0]);
}

static uint64_t cpu_ns(void)
{
    struct process_usage usage;
    process_usage(&usage);
    return usage.cpu_ns;
}

static void idle_workers_and_threads_sleep(void **state)
{
    (void)state;
    init_worker(&workers[0], 0, 1);
    struct crew *crew = make_crew(1, THREADS, RING_ENTRIES);
    workers[0].crew = crew;
    clock_sleep_ns(20 * NS_PER_MS);
    uint64_t before_ns = cpu_ns();
    uint64_t end_ns = clock_now_ns() + 200 * NS_PER_MS;
    while (clock_now_ns() < end_ns)
        loop_turn(&workers[0].loop, end_ns - MIN(end_ns, clock_now_ns()));
    assert_true(workers[0].loop.turns <= IDLE_TURNS_MAX);
    assert_true(cpu_ns() - before_ns < 50 * NS_PER_MS);
    crew_destroy(crew);
    deinit_worker(&workers[0]);
}

/* Descriptors run out in the middle: what was started is ended, and nothing leaks. */
static void create_fails_cleanly_without_descriptors(void **state)
{
    (void)state;
    init_worker(&workers[0], 0, 1);
    unsigned open_before = net_open_files();
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)workers[0].mailbox.wake.fd + 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct wake *wake = &workers[0].mailbox.wake;
    struct crew_options options = {
        .name = "test", .thread_count = 4, .worker_count = 1, .ring_entries = 4, .wakes = &wake};
    struct crew *crew = NULL;
    enum err err = crew_create(&options, &crew);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err, ERR_IO);
    assert_null(crew);
    assert_int_equal(net_open_files(), open_before);
    deinit_worker(&workers[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_comes_back_once_and_no_wake_up_is_missed),
        cmocka_unit_test(says_busy_when_all_rings_are_full_and_recovers),
        cmocka_unit_test(spreads_tasks_over_the_threads),
        cmocka_unit_test(destroy_finishes_what_no_worker_collected),
        cmocka_unit_test(collect_returns_although_every_result_submits_again),
        cmocka_unit_test(idle_workers_and_threads_sleep),
        cmocka_unit_test(create_fails_cleanly_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
