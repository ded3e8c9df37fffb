/* SPDX-License-Identifier: Apache-2.0 */
/* GET /openapi.json and /openapi.yaml: what the configuration serves that the request came to.
 *
 * Made anew for each request, since models become ready at any time; that takes milliseconds, so a crew thread does it. The
 * text is heap memory and goes with the request. */
#include "lib/base/hash.h"
#include "lib/http/conditional.h"
#include "pipeline/endpoint/endpoint_int.h"

#include <stdlib.h>

/* In the request's arena; with the crew thread while the request is held. */
struct rendering {
    const struct ports *ports;
    const struct config *config;
    bool is_yaml;
    enum err err;
    char *text; /* heap */
    size_t bytes;
};

static enum verdict answer(struct request *request, bool is_yaml);
static void run_task(struct task *task);
static void free_text(void *rendering);
static enum verdict conclude(struct request *request);

enum verdict endpoint_openapi_json(struct request *request)
{
    return answer(request, false);
}

enum verdict endpoint_openapi_yaml(struct request *request)
{
    return answer(request, true);
}

static enum verdict answer(struct request *request, bool is_yaml)
{
    if (request->was_submitted)
        return conclude(request);
    struct rendering *rendering = arena_alloc_zero(&request->arena, sizeof *rendering);
    if (!rendering)
        return request_fail_memory(request);
    rendering->ports = request->worker->ports;
    rendering->config = request->config;
    rendering->is_yaml = is_yaml;
    request->task_state = rendering;
    request->task.on_run = run_task;
    request_on_release(request, free_text, rendering);
    if (request_submit(request) == ERR_OK)
        return VERDICT_WAIT;
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
}

/* On a crew thread. */
static void run_task(struct task *task)
{
    const struct request *request = CONTAINER_OF(task, struct request, task);
    struct rendering *rendering = request->task_state;
    rendering->err = rendering->ports->openapi_render(rendering->ports->owner, rendering->config, rendering->is_yaml,
                                                      &rendering->text, &rendering->bytes);
}

static void free_text(void *rendering)
{
    free(((struct rendering *)rendering)->text);
}

static enum verdict conclude(struct request *request)
{
    const struct rendering *rendering = request->task_state;
    request->was_submitted = false;
    if (rendering->err == ERR_NOMEM)
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory to render the document.");
    if (rendering->err != ERR_OK)
        return request_fail(request, PROBLEM_INTERNAL, "The schemas of this server are nested too deeply to be shown.");
    struct slice text = slice_of(rendering->text, rendering->bytes);
    uint64_t hash = hash_bytes((struct hash_key){0, 0}, text);
    struct slice etag = arena_printf(&request->arena, "\"%016llx\"", (unsigned long long)hash);
    if (!etag.ptr)
        return request_fail_memory(request);
    const struct http_validators validators = {.etag = etag};
    enum http_condition condition = http_condition_check(&request->head, &validators);
    if (condition == HTTP_CONDITION_FAILED)
        return request_fail(request, PROBLEM_PRECONDITION_FAILED,
                            "The document is not the one that the request is for.");
    response_field_add(request, "ETag", etag);
    response_field_add(request, "Cache-Control", SLICE_LIT("no-cache"));
    if (condition == HTTP_CONDITION_NOT_MODIFIED)
        response_set(request, 304, "", (struct slice){NULL, 0});
    else
        response_set(request, 200, rendering->is_yaml ? "application/yaml" : "application/json", text);
    return VERDICT_NEXT;
}
