/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/formats/unicode_int.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

/* The largest that one character becomes in NFKC is 18 (U+FDFA); each of a label's at most 4 of NFC. The library writes
 * into our memory what fits, and takes none of its own for combining sequences below 64 characters. */
#define NORMAL_MAX 256

enum unicode_bidi unicode_bidi(uint32_t character)
{
    switch (uc_bidi_class(character)) {
    case UC_BIDI_L:
        return BIDI_L;
    case UC_BIDI_R:
    case UC_BIDI_AL:
        return BIDI_R;
    case UC_BIDI_AN:
        return BIDI_AN;
    case UC_BIDI_EN:
        return BIDI_EN;
    case UC_BIDI_ES:
    case UC_BIDI_CS:
    case UC_BIDI_ET:
    case UC_BIDI_ON:
    case UC_BIDI_BN:
        return BIDI_NEUTRAL;
    case UC_BIDI_NSM:
        return BIDI_NSM;
    default:
        return BIDI_OTHER;
    }
}

enum unicode_script unicode_script(uint32_t character)
{
    const uc_script_t *script = uc_script(character);
    if (!script)
        return SCRIPT_OTHER;
    if (strcmp(script->name, "Greek") == 0)
        return SCRIPT_GREEK;
    if (strcmp(script->name, "Hebrew") == 0)
        return SCRIPT_HEBREW;
    bool is_japanese = strcmp(script->name, "Hiragana") == 0 || strcmp(script->name, "Katakana") == 0 ||
                       strcmp(script->name, "Han") == 0;
    return is_japanese ? SCRIPT_JAPANESE : SCRIPT_OTHER;
}

enum unicode_joining unicode_joining(uint32_t character)
{
    switch (uc_joining_type(character)) {
    case UC_JOINING_TYPE_L:
        return JOINING_LEFT;
    case UC_JOINING_TYPE_R:
        return JOINING_RIGHT;
    case UC_JOINING_TYPE_D:
        return JOINING_DUAL;
    case UC_JOINING_TYPE_T:
        return JOINING_TRANSPARENT;
    default:
        return JOINING_NONE;
    }
}

bool unicode_is_mark(uint32_t character)
{
    return uc_is_general_category_withtable(character, UC_CATEGORY_MASK_M);
}

bool unicode_is_virama(uint32_t character)
{
    return uc_combining_class(character) == UC_CCC_VR;
}

/* The result is in `out`, or false: it would not fit. */
static bool normalize(uninorm_t form, const uint32_t *characters, size_t count, uint32_t out[NORMAL_MAX],
                      size_t *ret_count)
{
    *ret_count = NORMAL_MAX;
    uint32_t *result = u32_normalize(form, characters, count, out, ret_count);
    if (result != out)
        free(result);
    return result == out;
}

static bool is_alone(const uint32_t *characters, size_t count, uint32_t character)
{
    return count == 1 && characters[0] == character;
}

/* cp == NFKC(casefold(NFKC(cp))). Most characters have no decomposition and are their own folding, and are told so at a
 * fraction of the cost. */
static bool is_stable(uint32_t character)
{
    uint32_t normal[NORMAL_MAX];
    uint32_t folded[NORMAL_MAX];
    int tag;
    size_t normal_count = 1;
    size_t folded_count = NORMAL_MAX;
    bool decomposes = uc_decomposition(character, &tag, normal) >= 0;
    normal[0] = character;
    if (decomposes && !normalize(UNINORM_NFKC, &character, 1, normal, &normal_count))
        return false;
    uint32_t *result = u32_casefold(normal, normal_count, NULL, NULL, folded, &folded_count);
    if (result != folded) {
        free(result);
        return false;
    }
    if (!decomposes && is_alone(folded, folded_count, character))
        return true;
    return normalize(UNINORM_NFKC, folded, folded_count, normal, &normal_count) &&
           is_alone(normal, normal_count, character);
}

bool unicode_is_stable_letter(uint32_t character)
{
    const uint32_t letters = UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo | UC_CATEGORY_MASK_Nd |
                             UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Mc;
    return uc_is_general_category_withtable(character, letters) &&
           !uc_is_property_default_ignorable_code_point(character) && !uc_is_property_white_space(character) &&
           !uc_is_property_not_a_character(character) && is_stable(character);
}

bool unicode_is_nfc(const uint32_t *characters, size_t count)
{
    uint32_t normal[NORMAL_MAX];
    size_t normal_count;
    return normalize(UNINORM_NFC, characters, count, normal, &normal_count) && normal_count == count &&
           memcmp(normal, characters, count * sizeof *characters) == 0;
}
