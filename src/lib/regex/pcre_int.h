/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the library that sees PCRE2. */
#ifndef WEIR_LIB_REGEX_PCRE_INT_H
#define WEIR_LIB_REGEX_PCRE_INT_H

#include "lib/regex/tree_int.h"

struct pcre;

/* A pattern in the syntax of PCRE2. */
struct pcre_pattern {
    struct slice text;
    bool is_search;      /* it is looked for at each place of a text */
    bool scans_in_scans; /* one step of a match can go over much of the text, many times */
};

/* In the arena. ERR_LIMIT with a fault; ERR_NOMEM. */
MUST_USE enum err pcre_translate(struct arena *scratch, const struct tree *tree, struct regex_fault *ret_fault,
                                 struct pcre_pattern *ret_pattern);
/* ERR_SYNTAX: a property that PCRE2 does not know; ERR_UNSUPPORTED, ERR_LIMIT: what it cannot do; ERR_NOMEM. */
MUST_USE enum err pcre_compile(const struct pcre_pattern *pattern, struct regex_fault *ret_fault,
                               struct pcre **ret_pcre);
void pcre_destroy(struct pcre *pcre);
enum regex_outcome pcre_match(const struct pcre *pcre, struct slice text, struct regex_work *work);
bool pcre_has_groups(const struct pcre *pcre);
/* What the first group of the match that has just been REGEX_YES took of `text`. */
struct slice pcre_captured(struct slice text, const struct regex_work *work);

#endif
