/* SPDX-License-Identifier: Apache-2.0 */
/* `paths` as routes: what of a path template weir's routes can say, under which names, and which files go with them. */
#include "control/openapi/import_int.h"
#include "control/schema/name.h"
#include "pipeline/route.h"

#define PATTERN_BYTES_MAX 2000
#define TAGS_MAX          64
#define NAME_BYTES_MAX    150
#define IMPORT_ROUTES_MAX 9000 /* of the 10000 that a configuration may have */

static const struct {
    const char *key;
    const char *method; /* NULL: weir has no routes for it */
} methods[] = {
    {"get", "GET"},         {"put", "PUT"},   {"post", "POST"},   {"delete", "DELETE"},
    {"options", "OPTIONS"}, {"head", "HEAD"}, {"patch", "PATCH"}, {"trace", NULL},
};

static void read_item(struct import *in, struct slice path, yyjson_val *item);
static void read_operation(struct import *in, struct slice path, struct import_route *route, const char *method);

/* Out of weir.yaml, and why. */
static void PRINTF_LIKE(4, 5)
    leave_out(struct import *in, const char *method, struct slice path, const char *format, ...)
{
    char memory[512];
    struct text why = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&why, format, args);
    va_end(args);
    import_note(in, NULL, "%s, left out", memory);
    import_comment(in, &in->comments, "Left out: %s%s" SLICE_FMT ": %s.", method, *method ? " " : "",
                   SLICE_ARG(slice_first(path, IMPORT_QUOTE_BYTES)), memory);
}

void import_paths(struct import *in)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *item;
    yyjson_val *paths = json_get(in->root, SLICE_LIT("paths"));
    size_t mark = import_enter(in, SLICE_LIT("paths"));
    if (paths && !yyjson_is_obj(paths))
        import_error(in, NULL, "\"paths\" is a map of paths, found %s", json_kind(paths));
    yyjson_obj_foreach(import_object(paths), at, count, key, item)
    {
        struct slice path = json_text(key);
        size_t inner = import_enter(in, path);
        struct slice here = import_copy(in, text_slice(&in->pointer));
        if (!slice_starts(path, SLICE_LIT("x-")))
            read_item(in, path, import_follow(in, item));
        import_jump(in, here);
        import_leave(in, inner);
    }
    import_leave(in, mark);
}

static void read_item(struct import *in, struct slice path, yyjson_val *item)
{
    struct slice item_at = import_copy(in, text_slice(&in->pointer));
    if (!item)
        return;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        yyjson_val *operation = json_get(item, slice_of_text(methods[i].key));
        if (!operation)
            continue;
        struct import_route *route = arena_alloc_zero(in->arena, sizeof *route);
        if (!route) {
            in->err = ERR_NOMEM;
            return;
        }
        route->item = item;
        route->item_at = item_at;
        route->operation = operation;
        route->key = slice_of_text(methods[i].key);
        size_t mark = import_enter(in, route->key);
        if (methods[i].method)
            read_operation(in, path, route, methods[i].method);
        else
            leave_out(in, "TRACE", path, "there are no routes for TRACE");
        import_leave(in, mark);
    }
}

/* ---- patterns ------------------------------------------------------------------------------------------------------------- */

static bool is_name_character(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_path_character(char c)
{
    return is_name_character(c) || (c && strchr("-.~!$&'()*+,;=:@%", c));
}

/* One segment into the pattern. NULL, or why it cannot be said. */
static const char *add_segment(struct slice segment, struct buffer *pattern, struct buffer *shape, uint32_t *params)
{
    bool has_brace = slice_find(segment, '{') < segment.len || slice_find(segment, '}') < segment.len;
    if (!has_brace) {
        for (size_t i = 0; i < segment.len; i++)
            if (!is_path_character(segment.ptr[i]))
                return "a character that does not belong into a path stands there";
        if (slice_is(segment, ".") || slice_is(segment, ".."))
            return "no request has a dot segment when routes are looked at";
        buffer_add(pattern, segment);
        buffer_add(shape, segment);
        return NULL;
    }
    struct slice name = segment.len > 2 ? slice_of(segment.ptr + 1, segment.len - 2) : SLICE_LIT("");
    if (!name.len || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}' || slice_find(name, '{') < name.len)
        return "a parameter takes a whole segment of a route's path";
    buffer_add_byte(pattern, '{');
    for (size_t i = 0; i < name.len; i++)
        buffer_add_byte(pattern, is_name_character(name.ptr[i]) ? name.ptr[i] : '_');
    buffer_add_byte(pattern, '}');
    buffer_add(shape, SLICE_LIT("{}"));
    return ++*params > ROUTE_PARAMS_MAX ? "a route has at most 8 parameters in its path" : NULL;
}

/* NULL, or why the path is no pattern of a route. */
static const char *make_pattern(struct import *in, struct slice path, struct slice *ret_pattern,
                                struct slice *ret_shape)
{
    struct buffer pattern = buffer_in_arena(in->arena, path.len + 16);
    struct buffer shape = buffer_in_arena(in->arena, path.len + 16);
    uint32_t params = 0;
    uint32_t segments = 0;
    if (path.len == 0 || path.ptr[0] != '/')
        return "a path begins with \"/\"";
    if (path.len > PATTERN_BYTES_MAX)
        return "the path is longer than 2000 bytes";
    struct slice rest = slice_skip(path, 1);
    while (rest.ptr) {
        buffer_add_byte(&pattern, '/');
        buffer_add_byte(&shape, '/');
        const char *why = add_segment(slice_cut(&rest, '/'), &pattern, &shape, &params);
        if (why)
            return why;
        if (++segments > ROUTE_SEGMENTS_MAX)
            return "a route has at most 32 segments in its path";
    }
    if (buffer_finish(&pattern, ret_pattern) != ERR_OK || buffer_finish(&shape, ret_shape) != ERR_OK)
        in->err = ERR_NOMEM;
    return NULL;
}

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

static void put(struct import *in, struct map *map, struct slice key, void *value)
{
    if (in->err == ERR_OK && map_add(map, key, value) == ERR_NOMEM)
        in->err = ERR_NOMEM;
}

/* "get-a.parameters" would have its file where GET /a has one of its own. */
static bool looks_like_another(struct slice name)
{
    return memmem(name.ptr, name.len, ".parameters", 11) || memmem(name.ptr, name.len, ".response", 9);
}

/* Files get the names by which weir finds them, unless two routes would find the same ones: those are told of in weir.yaml, and
 * lie in a folder where no route looks for them. */
static void name_route(struct import *in, struct import_route *route)
{
    struct slice name = import_keep(in, schema_route_name(in->arena, route->method, route->pattern));
    struct import_route *other = map_find(&in->routes_by_name, name);
    route->name = name;
    route->is_named = name.len <= NAME_BYTES_MAX && !other && !looks_like_another(name);
    if (!other)
        put(in, &in->routes_by_name, name, route);
    else if (other->is_named)
        other->is_named = false;
}

static void describe(struct import *in, struct import_route *route)
{
    size_t at;
    size_t count;
    yyjson_val *tag;
    yyjson_val *tags = json_get(route->operation, SLICE_LIT("tags"));
    route->operation_id = import_text(in, route->operation, "operationId", 128);
    route->summary = import_text(in, route->operation, "summary", 1024);
    route->description = import_text(in, route->operation, "description", 65535);
    if (route->operation_id.len && map_find(&in->operation_ids, route->operation_id)) {
        import_note(in, "operationId", "another operation has this operationId already, left out");
        route->operation_id = SLICE_LIT("");
    }
    if (route->operation_id.len)
        put(in, &in->operation_ids, route->operation_id, route);
    if (yyjson_arr_size(tags) == 0)
        return;
    struct buffer out = buffer_in_arena(in->arena, 0);
    yyjson_arr_foreach(import_list(tags), at, count, tag)
    {
        if (!yyjson_is_str(tag) || at == TAGS_MAX)
            break;
        buffer_add(&out, at ? SLICE_LIT(", ") : SLICE_LIT(""));
        buffer_add(&out, import_quote(in, json_text(tag)));
    }
    if (buffer_finish(&out, &route->tags) != ERR_OK)
        in->err = ERR_NOMEM;
}

static void read_operation(struct import *in, struct slice path, struct import_route *route, const char *method)
{
    struct slice base;
    struct slice shape = {NULL, 0};
    if (!yyjson_is_obj(route->operation)) {
        import_error(in, NULL, "an operation is an object, found %s", json_kind(route->operation));
        return;
    }
    route->method = slice_of_text(method);
    route->upstream = import_server(in, route->item, route->operation, &base);
    if (!route->upstream)
        return;
    struct slice whole =
        import_keep(in, arena_printf(in->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(base), SLICE_ARG(path)));
    const char *why =
        path.len && path.ptr[0] == '/' ? make_pattern(in, whole, &route->pattern, &shape) : "a path begins with \"/\"";
    if (why) {
        leave_out(in, method, path, "%s", why);
        return;
    }
    shape = import_keep(in, arena_printf(in->arena, "%s " SLICE_FMT, method, SLICE_ARG(shape)));
    if (map_find(&in->routes_by_shape, shape)) {
        leave_out(in, method, path, "another path with parameters in the same places has this method already");
        return;
    }
    if (in->route_count == IMPORT_ROUTES_MAX) {
        leave_out(in, method, path, "a configuration has at most %d routes", IMPORT_ROUTES_MAX);
        return;
    }
    put(in, &in->routes_by_shape, shape, route);
    name_route(in, route);
    describe(in, route);
    route->auth = import_security(in, route->operation, &route->comments);
    *in->routes_end = route;
    in->routes_end = &route->next;
    in->route_count++;
}
