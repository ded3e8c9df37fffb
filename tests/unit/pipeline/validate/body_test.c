/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies against a contract: refused, reported, edited; and what a schema must not cost. */
#include "unit/pipeline/stand.h"

#include "lib/base/utf8.h"
#include "pipeline/validate/validate_int.h"
#include "unit/pipeline/validate/contracts.h"

#define HEAD "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

static struct stand stand;
static struct contract contract;
static struct route_meter meter;

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    meter = (struct route_meter){0};
    stand.route.contract = &contract;
    stand.route.meters = &meter;
    contract = (struct contract){.errors_max = 16};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    drop_contract_schemas();
    return 0;
}

static void want(const char *schema, enum contract_mode mode)
{
    contract.mode = mode;
    contract.has_body = true;
    contract.body = schema_of_text(schema, mode);
}

static enum verdict run(const char *head, const char *body)
{
    stand_begin(&stand, head, slice_of_text(body));
    return stage_validate(stand.request);
}

static uint64_t counted(enum contract_event event)
{
    return counter_read(&meter.contract[event]);
}

static const struct fault_terms *terms(uint32_t index)
{
    assert_true(index < stand.request->fault_count);
    assert_non_null(stand.request->faults[index].terms);
    return stand.request->faults[index].terms;
}

#define USER                                                                                                           \
    "{\"type\":\"object\",\"required\":[\"name\",\"age\"],\"additionalProperties\":false,\"properties\":{"             \
    "\"name\":{\"type\":\"string\",\"minLength\":1},\"age\":{\"type\":\"integer\",\"minimum\":0},"                     \
    "\"password\":{\"type\":\"string\",\"minLength\":8,\"writeOnly\":true}}}"

static void what_fits_goes_on_with_its_document(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, "{\"name\":\"a\",\"age\":3}"), VERDICT_NEXT);
    assert_non_null(stand.request->body_root);
    assert_int_equal(counted(CONTRACT_REQUEST_REFUSED), 0);
    assert_int_equal(counter_read(&stand.worker->meter.contract_requests), 1);
    assert_int_equal(stand.request->contract_note.len, 0);
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, "{\"name\":\"\",\"age\":-3}"), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_BODY);
    assert_int_equal(stand.request->fault_count, 2);
    expect_slice(stand.request->faults[0].pointer, "/name");
    expect_slice(terms(0)->keyword, "minLength");
    expect_slice(stand.request->faults[1].pointer, "/age");
    expect_slice(terms(1)->keyword, "minimum");
    expect_slice(terms(1)->schema, "s.json#/properties/age/minimum");
    expect_slice(terms(1)->found, "-3");
    expect_slice(stand.request->contract_note, "body /name: minLength");
    assert_int_equal(counted(CONTRACT_REQUEST_REFUSED), 1);
    assert_int_equal(stage_format(stand.request), VERDICT_NEXT);
    assert_int_equal(stand.request->response.status, 422);
}

static void where_schemas_lie_is_not_told(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    static const struct {
        const char *base;
        const char *location;
        const char *told;
    } rows[] = {
        {"file:///srv/schemas/", "file:///srv/schemas/common/a.json#/x/y", "common/a.json#/x/y"},
        {"file:///srv/schemas/", "file:///etc/a.json#/x/y", "a.json#/x/y"},
        {"file:///srv/schemas/", "file:///etc/a.json", "a.json"},
        {"", "file:///weir.yaml:3:4#/0/schema", "weir.yaml:3:4#/0/schema"},
        {"file:///srv/schemas/", "https://example.com/a.json#/x", "https://example.com/a.json#/x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stand.config->documents_base = slice_of_text(rows[i].base);
        (void)run(HEAD, "{}");
        expect_slice(validate_place(stand.request, slice_of_text(rows[i].location)), rows[i].told);
    }
}

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    char schema[400];
    char body[400];
    struct text schema_out = text_init(schema, sizeof schema);
    struct text body_out = text_init(body, sizeof body);
    text_add(&schema_out, SLICE_LIT("{\"properties\":{\"a"));
    text_add(&body_out, SLICE_LIT("{\"a"));
    for (int i = 0; i < 60; i++) {
        text_add(&schema_out, SLICE_LIT("\xe2\x82\xac"));
        text_add(&body_out, SLICE_LIT("\xe2\x82\xac"));
    }
    text_add(&schema_out, SLICE_LIT("\":false}}"));
    text_add(&body_out, SLICE_LIT("\":1}"));
    want(schema, CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, body), VERDICT_FAIL);
    assert_true(utf8_is_valid(stand.request->problem_detail));
    assert_true(utf8_is_valid(stand.request->contract_note));
}

static void errors_are_told_up_to_a_limit(void **state)
{
    (void)state;
    want("{\"items\":{\"type\":\"string\"}}", CONTRACT_ENFORCE);
    contract.errors_max = 3;
    assert_int_equal(run(HEAD, "[1,2,3,4,5]"), VERDICT_FAIL);
    assert_int_equal(stand.request->fault_count, 3);
    contract.errors_max = 100;
    assert_int_equal(run(HEAD, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"), VERDICT_FAIL);
    assert_int_equal(stand.request->fault_count, 20);
}

static void secrets_are_not_shown(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, "{\"name\":\"a\",\"age\":3,\"password\":\"hunter2\"}"), VERDICT_FAIL);
    expect_slice(terms(0)->found, "(hidden)");
    assert_int_equal(stage_format(stand.request), VERDICT_NEXT);
    struct slice body = stand.request->response.body;
    for (size_t i = 0; i + 7 <= body.len; i++)
        assert_memory_not_equal(body.ptr + i, "hunter2", 7);
}

static void only_json_is_taken_under_whatever_name(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    assert_int_equal(run("POST /x HTTP/1.1\r\nHost: a\r\n", "{\"name\":\"a\",\"age\":3}"), VERDICT_NEXT);
    assert_int_equal(
        run("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/geo+JSON; a=b\r\n", "{\"name\":\"a\",\"age\":3}"),
        VERDICT_NEXT);
    assert_int_equal(run("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n", "{}"), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    expect_slice(stand_field(&stand, "Accept"), "application/json");
    assert_int_equal(run(HEAD, "{\"name\":\"a\",\"age\":3"), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_JSON);
    assert_int_equal(run(HEAD, "{\"name\":\"a\",\"age\":3,\"age\":4}"), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_JSON);
}

static void a_body_may_be_missing_unless_it_is_required(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, ""), VERDICT_NEXT);
    contract.is_body_required = true;
    assert_int_equal(run(HEAD, ""), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_BODY);
    expect_slice(terms(0)->keyword, "required");
}

static void a_missing_body_is_the_affair_of_its_schema(void **state)
{
    (void)state;
    static const enum contract_mode modes[] = {CONTRACT_REPORT, CONTRACT_OFF};
    want(USER, CONTRACT_ENFORCE);
    contract.is_body_required = true;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        contract.body.mode = modes[i];
        assert_int_equal(run(HEAD, ""), VERDICT_NEXT);
        expect_slice(stand.request->contract_note, modes[i] == CONTRACT_REPORT ? "body: required" : "");
    }
}

static void the_method_says_whether_a_body_is_missing(void **state)
{
    (void)state;
    want(USER, CONTRACT_ENFORCE);
    contract.is_body_required = true;
    assert_int_equal(run("GET /x HTTP/1.1\r\nHost: a\r\n", ""), VERDICT_NEXT);
    assert_int_equal(run("PATCH /x HTTP/1.1\r\nHost: a\r\n", ""), VERDICT_FAIL);
    assert_int_equal(run("PUT /x HTTP/1.1\r\nHost: a\r\n", ""), VERDICT_FAIL);
}

static void a_report_lets_everything_through(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"age\":-1}", "{", "", "[1]"};
    want(USER, CONTRACT_REPORT);
    contract.is_body_required = true;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(run(HEAD, bodies[i]), VERDICT_NEXT);
        assert_int_equal(stand.request->problem, PROBLEM_NONE);
        assert_int_equal(stand.request->fault_count, 0);
        assert_int_equal(counted(CONTRACT_REQUEST_REPORTED), i + 1);
        assert_true(stand.request->contract_note.len > 0);
        expect_slice(stand.request->body, bodies[i]);
    }
    assert_int_equal(run("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n", "x"), VERDICT_NEXT);
    expect_slice(stand.request->contract_note, "body: media type");
}

static void a_schema_may_edit_the_body(void **state)
{
    (void)state;
    want("{\"x-openapi-validation\":{\"coerceTypes\":true,\"removeAdditional\":true,\"applyDefaults\":true},"
         "\"additionalProperties\":false,\"properties\":{\"n\":{\"type\":\"integer\"},\"m\":{\"default\":[1,2]}}}",
         CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, "{\"n\":\"5\", \"extra\":true}"), VERDICT_NEXT);
    expect_slice(stand.request->body, "{\"n\":5,\"m\":[1,2]}");
    assert_true(stand.request->is_body_rewritten);
    assert_null(stand.request->body_root);
    assert_int_equal(counter_read(&stand.worker->meter.contract_edited), 1);
    assert_int_equal(run(HEAD, "{\"n\":7, \"m\":1}"), VERDICT_NEXT);
    expect_slice(stand.request->body, "{\"n\":7, \"m\":1}");
    assert_false(stand.request->is_body_rewritten);
    assert_int_equal(run(HEAD, "{\"n\":\"x\"}"), VERDICT_FAIL);
    contract.body.mode = CONTRACT_REPORT;
    assert_int_equal(run(HEAD, "{\"n\":\"5\"}"), VERDICT_NEXT);
    expect_slice(stand.request->body, "{\"n\":\"5\"}");
}

/* Each level asks twice about the next one: 2^n ways through. */
static void a_schema_that_doubles_its_work_meets_the_limit(void **state)
{
    (void)state;
    want("{\"$defs\":{\"a\":{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"x\":{\"$ref\":\"#/$defs/a\"}}},"
         "{\"maxProperties\":5,\"additionalProperties\":{\"$ref\":\"#/$defs/a\"}}]}},\"$ref\":\"#/$defs/a\"}",
         CONTRACT_ENFORCE);
    stand.config->limits.json_depth = 200;
    char body[2000];
    size_t len = 0;
    for (int i = 0; i < 150; i++)
        len += (size_t)snprintf(body + len, sizeof body - len, "{\"x\":");
    len += (size_t)snprintf(body + len, sizeof body - len, "1");
    for (int i = 0; i < 150; i++)
        len += (size_t)snprintf(body + len, sizeof body - len, "}");
    uint64_t begin_ns = clock_now_ns();
    assert_int_equal(run(HEAD, body), VERDICT_FAIL);
    assert_true(clock_now_ns() - begin_ns < 2 * NS_PER_S);
    assert_int_equal(stand.request->problem, PROBLEM_VALIDATION_LIMIT);
    assert_int_equal(counter_read(&stand.worker->meter.contract_over_limit), 1);
    contract.body.mode = contract.mode = CONTRACT_REPORT;
    assert_int_equal(run(HEAD, body), VERDICT_NEXT);
    expect_slice(stand.request->contract_note, "body: over limit");
}

/* Each text stays below the limit of one search, and all together go far beyond it. */
static void patterns_that_backtrack_share_one_limit(void **state)
{
    (void)state;
    static const char text[] = "\"aaaaaaaaaaaaa!\",";
    static char body[20000];
    size_t len = 0;
    want("{\"items\":{\"not\":{\"pattern\":\"^(a+)+\\\\1$\"}}}", CONTRACT_ENFORCE);
    stand.config->limits.validation_steps = 1000;
    body[len++] = '[';
    while (len + sizeof text < sizeof body)
        len += (size_t)snprintf(body + len, sizeof body - len, "%s", text);
    body[len - 1] = ']';
    uint64_t begin_ns = clock_now_ns();
    assert_int_equal(run(HEAD, body), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_VALIDATION_LIMIT);
    assert_true(clock_now_ns() - begin_ns < NS_PER_S);
    assert_int_equal(run(HEAD, "[\"aaaaaaaaaaaaa!\"]"), VERDICT_FAIL);
    stand.config->limits.validation_steps = 1000000;
    assert_int_equal(run(HEAD, "[\"aaaaaaaaaaaaa!\"]"), VERDICT_NEXT);
}

static void what_there_is_no_memory_to_check_is_refused_or_goes_on(void **state)
{
    (void)state;
    static char body[40000];
    want("{\"items\":{\"type\":\"integer\"}}", CONTRACT_ENFORCE);
    stand.worker->limits.request_memory = 65536;
    memset(body, '1', sizeof body - 1);
    for (size_t i = 1; i < sizeof body - 2; i += 2)
        body[i + 1] = ',';
    body[0] = '[';
    body[sizeof body - 3] = '1';
    body[sizeof body - 2] = ']';
    assert_int_equal(run(HEAD, body), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_REQUEST_TOO_LARGE);
    contract.body.mode = contract.mode = CONTRACT_REPORT;
    assert_int_equal(run(HEAD, body), VERDICT_NEXT);
    assert_int_equal(stand.request->problem, PROBLEM_NONE);
    expect_slice(stand.request->contract_note, "body: no memory");
}

static void digits_decide_where_the_schema_asks_for_them(void **state)
{
    (void)state;
    want("{\"multipleOf\":0.01}", CONTRACT_ENFORCE);
    assert_int_equal(run(HEAD, "12345678901234567890.01"), VERDICT_NEXT);
    assert_int_equal(run(HEAD, "12345678901234567890.015"), VERDICT_FAIL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_fits_goes_on_with_its_document),
        TEST(all_that_is_wrong_is_told_at_once),
        TEST(where_schemas_lie_is_not_told),
        TEST(texts_are_cut_between_characters),
        TEST(errors_are_told_up_to_a_limit),
        TEST(secrets_are_not_shown),
        TEST(only_json_is_taken_under_whatever_name),
        TEST(a_body_may_be_missing_unless_it_is_required),
        TEST(a_missing_body_is_the_affair_of_its_schema),
        TEST(the_method_says_whether_a_body_is_missing),
        TEST(a_report_lets_everything_through),
        TEST(a_schema_may_edit_the_body),
        TEST(a_schema_that_doubles_its_work_meets_the_limit),
        TEST(patterns_that_backtrack_share_one_limit),
        TEST(what_there_is_no_memory_to_check_is_refused_or_goes_on),
        TEST(digits_decide_where_the_schema_asks_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
