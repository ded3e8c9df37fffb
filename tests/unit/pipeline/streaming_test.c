/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are never held whole: responses from a source, requests into a sink, on HTTP/1. */
#include "floor.h"

/* Head and body of the one response before the end of the connection. */
struct reply {
    char *text;
    size_t len;
    const char *body;
    bool is_reset;
};

static struct reply ask(const char *format, ...) PRINTF_LIKE(1, 2);
static struct reply ask(const char *format, ...)
{
    char request[512];
    va_list args;
    va_start(args, format);
    vsnprintf(request, sizeof request, format, args);
    va_end(args);
    int fd = client_open();
    client_say(fd, request);
    struct reply reply = {.text = malloc(8 << 20)};
    ssize_t count;
    while ((count = recv(fd, reply.text + reply.len, (8 << 20) - 1 - reply.len, 0)) > 0)
        reply.len += (size_t)count;
    reply.is_reset = count < 0;
    reply.text[reply.len] = '\0';
    close(fd);
    const char *end = strstr(reply.text, "\r\n\r\n");
    assert_non_null(end);
    reply.body = end + 4;
    return reply;
}

static size_t body_bytes(const struct reply *reply)
{
    return reply->len - (size_t)(reply->body - reply->text);
}

static void assert_pattern(const char *bytes, size_t len, uint64_t from)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != pour_byte(from + i))
            fail_msg("byte %llu of the body is wrong", (unsigned long long)(from + i));
}

/* The decoded length; the whole of it is checked against the pattern. `ret_end` is what stands behind the last chunk. */
static uint64_t read_chunks(const char *at, const char **ret_end)
{
    uint64_t total = 0;
    for (;;) {
        char *behind;
        unsigned long size = strtoul(at, &behind, 16);
        assert_memory_equal(behind, "\r\n", 2);
        at = behind + 2;
        if (size == 0)
            break;
        assert_pattern(at, size, total);
        total += size;
        at += size;
        assert_memory_equal(at, "\r\n", 2);
        at += 2;
    }
    *ret_end = at;
    return total;
}

static void a_source_with_a_length_has_content_length(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 200000, 5000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char line[64];
        struct reply reply = ask("GET /pour/length/%zu HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", sizes[i]);
        snprintf(line, sizeof line, "Content-Length: %zu\r\n", sizes[i]);
        assert_non_null(strstr(reply.text, line));
        assert_int_equal(body_bytes(&reply), sizes[i]);
        assert_pattern(reply.body, sizes[i], 0);
        free(reply.text);
    }
}

/* RFC 9110 section 6.5.1: who has not asked for trailers has not got them. */
static void trailers_are_for_those_who_want_them(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool is_wanted;
    } rows[] = {{"", false},
                {"TE: gzip, trailers\r\n", true},
                {"TE: Trailers\r\n", true},
                {"TE: gzip\r\n", false},
                {"TE: gzip\r\nTE: trailers\r\n", true},
                {"TE: trailers;q=0\r\n", false},
                {"Trailer: X-Poured\r\n", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *end;
        struct reply reply =
            ask("GET /pour/chunks/10 HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n", rows[i].fields);
        assert_int_equal(read_chunks(reply.body, &end), 10);
        assert_string_equal(end, rows[i].is_wanted ? "X-Poured: all\r\n\r\n" : "\r\n");
        free(reply.text);
    }
}

static void a_source_without_a_length_goes_in_chunks_with_trailers(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 16384, 16385, 3000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const char *end;
        struct reply reply =
            ask("GET /pour/chunks/%zu HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n", sizes[i]);
        assert_non_null(strstr(reply.text, "Transfer-Encoding: chunked\r\n"));
        assert_null(strstr(reply.text, "Content-Length"));
        assert_int_equal(read_chunks(reply.body, &end), sizes[i]);
        assert_string_equal(end, "X-Poured: all\r\n\r\n");
        free(reply.text);
    }
}

static void a_slow_source_is_waited_for(void **state)
{
    (void)state;
    const char *end;
    struct reply reply = ask("GET /pour/chunks-slow/100000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(read_chunks(reply.body, &end), 100000);
    free(reply.text);
    reply = ask("GET /pour/length-slow/100000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(body_bytes(&reply), 100000);
    free(reply.text);
}

/* RFC 9112 section 6.1: no Transfer-Encoding to HTTP/1.0. */
static void http10_gets_the_end_of_the_connection_instead_of_chunks(void **state)
{
    (void)state;
    struct reply reply = ask("GET /pour/chunks/50000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_null(strstr(reply.text, "Transfer-Encoding"));
    assert_null(strstr(reply.text, "Content-Length"));
    assert_int_equal(body_bytes(&reply), 50000);
    assert_false(reply.is_reset);
    free(reply.text);
}

static void a_broken_source_never_looks_complete(void **state)
{
    (void)state;
    struct reply reply = ask("GET /pour/chunks-break/50000 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(reply.len < 5 || memcmp(reply.text + reply.len - 5, "0\r\n\r\n", 5) != 0);
    free(reply.text);
    reply = ask("GET /pour/length-break/50000 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(body_bytes(&reply) <= 25000);
    free(reply.text);
    reply = ask("GET /pour/chunks-break/50000 HTTP/1.0\r\n\r\n");
    assert_true(reply.is_reset);
    free(reply.text);
}

static void head_does_not_ask_the_source(void **state)
{
    (void)state;
    struct reply reply = ask("HEAD /pour/length/1234 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(reply.text, "Content-Length: 1234\r\n"));
    assert_int_equal(body_bytes(&reply), 0);
    free(reply.text);
}

static void requests_behind_a_streamed_response_are_answered(void **state)
{
    (void)state;
    struct reply reply = ask("GET /pour/length/40000 HTTP/1.1\r\nHost: x\r\n\r\n"
                             "GET /pour/length-slow/30000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_pattern(reply.body, 40000, 0);
    const char *second = strstr(reply.body + 40000, "\r\n\r\n");
    assert_non_null(second);
    assert_int_equal(reply.text + reply.len - (second + 4), 30000);
    assert_pattern(second + 4, 30000, 0);
    free(reply.text);
}

/* While the client does not read, the source is not asked: no more is sent than the kernel's buffers hold. */
static void a_client_that_does_not_read_holds_the_source_back(void **state)
{
    (void)state;
    int fd = client_open();
    client_say(fd, "GET /pour/length/400000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    clock_sleep_ns(200 * NS_PER_MS);
    assert_true(counter_read(&floor_.worker->meter.sent_bytes) < 20 << 20);
    close(fd);
    int other = client_open();
    struct answer answer;
    client_say(other, "GET /echo/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_read(other, true, &answer));
    assert_int_equal(answer.status, 200);
    close(other);
}

static void a_sink_that_fails_answers_before_the_body_has_come(void **state)
{
    (void)state;
    int fd = client_open();
    struct answer answer;
    client_say(fd, "POST /swallow/small HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    char bytes[20000];
    memset(bytes, 'x', sizeof bytes);
    client_send(fd, bytes, sizeof bytes);
    assert_true(client_read(fd, true, &answer));
    assert_int_equal(answer.status, 413);
    assert_true(answer.is_closing);
    close(fd);
}

static void a_client_that_leaves_in_a_sunk_body_leaves_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        int fd = client_open();
        client_say(
            fd, i % 2
                    ? "POST /swallow/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc"
                    : "POST /swallow/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3\r\nx");
        if (i % 5 == 0)
            clock_sleep_ns(NS_PER_MS);
        close(fd);
    }
}

static int start(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    limits.body_bytes = 1 << 20;
    floor_start(&limits);
    return 0;
}

static int start_short(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    limits.total_time = 300 * NS_PER_MS;
    floor_start(&limits);
    return 0;
}

/* A stream without end, and one that is only slow: both end, and not as if they were complete. */
static void a_response_ends_when_the_time_of_the_request_is_over(void **state)
{
    (void)state;
    uint64_t begin_ns = clock_now_ns();
    struct reply reply = ask("GET /pour/chunks-slow/100000000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    uint64_t passed_ns = clock_now_ns() - begin_ns;
    assert_memory_equal(reply.text, "HTTP/1.1 200 ", 13);
    assert_true(reply.len < 5 || memcmp(reply.text + reply.len - 5, "0\r\n\r\n", 5) != 0);
    assert_true(passed_ns >= 300 * NS_PER_MS && passed_ns < 10 * NS_PER_S);
    assert_int_equal(counter_read(&floor_.worker->meter.requests_over_time), 1);
    free(reply.text);
    reply = ask("GET /pour/length/1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(body_bytes(&reply), 1000);
    free(reply.text);
    assert_int_equal(counter_read(&floor_.worker->meter.requests_over_time), 1);
}

static int stop(void **state)
{
    (void)state;
    floor_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_with_a_length_has_content_length, start, stop),
        cmocka_unit_test_setup_teardown(a_source_without_a_length_goes_in_chunks_with_trailers, start, stop),
        cmocka_unit_test_setup_teardown(trailers_are_for_those_who_want_them, start, stop),
        cmocka_unit_test_setup_teardown(a_slow_source_is_waited_for, start, stop),
        cmocka_unit_test_setup_teardown(http10_gets_the_end_of_the_connection_instead_of_chunks, start, stop),
        cmocka_unit_test_setup_teardown(a_broken_source_never_looks_complete, start, stop),
        cmocka_unit_test_setup_teardown(head_does_not_ask_the_source, start, stop),
        cmocka_unit_test_setup_teardown(requests_behind_a_streamed_response_are_answered, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_does_not_read_holds_the_source_back, start, stop),
        cmocka_unit_test_setup_teardown(a_sink_that_fails_answers_before_the_body_has_come, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_in_a_sunk_body_leaves_nothing, start, stop),
        cmocka_unit_test_setup_teardown(a_response_ends_when_the_time_of_the_request_is_over, start_short, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
