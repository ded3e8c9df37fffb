/* SPDX-License-Identifier: Apache-2.0 */
/* The search: from one schema to all that it may apply, over subschemas and references, in the order in which they are come
 * to. What was found once is kept; only what is asked for anew is followed again. */
#include "lib/schema/graph_state_int.h"

static enum err follow(struct graph *graph, struct schema_node *node);
static enum err follow_references(struct graph *graph, struct schema_node *node);
static enum err follow_subschemas(struct graph *graph, struct schema_node *node);
static void enter_resource(struct graph *graph, struct schema_resource *resource);

static void reach(struct graph *graph, struct schema_node *node)
{
    if (node->epoch == graph->epoch)
        return;
    node->epoch = graph->epoch;
    node->emitted = NULL;
    node->reached = NULL;
    *graph->reached_end = node;
    graph->reached_end = &node->reached;
}

enum err graph_find(struct graph *graph, struct slice uri, struct schema_node **ret_node)
{
    struct schema_node *node;
    struct slice reason = {NULL, 0};
    uint32_t faults_before = graph->fault_count;
    TRY(graph_check_spoiled(graph));
    graph->epoch++;
    graph->reached = NULL;
    graph->reached_end = &graph->reached;
    enum err err = graph_resolve(graph, (struct slice){NULL, 0}, uri, &node, &reason);
    if (err == ERR_INVALID)
        graph_fault_general(graph, uri, "there is no schema here: " SLICE_FMT, SLICE_ARG(reason));
    TRY(err);
    reach(graph, node);
    for (struct schema_node *next = graph->reached; next && graph->fault_count < GRAPH_FAULTS_MAX; next = next->reached)
        TRY(follow(graph, next));
    graph_cycles_find(graph);
    *ret_node = node;
    return graph->fault_count > faults_before ? ERR_INVALID : ERR_OK;
}

static enum err follow(struct graph *graph, struct schema_node *node)
{
    graph_faults_tell(graph, node->resource->document);
    enter_resource(graph, node->resource);
    TRY(follow_references(graph, node));
    TRY(follow_subschemas(graph, node));
    return ERR_OK;
}

/* The names of a resource count from any way into it, also those that this way does not come to. */
static void enter_resource(struct graph *graph, struct schema_resource *resource)
{
    if (resource->epoch == graph->epoch)
        return;
    resource->epoch = graph->epoch;
    for (const struct dynamic_anchor *anchor = resource->dynamic_anchors; anchor; anchor = anchor->next)
        reach(graph, anchor->node);
}

static enum err add_edge(struct graph *graph, struct schema_node *from, struct schema_node *to)
{
    struct schema_edge *edge = arena_alloc(&graph->arena, sizeof *edge);
    if (!edge)
        return graph_no_memory(graph);
    *edge = (struct schema_edge){.to = to, .next = from->edges};
    from->edges = edge;
    return ERR_OK;
}

static enum err resolve(struct graph *graph, struct schema_node *node, const char *keyword, struct slice reference,
                        struct schema_node **ret_node)
{
    struct slice reason = {NULL, 0};
    enum err err = graph_resolve(graph, node->resource->uri, reference, ret_node, &reason);
    if (err != ERR_INVALID)
        return err;
    struct slice pointer = arena_printf(&graph->fault_arena, "/%s", keyword);
    graph_fault(graph, node, pointer, false, "\"%s\" leads nowhere: " SLICE_FMT, keyword, SLICE_ARG(reason));
    return ERR_OK;
}

static bool is_anchor_name(struct slice reference, struct slice name)
{
    size_t mark = slice_find(reference, '#');
    return name.ptr && mark < reference.len && slice_equal(slice_skip(reference, mark + 1), name);
}

/* 2020-12, core, 8.2.3.2: when the place that it leads to at first has been named by $dynamicAnchor, and by that name the
 * reference has come there, the outermost such name in the dynamic scope is meant. */
static enum err follow_dynamic(struct graph *graph, struct schema_node *node, struct slice reference)
{
    TRY(resolve(graph, node, "$dynamicRef", reference, &node->dynamic_ref));
    if (!node->dynamic_ref || node->dynamic_ref->resource->draft != SCHEMA_DRAFT_2020_12)
        return ERR_OK;
    struct slice name = json_text(json_get(node->dynamic_ref->value, SLICE_LIT("$dynamicAnchor")));
    if (is_anchor_name(reference, name))
        node->dynamic_anchor = name;
    return ERR_OK;
}

/* 2019-09, core, 8.2.4.2.1. */
static enum err follow_recursive(struct graph *graph, struct schema_node *node, struct slice reference)
{
    TRY(resolve(graph, node, "$recursiveRef", reference, &node->dynamic_ref));
    const struct schema_node *target = node->dynamic_ref;
    if (target && target->resource->is_recursive_anchor && target->value == target->resource->root)
        node->dynamic_anchor = SLICE_LIT("");
    return ERR_OK;
}

static enum err resolve_all(struct graph *graph, struct schema_node *node)
{
    enum schema_draft draft = node->resource->draft;
    struct slice ref = json_text(json_get(node->value, SLICE_LIT("$ref")));
    struct slice dynamic = json_text(json_get(node->value, SLICE_LIT("$dynamicRef")));
    struct slice recursive = json_text(json_get(node->value, SLICE_LIT("$recursiveRef")));
    if (ref.ptr)
        TRY(resolve(graph, node, "$ref", ref, &node->ref));
    if (draft == SCHEMA_DRAFT_2020_12 && dynamic.ptr)
        TRY(follow_dynamic(graph, node, dynamic));
    if (draft == SCHEMA_DRAFT_2019_09 && recursive.ptr)
        TRY(follow_recursive(graph, node, recursive));
    bool is_whole =
        (!ref.ptr || node->ref) && (node->dynamic_ref || ((draft != SCHEMA_DRAFT_2020_12 || !dynamic.ptr) &&
                                                          (draft != SCHEMA_DRAFT_2019_09 || !recursive.ptr)));
    if (!is_whole)
        return ERR_OK; /* asked again by the next search, which is to be told of it too */
    node->is_followed = true;
    if (node->ref)
        TRY(add_edge(graph, node, node->ref));
    if (node->dynamic_ref && !node->dynamic_anchor.ptr)
        TRY(add_edge(graph, node, node->dynamic_ref));
    return ERR_OK;
}

static enum err follow_references(struct graph *graph, struct schema_node *node)
{
    if (!yyjson_is_obj(node->value))
        return ERR_OK;
    if (!node->is_followed)
        TRY(resolve_all(graph, node));
    if (node->ref)
        reach(graph, node->ref);
    if (node->dynamic_ref)
        reach(graph, node->dynamic_ref);
    return ERR_OK;
}

static enum err follow_subschemas(struct graph *graph, struct schema_node *node)
{
    struct subschema_iter iter = subschema_iter_begin(node->value, node->resource->draft);
    bool had_edges = node->has_edges;
    if (node->ignores_siblings)
        return ERR_OK;
    for (struct subschema subschema; subschema_iter_next(&iter, &subschema);) {
        struct schema_node *child = graph_node_of(graph, subschema.value);
        reach(graph, child);
        if (subschema.keyword->is_in_place && !had_edges)
            TRY(add_edge(graph, node, child));
    }
    node->has_edges = true;
    return ERR_OK;
}

uint32_t graph_dynamic_anchors(struct graph *graph, struct slice name, struct schema_node *const **ret_nodes)
{
    struct dynamic_name *names = map_find(&graph->names, name);
    *ret_nodes = NULL;
    if (!names)
        return 0;
    if (names->epoch != graph->epoch) {
        if (names->capacity < names->count)
            names->nodes = arena_alloc_array(&graph->arena, names->count, sizeof *names->nodes);
        names->capacity = names->nodes ? names->count : 0;
        names->nodes_count = 0;
        if (!names->nodes)
            return 0;
        for (const struct dynamic_anchor *anchor = names->first; anchor; anchor = anchor->next)
            if (anchor->node->resource->epoch == graph->epoch)
                names->nodes[names->nodes_count++] = anchor->node;
        names->epoch = graph->epoch;
    }
    *ret_nodes = names->nodes;
    return names->nodes_count;
}
