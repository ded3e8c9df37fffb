/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled route, and the table that finds it. */
#ifndef WEIR_PIPELINE_ROUTE_H
#define WEIR_PIPELINE_ROUTE_H

#include "lib/base/arena.h"
#include "lib/base/text.h"
#include "lib/http/head.h"
#include "pipeline/config.h"
#include "pipeline/middleware.h"

struct asset;
struct pipeline;
struct contract;
struct file_root;

#define ROUTE_PARAMS_MAX   8
#define ROUTE_SEGMENTS_MAX 32
#define CHAIN_LINKS_MAX    16
#define ROUTE_TIME_NONE    UINT64_MAX

enum endpoint {
    ENDPOINT_NONE,
#define ENDPOINT(name, help) ENDPOINT_##name,
#include "pipeline/endpoints.def"
#undef ENDPOINT
    ENDPOINT_rpc, /* of no row, because a remote procedure cannot stand anywhere: route.rpc says which */
    ENDPOINT_COUNT
};

enum rpc {
    RPC_NONE,
#define RPC(name, suffix) RPC_##name,
#include "pipeline/rpcs.def"
#undef RPC
    RPC_COUNT
};

struct chain_link {
    const struct middleware *middleware;
    void *options; /* filled and prepared; NULL when it takes none */
};

/* Where a request meets the links of its route. */
enum route_hook {
    ROUTE_HOOK_REQUEST,
    ROUTE_HOOK_OUTPUT,
    ROUTE_HOOK_RESPONSE_HEAD,
    ROUTE_HOOK_RESPONSE_CHUNK,
    ROUTE_HOOK_COMPLETE,
    ROUTE_HOOK_COUNT
};

/* The links that have something to do at a hook, in the order of the chain. */
struct chain_call {
    const struct middleware *middleware;
    const void *options;
    uint32_t state_offset; /* in the state of the chain */
    uint32_t bit;          /* 1 << the number of the link */
};

struct chain_walk {
    uint32_t count;
    struct chain_call calls[CHAIN_LINKS_MAX];
};

/* A stage that requests of a route pass. */
struct route_step {
    stage_run run; /* NULL: behind the last */
    enum stage stage;
};

struct route {
    struct slice name;    /* "POST /v1/text-orientation": for metrics and logs */
    struct slice method;  /* "POST", "GET"; "*": any. GET answers HEAD too */
    struct slice pattern; /* "/v2/models/{model}/infer"; a last segment "{rest...}" takes any number of segments */
    struct slice host;    /* lower case, without port; empty: any */
    const struct route_config *config;
    struct chain_link chain[CHAIN_LINKS_MAX]; /* filled by route_chain_add */
    uint32_t chain_count;
    uint32_t state_bytes; /* of all links, for each request */
    struct chain_walk walks[ROUTE_HOOK_COUNT];
    struct route_step steps[2][STAGE_COUNT + 1]; /* by flow_plan: without a body, and with one */
    struct model_entry *model; /* of `to: {model: …}`; NULL for an endpoint. Resolved by the control plane */
    enum endpoint endpoint;
    enum rpc rpc;
    struct pipeline *pipeline;   /* of `to: {pipeline: …}` */
    const struct route *message; /* of a procedure that is a stream of messages: the route of each; NULL otherwise */
    const struct upstream *upstream; /* of `to: {upstream: …}` and `to: {proxy: …}`; NULL otherwise */
    const struct file_root *files;   /* of `to: {files: …}` */
    const struct asset *asset;       /* of `to: {asset: …}` */
    const struct contract *contract; /* what it takes and gives; NULL: nobody has said */
    bool is_streamed; /* the target takes the body as it comes, by flow_receive; `receive` does not wait for it */
    uint64_t body_bytes_max;
    uint64_t body_time_ns;      /* limits.body_time, or what holds in its place */
    uint64_t request_time_ns;   /* ROUTE_TIME_NONE: an upstream's own times bound it */
    struct route_meter *meters; /* one for each worker; attached by the control plane, kept across reloads by name */
};

struct route_param {
    struct slice name;
    struct slice value; /* a segment of the normalised path, borrowed from the request */
};

struct route_match {
    const struct route *route; /* NULL: none */
    struct route_param params[ROUTE_PARAMS_MAX];
    uint32_t param_count;
    /* When only the method did not fit: the value for Allow, borrowed from the table; else empty. */
    struct slice allow;
};

static inline void route_chain_clear(struct route *route)
{
    route->chain_count = 0;
    route->state_bytes = 0;
    memset(route->walks, 0, sizeof route->walks);
}

/* Appends a link; no more than CHAIN_LINKS_MAX. */
static inline void route_chain_add(struct route *route, struct chain_link link)
{
    const struct middleware *middleware = link.middleware;
    const bool has[ROUTE_HOOK_COUNT] = {
        [ROUTE_HOOK_REQUEST] = middleware->on_request,
        [ROUTE_HOOK_OUTPUT] = middleware->on_output,
        [ROUTE_HOOK_RESPONSE_HEAD] = middleware->on_response_head,
        [ROUTE_HOOK_RESPONSE_CHUNK] = middleware->on_response_chunk,
        [ROUTE_HOOK_COMPLETE] = middleware->on_complete,
    };
    const struct chain_call call = {.middleware = middleware,
                                    .options = link.options,
                                    .state_offset = route->state_bytes,
                                    .bit = 1U << route->chain_count};
    for (unsigned hook = 0; hook < ROUTE_HOOK_COUNT; hook++)
        if (has[hook])
            route->walks[hook].calls[route->walks[hook].count++] = call;
    route->state_bytes += (uint32_t)(middleware->state_bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1U);
    route->chain[route->chain_count++] = link;
}

/* Whether the path has to name a model, by {model}. */
static inline bool endpoint_names_model(enum endpoint endpoint)
{
    switch (endpoint) {
    case ENDPOINT_v2_model:
    case ENDPOINT_v2_model_ready:
    case ENDPOINT_v2_infer:
    case ENDPOINT_v2_model_config:
    case ENDPOINT_v2_model_stats:
    case ENDPOINT_v2_model_trace:
    case ENDPOINT_v2_repository_load:
    case ENDPOINT_v2_repository_unload:
        return true;
    default:
        return false;
    }
}

/* Whether the stages from decode to infer have something to do. */
static inline bool route_runs_model(const struct route *route)
{
    return route->model || route->endpoint == ENDPOINT_v2_infer || route->rpc == RPC_ModelInfer;
}

/* Compiles routes into a table in the arena. Literal segments win over parameters, parameters over a rest; a host over
 * any host. Two routes that could not be told apart are refused: ERR_EXISTS, and `fault` names both; a broken
 * pattern is ERR_SYNTAX. */
MUST_USE enum err route_table_build(struct arena *arena, struct route *const *routes, uint32_t count,
                                    struct text *fault, struct route_table **ret_table);
/* By host and method of the head and by the path of its target, normalised (url_path_normalize). Any thread, no
 * allocation. */
void route_table_find(const struct route_table *table, const struct http_head *head, struct slice path,
                      struct route_match *ret_match);
/* The value of a parameter, or an empty slice. */
struct slice route_param(const struct route_match *match, const char *name);

#endif
