/* SPDX-License-Identifier: Apache-2.0 */
/* Mail addresses: Mailbox of RFC 5321 section 4.1.2, and with the additions of RFC 6531 section 3.3. */
#include "lib/base/utf8.h"
#include "lib/formats/formats_int.h"

#define LOCAL_PART_BYTES_MAX 64 /* RFC 5321 section 4.5.3.1.1 */

/* RFC 5322 section 3.2.3; the second bit is for what RFC 6531 adds, whatever is beyond ASCII. */
enum { ATOM = 1, ATOM_UTF8 = 2 };
static const uint8_t classes[256] = {
    ['a' ... 'z'] = ATOM,
    ['A' ... 'Z'] = ATOM,
    ['0' ... '9'] = ATOM,
    ['!'] = ATOM,
    ['#'] = ATOM,
    ['$'] = ATOM,
    ['%'] = ATOM,
    ['&'] = ATOM,
    ['\''] = ATOM,
    ['*'] = ATOM,
    ['+'] = ATOM,
    ['-'] = ATOM,
    ['/'] = ATOM,
    ['='] = ATOM,
    ['?'] = ATOM,
    ['^'] = ATOM,
    ['_'] = ATOM,
    ['`'] = ATOM,
    ['{'] = ATOM,
    ['|'] = ATOM,
    ['}'] = ATOM,
    ['~'] = ATOM,
    [128 ... 255] = ATOM_UTF8,
};

/* Where the dot-string ends at the front of the text; 0: there is none. */
static size_t measure_dot_string(struct slice text, unsigned wanted)
{
    size_t atom = 0;
    for (;;) {
        size_t at = atom;
        while (at < text.len && classes[(unsigned char)text.ptr[at]] & wanted)
            at++;
        if (at == atom)
            return 0;
        if (at == text.len || text.ptr[at] != '.')
            return at;
        atom = at + 1;
    }
}

/* The same for a quoted-string. What it quotes is printable ASCII or, where that is wanted, beyond ASCII. */
static size_t measure_quoted_string(struct slice text, unsigned wanted)
{
    for (size_t at = 1; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '"')
            return at + 1;
        bool is_pair = c == '\\' && at + 1 < text.len;
        if (is_pair)
            c = text.ptr[++at];
        bool is_printable = c >= ' ' && c <= '~' && (is_pair || c != '\\');
        bool is_more = (wanted & ATOM_UTF8) && (unsigned char)c >= 0x80 && !is_pair;
        if (!is_printable && !is_more)
            return 0;
    }
    return 0;
}

/* Cuts off the local part and "@". */
static bool cut_local_part(struct slice *rest, unsigned wanted, struct slice *ret_local)
{
    bool is_quoted = rest->len && rest->ptr[0] == '"';
    size_t len = is_quoted ? measure_quoted_string(*rest, wanted) : measure_dot_string(*rest, wanted);
    if (len == 0 || len > LOCAL_PART_BYTES_MAX || len == rest->len || rest->ptr[len] != '@')
        return false;
    *ret_local = slice_first(*rest, len);
    *rest = slice_skip(*rest, len + 1);
    return true;
}

/* Section 4.1.3. Of the tags of General-address-literal there is none but "IPv6". */
static bool is_address_literal(struct slice text)
{
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return false;
    struct slice address = slice_of(text.ptr + 1, text.len - 2);
    struct slice tag = SLICE_LIT("IPv6:");
    bool is_v6 = slice_equal_nocase(slice_first(address, tag.len), tag);
    return is_v6 ? is_ipv6(slice_skip(address, tag.len)) : is_ipv4(address);
}

bool is_email(struct slice text)
{
    struct slice local;
    return cut_local_part(&text, ATOM, &local) && (host_is_ldh(text) || is_address_literal(text));
}

bool is_idn_email(struct slice text)
{
    struct slice local;
    return cut_local_part(&text, ATOM | ATOM_UTF8, &local) && utf8_is_valid(local) &&
           (host_is_ldh(text) || is_address_literal(text) || host_is_idn(text, true));
}
