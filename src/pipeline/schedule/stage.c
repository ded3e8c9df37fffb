/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a filled run to the scheduler. What may wait is bounded by the model's queue (run_acquire) and by what a worker may
 * have out. */
#include "pipeline/flow.h"
#include "pipeline/model_meter.h"
#include "pipeline/schedule/timeout_int.h"
#include "pipeline/scheduler.h"
#include "pipeline/worker.h"

#define RETRY_AFTER_MAX_S 3600

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
    if (job->err == ERR_TIMEOUT)
        counter_add(&request->worker->meter.runs_late, 1);
    model_meter_job(meter_of(request), job, request->worker->loop.now_ns);
    request_job_done(job);
}

enum verdict stage_schedule(struct request *request)
{
    struct admission admission;
    if (!request->run || request->has_job || request->has_outputs)
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

/* --- For whoever has runs ---------------------------------------------------------------------------------------- */

/* Never 0, which is nobody in particular. FNV-1a: two tenants with one hash share what each would have. */
static uint64_t tenant_of(const struct request *request)
{
    uint64_t hash = 0xcbf29ce484222325U;
    struct slice tenant = request->identity.tenant;
    for (size_t i = 0; i < tenant.len; i++)
        hash = (hash ^ (unsigned char)tenant.ptr[i]) * 0x100000001b3U;
    return tenant.len ? hash | 1 : 0;
}

/* The earliest of all that were said: by the client, by the route, by limits. */
static uint64_t deadline_of(const struct request *request)
{
    uint64_t deadline_ns = JOB_NO_DEADLINE;
    uint64_t time_ns = request->route->request_time_ns;
    if (time_ns && time_ns != ROUTE_TIME_NONE)
        deadline_ns = request->worker->loop.now_ns + time_ns;
    if (request->total_timer.deadline_ns)
        deadline_ns = MIN(deadline_ns, request->total_timer.deadline_ns);
    if (request->inference.timeout_ns)
        deadline_ns = MIN(deadline_ns, request->begin_ns + request->inference.timeout_ns);
    return deadline_ns;
}

static void describe(struct request *request, struct job *job)
{
    job->tenant = tenant_of(request);
    job->priority = request->inference.priority;
    job->deadline_ns = deadline_of(request);
}

enum verdict request_note_timeouts(struct request *request)
{
    uint64_t timeout_ns = request->route->config->deadline;
    struct slice text = request_header(request, HTTP_FIELD_X_REQUEST_TIMEOUT);
    if (text.ptr) {
        uint64_t asked_ns;
        if (timeout_parse(text, &asked_ns) != ERR_OK)
            return request_fail(request, PROBLEM_BAD_REQUEST,
                                "X-Request-Timeout is \"" SLICE_FMT "\"; a time is a number and us, ms, s or m.",
                                SLICE_ARG(slice_first(text, 50)));
        timeout_ns = timeout_ns ? MIN(timeout_ns, asked_ns) : asked_ns;
    }
    if (timeout_ns || text.ptr)
        flow_set_deadline(request, request->begin_ns + timeout_ns);
    return VERDICT_NEXT;
}

enum verdict request_admit(struct request *request, struct model *model)
{
    struct job job = {0};
    struct admission admission;
    enum verdict verdict = request_note_timeouts(request);
    if (verdict != VERDICT_NEXT || !request->worker->scheduler)
        return verdict;
    if (model_cache(
            model)) /* the outputs may be there, or be on their way: whether there must be a run is known later */
        return VERDICT_NEXT;
    describe(request, &job);
    if (scheduler_admit(request->worker->scheduler, request->worker->index, model, &job, &admission) == ERR_OK)
        return VERDICT_NEXT;
    model_meter_refusal(meter_of(request), MODEL_FAILURE_REJECTED);
    return request_fail_admission(request, &admission);
}

enum err request_schedule(struct request *request, struct job *job, struct admission *ret_admission)
{
    struct worker *worker = request->worker;
    if (!job->on_done)
        job->on_done = request_job_done;
    job->owner = request;
    describe(request, job);
    TRY(scheduler_submit(worker->scheduler, worker->index, job, ret_admission));
    if (job->deadline_ns != JOB_NO_DEADLINE && request->inference.timeout_ns)
        flow_set_deadline(request, request->begin_ns + request->inference.timeout_ns);
    if (!request->jobs.next)
        list_init(&request->jobs);
    list_add_last(&request->jobs, &job->node);
    worker->jobs_out++;
    request->holds++;
    return ERR_OK;
}

void request_job_done(struct job *job)
{
    struct request *request = job->owner;
    list_remove(&job->node);
    request->worker->jobs_out--;
    request->holds--;
    flow_resume(request);
}

enum verdict request_fail_admission(struct request *request, const struct admission *admission)
{
    struct worker_meter *meter = &request->worker->meter;
    counter_add(&meter->runs_refused, 1);
    request->retry_after_s = (uint32_t)MIN((admission->wait_ns + NS_PER_S - 1) / NS_PER_S, RETRY_AFTER_MAX_S);
    request->retry_after_s = MAX(request->retry_after_s, 1);
    switch (admission->refusal) {
    case REFUSAL_TENANT_FULL:
        counter_add(&meter->runs_over_share, 1);
        return request_fail(request, PROBLEM_OVER_SHARE,
                            "The tenant has as many requests waiting as it may while others wait; try again.");
    case REFUSAL_DEADLINE:
        counter_add(&meter->runs_hopeless, 1);
        return request_fail(request, PROBLEM_DEADLINE,
                            "The answer would be ready %.1f ms after its deadline; it was not begun.",
                            (double)admission->wait_ns / NS_PER_MS);
    default:
        return request_fail(request, PROBLEM_OVERLOADED, "The queue of the model is full; try again.");
    }
}
