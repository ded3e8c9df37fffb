/* SPDX-License-Identifier: Apache-2.0 */
/* From a request head to the fields of struct request that every later stage relies on: one canonical path, one host
 * without port in lower case. */
#include "lib/http/url.h"
#include "pipeline/flow.h"

static enum err read_target(struct request *request);
static enum err read_host(struct request *request);

enum err parse_target(struct request *request)
{
    parse_client(request);
    TRY(read_target(request));
    return read_host(request);
}

static enum err read_target(struct request *request)
{
    struct url_target target;
    if (LIKELY(url_target_is_canonical(request->head.target, &request->path, &request->query))) {
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

static bool is_lower(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
            return false;
    return true;
}

static enum err lower_host(struct request *request)
{
    struct slice host = request->host;
    char *lower = arena_alloc(&request->arena, host.len + 1);
    if (!lower) {
        (void)request_fail_memory(request);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < host.len; i++)
        lower[i] = ascii_lower(host.ptr[i]);
    request->host = slice_of(lower, host.len);
    return ERR_OK;
}

static enum err read_host(struct request *request)
{
    struct slice host = request->head.host;
    size_t end = host.len;
    while (end > 0 && host.ptr[end - 1] >= '0' && host.ptr[end - 1] <= '9')
        end--;
    if (end > 0 && host.ptr[end - 1] == ':')
        host = slice_first(host, end - 1);
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--; /* the root of the DNS, written out: the same name */
    request->host = host;
    return is_lower(host) ? ERR_OK : lower_host(request);
}
