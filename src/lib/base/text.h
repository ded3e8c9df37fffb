/* SPDX-License-Identifier: Apache-2.0 */
/* Text: strict numbers, the nearest of some names, and a bounded builder. */
#ifndef WEIR_LIB_BASE_TEXT_H
#define WEIR_LIB_BASE_TEXT_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdarg.h>
#include <stdint.h>

/* Digits only: no sign, space, prefix or empty text. ERR_SYNTAX, or ERR_LIMIT on overflow. */
MUST_USE enum err text_parse_u64(struct slice text, uint64_t *ret_value);
/* The same in base 16, without a prefix. */
MUST_USE enum err text_parse_hex(struct slice text, uint64_t *ret_value);
size_t text_format_long_u64(char *out, uint64_t value);
/* Writes decimal digits, at most 20, no NUL; returns how many. Inline for what most lengths are: below 100. */
static inline size_t text_format_u64(char *out, uint64_t value)
{
    if (value >= 100)
        return text_format_long_u64(out, value);
    out[0] = (char)('0' + value / 10);
    out[value >= 10] = (char)('0' + value % 10);
    return value >= 10 ? 2 : 1;
}
/* Writes two lower-case hex digits a byte, no NUL; out holds 2 × bytes.len. */
void text_format_hex(char *out, struct slice bytes);
/* out holds text.len / 2 bytes. ERR_SYNTAX on odd length or another character. */
MUST_USE enum err text_decode_hex(struct slice text, void *out);

/* The name most like `text` (Damerau-Levenshtein, optimal string alignment), or NULL when none is close enough to be a
 * slip: more than a third of the letters differ. For messages. */
const char *text_nearest(struct slice text, const char *const *names, size_t count);

/* A bounded text under construction. What does not fit is cut and is_cut says so; always NUL-terminated. */
struct text {
    char *ptr;
    size_t len;
    size_t capacity; /* with room for the NUL */
    bool is_cut;
};

/* The memory stays the caller's; capacity at least 1. */
struct text text_init(char *memory, size_t capacity);
void text_add(struct text *text, struct slice part);
void text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_vprintf(struct text *text, const char *format, va_list args) PRINTF_LIKE(2, 0);
static inline struct slice text_slice(const struct text *text)
{
    return slice_of(text->ptr, text->len);
}

#endif
