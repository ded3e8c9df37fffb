/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by the letter of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef WEIR_LIB_BASE_UTF8_H
#define WEIR_LIB_BASE_UTF8_H

#include "lib/base/slice.h"

/* Length of the well-formed sequence at the front of a text that is not empty, or minus the length of the malformed part
 * that one replacement character stands for: as much of a sequence as could still have become one. */
int utf8_measure(struct slice text);
bool utf8_is_valid(struct slice text);
/* Takes what utf8_measure measures from the front of a text that is not empty. *ret_is_shown: it is a character that a terminal shows, and
 * nothing that controls one (C0, DEL, C1). */
struct slice utf8_take_shown(struct slice *text, bool *ret_is_shown);

/* The first bytes of a well-formed text, cut where a character ends. */
static inline struct slice utf8_first(struct slice text, size_t bytes_max)
{
    size_t len = bytes_max;
    if (text.len <= bytes_max)
        return text;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return slice_first(text, len);
}

/* Writes a character, which is none of the halves of surrogate pairs; returns how many bytes. */
size_t utf8_put(char out[4], uint32_t character);

/* The character at *ptr, of more than one byte of well-formed UTF-8; *ptr moves behind it. */
static inline uint32_t utf8_take_long(const unsigned char **ptr)
{
    const unsigned char *at = *ptr;
    if (at[0] < 0xe0) {
        *ptr = at + 2;
        return (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
    }
    if (at[0] < 0xf0) {
        *ptr = at + 3;
        return (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    }
    *ptr = at + 4;
    return (at[0] & 0x07u) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 | (at[3] & 0x3fu);
}

#endif
