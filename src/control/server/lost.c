/* SPDX-License-Identifier: Apache-2.0 */
/* A schema that is bound by the name of its file goes when that file does, and nothing is broken then: the route takes whatever
 * comes. Files go by mistake too, and for a moment while somebody copies: what is read because a file has changed must not open
 * a route. Who means it says so, by SIGHUP. */
#include "control/server/lost.h"

#include "pipeline/contract.h"
#include "pipeline/route.h"

struct losing {
    const struct route *route;
    enum report_severity severity;
    struct report *report;
};

static const struct route *find_route(const struct config *config, const struct route *like)
{
    for (uint32_t i = 0; i < config->route_count; i++)
        if (slice_equal(config->routes[i]->name, like->name) && slice_equal(config->routes[i]->host, like->host))
            return config->routes[i];
    return NULL;
}

static void note(const struct losing *losing, const char *what, struct slice path)
{
    const struct report_origin origin = {.path = path.len ? path : SLICE_LIT("the configuration")};
    const struct slice name = slice_first(losing->route->name, REPORT_QUOTE_BYTES_MAX);
    if (losing->severity == REPORT_WARNING)
        report_warning_in(losing->report, &origin, (struct report_place){0},
                          "%s of " SLICE_FMT " had a schema from here, and have none any more: nothing checks them",
                          what, SLICE_ARG(name));
    else
        report_error_in(losing->report, &origin, (struct report_place){0},
                        "this file is gone, and nothing would check %s of " SLICE_FMT
                        "; restore it, or take that as meant by SIGHUP",
                        what, SLICE_ARG(name));
}

static bool has_response(const struct contract *contract, const struct contract_response *like)
{
    for (uint32_t i = 0; contract && i < contract->response_count; i++)
        if (contract->responses[i].status_min == like->status_min &&
            contract->responses[i].status_max == like->status_max && contract->responses[i].schema.schema)
            return true;
    return false;
}

static void compare(const struct losing *losing, const struct contract *before, const struct contract *now)
{
    if (before->body.schema && !(now && now->body.schema))
        note(losing, "bodies", before->body.path);
    if (before->parameters_path.len && !(now && now->parameters_path.len))
        note(losing, "parameters", before->parameters_path);
    for (uint32_t i = 0; i < before->response_count; i++)
        if (before->responses[i].schema.schema && !has_response(now, &before->responses[i]))
            note(losing, "responses", before->responses[i].schema.path);
}

void lost_schemas_report(const struct config *before, const struct config *now, enum report_severity severity,
                         struct report *report)
{
    for (uint32_t i = 0; i < before->route_count; i++) {
        const struct losing losing = {.route = before->routes[i], .severity = severity, .report = report};
        const struct route *route = find_route(now, losing.route);
        if (losing.route->contract && route)
            compare(&losing, losing.route->contract, route->contract);
    }
}
