/* SPDX-License-Identifier: Apache-2.0 */
/* A plan run in this process, and where its results go. */
#include "cmd/load/job.h"

#include "lib/sys/clock.h"
#include "load/run.h"
#include "load/session.h"

#include <stdio.h>

#define READY_NS   (10 * NS_PER_S)
#define HEAD_START (50 * NS_PER_MS) /* so that every thread has seen the first moment before it comes */

static void collect(void *run, struct load_record *into)
{
    load_run_collect(run, into);
}

static bool is_over(void *run)
{
    return load_run_is_over(run);
}

static void stop(void *run)
{
    load_run_stop(run);
}

static int verdict_of(const struct load_results *results)
{
    if (results->is_cancelled)
        return LOAD_EXIT_CANCELLED;
    if (!load_results_are_valid(results))
        return LOAD_EXIT_INVALID;
    return load_results_hold(results) ? CMD_DONE : (int)LOAD_EXIT_THRESHOLDS;
}

static int watch(struct load_job *job, struct load_run *run, struct load_results *results)
{
    struct load_export *export;
    int result = load_job_export(job, &export);
    if (result != CMD_DONE)
        return result;
    const struct load_observer observer = export ? load_export_observer(export) : (struct load_observer){0};
    struct load_session_options options = {
        .plan = job->made.plan,
        .source = {.collect = collect, .is_over = is_over, .stop = stop, .owner = run},
        .begin_ns = clock_now_ns() + HEAD_START,
        .observers = &observer,
        .observer_count = export != NULL,
        .is_cancelled = load_job_is_cancelled,
        .owner = job,
    };
    load_run_begin(run, options.begin_ns);
    enum err err = load_session_run(&options, results);
    load_export_stop(export, results);
    if (err != ERR_OK && err != ERR_CANCELLED)
        return cmd_fail("load", "%s", err_text(err));
    load_results_print(results, load_job_takes_standard(job) ? stderr : stdout);
    result = load_job_write(job, results);
    return result == CMD_DONE ? verdict_of(results) : result;
}

int load_job_run(struct load_job *job)
{
    struct load_run_options options = {.plan = job->made.plan, .parts = 1};
    struct load_results results;
    struct load_run *run;
    const char *why = NULL;
    enum err err = load_run_create(&options, READY_NS, &run, &why);
    if (err != ERR_OK)
        return cmd_fail("load", "%s", why ? why : err_text(err));
    int result = CMD_FAILED;
    if (load_results_init(job->made.plan, &results) == ERR_OK) {
        result = watch(job, run, &results);
        load_results_deinit(&results);
    } else {
        result = cmd_fail("load", "out of memory");
    }
    load_run_destroy(run);
    return result;
}
