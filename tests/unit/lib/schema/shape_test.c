/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define URI "http://example.com/a"

static struct pool pool;
static struct arena arena;

static struct schema_shape shape_of(const char *text)
{
    const struct schema_settings settings = {.draft = SCHEMA_DRAFT_2020_12};
    struct schema_compiler *compiler;
    struct schema_shape shape;
    pool_init(&pool, 0, 1U << 20);
    arena_init(&arena, &pool, 4096, 1U << 19);
    assert_int_equal(schema_compiler_create(&settings, &compiler), ERR_OK);
    assert_int_equal(schema_compiler_add(compiler, SLICE_LIT(URI), SLICE_LIT("a"), slice_of_text(text)), ERR_OK);
    assert_int_equal(schema_compiler_shape(compiler, SLICE_LIT(URI), &arena, &shape), ERR_OK);
    schema_compiler_destroy(compiler);
    return shape;
}

static void forget(void)
{
    arena_reset(&arena);
    pool_deinit(&pool);
}

static void types_are_what_all_keywords_together_allow(void **state)
{
    static const struct {
        const char *schema;
        uint32_t types;
    } rows[] = {
        {"true", SCHEMA_TYPE_ANY},
        {"false", 0},
        {"{}", SCHEMA_TYPE_ANY},
        {"{\"type\": \"integer\"}", SCHEMA_TYPE_INTEGER},
        {"{\"type\": [\"null\", \"array\"]}", SCHEMA_TYPE_NULL | SCHEMA_TYPE_ARRAY},
        {"{\"type\": \"number\", \"enum\": [1, \"a\"]}", SCHEMA_TYPE_NUMBER | SCHEMA_TYPE_INTEGER},
        {"{\"const\": {}}", SCHEMA_TYPE_OBJECT},
        {"{\"$ref\": \"#/$defs/b\", \"$defs\": {\"b\": {\"type\": \"boolean\"}}}", SCHEMA_TYPE_BOOLEAN},
        {"{\"type\": [\"string\", \"boolean\"], \"$ref\": \"#/$defs/b\", \"$defs\": {\"b\": {\"type\": [\"boolean\", "
         "\"null\"]}}}",
         SCHEMA_TYPE_BOOLEAN},
        {"{\"oneOf\": [{\"type\": \"string\"}, {\"const\": null}]}", SCHEMA_TYPE_STRING | SCHEMA_TYPE_NULL},
        {"{\"allOf\": [{\"type\": \"number\"}, {\"type\": [\"integer\", \"string\"]}]}", SCHEMA_TYPE_INTEGER},
        {"{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"$ref\": \"#/definitions/b\", \"type\": "
         "\"null\", "
         "\"definitions\": {\"b\": {\"type\": \"boolean\"}}}",
         SCHEMA_TYPE_BOOLEAN},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(shape_of(rows[i].schema).types, rows[i].types);
        forget();
    }
}

static void what_combines_itself_with_itself_comes_to_an_end(void **state)
{
    (void)state;
    struct schema_shape shape = shape_of(
        "{\"anyOf\": [{\"properties\": {\"a\": {\"$ref\": \"#\"}}}, {\"$ref\": \"#/$defs/b\"}], \"$defs\": {\"b\": "
        "{\"allOf\": [{\"type\": \"string\"}], \"anyOf\": [{\"items\": {\"$ref\": \"#/$defs/b\"}}]}}}");
    assert_int_equal(shape.types, SCHEMA_TYPE_ANY);
    forget();
}

static void items_and_members_are_told(void **state)
{
    (void)state;
    struct schema_shape shape =
        shape_of("{\"items\": {\"type\": \"integer\"}, \"additionalProperties\": {\"type\": "
                 "\"string\"}, \"properties\": {\"a\": {\"type\": [\"null\", \"boolean\"]}}, "
                 "\"allOf\": [{\"properties\": {\"a\": {\"type\": \"boolean\"}, \"b\": true}}]}");
    assert_int_equal(shape.types, SCHEMA_TYPE_ANY);
    assert_int_equal(shape.item_types, SCHEMA_TYPE_INTEGER);
    assert_int_equal(shape.member_types, SCHEMA_TYPE_STRING);
    assert_int_equal(shape.property_count, 2);
    assert_true(slice_is(shape.properties[0].name, "a"));
    assert_int_equal(shape.properties[0].types, SCHEMA_TYPE_BOOLEAN);
    assert_int_equal(shape.properties[1].types, SCHEMA_TYPE_ANY);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_what_all_keywords_together_allow),
        cmocka_unit_test(what_combines_itself_with_itself_comes_to_an_end),
        cmocka_unit_test(items_and_members_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
