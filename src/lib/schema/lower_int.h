/* SPDX-License-Identifier: Apache-2.0 */
/* From blocks to what schema_check runs: what the files lower*.c share. */
#ifndef WEIR_LIB_SCHEMA_LOWER_INT_H
#define WEIR_LIB_SCHEMA_LOWER_INT_H

#include "lib/base/map.h"
#include "lib/schema/fast_int.h"

/* How much of what a schema refers to may go into its own streams. */
#define INLINE_DEPTH_MAX 16
#define INLINE_RULES_MAX 256
#define INLINE_NAMES_MAX 256

enum stream { STREAM_OTHER, STREAM_NUMBER, STREAM_STRING, STREAM_ARRAY, STREAM_OBJECT, STREAM_COUNT };

/* A fast that waits for its turn. */
struct lower_item {
    struct fast *fast;
    const struct block *block; /* NULL: all of `blocks` */
    const struct block *const *blocks;
    uint32_t block_count;
    struct lower_item *next;
};

/* Members of tables that are told what their schemas have become when all are made. */
struct lower_table {
    struct fast_place *places;
    uint32_t count;
    struct lower_table *next;
};

struct lowering {
    struct schema *schema;
    struct arena *arena;
    struct fast *any; /* the schema `true` */
    struct lower_item *first;
    struct lower_item **end;
    struct lower_table *tables;
    uint32_t covers;   /* parts of unevaluated... so far */
    bool needs_walker; /* there is more to it than is done here */
};

struct lower_stream {
    struct step *items;
    uint32_t count;
    uint32_t capacity;
};

struct lower_name {
    struct slice text;
    const struct block **blocks;
    uint32_t block_count;
    bool is_declared;
    bool is_required;
    struct lower_name *next;
};

struct lower_pattern {
    struct fast_pattern pattern;
    struct lower_pattern *next;
};

/* One fast under construction. */
struct builder {
    struct lowering *lowering;
    uint32_t allowed; /* kinds that may be valid */
    struct lower_stream streams[STREAM_COUNT];
    const struct block *inlined[INLINE_DEPTH_MAX];
    uint32_t depth;
    uint32_t rules;
    bool has_calls; /* something that it refers to is not in its streams */
    /* Strings. */
    uint64_t length_min;
    uint64_t length_max;
    /* Numbers. */
    double low;
    double high;
    const struct rule *exact[16];
    uint32_t exact_count;
    bool needs_digits; /* doubles would not tell */
    bool has_integral;
    /* Objects. */
    struct map names; /* of struct lower_name */
    struct lower_name *first_name;
    struct lower_name **names_end;
    struct lower_pattern *patterns;
    struct lower_pattern **patterns_end;
    uint32_t name_count;
    uint32_t pattern_count;
    uint32_t required_count;
    uint64_t members_min;
    uint64_t members_max;
    const struct fast *rest;
    bool has_rest;
};

/* What a block, or several of them at once, becomes; made when its turn comes. NULL: no memory. */
const struct fast *lower_block(struct lowering *lowering, const struct block *block);
const struct fast *lower_blocks(struct lowering *lowering, const struct block *const *blocks, uint32_t count);

/* One step more in the streams of these kinds. */
MUST_USE enum err lower_step(struct builder *builder, uint32_t kinds, const struct step *step);
MUST_USE enum err lower_rule(struct builder *builder, const struct block *block, const struct rule *rule);
MUST_USE enum err lower_rules(struct builder *builder, const struct block *block);

MUST_USE enum err lower_value_rule(struct builder *builder, const struct block *block, const struct rule *rule);
MUST_USE enum err lower_array_rule(struct builder *builder, const struct block *block, const struct rule *rule);
MUST_USE enum err lower_object_rule(struct builder *builder, const struct block *block, const struct rule *rule);
MUST_USE enum err lower_logic_rule(struct builder *builder, const struct block *block, const struct rule *rule);
MUST_USE enum err lower_unevaluated_rule(struct builder *builder, const struct block *block, const struct rule *rule);
/* What was gathered, as steps. */
MUST_USE enum err lower_values_end(struct builder *builder);
MUST_USE enum err lower_object_end(struct builder *builder);

/* When all are made: kinds that need no look after all, branches that can be told apart. */
MUST_USE enum err lower_refine(struct lowering *lowering);

#endif
