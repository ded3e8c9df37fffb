/* SPDX-License-Identifier: Apache-2.0 */
/* normalize_image and the stage that carries it out: where the image is found, what is refused and how, and that the
 * crew writes the same tensor as the worker. */
#include "unit/pipeline/stand.h"

#include "lib/base/base64.h"
#include "lib/image/image.h"

#define HEAD "POST /x HTTP/1.1\r\nHost: a\r\n"
#define JSON HEAD "Content-Type: application/json; charset=utf-8\r\n"
#define FORM HEAD "Content-Type: multipart/form-data; boundary=\"xx\"\r\n"
#define PNG  HEAD "Content-Type: image/png\r\n"

static struct stand stand;
static struct slice picture; /* 16-bit text line of examples/ */

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    stand.route.model = &stand.model_entry;
    fake.info.inputs[0] = SPEC("x", TENSOR_F32, -1, 3, 4, 6);
    fake.info.input_count = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

static struct slice read_example(const char *name)
{
    static char memory[1 << 20];
    char path[1000];
    snprintf(path, sizeof path, EXAMPLES_DIR "/images/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    size_t bytes = fread(memory, 1, sizeof memory, file);
    fclose(file);
    return slice_of(memory, bytes);
}

static void add_normalize(const char *key, const char *value)
{
    route_chain_clear(&stand.route);
    if (stand_add(&stand, "normalize_image", "size", "[6, 4]", key, value, NULL) != ERR_OK)
        fail_msg("%s", stand.fault);
}

static enum verdict decode(const char *head, struct slice body)
{
    stand_begin(&stand, head, body);
    enum verdict verdict = stage_chain(stand.request);
    return verdict == VERDICT_NEXT ? stand_run(&stand, stage_decode) : verdict;
}

static enum verdict decode_text(const char *head, const char *body)
{
    return decode(head, slice_of_text(body));
}

/* Whether the input holds what normalising the picture gives, made apart from the pipeline. */
static void expect_tensor(const struct normalize_spec *spec)
{
    struct image image;
    struct image_fault fault;
    struct image_options options = image_options_default();
    struct arena *arena = &stand.request->arena;
    float expected[3 * 4 * 6];
    assert_int_equal(image_decode(picture, &options, arena, &image, &fault), ERR_OK);
    assert_int_equal(image_normalize(&image, spec, arena, expected), ERR_OK);
    const struct tensor *tensor = &fake.run.in[0];
    assert_int_equal(tensor->bytes, normalize_tensor_bytes(spec));
    assert_memory_equal(tensor->data, expected, tensor->bytes);
}

static void expect_plain_tensor(void)
{
    struct normalize_spec spec = normalize_spec_default(6, 4);
    expect_tensor(&spec);
}

static struct slice json_of(const char *prefix, struct slice image)
{
    static char memory[1 << 21];
    int len = snprintf(memory, sizeof memory, "{\"a\": [1], \"image\": \"%s", prefix);
    base64_encode(image, memory + len);
    size_t end = (size_t)len + base64_encode_chars(image.len);
    memcpy(memory + end, "\"}", 2);
    return slice_of(memory, end + 2);
}

static struct slice form_of(const char *part_head, struct slice image)
{
    static char memory[1 << 21];
    int len =
        snprintf(memory, sizeof memory,
                 "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xx\r\n%s\r\n\r\n", part_head);
    memcpy(memory + len, image.ptr, image.len);
    size_t end = (size_t)len + image.len;
    memcpy(memory + end, "\r\n--xx--\r\n", 10);
    return slice_of(memory, end + 10);
}

static void finds_the_image_in_every_kind_of_body(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    const struct {
        const char *head;
        struct slice body;
    } bodies[] = {
        {PNG, picture},
        {HEAD, picture},
        {HEAD "Content-Type: application/octet-stream\r\n", picture},
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(decode(bodies[i].head, bodies[i].body), VERDICT_NEXT);
        expect_plain_tensor();
    }
    assert_int_equal(decode(JSON, json_of("", picture)), VERDICT_NEXT);
    expect_plain_tensor();
    assert_int_equal(decode(JSON, json_of("data:image/png;base64,", picture)), VERDICT_NEXT);
    expect_plain_tensor();
    assert_int_equal(counter_read(&stand.worker->meter.images_decoded), 5);
}

static void finds_the_image_in_a_form(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    const char *const parts[] = {
        "Content-Disposition: form-data; name=\"image\"",
        "Content-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png",
        "Content-Disposition: form-data; name=\"upload\"; filename=\"a.png\"",
        "Content-Disposition: form-data; name=\"upload\"\r\nContent-Type: Image/PNG",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (decode(FORM, form_of(parts[i], picture)) != VERDICT_NEXT)
            fail_msg("%s: " SLICE_FMT, parts[i], SLICE_ARG(stand.request->problem_detail));
        expect_plain_tensor();
    }
}

static void normalises_as_the_options_say(void **state)
{
    (void)state;
    route_chain_clear(&stand.route);
    assert_int_equal(stand_add(&stand, "normalize_image", "size", "[6, 4]", "color", "bgr", "fit", "contain_center",
                               "mean", "[0.5]", "std", "[0.1, 0.2, 0.3]", "pad", "[128]", NULL),
                     ERR_OK);
    assert_int_equal(decode(PNG, picture), VERDICT_NEXT);
    struct normalize_spec spec = normalize_spec_default(6, 4);
    spec.order = NORMALIZE_BGR;
    spec.fit = RESIZE_CONTAIN_CENTER;
    for (int i = 0; i < 3; i++) {
        spec.mean[i] = 0.5f;
        spec.std[i] = 0.1f * (float)(i + 1);
        spec.pad[i] = 128;
    }
    spec.std[2] = 0.3f;
    expect_tensor(&spec);
}

static void takes_interleaved_bytes(void **state)
{
    (void)state;
    fake.info.inputs[0] = SPEC("x", TENSOR_U8, 1, 4, 6, 3);
    route_chain_clear(&stand.route);
    assert_int_equal(
        stand_add(&stand, "normalize_image", "size", "[6, 4]", "layout", "nhwc", "dtype", "u8", "input", "x", NULL),
        ERR_OK);
    assert_int_equal(decode(PNG, picture), VERDICT_NEXT);
    struct normalize_spec spec = normalize_spec_default(6, 4);
    spec.layout = NORMALIZE_NHWC;
    spec.type = NORMALIZE_U8;
    expect_tensor(&spec);
}

static void a_large_image_is_decoded_by_the_crew_to_the_same_tensor(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    stand.config->inline_pixels = 0;
    stand_begin(&stand, PNG, picture);
    assert_int_equal(stage_chain(stand.request), VERDICT_NEXT);
    assert_int_equal(stage_decode(stand.request), VERDICT_WAIT);
    stand.request->task.on_done = on_stand_done;
    while (stand.request->holds)
        (void)crew_collect(stand.crew, 0);
    assert_int_equal(stage_decode(stand.request), VERDICT_NEXT);
    assert_false(stand.request->was_submitted);
    expect_plain_tensor();
}

static void the_crew_refuses_what_the_worker_refuses(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    stand.config->inline_pixels = 0;
    struct slice jpeg = read_example("upright-1.jpg");
    assert_int_equal(decode(PNG, slice_first(jpeg, jpeg.len / 2)), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_IMAGE);
    assert_int_equal(counter_read(&stand.worker->meter.images_refused), 1);
    picture = read_example("upright-2.png");
}

static void refuses_other_media_types_before_the_body(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    stand_begin(&stand, HEAD "Content-Type: text/plain\r\n", SLICE_LIT("x"));
    assert_int_equal(stage_chain(stand.request), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                   "Content-Type is \"text/plain\"; an image is taken as application/json, multipart/form-data, "
                   "image/jpeg, image/png, image/webp, application/octet-stream.");
    expect_slice(stand_field(&stand, "Accept"),
                 "application/json, multipart/form-data, image/jpeg, image/png, image/webp, application/octet-stream");
    const char *const bad[] = {
        HEAD "Content-Type: image/gif\r\n",
        HEAD "Content-Type: application/x-www-form-urlencoded\r\n",
        HEAD "Content-Type: \r\n",
        HEAD "Content-Type: image\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        stand_begin(&stand, bad[i], SLICE_LIT("x"));
        assert_int_equal(stage_chain(stand.request), VERDICT_FAIL);
        assert_int_equal(stand.request->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    }
}

static void refuses_json_that_has_no_image(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    assert_int_equal(decode_text(JSON, "{\"image\":\n  \"abc\", oops}"), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_JSON);
    char detail[300];
    snprintf(detail, sizeof detail, SLICE_FMT, SLICE_ARG(stand.request->problem_detail));
    assert_says(detail, "Line 2, column 10: ");

    decode_text(JSON, "{\"picture\": \"\"}");
    expect_problem(&stand, PROBLEM_MISSING_INPUT, "The body has no member \"image\".");
    expect_fault(&stand, 0, "/image", "Expected a string of base64, got nothing.");

    decode_text(JSON, "{\"image\": 7}");
    expect_problem(&stand, PROBLEM_MISSING_INPUT, "The member \"image\" is a number; expected a string of base64.");
    expect_fault(&stand, 0, "/image", "Expected a string of base64, got a number.");

    decode_text(JSON, "[]");
    expect_problem(&stand, PROBLEM_MISSING_INPUT,
                   "The body is an array; expected an object with the member \"image\".");
    expect_fault(&stand, 0, "", "Expected an object, got an array.");

    decode_text(JSON, "{\"image\": \"\", \"image\": \"\"}");
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_JSON);
}

static void refuses_base64_with_junk_and_says_where(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    decode_text(JSON, "{\"image\": \"AAAA AAA\"}");
    expect_problem(&stand, PROBLEM_INVALID_BASE64,
                   "The member \"image\" has a character at position 5, counted from 1, that cannot stand there.");
    expect_fault(&stand, 0, "/image",
                 "The text has a character at position 5, counted from 1, that cannot stand there.");
    decode_text(JSON, "{\"image\": \"data:image/png;base64,AA!A\"}");
    expect_problem(&stand, PROBLEM_INVALID_BASE64,
                   "The member \"image\" has a character at position 25, counted from 1, that cannot stand there.");
    decode_text(JSON, "{\"image\": \"AAAAA\"}");
    expect_problem(&stand, PROBLEM_INVALID_BASE64,
                   "The member \"image\" ends in the middle of a group of four characters.");
    decode_text(JSON, "{\"image\": \"data:image/png,AAAA\"}");
    expect_problem(&stand, PROBLEM_INVALID_BASE64, "The member \"image\" is a data: URL without \";base64\".");
    decode_text(JSON, "{\"image\": \"data:image/png;base64\"}");
    expect_problem(&stand, PROBLEM_INVALID_BASE64,
                   "The member \"image\" begins like a data: URL, but has no comma where its data begin.");
}

static void names_the_configured_field_in_its_pointer(void **state)
{
    (void)state;
    add_normalize("field", "a/b");
    decode_text(JSON, "{}");
    expect_problem(&stand, PROBLEM_MISSING_INPUT, "The body has no member \"a/b\".");
    expect_fault(&stand, 0, "/a~1b", "Expected a string of base64, got nothing.");
}

static void refuses_forms_that_are_broken_or_lack_the_image(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    decode_text(FORM, "--xx\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nabc");
    expect_problem(&stand, PROBLEM_INVALID_MULTIPART, "The form ends before its closing boundary.");
    decode_text(FORM, "--xx\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nabc\r\n--xx--\r\n");
    expect_problem(&stand, PROBLEM_MISSING_INPUT, "The form has no part \"image\", and no other that is a file.");
    decode_text(FORM, "--xx\r\nno colon\r\n\r\nabc\r\n--xx--\r\n");
    assert_int_equal(stand.request->problem, PROBLEM_INVALID_MULTIPART);
    decode_text(HEAD "Content-Type: multipart/form-data\r\n", "--xx--");
    expect_problem(&stand, PROBLEM_INVALID_MULTIPART,
                   "Content-Type needs a boundary of 1 to 70 characters: multipart/form-data; boundary=…");
    decode(FORM, form_of("Content-Disposition: form-data; name=\"image\"\r\nContent-Transfer-Encoding: base64",
                         SLICE_LIT("abc")));
    expect_problem(&stand, PROBLEM_INVALID_MULTIPART,
                   "A part has a Content-Transfer-Encoding; send its bytes as they are.");
#define PART "--xx\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\na\r\n"
    decode_text(FORM, PART PART "--xx--\r\n");
    expect_problem(&stand, PROBLEM_INVALID_MULTIPART, "The form has more than one part \"image\".");
#define OTHER "--xx\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\na\r\n"
    decode_text(FORM, PART OTHER OTHER OTHER OTHER "--xx--\r\n");
    expect_problem(&stand, PROBLEM_INVALID_MULTIPART,
                   "The form has more than 4 parts, or a part with more than 4096 bytes of header fields.");
}

static void refuses_nothing_at_all(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    decode_text(PNG, "");
    expect_problem(&stand, PROBLEM_MISSING_INPUT, "The body is empty; an image is expected.");
    decode_text(JSON, "{\"image\": \"\"}");
    expect_problem(&stand, PROBLEM_INVALID_IMAGE, "The image was refused: the image has zero bytes.");
    decode(FORM, form_of("Content-Disposition: form-data; name=\"image\"", (struct slice){"", 0}));
    expect_problem(&stand, PROBLEM_INVALID_IMAGE, "The image was refused: the image has zero bytes.");
}

static void refuses_files_that_are_no_image(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    decode_text(PNG, "GIF89a and so on");
    expect_problem(&stand, PROBLEM_INVALID_IMAGE,
                   "The image was refused: the first bytes are of no supported image format; supported are JPEG, PNG "
                   "and WebP.");
    assert_int_equal(counter_read(&stand.worker->meter.images_refused), 1);
    assert_int_equal(fake.acquired, 0); /* no run was taken for it */
}

static void refuses_an_image_cut_at_every_tenth_byte(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    struct slice whole = slice_of(memcpy(malloc(picture.len), picture.ptr, picture.len), picture.len);
    for (size_t len = 1; len < whole.len; len += 10) {
        if (decode(PNG, slice_first(whole, len)) != VERDICT_FAIL)
            fail_msg("%zu of %zu bytes were taken", len, whole.len);
        assert_int_equal(problem_row(stand.request->problem)->status, 422);
    }
    free((void *)(uintptr_t)whole.ptr);
}

static void refuses_too_many_pixels_from_the_header_alone(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    stand.config->limits.image_pixels = 100;
    assert_int_equal(decode(PNG, picture), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_IMAGE_TOO_LARGE);
    assert_int_equal(problem_row(stand.request->problem)->status, 413);
    assert_int_equal(fake.acquired, 0);
}

static void says_when_the_plan_does_not_fit_the_model(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    fake.info.inputs[0] = SPEC("x", TENSOR_F32, -1, 3, 48, 192);
    decode(PNG, picture);
    expect_problem(&stand, PROBLEM_INTERNAL,
                   "normalize_image does not fit the model: it makes FP32 [1, 3, 4, 6], but the input \"x\" is FP32 "
                   "[-1, 3, 48, 192].");
    fake.info.inputs[0] = SPEC("x", TENSOR_U8, -1, 3, 4, 6);
    decode(PNG, picture);
    expect_problem(&stand, PROBLEM_INTERNAL,
                   "normalize_image does not fit the model: it makes FP32 [1, 3, 4, 6], but the input \"x\" is UINT8 "
                   "[-1, 3, 4, 6].");
    add_normalize("input", "y");
    decode(PNG, picture);
    expect_problem(&stand, PROBLEM_INTERNAL, "normalize_image fills the input \"y\", which the model does not have.");
    add_normalize(NULL, NULL);
    fake.info.input_count = 2;
    decode(PNG, picture);
    expect_problem(&stand, PROBLEM_INTERNAL, "normalize_image fills one input; the model has 2.");
}

static void says_when_the_model_cannot_serve(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    atomic_store(&stand.model_entry.state, MODEL_LOADING);
    decode(PNG, picture);
    expect_problem(&stand, PROBLEM_MODEL_NOT_READY, "The model \"net\" is still loading.");
    assert_int_equal(stand.request->retry_after_s, 2);
    atomic_store(&stand.model_entry.state, MODEL_FAILED);
    decode(PNG, picture);
    expect_problem(&stand, PROBLEM_MODEL_NOT_READY,
                   "The model \"net\" could not be loaded; the server's own messages say why.");
    atomic_store(&stand.model_entry.state, MODEL_READY);
    fake.run.is_out = true;
    decode(PNG, picture);
    fake.run.is_out = false;
    expect_problem(&stand, PROBLEM_OVERLOADED, "The queue of the model \"net\" is full; try again.");
    assert_int_equal(stand.request->retry_after_s, 1);
    assert_int_equal(counter_read(&stand.worker->meter.runs_refused), 1);
}

static void a_request_that_needs_too_much_memory_is_too_large(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    stand.config->inline_pixels = 0;
    stand_begin(&stand, PNG, picture);
    stand.request->arena.limit_bytes = stand.request->arena.used_bytes;
    assert_int_equal(stage_chain(stand.request), VERDICT_NEXT);
    assert_int_equal(stand_run(&stand, stage_decode), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_REQUEST_TOO_LARGE);
}

static void a_worker_without_memory_asks_to_try_again(void **state)
{
    (void)state;
    add_normalize(NULL, NULL);
    stand.config->inline_pixels = 0;
    stand_begin(&stand, PNG, picture);
    assert_int_equal(stage_chain(stand.request), VERDICT_NEXT);
    stand.worker->pool.outstanding_bytes_max = stand.worker->pool.outstanding_bytes;
    assert_int_equal(stand_run(&stand, stage_decode), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, PROBLEM_OUT_OF_MEMORY);
    assert_int_equal(stand.request->retry_after_s, 1);
}

static void refuses_options_that_cannot_be_meant(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        const char *fault;
    } bad[] = {
        {"size", "[0, 4]", "size must be [width, height], each 1 to 16384"},
        {"size", "[4, 99999]", "size must be [width, height], each 1 to 16384"},
        {"mean", "[1, 2]", "mean must hold 1 number or 3, one for each channel; it holds 2"},
        {"std", "[0]", "mean and std must be finite numbers, and std not 0"},
        {"pad", "[256]", "pad must be 0 to 255"},
        {"background", "[1, 2]", "background must be [red, green, blue], each 0 to 255"},
        {"background", "[1, 2, 256]", "background must be [red, green, blue], each 0 to 255"},
        {"channels", "2", "channels must be 1 or 3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(stand_add(&stand, "normalize_image", "size", "[6, 4]", bad[i].key, bad[i].value, NULL),
                         ERR_INVALID);
        assert_string_equal(stand.fault, bad[i].fault);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_the_image_in_every_kind_of_body),
        TEST(finds_the_image_in_a_form),
        TEST(normalises_as_the_options_say),
        TEST(takes_interleaved_bytes),
        TEST(a_large_image_is_decoded_by_the_crew_to_the_same_tensor),
        TEST(the_crew_refuses_what_the_worker_refuses),
        TEST(refuses_other_media_types_before_the_body),
        TEST(refuses_json_that_has_no_image),
        TEST(refuses_base64_with_junk_and_says_where),
        TEST(names_the_configured_field_in_its_pointer),
        TEST(refuses_forms_that_are_broken_or_lack_the_image),
        TEST(refuses_nothing_at_all),
        TEST(refuses_files_that_are_no_image),
        TEST(refuses_an_image_cut_at_every_tenth_byte),
        TEST(refuses_too_many_pixels_from_the_header_alone),
        TEST(says_when_the_plan_does_not_fit_the_model),
        TEST(says_when_the_model_cannot_serve),
        TEST(a_request_that_needs_too_much_memory_is_too_large),
        TEST(a_worker_without_memory_asks_to_try_again),
        TEST(refuses_options_that_cannot_be_meant),
    };
    picture = read_example("upright-2.png");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
