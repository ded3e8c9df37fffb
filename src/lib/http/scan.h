/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes of HTTP and URLs, and the search for the first byte outside of one. Inside lib/http only. */
#ifndef WEIR_LIB_HTTP_SCAN_H
#define WEIR_LIB_HTTP_SCAN_H

#include "lib/base/attr.h"
#include "lib/base/cpu.h"
#include "lib/base/slice.h"

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
    scan_fn path;    /* SCAN_PATH */
    bool has_blocks; /* the inline searches below look at 16 bytes at once */
};

/* The fastest searches up to a level; the same answers at every level. */
const struct scan *scan_for(enum cpu_level level);
/* scan_for(cpu_level()). */
extern const struct scan *scan_best;

/* Inline searches of blocks, for what is nearly always short: names up to the colon, values, paths. SSE2 is part of x86-64,
 * so no choice is made at run time, but `scalar` keeps away from them. */
#if defined(__SSE2__)
#define SCAN_HAS_BLOCKS true

/* Bit n is set when byte n is no printable ASCII. One more than 0x7f is the least of signed bytes. */
static inline unsigned scan_outside_printable(const char *at)
{
    __m128i one_more = _mm_add_epi8(_mm_loadu_si128((const __m128i_u *)at), _mm_set1_epi8(1));
    return (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(one_more, _mm_set1_epi8(' '))) ^ 0xffff;
}

/* True when all bytes are printable ASCII. */
static inline bool scan_are_printable(__m128i a, __m128i b)
{
    __m128i space = _mm_set1_epi8(' ');
    __m128i one = _mm_set1_epi8(1);
    __m128i good =
        _mm_and_si128(_mm_cmpgt_epi8(_mm_add_epi8(a, one), space), _mm_cmpgt_epi8(_mm_add_epi8(b, one), space));
    return _mm_movemask_epi8(good) == 0xffff;
}

/* 0xff where a byte is one of `first` to `last`. */
static inline __m128i scan_in_range(__m128i bytes, char first, char last)
{
    __m128i from_least = _mm_sub_epi8(bytes, _mm_set1_epi8((char)(first - INT8_MIN)));
    return _mm_cmpgt_epi8(_mm_set1_epi8((char)(last - first + 1 + INT8_MIN)), from_least);
}

static inline __m128i scan_are_letters(__m128i bytes)
{
    return scan_in_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
}

/* Bit n is set when byte n is no letter, digit or one of "/-_:": what nearly all paths are made of. */
static inline unsigned scan_outside_plain_path(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    __m128i inside = _mm_or_si128(scan_are_letters(bytes), scan_in_range(bytes, '/', ':'));
    inside = _mm_or_si128(inside, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    inside = _mm_or_si128(inside, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_')));
    return (unsigned)_mm_movemask_epi8(inside) ^ 0xffff;
}

/* Bit n is set when byte n is no letter, digit or one of "-.": what nearly all hosts are made of. */
static inline unsigned scan_outside_plain_host(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('/'));
    __m128i inside = _mm_or_si128(scan_are_letters(bytes), _mm_andnot_si128(slash, scan_in_range(bytes, '-', '9')));
    return (unsigned)_mm_movemask_epi8(inside) ^ 0xffff;
}

/* Bit n is set when byte n is a colon. */
static inline unsigned scan_colons(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
}
#else
#define SCAN_HAS_BLOCKS false

static inline unsigned scan_outside_printable(const char *at)
{
    (void)at;
    return 0;
}

static inline unsigned scan_outside_plain_path(const char *at)
{
    (void)at;
    return 0;
}

static inline unsigned scan_outside_plain_host(const char *at)
{
    (void)at;
    return 0;
}

static inline unsigned scan_colons(const char *at)
{
    (void)at;
    return 0;
}
#endif

#define SCAN_BLOCK_BYTES 16

/* The place of the lowest bit; there is one. */
static inline size_t scan_lowest(unsigned bits)
{
    return (size_t)__builtin_ctzll(bits);
}

/* The last block of [from, end), NULL when there is none or blocks are not to be used. */
static inline const char *scan_last_block(const struct scan *scan, const char *from, const char *end)
{
    return SCAN_HAS_BLOCKS && scan->has_blocks && end - from >= SCAN_BLOCK_BYTES ? end - SCAN_BLOCK_BYTES : NULL;
}

/* Passes over what is inside, up to the end of the last block; without blocks over nothing. `outside` is one of the above. */
ALWAYS_INLINE const char *scan_inside(unsigned (*outside)(const char *), const char *at, const char *last_block)
{
    unsigned bits;
    for (; at <= last_block; at += SCAN_BLOCK_BYTES) {
        bits = outside(at);
        if (bits)
            return at + scan_lowest(bits);
    }
    if (UNLIKELY(!last_block))
        return at;
    bits = outside(last_block) >> (at - last_block);
    return bits ? at + scan_lowest(bits) : last_block + SCAN_BLOCK_BYTES;
}

/* scan->value, as a call only for what is in the class and hardly ever sent: the call is worth two blocks. */
static inline const char *scan_value(const struct scan *scan, const char *from, const char *at, const char *end)
{
    at = scan_inside(scan_outside_printable, at, scan_last_block(scan, from, end));
    return at == end || !scan_is(*at, SCAN_VALUE) ? at : scan->value(from, at, end);
}

/* Copies a text to `out`, where there is room, and says whether it is SCAN_VALUE. What is short, as most values that weir
 * makes are, is looked at on its way. */
static inline bool scan_put_value(char *out, struct slice value)
{
    const char *end = value.ptr + value.len;
    bool is_good = false;
#if SCAN_HAS_BLOCKS
    if (LIKELY(value.len >= 16 && value.len <= 32)) {
        __m128i first = _mm_loadu_si128((const __m128i_u *)value.ptr);
        __m128i last = _mm_loadu_si128((const __m128i_u *)(end - 16));
        _mm_storeu_si128((__m128i_u *)out, first);
        _mm_storeu_si128((__m128i_u *)(out + value.len - 16), last);
        is_good = scan_are_printable(first, last);
    } else if (value.len >= 8 && value.len < 16) {
        __m128i both = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i_u *)value.ptr),
                                          _mm_loadl_epi64((const __m128i_u *)(end - 8)));
        slice_put(out, value);
        is_good = scan_are_printable(both, both);
    } else
#endif
        slice_put(out, value);
    return is_good || value.len == 0 || scan_value(scan_best, value.ptr, value.ptr, end) == end;
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
