/* SPDX-License-Identifier: Apache-2.0 */
/* The stages against the answers that Python computed for the images of examples/ (tests/reference): real files, the real
 * model, every stage that looks at a body or makes one. */
#define STAND_HAS_REAL_MODELS
#include "unit/pipeline/stand.h"

#include "lib/base/base64.h"
#include "lib/json/json.h"
#include "lib/sys/file.h"

static struct stand stand;
static struct model *model;
static struct file_content reference;
static struct pool pool;
static struct arena arena;
static yyjson_val *images;
static double tolerance;

static void load_reference(void)
{
    const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 8};
    struct json_document document;
    struct json_fault fault;
    assert_int_equal(file_read(TESTS_DIR "/reference/orientation.json", 1 << 20, &reference), ERR_OK);
    pool_init(&pool, 0, 16 << 20);
    arena_init(&arena, &pool, 65536, 8 << 20);
    struct slice text = slice_of(reference.data, reference.bytes);
    assert_int_equal(json_parse(&arena, text, &limits, &document, &fault), ERR_OK);
    images = json_get(document.root, SLICE_LIT("images"));
    tolerance = yyjson_get_num(json_get(document.root, SLICE_LIT("tolerance")));
    assert_true(yyjson_arr_size(images) > 0 && tolerance > 0);
}

/* Not there in a tree without setup/: then there is nothing to compare with. */
static bool load_model(void)
{
    static const struct slice cpu = SLICE_LIT("cpu");
    static char memory[2][2000];
    struct text fault = text_init(memory[0], sizeof memory[0]);
    struct text notices = text_init(memory[1], sizeof memory[1]);
    stand.model_config = (struct model_config){
        .name = SLICE_LIT("text-orientation"),
        .version = SLICE_LIT("1"),
        .path = SLICE_LIT(MODELS_DIR "/text-orientation.onnx"),
        .optimization = MODEL_OPTIMIZE_ALL,
        .providers = {(void *)(uintptr_t)&cpu, 1},
        .threads = 1,
        .queue = 2,
    };
    const struct model_load_options options = {
        .config = &stand.model_config, .worker_count = 1, .fault = &fault, .notices = &notices};
    enum err err = model_load(&options, &model);
    if (err == ERR_OK)
        return true;
    print_message("no model: %s\n", fault.ptr);
    return false;
}

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    load_reference();
    if (!load_model())
        return 0;
    stand.route.model = &stand.model_entry;
    atomic_store(&stand.model_entry.model, model);
    assert_int_equal(stand_add(&stand, "normalize_image", "size", "[192, 48]", "mean", "[0.5]", "std", "[0.5]", NULL),
                     ERR_OK);
    assert_int_equal(stand_add(&stand, "format_output", "labels", "[0, 180]", NULL), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    model_unref(model);
    arena_reset(&arena);
    pool_deinit(&pool);
    file_content_deinit(&reference);
    return 0;
}

static struct slice in_json(struct slice file)
{
    static char memory[1 << 20];
    static const char begin[] = "{\"image\":\"";
    memcpy(memory, begin, sizeof begin - 1);
    base64_encode(file, memory + sizeof begin - 1);
    size_t end = sizeof begin - 1 + base64_encode_chars(file.len);
    memcpy(memory + end, "\"}", 2);
    return slice_of(memory, end + 2);
}

/* From the body to the response, as flow.c does it but for the executor. */
static void answer(const char *content_type, struct slice body)
{
    char head[200];
    snprintf(head, sizeof head, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n", content_type);
    struct request *request = stand_begin(&stand, head, body);
    enum verdict verdict = stage_chain(request);
    if (verdict == VERDICT_NEXT)
        verdict = stand_run(&stand, stage_decode);
    if (verdict == VERDICT_NEXT) {
        request->job = (struct job){.err = run_execute(request->run)};
        verdict = stage_infer(request);
    }
    (void)stage_format(request);
    if (verdict != VERDICT_NEXT || request->problem)
        fail_msg(SLICE_FMT, SLICE_ARG(request->problem_detail));
}

static void expect_answer(yyjson_val *image)
{
    const struct json_limits limits = {.bytes_max = 1 << 16, .depth_max = 4};
    struct json_document document;
    struct json_fault fault;
    struct request *request = stand.request;
    assert_int_equal(json_parse(&request->arena, request->response.body, &limits, &document, &fault), ERR_OK);
    struct slice result = json_text(json_get(document.root, SLICE_LIT("result")));
    double confidence = yyjson_get_num(json_get(document.root, SLICE_LIT("confidence")));
    double expected = yyjson_get_num(json_get(image, SLICE_LIT("confidence")));
    bool is_near = confidence - expected <= tolerance && expected - confidence <= tolerance;
    if (!slice_equal(result, json_text(json_get(image, SLICE_LIT("result")))) || !is_near)
        fail_msg(SLICE_FMT ": " SLICE_FMT ", expected %.8f", SLICE_ARG(json_text(json_get(image, SLICE_LIT("file")))),
                 SLICE_ARG(request->response.body), expected);
}

static void answers_as_python_does(void **state)
{
    (void)state;
    if (!model)
        skip();
    yyjson_arr_iter iter = yyjson_arr_iter_with(images);
    for (yyjson_val *image; (image = yyjson_arr_iter_next(&iter));) {
        char path[1000];
        struct file_content content;
        snprintf(path, sizeof path, EXAMPLES_DIR "/images/" SLICE_FMT,
                 SLICE_ARG(json_text(json_get(image, SLICE_LIT("file")))));
        assert_int_equal(file_read(path, 1 << 20, &content), ERR_OK);
        struct slice file = slice_of(content.data, content.bytes);
        stand.config->inline_pixels = 1 << 20;
        answer("application/octet-stream", file);
        expect_answer(image);
        answer("application/json", in_json(file));
        expect_answer(image);
        stand.config->inline_pixels = 0;
        answer("image/png", file);
        expect_answer(image);
        file_content_deinit(&content);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_python_does),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
