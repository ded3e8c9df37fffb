/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: `match` taken apart, targets resolved, several methods, `v2` and `openapi` expanded into one struct route each. */
#include "control/config/routes_int.h"

#include "control/config/option_tables.h"
#include "pipeline/files.h"
#include "pipeline/flow.h"

struct endpoint_row {
    const char *name;
    enum endpoint endpoint;
};

static const struct endpoint_row endpoints[] = {
#define ENDPOINT(name, help) {#name, ENDPOINT_##name},
#include "pipeline/endpoints.def"
#undef ENDPOINT
    {"v2", ENDPOINT_NONE},
    {"v2_grpc", ENDPOINT_NONE},
    {"openapi", ENDPOINT_NONE},
};

static const struct expansion_row v2_rows[] = {
#define V2_ROUTE(method, suffix, endpoint) {#method, suffix, ENDPOINT_##endpoint, NULL, RPC_NONE},
#include "pipeline/v2_routes.def"
#undef V2_ROUTE
};

static const struct expansion_row openapi_rows[] = {
#define OPENAPI_ROUTE(suffix, endpoint, asset) {"GET", suffix, ENDPOINT_##endpoint, asset, RPC_NONE},
#include "pipeline/openapi_routes.def"
#undef OPENAPI_ROUTE
};

static const struct expansion expansions[] = {
    {"v2", v2_rows, ARRAY_LEN(v2_rows)},
    {"v2_grpc", rpc_rows, RPC_COUNT - 1},
    {"openapi", openapi_rows, ARRAY_LEN(openapi_rows)},
};

static enum err read_route(struct compile *compile, const struct yaml_node *node);
static bool split_match(struct compile *compile, struct draft *draft);
static bool check_methods(struct compile *compile, const struct draft *draft);
static enum err read_host(struct compile *compile, struct draft *draft);
static enum err resolve_target(struct compile *compile, struct draft *draft, bool *ret_is_resolved);
static enum err expand(struct compile *compile, const struct draft *draft);
/* What an upstream may take is said there, and may well be more than what is good for all other routes. */
static uint64_t request_time_of(const struct config *config, const struct draft *draft)
{
    if (draft->config->request_time)
        return draft->config->request_time;
    return draft->upstream ? ROUTE_TIME_NONE : config->limits.request_time;
}

static enum err add_implicit(struct compile *compile);
static enum err make_unmatched(struct compile *compile);

enum err compile_routes(struct compile *compile)
{
    struct config *config = compile->config;
    const struct yaml_node *node = yaml_find(compile->root, "routes");
    config->routes = arena_alloc_array(&config->arena, ROUTES_MAX, sizeof(struct route *));
    compile->places = arena_alloc_array(compile->fill.scratch, ROUTES_MAX, sizeof *compile->places);
    if (!config->routes || !compile->places)
        return ERR_NOMEM;
    TRY(chain_read(compile, yaml_find(compile->root, "chain"), &compile->file_chain));
    chain_check_order(compile, &(struct chain_owner){.prefix = NULL}, &compile->file_chain);
    if (node && node->kind != YAML_LIST)
        report_error(compile->report, node->kind == YAML_NULL ? node->key_place : node->place,
                     "\"routes\" takes a list of routes, each with match and to");
    else if (!node || node->count == 0)
        report_warning(compile->report, (struct report_place){0},
                       "there are no routes: only /livez and /readyz will be answered");
    for (const struct yaml_node *entry = node && node->kind == YAML_LIST ? node->first : NULL; entry;
         entry = entry->next)
        TRY(read_route(compile, entry));
    TRY(rpc_routes_add(compile));
    TRY(add_implicit(compile));
    return make_unmatched(compile);
}

static enum err read_route(struct compile *compile, const struct yaml_node *node)
{
    static const char *const others[] = {"chain", "parameters", "responses", NULL};
    struct draft draft = {.node = node, .place = node->place};
    draft.config = arena_alloc_zero(&compile->config->arena, sizeof *draft.config);
    if (!draft.config)
        return ERR_NOMEM;
    struct fill_job job = {.table = &option_table_route, .node = node, .place = node->place, .others = others};
    TRY(fill_table(&compile->fill, &job, draft.config));
    contract_inherit(compile, node, &draft.config->contract);
    TRY(chain_read(compile, yaml_find(node, "chain"), &draft.chain));
    /* A value that does not read was meant to be something: what a chain then lacks is not known. */
    const struct yaml_node *public = yaml_find(node, "public");
    bool is_public = draft.config->is_public || (public && !slice_is(public->text, "false"));
    struct chain_owner owner = {.prefix = &compile->file_chain, .is_public = is_public};
    chain_check_order(compile, &owner, &draft.chain);
    bool has_match = draft.config->match.len > 0;
    bool is_matched = has_match && split_match(compile, &draft);
    bool is_resolved = false;
    TRY(resolve_target(compile, &draft, &is_resolved));
    TRY(read_host(compile, &draft));
    if (!has_match)
        return ERR_OK;
    owner.match = slice_first(draft.config->match, REPORT_QUOTE_BYTES_MAX);
    owner.place = draft.place;
    chain_check_route(compile, &owner, &draft.chain);
    bool is_short = compile->file_chain.count + draft.chain.count <= CHAIN_LINKS_MAX;
    return is_matched && is_resolved && is_short ? expand(compile, &draft) : ERR_OK;
}

static bool split_match(struct compile *compile, struct draft *draft)
{
    struct slice match = draft->config->match;
    struct slice rest = match;
    draft->place = yaml_find(draft->node, "match")->place;
    if (match.ptr[0] == '/') {
        draft->pattern = match;
        return true;
    }
    draft->methods = slice_cut(&rest, ' ');
    draft->pattern = rest.ptr ? slice_trim(rest) : rest;
    if (draft->pattern.len && draft->pattern.ptr[0] == '/')
        return check_methods(compile, draft);
    report_error(compile->report, draft->place,
                 "\"match\" takes a method and a path such as \"POST /v1/users/{id}\", found \"" SLICE_FMT "\"",
                 SLICE_ARG(slice_first(match, REPORT_QUOTE_BYTES_MAX)));
    return false;
}

static bool check_methods(struct compile *compile, const struct draft *draft)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "*"};
    struct slice rest = draft->methods;
    while (rest.ptr) {
        struct slice method = slice_cut(&rest, ',');
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            is_known |= slice_is(method, names[i]);
        if (is_known)
            continue;
        char upper[16];
        size_t len = MIN(method.len, sizeof upper);
        for (size_t i = 0; i < len; i++)
            upper[i] = (char)(method.ptr[i] >= 'a' && method.ptr[i] <= 'z' ? method.ptr[i] - 32 : method.ptr[i]);
        const char *nearest = len ? text_nearest(slice_of(upper, len), names, ARRAY_LEN(names) - 1) : NULL;
        const struct report_unknown unknown = {
            .kind = "method",
            .name = method,
            .nearest = nearest,
            .otherwise = "there are GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS and *",
        };
        report_unknown(compile->report, draft->place, &unknown);
        return false;
    }
    return true;
}

static bool is_host(struct slice host)
{
    bool is_bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (is_bracketed)
        host = slice_of(host.ptr + 1, host.len - 2);
    for (size_t i = 0; i < host.len; i++) {
        char c = ascii_lower(host.ptr[i]);
        bool is_name = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        bool is_v6 = (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == '.' || c == ':';
        if (is_bracketed ? !is_v6 : !is_name)
            return false;
    }
    return true;
}

static enum err read_host(struct compile *compile, struct draft *draft)
{
    struct slice written = draft->config->host;
    if (written.len == 0)
        return ERR_OK;
    if (!is_host(written)) {
        report_error(compile->report, yaml_find(draft->node, "host")->place,
                     "\"host\" takes a name such as api.example.com, without port or path, found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(written, REPORT_QUOTE_BYTES_MAX)));
        return ERR_OK;
    }
    char *lower = arena_alloc(&compile->config->arena, written.len);
    if (!lower)
        return ERR_NOMEM;
    for (size_t i = 0; i < written.len; i++)
        lower[i] = ascii_lower(written.ptr[i]);
    bool has_root = written.len > 1 && lower[written.len - 1] == '.';
    draft->host = slice_of(lower, written.len - has_root); /* as requests' hosts are: without the root of the DNS */
    return ERR_OK;
}

static bool pattern_names(struct slice pattern, const char *param)
{
    while (pattern.ptr)
        if (slice_is(slice_cut(&pattern, '/'), param))
            return true;
    return false;
}

static bool resolve_endpoint(struct compile *compile, struct draft *draft, struct report_place place)
{
    struct slice name = draft->config->to.endpoint;
    const char *names[ARRAY_LEN(endpoints)];
    char list_memory[1024];
    struct text list = text_init(list_memory, sizeof list_memory);
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        names[i] = endpoints[i].name;
        text_printf(&list, "%s%s", i ? ", " : "there are ", names[i]);
        if (!slice_is(name, endpoints[i].name))
            continue;
        draft->endpoint = endpoints[i].endpoint;
        for (size_t k = 0; k < ARRAY_LEN(expansions); k++)
            if (slice_is(name, expansions[k].name))
                draft->expansion = &expansions[k];
        if (!endpoint_names_model(endpoints[i].endpoint) || draft->pattern.len == 0 ||
            pattern_names(draft->pattern, "{model}"))
            return true;
        report_error(compile->report, draft->place,
                     "endpoint %s needs a segment {model} in its path, such as /models/{model}", names[i]);
        return false;
    }
    const char *nearest = text_nearest(name, names, ARRAY_LEN(names));
    const struct report_unknown unknown = {
        .kind = "endpoint", .name = name, .nearest = nearest, .otherwise = list_memory};
    report_unknown(compile->report, place, &unknown);
    return false;
}

static bool resolve_model(struct compile *compile, const struct draft *draft, struct report_place place)
{
    const struct model_config *models = compile->config->models.items;
    uint32_t count = compile->config->models.count;
    struct slice name = draft->config->to.model;
    const char *nearest = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(models[i].name, name))
            return true;
    const char **names = arena_alloc_array(compile->fill.scratch, count, sizeof *names);
    for (uint32_t i = 0; names && i < count; i++)
        names[i] = models[i].name.ptr ? models[i].name.ptr : "";
    if (names)
        nearest = text_nearest(name, names, count);
    if (compile->config->repositories.count) {
        report_warning(compile->report, place,
                       "there is no model \"" SLICE_FMT "\" now%s%s%s; a repository may get it later",
                       SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)), nearest ? "; did you mean \"" : "",
                       nearest ? nearest : "", nearest ? "\"?" : "");
        return true;
    }
    const struct report_unknown unknown = {
        .kind = "model",
        .name = name,
        .nearest = nearest,
        .otherwise = "models are declared in the list \"models\"",
    };
    report_unknown(compile->report, place, &unknown);
    return false;
}

/* What is not among the methods is answered with 405, so it must not stand in `match`. */
static bool takes_methods(struct compile *compile, const struct draft *draft, const char *what, const char *other)
{
    struct slice methods = draft->methods;
    while (methods.ptr) {
        struct slice method = slice_cut(&methods, ',');
        if (slice_is(method, "GET") || slice_is(method, other) || !method.len)
            continue;
        report_error(compile->report, draft->place, "%s GET and %s, not " SLICE_FMT, what, other, SLICE_ARG(method));
        return false;
    }
    return true;
}

static bool is_for_reading(struct compile *compile, const struct draft *draft)
{
    return takes_methods(compile, draft, "files and assets take", "HEAD");
}

/* Exactly one of the names that a target may have; NULL: none or several, which is reported. */
static const struct yaml_node *only_target(struct compile *compile, const struct yaml_node *to)
{
    static const char *const names[] = {"model", "pipeline", "endpoint", "upstream", "proxy", "files", "asset"};
    const struct yaml_node *found = NULL;
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct yaml_node *node = yaml_find(to, names[i]);
        count += node != NULL;
        found = node ? node : found;
    }
    if (count == 1)
        return found;
    report_error(compile->report, to->key_place,
                 "\"to\" takes one of model, pipeline, endpoint, upstream, proxy, files and asset, found %s",
                 count == 0   ? "none"
                 : count == 2 ? "two"
                              : "several");
    return NULL;
}

/* A route without `to` was reported before. */
static enum err resolve_target(struct compile *compile, struct draft *draft, bool *ret_is_resolved)
{
    const struct target_config *target = &draft->config->to;
    const struct yaml_node *to = yaml_find(draft->node, "to");
    const struct yaml_node *node = to && to->kind == YAML_MAP ? only_target(compile, to) : NULL;
    if (!node)
        return ERR_OK;
    if (target->upstream.len)
        TRY(upstream_find(compile, target->upstream, node->place, &draft->upstream));
    else if (target->proxy.len)
        TRY(upstream_of_url(compile, target->proxy, node->place, &draft->upstream));
    else if (target->files.root.len)
        TRY(files_open(compile, &target->files, node, &draft->files));
    else if (target->asset.len)
        draft->asset = asset_resolve(compile, target->asset, node->place);
    if (target->endpoint.len)
        *ret_is_resolved =
            resolve_endpoint(compile, draft, node->place) &&
            (draft->endpoint != ENDPOINT_schemas || takes_methods(compile, draft, "endpoint schemas takes", "POST"));
    else if (target->model.len)
        *ret_is_resolved = resolve_model(compile, draft, node->place);
    else if (target->pipeline.len)
        *ret_is_resolved = pipeline_resolve(compile, target->pipeline, node->place, &draft->chain, &draft->pipeline);
    else
        *ret_is_resolved = draft->upstream || ((draft->files || draft->asset) && is_for_reading(compile, draft));
    return ERR_OK;
}

/* What is said of one operation cannot be meant for nine. */
static bool check_contract(struct compile *compile, const struct draft *draft)
{
    static const char *const names[] = {"schema", "parameters", "responses", "operation_id"};
    uint32_t errors = compile->report->error_count;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct yaml_node *node = yaml_find(draft->node, names[i]);
        if (node)
            report_error(compile->report, node->key_place,
                         "endpoint %s is many routes: \"%s\" cannot be for all of them; put a file into the "
                         "folder of schemas, such as post-models-model-infer-v2.json",
                         draft->expansion->name, names[i]);
    }
    return compile->report->error_count == errors;
}

static enum err expand_rows(struct compile *compile, const struct draft *draft)
{
    struct slice prefix = draft->pattern;
    if (!check_contract(compile, draft))
        return ERR_OK;
    while (prefix.len && prefix.ptr[prefix.len - 1] == '/')
        prefix.len--;
    for (size_t i = 0; i < draft->expansion->count; i++) {
        const struct expansion_row *row = &draft->expansion->rows[i];
        struct draft part = *draft;
        struct slice pattern = arena_printf(&compile->config->arena, SLICE_FMT "%s", SLICE_ARG(prefix), row->suffix);
        if (!pattern.ptr)
            return ERR_NOMEM;
        part.endpoint = row->endpoint;
        part.rpc = row->rpc;
        if (row->asset) {
            part.asset = asset_find(slice_of_text(row->asset));
            ASSERT(part.asset, "what openapi_routes.def names is part of the program");
        }
        TRY(route_add(compile, &part, slice_of_text(row->method), pattern.len ? pattern : SLICE_LIT("/")));
    }
    return ERR_OK;
}

/* Series of metrics go by the name, so it holds all that tells one route from another. */
struct slice route_name_make(struct compile *compile, const struct route *route)
{
    return arena_printf(&compile->config->arena, SLICE_FMT " " SLICE_FMT SLICE_FMT, SLICE_ARG(route->method),
                        SLICE_ARG(route->host), SLICE_ARG(route->pattern));
}

static enum err expand(struct compile *compile, const struct draft *draft)
{
    struct slice methods = draft->methods;
    if (draft->expansion && methods.len == 0) {
        TRY(expand_rows(compile, draft));
        return draft->expansion->rows == v2_rows ? rpc_routes_remember(compile, draft) : ERR_OK;
    }
    if (draft->expansion) {
        report_error(compile->report, draft->place,
                     "endpoint %s brings its own methods; write \"match: " SLICE_FMT "\"", draft->expansion->name,
                     SLICE_ARG(slice_first(draft->pattern, REPORT_QUOTE_BYTES_MAX)));
        return ERR_OK;
    }
    if (methods.len == 0) {
        report_error(compile->report, draft->place,
                     "\"match\" lacks a method; write \"POST " SLICE_FMT "\", or \"* " SLICE_FMT "\" for any method",
                     SLICE_ARG(slice_first(draft->pattern, REPORT_QUOTE_BYTES_MAX)),
                     SLICE_ARG(slice_first(draft->pattern, REPORT_QUOTE_BYTES_MAX)));
        return ERR_OK;
    }
    while (methods.ptr)
        TRY(route_add(compile, draft, slice_cut(&methods, ','), draft->pattern));
    return ERR_OK;
}

/* What no route matches is named and logged like anything else, so far as the file's own chain says so; it goes no
 * further than that. */
static enum err make_unmatched(struct compile *compile)
{
    struct config *config = compile->config;
    struct route *route = arena_alloc_zero(&config->arena, sizeof *route);
    struct route_config *empty = arena_alloc_zero(&config->arena, sizeof *empty);
    if (!route || !empty)
        return ERR_NOMEM;
    *route = (struct route){.name = SLICE_LIT("unmatched"),
                            .config = empty,
                            .body_time_ns = config->limits.body_time,
                            .request_time_ns = config->limits.request_time};
    for (uint32_t i = 0; i < compile->file_chain.count; i++)
        if (compile->file_chain.links[i].middleware->place <= PLACE_OBSERVE)
            route_chain_add(route, compile->file_chain.links[i]);
    flow_plan(route);
    config->unmatched = route;
    return ERR_OK;
}

enum err route_add(struct compile *compile, const struct draft *draft, struct slice method, struct slice pattern)
{
    struct config *config = compile->config;
    const struct chain *file = &compile->file_chain;
    if (config->route_count == ROUTES_MAX) {
        if (!compile->has_too_many_routes)
            report_error(compile->report, draft->place, "there are more than %d routes", ROUTES_MAX);
        compile->has_too_many_routes = true;
        return ERR_OK;
    }
    struct route *route = arena_alloc_zero(&config->arena, sizeof *route);
    if (!route)
        return ERR_NOMEM;
    *route = (struct route){
        .method = method,
        .pattern = pattern,
        .host = draft->host,
        .config = draft->config,
        .endpoint = draft->endpoint,
        .rpc = draft->rpc,
        .pipeline = draft->pipeline,
        .upstream = draft->upstream,
        .is_streamed = draft->upstream != NULL,
        .files = draft->files,
        .asset = draft->asset,
        .body_bytes_max = draft->config->body_bytes ? draft->config->body_bytes : config->limits.body_bytes,
        .body_time_ns = config->limits.body_time,
        .request_time_ns = request_time_of(config, draft),
    };
    route->name = route_name_make(compile, route);
    if (!route->name.ptr)
        return ERR_NOMEM;
    struct report_place *place = &compile->places[config->route_count];
    *place = draft->place;
    enum err err = map_add(&compile->names, route->name, place);
    if (err == ERR_EXISTS) {
        const struct report_place *first = map_find(&compile->names, route->name);
        report_error(compile->report, draft->place, "route \"" SLICE_FMT "\" is there already, in line %u",
                     SLICE_ARG(slice_first(route->name, REPORT_QUOTE_BYTES_MAX)), first->line);
        return ERR_OK;
    }
    TRY(err);
    if (draft->node && !draft->rpc)
        TRY(contract_make(compile,
                          &(struct contract_job){.node = draft->node,
                                                 .config = draft->config,
                                                 .method = method,
                                                 .pattern = pattern,
                                                 .place = draft->place},
                          &route->contract));
    for (uint32_t i = 0; i < file->count && !draft->is_bare; i++)
        route_chain_add(route, file->links[i]);
    for (uint32_t i = 0; i < draft->chain.count && !draft->is_bare; i++)
        route_chain_add(route, draft->chain.links[i]);
    if (route->rpc == RPC_ModelStreamInfer)
        TRY(rpc_route_make_stream(config, route));
    flow_plan(route);
    config->routes[config->route_count++] = route;
    return ERR_OK;
}

static bool defines(const struct config *config, struct slice pattern)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct route *route = config->routes[i];
        bool is_get = slice_is(route->method, "GET") || slice_is(route->method, "*");
        if (is_get && route->host.len == 0 && slice_equal(route->pattern, pattern))
            return true;
    }
    return false;
}

/* Health checks answer without being asked for, and without a chain: whoever probes a new server has no key yet. */
static enum err add_implicit(struct compile *compile)
{
    static const struct {
        struct slice pattern;
        enum endpoint endpoint;
    } rows[] = {{SLICE_LIT("/livez"), ENDPOINT_livez}, {SLICE_LIT("/readyz"), ENDPOINT_readyz}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (defines(compile->config, rows[i].pattern))
            continue;
        struct draft draft = {.endpoint = rows[i].endpoint, .is_bare = true};
        draft.config = arena_alloc_zero(&compile->config->arena, sizeof *draft.config);
        if (!draft.config)
            return ERR_NOMEM;
        draft.config->is_public = true;
        TRY(route_add(compile, &draft, SLICE_LIT("GET"), rows[i].pattern));
    }
    return ERR_OK;
}
