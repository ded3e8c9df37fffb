/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as path items.
 *
 * Two patterns that differ only in the names of their parameters are one path to OpenAPI, and so are those of several
 * hosts: the first route that has a path names its parameters, and of several routes for one path and method the first
 * is told, which is that for any host where there is one. */
#include "control/openapi/openapi_int.h"

#include "lib/base/map.h"
#include "pipeline/files.h"

/* What "*" stands for. GET answers HEAD as well, and a document says nothing about that (RFC 9110 section 9.3.2). */
static const char *const any_methods[] = {"get", "put", "post", "delete", "patch"};
static const char *const methods[] = {"get", "put", "post", "delete", "options", "head", "patch"};

/* The routes of one path, in the order of the configuration. */
struct path {
    const struct route *route;
    struct path *next;  /* of the same path */
    struct path *other; /* the next path; of the first only */
    struct path *last;  /* of the first only */
};

/* The pattern without the names of its parameters. */
static struct slice key_of(struct openapi *api, struct slice pattern)
{
    struct buffer key = buffer_in_arena(api->arena, pattern.len + 1);
    struct slice rest = pattern;
    bool is_first = true;
    while (rest.ptr) {
        struct slice segment = slice_cut(&rest, '/');
        if (!is_first)
            buffer_add_byte(&key, '/');
        is_first = false;
        buffer_add(&key, segment.len && segment.ptr[0] == '{' ? SLICE_LIT("{}") : segment);
    }
    struct slice text = {NULL, 0};
    if (buffer_finish(&key, &text) != ERR_OK)
        api->err = ERR_NOMEM;
    return text;
}

/* "{path...}" → "{path}" */
static struct slice template_of(struct openapi *api, struct slice pattern)
{
    static const char rest[] = "...}";
    size_t len = sizeof rest - 1;
    if (pattern.len < len || memcmp(pattern.ptr + pattern.len - len, rest, len) != 0)
        return pattern;
    return openapi_printf(api, SLICE_FMT "}", SLICE_ARG(slice_first(pattern, pattern.len - len)));
}

/* What the page /docs is made of is of no use without it, and is left out. */
static bool is_part_of_page(const struct route *route)
{
    return route->asset && slice_starts(slice_of_text(route->asset->name), SLICE_LIT("docs/")) &&
           strcmp(route->asset->name, "docs/index.html") != 0;
}

static const struct route *route_for(const struct path *path, const char *method)
{
    const struct route *found = NULL;
    for (; path; path = path->next) {
        const struct route *route = path->route;
        bool is_any = slice_is(route->method, "*");
        if (!is_any && !slice_equal_nocase(route->method, slice_of_text(method)))
            continue;
        if (is_any) {
            bool is_told = false;
            for (size_t i = 0; i < ARRAY_LEN(any_methods); i++)
                is_told |= strcmp(any_methods[i], method) == 0;
            if (!is_told)
                continue;
        }
        /* A route for the method wins over one for any, one for any host is told before one for a host. */
        bool is_better = !found || (found->host.len && !route->host.len) ||
                         (slice_is(found->method, "*") && !is_any && found->host.len == route->host.len);
        if (is_better)
            found = route;
    }
    return found;
}

static void write_path(struct openapi *api, const struct path *path)
{
    json_write_key(&api->out, template_of(api, path->route->pattern));
    json_write_object_begin(&api->out);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        const struct route *route = route_for(path, methods[i]);
        if (route)
            operation_write(api, route, methods[i], path->route->pattern);
    }
    json_write_object_end(&api->out);
}

/* ERR_NOMEM. */
static enum err group(struct openapi *api, struct map *known, struct path **ret_first)
{
    struct path **place = ret_first;
    for (uint32_t i = 0; i < api->config->route_count; i++) {
        const struct route *route = api->config->routes[i];
        if (is_part_of_page(route) || route->rpc) /* gRPC has descriptions of its own */
            continue;
        struct slice key = key_of(api, route->pattern);
        struct path *path = arena_alloc_zero(api->arena, sizeof *path);
        if (!path || api->err != ERR_OK)
            return ERR_NOMEM;
        path->route = route;
        path->last = path;
        enum err err = map_add(known, key, path);
        if (err == ERR_EXISTS) {
            struct path *first = map_find(known, key);
            first->last->next = path;
            first->last = path;
            continue;
        }
        TRY(err);
        *place = path;
        place = &path->other;
    }
    return ERR_OK;
}

void paths_write(struct openapi *api)
{
    struct map known;
    struct path *first = NULL;
    map_init(&known, (struct hash_key){.k0 = (uintptr_t)api, .k1 = api->config->route_count});
    put_object(&api->out, "paths");
    if (group(api, &known, &first) != ERR_OK)
        api->err = ERR_NOMEM;
    else
        for (const struct path *path = first; path; path = path->other)
            write_path(api, path);
    json_write_object_end(&api->out);
    map_deinit(&known);
}
