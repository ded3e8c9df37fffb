/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler: which run goes when, with which others, on which executor. Implemented in schedule/.
 *
 * Executors are threads that see tensors and nothing else. Each worker has one ring to the scheduler and one back from each
 * executor. Whoever of the executors has nothing to do takes the baton: it alone empties the rings of all workers into
 * the queues (so each ring has one consumer at a time), forms the best batch there is, passes the baton on and runs it.
 * So an executor is never idle while a run waits that it may take, and workers never wait for a lock.
 *
 * A model has a lane: its queues (one for each batch key and priority, with a share for each tenant), its cost model
 * T(n) = a n + b, fitted as it runs, and how many of its runs may go at once. */
#ifndef WEIR_PIPELINE_SCHEDULER_H
#define WEIR_PIPELINE_SCHEDULER_H

#include "lib/sys/wake.h"
#include "pipeline/job.h"
#include "pipeline/model.h"

struct lane;
struct scheduler;

struct scheduler_options {
    uint32_t executor_count;
    uint32_t worker_count;
    uint32_t ring_entries;     /* most jobs of one worker that are out */
    struct wake *const *wakes; /* of the workers; borrowed */
    const uint64_t *cpus;      /* executors are pinned to these in turn; borrowed */
    uint32_t cpu_count;        /* 0: they are not */
};
MUST_USE enum err scheduler_create(const struct scheduler_options *options, struct scheduler **ret_scheduler);
/* Ends the executors after the batches they hold, then calls on_done, on this thread, for every job that no worker has
 * collected. Call when no worker submits or collects any more. NULL is accepted. */
void scheduler_destroy(struct scheduler *scheduler);

/* Why a job was not taken, and when to ask again. */
enum refusal { REFUSAL_FULL, REFUSAL_TENANT_FULL, REFUSAL_DEADLINE, REFUSAL_STOPPING };
struct admission {
    enum refusal refusal;
    uint64_t wait_ns; /* until it may be taken, as far as can be told */
};
/* Workers only. Whether a job with this deadline, tenant and priority would be taken now, before there is a run to submit:
 * ERR_BUSY when not, as in the next. */
MUST_USE enum err scheduler_admit(struct scheduler *scheduler, uint32_t worker_index, const struct model *model,
                                  const struct job *job, struct admission *ret_admission);
/* Workers only. ERR_BUSY when it is refused; then `ret_admission` says why. The executors hear of it at the end of the
 * loop's turn (scheduler_turn), so that what came in one turn can share a batch; a cheap model may run then, on the worker
 * itself. on_done is never called before this has returned. */
MUST_USE enum err scheduler_submit(struct scheduler *scheduler, uint32_t worker_index, struct job *job,
                                   struct admission *ret_admission);
/* At the end of a turn of the worker's loop: runs what is cheap, and tells the executors what was submitted. */
void scheduler_turn(struct scheduler *scheduler, uint32_t worker_index);
/* Tells them at once: for a worker that is about to do something long. */
void scheduler_tell(struct scheduler *scheduler, uint32_t worker_index);
/* Calls on_done of what has come back to this worker, as crew_collect does. True: there was some, and may be more. */
bool scheduler_collect(struct scheduler *scheduler, uint32_t worker_index);
/* Nobody wants the outcome any more: it leaves the queue, or is dropped when its batch is scattered; a batch whose members
 * have all gone is stopped. The worker that submitted. */
void job_cancel(struct job *job);

/* The lane of a model: made by infer/ once all else of the model is there, destroyed with it. */
struct lane_options {
    const struct model *model;         /* its model_batch_info is final */
    const struct model_config *config; /* borrowed like the model's */
    uint32_t worker_count;
};
MUST_USE enum err lane_create(const struct lane_options *options, struct lane **ret_lane);
/* NULL is accepted. */
void lane_destroy(struct lane *lane);

/* What a lane has learned; any thread. */
struct lane_view {
    double a_ns;            /* of a row */
    double b_ns;            /* of a run */
    double error_ratio;     /* of the fit: mean of |T - (an + b)| / T over recent runs; 0: no run was seen */
    double arrivals_per_s;  /* rows, of late */
    uint32_t rows_max;      /* of a batch; 1: it is not batched */
    uint32_t rows_knee;     /* the size that batches grow to; beyond it more rows hardly add throughput */
    double capacity_per_s;  /* rows of one executor in batches of that size; 0: no run was seen */
    const char *why_single; /* NULL: it is batched */
    uint32_t queued;        /* jobs */
    uint32_t running;       /* batches */
    uint32_t instances;     /* most of them at once */
    bool is_inline;         /* workers run it themselves */
};
void lane_look(const struct lane *lane, struct lane_view *ret_view);

#endif
