/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/flow.h"
#include "pipeline/worker.h"

static enum verdict no_route(struct request *request);

enum verdict stage_route(struct request *request)
{
    counter_add(&request->worker->meter.requests, 1);
    route_table_find(request->config->table, request->host, request->head.method_text, request->path, &request->match);
    request->route = request->match.route;
    if (!request->route)
        return no_route(request);
    request->is_timed = request->route->model || request->route->endpoint == ENDPOINT_v2_infer;
    return VERDICT_NEXT;
}

static enum verdict no_route(struct request *request)
{
    struct slice allow = request->match.allow;
    if (allow.len == 0)
        return request_fail(request, PROBLEM_NOT_FOUND, "No route matches " SLICE_FMT ".",
                            SLICE_ARG(slice_first(request->path, 200)));
    response_field_add(request, "Allow", allow);
    if (request->head.method == HTTP_METHOD_OPTIONS) {
        response_set(request, 204, "", (struct slice){NULL, 0});
        return VERDICT_ANSWER;
    }
    return request_fail(request, PROBLEM_METHOD_NOT_ALLOWED, "This path takes " SLICE_FMT ".", SLICE_ARG(allow));
}
