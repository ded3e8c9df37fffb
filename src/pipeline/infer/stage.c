/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the outcome of a run back from the executor. */
#include "pipeline/flow.h"
#include "pipeline/model_meter.h"
#include "pipeline/worker.h"

/* As long as executors take runs singly, they say so in the request and not in its job. */
static void count(struct request *request)
{
    struct model_meter *meter = model_entry_meter(request->model_entry, request->worker->index);
    struct job *job = &request->job;
    job->err = request->task_err;
    job->times = (struct job_times){.queue_ns = request->queue_ns, .run_ns = request->run_ns};
    job->submit_ns = request->submit_ns;
    job->batch_rows = job->batch_jobs = 1;
    job->is_first = true;
    model_meter_job(meter, job, request->worker->loop.now_ns);
}

enum verdict stage_infer(struct request *request)
{
    if (!request->run)
        return VERDICT_NEXT;
    count(request);
    if (request->task_err != ERR_OK) {
        counter_add(&request->worker->meter.runs_failed, 1);
        struct slice fault = slice_first(run_fault(request->run), 300);
        return request_fail(request, PROBLEM_MODEL_FAILED, "The model " SLICE_FMT " failed: " SLICE_FMT,
                            SLICE_ARG(request->model_entry->config->name), SLICE_ARG(fault));
    }
    request->has_outputs = true;
    return VERDICT_NEXT;
}
