/* SPDX-License-Identifier: Apache-2.0 */
/* Hands a filled run to an executor thread, one at a time for now. What may wait is bounded twice: by the model's queue
 * (run_acquire) and by the rings of the crew. */
#include "lib/sys/clock.h"
#include "pipeline/flow.h"
#include "pipeline/worker.h"

static void run_task(struct task *task);

static struct model_meter *meter_of(const struct request *request)
{
    struct model_meter *meters = request->model_entry->meters;
    return meters ? &meters[request->worker->index] : NULL;
}

/* At the end of the request and not of the run: one that was given up comes back, too. */
static void leave(void *meter)
{
    gauge_add(&((struct model_meter *)meter)->in_flight, -1);
}

enum verdict stage_schedule(struct request *request)
{
    if (!request->run)
        return VERDICT_NEXT;
    if (request->was_submitted) {
        request->queue_ns = request->task_begin_ns - request->submit_ns;
        request->run_ns = run_duration_ns(request->run);
        return VERDICT_NEXT;
    }
    request->task.on_run = run_task;
    if (request_submit(request) != ERR_OK) {
        counter_add(&request->worker->meter.runs_refused, 1);
        request->retry_after_s = 1;
        return request_fail(request, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
    }
    if (meter_of(request)) {
        gauge_add(&meter_of(request)->in_flight, 1);
        request_on_release(request, leave, meter_of(request));
    }
    return VERDICT_WAIT;
}

/* On an executor thread, while the worker may answer a request whose time is over: of its fields only those of the task
 * are written. */
static void run_task(struct task *task)
{
    struct request *request = CONTAINER_OF(task, struct request, task);
    request->task_begin_ns = clock_now_ns();
    request->task_err = run_execute(request->run);
}
