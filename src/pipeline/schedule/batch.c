/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its executor, and what becomes of it when its members are cancelled.
 *
 * Each member may be cancelled by its worker at any moment. A member that goes is dropped when its rows are scattered; only when
 * the last one goes is the batch stopped. So those who go are counted in `state`, together with how many there are and
 * with the number of the batch, because an executor goes on to its next batch without waiting for anybody: the worker
 * that brings the count to the full stops it. A job's marks tell who counts it: its worker if it had begun when it was
 * cancelled, the executor otherwise. */
#include "lib/sys/clock.h"
#include "pipeline/schedule/schedule_int.h"

#define NUMBER_SHIFT 32
#define COUNT_SHIFT  16
#define GONE_MASK    0xffffU

static uint32_t begin(struct batch *batch);
static void write_outcome(struct batch *batch, const struct batch_times *times);

static uint32_t state_gone(uint64_t state)
{
    return (uint32_t)(state & GONE_MASK);
}

static uint32_t state_count(uint64_t state)
{
    return (uint32_t)(state >> COUNT_SHIFT) & GONE_MASK;
}

void batch_run(struct batch *batch)
{
    struct batch_times times = {0};
    batch->begin_ns = clock_now_ns();
    batch->number++;
    if (begin(batch) < batch->count)
        batch_execute(batch->model, batch->instance, batch->members, batch->count, &times);
    atomic_store_explicit(&batch->state, 0, memory_order_relaxed);
    batch->ns = clock_now_ns() - batch->begin_ns;
    write_outcome(batch, &times);
}

/* Returns how many have gone already. */
static uint32_t begin(struct batch *batch)
{
    uint64_t state = (uint64_t)batch->number << NUMBER_SHIFT | (uint64_t)batch->count << COUNT_SHIFT;
    uint32_t gone = 0;
    atomic_store_explicit(&batch->state, state, memory_order_relaxed);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct job *job = batch->jobs[i];
        batch->members[i] = (struct batch_member){.run = job->run, .is_gone = &job->is_cancelled, .err = ERR_CANCELLED};
        job->batch = batch;
        job->batch_number = batch->number;
        job->instance = batch->instance;
        if (atomic_fetch_or_explicit(&job->marks, JOB_BEGUN, memory_order_acq_rel) & JOB_CANCELLED)
            gone = state_gone(atomic_fetch_add_explicit(&batch->state, 1, memory_order_relaxed)) + 1;
    }
    return gone;
}

static void write_outcome(struct batch *batch, const struct batch_times *times)
{
    batch->is_telling = true;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct job *job = batch->jobs[i];
        job->err = batch->members[i].err;
        batch->is_telling &= job->err == ERR_OK && (job->rows || batch->lane->rows_max == 1);
        job->end_ns = batch->begin_ns + batch->ns;
        job->times = (struct job_times){.queue_ns = batch->begin_ns - job->submit_ns,
                                        .gather_ns = times->gather_ns,
                                        .run_ns = times->run_ns,
                                        .scatter_ns = times->scatter_ns};
        job->batch_rows = batch->rows;
        job->batch_jobs = batch->count;
        job->is_first = i == 0;
        job->is_inline = false;
    }
}

void batch_drop(struct job *job)
{
    struct batch *batch = job->batch;
    uint64_t state = atomic_load_explicit(&batch->state, memory_order_relaxed);
    do {
        if (state >> NUMBER_SHIFT != job->batch_number)
            return; /* it is over, and the job on its way back */
    } while (!atomic_compare_exchange_weak_explicit(&batch->state, &state, state + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    if (state_gone(state) + 1 == state_count(state))
        batch_terminate(run_model(job->run), job->instance);
}
