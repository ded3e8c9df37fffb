/* SPDX-License-Identifier: Apache-2.0 */
/* Host names: RFC 1123 section 2.1, and those of IDNA 2008 (RFC 5890 to 5893). */
#include "lib/formats/formats_int.h"
#include "lib/formats/idna_int.h"

#define HOST_BYTES_MAX 253 /* 255 on the wire, of which two are no text */

/* What a label or a host name is made of. */
enum { HAS_LETTER = 1, HAS_DIGIT = 2, HAS_HYPHEN = 4, HAS_XN = 8, HAS_DASHES = 16 };

static const uint8_t classes[256] = {
    ['a' ... 'z'] = HAS_LETTER, ['A' ... 'Z'] = HAS_LETTER, ['0' ... '9'] = HAS_DIGIT, ['-'] = HAS_HYPHEN};

static bool starts_with_xn(struct slice label)
{
    return label.len >= 4 && slice_equal_nocase(slice_first(label, 4), SLICE_LIT("xn--"));
}

/* What the letters, digits and hyphens at the front are; 0: there is no label. */
static unsigned measure_label(struct slice text, size_t *ret_len)
{
    unsigned has = 0;
    size_t len = 0;
    for (; len < text.len && classes[(unsigned char)text.ptr[len]]; len++)
        has |= classes[(unsigned char)text.ptr[len]];
    if (len == 0 || len > LABEL_MAX)
        return 0;
    if (has & HAS_HYPHEN) {
        if (text.ptr[0] == '-' || text.ptr[len - 1] == '-')
            return 0;
        if (len >= 4 && text.ptr[2] == '-' && text.ptr[3] == '-')
            has |= starts_with_xn(text) ? HAS_XN : HAS_DASHES;
    }
    *ret_len = len;
    return has;
}

/* What all the labels are, and how many; 0: it is no host name. */
static unsigned measure_host(struct slice text, unsigned *ret_labels)
{
    unsigned has = 0;
    *ret_labels = 0;
    if (text.len > HOST_BYTES_MAX)
        return 0;
    for (;;) {
        size_t len;
        unsigned label = measure_label(text, &len);
        if (!label)
            return 0;
        has |= label;
        ++*ret_labels;
        if (len == text.len)
            return has;
        if (text.ptr[len] != '.')
            return 0;
        text = slice_skip(text, len + 1);
    }
}

bool host_is_ldh(struct slice text)
{
    unsigned labels;
    return measure_host(text, &labels) != 0;
}

static bool are_a_labels_valid(struct slice text)
{
    while (text.ptr) {
        struct slice label = slice_cut(&text, '.');
        struct u_label decoded;
        if (starts_with_xn(label) && (!idna_decode(label, &decoded) || !idna_is_label(&decoded)))
            return false;
    }
    return true;
}

/* Section 2.1: "a valid host name can never have the dotted-decimal form #.#.#.#". */
static bool is_dotted_decimal(unsigned has, unsigned labels)
{
    return has == HAS_DIGIT && labels == 4;
}

bool is_hostname(struct slice text)
{
    unsigned labels;
    unsigned has = measure_host(text, &labels);
    return has && !is_dotted_decimal(has, labels) && (!(has & HAS_XN) || are_a_labels_valid(text));
}

/* Section 3.1 of RFC 3490, which RFC 5895 section 2 keeps: what is a dot to people. */
static bool is_separator(uint32_t character, bool only_dots)
{
    return character == '.' || (!only_dots && (character == 0x3002 || character == 0xff0e || character == 0xff61));
}

/* Takes one label off the front as its characters. Behind it is nothing, or a separator that *ret_more tells of. */
static bool cut_label(struct slice *rest, bool only_dots, struct u_label *ret_label, bool *ret_more)
{
    ret_label->count = 0;
    *ret_more = false;
    while (rest->len && !*ret_more) {
        uint32_t character = character_next(rest);
        if (is_separator(character, only_dots))
            *ret_more = true;
        else if (character == CHARACTER_NONE || ret_label->count == LABEL_MAX)
            return false;
        else
            ret_label->characters[ret_label->count++] = character;
    }
    return true;
}

/* Whether the label is one by itself, and how long it is as an A-label. An A-label is replaced by what it stands for. */
static bool check_label(struct u_label *label, size_t *ret_bytes)
{
    char ascii[LABEL_MAX];
    for (uint32_t i = 0; i < label->count; i++) {
        if (label->characters[i] >= 0x80)
            return idna_measure(label, ret_bytes) && idna_is_label(label);
        ascii[i] = (char)label->characters[i];
    }
    unsigned has = measure_label(slice_of(ascii, label->count), ret_bytes);
    if (*ret_bytes != label->count || !has || (has & HAS_DASHES))
        return false;
    return !(has & HAS_XN) || (idna_decode(slice_of(ascii, *ret_bytes), label) && idna_is_label(label));
}

/* RFC 5891 section 4.2 for each label; RFC 5893 for all of them together: the rule holds for every label of a name in which
 * one is written from right to left. */
bool host_is_idn(struct slice text, bool only_dots)
{
    size_t total = 0;
    bool is_bidi = false;
    bool keeps_bidi_rule = true;
    bool has_more = true;
    while (has_more) {
        struct u_label label;
        size_t bytes = 0;
        if (!cut_label(&text, only_dots, &label, &has_more) || !check_label(&label, &bytes))
            return false;
        total += bytes + has_more;
        if (total > HOST_BYTES_MAX)
            return false;
        is_bidi |= idna_has_right_to_left(&label);
        keeps_bidi_rule &= idna_keeps_bidi_rule(&label);
    }
    return !is_bidi || keeps_bidi_rule;
}

bool is_idn_hostname(struct slice text)
{
    unsigned labels;
    unsigned has = measure_host(text, &labels);
    return !is_dotted_decimal(has, labels) && host_is_idn(text, false);
}
