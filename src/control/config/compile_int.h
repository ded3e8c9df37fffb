/* SPDX-License-Identifier: Apache-2.0 */
/* From options to what the data plane runs: chains, routes and the table that finds them. */
#ifndef WEIR_CONTROL_CONFIG_COMPILE_INT_H
#define WEIR_CONTROL_CONFIG_COMPILE_INT_H

#include "lib/base/map.h"
#include "lib/options/fill.h"
#include "pipeline/route.h"

#define ROUTES_MAX 10000 /* after methods and v2 are expanded */

/* A list of middlewares, prepared. */
struct chain {
    struct chain_link links[CHAIN_LINKS_MAX];
    struct report_place places[CHAIN_LINKS_MAX];
    uint32_t count;
    bool has_fault; /* an entry is missing because it was wrong: what follows from its absence is not reported */
};

struct contracts;
struct draft;

struct compile {
    struct report *report;
    struct config *config;
    const struct yaml_node *root;
    struct fill fill;
    struct chain file_chain;
    struct report_place *places; /* parallel to config->routes */
    struct map names;            /* of routes → their entry in places */
    struct map upstreams;        /* by name, and those of `proxy:` by their URL → struct upstream */
    struct contracts *contracts;
    struct draft *beside;    /* routes to endpoint v2, which bring those of gRPC */
    uint32_t written_models; /* those of `models:`, which stand before those of repositories until all is checked */
    const struct repository_choice *choice;
    bool has_too_many_routes;
};

/* What a chain is checked for. */
struct chain_owner {
    const struct chain *prefix; /* of the file; NULL for the file's own */
    struct slice match;         /* of the route, for messages */
    struct report_place place;
    bool is_public;
};

/* Reads and prepares the entries of `node`, which may be NULL. ERR_NOMEM; mistakes go to the report. */
MUST_USE enum err chain_read(struct compile *compile, const struct yaml_node *node, struct chain *chain);
/* Order and repetition, of the prefix and the chain together. */
void chain_check_order(struct compile *compile, const struct chain_owner *owner, const struct chain *chain);
/* Mandatory middlewares, and the length. */
void chain_check_route(struct compile *compile, const struct chain_owner *owner, const struct chain *chain);

/* The models of `repository:`, behind those of `models:`. What is wrong with one of them is a warning: others can be served.
 * ERR_NOMEM. */
MUST_USE enum err compile_repositories(struct compile *compile);
/* `upstreams:` into config->upstreams. */
MUST_USE enum err compile_upstreams(struct compile *compile);
/* What `to: {upstream: name}` and `to: {proxy: url}` mean; NULL when it was wrong and has been reported. */
MUST_USE enum err upstream_find(struct compile *compile, struct slice name, struct report_place place,
                                const struct upstream **ret_upstream);
MUST_USE enum err upstream_of_url(struct compile *compile, struct slice url, struct report_place place,
                                  const struct upstream **ret_upstream);

/* `pipelines:` into config->pipelines. */
MUST_USE enum err compile_pipelines(struct compile *compile);
/* What `to: {pipeline: name}` means, for a route with this chain; false when something was wrong and has been reported. */
bool pipeline_resolve(struct compile *compile, struct slice name, struct report_place place, const struct chain *chain,
                      struct pipeline **ret_pipeline);
/* The file's chain, then `routes:`, then the implicit ones, into config->routes. */
MUST_USE enum err compile_routes(struct compile *compile);
/* Builds config->table. A route that it refuses is reported and taken out. */
MUST_USE enum err compile_table(struct compile *compile);
/* Addresses and modes of `listen:`, into what the server binds. ERR_NOMEM. */
MUST_USE enum err compile_listen(struct compile *compile);
/* `trusted_proxies:`. ERR_NOMEM. */
MUST_USE enum err compile_trusted(struct compile *compile);
/* `via:`, or a name that the process keeps. ERR_NOMEM; mistakes go to the report. */
MUST_USE enum err compile_via(struct compile *compile);
/* The certificates of `tls:`, read and checked, into entry->tls_context. `node` is the map, NULL when it is not written.
 * ERR_NOMEM; mistakes go to the report. */
MUST_USE enum err compile_tls(struct compile *compile, struct listen_config *entry, const struct yaml_node *node);
/* The folder of `to: {files: …}`, open until the configuration goes; NULL in *ret_root when it cannot be, which is reported.
 * ERR_NOMEM. */
MUST_USE enum err files_open(struct compile *compile, const struct files_config *config, const struct yaml_node *node,
                             const struct file_root **ret_root);
/* NULL: there is none of that name, which is reported. */
const struct asset *asset_resolve(struct compile *compile, struct slice name, struct report_place place);
/* What rows cannot say: models, limits that contradict each other. After compile_routes. */
void compile_check(struct compile *compile);
/* Its part that is about `models:`. */
void compile_check_models(struct compile *compile);
/* Of a value, or of the file when it was not written. */
static inline struct report_place compile_place_of(const struct yaml_node *node)
{
    return node ? node->place : (struct report_place){0};
}

#endif
