/* SPDX-License-Identifier: Apache-2.0 */
/* A plan run in this process, and where its results go. */
#include "cmd/load/origin.h"

#include "load/session.h"

#include <stdio.h>

static int verdict_of(const struct load_results *results)
{
    if (results->is_cancelled)
        return LOAD_EXIT_CANCELLED;
    if (!load_results_are_valid(results))
        return LOAD_EXIT_INVALID;
    return load_results_hold(results) ? CMD_DONE : (int)LOAD_EXIT_THRESHOLDS;
}

static int watch(struct load_job *job, struct load_origin *origin, struct load_results *results)
{
    struct load_export *export;
    int result = load_job_export(job, &export);
    if (result != CMD_DONE)
        return result;
    struct load_observer observers[2];
    uint32_t observer_count = 0;
    if (!job->is_quiet)
        observers[observer_count++] = load_view_observer(&job->view);
    if (export)
        observers[observer_count++] = load_export_observer(export);
    struct load_session_options options = {
        .plan = job->made.plan,
        .source = origin->source,
        .begin_ns = load_origin_begin(origin),
        .observers = observers,
        .observer_count = observer_count,
        .is_cancelled = load_job_is_cancelled,
        .owner = job,
    };
    enum err err = load_session_run(&options, results);
    load_view_end(&job->view);
    load_export_stop(export, results);
    if (err != ERR_OK && err != ERR_CANCELLED)
        return cmd_fail("load", "%s", err_text(err));
    load_results_print(results, load_job_takes_standard(job) ? stderr : stdout);
    result = load_job_write(job, results);
    return result == CMD_DONE ? verdict_of(results) : result;
}

int load_job_run(struct load_job *job)
{
    struct load_origin origin;
    struct load_results results;
    if (load_origin_open(job, job->made.plan, NULL, &origin) != ERR_OK)
        return CMD_FAILED;
    int result = CMD_FAILED;
    if (load_results_init(job->made.plan, &results) == ERR_OK) {
        result = watch(job, &origin, &results);
        load_results_deinit(&results);
    } else {
        result = cmd_fail("load", "out of memory");
    }
    load_origin_close(&origin);
    return result;
}
