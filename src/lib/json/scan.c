/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays are skipped by blocks of 64 bytes, each as three masks of bits: its opening brackets, its closing ones, its quotes.
 * Only a block with more closing ones than arrays are open is looked at bit by bit. The vectors are the compiler's own
 * (SSE2 on every x86-64), so the same text is the portable form. */
#include "lib/json/scan.h"

#include "lib/base/attr.h"

#define BLOCK_BYTES 64

struct block {
    uint64_t opens;
    uint64_t closes;
    uint64_t quotes;
};

#ifdef __SSE2__
#include <immintrin.h>

/* Whether it is worth a look. Brackets differ in two bits; what else looks like them then does no harm. */
static inline bool has_marks(const char *ptr)
{
    __m128i any = _mm_setzero_si128();
    for (int i = 0; i < 4; i++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(ptr + 16 * i));
        __m128i brackets = _mm_cmpeq_epi8(_mm_or_si128(part, _mm_set1_epi8('[' ^ ']')), _mm_set1_epi8('[' | ']'));
        any = _mm_or_si128(any, _mm_or_si128(brackets, _mm_cmpeq_epi8(part, _mm_set1_epi8('"'))));
    }
    return _mm_movemask_epi8(any) != 0;
}

static inline uint64_t mask_of(const __m128i parts[4], char byte)
{
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(parts[i], _mm_set1_epi8(byte))) << 16 * i;
    return mask;
}

static inline struct block look(const char *ptr)
{
    __m128i parts[4];
    for (int i = 0; i < 4; i++)
        parts[i] = _mm_loadu_si128((const __m128i *)(const void *)(ptr + 16 * i));
    return (struct block){mask_of(parts, '['), mask_of(parts, ']'), mask_of(parts, '"')};
}
#else
static inline bool has_marks(const char *ptr)
{
    (void)ptr;
    return true;
}

static inline struct block look(const char *ptr)
{
    struct block block = {0};
    for (int i = 0; i < BLOCK_BYTES; i++) {
        block.opens |= (uint64_t)(ptr[i] == '[') << i;
        block.closes |= (uint64_t)(ptr[i] == ']') << i;
        block.quotes |= (uint64_t)(ptr[i] == '"') << i;
    }
    return block;
}
#endif

size_t json_scan_string(struct slice text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        at += text.ptr[at] == '\\';
    return at < text.len ? at + 1 : JSON_SCAN_NONE;
}

static size_t scan_container(struct slice text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '"') {
            at = json_scan_string(text, at);
            continue;
        }
        at++;
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && --depth == 0)
            return at;
    }
    return JSON_SCAN_NONE;
}

static size_t scan_word(struct slice text, size_t at)
{
    while (at < text.len && text.ptr[at] != ',' && text.ptr[at] != ']' && text.ptr[at] != '}' &&
           !json_is_space(text.ptr[at]))
        at++;
    return at;
}

size_t json_scan_value(struct slice text, size_t at)
{
    if (at >= text.len)
        return JSON_SCAN_NONE;
    char c = text.ptr[at];
    if (c == '"')
        return json_scan_string(text, at);
    return c == '[' || c == '{' ? scan_container(text, at) : scan_word(text, at);
}

/* Goes through the brackets of a block one by one; returns the bit of the last one, or BLOCK_BYTES. */
static size_t find_last(struct block block, size_t *depth)
{
    for (uint64_t left = block.opens | block.closes; left; left &= left - 1) {
        uint64_t bit = left & -left;
        if (block.opens & bit)
            ++*depth;
        else if (--*depth == 0)
            return (size_t)__builtin_ctzll(bit);
    }
    return BLOCK_BYTES;
}

size_t json_scan_array(struct slice text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char rest[BLOCK_BYTES] = {0};
        const char *ptr = text.ptr + at;
        if (text.len - at < BLOCK_BYTES) {
            memcpy(rest, ptr, text.len - at);
            ptr = rest;
        }
        if (!has_marks(ptr)) {
            at += BLOCK_BYTES;
            continue;
        }
        struct block block = look(ptr);
        uint64_t before = block.quotes ? (block.quotes & -block.quotes) - 1 : UINT64_MAX;
        block.opens &= before;
        block.closes &= before;
        size_t closes = (size_t)__builtin_popcountll(block.closes);
        if (closes < depth) {
            depth += (size_t)__builtin_popcountll(block.opens) - closes;
        } else {
            size_t last = find_last(block, &depth);
            if (last < BLOCK_BYTES)
                return at + last + 1;
        }
        if (block.quotes || depth == 0)
            return JSON_SCAN_NONE;
        at += BLOCK_BYTES;
    }
    return JSON_SCAN_NONE;
}
