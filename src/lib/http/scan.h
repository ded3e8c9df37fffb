/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes of HTTP and URLs, and the search for the first byte outside of one. Inside lib/http only. */
#ifndef WEIR_LIB_HTTP_SCAN_H
#define WEIR_LIB_HTTP_SCAN_H

#include "lib/base/cpu.h"

#include <stdbool.h>
#include <stdint.h>

enum scan_class {
    SCAN_TCHAR = 1,       /* RFC 9110 section 5.6.2: names, methods, tokens */
    SCAN_TARGET = 2,      /* what may stand in a request target, see url.h */
    SCAN_VALUE = 4,       /* field values: visible ASCII, SP, HTAB, obs-text; RFC 9110 section 5.5 */
    SCAN_DIGIT = 8,       /* DIGIT */
    SCAN_HEX = 16,        /* HEXDIG in any case */
    SCAN_UNRESERVED = 32, /* RFC 3986 section 2.3 */
    SCAN_SUB_DELIM = 64,  /* RFC 3986 section 2.2 */
    SCAN_BCHAR = 128,     /* bchars of RFC 2046 section 5.1.1, the space included */
};

extern const uint8_t scan_classes[256];

static inline bool scan_is(char c, unsigned classes)
{
    return (scan_classes[(unsigned char)c] & classes) != 0;
}

/* The first byte in [at, end) outside of the class, or end. */
typedef const char *(*scan_fn)(const char *at, const char *end);

struct scan {
    scan_fn tchar;
    scan_fn target;
    scan_fn value;
};

/* The fastest searches up to a level; the same answers at every level. */
const struct scan *scan_for(enum cpu_level level);

/* -1 for other characters. */
static inline int scan_hex_digit(char c)
{
    if (!scan_is(c, SCAN_HEX))
        return -1;
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

#endif
