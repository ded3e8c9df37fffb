/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the scheduler share. `baton` behind a field: only whoever holds the baton touches it. */
#ifndef WEIR_PIPELINE_SCHEDULE_SCHEDULE_INT_H
#define WEIR_PIPELINE_SCHEDULE_SCHEDULE_INT_H

#include "lib/base/list.h"
#include "lib/sys/ring.h"
#include "lib/sys/thread.h"
#include "pipeline/schedule/cost_int.h"
#include "pipeline/schedule/form_int.h"
#include "pipeline/schedule/queue_int.h"
#include "pipeline/scheduler.h"

#define BATCH_JOBS_MAX 256
#define NEVER_NS       UINT64_MAX

struct batch;
struct executor;

enum job_mark { JOB_BEGUN = 1, JOB_CANCELLED = 2 };

/* --- A lane ------------------------------------------------------------------------------------------------------ */

#define SLOT_TENANTS 64 /* a power of two */

/* What one worker has out in a lane; that worker's. What is atomic is read by the others. */
struct lane_slot {
    _Atomic uint32_t out;
    _Atomic uint32_t levels[QUEUE_LEVELS]; /* of `out`, by priority */
    uint32_t tenants[SLOT_TENANTS];        /* of `out`, by hash: two that share a place share what they may have */
    uint32_t tenant_count;                 /* places that are in use */
    struct arrivals arrivals;              /* as of its at_ns */
    _Atomic double arrivals_per_ns;        /* the same for others to read */
    _Atomic uint64_t arrivals_at_ns;
    uint32_t hopeless_count; /* refused for their deadline, one after the other */
    struct cost cost;        /* of what the worker runs itself */
    _Atomic double a_ns;     /* the same for others to read */
    _Atomic double b_ns;
    _Atomic bool is_inline;
} CACHE_ALIGNED;

struct lane {
    struct lane_slot *slots; /* by worker */
    uint32_t worker_count;
    const struct model *model;
    const struct model_config *config;
    uint32_t rows_max; /* of a batch */
    struct list node;  /* baton, here and below: of scheduler.lanes, while anything is queued */
    struct queue queue;
    struct cost cost;
    struct arrivals arrivals;
    double served_ns; /* of executors' time, by which lanes take turns */
    uint32_t free_count;
    uint32_t instance_count;

    /* Written by who has the baton, read by workers and by lane_look. */
    _Atomic double a_ns;
    _Atomic double b_ns;
    _Atomic double error_ratio;
    _Atomic uint32_t queued;
    _Atomic uint32_t running;
    _Atomic double rows_a_job; /* of late */
    _Atomic uint32_t observed; /* batches that a and b were fitted to */

    _Atomic uint32_t cancelled; /* in the queue or on their way there; written by workers */
    uint32_t free_instances[];  /* baton: a stack */
};

/* On the worker. Whether a job may come in: by what is out of the model, of the tenant, and by its deadline. */
MUST_USE enum err lane_admit(const struct lane *lane, const struct scheduler *scheduler, uint32_t worker_index,
                             const struct job *job, struct admission *ret_admission);
/* A job of this worker goes in, or has come back. */
void lane_enter(struct lane *lane, struct job *job);
void lane_leave(struct lane *lane, const struct job *job);

/* What could be begun in a lane. */
struct plan {
    struct lane *lane;
    struct queue_flow *flow; /* who opens the batch; NULL: nobody */
    struct situation situation;
    uint64_t wait_until_ns; /* 0: it can begin */
};

/* All of these by the holder of the baton. */
MUST_USE enum err lane_push(struct lane *lane, struct job *job);
/* Any of its jobs; NULL when there is none. */
struct job *lane_pop(struct lane *lane);
/* Hands back what nobody wants any more, or what is too late. */
void lane_sweep(struct lane *lane, struct executor *executor, uint64_t now_ns);
/* `servers`: idle executors, the one that asks included. */
void lane_plan(struct lane *lane, uint32_t servers, uint64_t now_ns, struct plan *ret_plan);
/* Moves jobs into the batch, at least one, and takes an instance for it. */
void lane_fill(const struct plan *plan, struct batch *batch);
/* After the batch: what it took is learned. */
void lane_settle(struct batch *batch);

/* --- A batch ----------------------------------------------------------------------------------------------------- */

/* What an executor is about. It formed it while it had the baton and has it for itself from there on, but for `state`: by
 * that the workers that cancel members agree on who stops it. */
struct batch {
    _Atomic uint64_t state; /* batch.c; 0: nothing is executed */
    uint32_t number;
    struct lane *lane;   /* NULL: there is none */
    struct model *model; /* a reference, until the batch is settled */
    uint32_t instance;
    uint32_t count;
    uint32_t rows;
    double expected_ns;
    bool is_telling; /* all went well: what it took says something of its size */
    uint64_t begin_ns;
    uint64_t ns; /* how long it took */
    struct job *jobs[BATCH_JOBS_MAX];
    struct batch_member members[BATCH_JOBS_MAX];
};

/* Runs it and writes the outcome to its jobs, which are the workers' again from then on. */
void batch_run(struct batch *batch);
/* On the worker, for a job that has begun. */
void batch_drop(struct job *job);

/* --- Executors --------------------------------------------------------------------------------------------------- */

struct executor {
    struct wake wake;
    struct scheduler *scheduler;
    struct thread thread;
    uint32_t index;
    bool has_started;
    bool is_idle;            /* baton */
    uint64_t wake_at_ns;     /* of an idle one: when it looks by itself */
    struct ring *to_workers; /* of lists of jobs, linked by `next` */
    struct job **lists;      /* by worker: what is about to be handed back */
    struct job ***ends;
    uint32_t *noted; /* workers with a list */
    uint32_t noted_count;
    struct batch batch;
};

/* --- Workers ----------------------------------------------------------------------------------------------------- */

struct inbox {
    struct ring to_executors;           /* the worker pushes, who has the baton pops */
    CACHE_ALIGNED uint32_t outstanding; /* the worker's */
    bool has_news;                      /* the worker's: pushed, and nobody was told */
    struct job *inline_jobs;            /* the worker's, here and below: which it runs itself at the end of the turn */
    struct job **inline_end;
    double handover_ns; /* what giving a job to an executor costs, of late */
    struct batch batch; /* the one that it runs */
};

/* To the executors; there is room. */
static inline void inbox_push(struct inbox *inbox, struct job *job)
{
    bool is_pushed = ring_push(&inbox->to_executors, job);
    ASSERT(is_pushed, "a ring has room for all that is out");
    inbox->outstanding++;
    inbox->has_news = true;
}

/* Whether the worker runs the next job of the lane itself. */
bool inline_decide(const struct lane *lane, struct lane_slot *slot, const struct inbox *inbox);
void inline_push(struct inbox *inbox, struct job *job);
struct job *inline_pop(struct inbox *inbox);
/* What was pushed, in as many batches as the turn has time for. */
void inline_run(struct scheduler *scheduler, uint32_t worker_index);
/* A job that was alone has come back. */
void inline_note_handover(struct inbox *inbox, const struct job *job, uint64_t now_ns);

struct scheduler {
    struct mutex baton;
    struct list lanes;      /* baton: with jobs queued */
    double served_ns;       /* baton: where a lane begins that had nothing queued */
    struct executor **idle; /* baton: a stack, so that the one whose caches are warm is taken first */
    uint32_t idle_count;    /* baton */
    struct executor *executors;
    struct inbox *inboxes; /* by worker */
    struct wake **wakes;
    uint32_t executor_count;
    uint32_t worker_count;
    uint32_t ring_entries;
    _Atomic bool is_stopping;
    _Atomic uint32_t lane_count; /* of `lanes` */
    /* The executor, plus one, that is to be woken when a worker has pushed something; 0: somebody has the baton and will look,
     * or all are busy and will. Only changed by exchanges: see executor.c. */
    CACHE_ALIGNED _Atomic uint32_t watch;
};

/* What an executor's thread runs. */
void executor_run(void *argument);
/* Hands jobs back to their workers: noted first, all told at once. By the executor that has them. */
void executor_note(struct executor *executor, struct job *job);
void executor_tell(struct executor *executor);
/* Any thread, after its work is visible: somebody will look. */
void executors_call(struct scheduler *scheduler);
/* Moves what workers have pushed into the lanes; what there is no memory for goes back at once. */
void scheduler_drain(struct scheduler *scheduler, struct executor *executor);

#endif
