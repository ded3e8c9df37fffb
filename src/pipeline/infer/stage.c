/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the outcome of a run back from the executor. */
#include "pipeline/flow.h"
#include "pipeline/worker.h"

static void count(const struct request *request)
{
    if (!request->model_entry->meters)
        return;
    struct model_meter *meter = &request->model_entry->meters[request->worker->index];
    counter_add(&meter->runs, 1);
    histogram_record(&meter->run_time, request->run_ns);
    histogram_record(&meter->queue_time, request->queue_ns);
    if (request->task_err != ERR_OK)
        counter_add(&meter->failures, 1);
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
