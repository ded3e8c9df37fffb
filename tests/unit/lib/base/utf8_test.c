/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/utf8.h"

#include "lib/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_character_is_written_and_read_back(void **state)
{
    (void)state;
    for (uint32_t character = 0; character <= 0x10ffff; character += character == 0xd7ff ? 0x801 : 1) {
        char bytes[4];
        size_t len = utf8_put(bytes, character);
        if (utf8_measure(slice_of(bytes, len)) != (int)len)
            fail_msg("U+%04X", character);
        if (len == 1) {
            assert_int_equal(bytes[0], character);
            continue;
        }
        const unsigned char *at = (const unsigned char *)bytes;
        if (utf8_take_long(&at) != character || at != (const unsigned char *)bytes + len)
            fail_msg("U+%04X", character);
        assert_false(utf8_is_valid(slice_of(bytes, len - 1)));
    }
}

static void refuses_what_rfc_3629_does_not_allow(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int measured;
    } rows[] = {
        {"\x80", -1},
        {"\xc0\x80", -1},
        {"\xc1\xbf", -1},
        {"\xe0\x9f\xbf", -1},
        {"\xed\xa0\x80", -1},
        {"\xf0\x8f\xbf\xbf", -1},
        {"\xf4\x90\x80\x80", -1},
        {"\xf5\x80\x80\x80", -1},
        {"\xff", -1},
        {"\xc3", -1},
        {"\xe2\x82", -2},
        {"\xf0\x9f\x90", -3},
        {"\xe2\x82x", -2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(utf8_measure(slice_of_text(rows[i].text)), rows[i].measured);
        assert_false(utf8_is_valid(slice_of_text(rows[i].text)));
    }
    assert_true(utf8_is_valid(SLICE_LIT("a\0\xc3\xa9\xf4\x8f\xbf\xbf")));
    assert_true(utf8_is_valid((struct slice){NULL, 0}));
}

static void cuts_where_a_character_ends(void **state)
{
    (void)state;
    struct slice text = SLICE_LIT("a\xe2\x82\xac\xf0\x9f\x98\x80");
    static const size_t cut[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8};
    for (size_t i = 0; i < ARRAY_LEN(cut); i++)
        assert_int_equal(utf8_first(text, i).len, cut[i]);
    assert_int_equal(utf8_first((struct slice){NULL, 0}, 3).len, 0);
}

static void what_controls_a_terminal_is_not_shown(void **state)
{
    (void)state;
    struct slice text = SLICE_LIT("a\x1b\x7f\xc2\x9b\xc2\xa0\xff\xe2\x82\xac\n");
    static const struct {
        size_t bytes;
        bool is_shown;
    } rows[] = {{1, true}, {1, false}, {1, false}, {2, false}, {2, true}, {1, false}, {3, true}, {1, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_shown;
        assert_int_equal(utf8_take_shown(&text, &is_shown).len, rows[i].bytes);
        assert_int_equal(is_shown, rows[i].is_shown);
    }
    assert_int_equal(text.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_where_a_character_ends),
        cmocka_unit_test(every_character_is_written_and_read_back),
        cmocka_unit_test(refuses_what_rfc_3629_does_not_allow),
        cmocka_unit_test(what_controls_a_terminal_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
