/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/sse.h"

#include "lib/base/text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENT_MAX 200

struct outcome {
    enum err err;
    bool is_within;
    char log[2048];
};

static void note(struct text *log, const struct sse_event *event)
{
    text_add(log, SLICE_LIT("["));
    text_add(log, event->type);
    if (event->has_data) {
        text_add(log, SLICE_LIT("|"));
        text_add(log, event->data);
    }
    if (event->id.ptr) {
        text_add(log, SLICE_LIT("#"));
        text_add(log, event->id);
    }
    if (event->has_retry)
        text_printf(log, "~%" PRIu64, event->retry_ms);
    text_add(log, SLICE_LIT("]"));
}

/* Feeds pieces of `step` bytes after a first one, each in an exact copy that lives until the next. */
static void parse(struct slice stream, size_t first, size_t step, struct outcome *out)
{
    struct pool pool;
    struct sse sse;
    struct text log = text_init(out->log, sizeof out->log);
    pool_init(&pool, 1 << 16, 1 << 20);
    sse_init(&sse, &pool, EVENT_MAX);
    out->err = ERR_AGAIN;
    for (size_t at = 0, len = MIN(first, stream.len); len > 0 && out->err == ERR_AGAIN;
         at += len, len = MIN(step, stream.len - at)) {
        char *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, stream.ptr + at, len);
        struct slice piece = slice_of(copy, len);
        struct sse_event event;
        while ((out->err = sse_next(&sse, &piece, &event)) == ERR_OK)
            note(&log, &event);
        assert_true(out->err != ERR_AGAIN || piece.len == 0);
        free(copy);
    }
    out->is_within = sse_is_within_event(&sse);
    assert_false(log.is_cut);
    sse_deinit(&sse);
    assert_int_equal(pool.outstanding_bytes, 0);
    pool_deinit(&pool);
}

static const struct {
    const char *stream;
    const char *log;
} streams[] = {
    {"data: a\n\n", "[|a]"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "[|a][|b]"},
    {"data: a\r\rdata: b\r\r", "[|a][|b]"},
    {"data: a\r\n\rdata: b\n\r\n", "[|a][|b]"},
    {"data: a\n\r\ndata: b\r\n\n", "[|a][|b]"},
    /* The examples of section 9.2.6. */
    {"data: YHOO\ndata: +2\ndata: 10\n\n", "[|YHOO\n+2\n10]"},
    {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
     "[|first event#1][|second event#]"},
    {"data\n\ndata\ndata\n\ndata:", "[|][|\n]"},
    {"data:test\n\ndata: test\n\n", "[|test][|test]"},
    /* Fields. */
    {"event: add\ndata: 1\n\n", "[add|1]"},
    {"data: 1\nevent: add\ndata: 2\nid: x\ndata: 3\n\n", "[add|1\n2\n3#x]"},
    {"event: lone\n\n", "[lone]"},
    {"retry: 1500\n\n", "[~1500]"},
    {"retry: 15s\n\n", ""},
    {"retry:\n\n", ""},
    {"retry: 99999999999999999999999999\ndata: x\n\n", "[|x~18446744073709551615]"},
    {"unknown: 1\n\n", ""},
    {"datas: 1\ndata : 2\n Data: 3\nDATA: 4\n\n", ""},
    {"data: a: b\n\n", "[|a: b]"},
    {"data:\ta\n\n", "[|\ta]"},
    {"event: one\nevent: two\ndata: x\n\n", "[two|x]"},
    /* Comments. */
    {":\n:\n: still here\n\n:\ndata: x\n:\n\n", "[|x]"},
    {": a comment\r: another\r\rdata: x\r\r", "[|x]"},
    /* A byte order mark, once and whole. */
    {"\xef\xbb\xbf"
     "data: x\n\n",
     "[|x]"},
    {"\xef\xbb\xbf\xef\xbb\xbf"
     "data: x\n\ndata: y\n\n",
     "[|y]"},
    {"\xef\xbb"
     "data: x\n\ndata: y\n\n",
     "[|y]"},
    {"\n\n\n\ndata: x\n\n\n\n", "[|x]"},
    {"\r\n\r\n", ""},
};

static void reads_events_however_they_are_cut(void **state)
{
    (void)state;
    struct outcome out;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct slice stream = slice_of_text(streams[i].stream);
        for (size_t first = 1; first <= stream.len; first++)
            for (size_t step = 1; step <= stream.len; step++) {
                parse(stream, first, step, &out);
                assert_string_equal(out.log, streams[i].log);
                assert_int_equal(out.err, ERR_AGAIN);
            }
    }
}

static void takes_no_id_with_a_nul(void **state)
{
    (void)state;
    struct outcome out;
    struct slice stream = SLICE_LIT("id: a\0b\ndata: x\n\n");
    for (size_t first = 1; first <= stream.len; first++) {
        parse(stream, first, stream.len, &out);
        assert_string_equal(out.log, "[|x]");
    }
}

static void says_that_an_event_is_not_over(void **state)
{
    (void)state;
    struct outcome out;
    static const struct {
        const char *stream;
        bool is_within;
    } rows[] = {
        {"data: a\n\n", false}, {"data: a\n", true}, {"data: a\n\ndata", true}, {"data: a\r\n\r", false}, {"", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t first = 1; first <= strlen(rows[i].stream) + 1; first++) {
            parse(slice_of_text(rows[i].stream), first, 3, &out);
            assert_int_equal(out.is_within, rows[i].is_within);
        }
}

static void refuses_an_event_beyond_the_limit(void **state)
{
    (void)state;
    struct outcome out;
    char stream[3 * EVENT_MAX];
    memset(stream, 'x', sizeof stream);
    memcpy(stream, "data:", 5);
    for (size_t len = EVENT_MAX - 1; len <= EVENT_MAX + 1; len++) {
        memcpy(stream + len - 1, "\n\n", 2);
        for (size_t first = 1; first <= len + 1; first++) {
            parse(slice_of(stream, len + 1), first, 7, &out);
            assert_int_equal(out.err, len <= EVENT_MAX ? ERR_AGAIN : ERR_LIMIT);
        }
        memset(stream + len - 1, 'x', 2);
    }
    /* Also one that never ends. */
    for (size_t first = 1; first < sizeof stream; first += 13) {
        parse(slice_of(stream, sizeof stream), first, 50, &out);
        assert_int_equal(out.err, ERR_LIMIT);
    }
}

static void lives_on_comments_for_ever(void **state)
{
    (void)state;
    struct outcome out;
    char stream[20 * EVENT_MAX];
    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = ": ping\n"[i % 7];
    for (size_t step = 1; step < 30; step++) {
        parse(slice_of(stream, sizeof stream), 1, step, &out);
        assert_int_equal(out.err, ERR_AGAIN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events_however_they_are_cut), cmocka_unit_test(takes_no_id_with_a_nul),
        cmocka_unit_test(says_that_an_event_is_not_over),    cmocka_unit_test(refuses_an_event_beyond_the_limit),
        cmocka_unit_test(lives_on_comments_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
