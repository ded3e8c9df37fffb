/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters in every style of OpenAPI 3.1 (section 4.8.12.2, "Style Examples"), and what is not one of them. */
#include "pipeline/validate/style.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/support/arena.h"

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(1 << 20);
}

static const char *show(enum err err, const struct style_leaves *leaves)
{
    static char line[512];
    size_t len = 0;
    line[0] = '\0';
    if (err == ERR_SYNTAX)
        return leaves->what;
    assert_int_equal(err, ERR_OK);
    if (!leaves->is_given)
        return "absent";
    for (uint32_t i = 0; i < leaves->count; i++) {
        const struct style_leaf *leaf = &leaves->items[i];
        len += (size_t)snprintf(line + len, sizeof line - len, SLICE_FMT "%s" SLICE_FMT ";", SLICE_ARG(leaf->name),
                                leaf->name.len ? "=" : "", SLICE_ARG(leaf->text));
    }
    return line;
}

static struct contract_parameter parameter_of(enum contract_place place, enum contract_style style,
                                              enum contract_kind kind, bool is_exploded)
{
    return (struct contract_parameter){
        .name = SLICE_LIT("id"), .place = place, .style = style, .kind = kind, .is_exploded = is_exploded};
}

static void expect_path(enum contract_style style, enum contract_kind kind, bool is_exploded, const char *text,
                        const char *expected)
{
    struct contract_parameter parameter = parameter_of(CONTRACT_PATH, style, kind, is_exploded);
    struct style_leaves leaves = {.arena = &arena};
    enum err err = style_read_path(&parameter, slice_of_text(text), &leaves);
    assert_string_equal(show(err, &leaves), expected);
}

static void paths_have_simple_label_and_matrix(void **state)
{
    (void)state;
    expect_path(CONTRACT_SIMPLE, CONTRACT_SCALAR, false, "a%2Cb+c", "a,b+c;");
    expect_path(CONTRACT_SIMPLE, CONTRACT_ARRAY, false, "3,4,5%2C6", "3;4;5,6;");
    expect_path(CONTRACT_SIMPLE, CONTRACT_OBJECT, false, "R,100,G,200", "R=100;G=200;");
    expect_path(CONTRACT_SIMPLE, CONTRACT_OBJECT, true, "R=100,G=2%2C00", "R=100;G=2,00;");
    expect_path(CONTRACT_LABEL, CONTRACT_SCALAR, false, ".5", "5;");
    expect_path(CONTRACT_LABEL, CONTRACT_ARRAY, false, ".3,4,5", "3;4;5;");
    expect_path(CONTRACT_LABEL, CONTRACT_ARRAY, true, ".3.4.5", "3;4;5;");
    expect_path(CONTRACT_LABEL, CONTRACT_OBJECT, false, ".R,100,G,200", "R=100;G=200;");
    expect_path(CONTRACT_LABEL, CONTRACT_OBJECT, true, ".R=100.G=200", "R=100;G=200;");
    expect_path(CONTRACT_MATRIX, CONTRACT_SCALAR, false, ";id=5", "5;");
    expect_path(CONTRACT_MATRIX, CONTRACT_ARRAY, false, ";id=3,4,5", "3;4;5;");
    expect_path(CONTRACT_MATRIX, CONTRACT_ARRAY, true, ";id=3;id=4;id=5", "3;4;5;");
    expect_path(CONTRACT_MATRIX, CONTRACT_OBJECT, false, ";id=R,100,G,200", "R=100;G=200;");
    expect_path(CONTRACT_MATRIX, CONTRACT_OBJECT, true, ";R=100;G=200", "R=100;G=200;");
}

static void what_is_not_in_the_style_of_its_path_is_refused(void **state)
{
    (void)state;
    expect_path(CONTRACT_LABEL, CONTRACT_SCALAR, false, "5", "does not begin with \".\"");
    expect_path(CONTRACT_MATRIX, CONTRACT_SCALAR, false, "id=5", "does not begin with \";\"");
    expect_path(CONTRACT_MATRIX, CONTRACT_SCALAR, false, ";no=5", "has another name in the path");
    expect_path(CONTRACT_MATRIX, CONTRACT_SCALAR, false, ";id=5;id=6", "is given more than once");
    expect_path(CONTRACT_SIMPLE, CONTRACT_OBJECT, false, "R,100,G", "has a name without a value");
    expect_path(CONTRACT_SIMPLE, CONTRACT_OBJECT, true, "R,100", "has a name without a value");
    expect_path(CONTRACT_SIMPLE, CONTRACT_SCALAR, false, "%zz", "has an escape that is none, or is not UTF-8");
    expect_path(CONTRACT_SIMPLE, CONTRACT_ARRAY, false, "a,%ff", "has an escape that is none, or is not UTF-8");
}

static void expect_query(enum contract_style style, enum contract_kind kind, bool is_exploded, const char *query,
                         const char *expected)
{
    struct contract_parameter parameters[] = {parameter_of(CONTRACT_QUERY, style, kind, is_exploded),
                                              parameter_of(CONTRACT_QUERY, CONTRACT_FORM, CONTRACT_SCALAR, true)};
    parameters[1].name = SLICE_LIT("other");
    const struct contract contract = {.parameters = parameters, .parameter_count = 2};
    struct style_leaves leaves = {.arena = &arena};
    enum err err = style_read_query(&parameters[0], &contract, slice_of_text(query), &leaves);
    assert_string_equal(show(err, &leaves), expected);
}

static void queries_have_form_delimited_and_deep_objects(void **state)
{
    (void)state;
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "a=1&id=5&b", "5;");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "id=a,b+c%2Bd", "a,b c+d;");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "%69d=5", "5;");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "id", ";");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "ID=5&i=6", "absent");
    expect_query(CONTRACT_FORM, CONTRACT_ARRAY, true, "id=3&x=1&id=4,5&id=", "3;4,5;;");
    expect_query(CONTRACT_FORM, CONTRACT_ARRAY, false, "id=3,4%2C5", "3;4,5;");
    expect_query(CONTRACT_FORM, CONTRACT_ARRAY, false, "id=", "");
    expect_query(CONTRACT_FORM, CONTRACT_OBJECT, false, "id=R,100,G,200", "R=100;G=200;");
    expect_query(CONTRACT_FORM, CONTRACT_OBJECT, true, "R=100&other=7&G=200", "R=100;G=200;");
    expect_query(CONTRACT_FORM, CONTRACT_OBJECT, true, "other=7", "absent");
    expect_query(CONTRACT_SPACE_DELIMITED, CONTRACT_ARRAY, false, "id=3%204+5%2B", "3;4;5+;");
    expect_query(CONTRACT_SPACE_DELIMITED, CONTRACT_OBJECT, false, "id=R%20100%20G%20200", "R=100;G=200;");
    expect_query(CONTRACT_PIPE_DELIMITED, CONTRACT_ARRAY, false, "id=3|4%7C5%7c6+7", "3;4;5;6 7;");
    expect_query(CONTRACT_PIPE_DELIMITED, CONTRACT_OBJECT, false, "id=R|100|G|200", "R=100;G=200;");
    expect_query(CONTRACT_DEEP_OBJECT, CONTRACT_OBJECT, true, "id[R]=100&id%5BG%5D=200&x[R]=1", "R=100;G=200;");
}

static void a_query_that_can_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "id=1&id=2", "is given more than once");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "id&id", "is given more than once");
    expect_query(CONTRACT_FORM, CONTRACT_ARRAY, false, "id=1&id=2", "is given more than once");
    expect_query(CONTRACT_FORM, CONTRACT_OBJECT, false, "id=R,100,G", "has a name without a value");
    expect_query(CONTRACT_DEEP_OBJECT, CONTRACT_OBJECT, true, "id[a][b]=1", "has brackets within brackets");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "id=%f", "has an escape that is none, or is not UTF-8");
    expect_query(CONTRACT_FORM, CONTRACT_SCALAR, true, "%zz=1&id=2", "2;");
}

static void known_names_are_those_of_parameters(void **state)
{
    (void)state;
    struct contract_parameter parameters[] = {
        parameter_of(CONTRACT_QUERY, CONTRACT_DEEP_OBJECT, CONTRACT_OBJECT, true),
        parameter_of(CONTRACT_HEADER, CONTRACT_SIMPLE, CONTRACT_SCALAR, false),
    };
    struct contract contract = {.parameters = parameters, .parameter_count = 2};
    parameters[1].name = SLICE_LIT("x");
    assert_true(style_knows_query(&contract, SLICE_LIT("id[a]")));
    assert_false(style_knows_query(&contract, SLICE_LIT("id")));
    assert_false(style_knows_query(&contract, SLICE_LIT("x")));
    parameters[0].style = CONTRACT_FORM;
    assert_true(style_knows_query(&contract, SLICE_LIT("anything")));
}

static void header_fields_are_lists_as_they_stand(void **state)
{
    (void)state;
    struct contract_parameter parameter = parameter_of(CONTRACT_HEADER, CONTRACT_SIMPLE, CONTRACT_ARRAY, false);
    struct style_leaves leaves = {.arena = &arena};
    assert_int_equal(style_read_header(&parameter, SLICE_LIT(" 3 , %34"), &leaves), ERR_OK);
    assert_string_equal(show(style_read_header(&parameter, SLICE_LIT("5"), &leaves), &leaves), "3;%34;5;");
    parameter.kind = CONTRACT_OBJECT;
    parameter.is_exploded = true;
    leaves = (struct style_leaves){.arena = &arena};
    assert_string_equal(show(style_read_header(&parameter, SLICE_LIT("R=1, G=2"), &leaves), &leaves), "R=1;G=2;");
    parameter.kind = CONTRACT_SCALAR;
    leaves = (struct style_leaves){.arena = &arena};
    assert_int_equal(style_read_header(&parameter, SLICE_LIT("a, b"), &leaves), ERR_OK);
    assert_string_equal(show(ERR_OK, &leaves), "a, b;");
    assert_string_equal(show(style_read_header(&parameter, SLICE_LIT("c"), &leaves), &leaves),
                        "is given more than once");
}

static void cookies_are_decoded_and_may_be_quoted(void **state)
{
    (void)state;
    struct contract_parameter parameter = parameter_of(CONTRACT_COOKIE, CONTRACT_FORM, CONTRACT_SCALAR, true);
    struct style_leaves leaves = {.arena = &arena};
    assert_int_equal(style_read_cookie(&parameter, SLICE_LIT("\"a%20b+c\""), &leaves), ERR_OK);
    assert_string_equal(show(ERR_OK, &leaves), "a b+c;");
    assert_string_equal(show(style_read_cookie(&parameter, SLICE_LIT("x"), &leaves), &leaves),
                        "is given more than once");
    parameter.kind = CONTRACT_ARRAY;
    leaves = (struct style_leaves){.arena = &arena};
    assert_int_equal(style_read_cookie(&parameter, SLICE_LIT("3"), &leaves), ERR_OK);
    assert_string_equal(show(style_read_cookie(&parameter, SLICE_LIT("4"), &leaves), &leaves), "3;4;");
}

static void json_is_one_text_whatever_stands_in_it(void **state)
{
    (void)state;
    struct contract_parameter parameter = parameter_of(CONTRACT_QUERY, CONTRACT_FORM, CONTRACT_OBJECT, true);
    const struct contract contract = {.parameters = &parameter, .parameter_count = 1};
    struct style_leaves leaves = {.arena = &arena};
    parameter.is_json = true;
    assert_int_equal(style_read_query(&parameter, &contract, SLICE_LIT("a=1&id=%7B\"a\":[1,2]}"), &leaves), ERR_OK);
    assert_string_equal(show(ERR_OK, &leaves), "{\"a\":[1,2]};");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)
    const struct CMUnitTest tests[] = {
        TEST(paths_have_simple_label_and_matrix),           TEST(what_is_not_in_the_style_of_its_path_is_refused),
        TEST(queries_have_form_delimited_and_deep_objects), TEST(a_query_that_can_be_read_in_two_ways_is_refused),
        TEST(known_names_are_those_of_parameters),          TEST(header_fields_are_lists_as_they_stand),
        TEST(cookies_are_decoded_and_may_be_quoted),        TEST(json_is_one_text_whatever_stands_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
