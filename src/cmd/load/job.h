/* SPDX-License-Identifier: Apache-2.0 */
/* What weir load works with, from its flags to its exit code. */
#ifndef WEIR_CMD_LOAD_JOB_H
#define WEIR_CMD_LOAD_JOB_H

#include "cmd/options.h"
#include "lib/sys/signals.h"
#include "load/export.h"
#include "load/plan/make.h"
#include "load/remote.h"
#include "load/results.h"
#include "load/view.h"

/* Besides those of all commands. */
enum load_exit {
    LOAD_EXIT_THRESHOLDS = 3, /* the test ran, and a threshold does not hold */
    LOAD_EXIT_INVALID =
        4, /* the test ran, and its figures mean nothing: the generator was late, too much failed, ... */
    LOAD_EXIT_CANCELLED = 130,
};
#define LOAD_EXITS                                                                                                     \
    "0 done and all thresholds hold, 1 failed to run, 2 wrong usage or plan,\n"                                        \
    "3 a threshold does not hold, 4 the run is invalid, 130 ended early by Ctrl-C"

/* Machines that do the work; none: this one does. */
struct load_job_agents {
    uint32_t count;
    struct slice names[LOAD_AGENTS_MAX];
    struct address addresses[LOAD_AGENTS_MAX];
    struct slice token;
};

/* A search in place of one test. */
struct load_job_knee {
    const char *conditions; /* NULL: none */
    double from, to;
    uint64_t probe_ns;
};

struct load_job {
    /* What the flags say beside the plan. */
    const char *json_path;
    const char *html_path;
    const char *csv_prefix;
    const char *hdr_log_path;
    const char *junit_path;
    struct load_view view;
    bool is_quiet;
    bool is_check;
    bool is_dry;
    struct load_job_agents agents;
    struct load_job_knee knee;

    struct pool pool;
    struct arena arena;
    struct load_inputs inputs;
    struct report report;
    struct load_made made;

    struct loop signal_loop;
    struct signals signals;
    bool is_cancelled;
};

/* Makes the plan of job->inputs; what is wrong is printed. CMD_DONE, CMD_USAGE or CMD_FAILED. */
int load_job_make(struct load_job *job);
/* Runs the plan in this process, to its exit code. */
int load_job_run(struct load_job *job);
/* Searches the knee, to an exit code. */
int load_job_find_knee(struct load_job *job);
/* Words that a search has if the user has no others: a rate, so that the plan is of open loop, and Poisson arrivals, as of many
 * users who know nothing of each other. `last` is what is to be asked. False: it was said what is wrong. */
bool load_knee_prepare(struct load_job *job, struct slice last);
/* Begins to tell figures of the running test, where the plan wants that; *ret_export is NULL where not. Else it is told why not. */
int load_job_export(struct load_job *job, struct load_export **ret_export);
/* Before a test that may take hours: says which files of results could not be written. */
int load_job_check_outputs(const struct load_job *job);
/* Writes results to wherever job says; what cannot be written is said. CMD_DONE or CMD_FAILED. */
int load_job_write(const struct load_job *job, const struct load_results *results);
/* One of these goes to standard output, which then is for nothing else. */
bool load_job_takes_standard(const struct load_job *job);
/* One iteration of each scenario, with requests and responses on standard output. CMD_FAILED when anything was not right. */
int load_job_try(struct load_job *job);
/* Whether Ctrl-C was pressed; for sessions. The second one ends the process. */
bool load_job_is_cancelled(void *job);

#endif
