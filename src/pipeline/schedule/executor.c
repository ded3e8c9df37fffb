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

#define URGENCY_NS 20e6

static bool lead(struct executor *executor);
static void settle(struct executor *executor);
static bool form(struct executor *executor);
static void go_idle(struct executor *executor);
static void leave_idle(struct executor *executor);
static void call_idle(struct executor *executor);
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
    thread_be_punctual();
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
        scheduler_drain(scheduler, executor);
        if (is_stopping || form(executor))
            break;
        go_idle(executor);
        if (post_watch(scheduler) && !atomic_load(&scheduler->is_stopping))
            break;
    }
    if (executor->batch.lane)
        call_idle(executor);
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
    lane_settle(batch);
    batch->lane = NULL;
    batch->model = NULL;
}

/* The lane that has had the least time; one that could not meet a deadline otherwise is let in front of others by a bounded time,
 * so that it cannot hold them up for good. */
static double rank(const struct plan *plan)
{
    const struct situation *situation = &plan->situation;
    uint64_t need_ns = 2 * form_cautious_ns(situation->cost, situation->rows);
    bool is_urgent = situation->deadline_ns != JOB_NO_DEADLINE && situation->deadline_ns < situation->now_ns + need_ns;
    return plan->lane->served_ns - (is_urgent ? URGENCY_NS : 0);
}

/* The best that could begin, with plan.lane NULL if nothing can; and when something that waits will have waited enough. */
static void choose(struct scheduler *scheduler, uint32_t servers, struct plan *ret_best, uint64_t *ret_next_ns)
{
    uint64_t now_ns = clock_now_ns();
    *ret_best = (struct plan){0};
    *ret_next_ns = NEVER_NS;
    LIST_EACH(node, &scheduler->lanes)
    {
        struct plan plan;
        struct lane *lane = CONTAINER_OF(node, struct lane, node);
        if (!lane->free_count)
            continue;
        lane_plan(lane, servers, now_ns, &plan);
        if (plan.wait_until_ns)
            *ret_next_ns = MIN(*ret_next_ns, plan.wait_until_ns);
        else if (plan.flow && (!ret_best->lane || rank(&plan) < rank(ret_best)))
            *ret_best = plan;
    }
}

static void remove_lane(struct scheduler *scheduler, struct lane *lane)
{
    list_remove(&lane->node);
    atomic_fetch_sub_explicit(&scheduler->lane_count, 1, memory_order_relaxed);
}

/* A lane without jobs leaves, since it may go with its model at any time. */
static void sweep(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    uint64_t now_ns = clock_now_ns();
    LIST_EACH(node, &scheduler->lanes)
    {
        struct lane *lane = CONTAINER_OF(node, struct lane, node);
        lane_sweep(lane, executor, now_ns);
        if (!lane->queue.jobs)
            remove_lane(scheduler, lane);
    }
}

static bool form(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    struct plan plan;
    sweep(executor);
    choose(scheduler, scheduler->idle_count + 1, &plan, &executor->wake_at_ns);
    if (!plan.lane)
        return false;
    scheduler->served_ns = MAX(scheduler->served_ns, plan.lane->served_ns);
    lane_fill(&plan, &executor->batch);
    if (!plan.lane->queue.jobs)
        remove_lane(scheduler, plan.lane);
    return true;
}

void scheduler_drain(struct scheduler *scheduler, struct executor *executor)
{
    for (uint32_t w = 0; w < scheduler->worker_count; w++)
        for (struct job *job; (job = ring_pop(&scheduler->inboxes[w].to_executors));) {
            struct lane *lane = job->lane;
            if (UNLIKELY(lane_push(lane, job) != ERR_OK)) {
                job->err = ERR_NOMEM;
                executor_note(executor, job);
            } else if (!list_is_linked(&lane->node)) {
                lane->served_ns = MAX(lane->served_ns, scheduler->served_ns);
                list_add_last(&scheduler->lanes, &lane->node);
                atomic_fetch_add_explicit(&scheduler->lane_count, 1, memory_order_relaxed);
            }
        }
}

/* --- Sleepers ---------------------------------------------------------------------------------------------------- */

static void go_idle(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    wake_announce(&executor->wake);
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

static void wake_idle(struct scheduler *scheduler)
{
    struct executor *next = scheduler->idle[--scheduler->idle_count];
    next->is_idle = false;
    wake_up(&next->wake);
}

/* Whether a sleeper has set its clock early enough. */
static bool will_look_by(const struct scheduler *scheduler, uint64_t next_ns)
{
    bool will = next_ns == NEVER_NS;
    for (uint32_t i = 0; i < scheduler->idle_count && !will; i++)
        will = scheduler->idle[i]->wake_at_ns <= next_ns;
    return will;
}

/* Whoever leaves with a batch hands the baton on: to a sleeper if there is more to do, or a clock to be set; else to whom the next
 * job wakes. */
static void call_idle(struct executor *executor)
{
    struct scheduler *scheduler = executor->scheduler;
    while (scheduler->idle_count) {
        struct plan plan;
        uint64_t next_ns;
        choose(scheduler, scheduler->idle_count, &plan, &next_ns);
        if (plan.lane || !will_look_by(scheduler, next_ns)) {
            wake_idle(scheduler);
            return;
        }
        if (post_watch(scheduler))
            return;
        take_watch(scheduler);
        scheduler_drain(scheduler, executor);
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
