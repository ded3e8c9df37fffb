/* SPDX-License-Identifier: Apache-2.0 */
/* A slice points into memory that somebody else owns. It never owns, is never NUL-terminated by promise, and an empty
 * one may have a NULL pointer. Request headers and bodies are slices of the receive buffer. */
#ifndef WEIR_LIB_BASE_SLICE_H
#define WEIR_LIB_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE_LIT(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_FMT          "%.*s"
#define SLICE_ARG(s)       (int)(s).len, (s).ptr

static inline struct slice slice_of(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice slice_of_text(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of_text(text));
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII only, as HTTP field names and media types want it. */
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_ends(struct slice s, struct slice end)
{
    return s.len >= end.len && (end.len == 0 || memcmp(s.ptr + s.len - end.len, end.ptr, end.len) == 0);
}

/* The rest after the first `count` bytes; count must not exceed s.len. */
static inline struct slice slice_skip(struct slice s, size_t count)
{
    return (struct slice){s.ptr + count, s.len - count};
}

static inline struct slice slice_first(struct slice s, size_t count)
{
    return (struct slice){s.ptr, count < s.len ? count : s.len};
}

/* Position of a byte, or s.len when it is absent. */
static inline size_t slice_find(struct slice s, char byte)
{
    const char *hit = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

/* Without spaces and tabs at both ends (OWS of RFC 9110 section 5.6.3). */
static inline struct slice slice_trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_skip(s, 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Of at least 8 bytes. */
static inline void slice_put_long(char *out, const char *from, size_t len)
{
    if (len <= 16) {
        memcpy(out, from, 8);
        memcpy(out + len - 8, from + len - 8, 8);
    } else if (len <= 32) {
        memcpy(out, from, 16);
        memcpy(out + len - 16, from + len - 16, 16);
    } else {
        memcpy(out, from, len);
    }
}

/* Copies to `out`, where there is room; returns the place behind. Short texts, as nearly all that a request copies, are
 * two overlapping moves in place of a call. */
static inline char *slice_put(char *out, struct slice s)
{
    const char *from = s.ptr;
    size_t len = s.len;
    if (len >= 8) {
        slice_put_long(out, from, len);
    } else if (len >= 4) {
        memcpy(out, from, 4);
        memcpy(out + len - 4, from + len - 4, 4);
    } else if (len > 0) {
        out[0] = from[0];
        out[len / 2] = from[len / 2];
        out[len - 1] = from[len - 1];
    }
    return out + len;
}

/* Cuts *rest at the first `separator`: returns what stands before it and leaves what stands after it. Without a
 * separator returns all and leaves {NULL, 0}, so `while (rest.ptr)` visits every part, the empty ones too. */
static inline struct slice slice_cut(struct slice *rest, char separator)
{
    size_t at = slice_find(*rest, separator);
    struct slice part = slice_first(*rest, at);
    *rest = at < rest->len ? slice_skip(*rest, at + 1) : (struct slice){NULL, 0};
    return part;
}

#endif
