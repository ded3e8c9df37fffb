/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/body_json.h"

#include "pipeline/config.h"

/* A text that two readers could read differently is refused. */
struct json_limits body_json_limits(const struct request *request, struct slice text)
{
    return (struct json_limits){
        .bytes_max = text.len,
        .depth_max = (uint32_t)MIN(request->config->limits.json_depth, JSON_DEPTH_MAX),
        .refuse_duplicate_keys = true,
    };
}

enum verdict body_json(struct request *request, yyjson_val **ret_root)
{
    const struct json_limits limits = body_json_limits(request, request->body);
    struct json_document document;
    struct json_fault fault;
    if (request->body_root) {
        *ret_root = request->body_root;
        return VERDICT_NEXT;
    }
    enum err err = json_parse(&request->arena, request->body, &limits, &document, &fault);
    if (err == ERR_NOMEM)
        return request_fail_memory(request);
    if (err != ERR_OK)
        return request_fail(request, PROBLEM_INVALID_JSON, "Line %u, column %u: %s.", fault.line, fault.column,
                            fault.what);
    request->body_root = document.root;
    *ret_root = document.root;
    return VERDICT_NEXT;
}
