/* SPDX-License-Identifier: Apache-2.0 */
/* URIs (RFC 3986), IRIs (RFC 3987) and URI templates (RFC 6570): one walk over the text, each part by its set of
 * characters. */
#include "lib/formats/formats_int.h"

enum {
    SCHEME = 1,
    NAME = 2,     /* unreserved / sub-delims: a reg-name */
    USERINFO = 4, /* and ":" */
    SEGMENT = 8,  /* NAME and "@": segment-nz-nc */
    PATH = 16,    /* pchar and "/" */
    QUERY = 32,   /* and "?" */
    HEX = 64,
    LITERAL = 128, /* of a template */
};

#define IN_ALL (NAME | USERINFO | SEGMENT | PATH | QUERY | LITERAL)

static const uint8_t classes[256] = {
    ['0' ... '9'] = SCHEME | HEX | IN_ALL,
    ['a' ... 'f'] = SCHEME | HEX | IN_ALL,
    ['g' ... 'z'] = SCHEME | IN_ALL,
    ['A' ... 'F'] = SCHEME | HEX | IN_ALL,
    ['G' ... 'Z'] = SCHEME | IN_ALL,
    ['+'] = SCHEME | IN_ALL,
    ['-'] = SCHEME | IN_ALL,
    ['.'] = SCHEME | IN_ALL,
    ['_'] = IN_ALL,
    ['~'] = IN_ALL,
    ['!'] = IN_ALL,
    ['$'] = IN_ALL,
    ['&'] = IN_ALL,
    ['\''] = IN_ALL, /* in a template by erratum 6937 */
    ['('] = IN_ALL,
    [')'] = IN_ALL,
    ['*'] = IN_ALL,
    [','] = IN_ALL,
    [';'] = IN_ALL,
    ['='] = IN_ALL,
    [':'] = USERINFO | PATH | QUERY | LITERAL,
    ['@'] = SEGMENT | PATH | QUERY | LITERAL,
    ['/'] = PATH | QUERY | LITERAL,
    ['?'] = QUERY | LITERAL,
    ['#'] = LITERAL,
    ['['] = LITERAL,
    [']'] = LITERAL,
};

/* Which characters beyond ASCII may stand there. */
enum beyond { BEYOND_NONE, BEYOND_UCSCHAR, BEYOND_PRIVATE_TOO };

/* ucschar and iprivate of RFC 3987 section 2.2, without the formatting characters that section 4.1 forbids. */
static bool is_allowed_beyond(uint32_t c, enum beyond beyond)
{
    if (c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e))
        return false;
    if ((c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) || (c >= 0xfdf0 && c <= 0xffef))
        return true;
    bool is_private = (c >= 0xe000 && c <= 0xf8ff) || c >= 0xf0000;
    if (c < 0x10000)
        return is_private && beyond == BEYOND_PRIVATE_TOO;
    if ((c & 0xffff) > 0xfffd || (c >= 0xe0000 && c <= 0xe0fff) || c > 0x10ffff)
        return false;
    return !is_private || beyond == BEYOND_PRIVATE_TOO;
}

static bool is_class(char c, unsigned class)
{
    return classes[(unsigned char)c] & class;
}

static bool starts_with_escape(struct slice rest)
{
    return rest.len >= 3 && rest.ptr[0] == '%' && is_class(rest.ptr[1], HEX) && is_class(rest.ptr[2], HEX);
}

/* What stands behind all that belongs to the class, is escaped, or is beyond ASCII and allowed. */
static struct slice skip(struct slice rest, unsigned class, enum beyond beyond)
{
    for (;;) {
        size_t count = 0;
        while (count < rest.len && classes[(unsigned char)rest.ptr[count]] & class)
            count++;
        rest = slice_skip(rest, count);
        if (rest.len == 0)
            return rest;
        if (starts_with_escape(rest)) {
            rest = slice_skip(rest, 3);
            continue;
        }
        struct slice behind = rest;
        if (beyond == BEYOND_NONE || (unsigned char)rest.ptr[0] < 0x80 ||
            !is_allowed_beyond(character_next(&behind), beyond))
            return rest;
        rest = behind;
    }
}

static bool starts(struct slice rest, char c)
{
    return rest.len && rest.ptr[0] == c;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_ip_future(struct slice text)
{
    size_t at = 1;
    if (text.len < 4 || ascii_lower(text.ptr[0]) != 'v')
        return false;
    while (at < text.len && is_class(text.ptr[at], HEX))
        at++;
    if (at == 1 || at == text.len || text.ptr[at] != '.' || ++at == text.len)
        return false;
    while (at < text.len && is_class(text.ptr[at], USERINFO))
        at++;
    return at == text.len;
}

/* What stands behind [ userinfo "@" ] host [ ":" port ]; {NULL, 0} for a malformed address. */
static struct slice skip_authority(struct slice rest, enum beyond beyond)
{
    struct slice behind = skip(rest, USERINFO, beyond);
    if (starts(behind, '@'))
        rest = slice_skip(behind, 1);
    if (starts(rest, '[')) {
        size_t end = slice_find(rest, ']');
        struct slice address = slice_of(rest.ptr + 1, end - 1);
        if (end == rest.len || (!is_ipv6(address) && !is_ip_future(address)))
            return (struct slice){NULL, 0};
        rest = slice_skip(rest, end + 1);
    } else {
        rest = skip(rest, NAME, beyond);
    }
    if (starts(rest, ':')) {
        rest = slice_skip(rest, 1);
        while (rest.len && is_digit(rest.ptr[0]))
            rest = slice_skip(rest, 1);
    }
    return rest;
}

/* Length of the scheme at the front; 0: there is none. */
static size_t measure_scheme(struct slice text)
{
    size_t len = 0;
    while (len < text.len && is_class(text.ptr[len], SCHEME))
        len++;
    bool begins_with_letter = len && ascii_lower(text.ptr[0]) >= 'a' && ascii_lower(text.ptr[0]) <= 'z';
    return begins_with_letter && len < text.len && text.ptr[len] == ':' ? len : 0;
}

ALWAYS_INLINE bool check(struct slice text, bool has_scheme, enum beyond beyond)
{
    enum beyond in_query = beyond == BEYOND_NONE ? BEYOND_NONE : BEYOND_PRIVATE_TOO;
    size_t scheme = measure_scheme(text);
    struct slice rest = text;
    if (scheme)
        rest = slice_skip(text, scheme + 1);
    else if (has_scheme)
        return false;
    if (rest.len >= 2 && rest.ptr[0] == '/' && rest.ptr[1] == '/') {
        rest = skip_authority(slice_skip(rest, 2), beyond);
        if (!rest.ptr || (rest.len && rest.ptr[0] != '/' && rest.ptr[0] != '?' && rest.ptr[0] != '#'))
            return false;
    } else if (!scheme) {
        rest = skip(rest, SEGMENT, beyond);
        if (starts(rest, ':'))
            return false;
    }
    rest = skip(rest, PATH, beyond);
    if (starts(rest, '?'))
        rest = skip(slice_skip(rest, 1), QUERY, in_query);
    if (starts(rest, '#'))
        rest = skip(slice_skip(rest, 1), QUERY, beyond);
    return rest.len == 0;
}

bool is_uri(struct slice text)
{
    return check(text, true, BEYOND_NONE);
}

bool is_uri_reference(struct slice text)
{
    return check(text, false, BEYOND_NONE);
}

bool is_iri(struct slice text)
{
    return check(text, true, BEYOND_UCSCHAR);
}

bool is_iri_reference(struct slice text)
{
    return check(text, false, BEYOND_UCSCHAR);
}

/* URI templates. */

/* varchar: ALPHA / DIGIT / "_" / pct-encoded. */
static size_t measure_varchar(struct slice rest)
{
    if (starts_with_escape(rest))
        return 3;
    bool is_alphanumeric = rest.len && is_class(rest.ptr[0], SCHEME) && !strchr("+-.", rest.ptr[0]);
    return is_alphanumeric || starts(rest, '_') ? 1 : 0;
}

/* varname: varchar *( ["."] varchar ). */
static bool skip_varname(struct slice *rest)
{
    size_t len = measure_varchar(*rest);
    if (len == 0)
        return false;
    while (len) {
        *rest = slice_skip(*rest, len);
        size_t dot = starts(*rest, '.');
        len = measure_varchar(slice_skip(*rest, dot));
        if (dot && !len)
            return false;
        len += len ? dot : 0;
    }
    return true;
}

/* modifier-level4: ":" and a number below 10000, or "*". */
static bool skip_modifier(struct slice *rest)
{
    if (starts(*rest, '*')) {
        *rest = slice_skip(*rest, 1);
    } else if (starts(*rest, ':')) {
        size_t len = 1;
        while (len < rest->len && len <= 4 && is_digit(rest->ptr[len]))
            len++;
        if (len == 1 || rest->ptr[1] == '0')
            return false;
        *rest = slice_skip(*rest, len);
    }
    return true;
}

/* What stands between "{" and "}", and the latter. */
static bool skip_expression(struct slice *rest)
{
    if (rest->len && strchr("+#./;?&=,!@|", rest->ptr[0]) && rest->ptr[0])
        *rest = slice_skip(*rest, 1);
    for (;;) {
        if (!skip_varname(rest) || !skip_modifier(rest) || rest->len == 0)
            return false;
        char c = rest->ptr[0];
        *rest = slice_skip(*rest, 1);
        if (c != ',')
            return c == '}';
    }
}

bool is_uri_template(struct slice text)
{
    for (;;) {
        text = skip(text, LITERAL, BEYOND_PRIVATE_TOO);
        if (!starts(text, '{'))
            return text.len == 0;
        text = slice_skip(text, 1);
        if (!skip_expression(&text))
            return false;
    }
}
