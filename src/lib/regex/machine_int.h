/* SPDX-License-Identifier: Apache-2.0 */
/* What matches without PCRE2: a table of states, for patterns that are regular in the strict sense. */
#ifndef WEIR_LIB_REGEX_MACHINE_INT_H
#define WEIR_LIB_REGEX_MACHINE_INT_H

#include "lib/regex/nfa_int.h"

#define MACHINE_PREFIX_MAX 32

/* Which class a character is of. Class 0 is the end of the text. */
struct char_classes {
    uint8_t ascii[128];
    uint32_t *lows; /* of each stretch of characters beyond ASCII, in order; the first is 0x80 */
    uint8_t *classes;
    uint32_t stretch_count;
    uint32_t class_count;
};

/* A state is the offset of its row in `table`: the state that each class leads to. Row 0 is that of no match, row 1 that of
 * a match: once there, the rest of the text does not matter. Column 0 says whether the text may end here. */
struct machine {
    struct char_classes chars;
    uint16_t *table;
    uint16_t start;
    uint16_t behind_prefix; /* the state that `prefix` leads to: nothing else can begin a match */
    uint8_t prefix_len;
    char prefix[MACHINE_PREFIX_MAX];
};

/* Heap memory. ERR_LIMIT: too many states, classes or steps: not for a table. ERR_NOMEM. */
MUST_USE enum err machine_build(struct arena *scratch, const struct tree *tree, struct machine *ret_machine);
void machine_free(struct machine *machine);
bool machine_match(const struct machine *machine, struct slice text);

/* classes.c: for the sets of an NFA. The bits of the sets that a class is in are in `members`, NFA_SET_WORDS for each. */
MUST_USE enum err classes_build(struct arena *scratch, const struct nfa *nfa, struct char_classes *ret_classes,
                                uint64_t **ret_members);

#endif
