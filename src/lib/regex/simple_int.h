/* SPDX-License-Identifier: Apache-2.0 */
/* What most patterns of schemas are: a literal, or one class repeated from the beginning to the end. */
#ifndef WEIR_LIB_REGEX_SIMPLE_INT_H
#define WEIR_LIB_REGEX_SIMPLE_INT_H

#include "lib/regex/tree_int.h"

enum simple_kind { SIMPLE_NONE, SIMPLE_LITERAL, SIMPLE_RUN };

struct simple {
    enum simple_kind kind;
    /* A literal: found anywhere, or only at the beginning, at the end, or both. */
    bool is_at_start;
    bool is_at_end;
    struct slice literal;
    /* A run: how many characters, and which. */
    uint32_t min;
    uint32_t max;
    uint8_t ascii[128];
    struct char_range *ranges; /* beyond ASCII */
    uint32_t range_count;
};

/* SIMPLE_NONE where it is neither. Heap memory. */
MUST_USE enum err simple_build(struct arena *scratch, const struct tree *tree, struct simple *ret_simple);
void simple_free(struct simple *simple);
bool simple_match(const struct simple *simple, struct slice text);

#endif
