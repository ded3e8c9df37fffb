/* SPDX-License-Identifier: Apache-2.0 */
/* GET /openapi.json and /openapi.yaml: what the configuration serves that the request came to.
 *
 * Made anew for each request, since models become ready at any time; that takes milliseconds. */
#include "lib/base/hash.h"
#include "lib/http/conditional.h"
#include "pipeline/endpoint/endpoint_int.h"

enum { FORM_JSON, FORM_YAML };

static enum err run(struct rendering *rendering);
static enum verdict conclude(struct request *request);

enum verdict endpoint_openapi_json(struct request *request)
{
    return request->was_submitted ? conclude(request) : endpoint_render(request, run, FORM_JSON);
}

enum verdict endpoint_openapi_yaml(struct request *request)
{
    return request->was_submitted ? conclude(request) : endpoint_render(request, run, FORM_YAML);
}

static enum err run(struct rendering *rendering)
{
    const struct ports *ports = rendering->ports;
    return ports->openapi_render(ports->owner, rendering->config, rendering->form == FORM_YAML, &rendering->text,
                                 &rendering->bytes);
}

static enum verdict conclude(struct request *request)
{
    const struct rendering *rendering = endpoint_rendered(request);
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
        response_set(request, 200, rendering->form == FORM_YAML ? "application/yaml" : "application/json", text);
    return VERDICT_NEXT;
}
