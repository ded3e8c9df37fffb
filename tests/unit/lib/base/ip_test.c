/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"
#include "lib/base/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ip ip_of(const char *text)
{
    struct ip ip;
    if (ip_parse(slice_of_text(text), &ip) != ERR_OK)
        fail_msg("\"%s\" is refused", text);
    return ip;
}

static void reads_addresses_and_writes_them_in_the_canonical_form(void **state)
{
    static const char *const rows[][2] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::A", "2001:db8::a"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:c000:201", "192.0.2.1"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[IP_TEXT_MAX];
        struct ip ip = ip_of(rows[i][0]);
        assert_int_equal(ip_format(&ip, text), strlen(rows[i][1]));
        assert_string_equal(text, rows[i][1]);
    }
}

static void refuses_what_others_would_read_in_their_own_way(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        ".",
        "...",
        "1",
        "1.2",
        "1.2.3",
        "1.2.3.4.",
        ".1.2.3.4",
        "1.2.3.4.5",
        "1..2.3",
        "01.2.3.4",
        "1.2.3.04",
        "256.1.1.1",
        "1.2.3.1000",
        "0x7f.0.0.1",
        "1.2.3.4 ",
        " 1.2.3.4",
        "+1.2.3.4",
        "1.2.3.-4",
        "1.2.3.4/8",
        "a.b.c.d",
        "localhost",
        ":",
        ":::",
        "::1::",
        "1::2::3",
        ":1",
        "1:",
        ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "12345::",
        "::g",
        "::1%lo",
        "[::1]",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.4:1",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::01.2.3.4",
        "0x1::",
        "::+1",
        "::-1",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip ip;
        if (ip_parse(slice_of_text(texts[i]), &ip) != ERR_SYNTAX)
            fail_msg("\"%s\" is taken", texts[i]);
    }
    struct ip ip;
    assert_int_equal(ip_parse(SLICE_LIT("1.2.3.4\0"), &ip), ERR_SYNTAX);
    assert_int_equal(ip_parse(SLICE_LIT("::1\0"), &ip), ERR_SYNTAX);
}

static void an_unknown_address_has_a_text_too(void **state)
{
    (void)state;
    char text[IP_TEXT_MAX];
    assert_int_equal(ip_format(&(struct ip){0}, text), 7);
    assert_string_equal(text, "unknown");
}

static void keeps_the_bits_of_a_prefix(void **state)
{
    static const struct {
        const char *ip;
        unsigned bits;
        const char *prefix;
    } rows[] = {
        {"2001:db8:1:2:ffff:ffff:ffff:ffff", 64, "2001:db8:1:2::"},
        {"2001:dbf::", 31, "2001:dbe::"},
        {"255.255.255.255", 24, "255.255.255.0"},
        {"255.255.255.255", 9, "255.128.0.0"},
        {"255.255.255.255", 0, "0.0.0.0"},
        {"1.2.3.4", 64, "1.2.3.4"},
        {"::1", 128, "::1"},
        {"::1", 127, "::"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip ip = ip_of(rows[i].ip);
        struct ip wanted = ip_of(rows[i].prefix);
        struct ip found = ip_prefix(&ip, rows[i].bits);
        assert_true(ip_equal(&found, &wanted));
    }
}

static void refuses_ranges_that_are_not_what_they_look_like(void **state)
{
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"10.0.0.0/8", ERR_OK},
        {"10.0.0.1", ERR_OK},
        {"0.0.0.0/0", ERR_OK},
        {"::/0", ERR_OK},
        {"2001:db8::/32", ERR_OK},
        {"::1/128", ERR_OK},
        {"::ffff:10.0.0.0/104", ERR_OK},
        {"::ffff:10.0.0.1", ERR_OK},
        {"10.0.0.1/8", ERR_INVALID},
        {"2001:db8::1/32", ERR_INVALID},
        {"::ffff:10.0.0.0/8", ERR_INVALID},
        {"10.0.0.0/33", ERR_SYNTAX},
        {"::/129", ERR_SYNTAX},
        {"10.0.0.0/", ERR_SYNTAX},
        {"10.0.0.0/8/8", ERR_SYNTAX},
        {"10.0.0.0/0008", ERR_SYNTAX},
        {"/8", ERR_SYNTAX},
        {"", ERR_SYNTAX},
        {"10/8", ERR_SYNTAX},
        {"10.0.0.0/255.0.0.0", ERR_SYNTAX},
        {"10.0.0.0/-1", ERR_SYNTAX},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip_range range;
        enum err err = ip_range_parse(slice_of_text(rows[i].text), &range);
        if (err != rows[i].err)
            fail_msg("\"%s\" gives %s", rows[i].text, err_name(err));
    }
}

static struct ip_set set_of(struct ip_range *ranges, const char *const *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(ip_range_parse(slice_of_text(texts[i]), &ranges[i]), ERR_OK);
    return ip_set_of(ranges, count);
}

static void a_set_has_what_lies_in_its_ranges(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8",  "192.0.2.7", "192.0.2.8/31", "10.1.0.0/16", "2001:db8::/32",
                                        "10.0.0.0/12", "fe80::/10", "::1",          "127.0.0.0/8", "203.0.113.255"};
    static const char *const in[] = {"10.0.0.0",         "10.255.255.255", "192.0.2.7",       "192.0.2.8",
                                     "192.0.2.9",        "2001:db8::",     "::ffff:10.0.0.1", "::1",
                                     "2001:db8:ffff::1", "febf:ffff::",    "127.255.0.1",     "203.0.113.255"};
    static const char *const out[] = {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.10",  "::2",    "::",
                                      "2001:db7::",    "fec0::",   "a00::",     "203.0.114.0", "0.0.0.1"};
    struct ip_range ranges[ARRAY_LEN(texts)];
    (void)state;
    struct ip_set set = set_of(ranges, texts, ARRAY_LEN(texts));
    assert_int_equal(set.count, 8);
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        struct ip ip = ip_of(in[i]);
        if (!ip_set_has(&set, &ip))
            fail_msg("%s is missing", in[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        struct ip ip = ip_of(out[i]);
        if (ip_set_has(&set, &ip))
            fail_msg("%s is in", out[i]);
    }
    assert_false(ip_set_has(&set, &(struct ip){0}));
}

static void every_address_of_one_family_is_none_of_the_other(void **state)
{
    static const char *const v6[] = {"::/0"};
    static const char *const v4[] = {"0.0.0.0/0"};
    struct ip_range ranges[2];
    struct ip a = ip_of("1.2.3.4");
    struct ip b = ip_of("1::");
    (void)state;
    struct ip_set six = set_of(&ranges[0], v6, 1);
    struct ip_set four = set_of(&ranges[1], v4, 1);
    assert_false(ip_set_has(&six, &a));
    assert_true(ip_set_has(&six, &b));
    assert_true(ip_set_has(&four, &a));
    assert_false(ip_set_has(&four, &b));
    struct ip_set none = ip_set_of(NULL, 0);
    assert_false(ip_set_has(&none, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses_and_writes_them_in_the_canonical_form),
        cmocka_unit_test(refuses_what_others_would_read_in_their_own_way),
        cmocka_unit_test(an_unknown_address_has_a_text_too),
        cmocka_unit_test(keeps_the_bits_of_a_prefix),
        cmocka_unit_test(refuses_ranges_that_are_not_what_they_look_like),
        cmocka_unit_test(a_set_has_what_lies_in_its_ranges),
        cmocka_unit_test(every_address_of_one_family_is_none_of_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
