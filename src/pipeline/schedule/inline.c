/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that cost less than handing them over: the worker does them itself, all of a turn's at its end, and in batches where they
 * fit.
 *
 * What a hand-over costs is measured on jobs that found nobody before them: from submit to the beginning, and from the end to
 * on_done. What a run costs here each worker measures for itself, because what it measures nobody else may write. A model
 * comes in when its run takes clearly less than a hand-over, and goes when it takes clearly more; in between it stays where
 * it is. A turn's share of time is bounded: what is left goes to the executors, so that a burst does not hold up the loop. */
#include "lib/sys/clock.h"
#include "pipeline/schedule/schedule_int.h"

#define ENTER_RATIO     0.7
#define LEAVE_RATIO     1.3
#define HANDOVER_NS_MIN 4e3
#define HANDOVER_NS_MAX 60e3 /* what is more is a busy machine, on which a worker has better things to do as well */
#define HANDOVER_WEIGHT 0.02 /* of the latest, in the mean */
#define TURN_NS         250000
#define COUNT_TRUSTED   8

static void run_batch(struct scheduler *scheduler, uint32_t worker_index);
static void take_fitting(struct inbox *inbox, struct batch *batch, uint32_t rows_max);
static void finish(struct batch *batch);

void inline_note_handover(struct inbox *inbox, const struct job *job, uint64_t now_ns)
{
    double ns = (double)job->times.queue_ns + (double)(now_ns - MIN(now_ns, job->end_ns));
    ns = MIN(MAX(ns, HANDOVER_NS_MIN), HANDOVER_NS_MAX);
    inbox->handover_ns += HANDOVER_WEIGHT * (ns - inbox->handover_ns);
}

static void publish(struct lane_slot *slot, bool is_inline)
{
    atomic_store_explicit(&slot->a_ns, slot->cost.a_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->b_ns, slot->cost.b_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->is_inline, is_inline, memory_order_relaxed);
}

/* What the executors have learned is where the worker begins. */
static void enter(const struct lane *lane, struct lane_slot *slot, double a_ns, double b_ns)
{
    const struct batch_sample samples[] = {{1, (uint64_t)(a_ns + b_ns)},
                                           {MAX(lane->rows_max, 2), (uint64_t)(a_ns * MAX(lane->rows_max, 2) + b_ns)}};
    cost_init(&slot->cost, samples, 2);
    publish(slot, true);
}

bool inline_decide(const struct lane *lane, struct lane_slot *slot, const struct inbox *inbox)
{
    if (atomic_load_explicit(&slot->is_inline, memory_order_relaxed)) {
        double ns = cost_ns(&slot->cost, 1) * (1 + slot->cost.error_ratio);
        if (ns > LEAVE_RATIO * inbox->handover_ns)
            publish(slot, false);
    } else if (atomic_load_explicit(&lane->observed, memory_order_relaxed) >= COUNT_TRUSTED) {
        double a_ns = atomic_load_explicit(&lane->a_ns, memory_order_relaxed);
        double b_ns = atomic_load_explicit(&lane->b_ns, memory_order_relaxed);
        double error = atomic_load_explicit(&lane->error_ratio, memory_order_relaxed);
        if ((a_ns + b_ns) * (1 + error) < ENTER_RATIO * inbox->handover_ns)
            enter(lane, slot, a_ns, b_ns);
    }
    return atomic_load_explicit(&slot->is_inline, memory_order_relaxed);
}

void inline_push(struct inbox *inbox, struct job *job)
{
    job->next = NULL;
    *inbox->inline_end = job;
    inbox->inline_end = &job->next;
}

static struct job *pop(struct inbox *inbox, struct job **place)
{
    struct job *job = *place;
    *place = job->next;
    if (!*place)
        inbox->inline_end = place;
    return job;
}

struct job *inline_pop(struct inbox *inbox)
{
    return inbox->inline_jobs ? pop(inbox, &inbox->inline_jobs) : NULL;
}

void inline_run(struct scheduler *scheduler, uint32_t worker_index)
{
    struct inbox *inbox = &scheduler->inboxes[worker_index];
    uint64_t end_ns = clock_now_ns() + TURN_NS;
    do
        run_batch(scheduler, worker_index);
    while (inbox->inline_jobs && clock_now_ns() < end_ns);
    while (inbox->inline_jobs && inbox->outstanding < scheduler->ring_entries)
        inbox_push(inbox, inline_pop(inbox));
}

static void run_batch(struct scheduler *scheduler, uint32_t worker_index)
{
    struct inbox *inbox = &scheduler->inboxes[worker_index];
    struct batch *batch = &inbox->batch;
    struct job *first = inline_pop(inbox);
    struct lane *lane = first->lane;
    struct lane_slot *slot = &lane->slots[worker_index];
    batch->lane = lane;
    batch->model = run_model(first->run);
    batch->instance = lane->instance_count + worker_index;
    batch->jobs[0] = first;
    batch->count = 1;
    batch->rows = MAX(first->rows, 1);
    if (first->rows)
        take_fitting(inbox, batch, form_rows_knee(&lane->config->batch, &slot->cost, lane->rows_max));
    batch_run(batch);
    if (batch->is_telling) {
        cost_observe(&slot->cost, batch->rows, batch->ns);
        publish(slot, true);
    }
    finish(batch);
}

static void take_fitting(struct inbox *inbox, struct batch *batch, uint32_t rows_max)
{
    const struct job *first = batch->jobs[0];
    for (struct job **place = &inbox->inline_jobs; *place && batch->count < BATCH_JOBS_MAX;) {
        struct job *job = *place;
        bool fits = job->lane == first->lane && job->key == first->key && batch->rows + job->rows <= rows_max &&
                    run_fits_batch(first->run, job->run);
        if (!fits) {
            place = &job->next;
            continue;
        }
        batch->jobs[batch->count++] = pop(inbox, place);
        batch->rows += job->rows;
    }
}

/* The lane may go with the last of them. */
static void finish(struct batch *batch)
{
    uint32_t count = batch->count;
    batch->lane = NULL;
    batch->model = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct job *job = batch->jobs[i];
        job->is_inline = true;
        lane_leave(job->lane, job);
        job->is_out = false;
        job->on_done(job);
    }
}
