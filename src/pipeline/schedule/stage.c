/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a filled run to the scheduler. What may wait is bounded by the model's queue (run_acquire) and by what a worker may
 * have out. */
#include "pipeline/flow.h"
#include "pipeline/model_meter.h"
#include "pipeline/scheduler.h"
#include "pipeline/worker.h"

static struct model_meter *meter_of(const struct request *request)
{
    return model_entry_meter(request->model_entry, request->worker->index);
}

/* At the end of the request and not of the run: one that was given up comes back, too. */
static void leave(void *meter)
{
    gauge_add(&((struct model_meter *)meter)->in_flight, -1);
}

/* Counted here, since a request that was given up never comes to the stage infer. */
static void on_run_done(struct job *job)
{
    struct request *request = job->owner;
    model_meter_job(meter_of(request), job, request->worker->loop.now_ns);
    request_job_done(job);
}

enum verdict stage_schedule(struct request *request)
{
    struct admission admission;
    if (!request->run || request->has_job)
        return VERDICT_NEXT;
    request->job = (struct job){.run = request->run, .on_done = on_run_done};
    if (request_schedule(request, &request->job, &admission) != ERR_OK) {
        model_meter_refusal(meter_of(request), MODEL_FAILURE_REJECTED);
        return request_fail_admission(request, &admission);
    }
    request->has_job = true;
    if (meter_of(request)) {
        gauge_add(&meter_of(request)->in_flight, 1);
        request_on_release(request, leave, meter_of(request));
    }
    return VERDICT_WAIT;
}

enum err request_schedule(struct request *request, struct job *job, struct admission *ret_admission)
{
    struct worker *worker = request->worker;
    if (!job->on_done)
        job->on_done = request_job_done;
    job->owner = request;
    job->deadline_ns = JOB_NO_DEADLINE;
    job->priority = request->inference.priority;
    TRY(scheduler_submit(worker->scheduler, worker->index, job, ret_admission));
    if (!request->jobs.next)
        list_init(&request->jobs);
    list_add_last(&request->jobs, &job->node);
    request->holds++;
    return ERR_OK;
}

void request_job_done(struct job *job)
{
    struct request *request = job->owner;
    list_remove(&job->node);
    request->holds--;
    flow_resume(request);
}

enum verdict request_fail_admission(struct request *request, const struct admission *admission)
{
    counter_add(&request->worker->meter.runs_refused, 1);
    request->retry_after_s = (uint32_t)MIN(admission->wait_ns / NS_PER_S + 1, 3600);
    return request_fail(request, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
}
