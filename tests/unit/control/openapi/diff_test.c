/* SPDX-License-Identifier: Apache-2.0 */
#include "control/openapi/diff.h"

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT_BYTES 4096

static int setup(void **state)
{
    (void)state;
    return make_arena_of(SIZE_MAX);
}

static yyjson_val *parse(const char *text)
{
    const struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = JSON_DEPTH_MAX};
    struct json_document document;
    struct json_fault fault;
    if (json_parse(&arena, slice_of_text(text), &limits, &document, &fault) != ERR_OK)
        fail_msg("%s at byte %zu of %s", fault.what, fault.byte, text);
    return document.root;
}

/* All differences, one a line, breaking ones with "! ". */
static void expect(const char *before, const char *after, const char *expected)
{
    char memory[DOCUMENT_BYTES];
    struct text all = text_init(memory, sizeof memory);
    struct differences found;
    assert_int_equal(openapi_diff(parse(before), parse(after), &arena, &found), ERR_OK);
    for (uint32_t i = 0; i < found.count; i++)
        text_printf(&all, "%s" SLICE_FMT ": " SLICE_FMT "\n", found.items[i].is_breaking ? "! " : "",
                    SLICE_ARG(found.items[i].where), SLICE_ARG(found.items[i].what));
    assert_string_equal(memory, expected);
}

/* The same of schemas, as what a request and as what a response has to be; `expected` without the places. */
static void expect_schemas(const char *before, const char *after, const char *as_request, const char *as_response)
{
    static const char *const frames[] = {
        "{\"paths\":{\"/a\":{\"post\":{\"requestBody\":{\"content\":{\"m\":{\"schema\":%s}}}}}}}",
        "{\"paths\":{\"/a\":{\"post\":{\"responses\":{\"200\":{\"content\":{\"m\":{\"schema\":%s}}}}}}}}",
    };
    static const char *const places[] = {"POST /a, request body m #", "POST /a, response 200 m #"};
    const char *expected[] = {as_request, as_response};
    for (size_t i = 0; i < 2; i++) {
        char old[DOCUMENT_BYTES];
        char new[DOCUMENT_BYTES];
        char memory[DOCUMENT_BYTES];
        struct text all = text_init(memory, sizeof memory);
        struct differences found;
        (void)snprintf(old, sizeof old, frames[i], before);
        (void)snprintf(new, sizeof new, frames[i], after);
        assert_int_equal(openapi_diff(parse(old), parse(new), &arena, &found), ERR_OK);
        for (uint32_t k = 0; k < found.count; k++) {
            struct slice where = found.items[k].where;
            if (slice_starts(where, slice_of_text(places[i])))
                where = slice_skip(where, strlen(places[i]));
            text_printf(&all, "%s" SLICE_FMT ": " SLICE_FMT "\n", found.items[k].is_breaking ? "! " : "",
                        SLICE_ARG(where), SLICE_ARG(found.items[k].what));
        }
        assert_string_equal(memory, expected[i]);
    }
}

static void finds_nothing_in_equal_documents(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/a\":{\"get\":{}}},\"info\":{\"a\":1,\"b\":2}}",
           "{\"info\":{\"b\":2,\"a\":1},\"paths\":{\"/a\":{\"get\":{}}}}", "");
}

static void tells_texts_apart_from_what_is_served(void **state)
{
    (void)state;
    expect("{\"info\":{\"title\":\"a\"}}", "{\"info\":{\"title\":\"b\"}}", ": only texts and names differ\n");
}

static void a_lost_operation_breaks_and_a_new_one_does_not(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/a\":{\"get\":{},\"post\":{}},\"/b\":{\"get\":{}}}}",
           "{\"paths\":{\"/a\":{\"get\":{},\"put\":{}},\"/c\":{\"get\":{}}}}",
           "PUT /a: is new\n! POST /a: is gone\n! GET /b: is gone\nGET /c: is new\n");
}

static void parameters_of_paths_may_be_renamed(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/a/{x}\":{\"get\":{\"parameters\":[{\"in\":\"path\",\"name\":\"x\",\"required\":true}]}}}}",
           "{\"paths\":{\"/a/{y}\":{\"get\":{\"parameters\":[{\"in\":\"path\",\"name\":\"y\",\"required\":true}]}}}}",
           ": only texts and names differ\n");
}

static void a_new_parameter_breaks_when_it_is_required(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/"
           "a\":{\"get\":{\"parameters\":[{\"in\":\"query\",\"name\":\"p\"},{\"in\":\"query\",\"name\":\"q\"}]}}}}",
           "{\"paths\":{\"/a\":{\"get\":{\"parameters\":[{\"in\":\"query\",\"name\":\"q\",\"required\":true},"
           "{\"in\":\"query\",\"name\":\"r\",\"required\":true},{\"in\":\"header\",\"name\":\"q\"}]}}}}",
           "GET /a, query parameter p: is gone: it is no longer looked at\n"
           "! GET /a, query parameter q: is required now\n"
           "! GET /a, query parameter r: is new and required\n"
           "GET /a, header parameter q: is new\n");
}

static void a_body_breaks_when_it_is_demanded_or_no_longer_taken(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/a\":{\"put\":{\"requestBody\":{\"content\":{\"a/b\":{},\"c/d\":{}}}},\"post\":{},"
           "\"patch\":{\"requestBody\":{}}}}}",
           "{\"paths\":{\"/a\":{\"put\":{\"requestBody\":{\"required\":true,\"content\":{\"a/b\":{},\"e/f\":{}}}},"
           "\"post\":{\"requestBody\":{\"required\":true}},\"patch\":{}}}}",
           "! PUT /a, request body: is required now\n"
           "! PUT /a, request body c/d: is no longer taken\n"
           "PUT /a, request body e/f: is taken as well\n"
           "! POST /a, request body: is new and required\n"
           "! PATCH /a, request body: is no longer taken\n");
}

static void a_lost_response_breaks_unless_it_was_a_refusal(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/a\":{\"get\":{\"responses\":{\"200\":{},\"201\":{},\"404\":{}}}}}}",
           "{\"paths\":{\"/a\":{\"get\":{\"responses\":{\"200\":{\"headers\":{\"X\":{}}},\"503\":{}}}}}}",
           "GET /a, response 200: has a field X\n! GET /a, response 201: is gone\nGET /a, response 404: is gone\n"
           "GET /a, response 503: is new\n");
}

static void credentials_break_when_they_are_new_or_no_longer_taken(void **state)
{
    (void)state;
    expect("{\"security\":[{\"a\":[]}],\"paths\":{\"/a\":{\"get\":{},\"post\":{\"security\":[]},\"put\":{}}}}",
           "{\"security\":[{\"b\":[]}],\"paths\":{\"/a\":{\"get\":{},\"post\":{},\"put\":{\"security\":[{}]}}}}",
           "! GET /a: no longer takes the credential a\nGET /a: takes the credential b as well\n"
           "PUT /a: takes anybody now\n! POST /a: takes nobody without credentials now\n");
}

static void types_widen_and_narrow(void **state)
{
    (void)state;
    expect_schemas("{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}",
                   "! : null is no longer one of the types\n", ": null is no longer one of the types\n");
    expect_schemas("{\"type\":\"integer\"}", "{\"type\":\"number\"}", ": number is one of the types now\n",
                   "! : number is one of the types now\n");
    expect_schemas("{\"type\":\"string\",\"nullable\":true}", "{\"type\":[\"string\",\"null\"]}",
                   ": only texts and names differ\n", ": only texts and names differ\n");
}

static void values_and_bounds_widen_and_narrow(void **state)
{
    (void)state;
    expect_schemas("{\"enum\":[1,2]}", "{\"enum\":[2.0,3]}",
                   "! : enum lacks values that were in it\n: enum has more values\n",
                   ": enum lacks values that were in it\n! : enum has more values\n");
    expect_schemas("{\"minimum\":1,\"maxLength\":9}", "{\"minimum\":2,\"maxLength\":10}",
                   "! : minimum is larger\n: maxLength is larger\n", ": minimum is larger\n! : maxLength is larger\n");
    expect_schemas("{\"pattern\":\"a\"}", "{\"pattern\":\"b\",\"format\":\"email\"}",
                   "! : pattern is another\n! : format is new\n", "! : pattern is another\n: format is new\n");
}

static void members_break_when_they_are_demanded_of_requests_or_withheld_from_responses(void **state)
{
    (void)state;
    expect_schemas(
        "{\"required\":[\"a\"],\"properties\":{\"a\":{},\"b\":{}}}",
        "{\"required\":[\"b\"],\"properties\":{\"b\":{\"type\":\"null\"},\"c\":{}}}",
        "/a: is not required any more\n! /b: is required now\n/a: is not told of any more\n"
        "! /b: boolean is no longer one of the types\n! /b: integer is no longer one of the types\n"
        "! /b: number is no longer one of the types\n! /b: string is no longer one of the types\n"
        "! /b: array is no longer one of the types\n! /b: object is no longer one of the types\n/c: is new\n",
        "! /a: is not required any more\n/b: is required now\n/a: is not told of any more\n"
        "/b: boolean is no longer one of the types\n/b: integer is no longer one of the types\n"
        "/b: number is no longer one of the types\n/b: string is no longer one of the types\n"
        "/b: array is no longer one of the types\n/b: object is no longer one of the types\n/c: is new\n");
}

static void a_closed_object_takes_and_gives_nothing_new(void **state)
{
    (void)state;
    expect_schemas("{\"additionalProperties\":false,\"properties\":{\"a\":{}}}",
                   "{\"additionalProperties\":false,\"properties\":{\"b\":{}}}",
                   "! /a: is not told of any more\n/b: is new\n", "/a: is not told of any more\n! /b: is new\n");
    expect_schemas("{}", "{\"additionalProperties\":false}", "! /(additionalProperties): is not allowed any more\n",
                   "/(additionalProperties): is not allowed any more\n");
}

static void looks_into_items_and_alternatives(void **state)
{
    (void)state;
    expect_schemas("{\"items\":{\"minimum\":1},\"anyOf\":[{\"type\":\"null\"},{\"minimum\":2}]}",
                   "{\"items\":{\"minimum\":0},\"anyOf\":[{\"minimum\":2},{\"type\":\"null\"},{\"const\":1}]}",
                   "/(items): minimum is smaller\n/(anyOf): has more in it\n",
                   "! /(items): minimum is smaller\n! /(anyOf): has more in it\n");
    expect_schemas("{\"oneOf\":[{\"const\":1},{\"const\":2}]}", "{\"oneOf\":[{\"const\":2},{\"const\":1}]}",
                   ": only texts and names differ\n", ": only texts and names differ\n");
    expect_schemas("{\"not\":{\"const\":1}}", "{\"not\":{\"const\":2}}", "! : not is another\n",
                   "! : not is another\n");
}

static void follows_references_that_lead_in_a_circle(void **state)
{
    (void)state;
    expect(
        "{\"paths\":{\"/a\":{\"get\":{\"responses\":{\"200\":{\"content\":{\"m\":{\"schema\":{\"$ref\":\"#/c/"
        "n\"}}}}}}}},"
        "\"c\":{\"n\":{\"properties\":{\"next\":{\"$ref\":\"#/c/n\"},\"v\":{\"maximum\":1}}}}}",
        "{\"paths\":{\"/a\":{\"get\":{\"responses\":{\"200\":{\"content\":{\"m\":{\"schema\":{\"$ref\":\"#/d\"}}}}}}}},"
        "\"d\":{\"properties\":{\"next\":{\"$ref\":\"#/d\"},\"v\":{\"maximum\":2}}}}",
        "! GET /a, response 200 m #/v: maximum is larger\n");
    expect("{\"paths\":{\"/a\":{\"get\":{\"requestBody\":{\"$ref\":\"#/paths/~1a/get/requestBody\"}}}}}", "{}",
           "! GET /a: is gone\n");
}

/* As expect_schemas, of a schema that refers to #/c/X, which is of type string before and integer after. */
static void expect_told_of_x(const char *schema)
{
    static const char frame[] =
        "{\"paths\":{\"/a\":{\"post\":{\"requestBody\":{\"content\":{\"m\":{\"schema\":%s}}}}}},"
        "\"c\":{\"X\":{\"type\":\"%s\",\"description\":\"%s\"}}}";
    static const char *const types[] = {"string", "string", "integer"};
    static const char *const descriptions[] = {"a", "b", "c"};
    yyjson_val *documents[3];
    for (size_t i = 0; i < 3; i++) {
        char text[DOCUMENT_BYTES];
        (void)snprintf(text, sizeof text, frame, schema, types[i], descriptions[i]);
        documents[i] = parse(text);
    }
    struct differences found;
    assert_int_equal(openapi_diff(documents[0], documents[1], &arena, &found), ERR_OK);
    assert_int_equal(found.breaking_count, 0);
    assert_int_equal(openapi_diff(documents[0], documents[2], &arena, &found), ERR_OK);
    if (found.breaking_count == 0)
        fail_msg("nothing breaking was found in %s", schema);
}

static void follows_references_wherever_a_schema_stands(void **state)
{
    (void)state;
#define X "{\"$ref\":\"#/c/X\"}"
    static const char *const schemas[] = {
        X,
        "{\"$ref\":\"#/c/X\",\"maxLength\":3}",
        "{\"allOf\":[" X "]}",
        "{\"anyOf\":[{\"items\":" X "},{\"type\":\"null\"}]}",
        "{\"oneOf\":[{\"properties\":{\"a\":" X "}}]}",
        "{\"patternProperties\":{\"^a\":" X "}}",
        "{\"patternProperties\":{\"title\":{\"items\":" X "}}}",
        "{\"not\":" X "}",
        "{\"if\":{\"properties\":{\"description\":" X "}}}",
        "{\"dependentSchemas\":{\"a\":{\"allOf\":[" X "]}}}",
        "{\"contains\":{\"$ref\":\"#/c/X\",\"minLength\":1}}",
        "{\"contains\":{\"$ref\":\"#/c/%58\"}}",
        "{\"additionalProperties\":" X "}",
    };
#undef X
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        expect_told_of_x(schemas[i]);
    expect_schemas("{\"$ref\":\"other.json\"}", "{\"$ref\":\"another.json\"}", "! : $ref is another\n",
                   "! : $ref is another\n");
}

static void keywords_beside_a_reference_count(void **state)
{
    (void)state;
    static const char frame[] =
        "{\"paths\":{\"/a\":{\"post\":{\"requestBody\":{\"content\":{\"m\":{\"schema\":%s}}}}}},"
        "\"c\":{\"X\":{\"type\":\"string\"}}}";
    char before[DOCUMENT_BYTES];
    char after[DOCUMENT_BYTES];
    (void)snprintf(before, sizeof before, frame, "{\"$ref\":\"#/c/X\"}");
    (void)snprintf(after, sizeof after, frame, "{\"$ref\":\"#/c/X\",\"maxLength\":3,\"description\":\"d\"}");
    expect(before, after, "! POST /a, request body m #: maxLength is new\n");
    expect(after, before, "POST /a, request body m #: maxLength is gone\n");
    (void)snprintf(before, sizeof before, frame, "{\"$ref\":\"#/c/X\",\"maxLength\":4}");
    expect(before, after, "! POST /a, request body m #: maxLength is smaller\n");
}

static void defaults_of_keywords_are_not_mistaken_for_absence(void **state)
{
    (void)state;
    expect_schemas("{}", "{\"const\":false}", "! : const is new\n", ": const is new\n");
    expect_schemas("{\"const\":false}", "{\"const\":true}", "! : const is another\n", "! : const is another\n");
    expect_schemas("{}", "{\"uniqueItems\":false}", ": only texts and names differ\n",
                   ": only texts and names differ\n");
    expect_schemas("{\"contains\":{\"type\":\"null\"},\"minContains\":0}", "{\"contains\":{\"type\":\"null\"}}",
                   "! : minContains is larger\n", ": minContains is larger\n");
    expect_schemas("{\"contains\":{\"type\":\"null\"},\"minContains\":1}", "{\"contains\":{\"type\":\"null\"}}",
                   ": only texts and names differ\n", ": only texts and names differ\n");
}

static void a_member_is_compared_with_what_further_members_have_to_be(void **state)
{
    (void)state;
    expect_schemas("{\"properties\":{\"a\":{\"minLength\":1}},\"additionalProperties\":{\"type\":\"string\"}}",
                   "{\"additionalProperties\":{\"type\":\"string\"}}",
                   "/a: is not told of any more\n! /a: null is no longer one of the types\n"
                   "! /a: boolean is no longer one of the types\n! /a: integer is no longer one of the types\n"
                   "! /a: number is no longer one of the types\n! /a: array is no longer one of the types\n"
                   "! /a: object is no longer one of the types\n/a: minLength is gone\n",
                   "/a: is not told of any more\n/a: null is no longer one of the types\n"
                   "/a: boolean is no longer one of the types\n/a: integer is no longer one of the types\n"
                   "/a: number is no longer one of the types\n/a: array is no longer one of the types\n"
                   "/a: object is no longer one of the types\n! /a: minLength is gone\n");
    expect_schemas("{\"additionalProperties\":{\"type\":\"string\"}}",
                   "{\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":9}},"
                   "\"additionalProperties\":{\"type\":\"string\"}}",
                   "/a: is new\n! /a: maxLength is new\n", "/a: is new\n/a: maxLength is new\n");
}

static void a_repeated_item_that_becomes_another_is_told(void **state)
{
    (void)state;
    expect_schemas("{\"allOf\":[{\"minLength\":1},{\"minLength\":1}]}",
                   "{\"allOf\":[{\"minLength\":1},{\"maxLength\":9}]}",
                   "/(allOf): minLength is gone\n! /(allOf): maxLength is new\n",
                   "! /(allOf): minLength is gone\n/(allOf): maxLength is new\n");
}

static void expect_validations(const char *before, const char *after, const char *expected)
{
    static const char frame[] = "{\"paths\":{\"/a\":{\"post\":{\"x-openapi-validation\":%s}}}}";
    char old[DOCUMENT_BYTES];
    char new[DOCUMENT_BYTES];
    (void)snprintf(old, sizeof old, frame, before);
    (void)snprintf(new, sizeof new, frame, after);
    expect(old, new, expected);
}

static void what_is_refused_from_now_on_breaks(void **state)
{
    (void)state;
    expect_validations("{\"mode\":\"report\"}", "{\"mode\":\"enforce\",\"refuseUnknownQuery\":true}",
                       "! POST /a: refuses query parameters that are not declared now\n"
                       "! POST /a: refuses requests that do not fit now\n");
    expect_validations("{\"mode\":\"enforce\",\"responses\":\"off\"}", "{\"mode\":\"off\",\"responses\":\"enforce\"}",
                       "POST /a: no longer refuses requests that do not fit\n"
                       "! POST /a: refuses responses that do not fit now\n");
    expect_validations("{\"coerceTypes\":true,\"removeAdditional\":true,\"allowEmptyString\":true}",
                       "{\"coerceTypes\":false,\"applyDefaults\":true}",
                       "! POST /a: coerceTypes is off now\n! POST /a: removeAdditional is off now\n"
                       "POST /a: applyDefaults is on now\n! POST /a: allowEmptyString is left to the schema now\n");
    expect_validations("{}", "{\"allowEmptyString\":false}", "! POST /a: allowEmptyString is off now\n");
}

static void a_lost_parameter_breaks_where_unknown_ones_are_refused(void **state)
{
    (void)state;
    expect("{\"paths\":{\"/a\":{\"get\":{\"x-openapi-validation\":{\"refuseUnknownQuery\":true},"
           "\"parameters\":[{\"in\":\"query\",\"name\":\"p\"},{\"in\":\"header\",\"name\":\"h\"}]}}}}",
           "{\"paths\":{\"/a\":{\"get\":{\"x-openapi-validation\":{\"refuseUnknownQuery\":true}}}}}",
           "! GET /a, query parameter p: is gone: it is refused now\n"
           "GET /a, header parameter h: is gone: it is no longer looked at\n");
}

static void paths_stand_behind_that_of_the_server(void **state)
{
    (void)state;
    static const char mine[] = "{\"paths\":{\"/base/a\":{\"get\":{}},\"/base/b/{x}\":{\"get\":{}}}}";
    static const char theirs[] = "{\"servers\":[{\"url\":\"https://api.example.com/base/\"}],"
                                 "\"paths\":{\"/a\":{\"get\":{}},\"/b/{y}\":{\"get\":{}}}}";
    expect(theirs, mine, ": only texts and names differ\n");
    expect(mine, theirs, ": only texts and names differ\n");
    expect("{\"servers\":[{\"url\":\"/based\"}],\"paths\":{\"/a\":{\"get\":{}}}}",
           "{\"paths\":{\"/base/a\":{\"get\":{}}}}", "! GET /a: is gone\nGET /base/a: is new\n");
}

static void survives_documents_that_are_none(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "[]",
        "1",
        "{\"paths\":[]}",
        "{\"paths\":{\"/a\":1}}",
        "{\"paths\":{\"/"
        "a\":{\"get\":[],\"post\":{\"parameters\":{},\"responses\":[],\"requestBody\":1,\"security\":{}}}}}",
        "{\"paths\":{\"/"
        "a\":{\"post\":{\"parameters\":[1,{\"in\":1}],\"responses\":{\"2\":1},\"requestBody\":{\"content\":[]},"
        "\"security\":[1]}}}}",
        "{\"paths\":{\"/"
        "a\":{\"post\":{\"requestBody\":{\"content\":{\"m\":{\"schema\":{\"type\":1,\"enum\":1,\"required\":1,"
        "\"properties\":1,\"items\":1,\"anyOf\":1,\"minimum\":\"1\",\"$ref\":\"#/%%\"}}}}}}}}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
            struct differences found;
            assert_int_equal(openapi_diff(parse(odd[i]), parse(odd[k]), &arena, &found), ERR_OK);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_nothing_in_equal_documents, setup, drop_arena),
        cmocka_unit_test_setup_teardown(tells_texts_apart_from_what_is_served, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_lost_operation_breaks_and_a_new_one_does_not, setup, drop_arena),
        cmocka_unit_test_setup_teardown(parameters_of_paths_may_be_renamed, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_new_parameter_breaks_when_it_is_required, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_body_breaks_when_it_is_demanded_or_no_longer_taken, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_lost_response_breaks_unless_it_was_a_refusal, setup, drop_arena),
        cmocka_unit_test_setup_teardown(credentials_break_when_they_are_new_or_no_longer_taken, setup, drop_arena),
        cmocka_unit_test_setup_teardown(types_widen_and_narrow, setup, drop_arena),
        cmocka_unit_test_setup_teardown(values_and_bounds_widen_and_narrow, setup, drop_arena),
        cmocka_unit_test_setup_teardown(members_break_when_they_are_demanded_of_requests_or_withheld_from_responses,
                                        setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_closed_object_takes_and_gives_nothing_new, setup, drop_arena),
        cmocka_unit_test_setup_teardown(looks_into_items_and_alternatives, setup, drop_arena),
        cmocka_unit_test_setup_teardown(follows_references_that_lead_in_a_circle, setup, drop_arena),
        cmocka_unit_test_setup_teardown(follows_references_wherever_a_schema_stands, setup, drop_arena),
        cmocka_unit_test_setup_teardown(keywords_beside_a_reference_count, setup, drop_arena),
        cmocka_unit_test_setup_teardown(defaults_of_keywords_are_not_mistaken_for_absence, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_member_is_compared_with_what_further_members_have_to_be, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_repeated_item_that_becomes_another_is_told, setup, drop_arena),
        cmocka_unit_test_setup_teardown(what_is_refused_from_now_on_breaks, setup, drop_arena),
        cmocka_unit_test_setup_teardown(a_lost_parameter_breaks_where_unknown_ones_are_refused, setup, drop_arena),
        cmocka_unit_test_setup_teardown(paths_stand_behind_that_of_the_server, setup, drop_arena),
        cmocka_unit_test_setup_teardown(survives_documents_that_are_none, setup, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
