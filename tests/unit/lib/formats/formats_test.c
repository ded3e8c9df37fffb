/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/formats/formats.h"

#include "lib/base/attr.h"
#include "lib/regex/regex.h"
#include "unit/lib/malloc_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Rows end with NULL. */
static void accepts(enum format format, const char *const *rows)
{
    for (; *rows; rows++)
        if (!format_matches(format, slice_of_text(*rows)))
            fail_msg("%s: \"%s\" is refused", format_name(format), *rows);
}

static void refuses(enum format format, const char *const *rows)
{
    for (; *rows; rows++)
        if (format_matches(format, slice_of_text(*rows)))
            fail_msg("%s: \"%s\" is accepted", format_name(format), *rows);
}

#define ACCEPTS(format, ...) accepts(format, (const char *const[]){__VA_ARGS__, NULL})
#define REFUSES(format, ...) refuses(format, (const char *const[]){__VA_ARGS__, NULL})

static void finds_every_format_by_its_name_and_no_other(void **state)
{
    (void)state;
    enum format format;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        assert_int_equal(format_find(slice_of_text(format_name((enum format)i)), &format), ERR_OK);
        assert_int_equal(format, i);
        assert_true(strlen(format_help(format)) > 0);
    }
    assert_int_equal(format_find(SLICE_LIT("Date"), &format), ERR_NOT_FOUND);
    assert_int_equal(format_find(SLICE_LIT(""), &format), ERR_NOT_FOUND);
    assert_int_equal(format_since(FORMAT_DATE), FORMAT_SINCE_DRAFT_7);
    assert_int_equal(format_since(FORMAT_UUID), FORMAT_SINCE_2019_09);
    assert_int_equal(format_since(FORMAT_BYTE), FORMAT_SINCE_OPENAPI);
}

static void knows_how_many_days_a_month_has(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_DATE, "2024-02-29", "2000-02-29", "0000-02-29", "1999-12-31", "9999-01-01");
    REFUSES(FORMAT_DATE, "", "2023-02-29", "1900-02-29", "2100-02-29", "2024-04-31", "2024-00-10", "2024-13-10",
            "2024-01-00", "2024-1-01", "2024-01-1", "20240101", "2024/01/01", "2024-01-01 ", "+024-01-01",
            "2O24-01-01");
}

static void takes_a_leap_second_only_at_the_end_of_a_day_in_utc(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_TIME, "23:59:60Z", "23:59:60.5z", "00:59:60+01:00", "18:59:60-05:00", "23:59:60-00:00");
    REFUSES(FORMAT_TIME, "23:59:61Z", "23:58:60Z", "12:59:60Z", "23:59:60+01:00", "00:59:60-01:00");
    ACCEPTS(FORMAT_DATE_TIME, "2016-12-31T23:59:60Z", "2017-01-01T08:59:60+09:00");
    REFUSES(FORMAT_DATE_TIME, "2017-01-01T08:59:60Z");
}

static void times_have_an_offset(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_TIME, "00:00:00Z", "12:34:56.789+23:59", "12:34:56-00:00", "12:34:56.0123456789012345678901z");
    REFUSES(FORMAT_TIME, "", "12:34:56", "12:34Z", "12:34:56.Z", "12:34:56,7Z", "24:00:00Z", "12:60:00Z",
            "12:34:56+24:00", "12:34:56+00:60", "12:34:56+0000", "12:34:56+00", "12:34:56ZZ", "12:34:56 Z", "1:34:56Z");
    ACCEPTS(FORMAT_DATE_TIME, "2026-01-31T12:00:00Z", "2026-01-31t12:00:00.1z");
    REFUSES(FORMAT_DATE_TIME, "2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T", "2026-02-31T12:00:00Z",
            "T12:00:00Z");
}

/* RFC 3339, appendix A: each unit may only be followed by the next smaller one. */
static void durations_have_their_units_in_order_and_without_gaps(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_DURATION, "P1Y", "P1Y2M3D", "P1Y2M", "P1M2D", "P10W", "PT1H2M3S", "PT1M", "PT5S", "P1DT1H", "P1YT1S",
            "p1dt1h");
    REFUSES(FORMAT_DURATION, "", "P", "PT", "P1", "1D", "P1D1Y", "P1Y2D", "PT1H2S", "P1W1D", "P1D1W", "P1DT", "PT1D",
            "P-1D", "P1.5D", "PT1S1S", "P1Y1Y", "PT1H ", "P1DT1HT1M", "PTT1H", "P1S", "PW");
}

static void mail_has_a_dot_string_or_a_quoted_string_before_the_at(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_EMAIL, "a@b", "a.b+c@example.com", "!#$%&'*+-/=?^_`{|}~@x.y", "\"\"@x", "\"a b\"@x", "\"a\\\"b\"@x",
            "\"a\\\\\"@x", "\"a@b\"@x", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg@x");
    REFUSES(FORMAT_EMAIL, "", "a", "@", "@b", "a@", ".a@b", "a.@b", "a..b@c", "a b@c", "a@b@c", "\"a@b", "\"a\"b@c",
            "\"a\\\"@b", "\"a\nb\"@c", "a(b)@c", "a,b@c", "a@b, c@d", "A <a@b.c>", "\xc3\xa4@b",
            "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg@x");
}

static void mail_goes_to_a_domain_or_an_address_literal(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_EMAIL, "a@localhost", "a@1.2.3.4", "a@[1.2.3.4]", "a@[IPv6:::1]", "a@[ipv6:2001:db8::1]",
            "a@xn--bcher-kva.example");
    REFUSES(FORMAT_EMAIL, "a@-b.c", "a@b-.c", "a@b..c", "a@b.", "a@.b", "a@b_c", "a@[1.2.3]", "a@[::1]",
            "a@[IPv6:1.2.3.4]", "a@[x:y]", "a@[]", "a@[", "a@[1.2.3.4", "a@1.2.3.4]", "a@b c", "a@b\n");
}

static void internationalised_mail_may_be_beyond_ascii_on_both_sides(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_IDN_EMAIL, "a@b.c", "\xe5\xad\x90@\xe4\xbe\x8b.jp", "\"\xc3\xa4 b\"@c",
            "\xc3\xa4.\xc3\xb6@xn--bcher-kva.de",
            "a@b\xc3\xbc"
            "cher.example");
    REFUSES(FORMAT_IDN_EMAIL, "", "\xc3\xa4", "\xc3\xa4.@b", "\xc3@b", "\xff@b", "a@-\xc3\xa4",
            "a@\xe2\x88\x82\xe2\x84\xab",
            "a@b\xe3\x80\x82"
            "c",
            "\"\\\xc3\xa4\"@b");
}

static void host_names_have_labels_of_letters_digits_and_hyphens(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_HOSTNAME, "a", "localhost", "1host", "example.com", "3com.com", "r3---sn-x.example", "a-b.c-d",
            "1.2.3", "1.2.3.4.5", "1.2.3.a", "EXAMPLE.Com");
    REFUSES(FORMAT_HOSTNAME, "", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a_b", "a b", "a\n", "1.2.3.4",
            "999.1.1.1",
            "a\xef\xbc\x8e"
            "b",
            "b\xc3\xbc"
            "cher");
    char longest[256];
    memset(longest, 'a', sizeof longest);
    for (int i = 50; i < 253; i += 50)
        longest[i] = '.';
    assert_true(format_matches(FORMAT_HOSTNAME, slice_of(longest, 253)));
    assert_false(format_matches(FORMAT_HOSTNAME, slice_of(longest, 254)));
    assert_false(format_matches(FORMAT_HOSTNAME, SLICE_LIT("a\0b")));
}

static void a_label_that_claims_to_be_an_a_label_is_one(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_HOSTNAME, "xn--bcher-kva.example", "XN--BCHER-KVA", "xn--4gbwdl.xn--wgbh1c", "xn--maana-pta",
            "xn--zca", "xn--fsqu00a.xn--0zwm56d");
    REFUSES(FORMAT_HOSTNAME, "xn--", "xn--X", "xn--a", "xn--abc-", "xn--99999999999999", "XN--aa---o47jg78q",
            "xn--a-ecp.ru", "xn--0", "xn---", "xn--bcher-kva-");
    ACCEPTS(FORMAT_IDN_HOSTNAME, "xn--bcher-kva.example");
    REFUSES(FORMAT_IDN_HOSTNAME, "xn--X", "xn--a", "ab--cd");
}

static void international_labels_are_of_characters_that_rfc_5892_allows(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_IDN_HOSTNAME,
            "b\xc3\xbc"
            "cher",
            "stra\xc3\x9f"
            "e.de",
            "\xe4\xbe\x8b\xe3\x80\x82\xe4\xbe\x8b",
            "a\xef\xbd\xa1"
            "b",
            "\xe3\x80\x87");
    REFUSES(FORMAT_IDN_HOSTNAME, "", ".",
            "B\xc3\xbc"
            "cher",
            "\xc3\x9c"
            "ber",
            "a\xe2\x80\x8d"
            "b",
            "\xe2\x98\x83.net", "\xf0\x9f\x92\xa9.la",
            "u\xcc\x88"
            "ber",
            "\xc3\xbc.", ".\xc3\xbc", "\xc3\xbc..a", "\xc3\xbc-", "-\xc3\xbc",
            "a\xc2\xa0"
            "b",
            "\xc3", "\xef\xac\x81",
            "\xc2\xad"
            "a",
            "\xe1\x84\x80\xe1\x85\xa1");
}

/* RFC 5893: of a name in which one label is written from right to left, each keeps the rule. */
static void names_written_from_right_to_left_keep_the_bidi_rule(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_IDN_HOSTNAME, "\xd7\x90", "\xd7\x90.com", "a1.\xd7\x90",
            "\xd7\x90"
            "1",
            "1.2.a");
    REFUSES(FORMAT_IDN_HOSTNAME,
            "\xd7\x90"
            "a",
            "a\xd7\x90", "1\xd7\x90", "1.\xd7\x90", "\xd7\x90.1a",
            "\xd7\x90"
            "1\xd9\xa1");
}

static void a_long_international_name_is_measured_as_it_is_sent(void **state)
{
    (void)state;
    char text[512];
    size_t len = 0;
    for (int i = 0; i < 56; i++, len += 2)
        memcpy(text + len, "\xc3\xbc", 2);
    assert_true(format_matches(FORMAT_IDN_HOSTNAME, slice_of(text, len)));
    for (int i = 0; i < 8; i++, len += 2)
        memcpy(text + len, "\xc3\xbc", 2);
    assert_false(format_matches(FORMAT_IDN_HOSTNAME, slice_of(text, len)));
}

static void addresses_are_plain(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_IPV4, "0.0.0.0", "255.255.255.255");
    REFUSES(FORMAT_IPV4, "", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4/8", "::1", "1.2.3.4 ", "0x1.2.3.4");
    ACCEPTS(FORMAT_IPV6, "::", "::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4");
    REFUSES(FORMAT_IPV6, "", "1.2.3.4", "::1%eth0", "[::1]", "::1/64", "1::2::3",
            "12345::", ":::", "1:2:3:4:5:6:7:1.2.3.4");
}

static void identifiers_are_of_the_characters_of_their_parts(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_URI, "a:", "a:b", "http://", "http://a", "http://a:", "http://a:80/", "http://u:p@a/b?c#d",
            "http://[::1]:8/", "http://[v1.a:b]/", "file:///a", "a:/", "a:/b//c", "a:?", "a:#", "a://?b?/#?/",
            "http://a%20b/%7E", "a+b-c.1:x", "http://a/;p=1,2'(!)*", "urn:a:b", "x:a@b:c", "http://@a");
    REFUSES(FORMAT_URI, "", ":", "a", "1a:b", "+a:b", "a b:c", "http://a b", "http://a/%", "http://a/%2",
            "http://a/%g0", "http://[::1", "http://[::1]a", "http://[1.2.3.4]", "http://[v.a]", "http://[v1.]",
            "http://a:b", "http://a@b@c", "http://a/[", "http://a/{b}", "http://a/\"", "http://a/<", "http://a/\\",
            "http://a/^", "http://a/`", "http://a/|", "http://a#b#c", "http://a/\xc3\xa4", "http://a/\x7f",
            "http://u:[@a", "http://[fe80::1%25eth0]/");
    ACCEPTS(FORMAT_URI_REFERENCE, "", "a", "/", "//", "//a", "a/b:c", "./a:b", "?", "#", "/a//b", "a?b:c", "@", "%41",
            "1a/b:c", "..");
    REFUSES(FORMAT_URI_REFERENCE, "1a:b", ":", "a%:b", "a\\b", "//a:b", " a", "a ", "[a]", "%zz");
}

static void iris_take_characters_beyond_ascii(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_IRI, "http://\xc3\xa4/\xc3\xb6?\xee\x80\x80#\xc3\xbc", "x:\xf0\x90\x80\x80",
            "http://\xe4\xbe\x8b@\xe4\xbe\x8b/");
    REFUSES(FORMAT_IRI, "\xc3\xa4:b", "x:\xee\x80\x80", "x:#\xee\x80\x80", "x:\xef\xbf\xbf", "x:\xc2\x80",
            "x:\xe2\x80\x8e", "x:\xc3", "x:\xff", "x:\xed\xa0\x80", "x:\xf4\x90\x80\x80", "x:\xc0\xaf",
            "http://[\xc3\xa4]/", "http://a:\xc3\xa4");
    ACCEPTS(FORMAT_IRI_REFERENCE, "", "\xc3\xa4", "//\xc3\xa4", "?\xee\x80\x80");
    REFUSES(FORMAT_IRI_REFERENCE, "\xc3\xa4:b", "\xc3\xa4 ", "#\xee\x80\x80");
    REFUSES(FORMAT_URI_REFERENCE, "\xc3\xa4");
}

static void templates_have_well_formed_expressions(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_URI_TEMPLATE, "", "/a/{b}", "{a,b*,c:3}", "{+a}", "{#a}", "{.a}", "{/a}", "{;a}", "{?a}", "{&a}",
            "{=a}", "{a.b_c}", "{%41}", "{a:9999}", "[a]", "\xc3\xa4{a}", "a'b", "%41");
    REFUSES(FORMAT_URI_TEMPLATE, "{", "}", "{}", "a}", "{a", "{{a}}", "{a b}", "{a,}", "{,}", "{a:}", "{a:0}",
            "{a:10000}", "{a**}", "{.}", "{.a..b}", "{a.}", "{+}", "{$a}", "{a-b}", "%", "%4", "a b", "\"", "<a>", "\\",
            "^", "`", "|", "{\xc3\xa4}", "{a:1*}");
}

static void pointers_escape_with_tilde_0_and_1(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_JSON_POINTER, "", "/", "/a/0", "/~0~1", "//", "/\xc3\xa4", "/ ");
    REFUSES(FORMAT_JSON_POINTER, "a", "#/a", "/~", "/~2", "/a~", "/~0~", "0");
    ACCEPTS(FORMAT_RELATIVE_JSON_POINTER, "0", "10/a", "0#", "1/~1", "0+1/a", "2-1", "1/");
    REFUSES(FORMAT_RELATIVE_JSON_POINTER, "", "/a", "01", "00", "-1", "+1", "0##", "0#/a", "1a", "0+", "0+01", "0+1#",
            "1/~");
}

static void uuids_are_32_digits_and_4_hyphens(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_UUID, "123e4567-e89b-12d3-a456-426614174000", "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF");
    REFUSES(FORMAT_UUID, "", "123e4567e89b12d3a456426614174000", "{123e4567-e89b-12d3-a456-426614174000}",
            "123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a4564-26614174000",
            "123e4567-e89b-12d3-a456-4266141740000", "------------------------------------");
}

static void base64_is_padded_and_only_at_its_end(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_BYTE, "", "QQ==", "QUE=", "QUFB", "+/+/");
    REFUSES(FORMAT_BYTE, "QQ", "QQ=", "QUE", "QR==", "QQ==QQ==", "=", "====", "QU B", "-_-_", "QQ==\n");
    char text[4096];
    memset(text, 'A', sizeof text);
    assert_true(format_matches(FORMAT_BYTE, slice_of(text, sizeof text)));
    text[sizeof text - 1] = '=';
    assert_true(format_matches(FORMAT_BYTE, slice_of(text, sizeof text)));
    text[1023] = '='; /* where one piece ends and the next begins */
    assert_false(format_matches(FORMAT_BYTE, slice_of(text, sizeof text)));
}

static void formats_of_numbers_are_not_about_texts(void **state)
{
    (void)state;
    ACCEPTS(FORMAT_INT32, "", "x");
    ACCEPTS(FORMAT_INT64, "x");
    ACCEPTS(FORMAT_FLOAT, "x");
    ACCEPTS(FORMAT_DOUBLE, "x");
}

static void takes_no_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {"2016-12-31T23:59:60Z",
                                        "a.b@example.com",
                                        "xn--bcher-kva.example",
                                        "\xe4\xbe\x8b.\xd7\x90",
                                        "http://\xc3\xa4/\xc3\xb6?a#b",
                                        "\xef\xb7\xba",
                                        "\xe1\xbe\x82\xcc\xa3\xcc\xa3",
                                        "QUFB",
                                        "^([a-z]+(?:-[a-z0-9]+)*|\\$\\{\\{.*\\}\\})(?!x)[^\\s/]{1,20}$"};
    if (!MALLOC_COUNT_WORKS)
        skip();
    char marks[160] = "a";
    for (size_t i = 1; i + 2 < sizeof marks; i += 2)
        memcpy(marks + i, i % 4 == 1 ? "\xcc\xa3" : "\xcc\x80", 2);
    unsigned long before = malloc_count;
    bool matches = false;
    for (int format = 0; format < FORMAT_COUNT; format++) {
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            matches |= format_matches((enum format)format, slice_of_text(texts[i]));
        for (size_t len = 1; len < sizeof marks; len += 2)
            matches |= format_matches((enum format)format, slice_of(marks, len));
    }
    assert_int_equal(malloc_count, before);
    assert_true(matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_format_by_its_name_and_no_other),
        cmocka_unit_test(knows_how_many_days_a_month_has),
        cmocka_unit_test(takes_a_leap_second_only_at_the_end_of_a_day_in_utc),
        cmocka_unit_test(times_have_an_offset),
        cmocka_unit_test(durations_have_their_units_in_order_and_without_gaps),
        cmocka_unit_test(mail_has_a_dot_string_or_a_quoted_string_before_the_at),
        cmocka_unit_test(mail_goes_to_a_domain_or_an_address_literal),
        cmocka_unit_test(internationalised_mail_may_be_beyond_ascii_on_both_sides),
        cmocka_unit_test(host_names_have_labels_of_letters_digits_and_hyphens),
        cmocka_unit_test(a_label_that_claims_to_be_an_a_label_is_one),
        cmocka_unit_test(international_labels_are_of_characters_that_rfc_5892_allows),
        cmocka_unit_test(names_written_from_right_to_left_keep_the_bidi_rule),
        cmocka_unit_test(a_long_international_name_is_measured_as_it_is_sent),
        cmocka_unit_test(addresses_are_plain),
        cmocka_unit_test(identifiers_are_of_the_characters_of_their_parts),
        cmocka_unit_test(iris_take_characters_beyond_ascii),
        cmocka_unit_test(templates_have_well_formed_expressions),
        cmocka_unit_test(pointers_escape_with_tilde_0_and_1),
        cmocka_unit_test(uuids_are_32_digits_and_4_hyphens),
        cmocka_unit_test(base64_is_padded_and_only_at_its_end),
        cmocka_unit_test(formats_of_numbers_are_not_about_texts),
        cmocka_unit_test(takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
