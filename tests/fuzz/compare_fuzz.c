/* SPDX-License-Identifier: Apache-2.0 */
/* Two documents, cut at a NUL: what is equal is equal both ways and has one hash; numbers are compared and divided as small
 * ones are when they are written out as integers of 128 bits.
 * fuzz-library: lib/json */
#include "lib/json/compare.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The number times 10^12, where that is exact and small. */
static bool scale(yyjson_val *number, __int128 *ret)
{
    struct json_decimal decimal;
    json_decimal_of(number, &decimal);
    struct slice parts[] = {decimal.digits, decimal.more};
    if (parts[0].len + parts[1].len > 12 || decimal.exponent < -12 || decimal.exponent > 12)
        return false;
    __int128 value = 0;
    for (size_t part = 0; part < 2; part++)
        for (size_t i = 0; i < parts[part].len; i++)
            value = value * 10 + (parts[part].ptr[i] - '0');
    for (int64_t i = decimal.exponent + 12; i > 0; i--)
        value *= 10;
    *ret = decimal.is_negative ? -value : value;
    return true;
}

static void check_numbers(yyjson_val *a, yyjson_val *b)
{
    __int128 left;
    __int128 right;
    int order = json_compare_numbers(a, b);
    int back = json_compare_numbers(b, a);
    REQUIRE((order > 0) - (order < 0) == (back < 0) - (back > 0));
    bool is_multiple = json_is_multiple(a, b);
    if (!scale(a, &left) || !scale(b, &right))
        return;
    REQUIRE((order > 0) - (order < 0) == (left > right) - (left < right));
    REQUIRE(right <= 0 || is_multiple == (left % right == 0));
    REQUIRE(json_is_integer(a) == (left % 1000000000000 == 0));
}

static void check(const struct json_document *a, const struct json_document *b)
{
    static const struct hash_key key = {3, 4};
    uint64_t steps = 1000000;
    uint64_t steps_back = 1000000;
    bool is_equal = json_equal(a->root, b->root, &steps);
    bool is_equal_back = json_equal(b->root, a->root, &steps_back);
    if (steps == 0 || steps_back == 0)
        return;
    REQUIRE(is_equal == is_equal_back);
    REQUIRE(!is_equal || json_hash(key, a->root) == json_hash(key, b->root));
    for (size_t i = 0; i < a->values_count && i < 50; i++)
        for (size_t j = 0; j < b->values_count && j < 50; j++)
            if (json_is_number(a->root + i) && json_is_number(b->root + j))
                check_numbers(a->root + i, b->root + j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    struct arena arena;
    struct json_document a;
    struct json_document b;
    struct json_fault fault;
    struct slice rest = slice_of(data, size);
    struct slice text = slice_cut(&rest, '\0');
    struct json_limits limits = {.bytes_max = 1 << 16, .depth_max = 64};
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    limits.keeps_numbers = text.len % 2;
    enum err err = json_parse(&arena, text, &limits, &a, &fault);
    limits.keeps_numbers = true;
    if (err == ERR_OK && json_parse(&arena, rest, &limits, &b, &fault) == ERR_OK)
        check(&a, &b);
    if (err == ERR_OK)
        check(&a, &a);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
