/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the Open Inference Protocol v2: what they must say, to the pointer and the word. */
#include "unit/pipeline/stand.h"

#include <float.h>

#define HEAD "POST /v2/models/net/infer HTTP/1.1\r\nHost: a\r\n"

static struct stand stand;

/* Two inputs: x of FP32 [-1, 2, 3] and n of INT64 [2]; outputs y and z. */
static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    stand.route.endpoint = ENDPOINT_v2_infer;
    struct model_info *info = &fake.info;
    info->inputs[0] = SPEC("x", TENSOR_F32, -1, 2, 3);
    info->inputs[1] = SPEC("n", TENSOR_I64, 2);
    info->input_count = 2;
    info->outputs[0] = SPEC("y", TENSOR_F32, -1);
    info->outputs[1] = SPEC("zeta", TENSOR_F32, -1);
    info->output_count = 2;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

static enum verdict decode_with(const char *head, const char *body, const char *model, const char *version)
{
    struct request *request = stand_begin(&stand, head, slice_of_text(body));
    request->match.params[0] = (struct route_param){SLICE_LIT("model"), slice_of_text(model)};
    request->match.params[1] = (struct route_param){SLICE_LIT("version"), slice_of_text(version)};
    request->match.param_count = version ? 2 : 1;
    return stage_decode(request);
}

static enum verdict decode(const char *body)
{
    return decode_with(HEAD, body, "net", NULL);
}

#define X            "{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5,6]}"
#define N            "{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8]}"
#define INPUTS(list) "{\"inputs\":[" list "]}"

static void expect_x(float factor)
{
    const struct tensor *tensor = &fake.run.in[0];
    const float *data = tensor->data;
    assert_int_equal(tensor->bytes, 24);
    for (int i = 0; i < 6; i++)
        assert_true(data[i] == (float)(i + 1) * factor);
}

static void takes_flat_and_nested_data(void **state)
{
    (void)state;
    assert_int_equal(decode(INPUTS(N "," X)), VERDICT_NEXT);
    expect_x(1);
    const int64_t *n = fake.run.in[1].data;
    assert_int_equal(n[0], 7);
    assert_int_equal(n[1], -8);
    assert_int_equal(decode(INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\","
                                   "\"data\":[[[0.5,1.0,1.5],[2,25e-1,3]]]}," N)),
                     VERDICT_NEXT);
    expect_x(0.5f);
    assert_int_equal(stand.request->inference.output_count, 0);
}

static void takes_the_outputs_that_are_asked_for(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"id\":\"q\",\"parameters\":{},\"inputs\":[" X "," N
                            "],\"outputs\":[{\"name\":\"zeta\"},{\"name\":\"y\"}]}"),
                     VERDICT_NEXT);
    expect_slice(stand.request->inference.id, "q");
    assert_int_equal(stand.request->inference.output_count, 2);
    assert_int_equal(stand.request->inference.outputs[0].index, 1);
    assert_int_equal(stand.request->inference.outputs[1].index, 0);
}

static void expect_one_fault(const char *body, const char *pointer, const char *detail)
{
    assert_int_equal(decode(body), VERDICT_FAIL);
    char whole[600];
    snprintf(whole, sizeof whole, "%s%s%s", pointer, *pointer ? ": " : "", detail);
    expect_problem(&stand, PROBLEM_INVALID_TENSOR, whole);
    assert_int_equal(stand.request->fault_count, 1);
    expect_fault(&stand, 0, pointer, detail);
}

#define SHAPE_X "; the input \"x\" is [-1, 2, 3], where -1 is any size."

static void refuses_what_does_not_fit_the_model(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *pointer;
        const char *detail;
    } bad[] = {
        {"[]", "", "Expected an object with \"inputs\", got an array."},
        {"{\"id\":7,\"inputs\":[" X "," N "]}", "/id", "Expected a string, got a number."},
        {"{\"input\":[]}", "/inputs", "Expected an array of tensors, got nothing."},
        {"{\"inputs\":{}}", "/inputs", "Expected an array of tensors, got an object."},
        {INPUTS(X), "/inputs", "The input \"n\" is missing: INT64 [2], where -1 is any size."},
        {INPUTS(X "," N ",7"), "/inputs/2", "Expected an object, got a number."},
        {INPUTS(X "," N ",{}"), "/inputs/2/name", "Expected the name of an input, got nothing."},
        {INPUTS(X "," N ",{\"name\":\"m\"}"), "/inputs/2/name", "The model has no input \"m\"."},
        {INPUTS(X "," N "," N), "/inputs/2/name", "The input \"n\" is given twice."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"data\":[]}," N), "/inputs/0/datatype",
         "Expected \"FP32\", got nothing."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP64\",\"data\":[]}," N), "/inputs/0/datatype",
         "Expected \"FP32\", got \"FP64\"."},
        {INPUTS("{\"name\":\"x\",\"datatype\":\"FP32\",\"data\":[]}," N), "/inputs/0/shape",
         "Expected an array of sizes, got nothing" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[6],\"datatype\":\"FP32\",\"data\":[]}," N), "/inputs/0/shape",
         "Expected 3 dimensions, got 1" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,3,2],\"datatype\":\"FP32\",\"data\":[]}," N), "/inputs/0/shape",
         "The shape does not fit" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[-1,2,3],\"datatype\":\"FP32\",\"data\":[]}," N), "/inputs/0/shape",
         "A dimension must be a whole number" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[1.0,2,3],\"datatype\":\"FP32\",\"data\":[]}," N), "/inputs/0/shape",
         "A dimension must be a whole number" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[18446744073709551615,2,3],\"datatype\":\"FP32\",\"data\":[]}," N),
         "/inputs/0/shape", "A dimension must be a whole number" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[9223372036854775807,2,3],\"datatype\":\"FP32\",\"data\":[[]]}," N),
         "/inputs/0/shape", "The tensor takes more memory than a request may have" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[100000000,2,3],\"datatype\":\"FP32\",\"data\":[[]]}," N), "/inputs/0/shape",
         "The tensor takes more memory than a request may have" SHAPE_X},
        {INPUTS("{\"name\":\"x\",\"shape\":[0,2,3],\"datatype\":\"FP32\",\"data\":[1]}," N), "/inputs/0/data",
         "Expected 0 elements, as the shape says; got 1."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\"}," N), "/inputs/0/data",
         "Expected an array, got nothing."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":24}}," N),
         "/inputs/0/parameters/binary_data_size",
         "Where the JSON ends and the data begin is to be said by the header Inference-Header-Content-Length, which is "
         "missing."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5]}," N), "/inputs/0/data",
         "Expected 6 elements, as the shape says; got 5."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[[[1,2,3]]]}," N), "/inputs/0/data/0",
         "Expected an array of 2, as the shape says; it has 1."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[[[1,2,3],[4,5]]]}," N),
         "/inputs/0/data/0/1", "Expected an array of 3, as the shape says; it has 2."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[[[1,2,3],7]]}," N),
         "/inputs/0/data/0/1", "Expected an array of 3, as the shape says; got a number."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[1,2,3,4,\"5\",6]}," N),
         "/inputs/0/data/4", "Expected a number within the range of FP32, got a string."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[[[1,2,3],[4,5,1e39]]]}," N),
         "/inputs/0/data/0/1/2", "Expected a number within the range of FP32, got 1e39."},
        {INPUTS("{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":[[[1,2,3],[[4],5,6]]]}," N),
         "/inputs/0/data/0/1/0", "Expected a number within the range of FP32, got an array."},
        {INPUTS(X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[1,1.5]}"), "/inputs/1/data/1",
         "Expected a whole number from -9223372036854775808 to 9223372036854775807, got 1.5."},
        {INPUTS(X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[1,1.0]}"), "/inputs/1/data/1",
         "Expected a whole number from -9223372036854775808 to 9223372036854775807, got 1.0."},
        {"{\"inputs\":[" X "," N "],\"outputs\":[{\"name\":\"zet\"}]}", "/outputs/0/name",
         "The model has no output \"zet\"; did you mean \"zeta\"?"},
        {"{\"inputs\":[" X "," N "],\"outputs\":[{\"name\":\"y\"},{\"name\":\"y\"}]}", "/outputs/1/name",
         "The output \"y\" is asked for twice."},
        {"{\"inputs\":[" X "," N "],\"outputs\":[{}]}", "/outputs/0",
         "Expected an object with the name of an output, got one without."},
        {"{\"inputs\":[" X "," N "],\"outputs\":[7]}", "/outputs/0",
         "Expected an object with the name of an output, got a number."},
        {"{\"inputs\":[" X "," N "],\"outputs\":7}", "/outputs", "Expected an array, got a number."},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_one_fault(bad[i].body, bad[i].pointer, bad[i].detail);
}

static void says_all_that_is_wrong_at_once(void **state)
{
    (void)state;
    assert_int_equal(decode(INPUTS("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT8\",\"data\":[]},"
                                   "{\"name\":\"nn\"}")),
                     VERDICT_FAIL);
    assert_int_equal(stand.request->fault_count, 4);
    expect_fault(&stand, 0, "/inputs/0/datatype", "Expected \"FP32\", got \"INT8\".");
    expect_fault(&stand, 1, "/inputs/0/shape", "Expected 3 dimensions, got 1" SHAPE_X);
    expect_fault(&stand, 2, "/inputs/1/name", "The model has no input \"nn\".");
    expect_fault(&stand, 3, "/inputs", "The input \"n\" is missing: INT64 [2], where -1 is any size.");
    expect_problem(&stand, PROBLEM_INVALID_TENSOR,
                   "/inputs/0/datatype: Expected \"FP32\", got \"INT8\". See \"errors\" for 3 more.");
    assert_int_equal(fake.acquired, 0); /* no run was taken for it */
}

static void says_at_most_sixteen_things(void **state)
{
    (void)state;
    decode(INPUTS("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"));
    assert_int_equal(stand.request->fault_count, REQUEST_FAULTS_MAX);
}

/* --- One input of each type ------------------------------------------------------------------------------------- */

static enum verdict decode_typed(enum tensor_type type, const char *data)
{
    char body[500];
    struct model_info *info = &fake.info;
    info->inputs[0] = SPEC("v", type, 2);
    info->input_count = 1;
    snprintf(body, sizeof body, "{\"inputs\":[{\"name\":\"v\",\"shape\":[2],\"datatype\":\"%s\",\"data\":%s}]}",
             tensor_type_name(type), data);
    return decode(body);
}

#define EXPECT_TYPED(type, ctype, text, first, second)                                                                 \
    do {                                                                                                               \
        assert_int_equal(decode_typed(type, text), VERDICT_NEXT);                                                      \
        const ctype *got = fake.run.in[0].data;                                                                        \
        assert_true(got[0] == (first) && got[1] == (second));                                                          \
    } while (0)

static void takes_every_type_to_its_ends(void **state)
{
    (void)state;
    EXPECT_TYPED(TENSOR_BOOL, uint8_t, "[true,false]", 1, 0);
    EXPECT_TYPED(TENSOR_U8, uint8_t, "[0,255]", 0, 255);
    EXPECT_TYPED(TENSOR_U16, uint16_t, "[0,65535]", 0, 65535);
    EXPECT_TYPED(TENSOR_U32, uint32_t, "[0,4294967295]", 0, UINT32_MAX);
    EXPECT_TYPED(TENSOR_U64, uint64_t, "[0,18446744073709551615]", 0, UINT64_MAX);
    EXPECT_TYPED(TENSOR_I8, int8_t, "[-128,127]", -128, 127);
    EXPECT_TYPED(TENSOR_I16, int16_t, "[-32768,32767]", -32768, 32767);
    EXPECT_TYPED(TENSOR_I32, int32_t, "[-2147483648,2147483647]", INT32_MIN, INT32_MAX);
    EXPECT_TYPED(TENSOR_I64, int64_t, "[-9223372036854775808,9223372036854775807]", INT64_MIN, INT64_MAX);
    EXPECT_TYPED(TENSOR_F32, float, "[3.4028235e38,-3.4028235677973361e38]", FLT_MAX, -FLT_MAX);
    EXPECT_TYPED(TENSOR_F32, float, "[0.1,16777217]", 0.1f, 16777216.0f);
    EXPECT_TYPED(TENSOR_F64, double, "[0.1,1e300]", 0.1, 1e300);
}

static void refuses_numbers_just_beyond_the_ends(void **state)
{
    (void)state;
    static const struct {
        enum tensor_type type;
        const char *data;
    } bad[] = {
        {TENSOR_BOOL, "[true,1]"},
        {TENSOR_U8, "[0,256]"},
        {TENSOR_U8, "[0,-1]"},
        {TENSOR_U8, "[0,1.0]"},
        {TENSOR_U8, "[0,true]"},
        {TENSOR_U16, "[0,65536]"},
        {TENSOR_U32, "[0,4294967296]"},
        {TENSOR_U64, "[0,-1]"},
        {TENSOR_U64, "[0,18446744073709551616]"},
        {TENSOR_I8, "[0,128]"},
        {TENSOR_I8, "[0,-129]"},
        {TENSOR_I16, "[0,32768]"},
        {TENSOR_I16, "[0,-32769]"},
        {TENSOR_I32, "[0,2147483648]"},
        {TENSOR_I32, "[0,-2147483649]"},
        {TENSOR_I64, "[0,9223372036854775808]"},
        {TENSOR_I64, "[0,1e3]"},
        {TENSOR_F32, "[0,3.4028235677973367e38]"},
        {TENSOR_F32, "[0,-1e300]"},
        {TENSOR_F32, "[0,null]"},
        {TENSOR_F64, "[0,\"NaN\"]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (decode_typed(bad[i].type, bad[i].data) != VERDICT_FAIL)
            fail_msg("%s took %s", tensor_type_name(bad[i].type), bad[i].data);
        assert_int_equal(stand.request->problem, PROBLEM_INVALID_TENSOR);
        expect_slice(stand.request->faults[0].pointer, "/inputs/0/data/1");
    }
}

static void refuses_types_that_json_cannot_say(void **state)
{
    (void)state;
    const enum tensor_type types[] = {TENSOR_F16, TENSOR_BF16};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char detail[100];
        assert_int_equal(decode_typed(types[i], "[1,2]"), VERDICT_FAIL);
        snprintf(detail, sizeof detail, "%s has no form in JSON; send it in binary behind the JSON (binary_data_size).",
                 tensor_type_name(types[i]));
        expect_fault(&stand, 0, "/inputs/0/data", detail);
    }
}

static void takes_texts_as_bytes(void **state)
{
    (void)state;
    assert_int_equal(decode_typed(TENSOR_BYTES, "[\"a\\u0000b\",\"\"]"), VERDICT_NEXT);
    const struct slice *got = fake.run.in[0].data;
    assert_true(slice_equal(got[0], SLICE_LIT("a\0b")));
    assert_int_equal(got[1].len, 0);
    assert_int_equal(decode_typed(TENSOR_BYTES, "[\"a\",7]"), VERDICT_FAIL);
    expect_fault(&stand, 0, "/inputs/0/data/1", "Expected a text, got 7.");
}

/* --- Around the body -------------------------------------------------------------------------------------------- */

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    decode("");
    expect_problem(&stand, PROBLEM_MISSING_INPUT, "The body is empty; a JSON object with \"inputs\" is expected.");
    decode("{\"inputs\": [1,]}");
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_JSON);
    assert_true(slice_starts(stand.request->problem_detail, SLICE_LIT("Line 1, column 14: ")));
    decode("{\"inputs\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}");
    expect_problem(&stand, PROBLEM_INVALID_JSON, "Line 1, column 26: nested deeper than the limit.");
}

static void refuses_other_media_types(void **state)
{
    (void)state;
    decode_with(HEAD "Content-Type: text/json\r\n", INPUTS(X "," N), "net", NULL);
    expect_problem(&stand, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                   "Content-Type is \"text/json\"; tensors are taken as application/json, or, with the header "
                   "Inference-Header-Content-Length, as application/octet-stream.");
    expect_slice(stand_field(&stand, "Accept"), "application/json, application/octet-stream");
    assert_int_equal(decode_with(HEAD "Content-Type: application/json;charset=utf-8\r\n", INPUTS(X "," N), "net", "3"),
                     VERDICT_NEXT);
    decode_with(HEAD "Accept: image/png\r\n", INPUTS(X "," N), "net", NULL);
    expect_problem(&stand, PROBLEM_NOT_ACCEPTABLE, "Accept is \"image/png\"; the answer can only be application/json.");
}

static void refuses_models_and_versions_that_are_not_there(void **state)
{
    (void)state;
    decode_with(HEAD, "{}", "mnet", NULL);
    expect_problem(&stand, PROBLEM_MODEL_NOT_FOUND, "No model is named \"mnet\"; did you mean \"net\"?");
    decode_with(HEAD, "{}", "something-else", NULL);
    expect_problem(&stand, PROBLEM_MODEL_NOT_FOUND, "No model is named \"something-else\".");
    decode_with(HEAD, "{}", "net", "4");
    expect_problem(&stand, PROBLEM_MODEL_NOT_FOUND, "The model \"net\" has no version \"4\", only \"3\".");
}

static void has_nothing_to_do_for_other_routes(void **state)
{
    (void)state;
    stand.route.endpoint = ENDPOINT_livez;
    assert_int_equal(decode(""), VERDICT_NEXT);
    assert_null(stand.request->run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_flat_and_nested_data),
        TEST(takes_the_outputs_that_are_asked_for),
        TEST(refuses_what_does_not_fit_the_model),
        TEST(says_all_that_is_wrong_at_once),
        TEST(says_at_most_sixteen_things),
        TEST(takes_every_type_to_its_ends),
        TEST(refuses_numbers_just_beyond_the_ends),
        TEST(refuses_types_that_json_cannot_say),
        TEST(takes_texts_as_bytes),
        TEST(refuses_what_is_no_json),
        TEST(refuses_other_media_types),
        TEST(refuses_models_and_versions_that_are_not_there),
        TEST(has_nothing_to_do_for_other_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
