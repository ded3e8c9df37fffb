/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes of HTTP and URLs, and the search for the first byte outside of one. Inside lib/http only. */
#ifndef WEIR_LIB_HTTP_SCAN_H
#define WEIR_LIB_HTTP_SCAN_H

#include "lib/base/attr.h"
#include "lib/base/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

enum scan_class {
    SCAN_TCHAR = 1,       /* RFC 9110 section 5.6.2: names, methods, tokens */
    SCAN_TARGET = 2,      /* what may stand in a request target, see url.h */
    SCAN_VALUE = 4,       /* field values: visible ASCII, SP, HTAB, obs-text; RFC 9110 section 5.5 */
    SCAN_DIGIT = 8,       /* DIGIT */
    SCAN_HEX = 16,        /* HEXDIG in any case */
    SCAN_UNRESERVED = 32, /* RFC 3986 section 2.3 */
    SCAN_SUB_DELIM = 64,  /* RFC 3986 section 2.2 */
    SCAN_BCHAR = 128,     /* bchars of RFC 2046 section 5.1.1, the space included */
    SCAN_PATH = 256,      /* what a path may hold as it is, the slash included but not the dot: it may be a segment */
};

extern const uint16_t scan_classes[256];

static inline bool scan_is(char c, unsigned classes)
{
    return (scan_classes[(unsigned char)c] & classes) != 0;
}

/* The first byte in [at, end) outside of the class, or end. [from, end) may be read, from <= at: with 16 bytes of it the
 * last few are searched as fast as the others. */
typedef const char *(*scan_fn)(const char *from, const char *at, const char *end);

struct scan {
    scan_fn tchar;
    scan_fn target;
    scan_fn value;
    scan_fn host;    /* SCAN_UNRESERVED and SCAN_SUB_DELIM */
    scan_fn path;    /* SCAN_PATH */
    bool has_blocks; /* the inline searches below look at 16 bytes at once */
};

/* The fastest searches up to a level; the same answers at every level. */
const struct scan *scan_for(enum cpu_level level);
/* scan_for(cpu_level()). */
extern const struct scan *scan_best;

#define SCAN_INLINE_BYTES 64

/* Inline searches of a few blocks, for what is nearly always shorter than that: names up to the colon and values. SSE2 is
 * part of x86-64, so no choice is made at run time, but `scalar` keeps away from them. */
#if defined(__SSE2__)
#define SCAN_HAS_BLOCKS true

/* Bit n is set when byte n is none of SCAN_VALUE. */
static inline unsigned scan_outside_value(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del));
}

/* The length of what stands before the colon, up to 15; 16 without one. */
static inline size_t scan_colon(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':'))) | 1U << 16);
}

/* Whether the first `len` bytes, up to 16, are `text`, but for the bits that are set in `fold`. */
static inline bool scan_is_folded(const char *at, const char text[16], const char fold[16], size_t len)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    __m128i difference = _mm_xor_si128(bytes, _mm_loadu_si128((const __m128i_u *)text));
    difference = _mm_andnot_si128(_mm_loadu_si128((const __m128i_u *)fold), difference);
    unsigned equal = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(difference, _mm_setzero_si128()));
    return (~equal & ((1U << len) - 1)) == 0;
}
#else
#define SCAN_HAS_BLOCKS false

static inline unsigned scan_outside_value(const char *at)
{
    (void)at;
    return 0;
}

static inline size_t scan_colon(const char *at)
{
    (void)at;
    return 16;
}

static inline bool scan_is_folded(const char *at, const char text[16], const char fold[16], size_t len)
{
    (void)at, (void)text, (void)fold, (void)len;
    return false;
}
#endif

/* scan->value, as a call only for what is longer than some blocks: the call is worth two of them. */
static inline const char *scan_value(const struct scan *scan, const char *from, const char *at, const char *end)
{
    if (SCAN_HAS_BLOCKS && LIKELY(scan->has_blocks)) {
        for (const char *far = at + SCAN_INLINE_BYTES; end - at >= 16 && at < far; at += 16) {
            unsigned outside = scan_outside_value(at);
            if (outside)
                return at + __builtin_ctz(outside);
        }
        if (end - at < 16 && end - from >= 16) {
            unsigned outside = scan_outside_value(end - 16) >> (16 - (end - at));
            return outside ? at + __builtin_ctz(outside) : end;
        }
    }
    return scan->value(from, at, end);
}

/* -1 for other characters. */
static inline int scan_hex_digit(char c)
{
    if (!scan_is(c, SCAN_HEX))
        return -1;
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Two overlapping words that hold every byte of a text of 1 to 16 bytes, letters in lower case. Together with the length
 * they are equal exactly when the texts are, in any case of letters, provided that one of the two is lower-case letters,
 * digits and "-" and the other has no control characters: setting bit 0x20 maps nothing else onto those. */
struct scan_words {
    uint64_t head;
    uint64_t tail;
};

static inline struct scan_words scan_lower_words(const char *text, size_t len)
{
    struct scan_words words = {0};
    if (len >= 8) {
        memcpy(&words.head, text, 8);
        memcpy(&words.tail, text + len - 8, 8);
    } else if (len >= 4) {
        memcpy(&words.head, text, 4);
        memcpy(&words.tail, text + len - 4, 4);
    } else if (len > 0) {
        words.head = (unsigned char)text[0] | (uint64_t)(unsigned char)text[len / 2] << 8;
        words.tail = (unsigned char)text[len - 1];
    }
    words.head |= 0x2020202020202020;
    words.tail |= 0x2020202020202020;
    return words;
}

/* `lower` is a literal of lower-case letters, digits and "-", up to 16 bytes. */
static inline bool scan_is_word(const char *text, size_t len, const char *lower, size_t lower_len)
{
    if (len != lower_len)
        return false;
    struct scan_words a = scan_lower_words(text, len);
    struct scan_words b = scan_lower_words(lower, lower_len);
    return a.head == b.head && a.tail == b.tail;
}

#define SCAN_IS_WORD(text, literal) scan_is_word((text).ptr, (text).len, (literal), sizeof(literal) - 1)

#endif
