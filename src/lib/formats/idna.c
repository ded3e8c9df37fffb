/* SPDX-License-Identifier: Apache-2.0 */
/* Which labels are U-labels: RFC 5891 section 4.2, with the characters of RFC 5892 and the bidi rule of RFC 5893.
 *
 * The properties are computed from the rules of RFC 5892 and not read from IANA's table, which stops at one version of
 * Unicode. */
#include "lib/formats/idna_int.h"

#include "lib/base/attr.h"
#include "lib/formats/unicode_int.h"

enum property { DISALLOWED, PVALID, CONTEXTJ, CONTEXTO };

enum {
    MIDDLE_DOT = 0x00b7,
    GREEK_KERAIA = 0x0375,
    HEBREW_GERESH = 0x05f3,
    HEBREW_GERSHAYIM = 0x05f4,
    KATAKANA_MIDDLE_DOT = 0x30fb,
    ZERO_WIDTH_NON_JOINER = 0x200c,
    ZERO_WIDTH_JOINER = 0x200d,
};

struct range {
    uint32_t first;
    uint32_t last;
    enum property property;
};

/* In the order of RFC 5892 section 3: the exceptions (2.6) and JoinControl (2.8) come before everything else. */
static const struct range exceptions[] = {
    {MIDDLE_DOT, MIDDLE_DOT, CONTEXTO},
    {0x00df, 0x00df, PVALID},
    {GREEK_KERAIA, GREEK_KERAIA, CONTEXTO},
    {0x03c2, 0x03c2, PVALID},
    {HEBREW_GERESH, HEBREW_GERSHAYIM, CONTEXTO},
    {0x0640, 0x0640, DISALLOWED},
    {0x0660, 0x0669, CONTEXTO},
    {0x06f0, 0x06f9, CONTEXTO},
    {0x06fd, 0x06fe, PVALID},
    {0x07fa, 0x07fa, DISALLOWED},
    {0x0f0b, 0x0f0b, PVALID},
    {ZERO_WIDTH_NON_JOINER, ZERO_WIDTH_JOINER, CONTEXTJ},
    {0x3007, 0x3007, PVALID},
    {0x302e, 0x302f, DISALLOWED},
    {0x3031, 0x3035, DISALLOWED},
    {0x303b, 0x303b, DISALLOWED},
    {KATAKANA_MIDDLE_DOT, KATAKANA_MIDDLE_DOT, CONTEXTO},
    /* IgnorableBlocks (2.4): symbols that combine, and music. */
    {0x20d0, 0x20ff, DISALLOWED},
    {0x1d100, 0x1d1ff, DISALLOWED},
    {0x1d200, 0x1d24f, DISALLOWED},
    /* OldHangulJamo (2.9). */
    {0x1100, 0x11ff, DISALLOWED},
    {0xa960, 0xa97c, DISALLOWED},
    {0xd7b0, 0xd7c6, DISALLOWED},
    {0xd7cb, 0xd7fb, DISALLOWED},
};

static enum property property_of(uint32_t character)
{
    if (character < 0x80) {
        bool is_ldh = (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
        return is_ldh || character == '-' ? PVALID : DISALLOWED;
    }
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++)
        if (character >= exceptions[i].first && character <= exceptions[i].last)
            return exceptions[i].property;
    return unicode_is_stable_letter(character) ? PVALID : DISALLOWED;
}

/* Appendix A.1: (Joining_Type:{L,D})(Joining_Type:T)*<ZWNJ>(Joining_Type:T)*(Joining_Type:{R,D}). */
static bool joins(const struct u_label *label, uint32_t at)
{
    uint32_t before = at;
    uint32_t after = at + 1;
    while (before > 0 && unicode_joining(label->characters[before - 1]) == JOINING_TRANSPARENT)
        before--;
    while (after < label->count && unicode_joining(label->characters[after]) == JOINING_TRANSPARENT)
        after++;
    return before > 0 && after < label->count && (unicode_joining(label->characters[before - 1]) & JOINING_LEFT) &&
           (unicode_joining(label->characters[after]) & JOINING_RIGHT);
}

static bool has_between(const struct u_label *label, uint32_t first, uint32_t last)
{
    for (uint32_t i = 0; i < label->count; i++)
        if (label->characters[i] >= first && label->characters[i] <= last)
            return true;
    return false;
}

static bool has_japanese(const struct u_label *label)
{
    for (uint32_t i = 0; i < label->count; i++)
        if (unicode_script(label->characters[i]) == SCRIPT_JAPANESE)
            return true;
    return false;
}

/* RFC 5892, appendix A. */
static bool fits_context(const struct u_label *label, uint32_t at)
{
    uint32_t character = label->characters[at];
    uint32_t before = at > 0 ? label->characters[at - 1] : 0;
    uint32_t after = at + 1 < label->count ? label->characters[at + 1] : 0;
    switch (character) {
    case ZERO_WIDTH_NON_JOINER:
        return unicode_is_virama(before) || joins(label, at);
    case ZERO_WIDTH_JOINER:
        return unicode_is_virama(before);
    case MIDDLE_DOT:
        return before == 'l' && after == 'l';
    case GREEK_KERAIA:
        return unicode_script(after) == SCRIPT_GREEK;
    case HEBREW_GERESH:
    case HEBREW_GERSHAYIM:
        return unicode_script(before) == SCRIPT_HEBREW;
    case KATAKANA_MIDDLE_DOT:
        return has_japanese(label);
    default: /* digits: Arabic-Indic ones not with extended ones */
        return character < 0x06f0 ? !has_between(label, 0x06f0, 0x06f9) : !has_between(label, 0x0660, 0x0669);
    }
}

bool idna_is_label(const struct u_label *label)
{
    const uint32_t *characters = label->characters;
    uint32_t count = label->count;
    if (count == 0 || characters[0] == '-' || characters[count - 1] == '-' || unicode_is_mark(characters[0]))
        return false;
    if (count >= 4 && characters[2] == '-' && characters[3] == '-')
        return false;
    for (uint32_t i = 0; i < count; i++) {
        enum property property = property_of(characters[i]);
        if (property == DISALLOWED || (property != PVALID && !fits_context(label, i)))
            return false;
    }
    return unicode_is_nfc(characters, count) && (!idna_has_right_to_left(label) || idna_keeps_bidi_rule(label));
}

/* RFC 5893. */

bool idna_has_right_to_left(const struct u_label *label)
{
    for (uint32_t i = 0; i < label->count; i++)
        if (unicode_bidi(label->characters[i]) & (BIDI_R | BIDI_AN))
            return true;
    return false;
}

/* Section 2. */
bool idna_keeps_bidi_rule(const struct u_label *label)
{
    unsigned has = 0;
    unsigned last = 0;
    for (uint32_t i = 0; i < label->count; i++) {
        unsigned class = unicode_bidi(label->characters[i]);
        has |= class;
        last = class == BIDI_NSM ? last : class;
    }
    enum unicode_bidi first = unicode_bidi(label->characters[0]);
    if (first == BIDI_R)
        return !(has & (BIDI_L | BIDI_OTHER)) && (last & (BIDI_R | BIDI_EN | BIDI_AN)) &&
               (has & (BIDI_EN | BIDI_AN)) != (BIDI_EN | BIDI_AN);
    return first == BIDI_L && !(has & (BIDI_R | BIDI_AN | BIDI_OTHER)) && (last & (BIDI_L | BIDI_EN));
}
