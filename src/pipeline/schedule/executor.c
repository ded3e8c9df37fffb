/* SPDX-License-Identifier: Apache-2.0 */
/* Executors and the baton.
 *
 * An executor that has nothing to do takes the baton (a lock that only executors know), settles the batch it has run,
 * drains the rings of all workers into the lanes and forms one batch. Then it leaves: with a batch, to run it; without,
 * to sleep. Leaders and followers in the sense of Schmidt et al. ("Leader/Followers", 2000), but for that nobody sleeps
 * with the baton in hand: an executor that was running takes it when it comes back, without anybody being woken.
 *
 * Who is woken when a worker has pushed a job? `watch` names one of the sleepers, and a worker takes the name with an exchange
 * and wakes it. Nobody has to be woken while somebody has the baton, so whoever takes the baton takes the name, too. Before it
 * leaves it puts a sleeper's name there, if there is one, and then looks at the rings once more: either the exchange of
 * the worker came first, and the look sees what it has pushed; or it came later, and has found the name. Exchanges and
 * not stores, because an exchange sees all that came before the one whose value it takes (C17 5.1.2.4, release sequences).
 * Without sleepers all are busy, and the first to be done takes the baton.
 *
 * So an idle executor costs a worker one exchange and one write to an eventfd, a busy one the exchange; and the rings have
 * one consumer at a time, ordered by the lock. */
#include "lib/sys/clock.h"
#include "pipeline/schedule/schedule_int.h"

static bool lead(struct executor *executor);
static void settle(struct executor *executor);
static bool form(struct executor *executor);
static bool may_form(const struct scheduler *scheduler);
static void go_idle(struct executor *executor);
static void leave_idle(struct executor *executor);
static void call_idle(struct scheduler *scheduler);
static bool post_watch(struct scheduler *scheduler);
static void take_watch(struct scheduler *scheduler);

void executors_call(struct scheduler *scheduler)
{
    uint32_t watch = atomic_exchange_explicit(&scheduler->watch, 0, memory_order_acq_rel);
    if (watch)
        wake_up(&scheduler->executors[watch - 1].wake);
}

void executor_run(void *argument)
{
    struct executor *executor = argument;
    struct batch *batch = &executor->batch;
    while (lead(executor)) {
        if (!batch->lane) {
            wake_wait_until(&executor->wake, executor->wake_at_ns);
            continue;
        }
        batch_run(batch);
        for (uint32_t i = 0; i < batch->count; i++)
            executor_note(executor, batch->jobs[i]);
        executor_tell(executor);
    }
}

/* Takes the baton until there is a batch, or nothing to do: then it is among the idle, and its sleep is announced. False: the
 * scheduler stops. */
static bool lead(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    struct model *settled = executor->batch.model;
    bool is_stopping;
    mutex_lock(&scheduler->baton);
    settle(executor);
    for (;;) {
        leave_idle(executor);
        take_watch(scheduler);
        is_stopping = atomic_load(&scheduler->is_stopping);
        scheduler_drain(scheduler);
        if (is_stopping || form(executor))
            break;
        go_idle(executor);
        if (post_watch(scheduler) && !atomic_load(&scheduler->is_stopping))
            break;
    }
    if (executor->batch.lane)
        call_idle(scheduler);
    mutex_unlock(&scheduler->baton);
    executor_tell(executor);
    model_unref(settled); /* without the baton: the last reference frees the model */
    return !is_stopping;
}

static void settle(struct executor *executor)
{
    struct batch *batch = &executor->batch;
    if (!batch->lane)
        return;
    lane_instance_release(batch->lane, batch->instance);
    batch->lane = NULL;
    batch->model = NULL;
    batch->count = 0;
}

/* Nobody wants it any more: it is not begun. */
static bool is_over(struct job *job, uint64_t now_ns)
{
    if (atomic_load_explicit(&job->is_cancelled, memory_order_relaxed))
        job->err = ERR_CANCELLED;
    else if (job->deadline_ns <= now_ns)
        job->err = ERR_TIMEOUT;
    job->times.queue_ns = now_ns - MIN(now_ns, job->submit_ns);
    return job->err != ERR_OK;
}

/* The lane that has a batch comes last from then on. */
static bool form(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    struct batch *batch = &executor->batch;
    uint64_t now_ns = clock_now_ns();
    LIST_EACH(node, &scheduler->lanes)
    {
        struct lane *lane = CONTAINER_OF(node, struct lane, node);
        if (!lane->free_count)
            continue;
        struct job *job;
        while ((job = lane_pop(lane)) && is_over(job, now_ns))
            executor_note(executor, job);
        list_remove(&lane->node);
        if (lane->first)
            list_add_last(&scheduler->lanes, &lane->node);
        if (!job)
            continue;
        batch->lane = lane;
        batch->model = model_ref(run_model(job->run));
        batch->instance = lane_instance_acquire(lane);
        batch->jobs[0] = job;
        batch->count = 1;
        batch->rows = MAX(job->rows, 1);
        return true;
    }
    return false;
}

/* Whether another executor would find something to do. */
static bool may_form(const struct scheduler *scheduler)
{
    LIST_EACH(node, &scheduler->lanes)
    {
        if (CONTAINER_OF(node, struct lane, node)->free_count)
            return true;
    }
    return false;
}

void scheduler_drain(struct scheduler *scheduler)
{
    for (uint32_t w = 0; w < scheduler->worker_count; w++)
        for (struct job *job; (job = ring_pop(&scheduler->inboxes[w].to_executors));) {
            lane_push(job->lane, job);
            if (!list_is_linked(&job->lane->node))
                list_add_last(&scheduler->lanes, &job->lane->node);
        }
}

/* --- Sleepers ---------------------------------------------------------------------------------------------------- */

static void go_idle(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    wake_announce(&executor->wake);
    executor->wake_at_ns = NEVER_NS;
    executor->is_idle = true;
    scheduler->idle[scheduler->idle_count++] = executor;
}

static void leave_idle(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    uint32_t at = 0;
    wake_clear(&executor->wake);
    if (!executor->is_idle)
        return;
    while (scheduler->idle[at] != executor)
        at++;
    for (scheduler->idle_count--; at < scheduler->idle_count; at++)
        scheduler->idle[at] = scheduler->idle[at + 1];
    executor->is_idle = false;
}

/* The last one that went to sleep is woken by the next job. False: there are jobs already. */
static bool post_watch(struct scheduler *scheduler)
{
    uint32_t name = scheduler->idle[scheduler->idle_count - 1]->index + 1;
    (void)atomic_exchange_explicit(&scheduler->watch, name, memory_order_acq_rel);
    for (uint32_t w = 0; w < scheduler->worker_count; w++)
        if (!ring_is_empty(&scheduler->inboxes[w].to_executors))
            return false;
    return true;
}

static void take_watch(struct scheduler *scheduler)
{
    (void)atomic_exchange_explicit(&scheduler->watch, 0, memory_order_acq_rel);
}

/* Whoever leaves with a batch hands the baton on: to a sleeper if there is more to do, else to whom the next job wakes. */
static void call_idle(struct scheduler *scheduler)
{
    while (scheduler->idle_count) {
        if (may_form(scheduler)) {
            struct executor *next = scheduler->idle[--scheduler->idle_count];
            next->is_idle = false;
            wake_up(&next->wake);
            return;
        }
        if (post_watch(scheduler))
            return;
        take_watch(scheduler);
        scheduler_drain(scheduler);
    }
}

/* --- Handing back ------------------------------------------------------------------------------------------------ */

void executor_note(struct executor *executor, struct job *job)
{
    uint32_t worker = job->worker_index;
    struct job ***end = &executor->ends[worker];
    if (!executor->lists[worker]) {
        executor->noted[executor->noted_count++] = worker;
        *end = &executor->lists[worker];
    }
    job->next = NULL;
    **end = job;
    *end = &job->next;
}

/* A worker is told once, whatever comes back to it. */
void executor_tell(struct executor *executor)
{
    while (executor->noted_count) {
        uint32_t worker = executor->noted[--executor->noted_count];
        struct job *jobs = executor->lists[worker];
        executor->lists[worker] = NULL;
        bool is_pushed = ring_push(&executor->to_workers[worker], jobs);
        ASSERT(is_pushed, "a ring has room for all that is out");
        wake_up(executor->scheduler->wakes[worker]);
    }
}
