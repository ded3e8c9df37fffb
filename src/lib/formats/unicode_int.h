/* SPDX-License-Identifier: Apache-2.0 */
/* What IDNA asks about characters. The door to libunistring: which version of Unicode it is, is the library's affair. */
#ifndef WEIR_LIB_FORMATS_UNICODE_INT_H
#define WEIR_LIB_FORMATS_UNICODE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The classes that RFC 5893 tells apart. */
enum unicode_bidi {
    BIDI_L = 1,
    BIDI_R = 2, /* and AL */
    BIDI_AN = 4,
    BIDI_EN = 8,
    BIDI_NEUTRAL = 16, /* ES, CS, ET, ON, BN */
    BIDI_NSM = 32,
    BIDI_OTHER = 64,
};

enum unicode_script { SCRIPT_OTHER, SCRIPT_GREEK, SCRIPT_HEBREW, SCRIPT_JAPANESE /* Hiragana, Katakana, Han */ };

/* Joining types as RFC 5892, appendix A.1 asks for them. */
enum unicode_joining {
    JOINING_LEFT = 1,
    JOINING_RIGHT = 2,
    JOINING_DUAL = 3,
    JOINING_TRANSPARENT = 4,
    JOINING_NONE = 8
};

enum unicode_bidi unicode_bidi(uint32_t character);
enum unicode_script unicode_script(uint32_t character);
enum unicode_joining unicode_joining(uint32_t character);
bool unicode_is_mark(uint32_t character);
bool unicode_is_virama(uint32_t character);
/* RFC 5892: LetterDigits (section 2.1), without Unstable (2.2), IgnorableProperties (2.3) and Unassigned (2.10). */
bool unicode_is_stable_letter(uint32_t character);
/* Whether at most 63 characters, all stable letters or exceptions of IDNA, are in normalization form C. */
bool unicode_is_nfc(const uint32_t *characters, size_t count);

#endif
