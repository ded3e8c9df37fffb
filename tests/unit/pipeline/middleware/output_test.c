/* SPDX-License-Identifier: Apache-2.0 */
/* format_output: from the row of a classifier to words. */
#include "unit/pipeline/stand.h"

#include "lib/json/json.h"

#define POST "POST /x HTTP/1.1\r\nHost: a\r\n"

static float values[16];

/* A request whose run has come back with one row of float32. */
static struct request *finish_run(const float *row, uint32_t count)
{
    struct request *request = stand_begin(&stand, POST, (struct slice){NULL, 0});
    struct model *model = &fake;
    memcpy(values, row, count * sizeof *row);
    model->info.outputs[0] = SPEC("prob", TENSOR_F32, -1, -1);
    model->info.output_count = 1;
    model->run.model = model;
    model->run.out[0] = (struct tensor){
        .spec = &model->info.outputs[0], .dims = {1, count}, .rank = 2, .data = values, .bytes = count * sizeof *row};
    request->run = &model->run;
    request->has_outputs = true;
    assert_int_equal(stage_chain(request), VERDICT_NEXT);
    return request;
}
#define ROW(...) finish_run((const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

/* Cuts `,"latency_ms":N` out of the body, which must be there and be a number. */
static const char *answer(void)
{
    static char body[1000];
    snprintf(body, sizeof body, SLICE_FMT, SLICE_ARG(stand.request->response.body));
    char *latency = strstr(body, ",\"latency_ms\":");
    assert_non_null(latency);
    char *end;
    double ms = strtod(latency + 14, &end);
    assert_true(ms >= 0 && ms < 60000);
    memmove(latency, end, strlen(end) + 1);
    return body;
}

static void answers_with_the_label_of_the_best_class(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", "labels", "[0, 180]", NULL);
    struct request *request = ROW(0.25f, 0.75f);
    request->id = SLICE_LIT("r1");
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    assert_int_equal(request->response.status, 200);
    expect_slice(request->response.content_type, "application/json");
    assert_string_equal(answer(), "{\"result\":\"180\",\"confidence\":0.75,\"model\":\"net\",\"model_version\":\"3\","
                                  "\"request_id\":\"r1\"}");
}

static double confidence_of(const char *activation, struct request *(*make)(void))
{
    struct json_document document;
    struct json_fault fault;
    route_chain_clear(&stand.route);
    stand_add(&stand, "format_output", "activation", activation, NULL);
    struct request *request = make();
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    const struct json_limits limits = {.bytes_max = 10000, .depth_max = 8};
    assert_int_equal(json_parse(&request->arena, request->response.body, &limits, &document, &fault), ERR_OK);
    return yyjson_get_num(json_get(document.root, SLICE_LIT("confidence")));
}

static struct request *make_logits(void)
{
    return ROW(1, 3, 2);
}

static struct request *make_probabilities(void)
{
    return ROW(0.2f, 0.7f, 0.1f);
}

static struct request *make_single_logit(void)
{
    return ROW(2);
}

static struct request *make_single_probability(void)
{
    return ROW(0.3f);
}

static struct request *make_huge_logits(void)
{
    return ROW(-1e30f, 1e30f);
}

static void softmaxes_what_are_no_probabilities_yet(void **state)
{
    (void)state;
    assert_float_equal(confidence_of("auto", make_logits), 0.66524096, 1e-6);
    assert_float_equal(confidence_of("auto", make_probabilities), 0.7, 1e-6);
    assert_float_equal(confidence_of("softmax", make_probabilities), 0.46396343, 1e-6);
    assert_float_equal(confidence_of("none", make_logits), 3, 1e-6);
    assert_float_equal(confidence_of("sigmoid", make_logits), 0.95257413, 1e-6);
    assert_float_equal(confidence_of("auto", make_single_logit), 0.88079708, 1e-6);
    assert_float_equal(confidence_of("auto", make_single_probability), 0.3, 1e-6);
    assert_float_equal(confidence_of("auto", make_huge_logits), 1, 1e-6);
}

static void adds_the_best_candidates_in_order(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", "labels", "[a, b, c, d]", "top_k", "3", NULL);
    struct request *request = ROW(0.125f, 0.5f, 0.125f, 0.25f);
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    assert_string_equal(answer(), "{\"result\":\"b\",\"confidence\":0.5,\"candidates\":["
                                  "{\"label\":\"b\",\"confidence\":0.5},{\"label\":\"d\",\"confidence\":0.25},"
                                  "{\"label\":\"a\",\"confidence\":0.125}],\"model\":\"net\",\"model_version\":\"3\"}");
}

static void numbers_classes_without_labels(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", "top_k", "9", NULL);
    struct request *request = ROW(0.25f, 0.75f);
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    assert_says(answer(), "{\"result\":\"1\",\"confidence\":0.75,\"candidates\":[{\"label\":\"1\",\"confidence\":0.75},"
                          "{\"label\":\"0\",\"confidence\":0.25}]");
}

static void takes_labels_from_a_file_line_by_line(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-labels-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs("one\r\n \n\n", file); /* "one", a space, and an empty label */
    fclose(file);
    enum err err = stand_add(&stand, "format_output", "labels_file", path, "top_k", "3", NULL);
    remove(path);
    assert_int_equal(err, ERR_OK);
    struct request *request = ROW(0.5f, 0.3f, 0.2f);
    assert_int_equal(stage_format(request), VERDICT_NEXT);
    assert_says(answer(), "[{\"label\":\"one\",\"confidence\":0.5},{\"label\":\" \",\"confidence\":0.3},"
                          "{\"label\":\"\",\"confidence\":0.2}]");
}

static void refuses_options_that_cannot_be_meant(void **state)
{
    (void)state;
    assert_int_equal(stand_add(&stand, "format_output", "labels_file", "/nonexistent", NULL), ERR_NOT_FOUND);
    assert_string_equal(stand.fault, "labels_file /nonexistent: not found");
    assert_int_equal(stand_add(&stand, "format_output", "labels", "[a]", "labels_file", "/x", NULL), ERR_INVALID);
    assert_string_equal(stand.fault, "labels and labels_file exclude each other");
}

static void says_when_the_labels_do_not_fit_the_model(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", "labels", "[a, b]", NULL);
    struct request *request = ROW(0.5f, 0.3f, 0.2f);
    (void)stage_format(request);
    expect_problem(&stand, PROBLEM_INTERNAL,
                   "format_output has 2 labels, but the output \"prob\" has 3 values: the configuration does not fit "
                   "the model.");
    assert_int_equal(request->response.status, 500);
}

static const char *fit(struct tensor_spec output)
{
    static char why[300];
    struct model_info info = {.outputs = {output}, .output_count = 1};
    struct text fault = text_init(why, sizeof why);
    const struct chain_link *link = &stand.route.chain[stand.route.chain_count - 1];
    bool fits = link->middleware->fits_model(link->options, &info, &fault);
    assert_int_equal(fits, why[0] == '\0');
    return why;
}

static void knows_beforehand_whether_it_fits_a_model(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", "labels", "[a, b]", NULL);
    assert_string_equal(fit(SPEC("prob", TENSOR_F32, -1, 2)), "");
    assert_string_equal(fit(SPEC("prob", TENSOR_F32, -1, -1)), "");
    assert_string_equal(fit(SPEC("prob", TENSOR_F32, -1, 3)),
                        "format_output has 2 labels, but the output \"prob\" has 3 values.");
    assert_string_equal(fit(SPEC("prob", TENSOR_I64, -1, 2)),
                        "format_output reads FP32 or FP64, but the output \"prob\" is INT64.");
    stand_add(&stand, "format_output", "output", "scores", NULL);
    assert_string_equal(fit(SPEC("prob", TENSOR_F32, -1, 2)),
                        "format_output reads the output \"scores\", which the model does not have.");
}

static void says_when_the_output_does_not_exist(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", "output", "probs", NULL);
    struct request *request = ROW(1);
    (void)stage_format(request);
    expect_problem(&stand, PROBLEM_INTERNAL,
                   "format_output reads the output \"probs\", which the model does not have.");
}

static void answers_for_one_row_only(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", NULL);
    struct request *request = ROW(0.5f, 0.5f, 0.5f, 0.5f);
    fake.run.out[0].dims[0] = 2;
    fake.run.out[0].dims[1] = 2;
    (void)stage_format(request);
    expect_problem(&stand, PROBLEM_INVALID_TENSOR,
                   "format_output answers for one row; the output \"prob\" has 2: send one at a time.");
}

static void refuses_integers(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", NULL);
    struct request *request = ROW(0.5f, 0.5f);
    fake.info.outputs[0].type = TENSOR_I32;
    (void)stage_format(request);
    expect_problem(&stand, PROBLEM_INTERNAL, "format_output reads FP32 or FP64, but the output \"prob\" is INT32.");
}

static void a_value_that_is_no_number_is_a_failure_of_the_model(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", NULL);
    struct request *request = ROW(0.5f, __builtin_nanf(""));
    (void)stage_format(request);
    expect_problem(&stand, PROBLEM_MODEL_FAILED, "The model's output \"prob\" holds a value that is not finite.");
}

static void refuses_a_client_that_takes_no_json_before_the_run(void **state)
{
    (void)state;
    stand_add(&stand, "format_output", NULL);
    stand_begin(&stand, POST "Accept: image/png\r\nAccept: text/html;q=0.5\r\n", (struct slice){NULL, 0});
    assert_int_equal(stage_chain(stand.request), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_NOT_ACCEPTABLE,
                   "Accept is \"image/png, text/html;q=0.5\"; the answer can only be application/json.");
    const char *const good[] = {POST, POST "Accept: */*\r\n", POST "Accept: image/png\r\nAccept: application/*\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        stand_begin(&stand, good[i], (struct slice){NULL, 0});
        assert_int_equal(stage_chain(stand.request), VERDICT_NEXT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_with_the_label_of_the_best_class),
        TEST(softmaxes_what_are_no_probabilities_yet),
        TEST(adds_the_best_candidates_in_order),
        TEST(numbers_classes_without_labels),
        TEST(takes_labels_from_a_file_line_by_line),
        TEST(refuses_options_that_cannot_be_meant),
        TEST(says_when_the_labels_do_not_fit_the_model),
        TEST(knows_beforehand_whether_it_fits_a_model),
        TEST(says_when_the_output_does_not_exist),
        TEST(answers_for_one_row_only),
        TEST(refuses_integers),
        TEST(a_value_that_is_no_number_is_a_failure_of_the_model),
        TEST(refuses_a_client_that_takes_no_json_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
