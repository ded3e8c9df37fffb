/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "unit/lib/schema/schema_case.h"

static struct schema_errors errors;

static void explain(const char *text)
{
    struct schema_work work = work_of(STEPS_MAX);
    errors = (struct schema_errors){.arena = &arena, .max = 10};
    assert_int_equal(schema_explain(schema, parse(text), &work, &errors), SCHEMA_INVALID);
    assert_true(errors.count > 0);
}

static void assert_text(struct slice found, const char *expected)
{
    if (!slice_is(found, expected))
        fail_msg("expected: %s\nfound: " SLICE_FMT, expected, SLICE_ARG(found));
}

static void assert_message(uint32_t index, const char *instance, const char *message)
{
    assert_true(index < errors.count);
    assert_text(errors.items[index].instance, instance);
    assert_text(errors.items[index].message, message);
}

static void says_what_was_expected_and_found_and_where(void **state)
{
    (void)state;
    use("{\"$defs\":{\"age\":{\"type\":\"integer\",\"minimum\":3}},"
        "\"properties\":{\"a/b\":{\"$ref\":\"#/$defs/age\"}}}");
    explain("{\"a/b\":2}");
    assert_int_equal(errors.count, 1);
    assert_message(0, "/a~1b", "Expected an integer of at least 3, found 2.");
    assert_text(errors.items[0].path, "/properties/a~1b/$ref/minimum");
    assert_text(errors.items[0].location, "test:s#/$defs/age/minimum");
    assert_text(errors.items[0].keyword, "minimum");
    assert_text(errors.items[0].expected, "an integer of at least 3");
    assert_text(errors.items[0].found, "2");
}

static void tells_all_that_is_wrong(void **state)
{
    (void)state;
    use("{\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]},\"b\":{\"enum\":[1,\"x\"]}},\"required\":[\"c\",\"d\"]"
        "}");
    explain("{\"a\":1,\"b\":2}");
    assert_int_equal(errors.count, 4);
    assert_message(0, "/a", "Expected a string or null, found 1.");
    assert_message(1, "/b", "Expected one of 1, \"x\", found 2.");
    assert_message(2, "", "The member \"c\" is missing.");
    assert_message(3, "", "The member \"d\" is missing.");
}

static void says_which_name_a_slip_was_meant_for(void **state)
{
    (void)state;
    use("{\"properties\":{\"timeout\":true},\"additionalProperties\":false}");
    explain("{\"timeuot\":5,\"q\":6}");
    assert_int_equal(errors.count, 2);
    assert_message(0, "/timeuot", "The member \"timeuot\" is not allowed here; did you mean \"timeout\"?");
    assert_message(1, "/q", "The member \"q\" is not allowed here.");
    assert_text(errors.items[0].found, "a number");
}

static void tells_the_branch_that_came_nearest(void **state)
{
    (void)state;
    use("{\"oneOf\":[{\"type\":\"string\"},"
        "{\"properties\":{\"kind\":{\"const\":\"a\"},\"x\":{\"minimum\":1}},\"required\":[\"kind\"]},"
        "{\"properties\":{\"kind\":{\"const\":\"b\"},\"y\":{\"minimum\":1}},\"required\":[\"kind\"]}]}");
    explain("{\"kind\":\"b\",\"x\":0,\"y\":0}");
    assert_int_equal(errors.count, 2);
    assert_message(0, "",
                   "Expected a value that fits exactly one of 3 schemas, found an object with 3 members, which fits "
                   "none.");
    assert_message(1, "/y", "Expected a number of at least 1, found 0.");
    assert_text(errors.items[1].path, "/oneOf/2/properties/y/minimum");
}

static void says_how_many_schemas_of_one_of_fit(void **state)
{
    (void)state;
    use("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2},{\"type\":\"string\"}]}");
    explain("3");
    assert_int_equal(errors.count, 1);
    assert_message(0, "", "Expected a value that fits exactly one of 3 schemas, found 3, which fits 2.");
}

static void tells_objects_apart_that_are_as_large(void **state)
{
    (void)state;
    use("{\"const\":{\"a\":1}}");
    explain("{\"a\":2}");
    assert_message(0, "", "Expected an object with 1 member, found a different object with 1 member.");
    use("{\"enum\":[[1,2],3]}");
    explain("[2,1]");
    assert_message(0, "", "Expected one of an array of 2 items, 3, found a different array of 2 items.");
    explain("{}");
    assert_message(0, "", "Expected one of an array of 2 items, 3, found an object with 0 members.");
}

static void never_tells_a_secret(void **state)
{
    (void)state;
    use("{\"properties\":{\"a\":{\"writeOnly\":true,\"minLength\":9},\"b\":{\"allOf\":[{\"enum\":[\"x\"]},"
        "{\"x-secret\":true}]},\"c\":{\"type\":\"string\",\"format\":\"password\",\"maxLength\":1},"
        "\"d\":{\"writeOnly\":true,\"properties\":{\"e\":{\"type\":\"number\"}}}},"
        "\"patternProperties\":{\"^a\":{\"pattern\":\"z\"}},\"maxProperties\":1}");
    explain("{\"a\":\"hunter2\",\"b\":\"hunter2\",\"c\":\"hunter2\",\"d\":{\"e\":\"hunter2\"}}");
    assert_int_equal(errors.count, 6);
    for (uint32_t i = 0; i < errors.count; i++) {
        char message[256];
        (void)snprintf(message, sizeof message, SLICE_FMT SLICE_FMT, SLICE_ARG(errors.items[i].message),
                       SLICE_ARG(errors.items[i].found));
        assert_null(strstr(message, "hunter2"));
    }
    assert_text(errors.items[0].found, "(hidden)");
}

static void assert_tells_nothing_of(const char *schema_text, const char *document, const char *secret)
{
    use(schema_text);
    explain(document);
    assert_true(errors.count > 0);
    for (uint32_t i = 0; i < errors.count; i++) {
        const struct schema_error *error = &errors.items[i];
        char told[512];
        (void)snprintf(told, sizeof told, SLICE_FMT SLICE_FMT SLICE_FMT, SLICE_ARG(error->message),
                       SLICE_ARG(error->found), SLICE_ARG(error->instance));
        if (strstr(told, secret))
            fail_msg("%s", told);
    }
}

/* Whatever else came of the schema that says so: it may have been tried only, and may have failed before. */
static void hides_what_a_schema_hides_that_was_only_tried(void **state)
{
    (void)state;
    assert_tells_nothing_of("{\"contains\":{\"type\":\"string\",\"writeOnly\":true},\"items\":{\"maxLength\":3}}",
                            "[\"sesame\"]", "sesame");
    assert_tells_nothing_of("{\"contains\":{\"required\":[\"q\"],\"properties\":{\"p\":{\"writeOnly\":true}}},"
                            "\"items\":{\"properties\":{\"p\":{\"maxLength\":3}}},\"minContains\":0}",
                            "[{\"p\":\"sesame\"}]", "sesame");
    assert_tells_nothing_of("{\"if\":{\"properties\":{\"p\":{\"writeOnly\":true}}},"
                            "\"properties\":{\"p\":{\"maxLength\":3}}}",
                            "{\"p\":\"sesame\"}", "sesame");
    assert_tells_nothing_of("{\"if\":{\"required\":[\"q\"],\"properties\":{\"p\":{\"writeOnly\":true}}},"
                            "\"properties\":{\"p\":{\"maxLength\":3}}}",
                            "{\"p\":\"sesame\"}", "sesame");
    assert_tells_nothing_of("{\"not\":{\"required\":[\"q\"],\"properties\":{\"p\":{\"writeOnly\":true}}},"
                            "\"properties\":{\"p\":{\"maxLength\":3}}}",
                            "{\"p\":\"sesame\"}", "sesame");
    assert_tells_nothing_of("{\"properties\":{\"d\":{\"writeOnly\":true,\"additionalProperties\":false}}}",
                            "{\"d\":{\"sesame\":1}}", "sesame");
}

static void shortens_what_it_tells_where_a_character_ends(void **state)
{
    (void)state;
    use("{\"maxLength\":1}");
    explain("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9\xc3\xa9\xc3\xa9\"");
    assert_text(errors.items[0].found, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x80\xa6\"");
}

static void tells_no_more_than_it_was_asked_for(void **state)
{
    (void)state;
    struct schema_work work = work_of(STEPS_MAX);
    use("{\"items\":{\"type\":\"string\"}}");
    errors = (struct schema_errors){.arena = &arena, .max = 2};
    assert_int_equal(schema_explain(schema, parse("[1,2,3]"), &work, &errors), SCHEMA_INVALID);
    assert_int_equal(errors.count, 2);
    assert_true(errors.is_cut);
}

static void names_the_bound_of_contains_that_was_missed(void **state)
{
    (void)state;
    use("{\"contains\":{\"type\":\"string\"},\"minContains\":2,\"maxContains\":2}");
    explain("[\"a\"]");
    assert_text(errors.items[0].keyword, "minContains");
    assert_text(errors.items[0].location, "test:s#/minContains");
    explain("[\"a\",\"b\",\"c\"]");
    assert_text(errors.items[0].path, "/maxContains");
}

static void says_nothing_more_of_members_that_a_failed_branch_knows(void **state)
{
    (void)state;
    use("{\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}}],\"unevaluatedProperties\":false}");
    explain("{\"a\":1}");
    assert_int_equal(errors.count, 2);
    assert_message(1, "/a", "Expected a string, found 1.");
}

/* Each number fails the first branch. */
static void takes_no_memory_for_branches_that_did_not_matter(void **state)
{
    (void)state;
    enum { ITEMS = 20000 };
    static char text[2 * ITEMS + 8] = "[";
    struct arena little;
    arena_init(&little, &pool, 4096, 64 << 10);
    use("{\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}}");
    for (size_t i = 0; i < ITEMS; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    memcpy(text + 1 + 2 * ITEMS, "[]]", 4);
    struct schema_work work = work_of(STEPS_MAX);
    work.scratch = &little;
    errors = (struct schema_errors){.arena = &arena, .max = 10};
    assert_int_equal(schema_explain(schema, parse(text), &work, &errors), SCHEMA_INVALID);
    assert_message(0, "/20000", "Expected a value that fits at least one of 2 schemas, found an array of 0 items.");
    arena_reset(&little);
}

static void writes_the_outputs_of_the_standard(void **state)
{
    (void)state;
    struct slice text;
    use("{\"type\":\"string\"}");
    explain("5");
    struct json_writer writer = json_writer_in_arena(&arena, 256);
    schema_write_output(SCHEMA_OUTPUT_FLAG, true, &errors, &writer);
    assert_int_equal(json_writer_finish(&writer, &text), ERR_OK);
    assert_text(text, "{\"valid\":true}");
    writer = json_writer_in_arena(&arena, 256);
    schema_write_output(SCHEMA_OUTPUT_BASIC, false, &errors, &writer);
    assert_int_equal(json_writer_finish(&writer, &text), ERR_OK);
    assert_text(text, "{\"valid\":false,\"errors\":[{\"valid\":false,\"keywordLocation\":\"/type\","
                      "\"absoluteKeywordLocation\":\"test:s#/type\",\"instanceLocation\":\"\","
                      "\"error\":\"Expected a string, found 5.\"}]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_case, drop_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_what_was_expected_and_found_and_where),
        TEST(tells_all_that_is_wrong),
        TEST(says_which_name_a_slip_was_meant_for),
        TEST(tells_the_branch_that_came_nearest),
        TEST(says_how_many_schemas_of_one_of_fit),
        TEST(tells_objects_apart_that_are_as_large),
        TEST(never_tells_a_secret),
        TEST(hides_what_a_schema_hides_that_was_only_tried),
        TEST(shortens_what_it_tells_where_a_character_ends),
        TEST(tells_no_more_than_it_was_asked_for),
        TEST(names_the_bound_of_contains_that_was_missed),
        TEST(says_nothing_more_of_members_that_a_failed_branch_knows),
        TEST(takes_no_memory_for_branches_that_did_not_matter),
        TEST(writes_the_outputs_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
