/* SPDX-License-Identifier: Apache-2.0 */
/* From a request head to what every later stage relies on: one canonical path. */
#include "lib/http/url.h"
#include "pipeline/flow.h"

static enum err read_target(struct request *request);

enum err parse_target(struct request *request)
{
    parse_client(request);
    if (UNLIKELY(!request->head.is_target_plain))
        return read_target(request);
    request->path = request->head.target;
    request->target_path = request->head.target;
    return ERR_OK;
}

static enum err read_target(struct request *request)
{
    struct url_target target;
    if (url_target_is_canonical(request->head.target, &request->path, &request->query)) {
        request->target_path = request->path;
        return ERR_OK;
    }
    if (url_target_parse(request->head.target, &target) != ERR_OK) {
        (void)request_fail(request, PROBLEM_BAD_REQUEST, "The request target is malformed.");
        return ERR_SYNTAX;
    }
    request->target_path = target.path;
    request->query = target.query;
    if (target.form == URL_ASTERISK || target.form == URL_AUTHORITY) {
        request->path = request->head.target;
        return ERR_OK;
    }
    /* Normalising may write three bytes for one; a path with more escapes than that is not wanted. */
    size_t capacity = target.path.len * 3 + 1;
    char *memory = arena_alloc(&request->arena, capacity);
    if (!memory) {
        (void)request_fail_memory(request);
        return ERR_NOMEM;
    }
    if (url_path_normalize(target.path, memory, capacity, &request->path) != ERR_OK) {
        (void)request_fail(request, PROBLEM_BAD_REQUEST,
                           "The path has a malformed escape, an escaped slash or control, or climbs above the root.");
        return ERR_SYNTAX;
    }
    return ERR_OK;
}
