/* SPDX-License-Identifier: Apache-2.0 */
/* Responses: problems to the letter, tensors, and that there always is one. */
#include "unit/pipeline/stand.h"

#define HEAD "POST /x HTTP/1.1\r\nHost: a\r\n"

static struct stand stand;

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

static struct request *begin(const char *head)
{
    return stand_begin(&stand, head, (struct slice){NULL, 0});
}

/* --- Problems --------------------------------------------------------------------------------------------------- */

static void writes_a_problem_document(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    (void)request_fail(request, PROBLEM_INVALID_TENSOR, "It is \"%s\".", "odd");
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    expect_response(&stand, 422, "application/problem+json",
                    "{\"type\":\"urn:weir:problem:invalid-tensor\",\"title\":\"A tensor does not fit the model\","
                    "\"status\":422,\"detail\":\"It is \\\"odd\\\".\",\"instance\":\"/x\"}");
}

static void adds_faults_request_id_and_what_v2_clients_read(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    stand.route.endpoint = ENDPOINT_v2_infer;
    request->id = SLICE_LIT("r-1");
    request_fault_add(request, SLICE_LIT("/inputs/0"), "Bad.");
    request_fault_add(request, SLICE_LIT(""), "Worse.");
    (void)request_fail(request, PROBLEM_INVALID_TENSOR, "Bad.");
    (void)stage_format(request);
    expect_response(&stand, 422, "application/problem+json",
                    "{\"type\":\"urn:weir:problem:invalid-tensor\",\"title\":\"A tensor does not fit the model\","
                    "\"status\":422,\"detail\":\"Bad.\",\"instance\":\"/x\",\"errors\":[{\"pointer\":\"/inputs/0\","
                    "\"detail\":\"Bad.\"},{\"pointer\":\"\",\"detail\":\"Worse.\"}],\"request_id\":\"r-1\","
                    "\"error\":\"Bad.\"}");
}

static void says_when_to_come_again(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    request->retry_after_s = 30;
    (void)request_fail(request, PROBLEM_OVERLOADED, "Full.");
    (void)stage_format(request);
    expect_slice(stand_field(&stand, "Retry-After"), "30");
    begin(HEAD);
    (void)request_fail(stand.request, PROBLEM_OVERLOADED, "Full.");
    (void)stage_format(stand.request);
    assert_null(stand_field(&stand, "Retry-After").ptr);
}

static void keeps_the_fields_that_a_stage_added(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    response_field_add(request, "Allow", SLICE_LIT("GET, HEAD"));
    (void)request_fail(request, PROBLEM_METHOD_NOT_ALLOWED, "No.");
    (void)stage_format(request);
    expect_slice(stand_field(&stand, "Allow"), "GET, HEAD");
}

static void writes_text_for_those_who_prefer_it(void **state)
{
    (void)state;
    struct request *request = begin(HEAD "Accept: text/plain, application/json;q=0.5\r\n");
    request_fault_add(request, SLICE_LIT("/a"), "Bad.");
    (void)request_fail(request, PROBLEM_BAD_REQUEST, "Detail.");
    (void)stage_format(request);
    expect_response(&stand, 400, "text/plain; charset=utf-8", "The request is malformed.\nDetail.\n/a: Bad.\n");
}

static void writes_the_document_for_everybody_else(void **state)
{
    (void)state;
    const char *const heads[] = {
        HEAD "Accept: */*\r\n",
        HEAD "Accept: application/json\r\n",
        HEAD "Accept: image/png\r\n",
        HEAD "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        (void)request_fail(begin(heads[i]), PROBLEM_NOT_ACCEPTABLE, "No.");
        (void)stage_format(stand.request);
        expect_slice(stand.request->response.content_type, "application/problem+json");
    }
}

static void answers_without_a_byte_of_memory(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    request->retry_after_s = 1;
    request->problem = PROBLEM_OUT_OF_MEMORY;
    request->arena.limit_bytes = request->arena.used_bytes;
    request->arena.cursor = request->arena.end;
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    expect_response(&stand, 503, "application/problem+json",
                    "{\"type\":\"urn:weir:problem:out-of-memory\",\"title\":\"The request needs more memory than is "
                    "left for requests\",\"status\":503}");
}

static void a_problem_replaces_a_response_that_was_there(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    response_set(request, 200, "text/plain", SLICE_LIT("done"));
    (void)request_fail(request, PROBLEM_DEADLINE, "Late.");
    (void)stage_format(request);
    assert_int_equal(request->response.status, 503);
}

static void bytes_of_the_client_cannot_break_the_document(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    request->path = SLICE_LIT("/\xff\"\x01");
    request->problem = PROBLEM_NOT_FOUND;
    (void)stage_format(request);
    expect_response(&stand, 404, "application/problem+json",
                    "{\"type\":\"urn:weir:problem:not-found\",\"title\":\"There is no such route\",\"status\":404,"
                    "\"instance\":\"/\xEF\xBF\xBD\\\"\\u0001\"}");
}

static void a_head_that_was_refused_has_no_route_and_still_gets_its_problem(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    request->route = NULL;
    request->path = (struct slice){NULL, 0};
    (void)request_fail(request, PROBLEM_BAD_REQUEST, "Bare LF.");
    (void)stage_format(request);
    expect_response(&stand, 400, "application/problem+json",
                    "{\"type\":\"urn:weir:problem:bad-request\",\"title\":\"The request is malformed\",\"status\":400,"
                    "\"detail\":\"Bare LF.\"}");
}

/* --- Tensors ---------------------------------------------------------------------------------------------------- */

static struct request *begin_outputs(const struct tensor_spec *specs, const struct tensor *tensors, uint32_t count)
{
    struct request *request = begin(HEAD);
    struct model *model = &fake;
    for (uint32_t i = 0; i < count; i++) {
        model->info.outputs[i] = specs[i];
        model->run.out[i] = tensors[i];
        model->run.out[i].spec = &model->info.outputs[i];
    }
    model->info.output_count = count;
    model->run.model = model;
    request->run = &model->run;
    request->has_outputs = true;
    return request;
}

static void writes_outputs_as_v2_tensors(void **state)
{
    (void)state;
    float y[] = {0.1f, -2, 3e-9f, __builtin_nanf("")};
    int64_t n[] = {INT64_MIN, 7};
    const struct tensor_spec specs[] = {SPEC("y", TENSOR_F32, -1, 2), SPEC("n", TENSOR_I64, 2)};
    const struct tensor tensors[] = {
        {.dims = {2, 2}, .rank = 2, .data = y, .bytes = sizeof y},
        {.dims = {2}, .rank = 1, .data = n, .bytes = sizeof n},
    };
    struct request *request = begin_outputs(specs, tensors, 2);
    (void)stage_format(request);
    expect_response(&stand, 200, "application/json",
                    "{\"model_name\":\"net\",\"model_version\":\"3\",\"outputs\":[{\"name\":\"y\",\"datatype\":"
                    "\"FP32\",\"shape\":[2,2],\"data\":[0.1,-2.0,3e-9,null]},{\"name\":\"n\",\"datatype\":\"INT64\","
                    "\"shape\":[2],\"data\":[-9223372036854775808,7]}]}");

    request = begin_outputs(specs, tensors, 2);
    static const struct output_wish second = {.index = 1};
    request->inference = (struct inference){.id = SLICE_LIT("q"), .outputs = &second, .output_count = 1};
    (void)stage_format(request);
    expect_response(
        &stand, 200, "application/json",
        "{\"model_name\":\"net\",\"model_version\":\"3\",\"id\":\"q\",\"outputs\":[{\"name\":\"n\",\"datatype\":"
        "\"INT64\",\"shape\":[2],\"data\":[-9223372036854775808,7]}]}");
}

static void expect_data(enum tensor_type type, void *data, const char *text)
{
    const struct tensor_spec spec = SPEC("y", type, 2);
    const struct tensor tensor = {.dims = {2}, .rank = 1, .data = data, .bytes = 2 * tensor_type_bytes(type)};
    char body[300];
    struct request *request = begin_outputs(&spec, &tensor, 1);
    (void)stage_format(request);
    snprintf(body, sizeof body, SLICE_FMT, SLICE_ARG(request->response.body));
    char *got = strstr(body, "\"data\":");
    assert_non_null(got);
    got[strlen(got) - 3] = '\0';
    assert_string_equal(got + 7, text);
}

static void writes_every_type(void **state)
{
    (void)state;
    expect_data(TENSOR_BOOL, (uint8_t[]){0, 1}, "[false,true]");
    expect_data(TENSOR_U8, (uint8_t[]){0, 255}, "[0,255]");
    expect_data(TENSOR_U16, (uint16_t[]){0, 65535}, "[0,65535]");
    expect_data(TENSOR_U32, (uint32_t[]){0, UINT32_MAX}, "[0,4294967295]");
    expect_data(TENSOR_U64, (uint64_t[]){0, UINT64_MAX}, "[0,18446744073709551615]");
    expect_data(TENSOR_I8, (int8_t[]){-128, 127}, "[-128,127]");
    expect_data(TENSOR_I16, (int16_t[]){-32768, 1}, "[-32768,1]");
    expect_data(TENSOR_I32, (int32_t[]){INT32_MIN, 1}, "[-2147483648,1]");
    expect_data(TENSOR_F64, (double[]){0.1, 1e300}, "[0.1,1e300]");
}

static void says_which_types_it_cannot_write(void **state)
{
    (void)state;
    uint16_t half[2] = {0};
    const struct tensor_spec spec = SPEC("y", TENSOR_F16, 2);
    const struct tensor tensor = {.dims = {2}, .rank = 1, .data = half, .bytes = sizeof half};
    (void)stage_format(begin_outputs(&spec, &tensor, 1));
    expect_problem(
        &stand, PROBLEM_NOT_IMPLEMENTED,
        "The output \"y\" is FP16, which has no form in JSON; ask for it in binary (parameter binary_data of the "
        "output, or binary_data_output of the request).");
    assert_int_equal(stand.request->response.status, 501);
}

static void writes_texts(void **state)
{
    (void)state;
    struct slice texts[] = {SLICE_LIT("a\"b"), SLICE_LIT("\xff")};
    const struct tensor_spec spec = SPEC("y", TENSOR_BYTES, 2);
    const struct tensor tensor = {.dims = {2}, .rank = 1, .data = texts, .bytes = sizeof texts};
    struct request *request = begin_outputs(&spec, &tensor, 1);
    (void)stage_format(request);
    expect_response(&stand, 200, "application/json",
                    "{\"model_name\":\"net\",\"model_version\":\"3\",\"outputs\":[{\"name\":\"y\",\"datatype\":"
                    "\"BYTES\",\"shape\":[2],\"data\":[\"a\\\"b\",\"\xEF\xBF\xBD\"]}]}");
}

static void writes_outputs_behind_the_json(void **state)
{
    (void)state;
    uint16_t half[] = {0x3c00, 0x4000};
    struct slice texts[] = {SLICE_LIT("hi"), SLICE_LIT("\xff")};
    const struct tensor_spec specs[] = {SPEC("h", TENSOR_F16, 2), SPEC("n", TENSOR_U8, 1), SPEC("t", TENSOR_BYTES, 2)};
    const struct tensor tensors[] = {
        {.dims = {2}, .rank = 1, .data = half, .bytes = sizeof half},
        {.dims = {1}, .rank = 1, .data = (uint8_t[]){9}, .bytes = 1},
        {.dims = {2}, .rank = 1, .data = texts, .bytes = sizeof texts},
    };
    static const struct output_wish wishes[] = {
        {.index = 2, .is_binary = true}, {.index = 1}, {.index = 0, .is_binary = true}};
    struct request *request = begin_outputs(specs, tensors, 3);
    request->inference = (struct inference){.outputs = wishes, .output_count = 3};
    (void)stage_format(request);
    static const char json[] =
        "{\"model_name\":\"net\",\"model_version\":\"3\",\"outputs\":[{\"name\":\"t\",\"datatype\":\"BYTES\",\"shape\":"
        "["
        "2],\"parameters\":{\"binary_data_size\":11}},{\"name\":\"n\",\"datatype\":\"UINT8\",\"shape\":[1],\"data\":[9]"
        "},{\"name\":\"h\",\"datatype\":\"FP16\",\"shape\":[2],\"parameters\":{\"binary_data_size\":4}}]}";
    static const char tail[] = "\2\0\0\0hi\1\0\0\0\xff\x00\x3c\x00\x40";
    struct slice body = request->response.body;
    expect_slice(request->response.content_type, "application/octet-stream");
    expect_slice(slice_first(body, sizeof json - 1), json);
    assert_true(slice_equal(slice_skip(body, sizeof json - 1), slice_of(tail, sizeof tail - 1)));
    char length[20];
    snprintf(length, sizeof length, "%zu", sizeof json - 1);
    expect_slice(stand_field(&stand, "Inference-Header-Content-Length"), length);
}

static void all_outputs_go_behind_the_json_when_the_request_says_so(void **state)
{
    (void)state;
    const struct tensor_spec spec = SPEC("n", TENSOR_U8, 1);
    const struct tensor tensor = {.dims = {1}, .rank = 1, .data = (uint8_t[]){9}, .bytes = 1};
    struct request *request = begin_outputs(&spec, &tensor, 1);
    request->inference.is_binary = true;
    (void)stage_format(request);
    expect_slice(request->response.content_type, "application/octet-stream");
    assert_int_equal(request->response.body.ptr[request->response.body.len - 1], 9);
}

static void expect_classes(const struct tensor_spec *spec, const struct tensor *tensor, uint32_t classes,
                           const char *text)
{
    static struct output_wish wish;
    char body[400];
    wish = (struct output_wish){.classes = classes};
    struct request *request = begin_outputs(spec, tensor, 1);
    request->inference = (struct inference){.outputs = &wish, .output_count = 1};
    (void)stage_format(request);
    snprintf(body, sizeof body, SLICE_FMT, SLICE_ARG(request->response.body));
    const char *got = strstr(body, "\"datatype\":");
    assert_non_null(got);
    assert_string_equal(got, text);
}

static void writes_the_best_classes_in_place_of_scores(void **state)
{
    (void)state;
    static const struct slice labels[] = {SLICE_LIT("cat"), SLICE_LIT("dog")};
    float scores[] = {0.25f, 0.5f, -1, __builtin_nanf(""), 3, 0.5f};
    const struct tensor_spec spec = SPEC("y", TENSOR_F32, -1, 3);
    struct tensor tensor = {.dims = {2, 3}, .rank = 2, .data = scores, .bytes = sizeof scores};
    expect_classes(&spec, &tensor, 2,
                   "\"datatype\":\"BYTES\",\"shape\":[2,2],\"data\":[\"0.5:1\",\"0.25:0\",\"3.0:1\",\"0.5:2\"]}]}");
    fake.info.labels = labels;
    fake.info.label_count = 2;
    expect_classes(
        &spec, &tensor, 9,
        "\"datatype\":\"BYTES\",\"shape\":[2,3],\"data\":[\"0.5:1:dog\",\"0.25:0:cat\",\"-1.0:2\",\"3.0:1:dog\","
        "\"0.5:2\",\"nan:0:cat\"]}]}");
    const struct tensor_spec flat = SPEC("y", TENSOR_U64, -1);
    struct tensor whole = {.dims = {3}, .rank = 1, .data = (uint64_t[]){7, UINT64_MAX, 7}, .bytes = 24};
    expect_classes(&flat, &whole, 2,
                   "\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"18446744073709551615:1:dog\",\"7:0:cat\"]}]}");
}

static void outputs_that_need_too_much_memory_are_a_problem(void **state)
{
    (void)state;
    static float many[20000];
    const struct tensor_spec spec = SPEC("y", TENSOR_F32, -1);
    const struct tensor tensor = {.dims = {20000}, .rank = 1, .data = many, .bytes = sizeof many};
    struct request *request = begin_outputs(&spec, &tensor, 1);
    request->arena.limit_bytes = 65536;
    (void)stage_format(request);
    assert_int_equal(request->problem, PROBLEM_REQUEST_TOO_LARGE);
    assert_int_equal(request->response.status, 413);
    assert_true(request->response.body.len > 0);
}

/* --- Nothing ---------------------------------------------------------------------------------------------------- */

static void a_response_made_by_a_stage_stays_as_it_is(void **state)
{
    (void)state;
    struct request *request = begin(HEAD);
    response_set(request, 204, "", (struct slice){NULL, 0});
    (void)stage_format(request);
    expect_response(&stand, 204, "", "");
}

static void no_response_at_all_is_our_own_fault(void **state)
{
    (void)state;
    (void)stage_format(begin(HEAD));
    expect_problem(&stand, PROBLEM_INTERNAL, "No stage has made a response.");
    assert_int_equal(stand.request->response.status, 500);
}

static bool names_server(const struct request *request)
{
    for (uint32_t i = 0; i < request->response.field_count; i++)
        if (slice_is(request->response.fields[i].name, "Server"))
            return true;
    return false;
}

static void names_the_server_only_when_told_to(void **state)
{
    (void)state;
    for (int is_told = 0; is_told < 2; is_told++) {
        struct request *request = begin(HEAD);
        request->config->server_header = is_told;
        response_set(request, 200, "text/plain", SLICE_LIT("x"));
        assert_int_equal(stage_format(request), VERDICT_NEXT);
        assert_int_equal(names_server(request), is_told);
    }
    stand.config->server_header = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_the_server_only_when_told_to),
        TEST(writes_a_problem_document),
        TEST(adds_faults_request_id_and_what_v2_clients_read),
        TEST(says_when_to_come_again),
        TEST(keeps_the_fields_that_a_stage_added),
        TEST(writes_text_for_those_who_prefer_it),
        TEST(writes_the_document_for_everybody_else),
        TEST(answers_without_a_byte_of_memory),
        TEST(a_problem_replaces_a_response_that_was_there),
        TEST(bytes_of_the_client_cannot_break_the_document),
        TEST(a_head_that_was_refused_has_no_route_and_still_gets_its_problem),
        TEST(writes_outputs_as_v2_tensors),
        TEST(writes_every_type),
        TEST(says_which_types_it_cannot_write),
        TEST(writes_texts),
        TEST(writes_outputs_behind_the_json),
        TEST(all_outputs_go_behind_the_json_when_the_request_says_so),
        TEST(writes_the_best_classes_in_place_of_scores),
        TEST(outputs_that_need_too_much_memory_are_a_problem),
        TEST(a_response_made_by_a_stage_stays_as_it_is),
        TEST(no_response_at_all_is_our_own_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
