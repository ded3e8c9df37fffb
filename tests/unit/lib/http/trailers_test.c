/* SPDX-License-Identifier: Apache-2.0 */
/* Trailer sections as they are collected, read and chosen from: RFC 9110 section 6.5, RFC 9112 section 7.1.2. */
#include "lib/http/trailers.h"

#include "lib/http/chunked.h"
#include "lib/http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char memory[8192];
static struct arena arena;
static struct trailers trailers;

static int setup(void **state)
{
    (void)state;
    arena_init_fixed(&arena, memory, sizeof memory);
    trailers = (struct trailers){0};
    return 0;
}

/* As "name=value;" for each. */
static void expect(const char *expected)
{
    char found[1024];
    size_t len = 0;
    struct slice rest = trailers_text(&trailers);
    struct http_header field;
    while (trailers_next(&rest, &field))
        len += (size_t)snprintf(found + len, sizeof found - len, SLICE_FMT "=" SLICE_FMT ";", SLICE_ARG(field.name),
                                SLICE_ARG(field.value));
    found[len] = '\0';
    assert_string_equal(found, expected);
}

/* In pieces of so many bytes, each gone when the next one comes. */
static void decode(const char *text, size_t step)
{
    const struct chunked_limits limits = {.body_bytes_max = 100, .extension_bytes_max = 20, .trailer_bytes_max = 200};
    struct chunked chunked;
    size_t len = strlen(text);
    chunked_init(&chunked, &limits);
    for (size_t at = 0; at < len; at += step) {
        struct chunked_result result;
        size_t bytes = MIN(step, len - at);
        char *piece = malloc(bytes);
        assert_non_null(piece);
        memcpy(piece, text + at, bytes);
        assert_int_equal(chunked_decode(&chunked, piece, bytes, &result), ERR_OK);
        trailers_add(&trailers, &arena, result.trailers);
        assert_int_equal(result.is_done, at + step >= len);
        free(piece);
    }
}

static void they_are_found_behind_the_last_chunk_however_it_is_split(void **state)
{
    (void)state;
    const char *text = "3;a=b\r\nabc\r\n00\r\nX-Sum: 1\r\nX-Empty:\r\nx-rest: \t a: b \r\n\r\n";
    for (size_t step = 1; step <= strlen(text); step++) {
        setup(NULL);
        decode(text, step);
        expect("X-Sum=1;X-Empty=;x-rest=a: b;");
    }
}

static void a_section_without_fields_takes_no_memory(void **state)
{
    (void)state;
    for (size_t step = 1; step < 20; step++) {
        setup(NULL);
        decode("3\r\nabc\r\n0\r\n\r\n", step);
        expect("");
        assert_null(trailers.text);
        assert_ptr_equal(arena.cursor, memory);
    }
}

static void fields_of_http2_are_read_the_same(void **state)
{
    (void)state;
    trailers_add_field(&trailers, &arena, SLICE_LIT("grpc-status"), SLICE_LIT("0"));
    trailers_add_field(&trailers, &arena, SLICE_LIT("x-empty"), SLICE_LIT(""));
    expect("grpc-status=0;x-empty=;");
}

static void too_many_for_the_memory_are_lost_as_a_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        trailers_add_field(&trailers, &arena, SLICE_LIT("x-sum"), SLICE_LIT("0123456789"));
    assert_true(trailers.is_lost);
    expect("");
    setup(NULL);
    trailers_add_field(&trailers, &arena, SLICE_LIT("x-sum"), SLICE_LIT("1"));
    trailers_add_field(&trailers, &arena, (struct slice){NULL, 0}, (struct slice){NULL, 0});
    trailers_add_field(&trailers, &arena, SLICE_LIT("x-sum"), SLICE_LIT("2"));
    expect("");
}

static void what_could_be_read_as_something_else_is_left_out(void **state)
{
    (void)state;
    static const char text[] = "no colon\r\n: b\r\na b: c\r\nx: a\rb\r\ny: \x01\r\nz: 1\r\n\r\nbehind: 2\r\n";
    trailers_add(&trailers, &arena, slice_of(text, sizeof text - 1));
    expect("z=1;");
}

static bool may_have(const char *name)
{
    const struct http_header field = {.name = slice_of_text(name), .id = http_field_parse(slice_of_text(name))};
    return trailers_may_have(&field);
}

static void what_heads_decide_by_does_not_come_behind(void **state)
{
    (void)state;
    static const char *const framing[] = {"Content-Length", "transfer-encoding", "TE",     "Trailer",
                                          "Connection",     "Keep-Alive",        "Upgrade"};
    static const char *const routing[] = {
        "Host",           "Max-Forwards", "Via",      "Forwarded", "X-Forwarded-For", "x-forwarded-port",
        "X-Original-URL", "X-Real-IP",    "CDN-Loop", "Alt-Svc"};
    static const char *const modifiers[] = {
        "Cache-Control",          "Expect",     "Range",         "If-Match", "If-None-Match", "Pragma",
        "X-HTTP-Method-Override", "Early-Data", "Sec-Fetch-Site"};
    static const char *const authentication[] = {
        "Authorization", "Proxy-Authorization", "proxy-authenticate", "WWW-Authenticate",
        "Cookie",        "Set-Cookie",          "X-API-Key",          "X-Request-Id"};
    static const char *const control[] = {"Age",
                                          "Date",
                                          "Expires",
                                          "Location",
                                          "Retry-After",
                                          "Vary",
                                          "Warning",
                                          "Content-Type",
                                          "Content-Encoding",
                                          "Content-Range",
                                          "Content-Language",
                                          "Access-Control-Allow-Origin",
                                          "Strict-Transport-Security"};
    static const struct {
        const char *const *names;
        size_t count;
    } rows[] = {{framing, ARRAY_LEN(framing)},
                {routing, ARRAY_LEN(routing)},
                {modifiers, ARRAY_LEN(modifiers)},
                {authentication, ARRAY_LEN(authentication)},
                {control, ARRAY_LEN(control)}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t j = 0; j < rows[i].count; j++)
            if (may_have(rows[i].names[j]))
                fail_msg("%s may stand in trailers", rows[i].names[j]);
}

static void what_is_known_only_at_the_end_may(void **state)
{
    (void)state;
    static const char *const names[] = {"ETag",          "Content-Digest",      "Repr-Digest",
                                        "Server-Timing", "grpc-status",         "grpc-message",
                                        "X-Sum",         "Authentication-Info", "Content-MD5"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!may_have(names[i]))
            fail_msg("%s may not stand in trailers", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(they_are_found_behind_the_last_chunk_however_it_is_split, setup),
        cmocka_unit_test_setup(a_section_without_fields_takes_no_memory, setup),
        cmocka_unit_test_setup(fields_of_http2_are_read_the_same, setup),
        cmocka_unit_test_setup(too_many_for_the_memory_are_lost_as_a_whole, setup),
        cmocka_unit_test_setup(what_could_be_read_as_something_else_is_left_out, setup),
        cmocka_unit_test(what_heads_decide_by_does_not_come_behind),
        cmocka_unit_test(what_is_known_only_at_the_end_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
