/* SPDX-License-Identifier: Apache-2.0 */
#include "control/log/access_line.h"

#include "lib/base/attr.h"
#include "lib/sys/clock.h"
#include "pipeline/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WALL_NS UINT64_C(1795444440123456789) /* 2026-11-23T14:34:00.123Z */

static struct access_record record_of(const struct slice texts[ACCESS_TEXT_COUNT])
{
    struct access_record record = {
        .wall_ns = WALL_NS, .duration_ns = 12345678, .status = 200, .method = HTTP_METHOD_OTHER, .sent_bytes = 99};
    size_t used = 0;
    for (int i = 0; i < ACCESS_TEXT_COUNT; i++)
        used = access_record_add(&record, (enum access_text)i, used, texts[i]);
    return record;
}

static struct slice line_of(const struct access_record *record)
{
    static char out[ACCESS_LINE_BYTES_MAX];
    struct access_line_clock clock = {0};
    return slice_of(out, access_line_format(&clock, record, out));
}

static void assert_line(const struct access_record *record, const char *expected)
{
    struct slice line = line_of(record);
    char copy[ACCESS_LINE_BYTES_MAX + 1];
    memcpy(copy, line.ptr, line.len);
    copy[line.len] = '\0';
    assert_string_equal(copy, expected);
}

static void writes_every_member_in_its_order(void **state)
{
    (void)state;
    struct access_record record = record_of((struct slice[ACCESS_TEXT_COUNT]){
        [ACCESS_TEXT_request_id] = SLICE_LIT("r1"),
        [ACCESS_TEXT_path] = SLICE_LIT("/v1/x"),
        [ACCESS_TEXT_route] = SLICE_LIT("POST /v1/{name}"),
        [ACCESS_TEXT_tenant] = SLICE_LIT("acme"),
        [ACCESS_TEXT_key_id] = SLICE_LIT("k1234567"),
        [ACCESS_TEXT_bucket] = SLICE_LIT("b"),
        [ACCESS_TEXT_model] = SLICE_LIT("m"),
        [ACCESS_TEXT_upstream] = SLICE_LIT("u"),
        [ACCESS_TEXT_user_agent] = SLICE_LIT("curl/8"),
    });
    assert_int_equal(ip_parse(SLICE_LIT("::1"), &record.peer), ERR_OK);
    record.protocol = ACCESS_HTTP2;
    record.tls = CONNECTION_TLS_1_3;
    record.method = HTTP_METHOD_POST;
    record.problem = PROBLEM_INVALID_IMAGE;
    record.receive_ns = 1000000;
    record.decode_ns = 2500000;
    record.queue_ns = 999;
    record.run_ns = 3000001000;
    record.upstream_ns = 4000000;
    record.received_bytes = 7;
    assert_line(&record,
                "{\"time\":\"2026-11-23T14:34:00.123Z\",\"method\":\"POST\",\"path\":\"/v1/x\","
                "\"route\":\"POST /v1/{name}\",\"status\":200,\"duration_ms\":12.345,\"receive_ms\":1.0,"
                "\"decode_ms\":2.5,\"queue_ms\":0.0,\"run_ms\":3000.001,\"upstream_ms\":4.0,\"received_bytes\":7,"
                "\"sent_bytes\":99,\"request_id\":\"r1\",\"tenant\":\"acme\",\"key_id\":\"k1234567\","
                "\"bucket\":\"b\",\"model\":\"m\",\"upstream\":\"u\",\"problem\":\"invalid-image\",\"peer\":\"::1\","
                "\"protocol\":\"HTTP/2\",\"tls\":\"TLSv1.3\",\"user_agent\":\"curl/8\"}\n");
}

static void leaves_out_what_is_empty(void **state)
{
    (void)state;
    struct access_record record = record_of((struct slice[ACCESS_TEXT_COUNT]){
        [ACCESS_TEXT_path] = SLICE_LIT("/"),
    });
    assert_line(&record, "{\"time\":\"2026-11-23T14:34:00.123Z\",\"path\":\"/\",\"status\":200,"
                         "\"duration_ms\":12.345,\"received_bytes\":0,\"sent_bytes\":99,\"peer\":\"unix\","
                         "\"protocol\":\"HTTP/1.0\"}\n");
}

static void names_a_method_that_has_no_number(void **state)
{
    (void)state;
    struct access_record record = record_of((struct slice[ACCESS_TEXT_COUNT]){
        [ACCESS_TEXT_method] = SLICE_LIT("PURGE"),
        [ACCESS_TEXT_path] = SLICE_LIT("/"),
    });
    struct slice start = SLICE_LIT("{\"time\":\"2026-11-23T14:34:00.123Z\",\"method\":\"PURGE\",\"path\":\"/\"");
    assert_true(slice_starts(line_of(&record), start));
}

static void keeps_a_hostile_text_on_its_line(void **state)
{
    (void)state;
    struct access_record record = record_of((struct slice[ACCESS_TEXT_COUNT]){
        [ACCESS_TEXT_user_agent] = SLICE_LIT("a\"},\n{\xff\\"),
    });
    assert_line(&record, "{\"time\":\"2026-11-23T14:34:00.123Z\",\"status\":200,\"duration_ms\":12.345,"
                         "\"received_bytes\":0,\"sent_bytes\":99,\"peer\":\"unix\",\"protocol\":\"HTTP/"
                         "1.0\",\"user_agent\":\"a\\\"},\\n{\xef\xbf\xbd\\\\\"}\n");
}

static void longest_record_fits(void **state)
{
    (void)state;
    struct slice texts[ACCESS_TEXT_COUNT];
    char worst[256] = {0}; /* \u0000 six times as long */
    for (size_t i = 0; i < ACCESS_TEXT_COUNT; i++)
        texts[i] = slice_of(worst, sizeof worst);
    struct access_record record = record_of(texts);
    record.duration_ns = record.receive_ns = record.decode_ns = record.queue_ns = record.run_ns = UINT64_MAX;
    record.upstream_ns = UINT64_MAX;
    record.received_bytes = record.sent_bytes = UINT64_MAX;
    record.status = UINT16_MAX;
    struct slice line = line_of(&record);
    assert_true(line.len > 6 * ACCESS_TEXT_BYTES);
    assert_true(line.len <= ACCESS_LINE_BYTES_MAX);
    assert_int_equal(line.ptr[line.len - 1], '\n');
}

static void time_moves_on_within_and_across_seconds(void **state)
{
    (void)state;
    struct access_line_clock clock = {0};
    struct access_record record = {.status = 200};
    char out[ACCESS_LINE_BYTES_MAX];
    static const uint64_t steps_ms[] = {0, 7, 876, 877, 60000};
    static const char *const expected[] = {"00.123Z", "00.130Z", "00.999Z", "01.000Z", "00.123Z"};
    for (size_t i = 0; i < ARRAY_LEN(steps_ms); i++) {
        record.wall_ns = WALL_NS + steps_ms[i] * NS_PER_MS;
        (void)access_line_format(&clock, &record, out);
        assert_memory_equal(out + strlen("{\"time\":\"2026-11-23T14:34:"), expected[i], strlen(expected[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_member_in_its_order),        cmocka_unit_test(leaves_out_what_is_empty),
        cmocka_unit_test(keeps_a_hostile_text_on_its_line),        cmocka_unit_test(longest_record_fits),
        cmocka_unit_test(time_moves_on_within_and_across_seconds), cmocka_unit_test(names_a_method_that_has_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
