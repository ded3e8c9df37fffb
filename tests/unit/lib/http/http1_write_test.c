/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
static void writes_a_response_head(void **state)
{
    (void)state;
    char memory[256];
    struct http1_writer writer;
    http1_writer_init(&writer, memory, sizeof memory);
    http1_write_status(&writer, 404);
    http1_write_prebuilt(&writer, SLICE_LIT("Date: now\r\n"));
    http1_write_field(&writer, SLICE_LIT("Content-Type"), SLICE_LIT("text/plain\t\xff"));
    http1_write_field(&writer, SLICE_LIT("X-Empty"), (struct slice){NULL, 0});
    http1_write_length(&writer, UINT64_MAX);
    http1_write_end(&writer);
    assert_false(writer.is_cut || writer.is_refused);
    assert_true(slice_is(slice_of(writer.ptr, writer.len),
                         "HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Type: text/plain\t\xff\r\nX-Empty: \r\n"
                         "Content-Length: 18446744073709551615\r\n\r\n"));
}

static void writes_a_request_head(void **state)
{
    (void)state;
    char memory[256];
    struct http1_writer writer;
    struct http_header header = {.name = SLICE_LIT("Accept"), .value = SLICE_LIT("*/*")};
    http1_writer_init(&writer, memory, sizeof memory);
    http1_write_request(&writer, SLICE_LIT("PURGE"), SLICE_LIT("/a?b"));
    http1_write_parsed(&writer, &header);
    http1_write_end(&writer);
    assert_false(writer.is_cut || writer.is_refused);
    assert_true(slice_is(slice_of(writer.ptr, writer.len), "PURGE /a?b HTTP/1.1\r\nAccept: */*\r\n\r\n"));
}

static void refuses_what_would_split_the_request(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", "/"},      {"GET", ""},      {"G T", "/"},        {"GET", "/ HTTP/1.1"},
                                           {"GET", "/\r"}, {"GET\r\n", "/"}, {"GET", "/\n\nHost"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char memory[64];
        struct http1_writer writer;
        http1_writer_init(&writer, memory, sizeof memory);
        http1_write_request(&writer, slice_of_text(pairs[i][0]), slice_of_text(pairs[i][1]));
        assert_true(writer.is_refused && writer.len == 0);
    }
}

static void writes_every_status(void **state)
{
    (void)state;
    for (int status = 100; status <= 999; status++) {
        char memory[80];
        char expected[80];
        struct http1_writer writer;
        http1_writer_init(&writer, memory, sizeof memory);
        http1_write_status(&writer, status);
        snprintf(expected, sizeof expected, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
        assert_true(slice_is(slice_of(writer.ptr, writer.len), expected));
    }
}

static void refuses_what_would_split_the_response(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char memory[64];
        char byte = (char)c;
        struct http1_writer writer;
        http1_writer_init(&writer, memory, sizeof memory);
        http1_write_field(&writer, SLICE_LIT("A"), slice_of(&byte, 1));
        bool is_control = (c < ' ' && c != '\t') || c == 0x7f;
        assert_int_equal(writer.is_refused, is_control);
        assert_int_equal(writer.len, is_control ? 0 : 6);
    }
    static const char *const names[] = {"", "A B", "A:", "A\r\nB", "A\n"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char memory[64];
        struct http1_writer writer;
        http1_writer_init(&writer, memory, sizeof memory);
        http1_write_field(&writer, slice_of_text(names[i]), SLICE_LIT("b"));
        assert_true(writer.is_refused && writer.len == 0);
    }
}

/* At every capacity: whole lines only, nothing behind the first gap, and it says so. */
static void leaves_out_whole_what_does_not_fit(void **state)
{
    (void)state;
    static const char whole[] = "HTTP/1.1 200 OK\r\nAbc: defgh\r\nContent-Length: 7\r\n\r\n";
    for (size_t capacity = 0; capacity < sizeof whole; capacity++) {
        char *memory = malloc(capacity ? capacity : 1);
        assert_non_null(memory);
        struct http1_writer writer;
        http1_writer_init(&writer, memory, capacity);
        http1_write_status(&writer, 200);
        http1_write_field(&writer, SLICE_LIT("Abc"), SLICE_LIT("defgh"));
        http1_write_length(&writer, 7);
        http1_write_end(&writer);
        assert_int_equal(writer.is_cut, capacity < sizeof whole - 1);
        assert_true(slice_starts(SLICE_LIT(whole), slice_of(memory, writer.len)));
        assert_true(writer.len == 0 || memory[writer.len - 1] == '\n');
        free(memory);
    }
}

static void puts_a_status_line_and_what_the_content_is(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *type;
        uint64_t length;
        const char *expected;
    } cases[] = {
        {200, "application/json", 15, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"},
        {204, "", HTTP1_NO_LENGTH, "HTTP/1.1 204 No Content\r\n"},
        {599, "text/html", 0, "HTTP/1.1 599 \r\nContent-Type: text/html\r\nContent-Length: 0\r\n"},
        {200, "a\r\nB: c", UINT64_MAX - 1, "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551614\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char memory[HTTP1_HEAD_BYTES];
        char *place = http1_put_status(memory, cases[i].status);
        const char *end = http1_put_content(place, slice_of_text(cases[i].type), cases[i].length);
        assert_true(slice_is(slice_of(memory, (size_t)(end - memory)), cases[i].expected));
    }
}

/* At every place of values of every length; nothing is written behind what was announced. */
static void leaves_out_a_value_that_would_split_the_response(void **state)
{
    (void)state;
    for (size_t len = 0; len < 100; len++) {
        char *value = malloc(len + 1);
        char *memory = malloc(len + 5);
        assert_true(value && memory);
        memset(value, 'v', len);
        assert_ptr_equal(http1_put_field(memory, SLICE_LIT("A"), slice_of(value, len)), memory + len + 5);
        assert_true(memcmp(memory, "A: ", 3) == 0 && memcmp(memory + 3 + len, "\r\n", 2) == 0);
        assert_memory_equal(memory + 3, value, len);
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c++) {
                bool is_control = (c < ' ' && c != '\t') || c == 0x7f;
                value[at] = (char)c;
                const char *end = http1_put_field(memory, SLICE_LIT("A"), slice_of(value, len));
                assert_ptr_equal(end, is_control ? memory : memory + len + 5);
                value[at] = 'v';
            }
        free(value);
        free(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_response_head),
        cmocka_unit_test(writes_a_request_head),
        cmocka_unit_test(refuses_what_would_split_the_request),
        cmocka_unit_test(writes_every_status),
        cmocka_unit_test(refuses_what_would_split_the_response),
        cmocka_unit_test(leaves_out_whole_what_does_not_fit),
        cmocka_unit_test(puts_a_status_line_and_what_the_content_is),
        cmocka_unit_test(leaves_out_a_value_that_would_split_the_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
