/* SPDX-License-Identifier: Apache-2.0 */
/* One run on its way through the scheduler: handed over by a worker, batched with others or not, executed, handed back.
 *
 * A job is its owner's memory (a request has one, a graph of models has many) and stays until on_done has been called,
 * which happens exactly once for each submit that succeeded, cancelled or not. In between the run is the executors' and
 * the worker does not touch it, except by job_cancel. */
#ifndef WEIR_PIPELINE_JOB_H
#define WEIR_PIPELINE_JOB_H

#include "lib/base/err.h"
#include "lib/base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define JOB_NO_DEADLINE UINT64_MAX

struct batch;
struct lane;
struct run;

/* Where its time went, in ns. Those of a batch are the whole batch's: each member has waited for all of it. */
struct job_times {
    uint64_t queue_ns;   /* from submit to the start of its batch */
    uint64_t gather_ns;  /* inputs of many runs into one */
    uint64_t run_ns;     /* inside the runtime */
    uint64_t scatter_ns; /* outputs of one to many runs */
};

struct job {
    /* The submitter's, before submit. */
    struct run *run;                  /* filled */
    void (*on_done)(struct job *job); /* on the worker that submitted */
    uint64_t deadline_ns;             /* of the loop's clock; a job that is past it is not begun */
    uint64_t tenant;   /* whose share of the executors it counts against: a hash; 0: of nobody in particular */
    uint32_t priority; /* 1 is served first; 0: the model's default */
    void *owner;       /* the submitter's */
    struct list node;  /* the submitter's: among what it has out */

    /* The outcome, from on_done on. */
    enum err err; /* ERR_OK; ERR_CANCELLED; ERR_TIMEOUT: its deadline passed first; others as run_execute has them */
    struct job_times times;
    uint32_t batch_rows; /* of the batch it ran in, its own included */
    uint32_t batch_jobs;
    bool is_first;  /* of its batch: whoever counts batches counts this one */
    bool is_inline; /* the worker ran it itself */

    /* The scheduler's. */
    bool is_out; /* the worker's: submitted, and on_done has not been called */
    _Atomic bool is_cancelled;
    _Atomic uint32_t marks; /* enum job_mark: begun, cancelled: whoever is second knows of the first */
    struct job *next;
    struct lane *lane;
    struct batch *batch; /* this and the next two: once it has begun */
    uint32_t batch_number;
    uint32_t instance;
    uint64_t key;  /* jobs that may share a batch have the same, and fit each other (run_fits_batch) */
    uint32_t rows; /* 0: it runs alone */
    uint32_t worker_index;
    bool was_alone; /* nothing else of its worker was out in its lane */
    uint64_t submit_ns;
    uint64_t end_ns; /* of its batch */
};

#endif
