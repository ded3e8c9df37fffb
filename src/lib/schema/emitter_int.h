/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the emitter share. */
#ifndef WEIR_LIB_SCHEMA_EMITTER_INT_H
#define WEIR_LIB_SCHEMA_EMITTER_INT_H

#include "lib/base/map.h"
#include "lib/schema/emit_int.h"
#include "lib/schema/program_int.h"

struct emitter {
    struct graph *graph;
    const struct schema_settings *settings;
    struct schema_options options; /* where no x-openapi-validation says otherwise */
    struct schema *schema;
    struct arena *arena;        /* the schema's */
    struct schema_node **nodes; /* of the blocks, by index */
    uint32_t capacity;
    uint32_t done_count; /* blocks whose rules are there */
    struct map regexes;  /* by pattern */
    /* Of the block that is being made. */
    struct schema_node *node;
    struct rule rules[OP_COUNT + 1]; /* one of each op, but "dependencies" is another of dependentSchemas */
    uint32_t rule_count;
};

/* The member of the node's object; NULL: there is none, or the node is a boolean. */
static inline yyjson_val *keyword_of(const struct schema_node *node, const char *name)
{
    return yyjson_obj_getn(node->value, name, strlen(name));
}

/* The block of a node, which gets its rules later. ERR_LIMIT, ERR_NOMEM. */
MUST_USE enum err emit_block(struct emitter *emitter, struct schema_node *node, const struct block **ret_block);
/* A subschema of the node at hand; `pointer` is the way to it and is borrowed. */
MUST_USE enum err emit_sub(struct emitter *emitter, yyjson_val *value, struct slice pointer, struct sub *ret_sub);
/* One more rule of the block at hand; `keyword` is a literal and its pointer is "/keyword". */
MUST_USE enum err emit_rule(struct emitter *emitter, enum op op, const char *keyword, struct rule **ret_rule);
/* "/keyword/token", with what a pointer escapes escaped. */
MUST_USE enum err emit_pointer(struct emitter *emitter, const char *keyword, struct slice token,
                               struct slice *ret_pointer);
MUST_USE enum err emit_pointer_index(struct emitter *emitter, const char *keyword, size_t index,
                                     struct slice *ret_pointer);
/* ERR_INVALID with a fault at `pointer` when it does not compile. */
MUST_USE enum err emit_regex(struct emitter *emitter, struct slice pattern, struct slice pointer, bool is_key,
                             const struct regex **ret_regex);
/* Of a value of a schema, into the program. */
MUST_USE enum err emit_copy(struct arena *arena, yyjson_val *value, yyjson_val **ret_copy);
MUST_USE enum err emit_text(struct emitter *emitter, struct slice text, struct slice *ret_copy);

/* A length or count, if the keyword is there. */
MUST_USE enum err emit_bound(struct emitter *emitter, enum op op, const char *keyword);
bool emit_read_bound(const struct schema_node *node, const char *keyword, uint64_t *ret_bound);

/* A schema, or an array of schemas, that is the keyword's value; nothing happens where it is none. */
MUST_USE enum err emit_sub_rule(struct emitter *emitter, enum op op, const char *keyword);
MUST_USE enum err emit_subs(struct emitter *emitter, enum op op, const char *keyword);

/* All rules of the block at hand. */
MUST_USE enum err emit_keywords(struct emitter *emitter);
MUST_USE enum err emit_value_keywords(struct emitter *emitter);
MUST_USE enum err emit_object_keywords(struct emitter *emitter);
MUST_USE enum err emit_array_keywords(struct emitter *emitter);
MUST_USE enum err emit_logic_keywords(struct emitter *emitter);
MUST_USE enum err emit_unevaluated_keywords(struct emitter *emitter);
/* Adds those of the dynamic scope that can be met by now; *ret_added: there were more. */
MUST_USE enum err emit_candidates(struct emitter *emitter, bool *ret_added);

/* What is in force at the node: what is said there and around it, the nearest first. ERR_INVALID with a fault for what its own
 * x-openapi-validation has wrong. */
MUST_USE enum err emit_options(struct emitter *emitter, const struct schema_node *node,
                               struct schema_options *ret_options);

/* Faults for defaults that would be added and do not fit their own schemas. All rules are there. ERR_NOMEM. */
MUST_USE enum err emit_check_defaults(struct emitter *emitter);

#endif
