/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/pipeline/stand.h"

#include "pipeline/contract.h"
#include "pipeline/model_meter.h"

#define GET "GET /x HTTP/1.1\r\nHost: a\r\n"

static enum verdict ask_with(enum endpoint endpoint, const char *head, const char *model, const char *version)
{
    stand.route.endpoint = endpoint;
    struct request *request = stand_begin(&stand, head, (struct slice){NULL, 0});
    request->match.params[0] = (struct route_param){SLICE_LIT("model"), slice_of_text(model)};
    request->match.params[1] = (struct route_param){SLICE_LIT("version"), slice_of_text(version)};
    request->match.param_count = version ? 2 : 1;
    return stand_run(&stand, stage_endpoint);
}

static enum verdict ask(enum endpoint endpoint)
{
    return ask_with(endpoint, GET, "net", NULL);
}

static void is_alive_even_when_not_ready(void **state)
{
    (void)state;
    stand.not_ready = "loading";
    assert_int_equal(ask(ENDPOINT_livez), VERDICT_NEXT);
    expect_response(&stand, 200, "application/json", "{\"status\":\"ok\"}");
    ask(ENDPOINT_v2_live);
    expect_response(&stand, 200, "application/json", "{\"live\":true}");
}

static void says_whether_and_why_not_ready(void **state)
{
    (void)state;
    ask(ENDPOINT_readyz);
    expect_response(&stand, 200, "application/json", "{\"status\":\"ready\"}");
    ask(ENDPOINT_v2_ready);
    expect_response(&stand, 200, "application/json", "{\"ready\":true}");
    stand.not_ready = "model \"net\" is loading";
    ask(ENDPOINT_readyz);
    expect_response(&stand, 503, "application/json",
                    "{\"status\":\"not ready\",\"detail\":\"model \\\"net\\\" is loading\"}");
    ask(ENDPOINT_v2_ready);
    expect_response(&stand, 503, "application/json", "{\"ready\":false}");
}

static void is_ready_with_stale_schemas_and_says_so(void **state)
{
    (void)state;
    stand.stale = "a.json:1:2: no";
    ask(ENDPOINT_readyz);
    expect_response(&stand, 200, "application/json", "{\"status\":\"ready\",\"detail\":\"a.json:1:2: no\"}");
    stand.not_ready = "loading";
    ask(ENDPOINT_readyz);
    expect_response(&stand, 503, "application/json", "{\"status\":\"not ready\",\"detail\":\"loading\"}");
}

static void lists_the_schemas_that_routes_are_bound_to(void **state)
{
    (void)state;
    struct contract_document documents[] = {
        {.uri = SLICE_LIT("file:///a.json"), .path = SLICE_LIT("schemas/a.json"), .hash = "12ab", .loaded_ns = 0}};
    struct contract_response response = {
        .status_min = 400,
        .status_max = 499,
        .schema = {.schema = (void *)&stand, .mode = CONTRACT_REPORT, .uri = SLICE_LIT("file:///a.json#/x")}};
    const struct contract contract = {
        .body = {.schema = (void *)&stand, .uri = SLICE_LIT("file:///a.json"), .path = SLICE_LIT("schemas/a.json")},
        .responses = &response,
        .response_count = 1};
    struct route route = {.name = SLICE_LIT("POST /a"), .contract = &contract};
    struct route *routes[] = {&route};
    stand.config->path = SLICE_LIT("weir.yaml");
    stand.config->documents = documents;
    stand.config->document_count = 1;
    stand.config->routes = routes;
    stand.config->route_count = 1;
    stand.stale = "old";
    ask(ENDPOINT_schemas);
    expect_response(&stand, 200, "application/json",
                    "{\"stale\":true,\"detail\":\"old\",\"schemas\":[{\"route\":\"POST /a\",\"part\":\"body\",\"file\":"
                    "\"schemas/a.json\",\"sha256\":\"12ab\",\"loaded\":\"1970-01-01T00:00:00.000Z\",\"mode\":"
                    "\"enforce\"},{\"route\":\"POST /a\",\"part\":\"response 4XX\",\"file\":\"weir.yaml\",\"fragment\":"
                    "\"#/x\",\"sha256\":\"12ab\",\"loaded\":\"1970-01-01T00:00:00.000Z\",\"mode\":\"report\"}]}");
    stand.config->route_count = 0;
    stand.config->document_count = 0;
}

static void live_and_ready_take_no_memory(void **state)
{
    (void)state;
    ask(ENDPOINT_livez);
    size_t used = stand.request->arena.used_bytes;
    char *cursor = stand.request->arena.cursor;
    assert_int_equal(stage_endpoint(stand.request), VERDICT_NEXT);
    stand.route.endpoint = ENDPOINT_readyz;
    assert_int_equal(stage_endpoint(stand.request), VERDICT_NEXT);
    assert_int_equal(stand.request->arena.used_bytes, used);
    assert_ptr_equal(stand.request->arena.cursor, cursor);
}

static void chooses_the_format_of_metrics_by_accept(void **state)
{
    (void)state;
#define PROMETHEUS  "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
    static const struct {
        const char *head;
        const char *type;
    } cases[] = {
        {GET, PROMETHEUS},
        {GET "Accept: */*\r\n", PROMETHEUS},
        {GET "Accept: text/plain\r\n", PROMETHEUS},
        {GET "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n", PROMETHEUS},
        {GET "Accept: application/openmetrics-text\r\n", OPENMETRICS},
        /* What Prometheus sends. */
        {GET "Accept: application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;"
             "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n",
         OPENMETRICS},
        {GET "Accept: application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.3\r\n", PROMETHEUS},
        {GET "Accept: application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.5\r\n", PROMETHEUS},
        {GET "Accept: application/openmetrics-text;q=0,text/*\r\n", PROMETHEUS},
    };
    stand.metrics = "weir_up 1\n";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ask_with(ENDPOINT_metrics, cases[i].head, "", NULL), VERDICT_NEXT);
        if (!slice_is(stand.request->response.content_type, cases[i].type))
            fail_msg("%s: " SLICE_FMT, cases[i].head, SLICE_ARG(stand.request->response.content_type));
        expect_response(&stand, 200, cases[i].type, "weir_up 1\n");
        assert_int_equal(stand.was_openmetrics, cases[i].type[0] == 'a');
        assert_false(stand.request->was_submitted);
    }
}

static void refuses_metrics_in_other_formats(void **state)
{
    (void)state;
    const char *const bad[] = {
        GET "Accept: application/json\r\n",
        GET "Accept: application/openmetrics-text;version=2.0.0\r\n",
        GET "Accept: text/plain;q=0\r\n",
        GET "Accept: application/openmetrics-text;q=2\r\n",
    };
    stand.metrics = "x";
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(ask_with(ENDPOINT_metrics, bad[i], "", NULL), VERDICT_FAIL);
        assert_int_equal(stand.request->problem, PROBLEM_NOT_ACCEPTABLE);
    }
    ask_with(ENDPOINT_metrics, bad[0], "", NULL);
    expect_problem(&stand, PROBLEM_NOT_ACCEPTABLE,
                   "Accept is \"application/json\"; metrics are text/plain; version=0.0.4 or "
                   "application/openmetrics-text; version=1.0.0.");
}

static void metrics_without_memory_are_a_problem(void **state)
{
    (void)state;
    assert_int_equal(ask(ENDPOINT_metrics), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_OUT_OF_MEMORY, "There is no memory to render the metrics.");
}

static void serves_the_document_of_the_request_s_own_configuration(void **state)
{
    (void)state;
    assert_int_equal(ask(ENDPOINT_openapi_json), VERDICT_NEXT);
    expect_response(&stand, 200, "application/json", "{\"a\":1}");
    assert_int_equal(ask(ENDPOINT_openapi_yaml), VERDICT_NEXT);
    expect_response(&stand, 200, "application/yaml", "a: 1\n");
    assert_false(stand.request->was_submitted);
}

static void sends_a_document_only_to_those_who_do_not_have_it(void **state)
{
    (void)state;
    char head[256];
    ask(ENDPOINT_openapi_json);
    const struct response_field *etag = &stand.request->response.fields[0];
    assert_true(slice_is(etag->name, "ETag"));
    (void)snprintf(head, sizeof head, GET "If-None-Match: " SLICE_FMT "\r\n", SLICE_ARG(etag->value));
    assert_int_equal(ask_with(ENDPOINT_openapi_json, head, "", NULL), VERDICT_NEXT);
    assert_int_equal(stand.request->response.status, 304);
    assert_int_equal(ask_with(ENDPOINT_openapi_yaml, head, "", NULL), VERDICT_NEXT);
    assert_int_equal(stand.request->response.status, 200);
    assert_int_equal(ask_with(ENDPOINT_openapi_json, GET "If-Match: \"other\"\r\n", "", NULL), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_PRECONDITION_FAILED);
}

static void a_document_that_cannot_be_made_is_a_problem(void **state)
{
    (void)state;
    stand.document_err = ERR_NOMEM;
    assert_int_equal(ask(ENDPOINT_openapi_json), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_OUT_OF_MEMORY);
    stand.document_err = ERR_LIMIT;
    assert_int_equal(ask(ENDPOINT_openapi_yaml), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INTERNAL);
}

static void describes_the_server(void **state)
{
    (void)state;
    ask(ENDPOINT_v2_server);
    expect_response(&stand, 200, "application/json",
                    "{\"name\":\"weir\",\"version\":\"" WEIR_VERSION
                    "\",\"extensions\":[\"binary_tensor_data\",\"classification\",\"logging\",\"model_configuration\","
                    "\"parameters\",\"schedule_policy\",\"statistics\"]}");
}

static void describes_a_model(void **state)
{
    (void)state;
    struct model_info *info = &fake.info;
    info->inputs[0] = SPEC("x", TENSOR_F32, -1, 3, 48, 192);
    info->outputs[0] = SPEC("y", TENSOR_I64, -1);
    info->input_count = info->output_count = 1;
    const char *expected = "{\"name\":\"net\",\"versions\":[\"3\"],\"platform\":\"onnxruntime_onnx\",\"inputs\":["
                           "{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1,3,48,192]}],\"outputs\":["
                           "{\"name\":\"y\",\"datatype\":\"INT64\",\"shape\":[-1]}]}";
    ask(ENDPOINT_v2_model);
    expect_response(&stand, 200, "application/json", expected);
    ask_with(ENDPOINT_v2_model, GET, "net", "3");
    expect_response(&stand, 200, "application/json", expected);
}

static void tells_how_a_model_is_served(void **state)
{
    (void)state;
    struct model_info *info = &fake.info;
    info->inputs[0] = SPEC("x", TENSOR_F32, -1, 3);
    info->outputs[0] = SPEC("y", TENSOR_BYTES, -1, 2);
    info->input_count = info->output_count = 1;
    info->platform = SLICE_LIT("onnxruntime_onnx");
    info->provider = SLICE_LIT("cpu");
    fake.batch = (struct batch_info){.rows_max = 1, .why_single = "it is odd", .instances = 2};
#define CONFIG(max, dims_x, dims_y, batching, parameters)                                                              \
    "{\"name\":\"net\",\"platform\":\"onnxruntime_onnx\",\"backend\":\"onnxruntime\",\"version_policy\":{"             \
    "\"specific\":{"                                                                                                   \
    "\"versions\":[3]}},\"max_batch_size\":" max ",\"input\":[{\"name\":\"x\",\"data_type\":\"TYPE_FP32\",\"format\":" \
    "\"FORMAT_NONE\",\"dims\":" dims_x ",\"is_shape_tensor\":false,\"allow_ragged_batch\":false,\"optional\":false}]," \
    "\"output\":[{\"name\":\"y\",\"data_type\":\"TYPE_STRING\",\"dims\":" dims_y ",\"label_filename\":\"\","           \
    "\"is_shape_tensor\":false}]," batching "\"instance_group\":[{\"name\":\"net\",\"kind\":\"KIND_CPU\",\"count\":2," \
    "\"gpus\":[]}],\"default_model_filename\":\"\",\"parameters\":{\"execution_provider\":{\"string_value\":"          \
    "\"cpu\"}" parameters "}}"
    ask(ENDPOINT_v2_model_config);
    expect_response(&stand, 200, "application/json",
                    CONFIG("0", "[-1,3]", "[-1,2]", "", ",\"why_not_batched\":{\"string_value\":\"it is odd\"}"));
    fake.batch = (struct batch_info){.rows_max = 8, .instances = 2};
    ask(ENDPOINT_v2_model_config);
    expect_response(&stand, 200, "application/json",
                    CONFIG("8", "[3]", "[2]",
                           "\"dynamic_batching\":{\"preferred_batch_size\":[],\"max_queue_delay_microseconds\":0},",
                           ""));
    info->outputs[0] = SPEC("y", TENSOR_BYTES, -1); /* which "dims" without the batch could not tell */
    ask(ENDPOINT_v2_model_config);
    expect_response(&stand, 200, "application/json", CONFIG("0", "[-1,3]", "[-1]", "", ""));
}

static void tells_what_a_model_has_done(void **state)
{
    (void)state;
    static struct model_meter meters[2];
    stand.model_entry.meters = meters;
    stand.model_entry.meter_count = 2;
    struct job job = {.times = {.queue_ns = 1, .gather_ns = 2, .run_ns = 3, .scatter_ns = 4},
                      .rows = 5,
                      .batch_rows = 8,
                      .batch_jobs = 2,
                      .is_first = true};
    for (int i = 0; i < 2; i++)
        model_meter_job(&meters[i], &job, 1);
    job.err = ERR_CANCELLED;
    job.is_first = false;
    model_meter_job(&meters[0], &job, 1);
    const enum endpoint endpoints[] = {ENDPOINT_v2_model_stats, ENDPOINT_v2_stats};
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        char body[1500];
        ask(endpoints[i]);
        struct slice got = stand.request->response.body;
        snprintf(body, sizeof body, SLICE_FMT, SLICE_ARG(got));
        assert_non_null(strstr(body, "\"model_stats\":[{\"name\":\"net\",\"version\":\"3\""));
        assert_non_null(strstr(body, "\"inference_count\":10,\"execution_count\":2,"));
        assert_non_null(strstr(body,
                               "\"success\":{\"count\":2,\"ns\":20},\"fail\":{\"count\":1,\"ns\":10},"
                               "\"queue\":{\"count\":2,\"ns\":2},\"compute_input\":{\"count\":2,\"ns\":4},"
                               "\"compute_infer\":{\"count\":2,\"ns\":6},\"compute_output\":{\"count\":2,\"ns\":8}"));
        assert_non_null(strstr(body,
                               "\"batch_stats\":[{\"batch_size\":8,\"compute_input\":{\"count\":2,\"ns\":4},"
                               "\"compute_infer\":{\"count\":2,\"ns\":6},\"compute_output\":{\"count\":2,\"ns\":8}}]"));
    }
    stand.model_entry.meters = NULL;
}

static void says_which_models_are_not_there_or_not_ready(void **state)
{
    (void)state;
    assert_int_equal(ask_with(ENDPOINT_v2_model, GET, "nett", NULL), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_MODEL_NOT_FOUND, "No model is named \"nett\"; did you mean \"net\"?");
    assert_int_equal(ask_with(ENDPOINT_v2_model_ready, GET, "net", "1"), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_MODEL_NOT_FOUND, "The model \"net\" has no version \"1\", only \"3\".");
    ask(ENDPOINT_v2_model_ready);
    expect_response(&stand, 200, "application/json", "{\"name\":\"net\",\"ready\":true}");
    atomic_store(&stand.model_entry.state, MODEL_LOADING);
    ask(ENDPOINT_v2_model_ready);
    expect_response(&stand, 503, "application/json", "{\"name\":\"net\",\"ready\":false}");
    assert_int_equal(ask(ENDPOINT_v2_model), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_MODEL_NOT_READY, "The model \"net\" is still loading.");
}

static void leaves_other_routes_alone(void **state)
{
    (void)state;
    const enum endpoint others[] = {ENDPOINT_NONE, ENDPOINT_v2_infer};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(ask(others[i]), VERDICT_NEXT);
        assert_false(stand.request->response.has_body);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_alive_even_when_not_ready),
        TEST(says_whether_and_why_not_ready),
        TEST(is_ready_with_stale_schemas_and_says_so),
        TEST(lists_the_schemas_that_routes_are_bound_to),
        TEST(live_and_ready_take_no_memory),
        TEST(chooses_the_format_of_metrics_by_accept),
        TEST(refuses_metrics_in_other_formats),
        TEST(metrics_without_memory_are_a_problem),
        TEST(serves_the_document_of_the_request_s_own_configuration),
        TEST(sends_a_document_only_to_those_who_do_not_have_it),
        TEST(a_document_that_cannot_be_made_is_a_problem),
        TEST(describes_the_server),
        TEST(describes_a_model),
        TEST(tells_how_a_model_is_served),
        TEST(tells_what_a_model_has_done),
        TEST(says_which_models_are_not_there_or_not_ready),
        TEST(leaves_other_routes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
