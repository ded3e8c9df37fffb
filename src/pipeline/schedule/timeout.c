/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/schedule/timeout_int.h"

#define DIGITS_MAX 15 /* of whole units, and of parts of one: products stay below 2^64 where they count */

static const struct {
    struct slice name;
    uint64_t ns;
} units[] = {{SLICE_LIT("us"), 1000},
             {SLICE_LIT("ms"), 1000000},
             {SLICE_LIT("s"), 1000000000},
             {SLICE_LIT(""), 1000000000},
             {SLICE_LIT("m"), 60000000000}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at the beginning, which go. ERR_INVALID when there is none, or too many. */
static enum err take_digits(struct slice *text, uint64_t *ret_value, uint64_t *ret_scale)
{
    uint64_t value = 0;
    uint64_t scale = 1;
    size_t len = 0;
    for (; len < text->len && is_digit(text->ptr[len]); len++) {
        if (len == DIGITS_MAX)
            return ERR_INVALID;
        value = value * 10 + (uint64_t)(text->ptr[len] - '0');
        scale *= 10;
    }
    *text = slice_skip(*text, len);
    *ret_value = value;
    *ret_scale = scale;
    return len ? ERR_OK : ERR_INVALID;
}

enum err timeout_parse(struct slice text, uint64_t *ret_ns)
{
    uint64_t whole = 0, part = 0, scale = 1, unused;
    TRY(take_digits(&text, &whole, &unused));
    if (text.len && text.ptr[0] == '.') {
        text = slice_skip(text, 1);
        TRY(take_digits(&text, &part, &scale));
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_equal(text, units[i].name)) {
            double ns = ((double)whole + (double)part / (double)scale) * (double)units[i].ns;
            *ret_ns = ns < (double)TIMEOUT_MAX_NS ? (uint64_t)(ns + 0.5) : TIMEOUT_MAX_NS;
            return ERR_OK;
        }
    return ERR_INVALID;
}
