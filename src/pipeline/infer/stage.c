/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the outcome of a run back from the scheduler. */
#include "pipeline/flow.h"
#include "pipeline/worker.h"

static enum verdict fail(struct request *request)
{
    struct slice name = request->model_entry->config->name;
    if (request->job.err == ERR_TIMEOUT)
        return request_fail(request, PROBLEM_DEADLINE, "The model " SLICE_FMT " was not begun in time.",
                            SLICE_ARG(name));
    if (request->job.err == ERR_NOMEM)
        return request_fail_memory(request);
    counter_add(&request->worker->meter.runs_failed, 1);
    struct slice fault = slice_first(run_fault(request->run), 300);
    return request_fail(request, PROBLEM_MODEL_FAILED, "The model " SLICE_FMT " failed: " SLICE_FMT, SLICE_ARG(name),
                        SLICE_ARG(fault));
}

enum verdict stage_infer(struct request *request)
{
    if (!request->run || request->has_outputs)
        return VERDICT_NEXT;
    const struct job *job = &request->job;
    request->queue_ns = job->times.queue_ns;
    request->run_ns = job->times.run_ns;
    if (job->err != ERR_OK)
        return fail(request);
    run_record(request->run);
    request->has_outputs = true;
    return VERDICT_NEXT;
}
