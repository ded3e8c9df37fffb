/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/range.h"

#include "lib/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* "0-1 5-9", "whole" or "416". */
static void check(const char *field, uint64_t content_bytes, const char *expected)
{
    char memory[256];
    struct http_ranges ranges;
    struct text text = text_init(memory, sizeof memory);
    enum http_range_answer answer = http_ranges_parse(slice_of_text(field), content_bytes, &ranges);
    if (answer == HTTP_RANGE_PARTS) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < ranges.count; i++) {
            bytes += ranges.parts[i].last - ranges.parts[i].first + 1;
            text_printf(&text, "%s%ju-%ju", i ? " " : "", (uintmax_t)ranges.parts[i].first,
                        (uintmax_t)ranges.parts[i].last);
        }
        assert_int_equal(bytes, ranges.bytes);
    } else {
        text_add(&text, answer == HTTP_RANGE_WHOLE ? SLICE_LIT("whole") : SLICE_LIT("416"));
    }
    if (!slice_is(text_slice(&text), expected))
        fail_msg("%s of %ju: %s, not %s", field, (uintmax_t)content_bytes, memory, expected);
}

/* RFC 9110 section 14.1.2. */
static void first_and_last_position(void **state)
{
    (void)state;
    check("bytes=0-499", 10000, "0-499");
    check("bytes=500-999", 10000, "500-999");
    check("bytes=9500-", 10000, "9500-9999");
    check("bytes=0-0", 10000, "0-0");
    check("Bytes=0-", 10000, "0-9999");
    check("bytes=9999-20000", 10000, "9999-9999");
    check("bytes=0-99999999999999999999999999", 10000, "0-9999");
}

static void suffixes(void **state)
{
    (void)state;
    check("bytes=-500", 10000, "9500-9999");
    check("bytes=-20000", 10000, "0-9999");
    check("bytes=-99999999999999999999999999", 10000, "0-9999");
    check("bytes=-0", 10000, "416");
}

static void positions_behind_the_end_cannot_be_satisfied(void **state)
{
    (void)state;
    check("bytes=10000-", 10000, "416");
    check("bytes=10000-10001", 10000, "416");
    check("bytes=99999999999999999999999999-", 10000, "416");
    check("bytes=10000-, 0-1", 10000, "0-1");
    check("bytes=10000-, -0", 10000, "416");
}

static void several_parts_keep_their_order(void **state)
{
    (void)state;
    check("bytes=0-0,-1", 10000, "0-0 9999-9999");
    check("bytes= 500-600 ,\t601-999", 10000, "500-999");
    check("bytes=500-700,601-999", 10000, "500-999");
    check("bytes=600-700,500-550", 10000, "600-700 500-550");
    check("bytes=,0-1,,3-4,", 10000, "0-1 3-4");
}

static void malformed_and_unknown_are_as_if_absent(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "",          "bytes",      "bytes=",     "bytes=,",     "items=0-1",     "bytes=1",       "bytes=a-b",
        "bytes=5-4", "bytes=--1",  "bytes=+1-2", "bytes=0x1-2", "bytes=0-1;",    "bytes 0-1",     "bytes=0-1,x",
        "bytes=-",   "bytes =0-1", "bytes=1 -2", "bytes=0-1-2", "bytes=0-1 2-3", "bytes=\"0-1\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        check(fields[i], 10000, "whole");
}

static void nothing_has_no_parts(void **state)
{
    (void)state;
    check("bytes=0-", 0, "whole");
    check("bytes=-5", 0, "whole");
}

/* RFC 9110 section 17.15: many or overlapping ranges are an attack on the server. */
static void more_than_the_content_is_the_content(void **state)
{
    (void)state;
    check("bytes=0-,0-", 100, "0-99");
    check("bytes=5-,0-", 100, "whole");
    check("bytes=0-50,60-70,0-60", 100, "whole");
    check("bytes=0-,2-,1-", 1000000000000000000, "0-999999999999999999");
    check("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30", 10000,
          "0-0 2-2 4-4 6-6 8-8 10-10 12-12 14-14 16-16 18-18 20-20 22-22 24-24 26-26 28-28 30-30");
    check("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32", 10000,
          "whole");
}

static void formats_content_range(void **state)
{
    (void)state;
    char out[HTTP_CONTENT_RANGE_BYTES_MAX];
    size_t len = http_content_range_format(out, (struct http_range){0, 499}, 1234);
    assert_true(slice_is(slice_of(out, len), "bytes 0-499/1234"));
    len = http_content_range_format(out, (struct http_range){UINT64_MAX, UINT64_MAX}, UINT64_MAX);
    assert_int_equal(len, HTTP_CONTENT_RANGE_BYTES_MAX);
    len = http_content_range_format_none(out, 1234);
    assert_true(slice_is(slice_of(out, len), "bytes */1234"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_and_last_position),
        cmocka_unit_test(suffixes),
        cmocka_unit_test(positions_behind_the_end_cannot_be_satisfied),
        cmocka_unit_test(several_parts_keep_their_order),
        cmocka_unit_test(malformed_and_unknown_are_as_if_absent),
        cmocka_unit_test(nothing_has_no_parts),
        cmocka_unit_test(more_than_the_content_is_the_content),
        cmocka_unit_test(formats_content_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
