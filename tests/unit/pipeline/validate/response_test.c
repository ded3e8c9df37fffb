/* SPDX-License-Identifier: Apache-2.0 */
/* Responses against a contract: held back, reported, put aside while they are sent, skipped. */
#include "unit/pipeline/stand.h"

#include "unit/pipeline/validate/contracts.h"

#define HEAD "GET /x HTTP/1.1\r\nHost: a\r\n"

static struct stand stand;
static struct contract contract;
static struct contract_response responses[3];
static struct route_meter meter;

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    meter = (struct route_meter){0};
    stand.route.contract = &contract;
    stand.route.meters = &meter;
    contract = (struct contract){.responses = responses};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    drop_contract_schemas();
    return 0;
}

static void promise(uint16_t min, uint16_t max, const char *schema, enum contract_mode mode)
{
    responses[contract.response_count++] =
        (struct contract_response){.status_min = min, .status_max = max, .schema = schema_of_text(schema, mode)};
}

static uint64_t counted(enum contract_event event)
{
    return counter_read(&meter.contract[event]);
}

static uint64_t skipped(void)
{
    return counter_read(&stand.worker->meter.contract_responses_skipped);
}

static int answer(int status, const char *content_type, const char *body)
{
    struct request *request = stand_begin(&stand, HEAD, (struct slice){NULL, 0});
    response_set(request, status, content_type, slice_of_text(body));
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    return request->response.status;
}

static void what_breaks_a_promise_is_held_back(void **state)
{
    (void)state;
    promise(200, 200, "{\"required\":[\"id\"]}", CONTRACT_ENFORCE);
    promise(200, 299, "false", CONTRACT_OFF);
    promise(100, 599, "{\"required\":[\"error\"]}", CONTRACT_ENFORCE);
    assert_int_equal(answer(200, "application/json", "{\"id\":1}"), 200);
    assert_int_equal(answer(200, "application/json", "{\"secret\":1}"), 500);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_RESPONSE);
    assert_int_equal(stand.request->fault_count, 0);
    expect_slice(stand.request->contract_note, "response: required");
    struct slice body = stand.request->response.body;
    for (size_t i = 0; i + 6 <= body.len; i++)
        assert_memory_not_equal(body.ptr + i, "secret", 6);
    assert_int_equal(answer(200, "application/json", "{\"id\":"), 500);
    assert_int_equal(answer(200, "text/html", "<p>"), 500);
    assert_int_equal(answer(201, "application/json", "1"), 201);
    assert_int_equal(answer(404, "application/json", "{}"), 500);
    assert_int_equal(counted(CONTRACT_RESPONSE_REFUSED), 4);
}

static void problems_of_weir_itself_are_always_told(void **state)
{
    (void)state;
    promise(100, 599, "false", CONTRACT_ENFORCE);
    struct request *request = stand_begin(&stand, HEAD, (struct slice){NULL, 0});
    (void)request_fail(request, PROBLEM_NOT_FOUND, "No.");
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    assert_int_equal(request->response.status, 404);
}

static void a_report_sends_what_it_reports(void **state)
{
    (void)state;
    promise(200, 200, "{\"required\":[\"id\"]}", CONTRACT_REPORT);
    assert_int_equal(answer(200, "application/json", "{}"), 200);
    expect_slice(stand.request->contract_note, "response: required");
    assert_int_equal(answer(200, "text/html", "<p>"), 200);
    expect_slice(stand.request->contract_note, "response: media type");
    assert_int_equal(counted(CONTRACT_RESPONSE_REPORTED), 2);
    assert_int_equal(answer(200, "text/event-stream", "data: 1\n\n"), 200);
    assert_int_equal(skipped(), 1);
}

static void a_response_without_content_is_not_looked_at(void **state)
{
    (void)state;
    promise(100, 599, "false", CONTRACT_ENFORCE);
    assert_int_equal(answer(204, "", ""), 204);
    assert_int_equal(answer(205, "", ""), 205);
    struct request *request = stand_begin(&stand, "HEAD /x HTTP/1.1\r\nHost: a\r\n", (struct slice){NULL, 0});
    response_set(request, 200, "application/json", SLICE_LIT("{}"));
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    assert_int_equal(request->response.status, 200);
}

static void nothing_at_all_is_no_json(void **state)
{
    (void)state;
    promise(200, 200, "true", CONTRACT_REPORT);
    assert_int_equal(answer(200, "application/json", ""), 200);
    expect_slice(stand.request->contract_note, "response: no content");
    responses[0].schema.mode = CONTRACT_ENFORCE;
    assert_int_equal(answer(200, "application/json", ""), 500);
    assert_int_equal(answer(200, NULL, ""), 500);
    assert_int_equal(counted(CONTRACT_RESPONSE_REFUSED), 2);
}

static void a_part_is_held_against_what_the_whole_promises(void **state)
{
    (void)state;
    promise(200, 200, "{\"required\":[\"id\"]}", CONTRACT_ENFORCE);
    promise(100, 599, "true", CONTRACT_ENFORCE);
    assert_int_equal(answer(206, "application/json", "{\"no\":1}"), 500);
    assert_int_equal(answer(206, "application/json", "\"secr"), 500);
    contract.response_count = 0;
    promise(206, 206, "true", CONTRACT_ENFORCE);
    promise(200, 200, "{\"required\":[\"id\"]}", CONTRACT_ENFORCE);
    assert_int_equal(answer(206, "application/json", "{\"no\":1}"), 206);
}

/* A source of a text, three bytes at a time. */
struct text_source {
    struct body_source source;
    struct slice left;
};

static enum err read_text(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct text_source *self = CONTAINER_OF(source, struct text_source, source);
    size_t bytes = MIN(MIN(self->left.len, capacity), (size_t)3);
    if (bytes == 0)
        return ERR_EOF;
    memcpy(place, self->left.ptr, bytes);
    self->left = slice_skip(self->left, bytes);
    *ret_bytes = bytes;
    return ERR_OK;
}

/* All that the client gets. With a length nobody reads beyond it. */
static void stream(const char *text, bool has_length)
{
    struct text_source source = {.source = {.read = read_text}, .left = slice_of_text(text)};
    struct request *request = stand_begin(&stand, HEAD, (struct slice){NULL, 0});
    struct response *response = &request->response;
    char got[512];
    size_t len = 0;
    size_t bytes;
    request_respond_from(request, 200, "application/json", &source.source, has_length ? strlen(text) : UINT64_MAX);
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    while (!(has_length && len == strlen(text)) &&
           response->source->read(response->source, got + len, sizeof got - len, &bytes) == ERR_OK)
        len += bytes;
    expect_slice(slice_of(got, len), text);
}

static void what_streams_is_put_aside_and_looked_at_in_the_end(void **state)
{
    (void)state;
    promise(200, 200, "{\"required\":[\"id\"]}", CONTRACT_REPORT);
    for (int has_length = 0; has_length < 2; has_length++) {
        stream("{\"id\":[1,2,3,4,5,6]}", has_length);
        assert_int_equal(counted(CONTRACT_RESPONSE_REPORTED), (uint64_t)has_length);
        stream("{\"no\":[1,2,3,4,5,6]}", has_length);
        expect_slice(stand.request->contract_note, "response: required");
        assert_int_equal(counted(CONTRACT_RESPONSE_REPORTED), (uint64_t)has_length + 1);
    }
    assert_int_equal(counter_read(&stand.worker->meter.contract_responses), 4);
    assert_int_equal(skipped(), 0);
}

static void what_is_too_large_to_be_put_aside_is_skipped(void **state)
{
    (void)state;
    promise(200, 200, "false", CONTRACT_REPORT);
    stand.config->limits.body_bytes = 10;
    stream("{\"id\":[1,2,3,4,5,6]}", false);
    stream("{\"id\":[1,2,3,4,5,6]}", true);
    assert_int_equal(skipped(), 2);
    assert_int_equal(counted(CONTRACT_RESPONSE_REPORTED), 0);
}

static void a_coded_response_cannot_be_looked_at(void **state)
{
    (void)state;
    promise(200, 200, "true", CONTRACT_REPORT);
    for (int i = 0; i < 2; i++) {
        struct request *request = stand_begin(&stand, HEAD, (struct slice){NULL, 0});
        response_set(request, 200, "application/json", SLICE_LIT("xx"));
        response_field_add(request, "Content-Encoding", SLICE_LIT("gzip"));
        assert_int_equal(stage_format(request), VERDICT_NEXT);
        assert_int_equal(request->response.status, i == 0 ? 200 : 500);
        expect_slice(stand_field(&stand, "Content-Encoding"), i == 0 ? "gzip" : "");
        responses[0].schema.mode = CONTRACT_ENFORCE;
    }
    assert_int_equal(skipped(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_breaks_a_promise_is_held_back),
        TEST(problems_of_weir_itself_are_always_told),
        TEST(a_report_sends_what_it_reports),
        TEST(a_response_without_content_is_not_looked_at),
        TEST(nothing_at_all_is_no_json),
        TEST(a_part_is_held_against_what_the_whole_promises),
        TEST(what_streams_is_put_aside_and_looked_at_in_the_end),
        TEST(what_is_too_large_to_be_put_aside_is_skipped),
        TEST(a_coded_response_cannot_be_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
