/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that do long work for workers: model runs, large images, reports.
 *
 * Between each worker and each crew thread there is one pair of bounded rings, so no two threads ever contend for one.
 * A worker submits a task; a crew thread runs it; the worker gets it back in crew_collect, which its mailbox calls.
 * The worker that submitted a task is the one that finishes it. A task is the owner's memory and must stay until its
 * on_done has been called, which happens exactly once for every successful submit, cancelled or not. */
#ifndef WEIR_LIB_SYS_CREW_H
#define WEIR_LIB_SYS_CREW_H

#include "lib/base/err.h"
#include "lib/sys/wake.h"

#include <stdatomic.h>
#include <stdint.h>

struct task {
    void (*on_run)(struct task *task);  /* on a crew thread; skipped when cancelled before it began */
    void (*on_done)(struct task *task); /* on the worker */
    _Atomic bool is_cancelled;          /* set by the worker; on_run may look at it */
    bool was_run;                       /* for on_done */
    uint16_t thread_index;              /* the crew thread that has it */
};

struct crew;

/* `wakes[w]` wakes worker w; borrowed. ring_entries bounds the tasks between one worker and one thread. */
struct crew_options {
    const char *name; /* of the threads: at most 12 characters */
    uint32_t thread_count;
    uint32_t worker_count;
    uint32_t ring_entries;
    struct wake *const *wakes;
};
MUST_USE enum err crew_create(const struct crew_options *options, struct crew **ret_crew);
/* Ends the threads after the tasks they hold, then calls on_done, on this thread, for every task that no worker has
 * collected: cancel first what need not run. Call when no worker submits or collects any more, while the wakes and
 * the owners of tasks are still there. NULL is accepted. */
void crew_destroy(struct crew *crew);

/* To the thread with the fewest tasks of this worker. ERR_BUSY when all rings are full, ERR_CLOSED
 * from an on_done that crew_destroy calls. */
MUST_USE enum err crew_submit(struct crew *crew, uint32_t worker_index, struct task *task);
/* Calls on_done of what is finished for this worker, at most a ring of each thread so that an on_done that submits
 * again cannot hold the worker here. True: there was some, and there may be more. */
bool crew_collect(struct crew *crew, uint32_t worker_index);
/* Tasks of this worker that are out. */
uint32_t crew_outstanding(const struct crew *crew, uint32_t worker_index);

#endif
