/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"
#include "lib/http/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIGNATURE        "\r\n\r\n\0\r\nQUIT\n"
#define V4_BLOCK         "\xc0\x00\x02\x01\xc6\x33\x64\x02\x30\x39\x01\xbb" /* 192.0.2.1:12345 to 198.51.100.2:443 */
#define V6_BLOCK         "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x50\x1f\x90"
#define UNIX_BLOCK_BYTES 216
#define TLV_PLACE        28 /* behind the header and the addresses of IPv4 */
#define CRC_OF_V4        "\xc8\xcc\xd4\xb7"

static struct proxy_protocol header;
static size_t header_bytes;

static enum err parse(struct slice bytes)
{
    header = (struct proxy_protocol){0};
    header_bytes = 0;
    return proxy_protocol_parse(bytes, &header, &header_bytes);
}

static void assert_ip(const struct ip *ip, const char *text)
{
    char found[IP_TEXT_MAX];
    (void)ip_format(ip, found);
    assert_string_equal(found, text);
}

static void reads_the_addresses_of_ipv4(void **state)
{
    struct slice bytes = SLICE_LIT(SIGNATURE "\x21\x11\x00\x0c" V4_BLOCK "GET /");
    (void)state;
    assert_int_equal(parse(bytes), ERR_OK);
    assert_int_equal(header_bytes, 28);
    assert_false(header.is_local);
    assert_ip(&header.source, "192.0.2.1");
    assert_ip(&header.destination, "198.51.100.2");
    assert_int_equal(header.source_port, 12345);
    assert_int_equal(header.destination_port, 443);
}

static void reads_the_addresses_of_ipv6(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x21\x00\x24" V6_BLOCK)), ERR_OK);
    assert_int_equal(header_bytes, 52);
    assert_ip(&header.source, "2001:db8::1");
    assert_ip(&header.destination, "2001:db8::2");
    assert_int_equal(header.source_port, 80);
    assert_int_equal(header.destination_port, 8080);
}

static void a_client_at_a_unix_socket_has_no_ip_address(void **state)
{
    char bytes[16 + UNIX_BLOCK_BYTES] = SIGNATURE "\x21\x31\x00\xd8/run/a.sock";
    (void)state;
    assert_int_equal(parse(slice_of(bytes, sizeof bytes)), ERR_OK);
    assert_int_equal(header_bytes, sizeof bytes);
    assert_false(header.is_local);
    assert_int_equal(header.source.family, IP_NONE);
}

static void local_and_unspecified_tell_no_addresses(void **state)
{
    static const struct {
        struct slice bytes;
        size_t len;
    } rows[] = {
        {SLICE_LIT(SIGNATURE "\x20\x00\x00\x00"), 16},          {SLICE_LIT(SIGNATURE "\x20\x11\x00\x0c" V4_BLOCK), 28},
        {SLICE_LIT(SIGNATURE "\x20\xff\x00\x02zz"), 18}, /* the family of LOCAL is ignored, and so is the block */
        {SLICE_LIT(SIGNATURE "\x21\x00\x00\x00"), 16},          {SLICE_LIT(SIGNATURE "\x21\x00\x00\x03zzz"), 19},
        {SLICE_LIT(SIGNATURE "\x21\x10\x00\x0c" V4_BLOCK), 28},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(parse(rows[i].bytes), ERR_OK);
        assert_true(header.is_local);
        assert_int_equal(header.source.family, IP_NONE);
        assert_int_equal(header_bytes, rows[i].len);
    }
}

static void asks_for_more_at_every_place_where_it_can_be_cut(void **state)
{
    struct slice bytes = SLICE_LIT(SIGNATURE "\x21\x11\x00\x0f" V4_BLOCK "\x04\x00\x00");
    (void)state;
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(parse(slice_first(bytes, len)), ERR_AGAIN);
    assert_int_equal(parse(bytes), ERR_OK);
    assert_int_equal(header_bytes, bytes.len);
}

static void refuses_another_protocol_at_its_first_wrong_byte(void **state)
{
    static const char *const texts[] = {"GET / HTTP/1.1\r\n", "G", "\rX", "\r\n\r\nA", "\x16\x03\x01", " \r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(parse(slice_of_text(texts[i])), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x11")), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x31\x11\x00\x0c" V4_BLOCK)), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x22\x11\x00\x0c" V4_BLOCK)), ERR_SYNTAX);
}

static void says_that_version_1_is_not_spoken(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE_LIT("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n")), ERR_UNSUPPORTED);
    assert_int_equal(parse(SLICE_LIT("PROXY UNKNOWN\r\n")), ERR_UNSUPPORTED);
}

static void refuses_datagrams_unknown_families_and_short_blocks(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x12\x00\x0c" V4_BLOCK)), ERR_UNSUPPORTED);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x41\x00\x0c" V4_BLOCK)), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x13\x00\x0c" V4_BLOCK)), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x0b" V4_BLOCK)), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x21\x00\x0c" V4_BLOCK)), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x31\x00\x0c" V4_BLOCK)), ERR_SYNTAX);
}

static void bounds_the_header_before_it_has_come(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x0f\xf0")), ERR_AGAIN); /* 16 + 4080 = 4096 */
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x0f\xf1")), ERR_LIMIT);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\xff\xff")), ERR_LIMIT);
}

static void skips_what_else_is_said_but_not_what_overruns(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x16" V4_BLOCK "\x01\x00\x02h2\x05\x00\x00\xee\x00")),
                     ERR_SYNTAX); /* the last one is cut */
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x14" V4_BLOCK "\x01\x00\x02h2\x05\x00\x00")), ERR_OK);
    assert_int_equal(header_bytes, 36);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x11" V4_BLOCK "\x01\x00\x03h2")), ERR_SYNTAX);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x0d" V4_BLOCK "\x01")), ERR_SYNTAX);
}

/* The checksum was computed by a bit-wise CRC-32C in another language. */
static void checks_a_checksum_when_there_is_one(void **state)
{
    static const char good[] = SIGNATURE "\x21\x11\x00\x13" V4_BLOCK "\x03\x00\x04" CRC_OF_V4;
    (void)state;
    assert_int_equal(parse(slice_of(good, sizeof good - 1)), ERR_OK);
    for (size_t i = 0; i < sizeof good - 1; i++) {
        char bad[sizeof good];
        memcpy(bad, good, sizeof good);
        bad[i] ^= 1;
        bool is_taken = parse(slice_of(bad, sizeof good - 1)) == ERR_OK && !header.is_local;
        assert_int_equal(is_taken, i == TLV_PLACE); /* there it is no checksum any more */
    }
    char bad[sizeof good];
    memcpy(bad, good, sizeof good);
    bad[16] ^= 1;
    assert_int_equal(parse(slice_of(bad, sizeof good - 1)), ERR_MISMATCH);
    assert_int_equal(parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x12" V4_BLOCK "\x03\x00\x03xyz")), ERR_SYNTAX);
    assert_int_equal(
        parse(SLICE_LIT(SIGNATURE "\x21\x11\x00\x1a" V4_BLOCK "\x03\x00\x04" CRC_OF_V4 "\x03\x00\x04\0\0\0\0")),
        ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_addresses_of_ipv4),
        cmocka_unit_test(reads_the_addresses_of_ipv6),
        cmocka_unit_test(a_client_at_a_unix_socket_has_no_ip_address),
        cmocka_unit_test(local_and_unspecified_tell_no_addresses),
        cmocka_unit_test(asks_for_more_at_every_place_where_it_can_be_cut),
        cmocka_unit_test(refuses_another_protocol_at_its_first_wrong_byte),
        cmocka_unit_test(says_that_version_1_is_not_spoken),
        cmocka_unit_test(refuses_datagrams_unknown_families_and_short_blocks),
        cmocka_unit_test(bounds_the_header_before_it_has_come),
        cmocka_unit_test(skips_what_else_is_said_but_not_what_overruns),
        cmocka_unit_test(checks_a_checksum_when_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
