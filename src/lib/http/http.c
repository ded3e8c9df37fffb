/* SPDX-License-Identifier: Apache-2.0 */
/* Methods, field names, status texts, and the small grammars that several codecs need.
 *
 * Field names are found with one multiplication over the length and three letters. The multiplier that keeps the rows
 * of fields.def apart is searched when the program starts (some hundred tries of some dozen steps): a row can be added
 * without a generator, and two names that no multiplier can tell apart stop the very first start. */
#include "lib/http/http.h"

#include "lib/http/scan.h"

#define SLOT_BITS 8

struct field_row {
    const char *text;
    uint8_t len;
    bool is_single;
};

static const struct field_row fields[] = {
#define FIELD(name, text, is_single) {text, sizeof(text) - 1, is_single},
#include "lib/http/fields.def"
#undef FIELD
    {"", 0, false},
};
_Static_assert(HTTP_FIELD_COUNT <= UINT8_MAX, "a slot holds a field in one byte");

/* Written once, before main. */
static uint32_t multiplier;
static uint8_t slots[1u << SLOT_BITS];

static const char *const methods[] = {
    [HTTP_METHOD_GET] = "GET",         [HTTP_METHOD_HEAD] = "HEAD",       [HTTP_METHOD_POST] = "POST",
    [HTTP_METHOD_PUT] = "PUT",         [HTTP_METHOD_DELETE] = "DELETE",   [HTTP_METHOD_PATCH] = "PATCH",
    [HTTP_METHOD_OPTIONS] = "OPTIONS", [HTTP_METHOD_CONNECT] = "CONNECT", [HTTP_METHOD_TRACE] = "TRACE",
    [HTTP_METHOD_OTHER] = "OTHER",
};

static bool equal_token_nocase(const char *token, const char *lower, size_t len);
static bool is_host(struct slice text);

enum http_method http_method_parse(struct slice text)
{
    for (enum http_method method = HTTP_METHOD_GET; method < HTTP_METHOD_OTHER; method++)
        if (slice_is(text, methods[method]))
            return method;
    return HTTP_METHOD_OTHER;
}

const char *http_method_name(enum http_method method)
{
    return methods[method];
}

/* Bit 0x20 makes letters lower case and leaves digits and "-" alone. */
static inline uint32_t slot_of(const char *name, size_t len, uint32_t factor)
{
    uint32_t first = (unsigned char)name[0] | 0x20u;
    uint32_t middle = (unsigned char)name[len / 2] | 0x20u;
    uint32_t last = (unsigned char)name[len - 1] | 0x20u;
    return (first ^ middle << 8 ^ last << 16 ^ (uint32_t)len << 24) * factor >> (32 - SLOT_BITS);
}

static bool fill_slots(uint32_t factor)
{
    memset(slots, HTTP_FIELD_OTHER, sizeof slots);
    for (unsigned field = 0; field < HTTP_FIELD_OTHER; field++) {
        uint8_t *slot = &slots[slot_of(fields[field].text, fields[field].len, factor)];
        if (*slot != HTTP_FIELD_OTHER)
            return false;
        *slot = (uint8_t)field;
    }
    return true;
}

__attribute__((constructor)) static void find_multiplier(void)
{
    uint32_t factor = 0x9e3779b1;
    for (unsigned tries = 0; tries < 1u << 20; tries++, factor = factor * 0x915f77f5 + 2)
        if (fill_slots(factor)) {
            multiplier = factor;
            return;
        }
    ASSERT(false, "no multiplier tells the names of fields.def apart: use other letters in slot_of");
}

enum http_field http_field_parse(struct slice name)
{
    if (name.len == 0)
        return HTTP_FIELD_OTHER;
    enum http_field field = (enum http_field)slots[slot_of(name.ptr, name.len, multiplier)];
    bool is_it = fields[field].len == name.len && equal_token_nocase(name.ptr, fields[field].text, name.len);
    return is_it ? field : HTTP_FIELD_OTHER;
}

static inline uint64_t load_lower_8(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word | 0x2020202020202020;
}

/* Exact because `token` has token characters only: of those, setting bit 0x20 maps none but upper-case letters onto the
 * letters, digits and "-" of `lower`. Whole words, the last one overlapping. */
static bool equal_token_nocase(const char *token, const char *lower, size_t len)
{
    if (len < 8) {
        for (size_t i = 0; i < len; i++)
            if ((token[i] | 0x20) != lower[i])
                return false;
        return true;
    }
    for (size_t i = 0; i + 8 < len; i += 8)
        if (load_lower_8(token + i) != load_lower_8(lower + i))
            return false;
    return load_lower_8(token + len - 8) == load_lower_8(lower + len - 8);
}

const char *http_field_name(enum http_field field)
{
    return fields[field].text;
}

bool http_field_is_single(enum http_field field)
{
    return fields[field].is_single;
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

/* Cuts ":" 0..5 digits, at most 65535, from the end of an authority. RFC 3986 lets the digits be none. */
static bool cut_port(struct slice *text)
{
    size_t at = text->len;
    unsigned port = 0;
    unsigned scale = 1;
    while (at > 0 && scan_is(text->ptr[at - 1], SCAN_DIGIT) && text->len - at < 6) {
        at--;
        port += (unsigned)(text->ptr[at] - '0') * scale;
        scale *= 10;
    }
    if (at == 0 || text->ptr[at - 1] != ':')
        return true;
    bool is_port = text->len - at <= 5 && port <= UINT16_MAX;
    text->len = at - 1;
    return is_port;
}

bool http_is_authority(struct slice text)
{
    return cut_port(&text) && text.len > 0 && is_host(text);
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

static bool is_host(struct slice text)
{
    if (text.ptr[0] == '[')
        return text.len > 2 && text.ptr[text.len - 1] == ']' && is_ipv6(slice_of(text.ptr + 1, text.len - 2));
    for (size_t i = 0; i < text.len; i++) {
        if (scan_is(text.ptr[i], SCAN_UNRESERVED | SCAN_SUB_DELIM))
            continue;
        if (text.ptr[i] != '%' || text.len - i < 3 || !scan_is(text.ptr[i + 1], SCAN_HEX) ||
            !scan_is(text.ptr[i + 2], SCAN_HEX))
            return false;
    }
    return true;
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
