/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/url.h"

#include "lib/http/http.h"
#include "lib/http/scan.h"

static enum err parse_absolute(struct slice target, struct url_target *ret_target);
static void split_query(struct slice text, struct url_target *target);

NOT_INLINE enum err url_target_parse(struct slice target, struct url_target *ret_target)
{
    struct url_target parsed = {0};
    for (size_t i = 0; i < target.len; i++)
        if (!scan_is(target.ptr[i], SCAN_TARGET))
            return ERR_SYNTAX;
    if (target.len == 0)
        return ERR_SYNTAX;
    if (target.ptr[0] == '/') {
        parsed.form = URL_ORIGIN;
        split_query(target, &parsed);
    } else if (slice_is(target, "*")) {
        parsed.form = URL_ASTERISK;
    } else if (slice_find(target, '/') < target.len) {
        TRY(parse_absolute(target, &parsed));
    } else {
        parsed.form = URL_AUTHORITY;
        parsed.authority = target;
        bool has_port = slice_find(target, ':') < target.len && scan_is(target.ptr[target.len - 1], SCAN_DIGIT);
        if (!has_port || !http_is_authority(target))
            return ERR_SYNTAX;
    }
    *ret_target = parsed;
    return ERR_OK;
}

/* A dot behind a slash may be a dot segment, which the long way decides. */
bool url_target_is_canonical(struct slice target, struct slice *ret_path, struct slice *ret_query)
{
    const struct scan *scan = scan_best;
    const char *end = target.ptr + target.len;
    const char *at = target.ptr;
    if (target.len == 0 || *at != '/')
        return false;
    while ((at = scan->path(target.ptr, at, end)) != end && *at == '.' && at[-1] != '/')
        at++;
    struct slice query = {NULL, 0};
    if (at != end) {
        if (*at != '?' || scan->target(target.ptr, at, end) != end)
            return false;
        query = slice_of(at + 1, (size_t)(end - at - 1));
    }
    *ret_path = slice_of(target.ptr, (size_t)(at - target.ptr));
    *ret_query = query;
    return true;
}

static void split_query(struct slice text, struct url_target *target)
{
    target->path = slice_cut(&text, '?');
    target->has_query = text.ptr != NULL;
    target->query = text;
}

/* http-URI of RFC 9110 section 4.2.1. Userinfo fails as a host: section 4.2.4 has us treat it as an error. */
static enum err parse_absolute(struct slice target, struct url_target *ret_target)
{
    struct slice rest = target;
    struct slice scheme = slice_cut(&rest, ':');
    if (!slice_equal_nocase(scheme, SLICE_LIT("http")) && !slice_equal_nocase(scheme, SLICE_LIT("https")))
        return ERR_SYNTAX;
    if (!slice_starts(rest, SLICE_LIT("//")))
        return ERR_SYNTAX;
    rest = slice_skip(rest, 2);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    ret_target->form = URL_ABSOLUTE;
    ret_target->scheme = scheme;
    ret_target->authority = slice_first(rest, len);
    if (!http_is_authority(ret_target->authority))
        return ERR_SYNTAX;
    split_query(slice_skip(rest, len), ret_target);
    if (ret_target->path.len == 0)
        ret_target->path = SLICE_LIT("/");
    return ERR_OK;
}

#define PATH_CHARS (SCAN_UNRESERVED | SCAN_SUB_DELIM)

/* The byte of the escape at the front, or -1. */
static int escape_value(struct slice text)
{
    if (text.len < 3)
        return -1;
    int high = scan_hex_digit(text.ptr[1]);
    int low = scan_hex_digit(text.ptr[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The byte at the front of *path, decoded and cut off, and whether it must be written as an escape. */
static enum err cut_path_byte(struct slice *path, unsigned char *ret_byte, bool *ret_is_escape)
{
    unsigned char byte = (unsigned char)path->ptr[0];
    bool is_escape = byte == '%';
    size_t len = is_escape ? 3 : 1;
    if (is_escape) {
        int value = escape_value(*path);
        if (value < 0 || value == '/')
            return ERR_SYNTAX;
        byte = (unsigned char)value;
    }
    if (byte < ' ' || byte == 0x7f || byte == '\\' || (!is_escape && byte > 0x7f))
        return ERR_SYNTAX;
    bool is_plain = is_escape ? scan_is((char)byte, SCAN_UNRESERVED)
                              : scan_is((char)byte, PATH_CHARS) || byte == '/' || byte == ':' || byte == '@';
    *path = slice_skip(*path, len);
    *ret_byte = byte;
    *ret_is_escape = !is_plain;
    return ERR_OK;
}

/* Drops "/." and "/segment/.." from the end of out, at the end of a segment. ERR_SYNTAX above the root. */
static enum err end_segment(const char *out, size_t *len, size_t *segment)
{
    struct slice text = slice_of(out + *segment, *len - *segment);
    bool is_up = slice_is(text, "..");
    if (!is_up && !slice_is(text, "."))
        return ERR_OK;
    *len = *segment;
    if (!is_up)
        return ERR_OK;
    if (*segment == 1)
        return ERR_SYNTAX;
    do
        (*len)--;
    while (out[*len - 1] != '/');
    *segment = *len;
    return ERR_OK;
}

NOT_INLINE enum err url_path_normalize(struct slice path, char *out, size_t capacity, struct slice *ret_path)
{
    size_t len = 0;
    size_t segment = 0; /* where the one at hand begins, after its slash */
    if (path.len == 0 || path.ptr[0] != '/')
        return ERR_SYNTAX;
    while (path.len > 0) {
        unsigned char byte;
        bool is_escape;
        TRY(cut_path_byte(&path, &byte, &is_escape));
        if (byte == '/' && len > 0) {
            size_t before = len;
            TRY(end_segment(out, &len, &segment));
            if (len != before)
                continue; /* the slash before the dot segment stands for this one */
        }
        if (capacity - len < (is_escape ? 3u : 1u))
            return ERR_LIMIT;
        if (is_escape) {
            out[len++] = '%';
            out[len++] = "0123456789ABCDEF"[byte >> 4];
            out[len++] = "0123456789ABCDEF"[byte & 15];
        } else {
            out[len++] = (char)byte;
        }
        if (byte == '/')
            segment = len;
    }
    TRY(end_segment(out, &len, &segment));
    *ret_path = slice_of(out, len);
    return ERR_OK;
}

bool url_query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    while (rest->ptr) {
        struct slice pair = slice_cut(rest, '&');
        if (pair.len == 0)
            continue;
        *ret_name = slice_cut(&pair, '=');
        *ret_value = pair;
        return true;
    }
    return false;
}

enum err url_percent_decode(struct slice text, bool plus_is_space, char *out, struct slice *ret_text)
{
    size_t len = 0;
    while (text.len > 0) {
        char byte = text.ptr[0];
        if (byte == '%') {
            int value = escape_value(text);
            if (value < 0)
                return ERR_SYNTAX;
            out[len++] = (char)value;
            text = slice_skip(text, 3);
            continue;
        }
        out[len++] = plus_is_space && byte == '+' ? ' ' : byte;
        text = slice_skip(text, 1);
    }
    *ret_text = slice_of(out, len);
    return ERR_OK;
}
