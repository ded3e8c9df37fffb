/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
static void parses_types_and_parameters(void **state)
{
    (void)state;
    struct media_type type;
    assert_int_equal(
        media_type_parse(SLICE_LIT(" Multipart/Form-Data ; Boundary=\"a b\\\"c\" ;; charset=UTF-8;"), &type), ERR_OK);
    assert_true(media_type_is(&type, "multipart/form-data"));
    assert_false(media_type_is(&type, "multipart/mixed"));
    assert_false(media_type_is(&type, "multipart"));
    assert_true(slice_is(media_type_boundary(&type), "a b\\\"c"));
    assert_true(slice_is(media_type_charset(&type), "UTF-8"));
    assert_null(media_type_parameter(&type, "q").ptr);
    char out[16];
    struct slice boundary = media_type_boundary(&type);
    assert_true(slice_is(slice_of(out, media_unquote(boundary, out)), "a b\"c"));
}

static void refuses_malformed_types(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        "text",        "/plain",         "text/",        "text/plain x", "text /plain", "text/ plain",
        "a/b;c",   "a/b;c=",      "a/b;=d",         "a/b;c =d",     "a/b;c= d",     "a/b;c=\"d",   "a/b;c=\"d\\",
        "a/b,c/d", "a/b;c=d;C=e", "a/b;c=\"\x01\"", "a/b;c=\"d\"e",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct media_type type;
        if (media_type_parse(slice_of_text(bad[i]), &type) != ERR_SYNTAX)
            fail_msg("accepted %s", bad[i]);
    }
}

static void weighs_ranges_by_specificity(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        const char *type;
        const char *subtype;
        int quality;
    } rows[] = {
        {"", "a", "b", 1000},
        {"a/b", "a", "b", 1000},
        {"A/B;q=0.5", "a", "b", 500},
        {"a/*;q=0.25, */*;q=0.1", "a", "b", 250},
        {"*/*;q=0.1, a/*;q=0.25", "c", "d", 100},
        {"*/*, a/b;q=0", "a", "b", 0},
        {"a/*;q=0, */*", "a", "b", 0},
        {"a/b;q=0.001", "a", "b", 1},
        {"a/b;charset=utf-8;q=0.5", "a", "b", 500},
        {"a/b;q=1.000", "a", "b", 1000},
        {"a/b;q=1.001, c/d;q=0.2", "a", "b", 0},
        {"a/b;q=.5", "a", "b", 0},
        {"a/b;q=0.5555", "a", "b", 0},
        {"nonsense, a/b", "a", "b", 1000},
        {"*/b", "a", "b", 0},
        {"c/d", "a", "b", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int quality = media_accept_quality(slice_of_text(rows[i].accept), slice_of_text(rows[i].type),
                                           slice_of_text(rows[i].subtype));
        if (quality != rows[i].quality)
            fail_msg("%s: %d", rows[i].accept, quality);
    }
}

static void chooses_the_offer_wanted_most(void **state)
{
    (void)state;
    static const char *const offers[] = {"text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"};
    static const struct {
        const char *accept;
        int choice;
    } rows[] = {
        {"", 0},
        {"*/*", 0},
        {"text/html,*/*;q=0.8", 0},
        {"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", 1},
        {"text/plain;q=0, */*", 1},
        {"image/png", -1},
        {"text/plain;q=0", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(media_accept_choose(slice_of_text(rows[i].accept), offers, ARRAY_LEN(offers)), rows[i].choice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_types_and_parameters),
        cmocka_unit_test(refuses_malformed_types),
        cmocka_unit_test(weighs_ranges_by_specificity),
        cmocka_unit_test(chooses_the_offer_wanted_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
