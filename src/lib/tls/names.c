/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls/names_int.h"

#include "lib/base/attr.h"

#include <stdlib.h>

static bool is_host_pattern(struct slice text)
{
    if (slice_starts(text, SLICE_LIT("*.")))
        text = slice_skip(text, 2);
    return text.len > 0 && text.len <= TLS_HOST_BYTES_MAX && text.ptr[0] != '.' && slice_find(text, '*') == text.len &&
           slice_find(text, '\0') == text.len;
}

static void lower(char *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        out[i] = ascii_lower(text.ptr[i]);
}

void tls_names_deinit(struct tls_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free((void *)names->rows[i].text.ptr);
    free(names->rows);
    *names = (struct tls_names){0};
}

static enum err ensure_row(struct tls_names *names)
{
    if (names->count < names->capacity)
        return ERR_OK;
    uint32_t capacity = names->capacity ? 2 * names->capacity : 8;
    struct tls_names_row *rows = realloc(names->rows, capacity * sizeof *rows);
    if (!rows)
        return ERR_NOMEM;
    names->rows = rows;
    names->capacity = capacity;
    return ERR_OK;
}

enum err tls_names_add(struct tls_names *names, struct slice text, uint32_t owner)
{
    if (!is_host_pattern(text))
        return ERR_INVALID;
    TRY(ensure_row(names));
    char *copy = malloc(text.len);
    if (!copy)
        return ERR_NOMEM;
    lower(copy, text);
    names->rows[names->count++] = (struct tls_names_row){slice_of(copy, text.len), owner};
    return ERR_OK;
}

static int compare_texts(struct slice a, struct slice b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_rows(const void *left, const void *right)
{
    const struct tls_names_row *a = left;
    const struct tls_names_row *b = right;
    int order = compare_texts(a->text, b->text);
    return order ? order : (a->owner > b->owner) - (a->owner < b->owner);
}

void tls_names_sort(struct tls_names *names)
{
    if (names->count > 1)
        qsort(names->rows, names->count, sizeof *names->rows, compare_rows);
}

/* The first row with this text. */
static uint32_t find_owner(const struct tls_names *names, struct slice text)
{
    uint32_t low = 0;
    uint32_t high = names->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_texts(names->rows[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < names->count && slice_equal(names->rows[low].text, text) ? names->rows[low].owner : TLS_NOBODY;
}

uint32_t tls_names_find(const struct tls_names *names, struct slice host)
{
    char copy[TLS_HOST_BYTES_MAX];
    if (host.len == 0 || host.len > sizeof copy)
        return TLS_NOBODY;
    lower(copy, host);
    struct slice text = slice_of(copy, host.len);
    uint32_t owner = find_owner(names, text);
    size_t dot = slice_find(text, '.');
    if (owner != TLS_NOBODY || dot == 0 || dot == text.len)
        return owner;
    copy[dot - 1] = '*';
    return find_owner(names, slice_skip(text, dot - 1));
}

bool tls_names_equal(const struct tls_names *a, const struct tls_names *b)
{
    bool are_equal = a->count == b->count;
    for (uint32_t i = 0; are_equal && i < a->count; i++)
        are_equal = slice_equal(a->rows[i].text, b->rows[i].text);
    return are_equal;
}
