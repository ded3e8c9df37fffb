/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
static const struct chunked_limits limits = {.body_bytes_max = 100, .extension_bytes_max = 20, .trailer_bytes_max = 30};

struct outcome {
    enum err err;
    enum http1_fault fault;
    char body[256];
    size_t body_len;
    size_t consumed;
    bool is_done;
};

/* In pieces of `step` after a first one; each decoded in an exact copy. */
static void decode(struct slice input, size_t first, size_t step, struct outcome *out)
{
    struct chunked chunked;
    chunked_init(&chunked, &limits);
    memset(out, 0, sizeof *out);
    size_t len = MIN(first, input.len);
    while (out->err == ERR_OK && !out->is_done) {
        struct chunked_result result = {0};
        char *piece = malloc(len ? len : 1);
        assert_non_null(piece);
        memcpy(piece, input.ptr + out->consumed, len);
        out->err = chunked_decode(&chunked, piece, len, &result);
        if (out->err == ERR_OK) {
            assert_true(result.is_done || result.consumed == len);
            memcpy(out->body + out->body_len, piece, result.produced);
            out->body_len += result.produced;
            out->consumed += result.consumed;
            out->is_done = result.is_done;
        }
        free(piece);
        len = MIN(step, input.len - out->consumed);
        if (len == 0)
            break;
    }
    out->fault = chunked.fault;
}

static const struct {
    const char *input;
    const char *body;
    const char *rest;
} accepted[] = {
    {"0\r\n\r\n", "", ""},
    {"5\r\nhello\r\n0\r\n\r\nGET /", "hello", "GET /"},
    {"5\r\nhello\r\n00006\r\n world\r\n000\r\n\r\n", "hello world", ""},
    {"A\r\n0123456789\r\na\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", "0123456789\r\n\r\n\r\n\r\n\r\n", ""},
    {"1;a\r\nx\r\n0;b=c\r\n\r\n", "x", ""},
    {"1 ; a = \"b;\\\"\" ;c\r\nx\r\n0\r\n\r\n", "x", ""},
    {"0000000000000001\r\nx\r\n0000000000000000\r\n\r\n", "x", ""},
    {"0\r\nA: b\r\nC:\r\n\r\nx", "", "x"},
};

static const struct {
    const char *input;
    enum http1_fault fault;
} refused[] = {
    {"\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {"\n", HTTP1_FAULT_BARE_LF},
    {"x", HTTP1_FAULT_CHUNK_SIZE},
    {"-1\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {"+1\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {"0x1\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {" 1\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {"1_0\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {"00000000000000001\r\n", HTTP1_FAULT_CHUNK_SIZE},
    {"ffffffffffffffff\r\n", HTTP1_FAULT_BODY_TOO_LARGE},
    {"65\r\n", HTTP1_FAULT_BODY_TOO_LARGE},
    {"1\r\nx\r\n64\r\n", HTTP1_FAULT_BODY_TOO_LARGE},
    {"1\nx\r\n", HTTP1_FAULT_BARE_LF},
    {"1;a\nx\r\n", HTTP1_FAULT_BARE_LF},
    {"1\rx\r\n", HTTP1_FAULT_BARE_CR},
    {"1\r\nxy\r\n", HTTP1_FAULT_CHUNK_END},
    {"1\r\nx\n", HTTP1_FAULT_BARE_LF},
    {"1\r\nx\r0", HTTP1_FAULT_BARE_CR},
    {"1 \r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;\r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a=\r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a \r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a=\"b\r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a=\"\x01\"\r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a=\"b\"c\r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a\rb\r\n", HTTP1_FAULT_BARE_CR},
    {"1;=b\r\n", HTTP1_FAULT_CHUNK_EXTENSION},
    {"1;a01234567890123456789\r\n", HTTP1_FAULT_CHUNK_EXTENSIONS_TOO_LONG},
    {"1;a01234567\r\nx\r\n1;a0123456789\r\n", HTTP1_FAULT_CHUNK_EXTENSIONS_TOO_LONG},
    {"0\r\nA\r\n", HTTP1_FAULT_TRAILER_INVALID},
    {"0\r\n: b\r\n", HTTP1_FAULT_TRAILER_INVALID},
    {"0\r\nA : b\r\n", HTTP1_FAULT_TRAILER_INVALID},
    {"0\r\nA: b\r\n c\r\n\r\n", HTTP1_FAULT_TRAILER_INVALID},
    {"0\r\nA: \x01\r\n\r\n", HTTP1_FAULT_TRAILER_INVALID},
    {"0\r\nA: b\n\r\n", HTTP1_FAULT_BARE_LF},
    {"0\r\n\n", HTTP1_FAULT_BARE_LF},
    {"0\r\nA: b\rc\r\n", HTTP1_FAULT_BARE_CR},
    {"0\r\n\rx", HTTP1_FAULT_BARE_CR},
    {"0\r\nA: 0123456789012345678901234567\r\n", HTTP1_FAULT_TRAILERS_TOO_LARGE},
};

static void decodes_and_leaves_what_follows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct slice input = slice_of_text(accepted[i].input);
        struct outcome out;
        decode(input, input.len, 1, &out);
        assert_int_equal(out.err, ERR_OK);
        assert_true(out.is_done);
        assert_true(slice_is(slice_of(out.body, out.body_len), accepted[i].body));
        assert_true(slice_is(slice_skip(input, out.consumed), accepted[i].rest));
    }
}

static void refuses_each_fault_by_name(void **state)
{
    (void)state;
    bool is_seen[HTTP1_FAULT_COUNT] = {false};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct slice input = slice_of_text(refused[i].input);
        struct outcome out;
        decode(input, input.len, 1, &out);
        if (out.fault != refused[i].fault)
            fail_msg("%s: got %s", refused[i].input, http1_fault_name(out.fault));
        assert_int_equal(out.err, http1_fault_err(out.fault));
        is_seen[out.fault] = true;
    }
    for (int fault = HTTP1_FAULT_CHUNK_SIZE; fault < HTTP1_FAULT_STATUS_LINE_INVALID; fault++)
        if (!is_seen[fault])
            fail_msg("no input shows %s", http1_fault_name((enum http1_fault)fault));
}

static void expect_split_invariance(const char *text)
{
    struct slice input = slice_of_text(text);
    struct outcome whole, split;
    decode(input, input.len, 1, &whole);
    for (size_t at = 0; at <= input.len; at++) {
        decode(input, at ? at : 1, at ? input.len : 1, &split);
        assert_int_equal(split.err, whole.err);
        assert_int_equal(split.fault, whole.fault);
        if (whole.err != ERR_OK)
            continue;
        assert_int_equal(split.consumed, whole.consumed);
        assert_true(slice_equal(slice_of(split.body, split.body_len), slice_of(whole.body, whole.body_len)));
    }
}

static void gives_one_outcome_however_the_bytes_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        expect_split_invariance(accepted[i].input);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        expect_split_invariance(refused[i].input);
}

static void takes_a_body_of_exactly_the_limit(void **state)
{
    (void)state;
    char input[256] = "64\r\n";
    struct outcome out;
    memset(input + 4, 'x', 100);
    memcpy(input + 104, "\r\n0\r\n\r\n", 7);
    decode(slice_of(input, 111), 111, 1, &out);
    assert_true(out.err == ERR_OK && out.is_done && out.body_len == 100);
}

static void stays_done_and_stays_refused(void **state)
{
    (void)state;
    struct chunked chunked;
    struct chunked_result result;
    char done[] = "0\r\n\r\n";
    char more[] = "1\r\nx\r\n";
    char bad[] = "?";
    chunked_init(&chunked, &limits);
    assert_int_equal(chunked_decode(&chunked, done, 5, &result), ERR_OK);
    assert_int_equal(chunked_decode(&chunked, more, 6, &result), ERR_OK);
    assert_true(result.is_done && result.consumed == 0 && result.produced == 0);
    chunked_init(&chunked, &limits);
    assert_int_equal(chunked_decode(&chunked, bad, 1, &result), ERR_SYNTAX);
    assert_int_equal(chunked_decode(&chunked, more, 6, &result), ERR_SYNTAX);
}

static void formats_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        const char *text;
    } rows[] = {{1, "1\r\n"},         {15, "f\r\n"},          {16, "10\r\n"},
                {0x1234, "1234\r\n"}, {0x12345, "12345\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"},
                {0, "0\r\n"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[CHUNKED_SIZE_BYTES_MAX];
        assert_true(slice_is(slice_of(out, chunked_format_size(out, rows[i].size)), rows[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_and_leaves_what_follows),
        cmocka_unit_test(refuses_each_fault_by_name),
        cmocka_unit_test(gives_one_outcome_however_the_bytes_are_split),
        cmocka_unit_test(takes_a_body_of_exactly_the_limit),
        cmocka_unit_test(stays_done_and_stays_refused),
        cmocka_unit_test(formats_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
