/* SPDX-License-Identifier: Apache-2.0 */
/* A schema and documents, both as text: what the tests of the program have in common. */
#ifndef WEIR_TESTS_UNIT_LIB_SCHEMA_SCHEMA_CASE_H
#define WEIR_TESTS_UNIT_LIB_SCHEMA_SCHEMA_CASE_H

#include "lib/schema/schema.h"

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define STEPS_MAX 1000000

static struct regex_work *regex_work;
static struct schema *schema; /* of the test at hand */

static int make_case(void **state)
{
    (void)state;
    return regex_work_create(100000, &regex_work) == ERR_OK ? make_arena_of(64 << 20) : -1;
}

static int drop_case(void **state)
{
    schema_unref(schema);
    schema = NULL;
    regex_work_destroy(regex_work);
    return drop_arena(state);
}

/* Its URI is "test:s". */
static void use(const char *text)
{
    static const struct schema_settings settings = {.draft = SCHEMA_DRAFT_2020_12, .asserts_formats = true};
    struct schema_compiler *compiler;
    struct slice uri = SLICE_LIT("test:s");
    schema_unref(schema);
    schema = NULL;
    assert_int_equal(schema_compiler_create(&settings, &compiler), ERR_OK);
    assert_int_equal(schema_compiler_add(compiler, uri, uri, slice_of_text(text)), ERR_OK);
    assert_int_equal(schema_compile(compiler, uri, NULL, &schema), ERR_OK);
    schema_compiler_destroy(compiler);
}

static yyjson_val *parse(const char *text)
{
    static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = JSON_DEPTH_MAX, .keeps_numbers = true};
    struct json_document document;
    struct json_fault fault;
    assert_int_equal(json_parse(&arena, slice_of_text(text), &limits, &document, &fault), ERR_OK);
    return document.root;
}

static struct schema_work work_of(uint64_t steps)
{
    return (struct schema_work){.scratch = &arena, .regex = regex_work, .steps_left = steps};
}

#endif
