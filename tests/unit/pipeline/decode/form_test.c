/* SPDX-License-Identifier: Apache-2.0 */
/* Forms that are taken apart as they arrive: the same answers as of those that are there at once, and sooner. */
#include "unit/pipeline/stand.h"

#include "lib/image/image.h"

#define HEAD  "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=\"xx\"\r\n"
#define IMAGE "Content-Disposition: form-data; name=\"image\""
#define FILE_ "Content-Disposition: form-data; name=\"f\"; filename=\"a.png\""
#define OTHER "Content-Disposition: form-data; name=\"other\""

static struct stand stand;
static char form[1 << 20];
static size_t form_bytes;
static size_t taken; /* before the answer was known */

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    stand.route.model = &stand.model_entry;
    stand.route.body_bytes_max = sizeof form;
    fake.info.inputs[0] = SPEC("x", TENSOR_F32, -1, 3, 4, 6);
    fake.info.input_count = 1;
    form_bytes = 0;
    return stand_add(&stand, "normalize_image", "size", "[6, 4]", NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

static struct slice read_example(const char *name)
{
    static char memory[1 << 19];
    char path[1000];
    (void)snprintf(path, sizeof path, EXAMPLES_DIR "/images/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    size_t bytes = fread(memory, 1, sizeof memory, file);
    (void)fclose(file);
    return slice_of(memory, bytes);
}

static void add(struct slice bytes)
{
    assert_true(form_bytes + bytes.len <= sizeof form);
    memcpy(form + form_bytes, bytes.ptr, bytes.len);
    form_bytes += bytes.len;
}

static void add_part(const char *head, struct slice data)
{
    add(SLICE_LIT("--xx\r\n"));
    add(slice_of_text(head));
    add(SLICE_LIT("\r\n\r\n"));
    add(data);
    add(SLICE_LIT("\r\n"));
}

static enum verdict decode_at_once(void)
{
    stand_begin(&stand, HEAD, slice_of(form, form_bytes));
    assert_int_equal(stage_chain(stand.request), VERDICT_NEXT);
    assert_int_equal(decode_expect_body(stand.request), VERDICT_NEXT);
    assert_null(stand.request->sink);
    return stand_run(&stand, stage_decode);
}

/* In pieces that are gone after the call, with the length announced or not. */
static enum verdict decode_arriving(size_t step, bool is_chunked)
{
    char head[400];
    (void)snprintf(head, sizeof head, HEAD "%s: %s\r\n", is_chunked ? "Transfer-Encoding" : "Content-Length",
                   is_chunked ? "chunked" : "900000");
    struct request *request = stand_begin(&stand, head, (struct slice){NULL, 0});
    assert_int_equal(stage_chain(request), VERDICT_NEXT);
    enum verdict verdict = decode_expect_body(request);
    if (verdict != VERDICT_NEXT)
        return verdict;
    assert_non_null(request->sink);
    for (taken = 0; taken < form_bytes && !request->problem;) {
        size_t len = MIN(step, form_bytes - taken);
        char *piece = malloc(len);
        assert_non_null(piece);
        memcpy(piece, form + taken, len);
        assert_int_equal(request->sink->write(request->sink, slice_of(piece, len)), len);
        free(piece);
        taken += len;
    }
    if (!request->problem)
        request->sink->end(request->sink);
    return request->problem ? VERDICT_FAIL : stand_run(&stand, stage_decode);
}

/* What came of it, in a form to compare: the problem and its detail, or the tensor. */
static struct slice outcome(enum verdict verdict, char out[1000])
{
    if (verdict == VERDICT_NEXT) {
        const struct tensor *tensor = &fake.run.in[0];
        memcpy(out, tensor->data, tensor->bytes);
        return slice_of(out, tensor->bytes);
    }
    int len =
        snprintf(out, 1000, "%d " SLICE_FMT, (int)stand.request->problem, SLICE_ARG(stand.request->problem_detail));
    return slice_of(out, (size_t)len);
}

static void expect_same(void)
{
    static const size_t steps[] = {1, 7, 100, 4096, sizeof form};
    char first[1000];
    char second[1000];
    struct slice expected = outcome(decode_at_once(), first);
    for (size_t i = form_bytes > 20000 ? 1 : 0; i < ARRAY_LEN(steps); i++)
        for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
            struct slice found = outcome(decode_arriving(steps[i], is_chunked), second);
            if (!slice_equal(expected, found))
                fail_msg("by %zu: %.200s, not %.200s", steps[i], second, first);
        }
}

static void the_image_is_the_same_however_it_arrives(void **state)
{
    (void)state;
    struct slice jpeg = read_example("upright-1.jpg");
    add_part(OTHER, SLICE_LIT("some text"));
    add_part(IMAGE "; filename=\"a.jpg\"\r\nContent-Type: image/jpeg", jpeg);
    add_part("Content-Disposition: form-data; name=\"last\"", SLICE_LIT("--xx is not a delimiter\r\n--x"));
    add(SLICE_LIT("--xx--\r\nepilogue"));
    expect_same();
    assert_int_equal(decode_arriving(1000, true), VERDICT_NEXT);
    form_bytes = 0; /* a file is taken when nothing has the name, and given up for what has it */
    add_part(FILE_, jpeg);
    add(SLICE_LIT("--xx--\r\n"));
    expect_same();
    form_bytes = 0;
    add_part(FILE_, SLICE_LIT("no image"));
    add_part(FILE_, SLICE_LIT("no image"));
    add_part(IMAGE, jpeg);
    add_part(FILE_, SLICE_LIT("no image"));
    add(SLICE_LIT("--xx--\r\n"));
    expect_same();
    assert_int_equal(decode_arriving(1000, false), VERDICT_NEXT);
}

static void what_is_wrong_is_the_same_however_it_arrives(void **state)
{
    (void)state;
    expect_same();
    add_part(OTHER, SLICE_LIT("text"));
    expect_same(); /* no end */
    add(SLICE_LIT("--xx--\r\n"));
    expect_same(); /* no image */
    form_bytes = 0;
    add_part(IMAGE, (struct slice){"", 0});
    add(SLICE_LIT("--xx--\r\n"));
    expect_same();
    form_bytes = 0;
    add_part(IMAGE, SLICE_LIT("GIF89a and so on, and so on"));
    add(SLICE_LIT("--xx--\r\n"));
    expect_same();
    form_bytes = 0;
    add_part(FILE_, SLICE_LIT("GIF89a and so on, and so on"));
    add(SLICE_LIT("--xx--\r\n"));
    expect_same();
    form_bytes = 0;
    add_part(IMAGE, read_example("upright-1.jpg"));
    add_part(IMAGE, read_example("upright-1.jpg"));
    add(SLICE_LIT("--xx--\r\n"));
    expect_same();
    form_bytes = 0;
    for (int i = 0; i < 5; i++)
        add_part(OTHER, SLICE_LIT("a"));
    expect_same();
    form_bytes = 0;
    add_part("no colon", SLICE_LIT("a"));
    expect_same();
    form_bytes = 0;
    add_part(IMAGE "\r\nContent-Transfer-Encoding: base64", SLICE_LIT("abc"));
    expect_same();
    form_bytes = 0;
    add_part(IMAGE "\r\nContent-Type: text/html", SLICE_LIT("<p>"));
    expect_same();
    expect_problem(&stand, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                   "The part \"image\" is \"text/html\"; an image is expected.");
}

/* A form with 500 KB behind what is wrong in it. */
static void refuse_early(enum problem problem)
{
    memset(form + form_bytes, 'x', 500000);
    form_bytes += 500000;
    assert_int_equal(decode_arriving(1000, true), VERDICT_FAIL);
    assert_int_equal(stand.request->problem, problem);
    assert_in_range(taken, 1, 20000);
    form_bytes = 0;
}

static void what_is_wrong_is_answered_before_the_rest_has_come(void **state)
{
    (void)state;
    add_part(IMAGE "\r\nContent-Type: application/pdf", (struct slice){"", 0});
    refuse_early(PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    add_part(IMAGE, SLICE_LIT("%PDF-1.7 and what follows of it"));
    refuse_early(PROBLEM_INVALID_IMAGE);
    assert_true(counter_read(&stand.worker->meter.images_refused) > 0);
    for (int i = 0; i < 5; i++)
        add_part(OTHER, SLICE_LIT("a"));
    refuse_early(PROBLEM_INVALID_MULTIPART);
    add_part(IMAGE, SLICE_LIT("a"));
    add_part(IMAGE, SLICE_LIT("a"));
    refuse_early(PROBLEM_INVALID_MULTIPART);
    stand.config->limits.image_pixels = 100;
    add_part(IMAGE, slice_first(read_example("upright-1.jpg"), 1500));
    form_bytes -= 2; /* the image goes on */
    refuse_early(PROBLEM_IMAGE_TOO_LARGE);
}

/* Of a form of 900 KB that is announced, only the image is held. */
static void only_the_part_that_is_meant_takes_memory(void **state)
{
    (void)state;
    static char noise[300000];
    add_part(OTHER, slice_of(noise, sizeof noise));
    add_part(OTHER, slice_of(noise, sizeof noise));
    add_part(IMAGE, read_example("upright-1.jpg"));
    add(SLICE_LIT("--xx--\r\n"));
    assert_int_equal(decode_arriving(4096, true), VERDICT_NEXT);
    assert_true(stand.request->arena.used_bytes < 250000);
}

static void small_and_other_bodies_are_collected(void **state)
{
    (void)state;
    static const char *const heads[] = {
        HEAD "Content-Length: 16384\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        stand_begin(&stand, heads[i], (struct slice){NULL, 0});
        assert_int_equal(stage_chain(stand.request), VERDICT_NEXT);
        assert_int_equal(decode_expect_body(stand.request), VERDICT_NEXT);
        assert_null(stand.request->sink);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_image_is_the_same_however_it_arrives),
        TEST(what_is_wrong_is_the_same_however_it_arrives),
        TEST(what_is_wrong_is_answered_before_the_rest_has_come),
        TEST(only_the_part_that_is_meant_takes_memory),
        TEST(small_and_other_bodies_are_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
