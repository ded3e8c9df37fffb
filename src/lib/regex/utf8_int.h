/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_REGEX_UTF8_INT_H
#define WEIR_LIB_REGEX_UTF8_INT_H

#include <stdint.h>

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
