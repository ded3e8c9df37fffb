/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions as JSON Schema wants them: the dialect of ECMA-262 with the flag u, searched anywhere in a text, in
 * bounded time. The door to PCRE2.
 *
 * A pattern is compiled once and then matched by any number of threads, each with a regex_work of its own. What most
 * schemas have (literals, prefixes, classes repeated, choices of such) is matched without PCRE2, in time linear in the text.
 *
 * Where it differs from a browser: what a group captured in an earlier round of a repetition is not forgotten in the next;
 * a look behind must have a fixed length in each of its alternatives; \p{...} knows the scripts that PCRE2's version of
 * Unicode has. Compiling takes some patterns that flag u refuses, since schemas in use have them and they can only mean one
 * thing: "\" before punctuation that needs none ("\-", "\_", "\@"), "-" beside a class ("[\w-.]"), and "{", "}" and "]"
 * that begin or end nothing. regex_is_valid takes none of these. */
#ifndef WEIR_LIB_REGEX_REGEX_H
#define WEIR_LIB_REGEX_REGEX_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct regex;
struct regex_work;

/* Why a pattern was refused. */
struct regex_fault {
    size_t byte;    /* offset in the pattern */
    char what[128]; /* a phrase such as "missing closing parenthesis" */
};

enum regex_outcome {
    REGEX_NO,
    REGEX_YES,
    REGEX_LIMIT, /* it would take too long, or more memory than there is for it */
};

/* `pattern` is UTF-8 in the syntax of ECMA-262, flag u. ERR_SYNTAX, ERR_LIMIT (too large), ERR_UNSUPPORTED (valid, but more
 * than PCRE2 can do) with *ret_fault; ERR_NOMEM. */
MUST_USE enum err regex_compile(struct slice pattern, struct regex_fault *ret_fault, struct regex **ret_regex);
/* The same, for regex_capture; a pattern without a group is ERR_UNSUPPORTED. */
MUST_USE enum err regex_compile_capturing(struct slice pattern, struct regex_fault *ret_fault,
                                          struct regex **ret_regex);
/* NULL is accepted. */
void regex_destroy(struct regex *regex);
/* Whether it is a pattern at all, for the format "regex". Takes no memory but for patterns of unusual length or with \p{...}. */
bool regex_is_valid(struct slice pattern);

/* What one thread matches with. `steps_max` bounds each match: PCRE2's match limit. ERR_NOMEM. */
MUST_USE enum err regex_work_create(uint32_t steps_max, struct regex_work **ret_work);
void regex_work_destroy(struct regex_work *work);
/* How many steps all matches may take together from now on, beyond the first few of each; then REGEX_LIMIT. Many texts that
 * each stay below steps_max are no better than one that does not. Until it is called there is no such bound. */
void regex_work_allow(struct regex_work *work, uint64_t steps);

/* Whether the pattern is found anywhere in `text`, which is well-formed UTF-8. Takes no memory. */
enum regex_outcome regex_match(const struct regex *regex, struct slice text, struct regex_work *work);
/* The same for a pattern of regex_compile_capturing. REGEX_YES: *ret_part is the part of `text` that the first group has
 * matched, {NULL, 0} when it took no part in the match. */
enum regex_outcome regex_capture(const struct regex *regex, struct slice text, struct regex_work *work,
                                 struct slice *ret_part);

#endif
