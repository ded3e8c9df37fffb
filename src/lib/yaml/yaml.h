/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as a tree with places. The part of YAML that people write by hand: one document of maps, lists and
 * scalars. Anchors, aliases and tags are refused, so that no file can unfold into more than it shows. */
#ifndef WEIR_LIB_YAML_YAML_H
#define WEIR_LIB_YAML_YAML_H

#include "lib/yaml/report.h"

/* What a file written by hand may have. */
#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 100000

struct yaml_limits {
    uint32_t depth_max; /* lists and maps within each other */
    uint32_t nodes_max; /* keys and values */
};

enum yaml_kind {
    YAML_NULL, /* nothing, ~ or null */
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
};

struct yaml_node {
    enum yaml_kind kind;
    bool is_quoted; /* of a scalar: it is a text, whatever it looks like */
    struct report_place place;
    struct slice text;             /* of a scalar */
    const struct yaml_node *first; /* of a list or map: the children, in order */
    uint32_t count;
    const struct yaml_node *next; /* in the parent */
    struct slice key;             /* in a map */
    struct report_place key_place;
};

/* Parses a whole file into the arena; slices of the tree live there. An empty file is a YAML_NULL. ERR_INVALID: the
 * report says why. A key that stands twice in a map is reported too, but the tree is there and the first one counts, so
 * that the rest of the file can be checked. */
MUST_USE enum err yaml_parse(struct slice text, struct arena *arena, struct report *report,
                             const struct yaml_node **ret_root);
/* The same for files that may be larger than those written by hand. */
MUST_USE enum err yaml_parse_within(struct slice text, const struct yaml_limits *limits, struct arena *arena,
                                    struct report *report, const struct yaml_node **ret_root);
/* The child of a map with this key, or NULL. NULL is accepted. */
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

/* A tree of YAML as JSON: plain scalars that read as null, true, false or a number of JSON are that, all others texts. */
struct json_writer;
void yaml_write_json(const struct yaml_node *node, struct json_writer *writer);
/* The same; plain scalars of which is_json says so are written as they stand, too. */
void yaml_write_json_of(const struct yaml_node *node, bool (*is_json)(struct slice text), struct json_writer *writer);
/* Where the value (or the key) stands that a JSON Pointer into that JSON names, or the nearest above it. */
struct report_place yaml_place_of(const struct yaml_node *root, struct slice pointer, bool is_key);

#endif
