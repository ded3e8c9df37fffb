/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of gRPC. */
#include "control/config/routes_int.h"
#include "pipeline/flow.h"

const struct expansion_row rpc_rows[] = {
#define RPC(name, suffix) {"POST", suffix, ENDPOINT_rpc, NULL, RPC_##name},
#include "pipeline/rpcs.def"
#undef RPC
};

/* Where the REST of the Open Inference Protocol is, its gRPC is expected, at the paths that its clients know: beside "/v2",
 * with the same chain. */
enum err rpc_routes_remember(struct compile *compile, const struct draft *draft)
{
    static const char rest[] = "/v2";
    size_t len = sizeof rest - 1;
    struct slice pattern = draft->pattern;
    if (pattern.len < len || memcmp(pattern.ptr + pattern.len - len, rest, len) != 0)
        return ERR_OK;
    struct draft *beside = arena_alloc(compile->fill.scratch, sizeof *beside);
    if (!beside)
        return ERR_NOMEM;
    *beside = *draft;
    beside->pattern = slice_first(pattern, pattern.len - len);
    beside->next = compile->beside;
    compile->beside = beside;
    return ERR_OK;
}

/* A route that somebody wrote for such a path stands. */
enum err rpc_routes_add(struct compile *compile)
{
    for (struct draft *draft = compile->beside; draft; draft = draft->next)
        for (size_t i = 0; i < RPC_COUNT - 1; i++) {
            struct slice pattern =
                arena_printf(&compile->config->arena, SLICE_FMT "%s", SLICE_ARG(draft->pattern), rpc_rows[i].suffix);
            struct route named = {.method = SLICE_LIT("POST"), .pattern = pattern, .host = draft->host};
            struct slice name = route_name_make(compile, &named);
            if (!pattern.ptr || !name.ptr)
                return ERR_NOMEM;
            draft->endpoint = rpc_rows[i].endpoint;
            draft->rpc = rpc_rows[i].rpc;
            if (!map_find(&compile->names, name))
                TRY(route_add(compile, draft, named.method, pattern));
        }
    return ERR_OK;
}

/* What bounds a request bounds each message, and the stream has no end of its own. */
enum err rpc_route_make_stream(struct config *config, struct route *route)
{
    struct route *message = arena_alloc(&config->arena, sizeof *message);
    if (!message)
        return ERR_NOMEM;
    *message = *route;
    message->rpc = RPC_ModelInfer;
    flow_plan(message);
    route->message = message;
    route->is_streamed = true;
    route->body_bytes_max = UINT64_MAX;
    route->body_time_ns = config->limits.grpc_idle_time;
    route->request_time_ns = ROUTE_TIME_NONE;
    return ERR_OK;
}
