/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: how they come in, and how they are found. */
#include "lib/schema/graph_state_int.h"

#include "lib/schema/metaschemas_int.h"
#include "lib/schema/uri_int.h"

#include <stdlib.h>

#define ARENA_BLOCK_BYTES 65536
#define DOCUMENTS_BYTES   (64U << 20)
#define BYTES_FOR_EACH    32 /* of text: values, nodes and pointers. What few schemas have is 8 */
#define BYTES_AT_LEAST    (64U << 20)

static enum err parse(struct graph *graph, struct schema_document *document);
static enum err name_root(struct graph *graph, struct schema_document **document);
static enum err scan_all(struct graph *graph);

static size_t documents_bytes_max(const struct schema_settings *settings)
{
    return settings->documents_bytes_max ? settings->documents_bytes_max : DOCUMENTS_BYTES;
}

enum err graph_create(const struct schema_settings *settings, struct graph **ret_graph)
{
    struct graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return ERR_NOMEM;
    graph->settings = settings;
    graph->documents_end = &graph->documents;
    graph->reached_end = &graph->reached;
    pool_init(&graph->pool, 0, SIZE_MAX);
    arena_init(&graph->arena, &graph->pool, ARENA_BLOCK_BYTES, BYTES_AT_LEAST);
    arena_init(&graph->read_arena, &graph->pool, ARENA_BLOCK_BYTES, SIZE_MAX);
    arena_init(&graph->fault_arena, &graph->pool, 4096, SIZE_MAX);
    struct map *maps[] = {&graph->documents_by_uri, &graph->resources, &graph->anchors, &graph->nodes, &graph->names};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        map_init(maps[i], (struct hash_key){(uint64_t)(uintptr_t)graph, i});
    *ret_graph = graph;
    return ERR_OK;
}

void graph_destroy(struct graph *graph)
{
    if (!graph)
        return;
    for (struct schema_document *document = graph->documents; document; document = document->next)
        map_deinit(&document->nodes);
    map_deinit(&graph->documents_by_uri);
    map_deinit(&graph->resources);
    map_deinit(&graph->anchors);
    map_deinit(&graph->nodes);
    map_deinit(&graph->names);
    arena_reset(&graph->fault_arena);
    arena_reset(&graph->read_arena);
    arena_reset(&graph->arena);
    pool_deinit(&graph->pool);
    free(graph);
}

struct arena *graph_arena(struct graph *graph)
{
    return &graph->arena;
}

enum err graph_no_memory(struct graph *graph)
{
    if (!graph->arena.is_over_limit)
        return ERR_NOMEM;
    if (!graph->is_over_limit)
        graph_fault_general(graph, SLICE_LIT("(all)"),
                            "the schemas take more than %zu bytes of memory, which is too much for %zu bytes of text",
                            graph->arena.limit_bytes, graph->documents_bytes);
    graph->is_over_limit = true;
    return ERR_LIMIT;
}

enum err graph_check_spoiled(struct graph *graph)
{
    if (graph->spoiled == ERR_LIMIT)
        graph_fault_general(graph, SLICE_LIT("(all)"), "a limit was exceeded before, by another schema");
    return graph->spoiled;
}

enum err graph_add(struct graph *graph, struct slice uri, struct slice name, struct slice text)
{
    struct schema_document *document;
    TRY(graph_check_spoiled(graph));
    TRY(graph_document_add(graph, uri, name, text, &document));
    if (document->root)
        return ERR_OK;
    graph->epoch++;
    graph_faults_tell(graph, document);
    return ERR_SYNTAX;
}

/* Text that is taken counts, also when it turns out to be no JSON. */
static enum err check_limits(struct graph *graph, struct slice name, struct slice text)
{
    size_t bytes_max = documents_bytes_max(graph->settings);
    if (graph->document_count == GRAPH_DOCUMENTS_MAX) {
        graph_fault_general(graph, name, "there are more than %u documents", GRAPH_DOCUMENTS_MAX);
        return ERR_LIMIT;
    }
    if (text.len <= bytes_max - graph->documents_bytes) {
        graph->documents_bytes += text.len;
        graph->arena.limit_bytes += text.len * BYTES_FOR_EACH;
        return ERR_OK;
    }
    graph_fault_general(graph, name, "all documents together have more than %zu bytes", bytes_max);
    return ERR_LIMIT;
}

static enum err create_document(struct graph *graph, struct slice uri, struct slice name, struct slice text,
                                struct schema_document **ret_document)
{
    struct schema_document *document = arena_alloc_zero(&graph->arena, sizeof *document);
    if (!document)
        return graph_no_memory(graph);
    document->uri = uri;
    document->name = arena_copy(&graph->arena, name);
    document->text = arena_copy(&graph->arena, text);
    document->faults_end = &document->faults;
    map_init(&document->nodes, graph->nodes.key);
    if (!document->name.ptr || !document->text.ptr)
        return graph_no_memory(graph);
    *ret_document = document;
    return ERR_OK;
}

static void append(struct graph *graph, struct schema_document *document)
{
    *graph->documents_end = document;
    graph->documents_end = &document->next;
    graph->document_count++;
    if (!graph->next_scan)
        graph->next_scan = document;
}

enum err graph_document_add(struct graph *graph, struct slice uri, struct slice name, struct slice text,
                            struct schema_document **ret_document)
{
    struct schema_document *document;
    struct slice fragment;
    TRY(check_limits(graph, name, text));
    enum err err = uri_resolve(&graph->arena, (struct slice){NULL, 0}, uri, &uri, &fragment);
    if (err == ERR_NOMEM)
        return graph_no_memory(graph);
    if (err != ERR_OK) {
        graph_fault_general(graph, name, "\"" SLICE_FMT "\" is no absolute URI", SLICE_ARG(uri));
        return ERR_INVALID;
    }
    if (map_find(&graph->documents_by_uri, uri)) {
        graph_fault_general(graph, name, "there is a document " SLICE_FMT " already", SLICE_ARG(uri));
        return ERR_EXISTS;
    }
    TRY(create_document(graph, uri, name, text, &document));
    TRY(parse(graph, document));
    struct schema_document *known = document;
    err = name_root(graph, &known);
    if (err == ERR_OK)
        err = map_add(&graph->documents_by_uri, uri, known);
    if (err != ERR_OK)
        return graph->spoiled = err;
    if (known == document)
        append(graph, document);
    *ret_document = known;
    return ERR_OK;
}

/* Two members of one name are refused: this reader would take the first, another one the last. */
static enum err parse(struct graph *graph, struct schema_document *document)
{
    const struct json_limits limits = {
        .bytes_max = SIZE_MAX, .depth_max = JSON_DEPTH_MAX, .refuse_duplicate_keys = true, .keeps_numbers = true};
    struct json_document json;
    struct json_fault fault;
    enum err err = json_parse(&graph->arena, document->text, &limits, &json, &fault);
    if (err == ERR_NOMEM)
        return graph_no_memory(graph);
    if (err != ERR_OK)
        return graph_document_fault_at(graph, document, &fault);
    document->root = json.root;
    document->is_openapi = yyjson_is_str(json_get(json.root, SLICE_LIT("openapi")));
    return ERR_OK;
}

/* The URI that a document gives itself; its own where it gives none. In draft 7 an $id beside $ref does not count. */
static enum err find_root_uri(struct graph *graph, struct schema_document *document, struct slice *ret_uri)
{
    struct slice fragment;
    struct slice id = json_text(json_get(document->root, SLICE_LIT("$id")));
    struct slice schema = json_text(json_get(document->root, SLICE_LIT("$schema")));
    bool is_draft_7 = schema.ptr ? slice_find(schema, '-') < schema.len && strstr(schema.ptr, "/draft-07/") != NULL
                                 : graph->settings->draft == SCHEMA_DRAFT_7;
    *ret_uri = document->uri;
    if (!id.ptr || document->is_openapi || (is_draft_7 && json_text(json_get(document->root, SLICE_LIT("$ref"))).ptr))
        return ERR_OK;
    enum err err = uri_resolve(&graph->arena, document->uri, id, ret_uri, &fragment);
    if (err == ERR_NOMEM)
        return graph_no_memory(graph);
    if (err != ERR_OK)
        return graph_document_fault(graph, document, SLICE_LIT("/$id"), false,
                                    "\"$id\" takes a URI, found \"" SLICE_FMT "\"", SLICE_ARG(id));
    return ERR_OK;
}

/* The same text may be read from two places; it is one document then. */
static enum err name_root(struct graph *graph, struct schema_document **document)
{
    struct schema_document *one = *document;
    struct slice uri;
    TRY(find_root_uri(graph, one, &uri));
    struct schema_resource *other = map_find(&graph->resources, uri);
    if (other && other->document->root == other->root && slice_equal(other->document->text, one->text)) {
        *document = other->document;
        return map_find(&graph->resources, one->uri) ? ERR_OK : map_add(&graph->resources, one->uri, other);
    }
    if (other) {
        TRY(graph_document_fault(graph, one, SLICE_LIT("/$id"), false,
                                 SLICE_FMT " is the URI of a schema in " SLICE_FMT " already", SLICE_ARG(uri),
                                 SLICE_ARG(other->document->name)));
        uri = one->uri;
    }
    TRY(graph_resource_create(graph, uri, one, one->root, &one->resource));
    if (!map_find(&graph->resources, uri))
        TRY(map_add(&graph->resources, uri, one->resource));
    if (!map_find(&graph->resources, one->uri))
        TRY(map_add(&graph->resources, one->uri, one->resource));
    return ERR_OK;
}

static enum err read_document(struct graph *graph, struct slice uri, struct schema_document **ret_document)
{
    const struct schema_source *source = graph->settings->source;
    struct slice text;
    struct slice name;
    if (!source)
        return ERR_NOT_FOUND;
    enum err err = source->read(source->context, uri, &graph->read_arena, &text, &name);
    if (err == ERR_OK)
        err = graph_document_add(graph, uri, name, text, ret_document);
    arena_reset(&graph->read_arena);
    return err;
}

enum err graph_document_find(struct graph *graph, struct slice uri, struct schema_document **ret_document)
{
    struct schema_document *document = map_find(&graph->documents_by_uri, uri);
    struct schema_resource *resource = map_find(&graph->resources, uri);
    if (!document && resource && resource->root == resource->document->root)
        document = resource->document;
    if (document) {
        *ret_document = document;
        return ERR_OK;
    }
    const struct metaschema *metaschema = metaschema_find(uri);
    if (metaschema) {
        TRY(graph_document_add(graph, uri, uri, metaschema->text, ret_document));
        (*ret_document)->is_builtin = true;
        return ERR_OK;
    }
    return read_document(graph, uri, ret_document);
}

enum err graph_resource_find(struct graph *graph, struct slice uri, struct schema_resource **ret_resource)
{
    struct schema_document *document;
    TRY(scan_all(graph));
    struct schema_resource *resource = map_find(&graph->resources, uri);
    if (!resource) {
        TRY(graph_document_find(graph, uri, &document));
        TRY(scan_all(graph));
        resource = document->resource;
    }
    *ret_resource = resource;
    return ERR_OK;
}

/* Scanning may read the metaschema that a document names: it is scanned too. */
static enum err scan_all(struct graph *graph)
{
    while (graph->next_scan) {
        struct schema_document *document = graph->next_scan;
        enum err err = graph_scan_document(graph, document);
        if (err != ERR_OK)
            return graph->spoiled = err;
        graph->next_scan = document->next;
    }
    return ERR_OK;
}

struct schema_node *graph_node_of(const struct graph *graph, yyjson_val *value)
{
    return map_find(&graph->nodes, slice_of(&value, sizeof value));
}

struct schema_node *graph_subschema(struct graph *graph, const struct schema_node *parent, yyjson_val *value)
{
    struct schema_node *node = graph_node_of(graph, value);
    ASSERT(node && node->epoch == parent->epoch, "a keyword of the table in graph_keywords.c led to it");
    return node;
}

bool graph_has_vocabulary(const struct schema_node *node, enum vocabulary vocabulary)
{
    return (node->resource->vocabularies & vocabulary) != 0;
}
