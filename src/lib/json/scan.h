/* SPDX-License-Identifier: Apache-2.0 */
/* Finds its way through JSON text without parsing it: where a value ends, so that somebody else can look at what is between.
 * Nothing is validated. On text that is not well-formed the answers are places within the text and otherwise arbitrary;
 * whoever relies on them has all of it parsed in the end. */
#ifndef WEIR_LIB_JSON_SCAN_H
#define WEIR_LIB_JSON_SCAN_H

#include "lib/base/slice.h"

#define JSON_SCAN_NONE SIZE_MAX

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The first place from `at` on that is no white space, or text.len. */
static inline size_t json_scan_space(struct slice text, size_t at)
{
    while (at < text.len && json_is_space(text.ptr[at]))
        at++;
    return at;
}

/* Behind the string whose quote stands at `at`; NONE when it has no end. */
size_t json_scan_string(struct slice text, size_t at);
/* Behind the value that begins at `at`; NONE when it has no end. */
size_t json_scan_value(struct slice text, size_t at);
/* Behind the array whose bracket stands at `at`, at many bytes a cycle; NONE when it has no end or has strings in it. */
size_t json_scan_array(struct slice text, size_t at);

#endif
