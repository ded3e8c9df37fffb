/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as a tree with places. The part of YAML that people write in configurations: one document of maps, lists and
 * scalars. Anchors, aliases and tags are refused, so that no file can unfold into more than it shows. */
#ifndef WEIR_CONTROL_CONFIG_YAML_INT_H
#define WEIR_CONTROL_CONFIG_YAML_INT_H

#include "control/config/report.h"

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 100000

enum yaml_kind {
    YAML_NULL, /* nothing, ~ or null */
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
};

struct yaml_node {
    enum yaml_kind kind;
    bool is_quoted; /* of a scalar: it is a text, whatever it looks like */
    struct option_place place;
    struct slice text;             /* of a scalar */
    const struct yaml_node *first; /* of a list or map: the children, in order */
    uint32_t count;
    const struct yaml_node *next; /* in the parent */
    struct slice key;             /* in a map */
    struct option_place key_place;
};

/* Parses a whole file into the arena; slices of the tree live there. An empty file is a YAML_NULL. ERR_INVALID: the
 * report says why. A key that stands twice in a map is reported too, but the tree is there and the first one counts, so
 * that the rest of the file can be checked. */
MUST_USE enum err yaml_parse(struct slice text, struct arena *arena, struct config_report *report,
                             const struct yaml_node **ret_root);
/* The child of a map with this key, or NULL. NULL is accepted. */
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

#endif
