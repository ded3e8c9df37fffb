/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/multipart.h"

#include "lib/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#define HEAD_MAX 200

struct outcome {
    enum err err;
    char log[2048]; /* what happened, data of one part joined */
    size_t data_events;
};

static void note(struct text *log, const struct multipart_event *event, enum multipart_event_kind before)
{
    const struct multipart_part *part = &event->part;
    switch (event->kind) {
    case MULTIPART_PART_BEGIN:
        text_printf(log, "[" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT "|%d", SLICE_ARG(part->name),
                    SLICE_ARG(part->filename), SLICE_ARG(part->content_type), part->has_filename);
        break;
    case MULTIPART_PART_DATA:
        assert_true(event->data.len > 0);
        if (before != MULTIPART_PART_DATA)
            text_add(log, SLICE_LIT(" "));
        text_add(log, event->data);
        break;
    case MULTIPART_PART_END:
        text_add(log, SLICE_LIT("]"));
        break;
    case MULTIPART_END:
        text_add(log, SLICE_LIT("."));
        break;
    }
}

/* Feeds pieces of `step` bytes after a first one, each in an exact copy that lives until the next. */
static void parse(struct slice body, size_t first, size_t step, struct outcome *out)
{
    char head[HEAD_MAX];
    struct multipart multipart;
    struct multipart_config config = {
        .boundary = SLICE_LIT("b"), .head_memory = head, .head_bytes_max = sizeof head, .part_count_max = 3};
    struct text log = text_init(out->log, sizeof out->log);
    enum multipart_event_kind before = MULTIPART_END;
    assert_int_equal(multipart_init(&multipart, &config), ERR_OK);
    out->data_events = 0;
    size_t at = 0;
    size_t len = MIN(first, body.len);
    do {
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, body.ptr + at, len);
        struct slice piece = slice_of(copy, len);
        struct multipart_event event;
        while ((out->err = multipart_next(&multipart, &piece, &event)) == ERR_OK) {
            note(&log, &event, before);
            out->data_events += event.kind == MULTIPART_PART_DATA;
            before = event.kind;
        }
        free(copy);
        at += len;
        len = MIN(step, body.len - at);
    } while (len > 0 && (out->err == ERR_AGAIN || out->err == ERR_EOF));
    assert_false(log.is_cut);
}

#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static const struct {
    const char *body;
    const char *log;
} accepted[] = {
    {"--b\r\n" PART("a") "1\r\n--b--\r\n", "[a|||0 1]."},
    {"--b\r\n" PART("a") "\r\n--b--", "[a|||0]."},
    {"--b--\r\n", "."},
    {"\r\n--b\r\n" PART("a") "1\r\n--b\r\n" PART("c") "2\r\n--b--epilogue\r\n--b\r\n", "[a|||0 1][c|||0 2]."},
    {"preamble --b\r\n\r--\r\n--b \t\r\n" PART("a") "1\r\n--b--", "[a|||0 1]."},
    {"--b\r\n" PART("a") "\r\n-\r\n--\r\r\n-b\n--b\r\n--b--", "[a|||0 \r\n-\r\n--\r\r\n-b\n--b]."},
    {"--b\r\n" PART("a") "--b\r\n--b--", "[a|||0 --b]."},
    /* curl -F */
    {"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x \\\"y\\\\.png\"\r\nContent-Type: "
     "image/png\r\n\r\n"
     "\x89PNG\r\n\r\n--b--\r\n",
     "[f|x \"y\\.png|image/png|1 \x89PNG\r\n]."},
    /* browsers: no escape but %22 */
    {"--b\r\ncontent-disposition:form-data;name=f;filename=\"\"\r\ncontent-type: "
     "application/octet-stream\r\n\r\n\r\n--b--",
     "[f||application/octet-stream|1]."},
    /* python-requests with a name beyond ASCII */
    {"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=utf-8''%C3%A9.png\r\n\r\nx\r\n--b--",
     "[f|\xc3\xa9.png||1 x]."},
    {"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=utf-8''b; filename=a\r\n\r\nx\r\n--b--",
     "[f|a||1 x]."},
    {"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=koi8-r''b\r\n\r\nx\r\n--b--", "[f|||1 x]."},
    {"--b\r\nContent-Transfer-Encoding: binary\r\nX-Other: 1\r\n" PART("a") "x\r\n--b--", "[a|||0 x]."},
};

static const struct {
    const char *body;
    enum err err;
} refused[] = {
    {"--b\n" PART("a"), ERR_SYNTAX},
    {"--bb\r\n" PART("a"), ERR_SYNTAX},
    {"--b\rx", ERR_SYNTAX},
    {"--b-\r\n", ERR_SYNTAX},
    {"--b --\r\n", ERR_SYNTAX},
    {"--b\r\n\r\nx", ERR_SYNTAX},
    {"--b\r\nA: b\r\n\r\nx", ERR_SYNTAX},
    {"--b\r\nA\r\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nA: b\r\n c\r\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nA: b\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nA: \x01\r\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nA : b\r\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=a; filename*=x\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=a; filename*=utf-8''%0\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=a; filename*=utf-8''%00\r\n\r\n", ERR_SYNTAX},
    {"--b\r\nContent-Disposition: form-data; name=a\r\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n" PART("a"), ERR_SYNTAX},
    {"--b\r\nContent-Transfer-Encoding: base64\r\n" PART("a"), ERR_UNSUPPORTED},
    {"--b\r\n" PART("a") "1\r\n--b\r\n" PART("a") "1\r\n--b\r\n" PART("a") "1\r\n--b\r\n" PART("a") "1\r\n--b--",
     ERR_LIMIT},
    {"--b\r\nA: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n",
     ERR_LIMIT},
};

static const char *const truncated[] = {
    "", "x", "--b", "--b\r\n", "--b\r\n" PART("a"), "--b\r\n" PART("a") "x\r\n--b", "--b\r\n" PART("a") "x\r\n--b-"};

static void tells_parts_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct outcome out;
        struct slice body = slice_of_text(accepted[i].body);
        parse(body, body.len, 1, &out);
        if (out.err != ERR_EOF || strcmp(out.log, accepted[i].log) != 0)
            fail_msg("%s: %s, %s", accepted[i].body, err_name(out.err), out.log);
    }
}

static void refuses_malformed_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct outcome out;
        struct slice body = slice_of_text(refused[i].body);
        parse(body, body.len, 1, &out);
        if (out.err != refused[i].err)
            fail_msg("%s: %s, %s", refused[i].body, err_name(out.err), out.log);
    }
}

static void asks_for_more_before_the_closing_delimiter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(truncated); i++) {
        struct outcome out;
        struct slice body = slice_of_text(truncated[i]);
        parse(body, body.len, 1, &out);
        assert_int_equal(out.err, ERR_AGAIN);
    }
}

static void expect_split_invariance(struct slice body)
{
    struct outcome whole, split;
    parse(body, body.len, 1, &whole);
    for (size_t at = 0; at <= body.len; at++) {
        parse(body, at ? at : 1, at ? body.len : 1, &split);
        assert_int_equal(split.err, whole.err);
        assert_string_equal(split.log, whole.log);
    }
}

static void gives_the_same_parts_however_the_bytes_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        expect_split_invariance(slice_of_text(accepted[i].body));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        expect_split_invariance(slice_of_text(refused[i].body));
}

static void gives_a_part_of_a_whole_body_in_one_slice(void **state)
{
    (void)state;
    struct outcome out;
    struct slice body = SLICE_LIT("--b\r\n" PART("a") "\r\n--\r\n-\r\r\n--a\r\n--b--\r\n");
    parse(body, body.len, 1, &out);
    assert_int_equal(out.err, ERR_EOF);
    assert_int_equal(out.data_events, 1);
}

static void checks_the_boundary(void **state)
{
    (void)state;
    static const struct {
        const char *boundary;
        enum err err;
    } rows[] = {
        {"", ERR_SYNTAX},
        {"a ", ERR_SYNTAX},
        {"a\r", ERR_SYNTAX},
        {"a\"", ERR_SYNTAX},
        {"a;b", ERR_SYNTAX},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", ERR_OK},
        {"01234567890123456789012345678901234567890123456789012345678901234567890", ERR_SYNTAX},
        {"----WebKitFormBoundary7MA4YWxkTrZu0gW", ERR_OK},
        {"a b'()+_,-./:=?", ERR_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[HEAD_MAX];
        struct multipart multipart;
        struct multipart_config config = {
            .boundary = slice_of_text(rows[i].boundary), .head_memory = head, .head_bytes_max = sizeof head};
        assert_int_equal(multipart_init(&multipart, &config), rows[i].err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_parts_apart),
        cmocka_unit_test(refuses_malformed_bodies),
        cmocka_unit_test(asks_for_more_before_the_closing_delimiter),
        cmocka_unit_test(gives_the_same_parts_however_the_bytes_are_split),
        cmocka_unit_test(gives_a_part_of_a_whole_body_in_one_slice),
        cmocka_unit_test(checks_the_boundary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
