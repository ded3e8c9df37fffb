/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/fault.h"
#include "lib/http/fields_int.h"
#include "lib/http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
static void knows_methods_by_exact_case(void **state)
{
    (void)state;
    for (int method = 0; method < HTTP_METHOD_OTHER; method++)
        assert_int_equal(http_method_parse(slice_of_text(http_method_name((enum http_method)method))), method);
    assert_int_equal(http_method_parse(SLICE_LIT("get")), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_parse(SLICE_LIT("GETS")), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_parse(SLICE_LIT("PROPFIND")), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_parse(SLICE_LIT("")), HTTP_METHOD_OTHER);
}

static void knows_every_field_in_any_case(void **state)
{
    (void)state;
    for (int field = 0; field < HTTP_FIELD_OTHER; field++) {
        char name[64];
        struct slice text = slice_of_text(http_field_name((enum http_field)field));
        assert_in_range(text.len, 1, sizeof name);
        assert_int_equal(http_field_parse(text), field);
        for (size_t i = 0; i < text.len; i++)
            name[i] = text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? (char)(text.ptr[i] & ~0x20) : text.ptr[i];
        assert_int_equal(http_field_parse(slice_of(name, text.len)), field);
    }
}

/* One byte changed, added or missing makes it another name, whatever the hash says. */
static void takes_no_other_name_for_a_known_one(void **state)
{
    (void)state;
    static const char tchars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int field = 0; field < HTTP_FIELD_OTHER; field++) {
        char name[64];
        struct slice text = slice_of_text(http_field_name((enum http_field)field));
        for (size_t at = 0; at < text.len; at++)
            for (const char *c = tchars; *c; c++) {
                memcpy(name, text.ptr, text.len);
                name[at] = *c;
                enum http_field found = http_field_parse(slice_of(name, text.len));
                if (found != HTTP_FIELD_OTHER)
                    assert_true(slice_equal_nocase(slice_of(name, text.len), slice_of_text(http_field_name(found))));
            }
        memcpy(name, text.ptr, text.len);
        name[text.len] = 's';
        assert_int_equal(http_field_parse(slice_of(name, text.len + 1)), HTTP_FIELD_OTHER);
    }
    assert_int_equal(http_field_parse(SLICE_LIT("")), HTTP_FIELD_OTHER);
}

static void refuses_two_of_what_decides_framing_or_identity(void **state)
{
    (void)state;
    assert_true(http_field_is_single(HTTP_FIELD_HOST));
    assert_true(http_field_is_single(HTTP_FIELD_CONTENT_LENGTH));
    assert_true(http_field_is_single(HTTP_FIELD_AUTHORIZATION));
    assert_false(http_field_is_single(HTTP_FIELD_ACCEPT));
    assert_false(http_field_is_single(HTTP_FIELD_OTHER));
}

static void names_statuses(void **state)
{
    (void)state;
    assert_string_equal(http_status_text(200), "OK");
    assert_string_equal(http_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(http_status_text(599), "");
    assert_string_equal(http_status_text(-1), "");
}

static void gives_every_fault_a_status_and_an_error(void **state)
{
    (void)state;
    for (int i = HTTP1_FAULT_NONE + 1; i < HTTP1_FAULT_COUNT; i++) {
        enum http1_fault fault = (enum http1_fault)i;
        assert_in_range(http1_fault_status(fault), 400, 505);
        assert_string_not_equal(http_status_text(http1_fault_status(fault)), "");
        assert_int_not_equal(http1_fault_err(fault), ERR_OK);
        assert_int_not_equal(http1_fault_err(fault), ERR_AGAIN);
        assert_true(http1_fault_text(fault)[0] != '\0' && http1_fault_name(fault)[0] != '\0');
    }
}

static void accepts_hosts_of_rfc_3986_without_escapes_only(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",
        "a.b-c_d~e",
        "127.0.0.1",
        "127.0.0.1:8080",
        "a:",
        "a:0",
        "a:65535",
        "[::1]",
        "[::1]:80",
        "[::]",
        "[1::]",
        "[1:2:3:4:5:6:7:8]",
        "[1:2:3:4:5:6:7::]",
        "[::2:3:4:5:6:7:8]",
        "[::ffff:1.2.3.4]",
        "[1:2:3:4:5:6:1.2.3.4]",
        "a,b;c=d",
        "12345",
        "[FE80::ABCD:0]",
        "a!$&'()*+",
    };
    static const char *const bad[] = {
        "",
        ":80",
        "a:65536",
        "a:123456",
        "a:1234567",
        "a:b",
        "a:8 0",
        "a b",
        "a/b",
        "a@b",
        "a?b",
        "a#b",
        "a\\b",
        "a%2",
        "a%2g",
        "%",
        "[::1",
        "::1",
        "[]",
        "[:]",
        "[:::]",
        "[1]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1::2::3]",
        "[12345::]",
        "[g::]",
        "[::1]a",
        "[::1]:x",
        "[1:]",
        "[:1]",
        "[::1.2.3]",
        "[::1.2.3.256]",
        "[::01.2.3.4]",
        "[1:2:3:4:5:6:7:1.2.3.4]",
        "[::1.2.3.4.]",
        "[1:2:3:4:5:6:7:8::]",
        "a:80:80",
        "a\xff",
        "[v1.a]",
        "[1.2.3.4]",
        "[1:2:3:4:5:1.2.3.4]",
        "[fe80::1%25eth0]",
        "a%20b",
        "a%2eb",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!http_is_authority(slice_of_text(good[i])))
            fail_msg("refused %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (http_is_authority(slice_of_text(bad[i])))
            fail_msg("accepted %s", bad[i]);
    assert_false(http_is_authority(slice_of("a\0b", 3)));
}

static void walks_lists_around_quotes_and_gaps(void **state)
{
    (void)state;
    struct slice rest = SLICE_LIT(" a ,, \t,b;c=\"d,\\\"e\" , \"f");
    static const char *const expected[] = {"a", "b;c=\"d,\\\"e\"", "\"f"};
    struct slice element;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(http_list_next(&rest, &element));
        assert_true(slice_is(element, expected[i]));
    }
    assert_false(http_list_next(&rest, &element));
    rest = SLICE_LIT(", ,");
    assert_false(http_list_next(&rest, &element));
}

/* HTTP_FIELD_OTHER: none. */
static enum http_field find_short(const char *block, size_t len)
{
    enum http_field field = HTTP_FIELD_OTHER;
    return http_field_find(block, len, &field) ? field : HTTP_FIELD_OTHER;
}

/* CR is '-' without its bit 0x20, and "@" is "`": what folds onto a name is not that name. */
static void finds_exactly_the_known_short_names(void **state)
{
    (void)state;
    for (int field = 0; SCAN_HAS_BLOCKS && field < HTTP_FIELD_OTHER; field++) {
        char name[16];
        size_t len = strlen(http_field_name((enum http_field)field));
        if (len >= sizeof name)
            continue;
        memset(name, ':', sizeof name);
        memcpy(name, http_field_name((enum http_field)field), len);
        for (size_t place = 0; place < len; place++) {
            char right = name[place];
            for (int c = 0; c < 256; c++) {
                name[place] = (char)c;
                bool is_same = c == right || (right >= 'a' && right <= 'z' && c == right - 0x20);
                enum http_field found = find_short(name, len);
                assert_true(!is_same || found == (enum http_field)field);
                assert_true(is_same || found != (enum http_field)field);
                bool is_token = http_is_token(slice_of(name, len));
                assert_true(found == HTTP_FIELD_OTHER || (is_token && http_field_parse(slice_of(name, len)) == found));
            }
            name[place] = right;
        }
    }
    assert_int_equal(find_short("::::::::::::::::", 0), HTTP_FIELD_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_exactly_the_known_short_names),
        cmocka_unit_test(knows_methods_by_exact_case),
        cmocka_unit_test(knows_every_field_in_any_case),
        cmocka_unit_test(takes_no_other_name_for_a_known_one),
        cmocka_unit_test(refuses_two_of_what_decides_framing_or_identity),
        cmocka_unit_test(names_statuses),
        cmocka_unit_test(gives_every_fault_a_status_and_an_error),
        cmocka_unit_test(accepts_hosts_of_rfc_3986_without_escapes_only),
        cmocka_unit_test(walks_lists_around_quotes_and_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
