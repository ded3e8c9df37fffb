/* SPDX-License-Identifier: Apache-2.0 */
/* The walker: a document against the rules of a program, keyword by keyword, with all that is wrong and all that is to be
 * changed. schema_explain and schema_adapt are it; schema_check needs it where no faster form of a schema is. */
#ifndef WEIR_LIB_SCHEMA_WALK_INT_H
#define WEIR_LIB_SCHEMA_WALK_INT_H

#include "lib/schema/program_int.h"

/* The way from a value to the one that is looked at next. */
enum move { MOVE_NONE, MOVE_MEMBER, MOVE_ITEM, MOVE_NAME };

/* A block at work; on the stack. */
struct frame {
    const struct frame *parent;
    const struct block *block;
    yyjson_val *value;
    struct slice path; /* of the block, from the parent's */
    yyjson_val *key;   /* MOVE_MEMBER */
    size_t index;      /* MOVE_ITEM */
    enum move move;
    bool is_name; /* the value is the name of a member */
};

/* What of one value has been evaluated: a bit for each member or item. */
struct marks {
    uint64_t *words;
    size_t count;
};

/* One thing that is wrong, as it is found; errors.c makes a schema_error of it. */
struct failure {
    const struct rule *rule;
    const struct block *block;
    yyjson_val *value;
    struct slice name;    /* of a member that is missing or too many */
    struct slice keyword; /* where it is not the rule's own */
    uint64_t count;       /* of matches; the first of two equal items */
    uint64_t other;
    size_t path_at; /* in `texts`: keywordLocation, and behind it the pointer to the instance */
    size_t path_bytes;
    size_t instance_bytes;
};

struct failures {
    struct failure *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t max;
    bool is_cut;
    struct buffer texts; /* of items[], and cut back with them: branches may fail as often as a document has values */
    yyjson_val **hidden; /* values that a hiding block has seen */
    uint32_t hidden_count;
    uint32_t hidden_capacity;
};

struct changes;

struct walk {
    const struct schema *schema;
    struct schema_work *work;
    struct failures *failures; /* NULL: the first ends it */
    struct failures *noting;   /* where hidden values are noted, however quiet the walk; NULL: nothing is hidden */
    struct changes *changes;   /* NULL: nothing is changed */
    struct marks *marks;       /* of the value at hand; NULL: nobody asks */
    struct unique unique;
    uint32_t depth;
    uint32_t composite;       /* within anyOf, oneOf, not, if: no defaults */
    enum schema_outcome stop; /* SCHEMA_VALID, or why the walk has ended */
};

/* Whether a value is valid against the block. `next` with what belongs to it say how the parent's value led here. */
bool walk_sub(struct walk *walk, const struct sub *sub, const struct frame *parent, const struct frame *next);
/* The same value, another block. */
bool walk_same(struct walk *walk, const struct sub *sub, const struct frame *parent);
/* The same without telling what is wrong. */
bool walk_quietly(struct walk *walk, const struct sub *sub, const struct frame *parent, const struct frame *next);
/* The root's. */
enum schema_outcome walk_root(struct walk *walk, yyjson_val *document);

/* False when so many steps are not left; then the walk ends. */
static inline bool walk_spend(struct walk *walk, uint64_t steps)
{
    if (LIKELY(walk->work->steps_left >= steps)) {
        walk->work->steps_left -= steps;
        return true;
    }
    walk->work->steps_left = 0;
    walk->stop = SCHEMA_OVER_LIMIT;
    return false;
}

/* After a failure: whether that was it. What is only tried goes on where values may be hidden behind it. */
static inline bool walk_ends(const struct walk *walk)
{
    return (!walk->failures && !walk->noting) || walk->stop != SCHEMA_VALID;
}

/* From the scratch arena; NULL ends the walk. */
void *walk_alloc(struct walk *walk, size_t count, size_t size);

/* Notes a failure if failures are wanted; always false. */
bool walk_fail(struct walk *walk, const struct frame *frame, const struct rule *rule);
/* About a member that is one too many, an item that is. */
bool walk_fail_member(struct walk *walk, const struct frame *frame, const struct rule *rule, yyjson_val *key);
bool walk_fail_item(struct walk *walk, const struct frame *frame, const struct rule *rule, yyjson_val *item,
                    size_t index);
/* To be told more of: NULL when it is not kept. */
struct failure *walk_fail_more(struct walk *walk, const struct frame *frame, const struct rule *rule);

bool walk_matches(struct walk *walk, const struct regex *regex, struct slice text);
/* The block that nothing fits. */
static inline bool is_false(const struct block *block)
{
    return block->rule_count == 1 && block->rules[0].op == OP_FALSE;
}

static inline void mark(struct walk *walk, size_t index)
{
    if (walk->marks)
        walk->marks->words[index / 64] |= (uint64_t)1 << (index % 64);
}

/* Marks begun for a value; those of before are in *ret_before until marks_end. False: no memory. */
bool marks_begin(struct walk *walk, yyjson_val *value, struct marks *marks);
void marks_all(struct walk *walk);
/* For a branch that may fail: what was marked by then. NULL when nobody asks, or when there is no memory. */
uint64_t *marks_save(struct walk *walk);
void marks_restore(struct walk *walk, const uint64_t *saved);

/* Members that have been taken away are of no type. */
static inline bool is_gone(const yyjson_val *key)
{
    return (key->tag & YYJSON_TYPE_MASK) == YYJSON_TYPE_NONE;
}

/* ---- changes.c ------------------------------------------------------------------------------------------------------------- */

uint32_t changes_count(const struct walk *walk);
void changes_undo(struct walk *walk, uint32_t count);
/* Makes the value one of the rule's types if the table of coercions has a way. */
bool changes_coerce(struct walk *walk, yyjson_val *value, const struct rule *rule);
bool changes_remove(struct walk *walk, yyjson_val *key);
/* A member (or, without a name, an item) that is not there; NULL: no memory. */
yyjson_val *changes_add(struct walk *walk, yyjson_val *container, struct slice name, yyjson_val *value);
/* What has been added to an object; NULL: there is no such. */
yyjson_val *changes_find(struct walk *walk, yyjson_val *object, struct slice name);
/* How many members have been added less those taken away. */
int64_t changes_balance(struct walk *walk, yyjson_val *object);

/* ---- unique.c -------------------------------------------------------------------------------------------------------------- */

/* Whether all items differ; if not, which two are equal. */
enum schema_outcome unique_items(yyjson_val *array, struct schema_work *work, struct unique *unique,
                                 uint64_t *ret_first, uint64_t *ret_second);

/* ---- errors.c -------------------------------------------------------------------------------------------------------------- */

/* Of failures, texts. False: no memory. */
bool errors_write(const struct schema *schema, const struct failures *failures, struct schema_errors *errors);

#define OP(name, function) bool rule_##function(struct walk *walk, const struct frame *frame, const struct rule *rule);
#include "lib/schema/ops.def"
#undef OP

#endif
