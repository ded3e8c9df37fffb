/* SPDX-License-Identifier: Apache-2.0 */
/* Routes under construction. */
#ifndef WEIR_CONTROL_CONFIG_ROUTES_INT_H
#define WEIR_CONTROL_CONFIG_ROUTES_INT_H

#include "control/config/contract_int.h"
#include "pipeline/route.h"

/* Endpoints that stand for several routes below the path of `match`. */
struct expansion_row {
    const char *method;
    const char *suffix;
    enum endpoint endpoint;
    const char *asset; /* in place of an endpoint */
    enum rpc rpc;
};

struct expansion {
    const char *name;
    const struct expansion_row *rows;
    size_t count;
};

/* One entry of `routes:` on its way. */
struct draft {
    const struct yaml_node *node;
    struct route_config *config;
    struct chain chain;
    struct report_place place; /* of `match` */
    struct slice methods;      /* "GET,POST"; empty when none was written */
    struct slice pattern;
    struct slice host;
    enum endpoint endpoint; /* ENDPOINT_NONE: another target */
    struct pipeline *pipeline;
    const struct upstream *upstream;
    const struct file_root *files;
    const struct asset *asset;
    const struct expansion *expansion; /* NULL: the route is one */
    enum rpc rpc;
    struct draft *next; /* of compile->beside */
    bool is_bare;       /* even the file's chain does not apply */
};

/* routes.c: a route of its own, with the chains of the file and of the draft. ERR_NOMEM; mistakes go to the report. */
MUST_USE enum err route_add(struct compile *compile, const struct draft *draft, struct slice method,
                            struct slice pattern);
/* Its name, from method, host and pattern; {NULL, 0} without memory. */
struct slice route_name_make(struct compile *compile, const struct route *route);

/* rpc_routes.c: what endpoint v2_grpc expands to, by rpcs.def. */
extern const struct expansion_row rpc_rows[];
/* A route to endpoint v2 was added, which brings those of gRPC. ERR_NOMEM. */
MUST_USE enum err rpc_routes_remember(struct compile *compile, const struct draft *draft);
/* Once all others are there, adds them. */
MUST_USE enum err rpc_routes_add(struct compile *compile);
/* Of a route to a stream of messages: makes it one, and the route of its messages. ERR_NOMEM. */
MUST_USE enum err rpc_route_make_stream(struct config *config, struct route *route);

#endif
