/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/hash.h"

#include "lib/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Key 00 01 … 0f, message 00 01 02 …: the arrangement of the paper's appendix A. The values are from a second
 * implementation that was checked against CPython 3.11, whose hash() of bytes is SipHash-1-3. */
static void equals_the_reference_for_every_tail_length(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        {0, 0xabac0158050fc4dc}, {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},  {8, 0x369095118d299a8e},
        {9, 0x25a48eb36c063de4}, {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8},
    };
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char message[64];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(hash_bytes(key, slice_of(message, cases[i].len)) == cases[i].hash);
}

/* From a third implementation, checked against the paper's SipHash-2-4-128 of the empty message. */
static void equals_the_reference_in_128_bits(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        struct hash_wide hash;
    } cases[] = {
        {0, {{0xbea58827b2bc7ee7, 0x013030dd6adb62fd}}},  {1, {{0xa8edd36004376ffc, 0x63f02f2bcc73055e}}},
        {7, {{0xc3e0aaf223b98410, 0x77ab4808c82e2fa6}}},  {8, {{0xb4dae3d5e1fe12aa, 0x99c7f935ab164f72}}},
        {15, {{0x6c52bdb205557ec1, 0x09017e1eeccd2129}}}, {43, {{0x46966457c8e7d43a, 0x56de624d6c0aeb11}}},
    };
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char message[64];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hash_wide hash = hash_bytes_wide(key, slice_of(message, cases[i].len));
        assert_memory_equal(&hash, &cases[i].hash, sizeof hash);
    }
}

static void depends_on_the_key(void **state)
{
    (void)state;
    struct slice text = SLICE_LIT("tenant");
    assert_true(hash_bytes((struct hash_key){1, 2}, text) != hash_bytes((struct hash_key){1, 3}, text));
    assert_true(hash_bytes((struct hash_key){1, 2}, text) != hash_bytes((struct hash_key){0, 2}, text));
}

static void empty_slice_may_be_null(void **state)
{
    (void)state;
    struct hash_key key = {1, 2};
    assert_true(hash_bytes(key, (struct slice){NULL, 0}) == hash_bytes(key, SLICE_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_reference_for_every_tail_length),
        cmocka_unit_test(equals_the_reference_in_128_bits),
        cmocka_unit_test(depends_on_the_key),
        cmocka_unit_test(empty_slice_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
