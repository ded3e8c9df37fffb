/* SPDX-License-Identifier: Apache-2.0 */
/* What the public suite does not ask of schema_check: its limits, its shortcuts, and that it takes no memory. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/schema/fast_int.h"

#include "unit/lib/malloc_count.h"
#include "unit/lib/schema/schema_case.h"

static enum schema_outcome check(const char *text)
{
    struct schema_work work = work_of(STEPS_MAX);
    return schema_check(schema, parse(text), &work);
}

#define VALID(text)   assert_int_equal(check(text), SCHEMA_VALID)
#define INVALID(text) assert_int_equal(check(text), SCHEMA_INVALID)

static void tells_names_apart_that_have_length_and_ends_in_common(void **state)
{
    (void)state;
    use("{\"properties\":{\"abcdefgh1ijklmnop\":{\"type\":\"string\"},\"abcdefgh2ijklmnop\":{\"type\":\"number\"}},"
        "\"additionalProperties\":false}");
    VALID("{\"abcdefgh1ijklmnop\":\"\",\"abcdefgh2ijklmnop\":1}");
    INVALID("{\"abcdefgh1ijklmnop\":1}");
    INVALID("{\"abcdefgh3ijklmnop\":1}");
}

/* A list that begins and ends like others: {"enum":["…","…"]} of names or numbers. */
static char *list_of(const char *open, const char *item, int first, int count, const char *close)
{
    size_t bytes = (size_t)count * (strlen(item) + 16) + 256;
    char *text = arena_alloc(&arena, bytes);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, bytes, "%s", open);
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s", i > 0 ? "," : "");
        used += (size_t)snprintf(text + used, bytes - used, item, first + i);
    }
    (void)snprintf(text + used, bytes - used, "%s", close);
    return text;
}

static void finds_long_names_that_differ_between_their_ends(void **state)
{
    (void)state;
    const char *items[] = {"\"aaaaaaaa%05dbbbbbbbb\"", "\"aaaaaaaaaaaaaaaaaaaaa%05dbbbbbbbbbbbbbbbbb\""};
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        char one[64];
        use(list_of("{\"enum\":[", items[i], 0, 3000, "]}"));
        const struct names *names = schema->fast->streams[YYJSON_TYPE_STR]->texts;
        uint32_t run = 0;
        uint32_t longest = 0;
        for (uint32_t j = 0; j <= names->mask; j++) {
            run = names->places[j].len == NAMES_NONE ? 0 : run + 1;
            longest = MAX(longest, run);
        }
        assert_in_range(longest, 1, 40);
        for (int j = 0; j < 3000; j++) {
            (void)snprintf(one, sizeof one, items[i], j);
            VALID(one);
        }
        (void)snprintf(one, sizeof one, items[i], 3000);
        INVALID(one);
    }
}

static uint64_t steps_of(const char *document, enum schema_outcome expected)
{
    struct schema_work work = work_of(STEPS_MAX);
    assert_int_equal(schema_check(schema, parse(document), &work), expected);
    return STEPS_MAX - work.steps_left;
}

/* A binary search for integers; what else there is costs a step each. */
static void finds_numbers_among_many_and_counts_what_it_tries(void **state)
{
    (void)state;
    use(list_of("{\"enum\":[", "%d", -1500, 3000, ",2.5,18446744073709551615,-9223372036854775808,5000.0]}"));
    const char *valid[] = {"-1500",
                           "-1",
                           "0",
                           "-0",
                           "0.0",
                           "1499",
                           "1499.0",
                           "2.5",
                           "5000",
                           "18446744073709551615",
                           "-9223372036854775808",
                           "1.499e3"};
    const char *invalid[] = {
        "-1501", "1500", "2.4", "18446744073709551614", "9223372036854775808", "1e400", "-9223372036854775807"};
    for (size_t i = 0; i < ARRAY_LEN(valid); i++)
        VALID(valid[i]);
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        INVALID(invalid[i]);
    assert_in_range(steps_of("1499", SCHEMA_VALID), 0, 10);
    assert_in_range(steps_of("1500", SCHEMA_INVALID), 0, 10);
    assert_in_range(steps_of("2.4", SCHEMA_INVALID), 3000, 3010);
    const struct fast_values *values = schema->fast->streams[YYJSON_TYPE_NUM]->values;
    assert_int_equal(values->integer_count, 3002);
    assert_int_equal(values->count, 3004);
}

/* Tables that were taken for each array anew would be 1.5 MB. */
static void looks_for_equal_items_of_many_arrays_in_one_table(void **state)
{
    (void)state;
    struct arena little;
    arena_init(&little, &pool, 4096, 64 << 10);
    use("{\"items\":{\"uniqueItems\":true}}");
    const char *text = list_of("[", "[%d,-1,-2,-3,-4,-5,-6,-7,-8,-9,-10,-11,-12,-13,-14,-15]", 0, 1000,
                               ",[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,1]]");
    struct schema_work work = work_of(STEPS_MAX);
    work.scratch = &little;
    assert_int_equal(schema_check(schema, parse(text), &work), SCHEMA_INVALID);
    text = list_of("[", "[%d,-1,-2,-3,-4,-5,-6,-7,-8,-9,-10,-11,-12,-13,-14,-15]", 0, 1000, "]");
    assert_int_equal(schema_check(schema, parse(text), &work), SCHEMA_VALID);
    struct schema_errors errors = {.arena = &arena, .max = 10};
    assert_int_equal(schema_explain(schema, parse(text), &work, &errors), SCHEMA_VALID);
    arena_reset(&little);
}

static void tells_short_names_apart(void **state)
{
    (void)state;
    use("{\"properties\":{\"\":true,\"a\":true,\"aa\":true,\"aaa\":true,\"aaaa\":true,\"abab\":true,\"aaaaaaa\":true},"
        "\"additionalProperties\":false}");
    VALID("{\"\":1,\"a\":1,\"aa\":1,\"aaa\":1,\"aaaa\":1,\"abab\":1,\"aaaaaaa\":1}");
    INVALID("{\"aaaaa\":1}");
    INVALID("{\"aaaaaa\":1}");
    INVALID("{\"baba\":1}");
    INVALID("{\"aba\":1}");
}

static void wants_more_members_than_a_word_has_bits(void **state)
{
    (void)state;
    char text[4096] = "{\"required\":[\"a0\"";
    char document[4096] = "{\"a0\":0";
    size_t used = strlen(text);
    size_t filled = strlen(document);
    for (int i = 1; i < 100; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, ",\"a%d\"", i);
        filled += (size_t)snprintf(document + filled, sizeof document - filled, ",\"a%d\":0", i);
    }
    (void)snprintf(text + used, sizeof text - used, "]}");
    use(text);
    (void)snprintf(document + filled, sizeof document - filled, "}");
    VALID(document);
    memcpy(strstr(document, "\"a99\""), "\"b99\"", 5);
    INVALID(document);
    memcpy(strstr(document, "\"b99\""), "\"a99\"", 5);
    memcpy(strstr(document, "\"a7\""), "\"b7\"", 4);
    INVALID(document);
}

static void counts_each_of_two_members_with_one_name(void **state)
{
    (void)state;
    use("{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\",\"b\"]}");
    INVALID("{\"a\":\"\",\"a\":1,\"b\":0}");
    INVALID("{\"a\":\"\",\"a\":\"\"}");
}

static void takes_branches_by_the_member_that_tells_them_apart(void **state)
{
    (void)state;
    use("{\"oneOf\":["
        "{\"properties\":{\"kind\":{\"const\":\"a\"},\"x\":{\"type\":\"number\"}},\"required\":[\"kind\"]},"
        "{\"properties\":{\"kind\":{\"enum\":[\"b\",\"c\"]},\"x\":{\"type\":\"string\"}},\"required\":[\"kind\"]},"
        "{\"properties\":{\"x\":{\"type\":\"null\"}},\"required\":[\"x\"]}]}");
    VALID("{\"kind\":\"a\",\"x\":1}");
    VALID("{\"x\":\"\",\"kind\":\"c\"}");
    VALID("{\"x\":null}");
    VALID("{\"kind\":5,\"x\":null}");
    INVALID("{\"kind\":\"b\",\"x\":1}");
    INVALID("{\"kind\":\"d\"}");
    INVALID("{\"kind\":\"a\",\"kind\":\"b\",\"x\":1}");
}

static void sees_what_conditional_parts_evaluate(void **state)
{
    (void)state;
    use("{\"properties\":{\"a\":true},\"if\":{\"properties\":{\"b\":{\"const\":1}},\"required\":[\"b\"]},"
        "\"then\":{\"properties\":{\"c\":true}},\"else\":{\"properties\":{\"d\":true}},"
        "\"dependentSchemas\":{\"a\":{\"properties\":{\"e\":true}}},\"unevaluatedProperties\":false}");
    VALID("{\"a\":1,\"b\":1,\"c\":1,\"e\":1}");
    VALID("{\"d\":1}");
    INVALID("{\"b\":2}");
    INVALID("{\"b\":1,\"d\":1}");
    INVALID("{\"e\":1}");
}

static void compares_bounds_that_no_double_holds(void **state)
{
    (void)state;
    use("{\"minimum\":9007199254740993,\"maximum\":18446744073709551616}");
    assert_true(schema_wants_numbers(schema));
    INVALID("9007199254740992");
    VALID("9007199254740993");
    VALID("18446744073709551616");
    INVALID("18446744073709551617");
}

static void counts_characters_and_not_bytes(void **state)
{
    (void)state;
    use("{\"minLength\":2,\"maxLength\":3}");
    INVALID("\"\xf0\x9f\x98\x80\"");
    VALID("\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"");
    INVALID("\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"");
    INVALID("\"abcd\"");
}

static void ends_when_its_steps_are_used_up(void **state)
{
    (void)state;
    use("{\"items\":{\"minimum\":0}}");
    struct schema_work work = work_of(3);
    assert_int_equal(schema_check(schema, parse("[1,2,3,4]"), &work), SCHEMA_OVER_LIMIT);
    assert_int_equal(work.steps_left, 0);
    work.steps_left = 100;
    assert_int_equal(schema_check(schema, parse("[1,2,3,4]"), &work), SCHEMA_VALID);
    assert_true(work.steps_left < 100);
}

static void does_not_take_a_limit_for_a_no(void **state)
{
    (void)state;
    use("{\"not\":{\"items\":{\"minimum\":0}}}");
    struct schema_work work = work_of(2);
    assert_int_equal(schema_check(schema, parse("[1,2,3,4]"), &work), SCHEMA_OVER_LIMIT);
}

static void follows_recursion_as_deep_as_documents_are(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 1];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = 0;
    use("{\"$defs\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"allOf\":[{\"$ref\":\"#\"}]}]}},"
        "\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/a\"}}");
    VALID(text);
}

static void finds_equal_items_among_few_and_among_many(void **state)
{
    (void)state;
    char text[8192] = "[";
    use("{\"uniqueItems\":true}");
    INVALID("[1,2,1.0]");
    INVALID("[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]");
    VALID("[1,true,\"1\",[1],{\"1\":1},null,0,false]");
    size_t used = 1;
    for (int i = 0; i < 300; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "{\"a\":%d},", i);
    (void)snprintf(text + used, sizeof text - used, "7]");
    VALID(text);
    (void)snprintf(text + used, sizeof text - used, "{\"a\":123}]");
    INVALID(text);
}

static void takes_no_memory_from_the_system(void **state)
{
    (void)state;
    if (!MALLOC_COUNT_WORKS)
        skip();
    use("{\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\",\"format\":\"hostname\"},"
        "\"b\":{\"items\":{\"anyOf\":[{\"type\":\"number\"},{\"minLength\":2}]},\"uniqueItems\":true}},"
        "\"unevaluatedProperties\":false}");
    yyjson_val *document = parse("{\"a\":\"abc\",\"b\":[1,2,\"ab\",\"cd\",3,4,5,6,7,8,9,10,11,12,13]}");
    struct schema_work work = work_of(STEPS_MAX);
    assert_int_equal(schema_check(schema, document, &work), SCHEMA_VALID);
    unsigned long before = malloc_count;
    assert_int_equal(schema_check(schema, document, &work), SCHEMA_VALID);
    assert_int_equal(malloc_count, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_case, drop_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_names_apart_that_have_length_and_ends_in_common),
        TEST(tells_short_names_apart),
        TEST(looks_for_equal_items_of_many_arrays_in_one_table),
        TEST(finds_long_names_that_differ_between_their_ends),
        TEST(finds_numbers_among_many_and_counts_what_it_tries),
        TEST(wants_more_members_than_a_word_has_bits),
        TEST(counts_each_of_two_members_with_one_name),
        TEST(takes_branches_by_the_member_that_tells_them_apart),
        TEST(sees_what_conditional_parts_evaluate),
        TEST(compares_bounds_that_no_double_holds),
        TEST(counts_characters_and_not_bytes),
        TEST(ends_when_its_steps_are_used_up),
        TEST(does_not_take_a_limit_for_a_no),
        TEST(follows_recursion_as_deep_as_documents_are),
        TEST(finds_equal_items_among_few_and_among_many),
        TEST(takes_no_memory_from_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
