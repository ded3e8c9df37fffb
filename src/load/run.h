/* SPDX-License-Identifier: Apache-2.0 */
/* Generator threads of this process: they begin at a moment that all agree on, follow the plan, and write records. */
#ifndef WEIR_LOAD_RUN_H
#define WEIR_LOAD_RUN_H

#include "load/plan.h"
#include "load/record.h"

struct load_run;

struct load_run_options {
    const struct load_plan *plan; /* borrowed until load_run_destroy */
    /* This process does part `part` of `parts`: every parts-th iteration, its share of users and links. 0 of 1 alone. */
    uint32_t part;
    uint32_t parts;
};

/* Threads are started, and open their links as far as the plan wants them open. Blocks until they are; gives up timeout_ns after the
 * last one. *ret_why says in words what went wrong (static or in the run's memory). ERR_NOMEM, ERR_TIMEOUT, ERR_CLOSED (nobody listens), ... leave nothing. */
MUST_USE enum err load_run_create(const struct load_run_options *options, uint64_t timeout_ns,
                                  struct load_run **ret_run, const char **ret_why);
/* The first moment of warming up; in the future. Once. */
void load_run_begin(struct load_run *run, uint64_t begin_ns);
/* Adds all threads' records to `into`. Any time. */
void load_run_collect(const struct load_run *run, struct load_record *into);
/* All is done: time over and nothing outstanding, or drain_ns over as well. */
bool load_run_is_over(const struct load_run *run);
/* Ends it: nothing new begins; what is outstanding has drain_ns. */
void load_run_stop(struct load_run *run);
/* Ends and joins the threads. NULL is accepted. */
void load_run_destroy(struct load_run *run);

#endif
