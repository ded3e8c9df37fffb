/* SPDX-License-Identifier: Apache-2.0 */
/* Methods, field names, status texts, and the small grammars that several codecs need.
 *
 * Field names are compared as two words and found with one multiplication of them. The multiplier that keeps the rows
 * of fields.def apart is searched when the program starts (some hundred tries of some dozen steps): a row can be added
 * without a generator, and names that no multiplier can tell apart stop the very first start. */
#include "lib/http/http.h"

#include "lib/http/scan.h"

#define SLOT_BITS 8

static const struct {
    const char *text;
    bool is_single;
} fields[] = {
#define FIELD(name, text, is_single) {text, is_single},
#include "lib/http/fields.def"
#undef FIELD
    {"", false},
};
_Static_assert(HTTP_FIELD_COUNT <= 64, "http_head.repeated has a bit for each field");

struct slot {
    struct scan_words words;
    uint32_t len; /* 0: free */
    uint32_t field;
};

/* Of less than 16 bytes, for a comparison of one block. */
struct short_name {
    char text[16];
    char fold[16]; /* 0x20 where there is a letter */
};

/* Written once, before main. */
static struct short_name short_names[HTTP_FIELD_COUNT];
static uint64_t multiplier;
static struct slot slots[1u << SLOT_BITS];

static const char *const methods[] = {
    [HTTP_METHOD_GET] = "GET",         [HTTP_METHOD_HEAD] = "HEAD",       [HTTP_METHOD_POST] = "POST",
    [HTTP_METHOD_PUT] = "PUT",         [HTTP_METHOD_DELETE] = "DELETE",   [HTTP_METHOD_PATCH] = "PATCH",
    [HTTP_METHOD_OPTIONS] = "OPTIONS", [HTTP_METHOD_CONNECT] = "CONNECT", [HTTP_METHOD_TRACE] = "TRACE",
    [HTTP_METHOD_OTHER] = "OTHER",
};

static bool is_lower_equal(struct slice token, const char *lower);
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

static inline struct slot *slot_of(struct scan_words words, size_t len, uint64_t factor)
{
    return &slots[(words.head + words.tail * 3 + len) * factor >> (64 - SLOT_BITS)];
}

static void note_short(uint32_t field, struct slice text)
{
    struct short_name *name = &short_names[field];
    if (text.len >= sizeof name->text)
        return;
    memcpy(name->text, text.ptr, text.len);
    for (size_t i = 0; i < text.len; i++)
        name->fold[i] = text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? 0x20 : 0;
}

static bool fill_slots(uint64_t factor)
{
    memset(slots, 0, sizeof slots);
    for (uint32_t field = 0; field < HTTP_FIELD_OTHER; field++) {
        struct slice text = slice_of_text(fields[field].text);
        struct scan_words words = scan_lower_words(text.ptr, text.len);
        struct slot *slot = slot_of(words, text.len, factor);
        if (slot->len != 0)
            return false;
        *slot = (struct slot){words, (uint32_t)text.len, field};
        note_short(field, text);
    }
    return true;
}

__attribute__((constructor)) static void find_multiplier(void)
{
    uint64_t factor = 0x9e3779b97f4a7c15;
    for (unsigned tries = 0; tries < 1u << 16; tries++, factor = factor * 6364136223846793005 + 2)
        if (fill_slots(factor)) {
            multiplier = factor;
            return;
        }
    ASSERT(false, "no multiplier tells the names of fields.def apart: mix more of them into slot_of");
}

enum http_field http_field_parse(struct slice name)
{
    struct scan_words words = scan_lower_words(name.ptr, name.len);
    const struct slot *slot = slot_of(words, name.len, multiplier);
    /* One branch. A free slot equals no name: the words of a name, even of an empty one, are never 0. */
    uint64_t difference = (slot->words.head ^ words.head) | (slot->words.tail ^ words.tail) | (slot->len ^ name.len);
    if (difference != 0)
        return HTTP_FIELD_OTHER;
    enum http_field field = (enum http_field)slot->field;
    return name.len <= 16 || is_lower_equal(name, fields[field].text) ? field : HTTP_FIELD_OTHER;
}

enum http_field http_field_find(const char *name, size_t len)
{
    const struct slot *slot = slot_of(scan_lower_words(name, len), len, multiplier);
    const struct short_name *known = &short_names[slot->field];
    bool is_it = slot->len == len && len > 0 && scan_is_folded(name, known->text, known->fold, len);
    return is_it ? (enum http_field)slot->field : HTTP_FIELD_OTHER;
}

static bool is_lower_equal(struct slice token, const char *lower)
{
    for (size_t i = 0; i < token.len; i++)
        if ((token.ptr[i] | 0x20) != lower[i])
            return false;
    return true;
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
    return text.len < sizeof largest || memcmp(text.ptr + 1, largest, sizeof largest - 1) <= 0;
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
