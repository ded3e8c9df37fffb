/* SPDX-License-Identifier: Apache-2.0 */
/* The binary tensor data extension and the parameters of the Open Inference Protocol v2. */
#include "unit/pipeline/stand.h"

static struct stand stand;

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    stand.route.endpoint = ENDPOINT_v2_infer;
    struct model_info *info = &fake.info;
    info->inputs[0] = SPEC("x", TENSOR_F32, -1, 2);
    info->inputs[1] = SPEC("s", TENSOR_BYTES, -1);
    info->input_count = 2;
    info->outputs[0] = SPEC("y", TENSOR_F32, -1, 3);
    info->outputs[1] = SPEC("t", TENSOR_BYTES, -1);
    info->output_count = 2;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

static enum verdict decode_with_header(const char *header, struct slice body)
{
    static char head[300];
    snprintf(head, sizeof head, "POST /v2/models/net/infer HTTP/1.1\r\nHost: a\r\n%s", header);
    struct request *request = stand_begin(&stand, head, body);
    request->match.params[0] = (struct route_param){SLICE_LIT("model"), SLICE_LIT("net")};
    request->match.param_count = 1;
    return stage_decode(request);
}

/* JSON, the header that says how long it is, and what stands behind. */
static enum verdict decode(const char *json, const void *tail, size_t tail_bytes)
{
    static char body[1000];
    char header[100];
    size_t json_bytes = strlen(json);
    assert_true(json_bytes + tail_bytes <= sizeof body);
    memcpy(body, json, json_bytes);
    if (tail_bytes)
        memcpy(body + json_bytes, tail, tail_bytes);
    snprintf(header, sizeof header, "Inference-Header-Content-Length: %zu\r\n", json_bytes);
    return decode_with_header(header, slice_of(body, json_bytes + tail_bytes));
}

#define INPUT(name, shape, type, rest) "{\"name\":\"" name "\",\"shape\":" shape ",\"datatype\":\"" type "\"," rest "}"
#define BINARY(bytes)                  "\"parameters\":{\"binary_data_size\":" #bytes "}"
#define X                              INPUT("x", "[1,2]", "FP32", BINARY(8))
#define S                              INPUT("s", "[2]", "BYTES", BINARY(11))
#define S_JSON                         INPUT("s", "[1]", "BYTES", "\"data\":[\"hi\"]")
#define TAIL_S                         "\1\0\0\0a\2\0\0\0\0b"
#define INPUTS(list)                   "{\"inputs\":[" list "]}"
#define LIT_TAIL(text)                 text, sizeof(text) - 1

static const float x[] = {0.5f, -2};

static void expect_x(void)
{
    assert_int_equal(fake.run.in[0].bytes, sizeof x);
    assert_memory_equal(fake.run.in[0].data, x, sizeof x);
}

static void expect_s(void)
{
    const struct slice *s = fake.run.in[1].data;
    assert_true(slice_equal(s[0], SLICE_LIT("a")));
    assert_true(slice_equal(s[1], SLICE_LIT("\0b")));
}

static void takes_tensors_behind_the_json_in_the_order_of_inputs(void **state)
{
    (void)state;
    char tail[sizeof x + sizeof TAIL_S - 1];
    memcpy(tail, TAIL_S, sizeof TAIL_S - 1);
    memcpy(tail + sizeof TAIL_S - 1, x, sizeof x);
    assert_int_equal(decode(INPUTS(S "," X), tail, sizeof tail), VERDICT_NEXT);
    expect_x();
    expect_s();
}

static void takes_json_and_binary_inputs_in_one_request(void **state)
{
    (void)state;
    assert_int_equal(decode(INPUTS(S_JSON "," X), x, sizeof x), VERDICT_NEXT);
    expect_x();
    expect_slice(*(const struct slice *)fake.run.in[1].data, "hi");
}

static void expect_one_fault(const char *json, const void *tail, size_t bytes, const char *pointer, const char *detail)
{
    assert_int_equal(decode(json, tail, bytes), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_TENSOR);
    expect_fault(&stand, 0, pointer, detail);
    assert_int_equal(stand.request->fault_count, 1);
}

#define SIZE_OF "/parameters/binary_data_size"

static void says_which_size_does_not_fit(void **state)
{
    (void)state;
    expect_one_fault(INPUTS(INPUT("x", "[1,2]", "FP32", BINARY(7)) "," S_JSON), x, 7, "/inputs/0" SIZE_OF,
                     "Expected 8 bytes, as the shape says; got 7.");
    expect_one_fault(INPUTS(S_JSON "," X), x, 6, "/inputs/1" SIZE_OF, "Expected 8 bytes behind the JSON; 6 are left.");
    expect_one_fault(INPUTS(S_JSON "," X), LIT_TAIL("0123456789"), "/inputs",
                     "The body has 2 bytes behind the JSON that no input's binary_data_size asks for.");
    expect_one_fault(INPUTS(INPUT("x", "[1,2]", "FP32", BINARY(-8)) "," S_JSON), x, 8, "/inputs/0" SIZE_OF,
                     "Expected a whole number from 0 to 18446744073709551615, got a negative one.");
    expect_one_fault(INPUTS(INPUT("x", "[1,2]", "FP32", BINARY(8) ",\"data\":[1,2]") "," S_JSON), x, 8,
                     "/inputs/0/data", "Its parameters say that the data are elsewhere.");
}

static void says_which_element_of_bytes_does_not_fit(void **state)
{
    (void)state;
#define X_JSON INPUT("x", "[1,2]", "FP32", "\"data\":[1,2]")
    expect_one_fault(INPUTS(X_JSON "," INPUT("s", "[2]", "BYTES", BINARY(7))), LIT_TAIL("\1\0\0\0abc"),
                     "/inputs/1" SIZE_OF, "Expected at least 8 bytes, as the shape says; got 7.");
    expect_one_fault(INPUTS(X_JSON "," INPUT("s", "[2]", "BYTES", BINARY(8))), LIT_TAIL("\1\0\0\0abcd"),
                     "/inputs/1" SIZE_OF, "Element 1 of 2 lacks its length: 3 bytes are left.");
    expect_one_fault(INPUTS(X_JSON "," INPUT("s", "[2]", "BYTES", BINARY(9))), LIT_TAIL("\1\0\0\0a\xff\xff\xff\xff"),
                     "/inputs/1" SIZE_OF, "Element 1 of 2 has 4294967295 bytes by its length; 0 are left.");
    expect_one_fault(INPUTS(X_JSON "," INPUT("s", "[1]", "BYTES", BINARY(6))), LIT_TAIL("\1\0\0\0ab"),
                     "/inputs/1" SIZE_OF, "1 bytes are left behind the 1 elements of the shape.");
}

static void refuses_a_header_that_cannot_be(void **state)
{
    (void)state;
    decode_with_header("Inference-Header-Content-Length: 3\r\n", SLICE_LIT("{}"));
    expect_problem(&stand, PROBLEM_BAD_REQUEST, "Inference-Header-Content-Length is 3, but the body has 2 bytes.");
    decode_with_header("Inference-Header-Content-Length: -1\r\n", SLICE_LIT("{}"));
    expect_problem(&stand, PROBLEM_BAD_REQUEST,
                   "Inference-Header-Content-Length is \"-1\"; it takes how many bytes of the body are JSON.");
}

static void memory_of_a_body_has_its_tensors_aligned(void **state)
{
    (void)state;
    for (int json_bytes = 0; json_bytes < 200; json_bytes += 7) {
        char head[200];
        snprintf(head, sizeof head, "POST /x HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: %d\r\n",
                 json_bytes);
        struct request *request = stand_begin(&stand, head, (struct slice){NULL, 0});
        char *memory = receive_alloc(request, 1000);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)(memory + json_bytes) % TENSOR_ALIGN, 0);
        memset(memory, 1, 1000);
    }
    assert_int_equal((uintptr_t)receive_alloc(stand_begin(&stand, "GET / HTTP/1.1\r\nHost: a\r\n", SLICE_LIT("")), 9) %
                         TENSOR_ALIGN,
                     0);
}

/* --- Without JSON ------------------------------------------------------------------------------------------------------ */

static enum verdict decode_raw(enum tensor_type type, uint32_t rank, const int64_t *dims, struct slice body)
{
    fake.info.inputs[0] = spec_of("x", type, rank, dims);
    fake.info.input_count = 1;
    return decode_with_header("Inference-Header-Content-Length: 0\r\n", body);
}
#define RAW(type, body, ...)                                                                                           \
    decode_raw(type, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__}, body)

static void takes_a_body_that_is_the_one_input(void **state)
{
    (void)state;
    assert_int_equal(RAW(TENSOR_F32, slice_of(x, sizeof x), -1, 2), VERDICT_NEXT);
    expect_x();
    assert_int_equal(fake.run.in[0].dims[0], 1);
    assert_true(stand.request->inference.is_binary);
    assert_int_equal(RAW(TENSOR_I8, SLICE_LIT("123456"), 2, -1), VERDICT_NEXT);
    assert_int_equal(fake.run.in[0].dims[1], 3);
    assert_int_equal(RAW(TENSOR_BYTES, SLICE_LIT("text"), -1), VERDICT_NEXT);
    expect_slice(*(const struct slice *)fake.run.in[0].data, "text");
}

static void a_body_without_json_leaves_out_what_is_written_here(void **state)
{
    (void)state;
    fake.info.inputs[0] = SPEC("mask", TENSOR_I64, -1);
    fake.info.inputs[1] = SPEC("x", TENSOR_F32, -1, 2);
    fake.info.written_inputs = 1;
    assert_int_equal(decode_with_header("Inference-Header-Content-Length: 0\r\n", slice_of(x, sizeof x)), VERDICT_NEXT);
    assert_memory_equal(fake.run.in[1].data, x, sizeof x);
}

static void says_what_a_body_without_json_must_be(void **state)
{
    (void)state;
    decode_with_header("Inference-Header-Content-Length: 0\r\n", SLICE_LIT("1"));
    expect_problem(&stand, PROBLEM_INVALID_TENSOR, "A body without JSON is the data of one input; this model has 2.");
    RAW(TENSOR_F32, SLICE_LIT("1234567"), -1, 2);
    expect_problem(&stand, PROBLEM_INVALID_TENSOR,
                   "A body without JSON is the data of one input, a multiple of 8 bytes, and this one has 7; the input "
                   "\"x\" is FP32 [-1, 2].");
    RAW(TENSOR_F32, SLICE_LIT("1234567"), 2, 2);
    expect_problem(
        &stand, PROBLEM_INVALID_TENSOR,
        "A body without JSON is the data of one input, 16 bytes, and this one has 7; the input \"x\" is FP32 "
        "[2, 2].");
    RAW(TENSOR_F32, SLICE_LIT("12345678"), -1, -1);
    expect_problem(
        &stand, PROBLEM_INVALID_TENSOR,
        "A body without JSON is the data of one input, of which one dimension at most may be of any size; the "
        "input \"x\" is FP32 [-1, -1].");
    RAW(TENSOR_BYTES, SLICE_LIT("text"), 2);
    expect_problem(&stand, PROBLEM_INVALID_TENSOR,
                   "A body without JSON is the data of one input, and one text only where the shape is [1]; the input "
                   "\"x\" is BYTES [2].");
}

/* --- Parameters -------------------------------------------------------------------------------------------------------- */

#define GOOD_INPUTS  "\"inputs\":[" X "," S_JSON "]"
#define ASKING(text) "{\"parameters\":{" text "}," GOOD_INPUTS "}"

static const struct inference *decode_asking(const char *json)
{
    assert_int_equal(decode(json, x, sizeof x), VERDICT_NEXT);
    return &stand.request->inference;
}

static void takes_what_a_request_asks_for(void **state)
{
    (void)state;
    const struct inference *got = decode_asking(
        ASKING("\"priority\":3,\"timeout\":1500,\"sequence_id\":18446744073709551615,"
               "\"sequence_start\":true,\"sequence_end\":false,\"binary_data_output\":true,\"mine\":1.5"));
    assert_int_equal(got->priority, 3);
    assert_int_equal(got->timeout_ns, 1500000);
    expect_slice(got->sequence, "18446744073709551615");
    assert_true(got->is_sequence_start && !got->is_sequence_end && got->is_binary);
    expect_slice(decode_asking(ASKING("\"sequence_id\":\"a\""))->sequence, "a");
    assert_null(decode_asking(ASKING("\"sequence_id\":0"))->sequence.ptr);
    assert_int_equal(decode_asking(ASKING("\"timeout\":\"7\""))->timeout_ns, 7000);
}

static void says_which_parameter_is_not_as_it_must_be(void **state)
{
    (void)state;
    static const struct {
        const char *parameter;
        const char *pointer;
        const char *detail;
    } bad[] = {
        {"\"priority\":-1", "/parameters/priority",
         "Expected a whole number from 0 to 4294967295, got a negative one."},
        {"\"priority\":4294967296", "/parameters/priority",
         "Expected a whole number from 0 to 4294967295, got a larger one."},
        {"\"timeout\":true", "/parameters/timeout",
         "Expected a whole number from 0 to 18446744073709551, got a boolean."},
        {"\"sequence_id\":1.5", "/parameters/sequence_id", "Expected a text or a whole number from 0, got a number."},
        {"\"sequence_start\":1", "/parameters/sequence_start", "Expected true or false, got a number."},
        {"\"mine\":[1]", "/parameters/mine", "Expected a text, a number, true or false, got an array."},
        {"\"triton_x\":1", "/parameters/triton_x",
         "Names that begin with \"triton_\" are reserved, and this one has no meaning."},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char json[600];
        snprintf(json, sizeof json, ASKING("%s"), bad[i].parameter);
        expect_one_fault(json, x, sizeof x, bad[i].pointer, bad[i].detail);
    }
    expect_one_fault("{\"parameters\":7," GOOD_INPUTS "}", x, sizeof x, "/parameters",
                     "Expected an object, got a number.");
}

#define WISHING(list) "{\"parameters\":{\"binary_data_output\":true},\"outputs\":[" list "]," GOOD_INPUTS "}"

static void takes_what_is_said_of_each_output(void **state)
{
    (void)state;
    const struct inference *got =
        decode_asking(WISHING("{\"name\":\"t\"},{\"name\":\"y\",\"parameters\":{\"binary_data\":false,"
                              "\"classification\":2}}"));
    assert_int_equal(got->output_count, 2);
    assert_int_equal(got->outputs[0].index, 1);
    assert_true(got->outputs[0].is_binary);
    assert_int_equal(got->outputs[1].index, 0);
    assert_int_equal(got->outputs[1].classes, 2);
    assert_false(got->outputs[1].is_binary);
}

static void says_which_wish_cannot_be(void **state)
{
    (void)state;
    expect_one_fault(WISHING("{\"name\":\"t\",\"parameters\":{\"classification\":2}}"), x, sizeof x,
                     "/outputs/0/parameters", "The output \"t\" is BYTES, which has no scores to take the best of.");
    expect_one_fault(WISHING("{\"name\":\"y\",\"parameters\":{\"shared_memory_region\":\"r\"}}"), x, sizeof x,
                     "/outputs/0/parameters", "A shared_memory_region lacks its shared_memory_byte_size.");
    expect_one_fault(WISHING("{\"name\":\"y\",\"parameters\":{\"shared_memory_offset\":1}}"), x, sizeof x,
                     "/outputs/0/parameters", "A place in shared memory lacks its shared_memory_region.");
    expect_one_fault(WISHING("{\"name\":\"y\",\"parameters\":{\"shared_memory_region\":\"r\","
                             "\"shared_memory_byte_size\":12,\"classification\":1}}"),
                     x, sizeof x, "/outputs/0/parameters", "Classes cannot be written to shared memory.");
    expect_one_fault(WISHING("{\"name\":\"y\",\"parameters\":{\"shared_memory_region\":\"r\","
                             "\"shared_memory_byte_size\":12,\"shared_memory_offset\":4}}"),
                     x, sizeof x, "/outputs/0/parameters/shared_memory_region",
                     "No region \"r\" of shared memory is registered.");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_tensors_behind_the_json_in_the_order_of_inputs),
        TEST(takes_json_and_binary_inputs_in_one_request),
        TEST(says_which_size_does_not_fit),
        TEST(says_which_element_of_bytes_does_not_fit),
        TEST(refuses_a_header_that_cannot_be),
        TEST(memory_of_a_body_has_its_tensors_aligned),
        TEST(takes_a_body_that_is_the_one_input),
        TEST(a_body_without_json_leaves_out_what_is_written_here),
        TEST(says_what_a_body_without_json_must_be),
        TEST(takes_what_a_request_asks_for),
        TEST(says_which_parameter_is_not_as_it_must_be),
        TEST(takes_what_is_said_of_each_output),
        TEST(says_which_wish_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
