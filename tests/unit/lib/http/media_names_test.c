/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/media_names.h"

#include "lib/http/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void the_ending_says_the_type(void **state)
{
    (void)state;
    assert_string_equal(media_type_of_path(SLICE_LIT("index.html")), "text/html; charset=utf-8");
    assert_string_equal(media_type_of_path(SLICE_LIT("/a/b.min.JS")), "text/javascript; charset=utf-8");
    assert_string_equal(media_type_of_path(SLICE_LIT("x.png")), "image/png");
    static const char *const unknown[] = {"", "a", "html", ".html", "a/.html", "a.html/b", "a.", "a.htmlx", "/", "."};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_string_equal(media_type_of_path(slice_of_text(unknown[i])), MEDIA_TYPE_UNKNOWN);
}

static void every_type_of_the_table_is_well_formed(void **state)
{
    (void)state;
    static const char *const types[] = {
#define MEDIA(ending, type, is_compressible) type,
#include "lib/http/media_names.def"
#undef MEDIA
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct media_type type;
        assert_int_equal(media_type_parse(slice_of_text(types[i]), &type), ERR_OK);
    }
}

static void compresses_what_is_text_in_some_way(void **state)
{
    (void)state;
    static const char *const yes[] = {"text/html; charset=utf-8", "TEXT/x-anything", "application/json",
                                      "application/problem+json", "image/svg+xml",   "Application/JSON ;a=b",
                                      "text/event-stream",        "application/wasm"};
    static const char *const no[] = {"",          "image/png", "application/octet-stream", "application/zip",
                                     "font/woff", "textual/x", "application/jsonx",        "video/mp4"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(media_is_compressible(slice_of_text(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(media_is_compressible(slice_of_text(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ending_says_the_type),
        cmocka_unit_test(every_type_of_the_table_is_well_formed),
        cmocka_unit_test(compresses_what_is_text_in_some_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
