/* SPDX-License-Identifier: Apache-2.0 */
/* From a reference to the schema that it leads to. */
#include "lib/json/pointer.h"
#include "lib/schema/graph_state_int.h"
#include "lib/schema/uri_int.h"

#define NAMES_MAX 256 /* of members that are looked at for the nearest name */

static enum err find_at_pointer(struct graph *graph, struct schema_resource *resource, struct slice fragment,
                                struct schema_node **ret_node, struct slice *ret_reason);
static enum err find_anchor(struct graph *graph, struct schema_resource *resource, struct slice name,
                            struct schema_node **ret_node, struct slice *ret_reason);

static enum err explain_uri(enum err err, struct slice *ret_reason)
{
    *ret_reason = err == ERR_SYNTAX ? SLICE_LIT("it is no URI (a character or escape is out of place)")
                                    : SLICE_LIT("it is relative, and the schema has no URI");
    return ERR_INVALID;
}

static enum err explain_resource(struct graph *graph, struct slice uri, enum err err, struct slice *ret_reason)
{
    if (err == ERR_NOMEM || (err == ERR_LIMIT && graph->fault_count > 0))
        return err;
    if (err == ERR_NOT_FOUND)
        *ret_reason = arena_printf(&graph->fault_arena,
                                   "there is no " SLICE_FMT " among the schemas, and none is read from the network",
                                   SLICE_ARG(uri));
    else
        *ret_reason = arena_printf(&graph->fault_arena, SLICE_FMT " cannot be read: %s", SLICE_ARG(uri), err_text(err));
    return ERR_INVALID;
}

enum err graph_resolve(struct graph *graph, struct slice base, struct slice reference, struct schema_node **ret_node,
                       struct slice *ret_reason)
{
    struct slice uri;
    struct slice fragment;
    struct schema_resource *resource;
    enum err err = uri_resolve(&graph->arena, base, reference, &uri, &fragment);
    if (err == ERR_NOMEM)
        return graph_no_memory(graph);
    if (err != ERR_OK)
        return explain_uri(err, ret_reason);
    err = graph_resource_find(graph, uri, &resource);
    if (err != ERR_OK)
        return explain_resource(graph, uri, err, ret_reason);
    if (!resource->root) {
        graph_faults_tell(graph, resource->document);
        *ret_reason = arena_printf(&graph->fault_arena, SLICE_FMT " is no JSON", SLICE_ARG(resource->document->name));
        return ERR_INVALID;
    }
    if (fragment.len == 0 && resource->document->is_openapi && resource->root == resource->document->root) {
        *ret_reason = SLICE_LIT("an OpenAPI document is no schema; one in it is named by a pointer behind \"#\"");
        return ERR_INVALID;
    }
    if (fragment.len > 0 && fragment.ptr[0] != '/')
        return find_anchor(graph, resource, fragment, ret_node, ret_reason);
    return find_at_pointer(graph, resource, fragment, ret_node, ret_reason);
}

static enum err find_anchor(struct graph *graph, struct schema_resource *resource, struct slice name,
                            struct schema_node **ret_node, struct slice *ret_reason)
{
    struct slice key =
        arena_printf(&graph->fault_arena, SLICE_FMT "#" SLICE_FMT, SLICE_ARG(resource->uri), SLICE_ARG(name));
    struct schema_node *node = key.ptr ? map_find(&graph->anchors, key) : NULL;
    if (!key.ptr)
        return ERR_NOMEM;
    if (!node) {
        const char *hint = slice_find(name, '/') < name.len ? "; a pointer begins with \"#/\"" : "";
        *ret_reason = arena_printf(&graph->fault_arena, "there is no anchor \"" SLICE_FMT "\" in " SLICE_FMT "%s",
                                   SLICE_ARG(name), SLICE_ARG(resource->document->name), hint);
        return ERR_INVALID;
    }
    *ret_node = node;
    return ERR_OK;
}

/* What may have been meant. */
static const char *nearest_member(yyjson_val *object, struct slice step)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; count < NAMES_MAX && (key = yyjson_obj_iter_next(&iter)) != NULL;)
        names[count++] = yyjson_get_str(key);
    return text_nearest(slice_skip(step, 1), names, count);
}

static void explain_step(struct graph *graph, const struct schema_resource *resource, yyjson_val *parent,
                         struct slice walked, struct slice step, struct slice *ret_reason)
{
    const char *nearest = nearest_member(parent, step);
    struct slice where = resource->document->name;
    *ret_reason = nearest ? arena_printf(&graph->fault_arena,
                                         "there is no " SLICE_FMT SLICE_FMT " in " SLICE_FMT "; did you mean \"%s\"?",
                                         SLICE_ARG(walked), SLICE_ARG(step), SLICE_ARG(where), nearest)
                          : arena_printf(&graph->fault_arena, "there is no " SLICE_FMT SLICE_FMT " in " SLICE_FMT,
                                         SLICE_ARG(walked), SLICE_ARG(step), SLICE_ARG(where));
}

/* The way may lead through embedded resources (which is unwise, and was allowed before 2020-12) and through places that are
 * no schemas: what stands there belongs to the nearest resource around it. */
static enum err walk(struct graph *graph, struct schema_resource *resource, struct slice fragment,
                     struct schema_resource **ret_around, yyjson_val **ret_value, struct slice *ret_reason)
{
    yyjson_val *value = resource->root;
    struct schema_resource *around = resource;
    for (struct slice rest = fragment; rest.len > 0;) {
        size_t end = 1 + slice_find(slice_skip(rest, 1), '/');
        struct slice step = slice_first(rest, end);
        yyjson_val *next = json_pointer_find(value, step);
        if (!next) {
            explain_step(graph, resource, value, slice_first(fragment, (size_t)(rest.ptr - fragment.ptr)), step,
                         ret_reason);
            return ERR_INVALID;
        }
        value = next;
        const struct schema_node *node = graph_node_of(graph, value);
        around = node ? node->resource : around;
        rest = slice_skip(rest, end);
    }
    if (!yyjson_is_obj(value) && !yyjson_is_bool(value)) {
        *ret_reason = arena_printf(&graph->fault_arena, "%s is no schema", json_kind(value));
        return ERR_INVALID;
    }
    *ret_around = around;
    *ret_value = value;
    return ERR_OK;
}

static enum err find_at_pointer(struct graph *graph, struct schema_resource *resource, struct slice fragment,
                                struct schema_node **ret_node, struct slice *ret_reason)
{
    struct schema_resource *around;
    yyjson_val *value;
    struct slice pointer =
        arena_printf(&graph->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(resource->pointer), SLICE_ARG(fragment));
    if (!pointer.ptr)
        return graph_no_memory(graph);
    struct schema_node *node = map_find(&resource->document->nodes, pointer);
    if (node) {
        *ret_node = node;
        return ERR_OK;
    }
    TRY(walk(graph, resource, fragment, &around, &value, ret_reason));
    enum err err = graph_scan_value(graph, around, value, pointer, ret_node);
    if (err != ERR_OK)
        graph->spoiled = err;
    return err;
}
