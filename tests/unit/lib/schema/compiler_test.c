/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/schema.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BASE "http://example.com/"

static struct schema_settings settings;
static struct schema_compiler *compiler;

static int make_compiler(void **state)
{
    (void)state;
    settings = (struct schema_settings){.draft = SCHEMA_DRAFT_2020_12};
    return schema_compiler_create(&settings, &compiler) == ERR_OK ? make_arena_of(64 << 20) : -1;
}

static int drop_compiler(void **state)
{
    schema_compiler_destroy(compiler);
    return drop_arena(state);
}

static void add(const char *name, const char *text)
{
    char uri[128];
    (void)snprintf(uri, sizeof uri, BASE "%s", name);
    assert_int_equal(schema_compiler_add(compiler, slice_of_text(uri), slice_of_text(name), slice_of_text(text)),
                     ERR_OK);
}

static void print_faults(void)
{
    uint32_t count;
    const struct schema_fault *faults = schema_compiler_faults(compiler, &count);
    for (uint32_t i = 0; i < count; i++)
        print_message(SLICE_FMT ":%u:%u: " SLICE_FMT ": " SLICE_FMT "\n", SLICE_ARG(faults[i].name), faults[i].line,
                      faults[i].column, SLICE_ARG(faults[i].pointer), SLICE_ARG(faults[i].message));
}

static struct schema *compile(const char *reference)
{
    char uri[128];
    struct schema *schema = NULL;
    (void)snprintf(uri, sizeof uri, BASE "%s", reference);
    enum err err = schema_compile(compiler, slice_of_text(uri), NULL, &schema);
    if (err != ERR_OK) {
        print_faults();
        fail_msg("%s: %s", uri, err_name(err));
    }
    return schema;
}

static bool accepts(const struct schema *schema, const char *text)
{
    const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 64};
    struct json_document document;
    struct json_fault fault;
    struct regex_work *regex;
    assert_int_equal(json_parse(&arena, slice_of_text(text), &limits, &document, &fault), ERR_OK);
    assert_int_equal(regex_work_create(1000, &regex), ERR_OK);
    struct schema_work work = {.scratch = &arena, .regex = regex, .steps_left = 10000};
    enum schema_outcome outcome = schema_check(schema, document.root, &work);
    regex_work_destroy(regex);
    return outcome == SCHEMA_VALID;
}

struct wanted {
    unsigned line, column;
    const char *pointer;
    const char *part; /* of the message */
};

static void expect_faults(const char *text, const struct wanted *wanted, size_t wanted_count)
{
    static unsigned number;
    char name[32];
    char uri[64];
    struct schema *schema;
    uint32_t count;
    (void)snprintf(name, sizeof name, "broken%u", number++);
    (void)snprintf(uri, sizeof uri, BASE "%s", name);
    add(name, text);
    assert_int_equal(schema_compile(compiler, slice_of_text(uri), NULL, &schema), ERR_INVALID);
    const struct schema_fault *faults = schema_compiler_faults(compiler, &count);
    bool is_same = count == wanted_count;
    for (uint32_t i = 0; is_same && i < count; i++)
        is_same = slice_is(faults[i].name, name) && faults[i].line == wanted[i].line &&
                  faults[i].column == wanted[i].column && slice_is(faults[i].pointer, wanted[i].pointer) &&
                  strstr(faults[i].message.ptr, wanted[i].part);
    if (!is_same) {
        print_faults();
        fail_msg("other faults than wanted for %s", text);
    }
}

#define EXPECT_FAULTS(text, ...)                                                                                       \
    do {                                                                                                               \
        const struct wanted wanted_[] = {__VA_ARGS__};                                                                 \
        expect_faults(text, wanted_, sizeof wanted_ / sizeof wanted_[0]);                                              \
    } while (0)

static void compiled_schemas_outlive_their_compiler(void **state)
{
    (void)state;
    add("a", "{\"properties\":{\"name\":{\"$ref\":\"b#name\"}},\"required\":[\"name\"]}");
    add("b", "{\"$defs\":{\"n\":{\"$anchor\":\"name\",\"enum\":[\"x\",\"y\"]}}}");
    struct schema *schema = compile("a");
    schema_compiler_destroy(compiler);
    compiler = NULL;
    assert_true(accepts(schema, "{\"name\":\"x\"}"));
    assert_false(accepts(schema, "{\"name\":\"z\"}"));
    assert_false(accepts(schema, "{}"));
    schema_unref(schema);
}

static void many_schemas_are_made_of_one_document(void **state)
{
    (void)state;
    add("api",
        "{\"openapi\":\"3.1.0\",\"components\":{\"schemas\":{\"A\":{\"type\":\"string\"},\"B\":{\"items\":{\"$ref\":"
        "\"#/components/schemas/A\"}},\"C\":{\"type\":3}}}}");
    struct schema *a = compile("api#/components/schemas/A");
    struct schema *b = compile("api#/components/schemas/B");
    struct schema *c;
    assert_true(accepts(a, "\"x\""));
    assert_true(accepts(b, "[\"x\"]"));
    assert_false(accepts(b, "[1]"));
    assert_int_equal(schema_compile(compiler, SLICE_LIT(BASE "api#/components/schemas/C"), NULL, &c), ERR_INVALID);
    schema_unref(a);
    schema_unref(b);
}

static void faults_say_what_a_keyword_takes_and_what_was_found(void **state)
{
    (void)state;
    EXPECT_FAULTS("{\"type\":5}", {1, 9, "/type", "or a list of different ones of them, found 5"});
    EXPECT_FAULTS("{\n \"properties\": {\"a\": {\"minLength\": -1}, \"b\": 5},\n \"required\": \"a\"}",
                  {2, 36, "/properties/a/minLength", "\"minLength\" takes an integer of at least 0, found -1"},
                  {2, 46, "/properties/b", "\"properties\" takes an object of schemas, found 5"},
                  {3, 14, "/required", "\"required\" takes a list of different texts, found \"a\""});
    EXPECT_FAULTS("{\"allOf\":[]}", {1, 10, "/allOf", "a list of at least one schema"});
}

static void faults_name_the_item_of_a_list_that_is_wrong(void **state)
{
    (void)state;
    EXPECT_FAULTS("{\"type\":[\"string\",\"integr\"]}",
                  {1, 19, "/type/1", "found \"integr\"; did you mean \"integer\"?"});
    EXPECT_FAULTS("{\"required\":[\"a\",\"b\",\"a\"]}", {1, 22, "/required/2", "found \"a\""});
}

static void of_two_ways_to_write_a_keyword_the_one_that_was_meant_is_told(void **state)
{
    (void)state;
    settings.draft = SCHEMA_DRAFT_7;
    EXPECT_FAULTS("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\n\"items\":[{\"type\":5}]}",
                  {2, 18, "/items/0/type", "found 5"});
    EXPECT_FAULTS("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\n\"items\":{\"not\":{\"type\":5}}}",
                  {2, 24, "/items/not/type", "found 5"});
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    (void)state;
    EXPECT_FAULTS("{\"not\":3,\n\"items\":{\"$ref\":\"#/nowhere\"},\n\"$defs\":{\"a\":{\"$id\":\"a b\"}}}",
                  {1, 8, "/not", "takes a schema"}, {2, 17, "/items/$ref", "leads nowhere"},
                  {3, 21, "/$defs/a/$id", "takes a URI"});
}

static void faults_of_a_document_stand_together_in_the_order_of_its_text(void **state)
{
    uint32_t count;
    struct schema *schema;
    (void)state;
    add("a", "{\"items\":{\"type\":1},\n\"allOf\":[{\"$ref\":\"b\"}],\n\"not\":{\"$ref\":\"#/x\"}}");
    add("b", "{\"$defs\":{\"x\":{\"$id\":\"a b\",\n\"type\":5}}}");
    assert_int_equal(schema_compile(compiler, SLICE_LIT(BASE "a"), NULL, &schema), ERR_INVALID);
    const struct schema_fault *faults = schema_compiler_faults(compiler, &count);
    assert_int_equal(count, 4);
    static const unsigned lines[] = {1, 3, 1, 2};
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(slice_is(faults[i].name, i < 2 ? "a" : "b"));
        assert_int_equal(faults[i].line, lines[i]);
    }
}

static void patterns_that_do_not_compile_are_faults(void **state)
{
    (void)state;
    EXPECT_FAULTS("{\"pattern\":\n\"(\"}", {2, 1, "/pattern", "regular expression"});
    EXPECT_FAULTS("{\"pattern\":\n\"(?<=a+)b\"}", {2, 1, "/pattern", "regular expression"});
    EXPECT_FAULTS("{\"patternProperties\":{\n\"(\":{},\"a\":{\"pattern\":\"[\"}}}",
                  {2, 1, "/patternProperties/(", "regular expression"},
                  {2, 23, "/patternProperties/a/pattern", "regular expression"});
}

static void options_that_are_unknown_or_of_another_form_are_faults(void **state)
{
    (void)state;
    EXPECT_FAULTS(
        "{\"x-openapi-validation\":{\"coerceType\":true,\"mode\":\"x\"},\n\"not\":{\"x-openapi-validation\":5}}",
        {1, 26, "/x-openapi-validation/coerceType", "did you mean \"coerceTypes\"?"},
        {1, 51, "/x-openapi-validation/mode", "takes \"enforce\", \"report\" or \"off\""},
        {2, 31, "/not/x-openapi-validation", "takes an object of options"});
}

static void defaults_that_would_be_added_fit_their_own_schemas(void **state)
{
    (void)state;
    EXPECT_FAULTS("{\"x-openapi-validation\":{\"applyDefaults\":true},\"properties\":{\n"
                  "\"a\":{\"type\":\"integer\",\"default\":\"str\"},\"b\":{\"default\":1},\n"
                  "\"c\":{\"$ref\":\"#/$defs/c\",\"default\":{}}},"
                  "\"$defs\":{\"c\":{\"required\":[\"d\"]}}}",
                  {2, 33, "/properties/a/default", "Expected an integer, found \"str\""},
                  {3, 35, "/properties/c/default", "The member \"d\" is missing"});
    /* Its own defaults and coercions count; what is not added may be as it is. */
    add("fits", "{\"x-openapi-validation\":{\"applyDefaults\":true,\"coerceTypes\":true},\"properties\":{"
                "\"a\":{\"default\":{},\"required\":[\"b\"],\"properties\":{\"b\":{\"default\":1}}},"
                "\"c\":{\"type\":\"integer\",\"default\":\"5\"}},\"items\":{\"type\":\"null\",\"default\":1}}");
    schema_unref(compile("fits"));
    add("plain", "{\"properties\":{\"a\":{\"type\":\"integer\",\"default\":\"str\"}}}");
    schema_unref(compile("plain"));
}

static void what_stands_where_no_keyword_leads_is_checked_when_it_is_referred_to(void **state)
{
    (void)state;
    struct schema *schema;
    add("a", "{\"x\":{\"type\":5}}");
    schema = compile("a");
    schema_unref(schema);
    EXPECT_FAULTS("{\"x\":{\"type\":5},\"$ref\":\"#/x\"}", {1, 14, "/x/type", "found 5"});
}

static void schemas_of_another_draft_inside_are_checked_by_their_own(void **state)
{
    (void)state;
    add("a", "{\"$defs\":{\"e\":{\"$id\":\"e\",\"$schema\":\"http://json-schema.org/draft-07/schema#\","
             "\"items\":[{\"type\":\"string\"}]}},\"$ref\":\"e\"}");
    struct schema *schema = compile("a");
    assert_true(accepts(schema, "[\"x\",1]"));
    assert_false(accepts(schema, "[1]"));
    schema_unref(schema);
    EXPECT_FAULTS("{\"$defs\":{\"f\":{\"$id\":\"f\",\"$schema\":\"http://json-schema.org/draft-07/schema#\",\n"
                  "\"additionalItems\":5}}}",
                  {2, 19, "/$defs/f/additionalItems", "found 5"});
}

static void custom_metaschemas_check_what_they_describe(void **state)
{
    (void)state;
    add("meta", "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$dynamicAnchor\":\"meta\",\"$ref\":"
                "\"https://json-schema.org/draft/2020-12/schema\",\"properties\":{\"unit\":{\"type\":\"string\"}}}");
    EXPECT_FAULTS("{\"$schema\":\"" BASE "meta\",\n\"items\":{\"unit\":5}}", {2, 17, "/items/unit", "string"});
}

static void metaschemas_accept_themselves(void **state)
{
    static const char *const uris[] = {
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
        "https://spec.openapis.org/oas/3.1/dialect/base",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        struct schema *schema;
        assert_int_equal(schema_compile(compiler, slice_of_text(uris[i]), NULL, &schema), ERR_OK);
        assert_true(accepts(schema, "{\"type\":[\"string\"],\"not\":{\"required\":[\"a\"]}}"));
        assert_false(accepts(schema, "{\"not\":{\"required\":[1]}}"));
        schema_unref(schema);
    }
}

/* As deep as documents may be: neither the walk nor the metaschema's program ends before. */
static void schemas_may_be_nested_as_deep_as_documents(void **state)
{
    char text[8192] = "";
    (void)state;
    for (int i = 0; i < 255; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "{\"not\":");
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "{\"minLength\":1}");
    for (int i = 0; i < 255; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "}");
    add("deep", text);
    struct schema *schema = compile("deep");
    schema_unref(schema);
}

static void number_too_large_for_a_double_is_compared_as_written(void **state)
{
    (void)state;
    add("a", "{\"maximum\":1e400,\"minimum\":9007199254740993}");
    struct schema *schema = compile("a");
    assert_true(accepts(schema, "9007199254740994"));
    assert_false(accepts(schema, "9007199254740992"));
    schema_unref(schema);
}

static void what_looks_like_a_slip_is_told_and_compiles(void **state)
{
    (void)state;
    uint32_t count;
    add("slips",
        "{\"requried\": [\"n\"],\n \"properties\": {\"requird\": {\"minLenght\": 3, \"format\": \"emial\"},\n"
        "  \"b\": {\"x-mine\": 1, \"format\": \"colour\", \"markdownDescription\": \"\", \"nullable\": true}}}");
    schema_unref(compile("slips"));
    const struct schema_fault *slips = schema_compiler_faults(compiler, &count);
    const struct wanted wanted[] = {{1, 2, "/requried", "\"required\""},
                                    {2, 29, "/properties/requird/minLenght", "\"minLength\""},
                                    {2, 45, "/properties/requird/format", "\"email\""},
                                    {3, 70, "/properties/b/nullable", "OpenAPI 3.0"}};
    print_faults();
    assert_int_equal(count, sizeof wanted / sizeof wanted[0]);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(slips[i].line, wanted[i].line);
        assert_true(slice_is(slips[i].pointer, wanted[i].pointer));
        assert_non_null(strstr(slips[i].message.ptr, wanted[i].part));
    }
    add("fine", "{\"type\": \"object\"}");
    schema_unref(compile("fine"));
    (void)schema_compiler_faults(compiler, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_looks_like_a_slip_is_told_and_compiles, make_compiler, drop_compiler),
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_compiler, drop_compiler)
        TEST(compiled_schemas_outlive_their_compiler),
        TEST(many_schemas_are_made_of_one_document),
        TEST(faults_say_what_a_keyword_takes_and_what_was_found),
        TEST(faults_name_the_item_of_a_list_that_is_wrong),
        TEST(of_two_ways_to_write_a_keyword_the_one_that_was_meant_is_told),
        TEST(all_that_is_wrong_is_told_at_once),
        TEST(faults_of_a_document_stand_together_in_the_order_of_its_text),
        TEST(patterns_that_do_not_compile_are_faults),
        TEST(options_that_are_unknown_or_of_another_form_are_faults),
        TEST(defaults_that_would_be_added_fit_their_own_schemas),
        TEST(what_stands_where_no_keyword_leads_is_checked_when_it_is_referred_to),
        TEST(schemas_of_another_draft_inside_are_checked_by_their_own),
        TEST(custom_metaschemas_check_what_they_describe),
        TEST(metaschemas_accept_themselves),
        TEST(schemas_may_be_nested_as_deep_as_documents),
        TEST(number_too_large_for_a_double_is_compared_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
