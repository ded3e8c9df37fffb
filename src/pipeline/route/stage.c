/* SPDX-License-Identifier: Apache-2.0 */
/* Where no route matches, the problem is known at once; but the request still goes through the observing part of the
 * file's chain, so that the log shows what was asked for in vain. */
#include "pipeline/flow.h"
#include "pipeline/grpc.h"
#include "pipeline/worker.h"

static void refuse(struct request *request);

enum verdict stage_route(struct request *request)
{
    counter_add(&request->worker->meter.requests, 1);
    route_table_find(request->config->table, &request->head, request->path, &request->match);
    request->route = request->match.route;
    if (!request->route) {
        refuse(request);
        request->route = request->config->unmatched;
        return VERDICT_NEXT;
    }
    if (UNLIKELY(request->route->rpc))
        grpc_admit(request);
    return VERDICT_NEXT;
}

static void refuse(struct request *request)
{
    struct slice allow = request->match.allow;
    if (allow.len)
        response_field_add(request, "Allow", allow);
    /* "OPTIONS *" asks about the server and not about a path (RFC 9110 section 9.3.7): that it answers is the answer. */
    bool is_about_server = slice_is(request->path, "*");
    if (is_about_server || (allow.len && request->head.method == HTTP_METHOD_OPTIONS))
        response_set(request, 204, "", (struct slice){NULL, 0});
    else if (allow.len)
        (void)request_fail(request, PROBLEM_METHOD_NOT_ALLOWED, "This path takes " SLICE_FMT ".", SLICE_ARG(allow));
    else
        (void)request_fail(request, PROBLEM_NOT_FOUND, "No route matches " SLICE_FMT ".",
                           SLICE_ARG(slice_first(request->path, 200)));
}
