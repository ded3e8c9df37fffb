/* SPDX-License-Identifier: Apache-2.0 */
#include "load/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS 1000000ULL

struct fixture {
    struct load_streams *streams;
    struct load_stream_series *series;
    struct load_step step;
    struct load_stream stream;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->series = calloc(1, sizeof *fixture->series);
    assert_non_null(fixture->series);
    assert_int_equal(load_streams_create(&fixture->streams), ERR_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    load_stream_drop(&fixture->stream);
    load_streams_destroy(fixture->streams);
    free(fixture->series);
    free(fixture);
    return 0;
}

/* Due at 100 ms. */
static void begin(struct fixture *fixture)
{
    load_stream_begin(&fixture->stream, fixture->streams, &fixture->step, 100 * MS, fixture->series);
}

static bool take(struct fixture *fixture, const char *text, uint64_t at_ms)
{
    return load_stream_take(&fixture->stream, slice_of_text(text), at_ms * MS);
}

/* Sent at 110 ms. */
static enum load_failure end(struct fixture *fixture, uint64_t at_ms)
{
    return load_stream_end(&fixture->stream, 110 * MS, at_ms * MS);
}

#define TOKEN(text)                                                                                                    \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]}\n\n"
#define ROLE                                                                                                           \
    "data: "                                                                                                           \
    "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE(input, output)                                                                                           \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" #input ",\"completion_tokens\":" #output "}}\n\n"
#define DONE "data: [DONE]\n\n"

static void times_tokens_of_a_chat_completion(void **state)
{
    struct fixture *fixture = *state;
    struct load_stream_series *series = fixture->series;
    begin(fixture);
    assert_true(take(fixture, ROLE, 120));
    assert_true(take(fixture, TOKEN("a"), 150));
    assert_true(take(fixture, TOKEN("b"), 160));
    assert_true(take(fixture, TOKEN("c"), 180));
    assert_true(take(fixture, STOP USAGE(7, 5) DONE, 190));
    assert_int_equal(end(fixture, 210), LOAD_FAILURE_NONE);
    assert_int_equal(hdr_count(&series->first_token), 1);
    assert_int_equal(hdr_max_ns(&series->first_token), 50 * MS);
    assert_int_equal(hdr_count(&series->between_tokens), 2);
    assert_int_equal(hdr_sum_ns(&series->between_tokens), 30 * MS);
    assert_int_equal(hdr_max_ns(&series->per_token), 30 * MS / 4); /* five tokens, says the server, in three events */
    assert_int_equal(hdr_max_ns(&series->normalized), 100 * MS / 5);
    assert_int_equal(counter_read(&series->tokens), 5);
    assert_int_equal(counter_read(&series->input_tokens), 7);
    assert_int_equal(counter_read(&series->events), 3);
    assert_int_equal(counter_read(&series->bunched), 0);
    assert_int_equal(counter_read(&series->good), 1);
}

static void counts_events_as_tokens_without_usage(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(take(fixture, TOKEN("a"), 150));
    assert_true(take(fixture, TOKEN("b"), 170));
    assert_true(take(fixture, STOP, 170));
    assert_int_equal(end(fixture, 170), LOAD_FAILURE_NONE);
    assert_int_equal(counter_read(&fixture->series->tokens), 2);
    assert_int_equal(hdr_max_ns(&fixture->series->per_token), 20 * MS);
}

static void counts_events_that_came_at_one(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(take(fixture, TOKEN("a"), 150));
    assert_true(take(fixture, TOKEN("b") TOKEN("c") TOKEN("d"), 180));
    assert_true(take(fixture, TOKEN("e"), 190));
    assert_true(take(fixture, STOP DONE, 200));
    assert_int_equal(end(fixture, 200), LOAD_FAILURE_NONE);
    assert_int_equal(counter_read(&fixture->series->bunched), 2);
    assert_int_equal(hdr_count(&fixture->series->between_tokens), 4);
    assert_int_equal(hdr_sum_ns(&fixture->series->between_tokens), 40 * MS);
    assert_int_equal(hdr_min_ns(&fixture->series->between_tokens), 0);
}

static void counts_thoughts_and_tool_calls_as_content(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[] = {
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\",\"content\":null}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"refusal\":\"no\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"text\":\"completion\"}]}\n\n",
        "data: {\"choices\":[{\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"x\"}}]}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"x\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"x\"}}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n",
        "data: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"x\"}\n\n",
        "data: some text\n\n",
        "event: line\ndata: {\"text\":\"x\"}\n\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(fixture);
        assert_true(take(fixture, rows[i], 150));
        assert_int_equal(fixture->stream.events, 1);
        load_stream_drop(&fixture->stream);
    }
}

static void counts_nothing_else_as_content(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[] = {
        ROLE,
        STOP,
        USAGE(1, 2),
        DONE,
        ": ping\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\",\"tool_calls\":[],\"function_call\":null}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":7}}]}\n\n",
        "data: {\"choices\":[7,null,\"x\",{\"delta\":7}]}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"x\"}}\n\n",
        "data: {\"type\":\"response.created\"}\n\n",
        "event: done\ndata: {\"count\":3}\n\n",
        "event: lone\n\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(fixture);
        assert_true(take(fixture, rows[i], 150));
        assert_int_equal(fixture->stream.events, 0);
        load_stream_drop(&fixture->stream);
    }
    assert_int_equal(hdr_count(&fixture->series->first_token), 0);
}

static void reads_messages_of_anthropic(void **state)
{
    struct fixture *fixture = *state;
    struct load_stream_series *series = fixture->series;
    begin(fixture);
    assert_true(
        take(fixture,
             "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,"
             "\"output_tokens\":1}}}\n\n"
             "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0}\n\n",
             120));
    assert_true(take(fixture,
                     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
                     "\"text_delta\",\"text\":\"Hello\"}}\n\n",
                     140));
    assert_true(take(fixture,
                     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                     "\"usage\":{\"output_tokens\":15}}\n\n",
                     150));
    assert_true(take(fixture, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", 150));
    assert_int_equal(end(fixture, 150), LOAD_FAILURE_NONE);
    assert_int_equal(hdr_max_ns(&series->first_token), 40 * MS);
    assert_int_equal(counter_read(&series->tokens), 15);
    assert_int_equal(counter_read(&series->input_tokens), 25);
}

static void reads_responses_of_openai(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(take(fixture, "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n", 150));
    assert_true(take(fixture,
                     "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,"
                     "\"output_tokens\":9}}}\n\n",
                     160));
    assert_int_equal(end(fixture, 160), LOAD_FAILURE_NONE);
    assert_int_equal(counter_read(&fixture->series->tokens), 9);
}

static void takes_events_of_any_other_kind(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(take(fixture, "event: line\ndata: {\"text\":\"a\"}\n\n", 150));
    assert_true(take(fixture, "event: line\ndata: {\"text\":\"b\"}\n\n", 170));
    assert_true(take(fixture, "event: done\ndata: {\"count\":2}\n\n", 180));
    assert_int_equal(end(fixture, 180), LOAD_FAILURE_NONE);
    assert_int_equal(counter_read(&fixture->series->tokens), 2);
}

static void fails_a_stream_without_its_end_or_with_an_error(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[] = {
        "",
        TOKEN("a"),
        TOKEN("a") USAGE(1, 1),
        TOKEN("a") "data: {\"error\":{\"message\":\"out of memory\"}}\n\n" DONE,
        "data: {\"object\":\"error\",\"message\":\"x\"}\n\n" DONE,
        TOKEN("a") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n" DONE,
        TOKEN("a") "data: {\"choices\":[{\"delta\":\n\n" DONE,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        "data: {\"type\":\"error\",\"message\":\"x\"}\n\n",
        "data: {\"type\":\"response.failed\"}\n\n",
        "event: line\ndata: a\n\nevent: error\ndata: {}\n\n",
        "event: line\ndata: a\n\nevent: li",
        ": ping\n\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(fixture);
        (void)take(fixture, rows[i], 150);
        assert_int_equal(end(fixture, 160), LOAD_FAILURE_STREAM);
    }
    assert_int_equal(counter_read(&fixture->series->good), 0);
    assert_int_equal(counter_read(&fixture->series->tokens), 0);
}

static void says_at_once_that_a_stream_can_only_fail(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(take(fixture, TOKEN("a"), 150));
    assert_false(take(fixture, "data: {\"error\":{\"message\":\"x\"}}\n\n", 160));
    assert_false(take(fixture, TOKEN("b"), 170));
    assert_int_equal(hdr_count(&fixture->series->between_tokens), 0);
}

static void holds_goodput_to_each_bound(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint64_t first_ms, token_ms, total_ms;
        bool is_good;
    } rows[] = {{0, 0, 0, true},   {50, 0, 0, true},   {49, 0, 0, false},   {0, 20, 0, true},    {0, 19, 0, false},
                {0, 0, 110, true}, {0, 0, 109, false}, {50, 20, 110, true}, {50, 19, 110, false}};
    uint64_t good = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture->step.slo_first_token_ns = rows[i].first_ms * MS;
        fixture->step.slo_token_ns = rows[i].token_ms * MS;
        fixture->step.slo_total_ns = rows[i].total_ms * MS;
        begin(fixture);
        assert_true(take(fixture, TOKEN("a"), 150));
        assert_true(take(fixture, TOKEN("b"), 160));
        assert_true(take(fixture, TOKEN("c") STOP DONE, 190));
        assert_int_equal(end(fixture, 210), LOAD_FAILURE_NONE);
        good += rows[i].is_good;
        assert_int_equal(counter_read(&fixture->series->good), good);
    }
}

static void records_nothing_while_warming_up(void **state)
{
    struct fixture *fixture = *state;
    load_stream_begin(&fixture->stream, fixture->streams, &fixture->step, 100 * MS, NULL);
    assert_true(take(fixture, TOKEN("a") TOKEN("b") STOP DONE, 150));
    assert_int_equal(end(fixture, 160), LOAD_FAILURE_NONE);
    load_stream_begin(&fixture->stream, fixture->streams, &fixture->step, 100 * MS, NULL);
    assert_int_equal(end(fixture, 160), LOAD_FAILURE_STREAM);
}

static void knows_a_stream_by_its_media_type(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool is_one;
    } rows[] = {{"text/event-stream", true},
                {"Text/Event-Stream; charset=utf-8", true},
                {"application/json", false},
                {"text/event-streams", false},
                {"", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_header header = {.value = slice_of_text(rows[i].type)};
        struct http_head head = {.headers = &header, .header_count = 1};
        (void)http_head_note(&head, HTTP_FIELD_CONTENT_TYPE, 0);
        assert_int_equal(load_stream_is_one(&head), rows[i].is_one);
    }
    struct http_header coded[] = {{.value = SLICE_LIT("text/event-stream")}, {.value = SLICE_LIT("gzip")}};
    struct http_head head = {.headers = coded, .header_count = 2};
    (void)http_head_note(&head, HTTP_FIELD_CONTENT_TYPE, 0);
    (void)http_head_note(&head, HTTP_FIELD_CONTENT_ENCODING, 1);
    assert_false(load_stream_is_one(&head));
    coded[1].value = SLICE_LIT("identity");
    assert_true(load_stream_is_one(&head));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(times_tokens_of_a_chat_completion),
        TEST(counts_events_as_tokens_without_usage),
        TEST(counts_events_that_came_at_one),
        TEST(counts_thoughts_and_tool_calls_as_content),
        TEST(counts_nothing_else_as_content),
        TEST(reads_messages_of_anthropic),
        TEST(reads_responses_of_openai),
        TEST(takes_events_of_any_other_kind),
        TEST(fails_a_stream_without_its_end_or_with_an_error),
        TEST(says_at_once_that_a_stream_can_only_fail),
        TEST(holds_goodput_to_each_bound),
        TEST(records_nothing_while_warming_up),
        TEST(knows_a_stream_by_its_media_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
