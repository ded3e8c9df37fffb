/* SPDX-License-Identifier: Apache-2.0 */
/* The names of fields.def, found by one multiplication and one comparison of 16 bytes. Inside lib/http only.
 *
 * What is compared is the name with the colon behind it and zeros behind that: so one comparison decides about the length
 * too. The multiplier that keeps the rows apart is searched when the program starts (some hundred tries of some dozen
 * steps): a row can be added without a generator, and names that no multiplier can tell apart stop the very first start. */
#ifndef WEIR_LIB_HTTP_FIELDS_INT_H
#define WEIR_LIB_HTTP_FIELDS_INT_H

#include "lib/http/http.h"
#include "lib/http/scan.h"

#define FIELD_BLOCK_BYTES 16
#define FIELD_SLOT_BITS   8

/* The first bytes of a name in lower case, as described above. */
struct field_block {
    char text[FIELD_BLOCK_BYTES];
    char fold[FIELD_BLOCK_BYTES]; /* 0x20 where there is a letter */
};

/* Written once, before main. That of HTTP_FIELD_OTHER is zeros, which no name is. */
extern struct field_block http_field_blocks[HTTP_FIELD_COUNT];
extern uint8_t http_field_slots[1u << FIELD_SLOT_BITS]; /* enum http_field; OTHER: free */
extern uint64_t http_field_multiplier;

/* The only field that a block can be. Bit 0x20 of each of its bytes is set, so that the case of letters does not count. */
static inline uint8_t *http_field_slot(uint64_t head, uint64_t tail)
{
    return &http_field_slots[(head + tail * 3) * http_field_multiplier >> (64 - FIELD_SLOT_BITS)];
}

#if SCAN_HAS_BLOCKS
/* Whether the `len` bytes, up to 15, at `at` are a known name; 16 may be read and the colon is the first one. They need
 * not be a token. */
static inline bool http_field_find(const char *at, size_t len, enum http_field *ret_field)
{
    static const char first_bytes[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    __m128i mask = _mm_loadu_si128((const __m128i_u *)(first_bytes + FIELD_BLOCK_BYTES - 1 - len));
    __m128i name = _mm_and_si128(_mm_loadu_si128((const __m128i_u *)at), mask);
    __m128i hashed = _mm_or_si128(name, _mm_set1_epi8(0x20));
    uint64_t head = (uint64_t)_mm_cvtsi128_si64(hashed);
    uint64_t tail = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(hashed, hashed));
    enum http_field field = (enum http_field) * http_field_slot(head, tail);
    const struct field_block *known = &http_field_blocks[field];
    __m128i folded = _mm_or_si128(name, _mm_loadu_si128((const __m128i_u *)known->fold));
    __m128i equal = _mm_cmpeq_epi8(folded, _mm_loadu_si128((const __m128i_u *)known->text));
    *ret_field = field;
    return _mm_movemask_epi8(equal) == 0xffff;
}
#else
static inline bool http_field_find(const char *at, size_t len, enum http_field *ret_field)
{
    (void)at, (void)len, (void)ret_field;
    return false;
}
#endif

#endif
