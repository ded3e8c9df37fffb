/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled schema: a block for each schema object, a rule for each of its keywords. This is what schema_explain and
 * schema_adapt walk, keyword by keyword, because they have to say which one and where. schema_check runs what has been
 * made of it for speed (fast_int.h). */
#ifndef WEIR_LIB_SCHEMA_PROGRAM_INT_H
#define WEIR_LIB_SCHEMA_PROGRAM_INT_H

#include "lib/formats/formats.h"
#include "lib/schema/names_int.h"
#include "lib/schema/schema.h"

#include <stdatomic.h>

/* How many blocks may be entered within each other: bounds the C stack. Documents are at most JSON_DEPTH_MAX deep, so
 * this leaves each level 16 references and applicators. */
#define SCHEMA_DEPTH_MAX 4096

/* yyjson's type and subtype of a value: 32 kinds, so that a set of types is a word. */
#define KIND_OF(value)  ((uint32_t)(value)->tag & 31)
#define KIND(kind)      (1U << (kind))
#define KIND_RAW        KIND(YYJSON_TYPE_RAW)
#define KIND_NULL       KIND(YYJSON_TYPE_NULL)
#define KIND_FALSE      KIND(YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE)
#define KIND_TRUE       KIND(YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE)
#define KIND_UINT       KIND(YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT)
#define KIND_SINT       KIND(YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT)
#define KIND_REAL       KIND(YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL)
#define KIND_STR        KIND(YYJSON_TYPE_STR)
#define KIND_STR_NOESC  KIND(YYJSON_TYPE_STR | YYJSON_SUBTYPE_NOESC)
#define KIND_ARR        KIND(YYJSON_TYPE_ARR)
#define KIND_OBJ        KIND(YYJSON_TYPE_OBJ)
#define KINDS_BOOLEAN   (KIND_FALSE | KIND_TRUE)
#define KINDS_STRING    (KIND_STR | KIND_STR_NOESC)
#define KINDS_INTEGER   (KIND_UINT | KIND_SINT)
#define KINDS_FRACTIONS (KIND_REAL | KIND_RAW) /* integers only if they have no fraction */
#define KINDS_NUMBER    (KINDS_INTEGER | KINDS_FRACTIONS)
#define KINDS_ALL       (KIND_NULL | KINDS_BOOLEAN | KINDS_NUMBER | KINDS_STRING | KIND_ARR | KIND_OBJ)

enum op {
#define OP(name, function) OP_##name,
#include "lib/schema/ops.def"
#undef OP
    OP_COUNT
};

/* The types of the keyword `type`, in the order of messages. */
enum type { TYPE_NULL, TYPE_BOOLEAN, TYPE_INTEGER, TYPE_NUMBER, TYPE_STRING, TYPE_ARRAY, TYPE_OBJECT, TYPE_COUNT };

struct block;
struct fast;

/* A schema within a schema, and the way to it. */
struct sub {
    const struct block *block;
    struct slice path; /* from the block that the rule is of: "/properties/a" */
};

struct subs {
    const struct sub *items;
    uint32_t count;
};

struct pattern {
    const struct regex *regex;
    struct slice text;
    struct sub sub; /* of patternProperties */
};

struct patterns {
    const struct pattern *items;
    uint32_t count;
};

/* Member names, looked up by hash; in the order of the schema. */
struct members {
    struct names names;
    const struct slice *texts; /* names.count */
};

/* A member and those that it wants. */
struct dependency {
    struct slice name;
    const struct slice *wanted;
    uint32_t wanted_count;
    struct sub sub; /* of dependentSchemas: block is NULL for a list of names */
};

struct candidate {
    uint32_t resource;
    const struct block *block;
};

struct rule {
    enum op op;
    struct slice keyword; /* "minimum" */
    struct slice pointer; /* of the keyword below the block: "/minimum" */
    union {
        struct {
            uint32_t kinds;
            uint32_t fractions;        /* kinds of which only those are integers count */
            uint8_t types[TYPE_COUNT]; /* in the order of the schema, for coercions */
            uint8_t type_count;
        } type;
        yyjson_val *value; /* enum: an array; const; bounds of numbers */
        uint64_t bound;    /* of lengths and counts */
        struct pattern pattern;
        enum format format;
        struct sub sub;
        struct subs subs; /* allOf, anyOf, oneOf, prefixItems */
        struct {
            struct sub sub;
            uint32_t from;
        } items;
        struct {
            struct sub sub;
            uint64_t min;
            uint64_t max;
            bool is_mark; /* what it finds counts as evaluated */
        } contains;
        struct {
            const struct slice *names;
            uint32_t count;
        } required;
        struct {
            struct members members;
            const struct sub *subs;
        } properties;
        struct patterns patterns;
        struct {
            struct sub sub;
            const struct rule *properties; /* NULL: none */
            const struct rule *patterns;
        } additional;
        struct {
            const struct dependency *items;
            uint32_t count;
        } dependencies;
        struct {
            struct sub sub; /* where nothing in the dynamic scope says otherwise */
            const struct candidate *candidates;
            uint32_t candidate_count;
        } dynamic;
        struct {
            struct sub condition;
            struct sub then; /* .block NULL: none */
            struct sub otherwise;
        } branch;
    };
};

struct block {
    const struct rule *rules;
    uint32_t rule_count;
    uint32_t index;
    uint32_t resource;
    bool is_hidden; /* its values are not told */
    bool has_unevaluated;
    bool coerces;
    bool removes;
    bool defaults;
    enum schema_choice allow_empty;
    yyjson_val *default_value; /* NULL: none */
    struct slice location;     /* URI#pointer */
    struct fast *fast;         /* lower.c: while compiling, and what schema_check runs */
};

/* unique.c: a table in scratch memory that one run uses again and again, since there is no giving back. */
struct unique {
    struct unique_place *places;
    size_t count;
};

struct regex_list {
    struct regex *regex;
    struct regex_list *next;
};

struct schema {
    _Atomic uint32_t refs;
    struct pool pool;
    struct arena arena;
    const struct block *root;
    struct block **blocks;
    uint32_t block_count;
    uint32_t rule_count;
    struct regex_list *regexes;
    struct schema_options options;
    enum schema_draft draft; /* of the root */
    bool adapts;
    bool wants_numbers;
    bool hides;       /* some block does */
    bool has_dynamic; /* some reference depends on the dynamic scope */
    const struct fast *fast;
};

/* Members of an object, in memory order: for (key...) the value is key + 1. */
static inline yyjson_val *member_next(yyjson_val *key)
{
    return unsafe_yyjson_get_next(key + 1);
}

static inline bool is_string(const yyjson_val *value)
{
    return (value->tag & YYJSON_TYPE_MASK) == YYJSON_TYPE_STR;
}

static inline bool is_object(const yyjson_val *value)
{
    return (value->tag & YYJSON_TYPE_MASK) == YYJSON_TYPE_OBJ;
}

static inline bool is_array(const yyjson_val *value)
{
    return (value->tag & YYJSON_TYPE_MASK) == YYJSON_TYPE_ARR;
}

static inline struct slice string_of(yyjson_val *value)
{
    return slice_of(value->uni.str, unsafe_yyjson_get_len(value));
}

/* Code points of well-formed UTF-8. */
uint64_t count_code_points(struct slice text);

#endif
