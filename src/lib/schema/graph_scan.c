/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a document as its dialect has it: each schema becomes a node, each $id a resource, each anchor a name. What stands in
 * enum, const, examples or a keyword that nobody knows is no schema, and an $id there names nothing, until a reference leads
 * there. The recursion is as deep as the document, which JSON_DEPTH_MAX bounds. */
#include "lib/json/pointer.h"
#include "lib/schema/graph_state_int.h"

#include "lib/schema/uri_int.h"

struct place {
    struct schema_resource *resource;
    struct schema_node *parent;
    struct slice pointer;
};

static enum err scan(struct graph *graph, const struct place *place, yyjson_val *value, struct schema_node **ret_node);
static enum err enter_resource(struct graph *graph, const struct place *place, yyjson_val *value,
                               struct schema_resource **ret_resource, struct slice *ret_anchor);
static enum err add_anchors(struct graph *graph, struct schema_node *node, struct slice id_anchor);
static enum err scan_components(struct graph *graph, struct schema_document *document);

enum err graph_resource_create(struct graph *graph, struct slice uri, struct schema_document *document,
                               yyjson_val *root, struct schema_resource **ret_resource)
{
    struct schema_resource *resource = arena_alloc_zero(&graph->arena, sizeof *resource);
    if (!resource)
        return graph_no_memory(graph);
    resource->uri = uri;
    resource->document = document;
    resource->root = root;
    resource->index = graph->resource_count++;
    *ret_resource = resource;
    return ERR_OK;
}

static void set_dialect(struct schema_resource *resource, struct schema_dialect *dialect)
{
    resource->dialect = dialect;
    resource->draft = dialect->draft;
    resource->vocabularies = dialect->vocabularies;
}

enum err graph_scan_document(struct graph *graph, struct schema_document *document)
{
    struct schema_node *node;
    struct schema_dialect *dialect;
    if (document->is_scanned || !document->root)
        return ERR_OK;
    TRY(graph_document_dialect(graph, document, &dialect));
    set_dialect(document->resource, dialect);
    document->is_scanned = true;
    if (document->is_openapi)
        return scan_components(graph, document);
    if (!yyjson_is_obj(document->root) && !yyjson_is_bool(document->root))
        return ERR_OK;
    return graph_scan_value(graph, document->resource, document->root, SLICE_LIT(""), &node);
}

/* The schemas that an OpenAPI document names, so that their $id are known; those that stand elsewhere in it are scanned when
 * they are asked for. */
static enum err scan_components(struct graph *graph, struct schema_document *document)
{
    yyjson_val *schemas = json_pointer_find(document->root, SLICE_LIT("/components/schemas"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(schemas);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct schema_node *node;
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        struct slice pointer = graph_pointer_add(graph, SLICE_LIT("/components/schemas"), json_text(key));
        if (!pointer.ptr)
            return graph_no_memory(graph);
        if (yyjson_is_obj(value) || yyjson_is_bool(value))
            TRY(graph_scan_value(graph, document->resource, value, pointer, &node));
    }
    return ERR_OK;
}

enum err graph_scan_value(struct graph *graph, struct schema_resource *resource, yyjson_val *value,
                          struct slice pointer, struct schema_node **ret_node)
{
    const struct place place = {.resource = resource, .pointer = pointer};
    return scan(graph, &place, value, ret_node);
}

struct slice graph_pointer_add(struct graph *graph, struct slice pointer, struct slice token)
{
    size_t room = pointer.len + 2 * token.len + 2;
    char *memory = arena_alloc_at(&graph->arena, room, 1);
    if (!memory)
        return (struct slice){NULL, 0};
    struct text text = text_init(memory, room);
    text_add(&text, pointer);
    json_pointer_add(&text, token);
    return text_slice(&text);
}

static struct slice pointer_of_subschema(struct graph *graph, struct slice parent, const struct subschema *subschema)
{
    char digits[20];
    struct slice token = subschema->key;
    struct slice pointer = graph_pointer_add(graph, parent, subschema->keyword->name);
    if (subschema->index != SIZE_MAX)
        token = slice_of(digits, text_format_u64(digits, subschema->index));
    return pointer.ptr && token.ptr ? graph_pointer_add(graph, pointer, token) : pointer;
}

static enum err add_node(struct graph *graph, const struct place *place, yyjson_val *value,
                         struct schema_resource *resource, struct schema_node **ret_node)
{
    if (graph->node_count == GRAPH_NODES_MAX) {
        graph_fault_general(graph, resource->document->name, "all documents together have more than %u schemas",
                            GRAPH_NODES_MAX);
        return ERR_LIMIT;
    }
    struct schema_node *node = arena_alloc_zero(&graph->arena, sizeof *node);
    if (!node)
        return graph_no_memory(graph);
    node->value = value;
    node->resource = resource;
    node->pointer = place->pointer;
    node->parent = place->parent;
    node->ignores_siblings = resource->draft == SCHEMA_DRAFT_7 && json_text(json_get(value, SLICE_LIT("$ref"))).ptr;
    TRY(map_add(&graph->nodes, slice_of(&node->value, sizeof node->value), node));
    TRY(map_add(&resource->document->nodes, node->pointer, node));
    graph->node_count++;
    *ret_node = node;
    return ERR_OK;
}

static enum err scan(struct graph *graph, const struct place *place, yyjson_val *value, struct schema_node **ret_node)
{
    struct schema_resource *resource = place->resource;
    struct slice id_anchor = {NULL, 0};
    struct schema_node *node = graph_node_of(graph, value);
    if (node) {
        *ret_node = node;
        return ERR_OK;
    }
    TRY(enter_resource(graph, place, value, &resource, &id_anchor));
    TRY(add_node(graph, place, value, resource, &node));
    TRY(add_anchors(graph, node, id_anchor));
    struct subschema_iter iter = subschema_iter_begin(value, resource->draft);
    for (struct subschema subschema; subschema_iter_next(&iter, &subschema);) {
        struct schema_node *child;
        struct place below = {.resource = resource, .parent = node};
        below.pointer = pointer_of_subschema(graph, node->pointer, &subschema);
        if (!below.pointer.ptr)
            return graph_no_memory(graph);
        TRY(scan(graph, &below, subschema.value, &child));
    }
    *ret_node = node;
    return ERR_OK;
}

static enum err fault_at(struct graph *graph, const struct place *place, const char *keyword, const char *what,
                         struct slice found, struct slice reason)
{
    struct slice pointer = graph_pointer_add(graph, place->pointer, slice_of_text(keyword));
    if (!pointer.ptr)
        return graph_no_memory(graph);
    return graph_document_fault(graph, place->resource->document, pointer, false, "%s \"" SLICE_FMT "\"%s" SLICE_FMT,
                                what, SLICE_ARG(found), reason.len ? ": " : "", SLICE_ARG(reason));
}

/* The dialect of an embedded resource: that of its own $schema, or as around it. */
static enum err find_dialect(struct graph *graph, const struct place *place, yyjson_val *value, bool is_root,
                             struct schema_dialect **ret_dialect)
{
    struct slice reason = {NULL, 0};
    struct slice schema = json_text(json_get(value, SLICE_LIT("$schema")));
    *ret_dialect = place->resource->dialect;
    if (!schema.ptr || is_root)
        return ERR_OK;
    enum err err = graph_dialect_find(graph, place->resource->uri, schema, ret_dialect, &reason);
    if (err == ERR_INVALID)
        err = fault_at(graph, place, "$schema", "no metaschema can be had for \"$schema\"", schema, reason);
    return err;
}

static enum err create_embedded(struct graph *graph, const struct place *place, yyjson_val *value, struct slice uri,
                                struct schema_dialect *dialect, struct schema_resource **ret_resource)
{
    struct schema_resource *other = map_find(&graph->resources, uri);
    if (other)
        return fault_at(graph, place, "$id", "this is the URI of another schema already:", uri, other->document->name);
    struct schema_resource *resource = NULL;
    TRY(graph_resource_create(graph, uri, place->resource->document, value, &resource));
    set_dialect(resource, dialect);
    resource->pointer = place->pointer;
    TRY(map_add(&graph->resources, uri, resource));
    *ret_resource = resource;
    return ERR_OK;
}

/* An $id begins a resource. In draft 7 it does not count beside $ref, and "#name" is an anchor. */
static enum err enter_resource(struct graph *graph, const struct place *place, yyjson_val *value,
                               struct schema_resource **ret_resource, struct slice *ret_anchor)
{
    struct schema_dialect *dialect;
    struct slice uri;
    struct slice fragment;
    struct slice id = json_text(json_get(value, SLICE_LIT("$id")));
    if (!id.ptr)
        return ERR_OK;
    bool is_root = value == place->resource->root;
    TRY(find_dialect(graph, place, value, is_root, &dialect));
    if (dialect->draft == SCHEMA_DRAFT_7 && json_text(json_get(value, SLICE_LIT("$ref"))).ptr)
        return ERR_OK;
    enum err err = uri_resolve(&graph->arena, place->resource->uri, id, &uri, &fragment);
    if (err == ERR_NOMEM)
        return graph_no_memory(graph);
    if (err != ERR_OK) /* of a root it has been said */
        return is_root ? ERR_OK
                       : fault_at(graph, place, "$id", "\"$id\" takes a URI, found", id, (struct slice){NULL, 0});
    if (dialect->draft == SCHEMA_DRAFT_7 && fragment.len > 0 && fragment.ptr[0] != '/')
        *ret_anchor = fragment;
    if (is_root || id.len == 0 || id.ptr[0] == '#')
        return ERR_OK;
    return create_embedded(graph, place, value, uri, dialect, ret_resource);
}

static enum err add_anchor(struct graph *graph, struct schema_node *node, const char *keyword, struct slice name,
                           bool *ret_is_new)
{
    struct slice key =
        arena_printf(&graph->arena, SLICE_FMT "#" SLICE_FMT, SLICE_ARG(node->resource->uri), SLICE_ARG(name));
    if (!key.ptr)
        return graph_no_memory(graph);
    enum err err = map_add(&graph->anchors, key, node);
    *ret_is_new = err == ERR_OK || map_find(&graph->anchors, key) == node;
    if (*ret_is_new || err != ERR_EXISTS)
        return *ret_is_new ? ERR_OK : err;
    const struct place place = {.resource = node->resource, .pointer = node->pointer};
    return fault_at(graph, &place, keyword, "there is another anchor", name, SLICE_LIT("in the same resource"));
}

static enum err add_to_name(struct graph *graph, struct slice name, struct schema_node *node)
{
    struct dynamic_anchor *anchor = arena_alloc_zero(&graph->arena, sizeof *anchor);
    struct dynamic_name *names = map_find(&graph->names, name);
    if (!anchor)
        return graph_no_memory(graph);
    if (!names) {
        names = arena_alloc_zero(&graph->arena, sizeof *names);
        if (!names)
            return graph_no_memory(graph);
        *names = (struct dynamic_name){.name = name, .end = &names->first};
        TRY(map_add(&graph->names, name, names));
    }
    *anchor = (struct dynamic_anchor){.name = name, .node = node};
    *names->end = anchor;
    names->end = &anchor->next;
    names->count++;
    return ERR_OK;
}

/* A name that the dynamic scope may be searched for; each has at most one in a resource. */
static enum err add_dynamic(struct graph *graph, struct slice name, struct schema_node *node)
{
    struct dynamic_anchor *anchor = arena_alloc_zero(&graph->arena, sizeof *anchor);
    if (!anchor)
        return graph_no_memory(graph);
    *anchor = (struct dynamic_anchor){.name = name, .node = node, .next = node->resource->dynamic_anchors};
    node->resource->dynamic_anchors = anchor;
    return add_to_name(graph, name, node);
}

static enum err add_anchors(struct graph *graph, struct schema_node *node, struct slice id_anchor)
{
    enum schema_draft draft = node->resource->draft;
    struct slice anchor = json_text(json_get(node->value, SLICE_LIT("$anchor")));
    struct slice dynamic = json_text(json_get(node->value, SLICE_LIT("$dynamicAnchor")));
    bool is_new;
    if (id_anchor.ptr)
        return add_anchor(graph, node, "$id", id_anchor, &is_new);
    if (draft == SCHEMA_DRAFT_7)
        return ERR_OK;
    if (anchor.ptr)
        TRY(add_anchor(graph, node, "$anchor", anchor, &is_new));
    if (draft == SCHEMA_DRAFT_2020_12 && dynamic.ptr) {
        TRY(add_anchor(graph, node, "$dynamicAnchor", dynamic, &is_new));
        if (is_new)
            TRY(add_dynamic(graph, dynamic, node));
    }
    if (draft == SCHEMA_DRAFT_2019_09 && node->value == node->resource->root &&
        yyjson_is_true(json_get(node->value, SLICE_LIT("$recursiveAnchor")))) {
        node->resource->is_recursive_anchor = true;
        TRY(add_dynamic(graph, SLICE_LIT(""), node));
    }
    return ERR_OK;
}
