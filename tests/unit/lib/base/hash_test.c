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

/* From Python's whole numbers, wherever the message is cut. */
static void equals_the_sum_of_products(void **state)
{
    (void)state;
    static const struct hash_nh_key key = {
        {0x4164d8399f767c45, 0x5bc8fbbcbde5c099, 0xb0c11fdecb91ce37, 0xd76d4330f1446bea, 0xa6eb8c9ebd69fe29,
         0x87b0b125ec1d7da0, 0xd7210dff076ce2ef, 0xc6a5387777330bdb, 0x3fc1ea36f17fd374, 0x0d464138a6233255}};
    static const uint64_t message[HASH_NH_WORDS] = {0xde5271007814e8a2, 0x617959ce3f1f65a8, 0x1a1afe878b33e968,
                                                    0x3fd4235992edcf45, 0xbb2edb20035b7399, 0x687c966c377b9aa2,
                                                    0x2e9c82b1478c281d, 0xde11cc9dea959c21};
    static const struct hash_nh_tag expected = {
        {0x474d164260cd7bac, 0x899bc96f2d0cc1ec, 0x01d105de8b0bb4b5, 0x36a40b85b1fafb24}};
    for (size_t front = 0; front <= HASH_NH_WORDS; front += 2) {
        struct hash_nh_tag tag = hash_nh(&key, (const char *)message, front, (const char *)(message + front));
        assert_memory_equal(&tag, &expected, sizeof tag);
    }
    for (size_t bit = 0; bit < 64 * HASH_NH_WORDS; bit++) {
        uint64_t other[HASH_NH_WORDS];
        memcpy(other, message, sizeof other);
        other[bit / 64] ^= UINT64_C(1) << bit % 64;
        struct hash_nh_tag tag = hash_nh(&key, (const char *)other, 6, (const char *)(other + 6));
        assert_memory_not_equal(&tag, &expected, sizeof tag);
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
        cmocka_unit_test(equals_the_sum_of_products),
        cmocka_unit_test(depends_on_the_key),
        cmocka_unit_test(empty_slice_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
