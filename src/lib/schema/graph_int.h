/* SPDX-License-Identifier: Apache-2.0 */
/* The schemas of a compiler as a graph: documents, the resources in them, and a node for each schema, with its references
 * resolved. What the emitter walks. Knows where schemas stand, not what their keywords ask for. */
#ifndef WEIR_LIB_SCHEMA_GRAPH_INT_H
#define WEIR_LIB_SCHEMA_GRAPH_INT_H

#include "lib/schema/schema.h"

enum vocabulary {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4, /* 2019-09: part of the applicators */
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_FORMAT_ANNOTATION = 16,
    VOCABULARY_FORMAT_ASSERTION = 32,
    VOCABULARY_CONTENT = 64,
    VOCABULARY_META_DATA = 128,
};

struct schema_document; /* graph_state_int.h: the graph's own */

/* A schema with a URI of its own: a document's root, or what has an $id. */
struct schema_resource {
    struct slice uri; /* absolute, no fragment */
    struct schema_document *document;
    yyjson_val *root;
    enum schema_draft draft;
    uint32_t vocabularies;    /* bits of enum vocabulary: what its metaschema has */
    bool is_recursive_anchor; /* 2019-09: "$recursiveAnchor": true at its root */
    uint32_t index;           /* from 0, for the dynamic scope */
    /* The graph's own. */
    struct schema_dialect *dialect;
    struct dynamic_anchor *dynamic_anchors;
    struct slice pointer; /* of its root, from the document's */
    uint32_t epoch;
};

struct schema_node {
    yyjson_val *value; /* an object or a boolean */
    struct schema_resource *resource;
    struct slice pointer;            /* from the document's root */
    struct schema_node *ref;         /* what $ref leads to; NULL: there is none */
    struct schema_node *dynamic_ref; /* what $dynamicRef or $recursiveRef leads to at first; NULL: there is none */
    struct slice dynamic_anchor;     /* the name to look for in the dynamic scope; {NULL, 0}: it is as a $ref. "" for
                                        $recursiveRef whose target is a recursive anchor */
    bool ignores_siblings;           /* draft 7: there is a $ref, and nothing beside it counts */
    void *emitted;                   /* the emitter's */
    /* The graph's own. */
    struct schema_node *parent;  /* the schema around it; NULL: a document's root, or what no keyword leads to */
    struct schema_edge *edges;   /* to what applies to the same value */
    struct schema_node *reached; /* the next that the search came to */
    uint32_t epoch;              /* of the search that came to it last */
    bool is_followed;            /* its references lead somewhere */
    bool has_edges;              /* those of its subschemas */
    bool is_open;                /* the search for cycles is below it */
    uint32_t cycle_epoch;
    struct schema_edge *cursor;
    struct schema_node *entered_from;
    bool is_checked; /* valid by its metaschema, with all below it */
};

struct graph; /* of a schema_compiler */

/* Faults go to the compiler. */
MUST_USE enum err graph_create(const struct schema_settings *settings, struct graph **ret_graph);
void graph_destroy(struct graph *graph);
MUST_USE enum err graph_add(struct graph *graph, struct slice uri, struct slice name, struct slice text);
/* The node at a URI, with every document read and every reference resolved that can be reached from it. ERR_NOT_FOUND,
 * ERR_INVALID, ERR_LIMIT: with a fault. ERR_NOMEM. */
MUST_USE enum err graph_find(struct graph *graph, struct slice uri, struct schema_node **ret_node);
/* The node of a subschema of `parent`: `value` is what stands at parent.pointer + `steps` ("/properties/a"). Never NULL for
 * a value that graph_find has reached. */
struct schema_node *graph_subschema(struct graph *graph, const struct schema_node *parent, yyjson_val *value);
/* All nodes that have this name as $dynamicAnchor (or are recursive anchors, for ""), one for each resource at most. */
uint32_t graph_dynamic_anchors(struct graph *graph, struct slice name, struct schema_node *const **ret_nodes);

/* Whether a keyword is in force there: its vocabulary is in use and the draft knows it. */
bool graph_has_vocabulary(const struct schema_node *node, enum vocabulary vocabulary);

/* Something is wrong at `pointer` below the node (or at the node, for ""). */
void graph_fault(struct graph *graph, const struct schema_node *node, struct slice pointer, bool is_key,
                 const char *format, ...) PRINTF_LIKE(5, 6);
const struct schema_fault *graph_faults(const struct graph *graph, uint32_t *ret_count);
void graph_faults_clear(struct graph *graph);
struct arena *graph_arena(struct graph *graph);

#endif
