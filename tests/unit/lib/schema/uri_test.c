/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/uri_int.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(1 << 20);
}

static void expect(const char *base, const char *reference, const char *wanted, const char *wanted_fragment)
{
    struct slice uri = {NULL, 0};
    struct slice fragment = {NULL, 0};
    /* Memory of the exact size, so that AddressSanitizer sees a read behind it. */
    size_t len = strlen(reference);
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, reference, len);
    if (uri_resolve(&arena, slice_of_text(base), slice_of(exact, len), &uri, &fragment) != ERR_OK)
        fail_msg("refused: %s", reference);
    if (!slice_is(uri, wanted))
        fail_msg("%s beside %s: " SLICE_FMT, reference, base, SLICE_ARG(uri));
    assert_int_equal(fragment.ptr != NULL, wanted_fragment != NULL);
    if (wanted_fragment && !slice_is(fragment, wanted_fragment))
        fail_msg("%s: fragment " SLICE_FMT, reference, SLICE_ARG(fragment));
    free(exact);
}

/* RFC 3986, section 5.4. */
static void resolves_the_examples_of_the_rfc(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        expect("http://a/b/c/d;p?q", examples[i][0], examples[i][1], NULL);
}

static void fragments_are_cut_off_and_decoded(void **state)
{
    (void)state;
    expect("http://a/b", "#", "http://a/b", "");
    expect("http://a/b", "#/a%20b~1/%c3%A9", "http://a/b", "/a b~1/\xc3\xa9");
    expect("http://a/b", "c#d?e#f", "http://a/c", "d?e#f");
    expect("http://a/b?q", "#x", "http://a/b?q", "x");
    expect("urn:uuid:1", "#/a", "urn:uuid:1", "/a");
}

static void equal_uris_become_equal_texts(void **state)
{
    (void)state;
    expect("", "HTTP://User@EXAMPLE.com:80/%7Ea/%2e/b%2fc", "http://User@example.com:80/~a/b%2Fc", NULL);
    expect("", "http://ex%c3ample/", "http://ex%C3ample/", NULL);
    expect("", "http://a/\xc3\xa9", "http://a/\xc3\xa9", NULL);
}

static void names_without_hierarchy_have_no_dots_to_remove(void **state)
{
    (void)state;
    expect("", "urn:example:a/../b", "urn:example:a/../b", NULL);
    expect("", "tag:example.com,2020:x", "tag:example.com,2020:x", NULL);
    expect("urn:example:root", "urn:example:other#a", "urn:example:other", "a");
}

static void path_never_becomes_an_authority(void **state)
{
    (void)state;
    expect("", "a:/.//b", "a:/.//b", NULL);
    expect("a:/x", "/.//b", "a:/.//b", NULL);
    expect("a:/x/y", "..//b", "a:/.//b", NULL);
}

static void joins_to_an_authority_without_path(void **state)
{
    (void)state;
    expect("http://a", "b", "http://a/b", NULL);
    expect("http://a?q", "#b", "http://a?q", "b");
}

static void refuses_what_is_no_uri(void **state)
{
    (void)state;
    static const char *const bad[] = {"a b", "a\\b", "%", "%4", "%4g", "a%", "<a>", "{a}", "\x01", "#%", "#%zz", "a|b"};
    struct slice uri;
    struct slice fragment;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (uri_resolve(&arena, SLICE_LIT("http://a/"), slice_of_text(bad[i]), &uri, &fragment) != ERR_SYNTAX)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(uri_resolve(&arena, (struct slice){NULL, 0}, SLICE_LIT("a"), &uri, &fragment), ERR_INVALID);
    assert_int_equal(uri_resolve(&arena, (struct slice){NULL, 0}, SLICE_LIT(""), &uri, &fragment), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(resolves_the_examples_of_the_rfc, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(fragments_are_cut_off_and_decoded, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(equal_uris_become_equal_texts, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(names_without_hierarchy_have_no_dots_to_remove, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(path_never_becomes_an_authority, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(joins_to_an_authority_without_path, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_uri, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
