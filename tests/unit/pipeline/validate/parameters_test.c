/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters against a contract: where they stand, what they are read as, and what is told of them. */
#include "unit/pipeline/stand.h"

#include "unit/pipeline/validate/contracts.h"

static struct stand stand;
static struct contract contract;
static struct contract_parameter parameters[8];

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    stand.route.contract = &contract;
    contract = (struct contract){.errors_max = 16, .parameters = parameters};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    drop_contract_schemas();
    return 0;
}

static struct contract_parameter *add(enum contract_place place, const char *name, uint32_t types, const char *schema)
{
    static const enum contract_style styles[] = {
        [CONTRACT_PATH] = CONTRACT_SIMPLE,
        [CONTRACT_QUERY] = CONTRACT_FORM,
        [CONTRACT_HEADER] = CONTRACT_SIMPLE,
        [CONTRACT_COOKIE] = CONTRACT_FORM,
    };
    struct contract_parameter *parameter = &parameters[contract.parameter_count++];
    *parameter = (struct contract_parameter){
        .name = slice_of_text(name),
        .place = place,
        .style = styles[place],
        .is_exploded = styles[place] == CONTRACT_FORM,
        .types = types,
        .schema = schema_of_text(schema, CONTRACT_ENFORCE),
    };
    return parameter;
}

static enum verdict run(const char *query, const char *fields)
{
    char head[512];
    snprintf(head, sizeof head, "GET /x HTTP/1.1\r\nHost: a\r\n%s", fields);
    struct request *request = stand_begin(&stand, head, (struct slice){NULL, 0});
    request->query = slice_of_text(query);
    request->match.param_count = 1;
    request->match.params[0] = (struct route_param){SLICE_LIT("id"), SLICE_LIT("7")};
    return stage_validate(request);
}

/* What is told, as "in name pointer keyword found;". */
static const char *told(void)
{
    static char line[512];
    size_t len = 0;
    line[0] = '\0';
    for (uint32_t i = 0; i < stand.request->fault_count; i++) {
        const struct request_fault *fault = &stand.request->faults[i];
        const struct fault_terms *terms = fault->terms;
        len += (size_t)snprintf(line + len, sizeof line - len,
                                SLICE_FMT " " SLICE_FMT SLICE_FMT " " SLICE_FMT " " SLICE_FMT ";", SLICE_ARG(terms->in),
                                SLICE_ARG(terms->parameter), SLICE_ARG(fault->pointer), SLICE_ARG(terms->keyword),
                                SLICE_ARG(terms->found));
    }
    return line;
}

#define expect_told(query, fields, text)                                                                               \
    do {                                                                                                               \
        assert_int_equal(run(query, fields), VERDICT_FAIL);                                                            \
        assert_int_equal(stand.request->problem, PROBLEM_INVALID_PARAMETERS);                                          \
        assert_string_equal(told(), text);                                                                             \
    } while (0)

static void texts_become_what_the_schema_allows(void **state)
{
    (void)state;
    add(CONTRACT_PATH, "id", CONTRACT_INTEGER, "{\"type\":\"integer\",\"maximum\":9}");
    add(CONTRACT_QUERY, "n", CONTRACT_NUMBER, "{\"type\":\"number\"}");
    add(CONTRACT_QUERY, "b", CONTRACT_BOOLEAN, "{\"type\":\"boolean\"}");
    add(CONTRACT_QUERY, "z", CONTRACT_NULL, "{\"type\":\"null\"}");
    add(CONTRACT_HEADER, "x-s", CONTRACT_STRING, "{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"}");
    add(CONTRACT_COOKIE, "c", CONTRACT_INTEGER, "{\"type\":\"integer\"}");
    assert_int_equal(run("n=1.5e3&b=true&z=", "X-S: 123\r\nCookie: a=b; c=4\r\n"), VERDICT_NEXT);
    assert_int_equal(run("z=null", ""), VERDICT_NEXT);
    expect_told("n=x&b=yes&z=0", "X-S: a\r\nCookie: c=secret\r\n",
                "query n type \"x\";query b type \"yes\";query z type \"0\";header x-s pattern \"a\";"
                "cookie c type (hidden);");
    expect_told("n=01", "", "query n type \"01\";");
    expect_told("n=NaN", "", "query n type \"NaN\";");
}

static void a_text_that_has_two_readings_fits_by_one_of_them(void **state)
{
    (void)state;
    add(CONTRACT_QUERY, "a", CONTRACT_INTEGER | CONTRACT_STRING,
        "{\"oneOf\":[{\"type\":\"integer\",\"maximum\":9},{\"type\":\"string\",\"minLength\":3}]}");
    assert_int_equal(run("a=5", ""), VERDICT_NEXT);
    assert_int_equal(run("a=500", ""), VERDICT_NEXT);
    assert_int_equal(run("a=abc", ""), VERDICT_NEXT);
    assert_int_equal(run("a=50", ""), VERDICT_FAIL);
}

static void lists_and_objects_are_checked_within(void **state)
{
    (void)state;
    static struct contract_property properties[] = {{SLICE_LIT("r"), CONTRACT_INTEGER},
                                                    {SLICE_LIT("name"), CONTRACT_STRING}};
    struct contract_parameter *ids =
        add(CONTRACT_QUERY, "ids", CONTRACT_INTEGER, "{\"maxItems\":3,\"items\":{\"type\":\"integer\"}}");
    ids->kind = CONTRACT_ARRAY;
    struct contract_parameter *filter = add(CONTRACT_QUERY, "f", CONTRACT_STRING,
                                            "{\"properties\":{\"r\":{\"type\":\"integer\"},\"name\":{\"type\":"
                                            "\"string\"}},\"additionalProperties\":false}");
    filter->kind = CONTRACT_OBJECT;
    filter->style = CONTRACT_DEEP_OBJECT;
    filter->properties = properties;
    filter->property_count = 2;
    assert_int_equal(run("ids=1&ids=2&f[r]=3&f[name]=4", ""), VERDICT_NEXT);
    expect_told("ids=1&ids=a&f[r]=x", "", "query ids/1 type \"a\";query f/r type \"x\";");
    expect_told("ids=1&ids=2&ids=3&ids=4", "", "query ids maxItems an array of 4 items;");
    expect_told("f[r]=1&f[r]=2", "", "query f style ;");
    expect_told("f[q]=1", "", "query f/q additionalProperties a string;");
}

static void what_is_required_must_be_there_once(void **state)
{
    (void)state;
    add(CONTRACT_QUERY, "q", CONTRACT_STRING, "{\"type\":\"string\"}")->is_required = true;
    expect_told("", "", "query q required ;");
    expect_slice(stand.request->problem_detail, "The query parameter q is missing.");
    expect_told("q=1&q=2", "", "query q style ;");
    expect_told("q=%zz", "", "query q style ;");
    assert_int_equal(run("q=", ""), VERDICT_NEXT);
    contract.mode = CONTRACT_REPORT;
    assert_int_equal(run("", ""), VERDICT_NEXT);
    expect_slice(stand.request->contract_note, "query parameter q: required");
}

static void an_empty_value_may_be_allowed(void **state)
{
    (void)state;
    struct contract_parameter *flag = add(CONTRACT_QUERY, "flag", CONTRACT_BOOLEAN, "{\"type\":\"boolean\"}");
    assert_int_equal(run("flag", ""), VERDICT_FAIL);
    flag->allows_empty = true;
    assert_int_equal(run("flag", ""), VERDICT_NEXT);
    assert_int_equal(run("flag=no", ""), VERDICT_FAIL);
}

static void unknown_names_are_refused_where_asked(void **state)
{
    (void)state;
    add(CONTRACT_QUERY, "q", CONTRACT_STRING, "{\"type\":\"string\"}");
    assert_int_equal(run("q=1&qq=2", ""), VERDICT_NEXT);
    contract.refuses_unknown_query = true;
    expect_told("q=1&qq=2&%zz", "", "query qq unknown ;query (malformed) unknown ;");
    expect_slice(stand.request->problem_detail,
                 "The query parameter qq is none that this route knows. See \"errors\" for 1 more.");
    contract.errors_max = 2;
    expect_told("a&b&c&d", "", "query a unknown ;query b unknown ;");
}

static void json_may_stand_in_a_parameter(void **state)
{
    (void)state;
    struct contract_parameter *filter =
        add(CONTRACT_QUERY, "f", 0, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}");
    filter->is_json = true;
    filter->kind = CONTRACT_OBJECT;
    assert_int_equal(run("f=%7B%22a%22:1%7D", ""), VERDICT_NEXT);
    expect_told("f={\"a\":\"x\"}", "", "query f/a type \"x\";");
    expect_told("f={", "", "query f style ;");
    expect_slice(stand.request->problem_detail, "The query parameter f is not valid JSON.");
}

static void secrets_in_fields_are_not_shown(void **state)
{
    (void)state;
    add(CONTRACT_HEADER, "x-api-token", CONTRACT_STRING, "{\"type\":\"string\",\"minLength\":20}");
    expect_told("", "X-Api-Token: hunter2\r\n", "header x-api-token minLength (hidden);");
    expect_slice(stand.request->faults[0].detail, "Expected a string of at least 20 characters, found (hidden).");
    expect_slice(stand.request->contract_note, "header parameter x-api-token: minLength");
}

static void what_may_be_a_secret_goes_by_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"pwd", "user_pass", "userPin", "jwt", "private_key", "creds", "X-Signature"};
    static const char *const others[] = {"shipping", "compass", "key"};
    for (size_t i = 0; i < ARRAY_LEN(names) + ARRAY_LEN(others); i++) {
        bool is_secret = i < ARRAY_LEN(names);
        contract.parameter_count = 0;
        add(CONTRACT_QUERY, "n", CONTRACT_STRING, "{\"minLength\":20}")->name =
            slice_of_text(is_secret ? names[i] : others[i - ARRAY_LEN(names)]);
        char query[64];
        snprintf(query, sizeof query, SLICE_FMT "=hunter2", SLICE_ARG(parameters[0].name));
        assert_int_equal(run(query, ""), VERDICT_FAIL);
        expect_slice(stand.request->faults[0].terms->found, is_secret ? "(hidden)" : "\"hunter2\"");
        drop_contract_schemas();
    }
}

static void members_of_a_secret_are_not_named(void **state)
{
    (void)state;
    struct contract_parameter *session =
        add(CONTRACT_QUERY, "session", 0, "{\"additionalProperties\":{\"type\":\"null\"}}");
    session->is_json = true;
    assert_int_equal(run("session={\"hunter2\":1}", ""), VERDICT_FAIL);
    expect_slice(stand.request->faults[0].pointer, "");
    expect_slice(stand.request->contract_note, "query parameter session: type");
}

static void a_cookie_is_found_with_spaces_around_its_name(void **state)
{
    (void)state;
    add(CONTRACT_COOKIE, "limit", CONTRACT_INTEGER, "{\"type\":\"integer\"}");
    expect_told("", "Cookie: a=1; limit =evil\r\n", "cookie limit type (hidden);");
    assert_int_equal(run("", "Cookie: limit\t= 7 ; a=1\r\n"), VERDICT_NEXT);
}

static void what_connection_names_is_not_there(void **state)
{
    (void)state;
    add(CONTRACT_HEADER, "x-tenant", CONTRACT_STRING, "true")->is_required = true;
    assert_int_equal(run("", "X-Tenant: a\r\nConnection: close\r\n"), VERDICT_NEXT);
    expect_told("", "X-Tenant: a\r\nConnection: close , X-TENANT\r\n", "header x-tenant required ;");
}

static void a_report_says_what_and_goes_on(void **state)
{
    (void)state;
    add(CONTRACT_QUERY, "n", CONTRACT_INTEGER, "{\"type\":\"integer\"}")->schema.mode = CONTRACT_REPORT;
    assert_int_equal(run("n=x", ""), VERDICT_NEXT);
    expect_slice(stand.request->contract_note, "query parameter n: type");
    assert_int_equal(counter_read(&stand.worker->meter.contract_reported), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(texts_become_what_the_schema_allows),  TEST(a_text_that_has_two_readings_fits_by_one_of_them),
        TEST(lists_and_objects_are_checked_within), TEST(what_is_required_must_be_there_once),
        TEST(an_empty_value_may_be_allowed),        TEST(unknown_names_are_refused_where_asked),
        TEST(json_may_stand_in_a_parameter),        TEST(secrets_in_fields_are_not_shown),
        TEST(a_report_says_what_and_goes_on),       TEST(what_may_be_a_secret_goes_by_its_name),
        TEST(members_of_a_secret_are_not_named),    TEST(a_cookie_is_found_with_spaces_around_its_name),
        TEST(what_connection_names_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
