/* SPDX-License-Identifier: Apache-2.0 */
/* Methods, status texts, and the small grammars that several codecs need. */
#include "lib/http/http.h"

#include "lib/http/scan.h"

static const char *const methods[] = {
    [HTTP_METHOD_GET] = "GET",         [HTTP_METHOD_HEAD] = "HEAD",       [HTTP_METHOD_POST] = "POST",
    [HTTP_METHOD_PUT] = "PUT",         [HTTP_METHOD_DELETE] = "DELETE",   [HTTP_METHOD_PATCH] = "PATCH",
    [HTTP_METHOD_OPTIONS] = "OPTIONS", [HTTP_METHOD_CONNECT] = "CONNECT", [HTTP_METHOD_TRACE] = "TRACE",
    [HTTP_METHOD_OTHER] = "OTHER",
};

static size_t host_len(struct slice text);
static bool is_ipv6(struct slice text);

enum http_method http_method_parse(struct slice text)
{
    if (text.len == 0)
        return HTTP_METHOD_OTHER;
    for (enum http_method method = HTTP_METHOD_GET; method < HTTP_METHOD_OTHER; method++)
        if (methods[method][0] == text.ptr[0] && slice_is(text, methods[method]))
            return method;
    return HTTP_METHOD_OTHER;
}

const char *http_method_name(enum http_method method)
{
    return methods[method];
}

const char *http_status_text(int status)
{
    switch (status) {
#define STATUS(code, text)                                                                                             \
    case code:                                                                                                         \
        return text;
#include "lib/http/statuses.def"
#undef STATUS
    default:
        return "";
    }
}

bool http_is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!scan_is(text.ptr[i], SCAN_TCHAR))
            return false;
    return text.len > 0;
}

bool http_is_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!scan_is(text.ptr[i], SCAN_VALUE))
            return false;
    return true;
}

bool http_is_port(struct slice text)
{
    static const char largest[] = "65535";
    if (text.len == 0)
        return true;
    if (text.ptr[0] != ':' || text.len > sizeof largest)
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!scan_is(text.ptr[i], SCAN_DIGIT))
            return false;
    return text.len < sizeof largest || text.ptr[1] < largest[0] ||
           memcmp(text.ptr + 1, largest, sizeof largest - 1) <= 0;
}

bool http_is_authority(struct slice text)
{
    size_t len = host_len(text);
    return len > 0 && http_is_port(slice_skip(text, len));
}

/* The length of the name or address at the front, 0 when there is none. RFC 3986 allows escapes in a name; HTTP has no use
 * for them, and a host that one reader decodes and another does not is a way to be two hosts. */
static size_t host_len(struct slice text)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t end = slice_find(text, ']');
        return end < text.len && is_ipv6(slice_of(text.ptr + 1, end - 1)) ? end + 1 : 0;
    }
    size_t len = 0;
    while (len < text.len && scan_is(text.ptr[len], SCAN_UNRESERVED | SCAN_SUB_DELIM))
        len++;
    return len;
}

/* A group of an IPv6 address: 1 to 4 hex digits at the front of *text, cut off. */
static bool cut_hex_group(struct slice *text)
{
    size_t len = 0;
    while (len < text->len && len < 5 && scan_is(text->ptr[len], SCAN_HEX))
        len++;
    *text = slice_skip(*text, len);
    return len >= 1 && len <= 4;
}

static bool is_ipv4(struct slice text)
{
    for (unsigned part = 0; part < 4; part++) {
        struct slice digits = slice_cut(&text, '.');
        unsigned value = 0;
        if (digits.len < 1 || digits.len > 3 || (digits.len > 1 && digits.ptr[0] == '0'))
            return false;
        for (size_t i = 0; i < digits.len; i++) {
            if (!scan_is(digits.ptr[i], SCAN_DIGIT))
                return false;
            value = value * 10 + (unsigned)(digits.ptr[i] - '0');
        }
        if (value > 255 || (part < 3) != (text.ptr != NULL))
            return false;
    }
    return true;
}

/* RFC 3986 section 3.2.2: eight groups, or fewer with one "::"; the last two may be an IPv4 address. */
static bool is_ipv6(struct slice text)
{
    unsigned groups = 0;
    bool has_gap = slice_starts(text, SLICE_LIT("::"));
    if (has_gap)
        text = slice_skip(text, 2);
    while (text.len > 0) {
        if (slice_find(text, '.') < text.len && slice_find(text, ':') == text.len)
            return is_ipv4(text) && (has_gap ? groups + 2 < 8 : groups + 2 == 8);
        if (!cut_hex_group(&text) || ++groups > 8)
            return false;
        if (text.len == 0)
            break;
        bool is_gap = slice_starts(text, SLICE_LIT("::"));
        if (text.ptr[0] != ':' || text.len == 1 || (is_gap && has_gap))
            return false;
        has_gap |= is_gap;
        text = slice_skip(text, is_gap ? 2 : 1);
    }
    return has_gap ? groups < 8 : groups == 8;
}

/* Where the element at the front of `list` ends. */
static size_t element_len(struct slice list)
{
    bool is_quoted = false;
    for (size_t i = 0; i < list.len; i++) {
        char c = list.ptr[i];
        if (c == ',' && !is_quoted)
            return i;
        if (c == '"')
            is_quoted = !is_quoted;
        if (c == '\\' && is_quoted && i + 1 < list.len)
            i++;
    }
    return list.len;
}

bool http_list_next(struct slice *rest, struct slice *ret_element)
{
    while (rest->len > 0) {
        size_t len = element_len(*rest);
        struct slice element = slice_trim(slice_first(*rest, len));
        *rest = slice_skip(*rest, len < rest->len ? len + 1 : len);
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}
