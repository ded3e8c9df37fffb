/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/http2_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEADERS_MAX 6

static char memory[4096];
static size_t memory_used;
static size_t memory_max;
static struct http_header headers[HEADERS_MAX];
static struct http_head head;
static struct http2_head builder;

static void *take(void *owner, size_t bytes)
{
    (void)owner;
    if (bytes > memory_max - memory_used)
        return NULL;
    memory_used += bytes;
    return memory + memory_used - bytes;
}

static void begin(void)
{
    static const struct http2_head_limits limits = {
        .head_bytes_max = 1000, .target_bytes_max = 100, .header_count_max = HEADERS_MAX};
    memory_used = 0;
    memory_max = sizeof memory;
    memset(&head, 0xa5, sizeof head); /* what a request before may have left */
    head.headers = headers;
    http2_head_begin(&builder, &head, &limits, take, NULL);
}

static void add(const char *name, const char *value)
{
    http2_head_add(&builder, slice_of_text(name), slice_of_text(value));
}

static void begin_request(const char *method, const char *path)
{
    begin();
    add(":method", method);
    add(":scheme", "https");
    add(":path", path);
}

static void makes_a_head_of_fields(void **state)
{
    (void)state;
    begin_request("POST", "/a?b");
    add(":authority", "Example.org:1");
    add("content-length", "12");
    add("x-other", "1");
    add("accept", "a");
    add("accept", "b");
    assert_int_equal(http2_head_end_request(&builder, true), ERR_OK);
    assert_int_equal(head.method, HTTP_METHOD_POST);
    assert_true(slice_is(head.method_text, "POST"));
    assert_true(slice_is(head.target, "/a?b"));
    assert_true(slice_is(head.host, "Example.org:1"));
    assert_int_equal(head.version_major, 2);
    assert_int_equal(head.content_length, 12);
    assert_true(head.has_content_length && head.has_body && head.is_keep_alive);
    assert_false(head.is_chunked || head.expects_continue);
    assert_int_equal(head.header_count, 4);
    assert_true(slice_is(http_head_find_name(&head, SLICE_LIT("x-other"))->value, "1"));
    const struct http_header *accept = http_head_find(&head, HTTP_FIELD_ACCEPT);
    assert_true(slice_is(accept->value, "a"));
    assert_true(slice_is(http_head_find_next(&head, accept)->value, "b"));
}

/* RFC 9113 section 8.2.3. */
static void joins_the_crumbs_of_a_cookie(void **state)
{
    (void)state;
    begin_request("GET", "/");
    add("cookie", "a=1");
    add("host", "h");
    add("cookie", "");
    add("accept", "x");
    add("cookie", "b=2");
    assert_int_equal(http2_head_end_request(&builder, false), ERR_OK);
    assert_int_equal(head.header_count, 3);
    assert_true(slice_is(http_head_value(&head, HTTP_FIELD_COOKIE), "a=1; b=2"));
    assert_true(slice_is(http_head_value(&head, HTTP_FIELD_ACCEPT), "x"));
    assert_true(slice_is(http_head_value(&head, HTTP_FIELD_HOST), "h"));
    assert_null(http_head_find_next(&head, http_head_find(&head, HTTP_FIELD_COOKIE)));
    begin_request("GET", "/");
    add(":authority", "h");
    add("cookie", "");
    add("cookie", "");
    assert_int_equal(http2_head_end_request(&builder, false), ERR_OK);
    assert_int_equal(http_head_value(&head, HTTP_FIELD_COOKIE).len, 0);
}

/* RFC 9113 section 8.3.1. */
static void takes_the_host_from_authority_or_host(void **state)
{
    (void)state;
    begin_request("GET", "/");
    add("host", "only.host");
    assert_int_equal(http2_head_end_request(&builder, false), ERR_OK);
    assert_true(slice_is(head.host, "only.host"));
    begin_request("GET", "/");
    add(":authority", "same");
    add("host", "SAME");
    assert_int_equal(http2_head_end_request(&builder, false), ERR_OK);
}

static void expects_continue_when_a_body_comes(void **state)
{
    (void)state;
    begin_request("PUT", "/");
    add(":authority", "a");
    add("expect", "100-Continue");
    assert_int_equal(http2_head_end_request(&builder, true), ERR_OK);
    assert_true(head.expects_continue);
}

struct refused {
    const char *method;
    const char *path;
    const char *fields[6];
    enum http1_fault fault;
};

static const struct refused refused[] = {
    {"CONNECT", "/", {":authority", "a"}, HTTP1_FAULT_METHOD_CONNECT},
    {"AVERYLONGMETHODTHATISNOTAMETHODATALL", "/", {":authority", "a"}, HTTP1_FAULT_METHOD_TOO_LONG},
    {"", "/", {":authority", "a"}, HTTP1_FAULT_METHOD_INVALID},
    {"GET", "http://a/", {":authority", "a"}, HTTP1_FAULT_TARGET_INVALID},
    {"GET", "*", {":authority", "a"}, HTTP1_FAULT_TARGET_INVALID},
    {"GET", "", {":authority", "a"}, HTTP1_FAULT_TARGET_INVALID},
    {"GET", "/a b", {":authority", "a"}, HTTP1_FAULT_TARGET_CHAR},
    {"GET", "/a#b", {":authority", "a"}, HTTP1_FAULT_TARGET_CHAR},
    {"GET", "/", {"a", "b"}, HTTP1_FAULT_AUTHORITY_MISSING},
    {"GET", "/", {":authority", "a", "host", "b"}, HTTP1_FAULT_HOST_DIFFERS},
    {"GET", "/", {":authority", "user@a"}, HTTP1_FAULT_HOST_INVALID},
    {"GET", "/", {":authority", ""}, HTTP1_FAULT_HOST_INVALID},
    {"GET", "/", {"host", "a b"}, HTTP1_FAULT_HOST_INVALID},
    {"GET", "/", {"host", "a", "host", "a"}, HTTP1_FAULT_HOST_REPEATED},
    {"GET", "/", {":scheme", "gopher", ":authority", "a"}, HTTP1_FAULT_SCHEME_INVALID},
    {"GET", "/", {":authority", "a", "content-length", "1", "content-length", "1"}, HTTP1_FAULT_LENGTH_REPEATED},
    {"GET", "/", {":authority", "a", "content-length", "+1"}, HTTP1_FAULT_LENGTH_INVALID},
    {"GET", "/", {":authority", "a", "content-length", "99999999999999999999"}, HTTP1_FAULT_LENGTH_TOO_LARGE},
    {"GET", "/", {":authority", "a", "authorization", "1", "authorization", "2"}, HTTP1_FAULT_FIELD_REPEATED},
    {"GET", "/", {":authority", "a", "expect", "more"}, HTTP1_FAULT_EXPECTATION_UNKNOWN},
};

static void refuses_what_two_readers_could_disagree_about(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct refused *row = &refused[i];
        begin_request(row->method, row->path);
        for (size_t k = 0; k < 6 && row->fields[k]; k += 2)
            add(row->fields[k], row->fields[k + 1]);
        enum err err = http2_head_end_request(&builder, true);
        if (builder.fault != row->fault)
            fail_msg("%s %s %s: got %s, expected %s", row->method, row->path, row->fields[1],
                     http1_fault_name(builder.fault), http1_fault_name(row->fault));
        assert_int_equal(err, http1_fault_err(row->fault));
    }
}

static void refuses_what_is_over_its_limits(void **state)
{
    (void)state;
    static char text[1001];
    memset(text, 'x', 1000);
    begin_request("GET", "/");
    add(":authority", "a");
    add("a", text);
    assert_int_equal(http2_head_end_request(&builder, false), ERR_LIMIT);
    assert_int_equal(builder.fault, HTTP1_FAULT_HEAD_TOO_LARGE);
    begin_request("GET", text + 800);
    assert_int_equal(http2_head_end_request(&builder, false), ERR_LIMIT);
    assert_int_equal(builder.fault, HTTP1_FAULT_TARGET_TOO_LONG);
    begin_request("GET", "/");
    add(":authority", "a");
    for (unsigned i = 0; i <= HEADERS_MAX; i++)
        add("a", "b");
    assert_int_equal(http2_head_end_request(&builder, false), ERR_LIMIT);
    assert_int_equal(builder.fault, HTTP1_FAULT_TOO_MANY_FIELDS);
}

/* RFC 9113 section 6.5.2: 32 for each field, so that many empty ones are not for free. */
static void counts_an_overhead_for_each_field(void **state)
{
    (void)state;
    begin_request("GET", "/");
    add(":authority", "a");
    assert_int_equal(builder.bytes, 4 * 32 + 7 + 3 + 7 + 5 + 5 + 1 + 10 + 1);
}

static void survives_each_lack_of_memory(void **state)
{
    (void)state;
    enum err err = ERR_NOMEM;
    for (size_t max = 0; err != ERR_OK; max += 100) {
        begin_request("GET", "/");
        memory_max = max;
        add(":authority", "a");
        add("cookie", "a=1");
        add("cookie", "b=2");
        add("name", "value");
        err = http2_head_end_request(&builder, false);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        assert_true(max < sizeof memory);
    }
    assert_true(slice_is(http_head_value(&head, HTTP_FIELD_COOKIE), "a=1; b=2"));
}

static void makes_a_response_head(void **state)
{
    (void)state;
    begin();
    add(":status", "206");
    add("content-length", "7");
    assert_int_equal(http2_head_end_response(&builder, true), ERR_OK);
    assert_int_equal(head.status, 206);
    assert_int_equal(head.content_length, 7);
    begin();
    add(":status", "200");
    add("content-length", "seven");
    assert_int_equal(http2_head_end_response(&builder, true), ERR_SYNTAX);
}

/* RFC 9110 section 15, RFC 9113 section 8.6. What is below 200 would pass for an interim response. */
static void refuses_what_is_no_status(void **state)
{
    (void)state;
    static const char *const wrong[] = {"052", "000", "099", "600", "999", "20", "2000", "2x0", "", "+20", "101"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin();
        add(":status", wrong[i]);
        assert_int_not_equal(http2_head_end_response(&builder, false), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_head_of_fields),
        cmocka_unit_test(refuses_what_is_no_status),
        cmocka_unit_test(joins_the_crumbs_of_a_cookie),
        cmocka_unit_test(takes_the_host_from_authority_or_host),
        cmocka_unit_test(expects_continue_when_a_body_comes),
        cmocka_unit_test(refuses_what_two_readers_could_disagree_about),
        cmocka_unit_test(refuses_what_is_over_its_limits),
        cmocka_unit_test(counts_an_overhead_for_each_field),
        cmocka_unit_test(survives_each_lack_of_memory),
        cmocka_unit_test(makes_a_response_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
