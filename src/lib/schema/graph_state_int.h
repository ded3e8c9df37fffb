/* SPDX-License-Identifier: Apache-2.0 */
/* What the files graph*.c share. Documents come in (graph.c), are walked for resources, anchors and nodes (graph_scan.c) in
 * the dialect that their $schema names (graph_dialect.c); what a schema reaches is followed from reference to reference
 * (graph_reach.c, graph_resolve.c). Each says what is wrong through graph_faults.c. */
#ifndef WEIR_LIB_SCHEMA_GRAPH_STATE_INT_H
#define WEIR_LIB_SCHEMA_GRAPH_STATE_INT_H

#include "lib/base/map.h"
#include "lib/schema/graph_int.h"

#define GRAPH_DOCUMENTS_MAX     10000
#define GRAPH_NODES_MAX         (1U << 20)
#define GRAPH_FAULTS_MAX        64
#define GRAPH_DIALECT_DEPTH_MAX 8 /* metaschemas of metaschemas */

/* How a schema is to be read: what its $schema stands for. */
struct schema_dialect {
    struct slice uri; /* of the metaschema */
    enum schema_draft draft;
    uint32_t vocabularies;
    struct schema *metaschema; /* the checker's; NULL: not compiled yet */
    bool is_broken;            /* it does not compile */
    struct schema_dialect *next;
};

/* A fault that a document has whoever reaches it. */
struct document_fault {
    struct schema_fault fault;
    struct document_fault *next;
};

struct schema_document {
    struct slice uri;  /* absolute, no fragment: where it came from */
    struct slice name; /* for messages */
    struct slice text;
    yyjson_val *root;                 /* NULL: it could not be parsed */
    struct schema_resource *resource; /* what is in no resource of its own */
    struct map nodes;                 /* by their pointers: most references are among these */
    struct document_fault *faults;
    struct document_fault **faults_end;
    uint32_t fault_count;
    struct schema_dialect *dialect; /* NULL: not asked for yet */
    bool has_no_dialect;            /* it could not be found out: the settings' stands in */
    bool is_asked;                  /* its dialect is being found out, or has been */
    bool is_scanned;
    bool is_openapi;
    bool is_builtin; /* a metaschema of the standard */
    uint32_t epoch;  /* its faults have been told */
    struct schema_document *next;
};

struct dynamic_anchor {
    struct slice name;
    struct schema_node *node;
    struct dynamic_anchor *next;
};

struct dynamic_name {
    struct slice name; /* "" for recursive anchors */
    struct dynamic_anchor *first;
    struct dynamic_anchor **end;
    uint32_t count;
    struct schema_node **nodes; /* those of the resources that the search came to */
    uint32_t nodes_count;
    uint32_t capacity;
    uint32_t epoch; /* of `nodes` */
};

/* To a schema that applies to the same value. */
struct schema_edge {
    struct schema_node *to;
    struct schema_edge *next;
};

struct graph {
    const struct schema_settings *settings;
    struct pool pool;
    struct arena arena;
    struct arena read_arena;  /* of the text that the source reads, until it is copied */
    struct arena fault_arena; /* of the faults of one call */
    struct schema_document *documents;
    struct schema_document **documents_end;
    struct schema_document *next_scan; /* the first that may not have been scanned */
    uint32_t document_count;
    size_t documents_bytes;
    uint32_t node_count;
    uint32_t resource_count;
    struct map documents_by_uri;
    struct map resources; /* by URI; a document's own URI and its $id lead to the same */
    struct map anchors;   /* "URI#name" → node */
    struct map nodes;     /* the bytes of the pointer to the value → node */
    struct map names;     /* of dynamic anchors → struct dynamic_name */
    struct schema_dialect *dialects;
    uint32_t dialect_depth;
    uint32_t epoch; /* of the graph_find that goes on, or the last */
    struct schema_node *reached;
    struct schema_node **reached_end;
    struct schema_fault faults[GRAPH_FAULTS_MAX];
    uint32_t fault_count;
    bool is_over_limit; /* said once */
    enum err spoiled;   /* memory or a limit ended a walk half way: what there is cannot be relied on */
};

/* ---- subschemas: which keywords hold them (graph_keywords.c) ------------------------------------------------------------- */

enum subschema_shape { SHAPE_ONE, SHAPE_LIST, SHAPE_ONE_OR_LIST, SHAPE_MAP };

struct subschema_keyword {
    struct slice name;
    enum subschema_shape shape;
    enum schema_draft first;
    enum schema_draft last;
    bool is_in_place; /* applies to the same value as the schema around it */
};

struct subschema {
    const struct subschema_keyword *keyword;
    struct slice key;  /* in a map: the member's name */
    size_t index;      /* in a list; SIZE_MAX otherwise */
    yyjson_val *value; /* an object or a boolean */
};

struct subschema_iter {
    enum schema_draft draft;
    bool only_definitions;
    yyjson_obj_iter members;
    const struct subschema_keyword *keyword; /* whose list or map is open */
    yyjson_obj_iter map;
    yyjson_arr_iter list;
    bool is_map;
};

/* NULL: it holds none in that draft. */
const struct subschema_keyword *subschema_keyword_find(struct slice name, enum schema_draft draft);
/* All subschemas of a schema in the order of its text. */
struct subschema_iter subschema_iter_begin(yyjson_val *schema, enum schema_draft draft);
bool subschema_iter_next(struct subschema_iter *iter, struct subschema *ret_subschema);

/* ---- the parts ------------------------------------------------------------------------------------------------------------ */

/* graph.c */
/* The error that made the graph unusable, with a fault where there has to be one; ERR_OK: none did. */
MUST_USE enum err graph_check_spoiled(struct graph *graph);
/* As graph_add; *ret_document also when its text is no JSON, which is then a fault of the document. */
MUST_USE enum err graph_document_add(struct graph *graph, struct slice uri, struct slice name, struct slice text,
                                     struct schema_document **ret_document);
/* By its URI or the $id of its root, among those that are there, the metaschemas and what the source has. ERR_NOT_FOUND;
 * ERR_IO, ERR_LIMIT and others of the source; ERR_NOMEM. */
MUST_USE enum err graph_document_find(struct graph *graph, struct slice uri, struct schema_document **ret_document);
/* The same for any resource. All documents have been scanned then. */
MUST_USE enum err graph_resource_find(struct graph *graph, struct slice uri, struct schema_resource **ret_resource);
/* NULL when there is none. */
struct schema_node *graph_node_of(const struct graph *graph, yyjson_val *value);
/* Over the arena's limit: a fault, once, and ERR_LIMIT; else ERR_NOMEM. */
enum err graph_no_memory(struct graph *graph);

/* graph_dialect.c */
/* What a $schema stands for. ERR_INVALID, with the reason for a fault; ERR_NOMEM, ERR_LIMIT. */
MUST_USE enum err graph_dialect_find(struct graph *graph, struct slice base, struct slice uri,
                                     struct schema_dialect **ret_dialect, struct slice *ret_reason);
/* That of documents that name none. */
MUST_USE enum err graph_dialect_default(struct graph *graph, bool is_openapi, struct schema_dialect **ret_dialect);
/* Never fails for want of a metaschema: that is a fault of the document, which is read in the settings' draft. */
MUST_USE enum err graph_document_dialect(struct graph *graph, struct schema_document *document,
                                         struct schema_dialect **ret_dialect);

/* graph_scan.c */
MUST_USE enum err graph_scan_document(struct graph *graph, struct schema_document *document);
/* Makes a schema of a value that no keyword leads to, with all below it. */
MUST_USE enum err graph_scan_value(struct graph *graph, struct schema_resource *resource, yyjson_val *value,
                                   struct slice pointer, struct schema_node **ret_node);
MUST_USE enum err graph_resource_create(struct graph *graph, struct slice uri, struct schema_document *document,
                                        yyjson_val *root, struct schema_resource **ret_resource);
/* pointer + "/" + token, escaped. {NULL, 0}: no memory. */
struct slice graph_pointer_add(struct graph *graph, struct slice pointer, struct slice token);

/* graph_cycles.c */
/* Tells of schemas that apply themselves to the same value, among those that the search came to. */
void graph_cycles_find(struct graph *graph);

/* graph_resolve.c */
/* The node that a reference leads to. On ERR_INVALID *ret_reason says why there is none. */
MUST_USE enum err graph_resolve(struct graph *graph, struct slice base, struct slice reference,
                                struct schema_node **ret_node, struct slice *ret_reason);

/* graph_faults.c */
/* A fault of the document, told to everyone who reaches it. */
MUST_USE enum err graph_document_fault(struct graph *graph, struct schema_document *document, struct slice pointer,
                                       bool is_key, const char *format, ...) PRINTF_LIKE(5, 6);
MUST_USE enum err graph_document_fault_at(struct graph *graph, struct schema_document *document,
                                          const struct json_fault *fault);
/* Adds the document's faults to those of the call, once. */
void graph_faults_tell(struct graph *graph, struct schema_document *document);
/* Puts the faults of each document in the order of its text. */
void graph_faults_sort(struct graph *graph);
/* A fault of no place in particular. */
void graph_fault_general(struct graph *graph, struct slice name, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
