/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/text.h"

#include <stdio.h>

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

size_t text_format_u64(char *out, uint64_t value)
{
    char digits[20];
    size_t len = 0;
    if (value < 100) { /* most lengths; half of the instructions */
        out[0] = (char)('0' + value / 10);
        out[value >= 10] = (char)('0' + value % 10);
        return value >= 10 ? 2 : 1;
    }
    do
        digits[len++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

#define HEX_ROW(high)                                                                                                  \
    high "0" high "1" high "2" high "3" high "4" high "5" high "6" high "7" high "8" high "9" high "a" high "b" high   \
         "c" high "d" high "e" high "f"

void text_format_hex(char *out, struct slice bytes)
{
    /* "000102…fdfeff" */
    static const char pairs[] =
        HEX_ROW("0") HEX_ROW("1") HEX_ROW("2") HEX_ROW("3") HEX_ROW("4") HEX_ROW("5") HEX_ROW("6") HEX_ROW("7")
            HEX_ROW("8") HEX_ROW("9") HEX_ROW("a") HEX_ROW("b") HEX_ROW("c") HEX_ROW("d") HEX_ROW("e") HEX_ROW("f");
    for (size_t i = 0; i < bytes.len; i++)
        memcpy(out + 2 * i, pairs + (size_t)2 * (unsigned char)bytes.ptr[i], 2);
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
