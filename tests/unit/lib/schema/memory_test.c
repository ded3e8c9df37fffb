/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling with each allocation failing in turn: ERR_NOMEM, nothing read that is not there, nothing kept, and nothing
 * worse when the same compiler is asked again. */
#include "lib/schema/schema.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/lib/malloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define URI SLICE_LIT("http://example.com/a")

/* A bit of everything, and one item of `required` that is wrong where `is_broken` says so. */
static void make_text(char *out, size_t room, bool is_broken)
{
    int len = snprintf(out, room,
                       "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$ref\":\"#/$defs/d0\","
                       "\"patternProperties\":{\"^a\":{\"$dynamicRef\":\"#n\"}},\"required\":[\"x\",%s],\"$defs\":{"
                       "\"n\":{\"$dynamicAnchor\":\"n\",\"enum\":[1,{\"b\":[2.5]}]}",
                       is_broken ? "1" : "\"y\"");
    for (int i = 0; i < 300; i++)
        len += snprintf(out + len, room - (size_t)len,
                        ",\"d%d\":{\"$id\":\"id%d\",\"$anchor\":\"a\",\"items\":{\"$ref\":\"id%d#a\"}}", i, i,
                        (i + 1) % 300);
    (void)snprintf(out + len, room - (size_t)len, "}}");
}

static enum err compile(struct schema_compiler *compiler, const char *text)
{
    struct schema *schema = NULL;
    enum err err = schema_compiler_add(compiler, URI, SLICE_LIT("a"), slice_of_text(text));
    if (err == ERR_OK || err == ERR_EXISTS)
        err = schema_compile(compiler, URI, NULL, &schema);
    schema_unref(schema);
    return err;
}

static unsigned fail_each(const char *text, enum err wanted)
{
    static const struct schema_settings settings = {.draft = SCHEMA_DRAFT_2020_12};
    unsigned failed = 0;
    for (unsigned long nth = 1;; nth++) {
        struct schema_compiler *compiler = NULL;
        long before = kept;
        fail_in = nth;
        enum err err = schema_compiler_create(&settings, &compiler);
        if (err == ERR_OK)
            err = compile(compiler, text);
        bool is_over = fail_in > 0;
        fail_in = 0;
        if (err != wanted && (err != ERR_NOMEM || is_over)) /* PCRE2 does without some of what it asks for */
            fail_msg("allocation %lu: %s", nth, err_name(err));
        failed += err == ERR_NOMEM;
        if (compiler && !is_over) {
            err = compile(compiler, text);
            if (err != wanted && err != ERR_NOMEM)
                fail_msg("after allocation %lu: %s", nth, err_name(err));
        }
        schema_compiler_destroy(compiler);
        if (kept != before)
            fail_msg("allocation %lu: %ld are left", nth, kept - before);
        if (is_over)
            return failed;
    }
}

static void each_allocation_may_fail(void **state)
{
    static char text[64 << 10];
    (void)state;
    if (!CAN_FAIL)
        skip();
    make_text(text, sizeof text, false);
    assert_true(fail_each(text, ERR_OK) > 20);
    make_text(text, sizeof text, true);
    assert_true(fail_each(text, ERR_INVALID) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
