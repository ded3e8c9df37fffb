/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI Parameter Objects: what they become, and the exact words for what is wrong with them. */
#include "unit/control/config/harness.h"

#include "pipeline/contract.h"

#define BEGIN "routes:\n- match: GET /users/{id}\n  public: true\n  to: {endpoint: livez}\n  parameters:\n"
#define ID    "  - {name: id, in: path, required: true, schema: {type: string}}\n"

static const struct contract *contract_of(const struct config *config)
{
    assert_non_null(config);
    assert_non_null(config->routes[0]->contract);
    return config->routes[0]->contract;
}

/* The notes on one parameter, which stands in line 7. */
static void assert_parameter(const char *written, const char *expected)
{
    char yaml[1024];
    (void)snprintf(yaml, sizeof yaml, BEGIN ID "  - %s\n", written);
    assert_report(yaml, expected);
}

static struct contract_parameter parameter_of(const char *written, struct config **ret_config)
{
    char yaml[1024];
    (void)snprintf(yaml, sizeof yaml, BEGIN ID "  - %s\n", written);
    *ret_config = load_good(yaml);
    assert_int_equal(contract_of(*ret_config)->parameter_count, 2);
    return contract_of(*ret_config)->parameters[1];
}

static void takes_defaults_by_where_it_stands(void **state)
{
    static const struct {
        const char *written;
        enum contract_place place;
        enum contract_style style;
        bool is_exploded;
    } rows[] = {
        {"{name: q, in: query, schema: {}}", CONTRACT_QUERY, CONTRACT_FORM, true},
        {"{name: q, in: cookie, schema: {}}", CONTRACT_COOKIE, CONTRACT_FORM, true},
        {"{name: q, in: header, schema: {}}", CONTRACT_HEADER, CONTRACT_SIMPLE, false},
        {"{name: q, in: query, style: pipeDelimited, schema: {type: array}}", CONTRACT_QUERY, CONTRACT_PIPE_DELIMITED,
         false},
        {"{name: q, in: query, explode: false, schema: {}}", CONTRACT_QUERY, CONTRACT_FORM, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *config;
        struct contract_parameter parameter = parameter_of(rows[i].written, &config);
        assert_int_equal(parameter.place, rows[i].place);
        assert_int_equal(parameter.style, rows[i].style);
        assert_int_equal(parameter.is_exploded, rows[i].is_exploded);
        assert_false(parameter.is_required);
        config_unref(config);
    }
}

static void keeps_what_is_said(void **state)
{
    (void)state;
    struct config *config;
    struct contract_parameter parameter = parameter_of("{name: X-Since, in: header, required: true, deprecated: true, "
                                                       "description: \"When\", x-mine: 1, schema: {type: "
                                                       "integer}}",
                                                       &config);
    assert_true(slice_is(parameter.name, "x-since"));
    assert_true(slice_is(parameter.description, "When"));
    assert_true(parameter.is_required);
    assert_true(parameter.is_deprecated);
    assert_non_null(parameter.schema.schema);
    assert_int_equal(parameter.schema.path.len, 0);
    assert_int_equal(contract_of(config)->parameters[0].place, CONTRACT_PATH);
    assert_int_equal(config->document_count, 1);
    config_unref(config);
}

static void kind_and_types_come_from_the_schema(void **state)
{
    static const struct {
        const char *schema;
        enum contract_kind kind;
        uint32_t types;
    } rows[] = {
        {"{type: integer}", CONTRACT_SCALAR, CONTRACT_INTEGER},
        {"{type: number}", CONTRACT_SCALAR, CONTRACT_INTEGER | CONTRACT_NUMBER},
        {"{type: [string, \"null\"]}", CONTRACT_SCALAR, CONTRACT_STRING | CONTRACT_NULL},
        {"{enum: [a, true]}", CONTRACT_SCALAR, CONTRACT_STRING | CONTRACT_BOOLEAN},
        {"{const: \"5\"}", CONTRACT_SCALAR, CONTRACT_STRING},
        {"{anyOf: [{type: integer}, {type: boolean}]}", CONTRACT_SCALAR, CONTRACT_INTEGER | CONTRACT_BOOLEAN},
        {"{allOf: [{type: number}, {type: integer}]}", CONTRACT_SCALAR, CONTRACT_INTEGER},
        {"{type: array, items: {type: integer}}", CONTRACT_ARRAY, CONTRACT_INTEGER},
        {"{type: array}", CONTRACT_ARRAY,
         CONTRACT_NULL | CONTRACT_BOOLEAN | CONTRACT_INTEGER | CONTRACT_NUMBER | CONTRACT_STRING},
        {"{$ref: \"#/1/schema/$defs/a\", $defs: {a: {type: boolean}}}", CONTRACT_SCALAR, CONTRACT_BOOLEAN},
        {"{type: object, additionalProperties: {type: boolean}}", CONTRACT_OBJECT, CONTRACT_BOOLEAN},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char written[256];
        struct config *config;
        (void)snprintf(written, sizeof written, "{name: q, in: query, schema: %s}", rows[i].schema);
        struct contract_parameter parameter = parameter_of(written, &config);
        assert_int_equal(parameter.kind, rows[i].kind);
        assert_int_equal(parameter.types, rows[i].types);
        config_unref(config);
    }
}

static void an_object_tells_the_types_of_its_properties(void **state)
{
    (void)state;
    struct config *config;
    struct contract_parameter parameter = parameter_of(
        "{name: q, in: query, style: deepObject, schema: {type: object, properties: {a: {type: integer}, b: "
        "{type: string}}, additionalProperties: false}}",
        &config);
    assert_int_equal(parameter.kind, CONTRACT_OBJECT);
    assert_int_equal(parameter.property_count, 2);
    assert_true(slice_is(parameter.properties[0].name, "a"));
    assert_int_equal(parameter.properties[0].types, CONTRACT_INTEGER);
    assert_int_equal(parameter.properties[1].types, CONTRACT_STRING);
    assert_int_equal(parameter.types, 0);
    config_unref(config);
}

static void several_methods_share_what_is_written_once(void **state)
{
    (void)state;
    struct config *config =
        load_good("routes:\n- {match: \"GET,PUT /a\", public: true, to: {endpoint: livez}, parameters: "
                  "[{name: q, in: query, schema: {type: integer}}]}\n");
    assert_int_equal(config->routes[0]->contract->parameter_count, 1);
    assert_int_equal(config->routes[1]->contract->parameter_count, 1);
    assert_int_equal(config->document_count, 1);
    config_unref(config);
    assert_report(
        "routes:\n- {match: \"GET,PUT /a\", public: true, to: {endpoint: livez}, parameters: [{name: q, in: query}]}\n",
        "2:75: error: a parameter lacks \"schema\"\n");
}

static void content_is_json(void **state)
{
    (void)state;
    struct config *config;
    struct contract_parameter parameter =
        parameter_of("{name: q, in: query, content: {application/json: {schema: {type: object}}}}", &config);
    assert_true(parameter.is_json);
    assert_non_null(parameter.schema.schema);
    config_unref(config);
}

static void quoted_scalars_stay_texts(void **state)
{
    (void)state;
    struct config *config;
    struct contract_parameter parameter =
        parameter_of("{name: q, in: query, schema: {enum: [5, \"6\", true, \"true\", 1e400, 0x1]}}", &config);
    assert_non_null(strstr(parameter.schema.text.ptr, "[5,\"6\",true,\"true\",\"1e400\",\"0x1\"]"));
    config_unref(config);
}

static void says_what_is_no_list(void **state)
{
    (void)state;
    assert_report(
        "routes:\n- {match: GET /, public: true, to: {endpoint: livez}, parameters: {a: b}}\n",
        "2:67: error: \"parameters\" in route takes a list of OpenAPI Parameter Objects, or the file of one\n");
    assert_report("routes:\n- {match: GET /, public: true, to: {endpoint: livez}, parameters: [a]}\n",
                  "2:68: error: a parameter is an object with name, in and schema; found a string\n");
}

static void says_what_every_member_takes(void **state)
{
    static const char *const rows[][2] = {
        {"{in: query, schema: {}}", "7:5: error: a parameter lacks \"name\"\n"},
        {"{name: q, schema: {}}", "7:5: error: a parameter lacks \"in\": path, query, header or cookie\n"},
        {"{name: \"\", in: query, schema: {}}", "7:12: error: the name of a parameter is empty\n"},
        {"{name: 5, in: query, schema: {}}", "7:12: error: \"name\" of a parameter takes a text, found a number\n"},
        {"{name: q, in: body, schema: {}}",
         "7:19: error: \"in\" of a parameter takes one of path, query, header, cookie, found \"body\"\n"},
        {"{name: q, in: Query, schema: {}}", "7:19: error: \"in\" of a parameter takes one of path, query, header, "
                                             "cookie, found \"Query\"; did you mean \"query\"?\n"},
        {"{name: q, in: query, required: 1, schema: {}}",
         "7:36: error: \"required\" of a parameter takes true or false, found a number\n"},
        {"{name: q, in: query, explode: \"true\", schema: {}}",
         "7:35: error: \"explode\" of a parameter takes true or false, found \"true\"\n"},
        {"{name: q, in: query, style: pipes, schema: {}}",
         "7:33: error: \"style\" of a parameter takes one of simple, label, matrix, form, spaceDelimited, "
         "pipeDelimited, deepObject, found \"pipes\"\n"},
        {"{name: q, in: query, style: matrix, schema: {}}", "7:33: error: style matrix is not for parameters in the "
                                                            "query; there it is form, spaceDelimited, pipeDelimited "
                                                            "or deepObject\n"},
        {"{name: q, in: query, style: deepObject, schema: {type: string}}",
         "7:33: error: style deepObject is for objects, which the schema does not allow\n"},
        {"{name: q, in: query, style: spaceDelimited, schema: {type: string}}",
         "7:33: error: style spaceDelimited is for arrays, which the schema does not allow\n"},
        {"{name: q, in: header, allowEmptyValue: true, schema: {}}",
         "7:44: error: allowEmptyValue is for parameters in the query\n"},
        {"{name: q, in: query, shema: {}, schema: {}}",
         "7:26: error: a parameter has no \"shema\"; did you mean \"schema\"?\n"},
        {"{name: q, in: query, minimum: 1, schema: {}}",
         "7:26: error: a parameter has no \"minimum\"; it takes name, in, required, schema or content, style, explode, "
         "allowEmptyValue, deprecated, description\n"},
        {"{name: q, in: query}", "7:5: error: a parameter lacks \"schema\"\n"},
        {"{name: q, in: query, schema: {}, content: {}}",
         "7:5: error: a parameter has \"schema\" or \"content\", not both\n"},
        {"{name: q, in: query, content: {text/plain: {}}}",
         "7:35: error: \"content\" of a parameter takes {application/json: {schema: ...}} and no other media type\n"},
        {"{name: q, in: query, content: {application/json: {}}}",
         "7:35: error: \"content\" of a parameter lacks \"schema\" in application/json\n"},
        {"{name: id, in: path, required: true, schema: {}}",
         "7:12: error: there is a parameter \"id\" in the path already\n"},
        {"{name: nix, in: path, required: true, schema: {}}", "7:12: error: the path /users/{id} has no {nix}\n"},
        {"{name: q, in: query, schema: {$ref: \"#/nix\"}}", "7:41: error: \"$ref\" leads nowhere: there is no /nix "
                                                            "in file:///weir.yaml:6:3\n"},
        {"{$ref: \"#/9\"}", "7:12: error: \"#/9\" leads to nothing\n"},
        {"{$ref: \"a.json#/9\"}", "7:12: error: \"a.json\" is no file in the folder of schemas\n"},
        {"{name: Accept, in: header, schema: {}}",
         "7:5: warning: OpenAPI has header parameters named accept ignored; so it is here\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_parameter(rows[i][0], rows[i][1]);
}

static void the_path_is_declared_both_ways(void **state)
{
    (void)state;
    assert_report(BEGIN "  - {name: q, in: query, schema: {}}\n",
                  "6:3: warning: the path's {id} is not among the parameters, and is not checked\n");
    assert_report(BEGIN "  - {name: id, in: path, schema: {}}\n",
                  "6:5: error: a parameter in the path is always there: write \"required: true\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_defaults_by_where_it_stands),
        cmocka_unit_test(keeps_what_is_said),
        cmocka_unit_test(kind_and_types_come_from_the_schema),
        cmocka_unit_test(an_object_tells_the_types_of_its_properties),
        cmocka_unit_test(several_methods_share_what_is_written_once),
        cmocka_unit_test(content_is_json),
        cmocka_unit_test(quoted_scalars_stay_texts),
        cmocka_unit_test(says_what_is_no_list),
        cmocka_unit_test(says_what_every_member_takes),
        cmocka_unit_test(the_path_is_declared_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
