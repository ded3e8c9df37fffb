/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/text.h"

#include <stdio.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define NAME_LEN_MAX 63

static size_t distance(struct slice a, struct slice b);

enum err text_parse_u64(struct slice text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.len == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
        if (digit > 9)
            return ERR_SYNTAX;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return ERR_LIMIT;
    }
    *ret_value = value;
    return ERR_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err text_parse_hex(struct slice text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.len == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0)
            return ERR_SYNTAX;
        if (value >> 60)
            return ERR_LIMIT;
        value = value << 4 | (unsigned)digit;
    }
    *ret_value = value;
    return ERR_OK;
}

size_t text_format_long_u64(char *out, uint64_t value)
{
    char digits[20];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

static inline void format_hex_byte(char *out, char byte)
{
    static const char digits[] = "0123456789abcdef";
    out[0] = digits[(unsigned char)byte >> 4];
    out[1] = digits[byte & 0x0f];
}

/* Eight bytes become sixteen digits at once where there are blocks of 16; ids and hashes are of such lengths. */
#if defined(__SSE2__)
static inline void format_hex_block(char *out, const char *bytes)
{
    __m128i block = _mm_loadl_epi64((const __m128i_u *)bytes);
    __m128i low_half = _mm_set1_epi8(0x0f);
    __m128i high = _mm_and_si128(_mm_srli_epi16(block, 4), low_half);
    __m128i digits = _mm_unpacklo_epi8(high, _mm_and_si128(block, low_half));
    __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
    _mm_storeu_si128((__m128i_u *)out, _mm_add_epi8(_mm_add_epi8(digits, _mm_set1_epi8('0')), letters));
}
#else
static inline void format_hex_block(char *out, const char *bytes)
{
    for (size_t i = 0; i < 8; i++)
        format_hex_byte(out + 2 * i, bytes[i]);
}
#endif

void text_format_hex(char *out, struct slice bytes)
{
    size_t whole = bytes.len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        format_hex_block(out + 2 * i, bytes.ptr + i);
    for (size_t i = whole; i < bytes.len; i++)
        format_hex_byte(out + 2 * i, bytes.ptr[i]);
}

enum err text_decode_hex(struct slice text, void *out)
{
    unsigned char *bytes = out;
    if (text.len % 2)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.ptr[i]);
        int low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        bytes[i / 2] = (unsigned char)(high << 4 | low);
    }
    return ERR_OK;
}

const char *text_nearest(struct slice text, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    if (text.len > NAME_LEN_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of_text(names[i]);
        if (name.len > NAME_LEN_MAX)
            continue;
        size_t d = distance(text, name);
        if (d < best_distance && d <= MAX(text.len, name.len) / 3) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

struct text text_init(char *memory, size_t capacity)
{
    ASSERT(capacity > 0, "a text has room for its NUL");
    memory[0] = '\0';
    return (struct text){.ptr = memory, .capacity = capacity};
}

void text_add(struct text *text, struct slice part)
{
    size_t room = text->capacity - 1 - text->len;
    size_t len = MIN(room, part.len);
    if (len)
        memcpy(text->ptr + text->len, part.ptr, len);
    text->len += len;
    text->ptr[text->len] = '\0';
    text->is_cut |= len < part.len;
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vprintf(text, format, args);
    va_end(args);
}

void text_vprintf(struct text *text, const char *format, va_list args)
{
    size_t room = text->capacity - text->len;
    int len = vsnprintf(text->ptr + text->len, room, format, args);
    if (len < 0)
        return;
    text->is_cut |= (size_t)len >= room;
    text->len += MIN((size_t)len, room - 1);
}

/* Optimal string alignment distance with three rows: insert, delete, replace or swap neighbours costs one. */
static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][NAME_LEN_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t cost = a.ptr[i - 1] != b.ptr[j - 1];
            size_t best = MIN(last[j] + 1, row[j - 1] + 1);
            best = MIN(best, last[j - 1] + cost);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                best = MIN(best, before[j - 2] + 1);
            row[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b.len];
}
