/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/grpc/grpc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void reads_what_it_wrote_before_a_message(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 255, 256, 65536, 0x01020304, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        char bytes[GRPC_PREFIX_BYTES];
        struct grpc_prefix prefix;
        grpc_prefix_write(bytes, (struct grpc_prefix){i % 2, lengths[i]});
        assert_int_equal(grpc_prefix_read(slice_of(bytes, sizeof bytes), &prefix), ERR_OK);
        assert_int_equal(prefix.is_compressed, i % 2);
        assert_true(prefix.message_bytes == lengths[i]);
        assert_int_equal(grpc_prefix_read(slice_of(bytes, sizeof bytes - 1), &prefix), ERR_TRUNCATED);
    }
    struct grpc_prefix prefix;
    assert_int_equal(grpc_prefix_read(SLICE_LIT("\0\0\0\1\2"), &prefix), ERR_OK);
    assert_true(prefix.message_bytes == 258);
    assert_int_equal(grpc_prefix_read(SLICE_LIT("\2\0\0\0\0"), &prefix), ERR_SYNTAX);
}

static void knows_its_media_types(void **state)
{
    (void)state;
    assert_true(grpc_is_content_type(SLICE_LIT("application/grpc")));
    assert_true(grpc_is_content_type(SLICE_LIT("application/grpc+proto")));
    assert_true(grpc_is_content_type(SLICE_LIT("Application/gRPC; charset=utf-8")));
    assert_false(grpc_is_content_type(SLICE_LIT("application/grpc-web")));
    assert_false(grpc_is_content_type(SLICE_LIT("application/json")));
    assert_false(grpc_is_content_type(SLICE_LIT("application/grp")));
    assert_false(grpc_is_content_type((struct slice){NULL, 0}));
    assert_true(slice_is(grpc_content_subtype(SLICE_LIT("application/grpc+proto ; x=y")), "proto"));
    assert_true(slice_is(grpc_content_subtype(SLICE_LIT("application/grpc+json")), "json"));
    assert_int_equal(grpc_content_subtype(SLICE_LIT("application/grpc")).len, 0);
}

static void reads_timeouts_of_each_unit(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        uint64_t ns;
    } good[] = {
        {SLICE_LIT("1H"), 3600000000000},
        {SLICE_LIT("2M"), 120000000000},
        {SLICE_LIT("3S"), 3000000000},
        {SLICE_LIT("4m"), 4000000},
        {SLICE_LIT("5u"), 5000},
        {SLICE_LIT("6n"), 6},
        {SLICE_LIT("0S"), 0},
        {SLICE_LIT("99999999m"), 99999999000000},
        {SLICE_LIT("99999999H"), INT64_MAX},
    };
    static const struct slice bad[] = {SLICE_LIT(""),    SLICE_LIT("S"),   SLICE_LIT("1"),  SLICE_LIT("123456789S"),
                                       SLICE_LIT("-1S"), SLICE_LIT("1 S"), SLICE_LIT("1s"), SLICE_LIT("1.5S")};
    uint64_t ns = 0;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(grpc_timeout_parse(good[i].text, &ns), ERR_OK);
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(grpc_timeout_parse(bad[i], &ns), ERR_SYNTAX);
}

static void encodes_what_no_header_field_may_have(void **state)
{
    (void)state;
    char memory[64];
    struct buffer out = buffer_in_memory(memory, sizeof memory);
    grpc_message_write(&out, SLICE_LIT("100% \"caf\xc3\xa9\"\r\n~"));
    assert_true(slice_equal(slice_of(out.ptr, out.len), SLICE_LIT("100%25 \"caf%C3%A9\"%0D%0A~")));
}

static void writes_each_status_in_digits(void **state)
{
    (void)state;
    assert_true(slice_is(grpc_status_text(GRPC_OK), "0"));
    assert_true(slice_is(grpc_status_text(GRPC_RESOURCE_EXHAUSTED), "8"));
    assert_true(slice_is(grpc_status_text(GRPC_ABORTED), "10"));
    assert_true(slice_is(grpc_status_text(GRPC_UNAUTHENTICATED), "16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote_before_a_message), cmocka_unit_test(knows_its_media_types),
        cmocka_unit_test(reads_timeouts_of_each_unit),          cmocka_unit_test(encodes_what_no_header_field_may_have),
        cmocka_unit_test(writes_each_status_in_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
