/* SPDX-License-Identifier: Apache-2.0 */
/* Trailers on their way through, in both directions: those that a recipient may know of (RFC 9110 section 6.5.1), and that
 * do not concern one connection only. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/http/forward.h"

/* All of them, chosen or not, are counted: looking at each costs, too. */
static enum err count(const struct request *request, const struct trailers *trailers, uint32_t *ret_count)
{
    struct slice rest = trailers_text(trailers);
    struct http_header field;
    uint32_t all = 0;
    while (trailers_next(&rest, &field))
        if (++all > request->worker->limits.header_count)
            return ERR_LIMIT;
    *ret_count = all;
    return ERR_OK;
}

static enum err choose(struct request *request, const struct trailers *trailers, const struct forward_filter *filter,
                       bool (*is_dropped)(const struct forward_filter *, const struct http_header *),
                       struct response_field **ret_fields, uint32_t *ret_count)
{
    struct slice rest = trailers_text(trailers);
    struct http_header field;
    uint32_t all;
    uint32_t chosen = 0;
    TRY(count(request, trailers, &all));
    struct response_field *fields = arena_alloc_array(&request->arena, all, sizeof *fields);
    if (!fields)
        return ERR_NOMEM;
    while (trailers_next(&rest, &field))
        if (trailers_may_have(&field) && !is_dropped(filter, &field))
            fields[chosen++] = (struct response_field){field.name, field.value};
    *ret_fields = fields;
    *ret_count = chosen;
    return ERR_OK;
}

enum err trailers_of_request(struct exchange *exchange, struct response_field **ret_fields, uint32_t *ret_count)
{
    struct request *request = exchange->request;
    struct forward_filter filter;
    head_filter_init(&filter, request, 0);
    enum err err = choose(request, &request->trailers, &filter, head_is_dropped, ret_fields, ret_count);
    if (err == ERR_LIMIT)
        (void)request_fail(request, PROBLEM_HEAD_TOO_LARGE, "There are more than %u trailer fields.",
                           (unsigned)request->worker->limits.header_count);
    else if (err != ERR_OK)
        (void)request_fail_memory(request);
    return err;
}

enum err trailers_of_response(struct exchange *exchange)
{
    struct request *request = exchange->request;
    struct response *response = &request->response;
    struct forward_filter filter;
    forward_filter_init(&filter, &exchange->head, 0);
    return choose(request, &exchange->trailers, &filter, forward_is_dropped, &response->trailers,
                  &response->trailer_count);
}
