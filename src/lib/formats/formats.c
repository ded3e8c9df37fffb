/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/formats/formats.h"

#include "lib/base/base64.h"
#include "lib/base/ip.h"
#include "lib/base/utf8.h"
#include "lib/formats/formats_int.h"
#include "lib/regex/regex.h"

static bool is_anything(struct slice text)
{
    (void)text;
    return true;
}

static const struct {
    struct slice name;
    enum format_since since;
    const char *help;
    bool (*check)(struct slice text);
} rows[FORMAT_COUNT] = {
#define FORMAT(name, text, since, check, help)                                                                         \
    [FORMAT_##name] = {{text, sizeof(text) - 1}, FORMAT_SINCE_##since, help, check},
#include "lib/formats/formats.def"
#undef FORMAT
};

enum err format_find(struct slice name, enum format *ret_format)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (slice_equal(rows[i].name, name)) {
            *ret_format = (enum format)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

const char *format_name(enum format format)
{
    return rows[format].name.ptr;
}

enum format_since format_since(enum format format)
{
    return rows[format].since;
}

const char *format_help(enum format format)
{
    return rows[format].help;
}

bool format_matches(enum format format, struct slice text)
{
    return rows[format].check(text);
}

/* RFC 2673 section 3.2, "dotted-quad", without leading zeros: readers differ on whether they make a number octal. */
bool is_ipv4(struct slice text)
{
    struct ip ip;
    return slice_find(text, ':') == text.len && ip_parse(text, &ip) == ERR_OK;
}

bool is_ipv6(struct slice text)
{
    struct ip ip;
    return slice_find(text, ':') < text.len && ip_parse(text, &ip) == ERR_OK;
}

/* RFC 9562 section 4: hexadecimal digits of either case, of any version. */
bool is_uuid(struct slice text)
{
    enum { DIGIT = 1, HYPHEN = 64 }; /* so that no other sum of 36 is the one that is wanted */
    static const uint8_t values[256] = {
        ['0' ... '9'] = DIGIT, ['a' ... 'f'] = DIGIT, ['A' ... 'F'] = DIGIT, ['-'] = HYPHEN};
    const char *at = text.ptr;
    if (text.len != 36 || at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-')
        return false;
    unsigned sum = 0;
    for (unsigned i = 0; i < 36; i++)
        sum += values[(unsigned char)at[i]];
    return sum == 32 * DIGIT + 4 * HYPHEN;
}

/* RFC 6901 section 3: any character, but "~" only as "~0" or "~1". */
bool is_json_pointer(struct slice text)
{
    if (text.len == 0)
        return true;
    if (text.ptr[0] != '/')
        return false;
    for (size_t at = slice_find(text, '~'); at < text.len; at = slice_find(text, '~')) {
        if (at + 1 == text.len || (text.ptr[at + 1] != '0' && text.ptr[at + 1] != '1'))
            return false;
        text = slice_skip(text, at + 2);
    }
    return true;
}

/* A number without leading zeros. */
static bool skip_number(struct slice *rest)
{
    size_t count = 0;
    while (count < rest->len && is_digit(rest->ptr[count]))
        count++;
    if (count == 0 || (count > 1 && rest->ptr[0] == '0'))
        return false;
    *rest = slice_skip(*rest, count);
    return true;
}

/* draft-bhutton-relative-json-pointer-00, section 3, which adds "0+1/a" to what draft 7 referred to. */
bool is_relative_json_pointer(struct slice text)
{
    if (!skip_number(&text))
        return false;
    if (slice_is(text, "#"))
        return true;
    if (text.len && (text.ptr[0] == '+' || text.ptr[0] == '-')) {
        text = slice_skip(text, 1);
        if (!skip_number(&text))
            return false;
    }
    return is_json_pointer(text);
}

/* RFC 4648 section 4: padded, since nothing says that it may be left out. Decoded piece by piece into a little memory; only
 * the last piece may end in padding. */
bool is_byte(struct slice text)
{
    enum { PIECE = 1024 };
    char out[PIECE / 4 * 3 + 3];
    size_t bytes;
    size_t fault_at;
    if (text.len % 4 != 0)
        return false;
    while (text.len) {
        struct slice piece = slice_first(text, PIECE);
        text = slice_skip(text, piece.len);
        if (text.len && piece.ptr[piece.len - 1] == '=')
            return false;
        if (base64_decode(piece, out, &bytes, &fault_at) != ERR_OK)
            return false;
    }
    return true;
}

uint32_t character_next(struct slice *rest)
{
    const unsigned char *at = (const unsigned char *)rest->ptr;
    int bytes = at[0] < 0x80 ? 1 : utf8_measure(*rest);
    if (bytes < 0)
        return CHARACTER_NONE;
    *rest = slice_skip(*rest, (size_t)bytes);
    return bytes == 1 ? at[0] : utf8_take_long(&at);
}
