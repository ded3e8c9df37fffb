/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that take too long to make for an event loop: a crew thread makes them. The text is heap memory and goes with the
 * request. */
#include "lib/base/memory_user.h"
#include "pipeline/endpoint/endpoint_int.h"

#include <stdlib.h>

static void run_task(struct task *task)
{
    AS_MEMORY_USER(control);
    struct rendering *rendering = CONTAINER_OF(task, struct request, task)->task_state;
    rendering->err = rendering->run(rendering);
}

static void free_text(void *rendering)
{
    AS_MEMORY_USER(control);
    free(((struct rendering *)rendering)->text);
}

enum verdict endpoint_render(struct request *request, rendering_run run, int form)
{
    struct rendering *rendering = arena_alloc_zero(&request->arena, sizeof *rendering);
    if (!rendering)
        return request_fail_memory(request);
    rendering->run = run;
    rendering->ports = request->worker->ports;
    rendering->config = request->config;
    rendering->form = form;
    request->task_state = rendering;
    request->task.on_run = run_task;
    request_on_release(request, free_text, rendering);
    if (request_submit(request) == ERR_OK)
        return VERDICT_WAIT;
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
}

const struct rendering *endpoint_rendered(struct request *request)
{
    request->was_submitted = false;
    return request->task_state;
}
