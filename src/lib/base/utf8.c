/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/utf8.h"

int utf8_measure(struct slice text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    int len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (len == 0)
        return -1;
    /* The second byte tells overlong forms, surrogates and what lies above U+10FFFF. */
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (int i = 1; i < len; i++) {
        if ((size_t)i == text.len)
            return -i;
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < least || byte > most)
            return -i;
        least = 0x80;
        most = 0xbf;
    }
    return len;
}

bool utf8_is_valid(struct slice text)
{
    while (text.len > 0) {
        int len = utf8_measure(text);
        if (len < 0)
            return false;
        text = slice_skip(text, (size_t)len);
    }
    return true;
}

struct slice utf8_take_shown(struct slice *text, bool *ret_is_shown)
{
    int measured = utf8_measure(*text);
    struct slice taken = slice_first(*text, (size_t)(measured < 0 ? -measured : measured));
    unsigned char first = (unsigned char)taken.ptr[0];
    bool is_c1 = first == 0xc2 && taken.len == 2 && (unsigned char)taken.ptr[1] < 0xa0;
    *ret_is_shown = measured > 0 && first >= 0x20 && first != 0x7f && !is_c1;
    *text = slice_skip(*text, taken.len);
    return taken;
}

size_t utf8_put(char out[4], uint32_t character)
{
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    size_t more = (size_t)(character >= 0x80) + (character >= 0x800) + (character >= 0x10000);
    for (size_t i = more; i > 0; i--, character >>= 6)
        out[i] = (char)(0x80 | (character & 0x3f));
    out[0] = (char)(leads[more] | character);
    return more + 1;
}
