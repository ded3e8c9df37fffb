/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/uri_int.h"

#include "lib/base/text.h"

struct uri {
    struct slice scheme;    /* of all: {NULL, 0} when absent, else ptr is not NULL */
    struct slice authority; /* without "//" */
    struct slice path;
    struct slice query;    /* without "?" */
    struct slice fragment; /* without "#" */
};

static void split(struct slice text, struct uri *ret_uri);
static bool is_well_formed(struct slice text);
static enum err join(struct arena *arena, const struct uri *base, const struct uri *reference, struct slice *ret_uri);
static enum err decode_fragment(struct arena *arena, struct slice fragment, struct slice *ret_fragment);

enum err uri_resolve(struct arena *arena, struct slice base, struct slice reference, struct slice *ret_uri,
                     struct slice *ret_fragment)
{
    struct uri parts;
    struct uri base_parts;
    struct slice fragment = {NULL, 0};
    struct slice uri = base;
    split(reference, &parts);
    if (!is_well_formed(slice_first(reference, slice_find(reference, '#'))))
        return ERR_SYNTAX;
    if (parts.fragment.ptr)
        TRY(decode_fragment(arena, parts.fragment, &fragment));
    if (!parts.scheme.ptr && base.len == 0)
        return ERR_INVALID;
    if (slice_find(reference, '#') > 0) {
        split(base, &base_parts);
        TRY(join(arena, &base_parts, &parts, &uri));
    }
    *ret_uri = uri;
    *ret_fragment = fragment;
    return ERR_OK;
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_unreserved(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* How many bytes a scheme has at the front, without its colon; 0: there is none. */
static size_t measure_scheme(struct slice text)
{
    size_t len = 0;
    while (len < text.len && (is_alpha(text.ptr[len]) || (len > 0 && (is_digit(text.ptr[len]) || text.ptr[len] == '+' ||
                                                                      text.ptr[len] == '-' || text.ptr[len] == '.'))))
        len++;
    return len < text.len && text.ptr[len] == ':' ? len : 0;
}

/* Cuts off what stands behind the first `mark`; {NULL, 0} without one. */
static struct slice cut_behind(struct slice *text, char mark)
{
    size_t at = slice_find(*text, mark);
    struct slice behind = at < text->len ? slice_skip(*text, at + 1) : (struct slice){NULL, 0};
    *text = slice_first(*text, at);
    return behind;
}

/* Appendix B. */
static void split(struct slice text, struct uri *ret_uri)
{
    struct uri uri = {.scheme = {NULL, 0}};
    if (!text.ptr)
        text.ptr = "";
    uri.fragment = cut_behind(&text, '#');
    uri.query = cut_behind(&text, '?');
    size_t scheme_len = measure_scheme(text);
    if (scheme_len > 0) {
        uri.scheme = slice_first(text, scheme_len);
        text = slice_skip(text, scheme_len + 1);
    }
    if (slice_starts(text, SLICE_LIT("//"))) {
        text = slice_skip(text, 2);
        uri.authority = slice_first(text, slice_find(text, '/'));
        text = slice_skip(text, uri.authority.len);
    }
    uri.path = text;
    *ret_uri = uri;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_escape(struct slice text, size_t at)
{
    return at + 2 < text.len && hex_value(text.ptr[at + 1]) >= 0 && hex_value(text.ptr[at + 2]) >= 0;
}

static char escaped_byte(struct slice text, size_t at)
{
    return (char)(hex_value(text.ptr[at + 1]) << 4 | hex_value(text.ptr[at + 2]));
}

static bool is_well_formed(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == 0x7f || memchr("\"<>\\^`{|}", c, 9))
            return false;
        if (c == '%' && !is_escape(text, i))
            return false;
    }
    return true;
}

/* A text under construction, in memory that is known to suffice. */
struct out {
    char *ptr;
    size_t len;
};

static void put(struct out *out, char c)
{
    out->ptr[out->len++] = c;
}

static void put_normal(struct out *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            put(out, text.ptr[i]);
            continue;
        }
        char c = escaped_byte(text, i);
        if (is_unreserved(c)) {
            put(out, c);
        } else {
            static const char digits[] = "0123456789ABCDEF";
            put(out, '%');
            put(out, digits[(unsigned char)c >> 4]);
            put(out, digits[c & 15]);
        }
        i += 2;
    }
}

static void put_lower(struct out *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        put(out, ascii_lower(text.ptr[i]));
}

static void put_authority(struct out *out, struct slice authority)
{
    size_t host = slice_find(authority, '@');
    put(out, '/');
    put(out, '/');
    if (host < authority.len)
        put_normal(out, slice_first(authority, ++host));
    else
        host = 0;
    size_t start = out->len;
    put_normal(out, slice_skip(authority, host));
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == '%')
            i += 2; /* its digits are in upper case */
        else
            out->ptr[i] = ascii_lower(out->ptr[i]);
    }
}

/* Section 5.2.4, in place, for what `out` has behind `start`; only of a path that begins with a slash: "urn:a/../b" has no
 * hierarchy to climb. */
static void remove_dots(struct out *out, size_t start)
{
    if (out->len == start || out->ptr[start] != '/')
        return;
    struct slice rest = slice_of(out->ptr + start, out->len - start);
    size_t len = start;
    while (rest.len > 0) {
        size_t end = 1 + slice_find(slice_skip(rest, 1), '/');
        struct slice segment = slice_first(rest, end); /* with its slash in front */
        bool is_last = end == rest.len;
        rest = slice_skip(rest, end);
        if (slice_is(segment, "/..")) {
            while (len > start && out->ptr[--len] != '/')
                continue;
        } else if (!slice_is(segment, "/.")) {
            memmove(out->ptr + len, segment.ptr, segment.len);
            len += segment.len;
            continue;
        }
        if (is_last)
            out->ptr[len++] = '/';
    }
    out->len = len;
}

/* "a:/.//b" has no authority, and without its dot would have one (section 3.3). */
static void guard_slashes(struct out *out, size_t start)
{
    if (!slice_starts(slice_of(out->ptr + start, out->len - start), SLICE_LIT("//")))
        return;
    memmove(out->ptr + start + 2, out->ptr + start, out->len - start);
    memcpy(out->ptr + start, "/.", 2);
    out->len += 2;
}

/* Section 5.2.3. */
static void put_merged(struct out *out, const struct uri *base, struct slice path)
{
    size_t slash = base->path.len;
    while (slash > 0 && base->path.ptr[slash - 1] != '/')
        slash--;
    if (base->authority.ptr && base->path.len == 0)
        put(out, '/');
    put_normal(out, slice_first(base->path, slash));
    put_normal(out, path);
}

/* Sections 5.2.2 and 5.3. What comes out is at most as long as both texts and a slash. */
static enum err join(struct arena *arena, const struct uri *base, const struct uri *reference, struct slice *ret_uri)
{
    size_t room = base->scheme.len + base->authority.len + base->path.len + base->query.len + reference->scheme.len +
                  reference->authority.len + reference->path.len + reference->query.len + 8;
    struct out out = {.ptr = arena_alloc_at(arena, room, 1)};
    if (!out.ptr)
        return ERR_NOMEM;
    bool has_scheme = reference->scheme.ptr != NULL;
    bool has_authority = has_scheme || reference->authority.ptr != NULL;
    bool has_path = has_authority || reference->path.len > 0;
    bool has_query = has_path || reference->query.ptr != NULL;
    struct slice authority = has_authority ? reference->authority : base->authority;
    struct slice query = has_query ? reference->query : base->query;
    put_lower(&out, has_scheme ? reference->scheme : base->scheme);
    put(&out, ':');
    if (authority.ptr)
        put_authority(&out, authority);
    size_t start = out.len;
    if (has_path && !has_authority && reference->path.ptr[0] != '/')
        put_merged(&out, base, reference->path);
    else
        put_normal(&out, has_path ? reference->path : base->path);
    remove_dots(&out, start);
    if (!authority.ptr)
        guard_slashes(&out, start);
    if (query.ptr) {
        put(&out, '?');
        put_normal(&out, query);
    }
    *ret_uri = slice_of(out.ptr, out.len);
    return ERR_OK;
}

static enum err decode_fragment(struct arena *arena, struct slice fragment, struct slice *ret_fragment)
{
    struct out out = {.ptr = arena_alloc_at(arena, fragment.len + 1, 1)};
    if (!out.ptr)
        return ERR_NOMEM;
    for (size_t i = 0; i < fragment.len; i++) {
        if (fragment.ptr[i] != '%') {
            put(&out, fragment.ptr[i]);
            continue;
        }
        if (!is_escape(fragment, i))
            return ERR_SYNTAX;
        put(&out, escaped_byte(fragment, i));
        i += 2;
    }
    *ret_fragment = slice_of(out.ptr, out.len);
    return ERR_OK;
}
