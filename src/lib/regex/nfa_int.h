/* SPDX-License-Identifier: Apache-2.0 */
/* A tree as a graph of Thompson's (Ken Thompson, "Regular expression search algorithm", 1968), on the way to a table. */
#ifndef WEIR_LIB_REGEX_NFA_INT_H
#define WEIR_LIB_REGEX_NFA_INT_H

#include "lib/regex/tree_int.h"

#define NFA_NODES_MAX 1024
#define NFA_SETS_MAX  256
#define NFA_WORDS     (NFA_NODES_MAX / 64)
#define NFA_SET_WORDS (NFA_SETS_MAX / 64)
#define NFA_STEPS_MAX 100000 /* of building it: empty groups can be repeated without a node */

enum nfa_kind { NFA_SET, NFA_SPLIT, NFA_START, NFA_END, NFA_MATCH };

struct nfa_node {
    uint8_t kind;
    uint8_t set; /* index */
    uint16_t next;
    uint16_t other; /* of a split */
};

struct nfa {
    struct nfa_node *nodes;
    uint32_t node_count;
    uint32_t entry;
    const struct charset **sets; /* all different */
    uint32_t set_count;
    uint32_t steps;
};

/* In the arena. ERR_LIMIT, ERR_NOMEM. */
MUST_USE enum err nfa_build(struct arena *scratch, const struct tree *tree, struct nfa *ret_nfa);

struct nfa_bits {
    uint64_t words[NFA_WORDS];
};

/* Adds `node` and all that it leads to without a character. Of what is passed only sets, ends and matches are kept. */
void nfa_close(const struct nfa *nfa, uint32_t node, bool is_start, bool is_end, struct nfa_bits *bits);
static inline bool nfa_bits_has(const struct nfa_bits *bits, uint32_t node)
{
    return bits->words[node / 64] >> node % 64 & 1;
}

#endif
