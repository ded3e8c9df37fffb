/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "unit/lib/schema/schema_case.h"

#define OPTIONS(list) "{\"x-openapi-validation\":{" list "},"
#define COERCE        OPTIONS("\"coerceTypes\":true")
#define REMOVE        OPTIONS("\"removeAdditional\":true")
#define DEFAULTS      OPTIONS("\"applyDefaults\":true")

static struct schema_edits edits;

static enum schema_outcome adapt(yyjson_val *document)
{
    struct schema_work work = work_of(STEPS_MAX);
    edits = (struct schema_edits){.arena = &arena};
    return schema_adapt(schema, document, &work, &edits, NULL);
}

static void assert_adapts(const char *text, const char *expected)
{
    yyjson_val *document = parse(text);
    struct json_writer writer = json_writer_in_arena(&arena, 256);
    struct slice found;
    assert_int_equal(adapt(document), SCHEMA_VALID);
    schema_edits_write(document, &edits, &writer);
    assert_int_equal(json_writer_finish(&writer, &found), ERR_OK);
    if (!slice_is(found, expected))
        fail_msg("expected: %s\nfound: " SLICE_FMT, expected, SLICE_ARG(found));
}

static void assert_refuses(const char *text)
{
    assert_int_equal(adapt(parse(text)), SCHEMA_INVALID);
    assert_int_equal(edits.count, 0);
}

static void coerces_by_the_table(void **state)
{
    (void)state;
    use(COERCE "\"properties\":{\"n\":{\"type\":\"number\"},\"i\":{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"},"
               "\"s\":{\"type\":\"string\"},\"z\":{\"type\":\"null\"}}}");
    assert_true(schema_adapts(schema));
    assert_adapts("{\"n\":\"1.5\",\"i\":\"5\",\"b\":\"true\",\"s\":1.5,\"z\":\"\"}",
                  "{\"n\":1.5,\"i\":5,\"b\":true,\"s\":\"1.5\",\"z\":null}");
    assert_adapts("{\"n\":true,\"i\":null,\"b\":0,\"s\":false,\"z\":0}",
                  "{\"n\":1,\"i\":0,\"b\":false,\"s\":\"false\",\"z\":null}");
    assert_adapts("{\"n\":1,\"i\":-2,\"b\":true,\"s\":\"\",\"z\":null}",
                  "{\"n\":1,\"i\":-2,\"b\":true,\"s\":\"\",\"z\":null}");
    assert_int_equal(edits.count, 0);
    assert_refuses("{\"i\":\"1.5\"}");
    assert_refuses("{\"n\":\"0x10\"}");
    assert_refuses("{\"n\":\"\"}");
    assert_refuses("{\"b\":\"yes\"}");
    assert_refuses("{\"s\":[]}");
}

static void checks_what_it_has_made(void **state)
{
    (void)state;
    use(COERCE "\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":3}},\"enum\":[{\"n\":5}]}");
    assert_refuses("{\"n\":\"2\"}");
    use(COERCE "\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"allOf\":[{\"enum\":[{\"n\":5}]}]}");
    assert_adapts("{\"n\":\"5\"}", "{\"n\":5}");
}

static void removes_what_is_not_foreseen(void **state)
{
    (void)state;
    use(REMOVE "\"properties\":{\"a\":{\"properties\":{\"b\":true},\"additionalProperties\":false}},"
               "\"unevaluatedProperties\":false,\"maxProperties\":1}");
    assert_refuses("{\"c\":1,\"a\":{}}"); /* maxProperties comes first */
    use(REMOVE "\"properties\":{\"a\":{\"properties\":{\"b\":true},\"additionalProperties\":false}},"
               "\"unevaluatedProperties\":false}");
    assert_adapts("{\"c\":{\"d\":[1]},\"a\":{\"x\":1,\"b\":2,\"y\":3},\"e\":5}", "{\"a\":{\"b\":2}}");
}

static void adds_defaults_that_count_like_members(void **state)
{
    (void)state;
    use(DEFAULTS "\"properties\":{\"a\":{\"type\":\"object\",\"default\":{},\"properties\":{\"b\":{\"default\":[1]}}},"
                 "\"c\":{\"default\":\"x\"}},\"required\":[\"a\"]}");
    assert_adapts("{}", "{\"a\":{\"b\":[1]},\"c\":\"x\"}");
    assert_adapts("{\"c\":1,\"a\":{\"d\":0}}", "{\"c\":1,\"a\":{\"d\":0,\"b\":[1]}}");
}

static void forgets_the_edits_of_a_branch_that_fails(void **state)
{
    (void)state;
    use(COERCE "\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{\"const\":1}}},"
               "{\"properties\":{\"a\":{\"type\":\"string\"}}}]}");
    assert_adapts("{\"a\":\"5\",\"b\":2}", "{\"a\":\"5\",\"b\":2}");
    assert_int_equal(edits.count, 0);
    assert_adapts("{\"a\":\"5\",\"b\":1}", "{\"a\":5,\"b\":1}");
}

static void adds_no_defaults_of_what_is_only_tried(void **state)
{
    (void)state;
    use(DEFAULTS "\"anyOf\":[{\"properties\":{\"a\":{\"default\":1}}}]}");
    assert_adapts("{}", "{}");
}

static void tells_edits_in_the_order_of_the_text(void **state)
{
    (void)state;
    use(OPTIONS("\"coerceTypes\":true,\"applyDefaults\":true,\"removeAdditional\":true") //
        "\"properties\":{\"z\":{\"type\":\"number\"},\"a\":{\"type\":\"number\"},\"d\":{\"default\":0}},"
        "\"additionalProperties\":false}");
    assert_adapts("{\"a\":\"1\",\"x\":0,\"z\":\"2\"}", "{\"a\":1,\"z\":2,\"d\":0}");
    assert_int_equal(edits.count, 4);
    for (uint32_t i = 1; i < edits.count; i++)
        assert_true(edits.items[i - 1].at <= edits.items[i].at);
}

static void leaves_the_document_as_it_was(void **state)
{
    (void)state;
    use(COERCE "\"items\":{\"type\":\"number\"}}");
    yyjson_val *document = parse("[\"5\"]");
    assert_int_equal(adapt(document), SCHEMA_VALID);
    assert_int_equal(edits.count, 1);
    assert_true(edits.items[0].at == yyjson_arr_get(document, 0));
    assert_string_equal(yyjson_get_str(yyjson_arr_get(document, 0)), "5");
}

static void heeds_options_only_within_the_schema_that_has_them(void **state)
{
    (void)state;
    use("{\"properties\":{\"a\":{\"type\":\"number\"},\"b\":" COERCE "\"items\":{\"type\":\"number\"}}}}");
    assert_refuses("{\"a\":\"5\"}");
    assert_adapts("{\"b\":[\"5\"]}", "{\"b\":[5]}");
}

static void lets_empty_strings_pass_or_refuses_them(void **state)
{
    (void)state;
    use(OPTIONS("\"allowEmptyString\":true") "\"type\":[\"string\",\"number\"],\"minLength\":3,\"pattern\":\"^a\","
                                             "\"enum\":[\"abc\",1],\"format\":\"date\"}");
    assert_adapts("\"\"", "\"\"");
    assert_refuses("\"abd\"");
    struct schema_work work = work_of(STEPS_MAX);
    assert_int_equal(schema_check(schema, parse("\"\""), &work), SCHEMA_VALID);
    use(OPTIONS("\"allowEmptyString\":false") "\"properties\":{\"a\":{}}}");
    assert_refuses("{\"a\":\"\"}");
    assert_adapts("{\"\":\"x\"}", "{\"\":\"x\"}");
}

/* An array of so many empty objects, or what they become. */
static const char *many(const char *item, size_t count)
{
    struct buffer out = buffer_in_arena(&arena, 64);
    struct slice text;
    buffer_add_byte(&out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_byte(&out, ',');
        buffer_add(&out, slice_of_text(item));
    }
    buffer_add_byte(&out, ']');
    buffer_add_byte(&out, '\0');
    assert_int_equal(buffer_finish(&out, &text), ERR_OK);
    return text.ptr;
}

/* Every object is asked what has been added to it; were the others gone through for that, the steps would not do. */
static void finds_defaults_among_many_objects(void **state)
{
    (void)state;
    use(DEFAULTS "\"items\":{\"properties\":{\"a\":{\"default\":1},\"b\":{\"default\":{}}},\"minProperties\":2,"
                 "\"maxProperties\":2}}");
    assert_adapts(many("{}", 20000), many("{\"a\":1,\"b\":{}}", 20000));
    use(DEFAULTS "\"items\":{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"z\"]},true],"
                 "\"properties\":{\"a\":{\"default\":1}},\"required\":[\"a\"]}}");
    assert_adapts(many("{}", 20000), many("{\"a\":1}", 20000));
}

static void keeps_the_digits_of_numbers(void **state)
{
    (void)state;
    use(COERCE "\"properties\":{\"n\":{\"type\":\"number\"}}}");
    assert_true(schema_wants_numbers(schema));
    assert_adapts("{\"n\":\"1\",\"a\":12345678901234567890123,\"b\":[0.1000000000000000055,1e400]}",
                  "{\"n\":1,\"a\":12345678901234567890123,\"b\":[0.1000000000000000055,1e400]}");
    assert_adapts("{\"n\":\"12345678901234567890123\"}", "{\"n\":12345678901234567890123}");
    assert_adapts("{\"n\":\"0.1000000000000000055\"}", "{\"n\":0.1000000000000000055}");
    use(COERCE "\"items\":{\"type\":\"integer\",\"maximum\":12345678901234567890123}}");
    assert_adapts("[\"12345678901234567890123\"]", "[12345678901234567890123]");
    assert_refuses("[\"12345678901234567890124\"]");
    assert_refuses("[\"1.0000000000000000000000005\"]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_case, drop_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(coerces_by_the_table),
        TEST(checks_what_it_has_made),
        TEST(removes_what_is_not_foreseen),
        TEST(adds_defaults_that_count_like_members),
        TEST(forgets_the_edits_of_a_branch_that_fails),
        TEST(adds_no_defaults_of_what_is_only_tried),
        TEST(tells_edits_in_the_order_of_the_text),
        TEST(leaves_the_document_as_it_was),
        TEST(heeds_options_only_within_the_schema_that_has_them),
        TEST(finds_defaults_among_many_objects),
        TEST(keeps_the_digits_of_numbers),
        TEST(lets_empty_strings_pass_or_refuses_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
