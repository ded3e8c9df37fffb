/* SPDX-License-Identifier: Apache-2.0 */
/* What schema_check runs: made of the blocks of a program for speed alone, with nothing that could tell what is wrong.
 *
 * A schema is a `fast`: which kinds of value it lets pass, which it looks into, and for these a stream of steps for each
 * type, so that a keyword is never met by a value that it is not about. What references and allOf bring is in the same
 * streams where that can be. Members of an object are looked up once each, whichever keywords ask for them. */
#ifndef WEIR_LIB_SCHEMA_FAST_INT_H
#define WEIR_LIB_SCHEMA_FAST_INT_H

#include "lib/schema/program_int.h"

/* In the order in which a stream has them: what is cheap comes first. */
enum fast_op {
    FAST_END,
    FAST_LENGTH,
    FAST_TEXTS,
    FAST_PATTERN,
    FAST_FORMAT,
    FAST_NOT_EMPTY,
    FAST_INTEGRAL,
    FAST_BOUNDS,
    FAST_EXACT,
    FAST_MULTIPLE,
    FAST_VALUES,
    FAST_COUNT,  /* of members */
    FAST_KNOWN,  /* members by name */
    FAST_CLOSED, /* the same, and there are no others */
    FAST_KNOWN_FEW,
    FAST_CLOSED_FEW,
    FAST_MEMBERS, /* the same, with patterns or a schema for the others */
    FAST_NAMES,
    FAST_DEPENDENT,
    FAST_ARRAY,
    FAST_UNIQUE,
    FAST_CONTAINS,
    FAST_CALL,
    FAST_NOT,
    FAST_IF,
    FAST_ANY_OF,
    FAST_ONE_OF,
    FAST_REST_OF_ITEMS,
    FAST_REST_OF_MEMBERS,
    FAST_WAIVED, /* `waived`, but "" passes it */
    FAST_OP_COUNT
};

struct check;

struct step {
    /* The step and those behind it: each calls the next in its own place, so that a stream is a chain of jumps. */
    bool (*run)(struct check *check, const struct step *step, yyjson_val *value);
    uint8_t op;
    uint8_t waived;
    union {
        struct {
            uint64_t min;
            uint64_t max;
        } length;
        struct {
            double low;
            double high;
            const struct fast_exact *exact; /* for numbers as written */
        } bounds;
        struct {
            uint64_t divisor; /* 0: it is no integer */
            yyjson_val *number;
        } multiple;
        const struct fast_exact *exact;
        const struct names *texts;
        const struct regex *regex;
        enum format format;
        const struct fast_values *values;
        const struct fast_object *object;
        const struct fast_array *array;
        const struct fast *fast;
        struct fast_choice *choice;
        const struct fast_if *branch;
        const struct fast_contains *contains;
        const struct fast_dependency *dependency;
        const struct fast_unevaluated *unevaluated;
    };
};

struct fast {
    uint32_t passes;               /* kinds that are valid without more */
    uint32_t runs;                 /* kinds whose streams say */
    const struct step *streams[8]; /* by yyjson's type */
};

/* Bounds that doubles do not tell exactly: rules of the four ops. */
struct fast_exact {
    const struct rule *const *rules;
    uint32_t count;
};

/* Numbers, arrays and objects of an enum. */
struct fast_values {
    yyjson_val *const *items; /* integers of 64 bits first, in their order, so that they need not be tried one by one */
    uint32_t count;
    uint32_t integer_count;
};

/* Both of KINDS_INTEGER. */
static inline int fast_compare_integers(const yyjson_val *a, const yyjson_val *b)
{
    bool is_a_negative = KIND_OF(a) == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT) && a->uni.i64 < 0;
    bool is_b_negative = KIND_OF(b) == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT) && b->uni.i64 < 0;
    if (is_a_negative != is_b_negative)
        return is_a_negative ? -1 : 1;
    return (a->uni.u64 > b->uni.u64) - (a->uni.u64 < b->uni.u64); /* two's complement keeps their order */
}

/* A name of a table, with all that is to be done for its member. */
struct fast_place {
    uint64_t first;
    uint64_t last;
    const char *ptr;
    uint32_t len; /* NAMES_NONE: free */
    uint32_t passes;
    const struct fast *fast;
    uint64_t bit; /* of `required` */
    uint32_t runs;
    bool is_declared; /* nothing more is to be done for it, but by patterns */
} CACHE_ALIGNED;

struct fast_pattern {
    const struct regex *regex;
    const struct fast *fast;
    bool declares;
};

/* So few names are compared one by one, by their lengths first, which takes no look at the text. */
#define FAST_FEW_MAX 3

struct fast_object {
    const struct fast_place *places;
    uint64_t seed;
    uint64_t required;       /* bits that are to be seen */
    const struct fast *rest; /* for members that are not declared; NULL: anything */
    uint64_t min;
    uint64_t max;
    const struct fast_pattern *patterns;
    uint32_t pattern_count;
    uint32_t name_count;
    uint32_t shift;
    uint32_t mask;
    bool is_few; /* places are in a row and not by hash: of no more names than FAST_FEW_MAX */
};

struct fast_array {
    uint64_t min;
    uint64_t max;
    const struct fast *const *prefix;
    const struct fast *rest; /* NULL: anything */
    uint32_t prefix_count;
};

struct fast_contains {
    const struct fast *fast;
    uint64_t min;
    uint64_t max;
};

/* If an object has a member: others that it must have, a schema that it must fit. */
struct fast_dependency {
    struct slice name;
    const struct slice *wanted;
    const struct fast *fast;
    uint32_t wanted_count;
};

#define FAST_SWITCH_BRANCHES_MAX 64

/* Branches told apart by a member that each must have, with a value from a set of strings. */
struct fast_switch {
    struct slice name;
    struct names texts;
    const uint64_t *branches; /* by text: bits of branches that it leads to */
    uint64_t others;          /* those that do not ask for the member */
};

struct fast_choice {
    const struct fast **branches;
    uint32_t count;
    const struct fast_switch *by; /* NULL: none */
};

struct fast_if {
    const struct fast *condition;
    const struct fast *then; /* NULL: anything */
    const struct fast *otherwise;
};

/* What is evaluated by a schema and those that apply to the same value: always, or under conditions. Nothing is noted
 * while a document is checked; what is left over is asked for afterwards. */
struct fast_cover {
    bool all; /* of the members, or items */
    uint32_t prefix_count;
    const struct names *const *names;
    const struct regex *const *patterns;
    const struct fast *const *contains;
    const struct fast_condition *conditions;
    uint32_t names_count;
    uint32_t pattern_count;
    uint32_t contains_count;
    uint32_t condition_count;
};

#define FAST_CONDITIONS_MAX 64

struct fast_condition {
    uint32_t index;          /* of all conditions of one keyword */
    const struct fast *fast; /* NULL: `name` */
    struct slice name;       /* is a member */
    bool is_negated;
    const struct fast_cover *cover;
};

struct fast_unevaluated {
    const struct fast_cover *cover;
    const struct fast *fast; /* for what is left over */
};

/* What runs a step, by its op. */
typedef bool (*check_function)(struct check *check, const struct step *step, yyjson_val *value);
extern const check_function check_functions[FAST_OP_COUNT];

/* Makes schema->fast; leaves it NULL where only the walker knows how (references by dynamic scope). ERR_NOMEM. */
MUST_USE enum err fast_make(struct schema *schema);

#endif
