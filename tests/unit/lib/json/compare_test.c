/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/compare.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/lib/malloc_count.h"
#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct hash_key key = {1, 2};

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(64 << 20);
}

static yyjson_val *parse_as(struct slice text, bool keeps_numbers)
{
    const struct json_limits limits = {
        .bytes_max = 8 << 20, .depth_max = JSON_DEPTH_MAX, .keeps_numbers = keeps_numbers};
    struct json_document document;
    struct json_fault fault;
    if (json_parse(&arena, text, &limits, &document, &fault) != ERR_OK)
        fail_msg("%s: " SLICE_FMT, fault.what, SLICE_ARG(slice_first(text, 100)));
    return document.root;
}

static yyjson_val *parse(const char *text)
{
    return parse_as(slice_of_text(text), true);
}

static bool equal(yyjson_val *a, yyjson_val *b)
{
    uint64_t steps = 100000;
    uint64_t again = 100000;
    bool is_equal = json_equal(a, b, &steps);
    assert_true(json_equal(b, a, &again) == is_equal);
    assert_true(!is_equal || json_hash(key, a) == json_hash(key, b));
    return is_equal;
}

static void compares_numbers_by_what_they_are_worth(void **state)
{
    (void)state;
    /* In ascending order; those of one line are equal. */
    static const char *const rows[][5] = {
        {"-1e400", "-10e399"},
        {"-18446744073709551617"},
        {"-9223372036854775809", "-9223372036854775809.0"},
        {"-9223372036854775808", "-9223372036854775808.0"},
        {"-1.5", "-15e-1", "-0.15e+1"},
        {"-1", "-1.0"},
        {"-1e-400", "-0.1e-399"},
        {"0", "-0", "0.0", "0e9999", "-0.000"},
        {"1e-9999999999999999"},
        {"1e-400"},
        {"1e-320", "10e-321"},
        {"0.1", "1e-1", "0.100", "10E-2"},
        {"0.1000000000000000055511151231257827021181583404541015625"},
        {"1", "1.0", "10e-1", "0.1e1", "1.000000000000000000000000000"},
        {"1.0000000000000000000000000001"},
        {"9007199254740992", "9007199254740992.0"},
        {"9007199254740993", "9007199254740993.0"},
        {"18446744073709551615", "18446744073709551615.0"},
        {"18446744073709551616", "1.8446744073709551616e19"},
        {"100000000000000000000", "1e20", "100000000000000000000.0", "1E+20"},
        {"100000000000000000001"},
        {"1.7976931348623157e308"},
        {"1.7976931348623158e308"},
        {"1e309", "0.1e310"},
        {"1e9999999999999999"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < ARRAY_LEN(rows); j++) {
            for (size_t k = 0; k < 25; k++) {
                const char *left = rows[i][k / 5];
                const char *right = rows[j][k % 5];
                if (!left || !right)
                    continue;
                int order = json_compare_numbers(parse(left), parse(right));
                if ((order > 0) - (order < 0) != (i > j) - (i < j))
                    fail_msg("%s %s: %d", left, right, order);
                assert_true(equal(parse(left), parse(right)) == (i == j));
            }
        }
    }
}

static void compares_numbers_that_were_not_kept(void **state)
{
    (void)state;
    static const char *const ascending[] = {
        "-9223372036854775808", "-1.5", "-1",   "0", "0.5", "1", "9007199254740992", "1e17", "9223372036854775807",
        "18446744073709551615", "1e20", "1e300"};
    for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
        for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
            int order = json_compare_numbers(parse_as(slice_of_text(ascending[i]), false),
                                             parse_as(slice_of_text(ascending[j]), i % 2));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

static void knows_integers_in_every_form(void **state)
{
    (void)state;
    static const char *const yes[] = {"0",
                                      "-0.0",
                                      "1.0",
                                      "10e-1",
                                      "1e400",
                                      "-3",
                                      "123456789012345678901234567890",
                                      "12345678901234567890.000",
                                      "1.5e1",
                                      "9007199254740993.0"};
    static const char *const no[] = {"0.5", "1e-400", "-1.25", "12345678901234567890.5", "1.55e1", "1e-1"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(json_is_integer(parse(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(json_is_integer(parse(no[i])));
}

static void divides_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        const char *divisor;
        bool is_multiple;
    } rows[] = {
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
        {"1e308", "0.123456789", false},
        {"1e308", "0.5", true},
        {"12391239123", "1e-8", true},
        {"19.99", "0.01", true},
        {"4.02", "0.01", true},
        {"-4.02", "0.01", true},
        {"4.35", "0.1", false},
        {"0", "7", true},
        {"-0.0", "0.3", true},
        {"21", "7", true},
        {"-21", "7", true},
        {"22", "7", false},
        {"18446744073709551615", "5", true},
        {"-9223372036854775808", "4294967296", true},
        {"1e18446744073709551616", "3", false},
        {"3e18446744073709551616", "3", true},
        {"1e1000000", "1024", true},
        {"1e9", "1024", false},
        {"1e10", "1024", true},
        {"1e4", "625", true},
        {"1e3", "625", false},
        {"1", "1e400", false},
        {"1e400", "1e400", true},
        {"1e-400", "1e-401", true},
        {"1e-400", "3e-401", false},
        {"9e-400", "3e-401", true},
        /* (10^18 + 9)^2, × 3, + 1; 10^18 + 9 is a prime */
        {"1000000000000000018000000000000000081", "1000000000000000009", true},
        {"3000000000000000054000000000000000243", "1000000000000000018000000000000000081", true},
        {"3000000000000000054000000000000000244", "1000000000000000018000000000000000081", false},
        {"1000000000000000018.000000000000000081", "1.000000000000000009", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (json_is_multiple(parse(rows[i].number), parse(rows[i].divisor)) != rows[i].is_multiple)
            fail_msg("%s / %s", rows[i].number, rows[i].divisor);
}

/* Factors of hundreds of digits whose product is made here by hand, digit by digit. */
static void divides_by_hundreds_of_digits(void **state)
{
    (void)state;
    enum { DIGITS = JSON_DIVISOR_DIGITS_MAX };
    static char divisor[DIGITS + 1];
    static char product[2 * DIGITS + 1];
    srand(4);
    for (size_t round = 0; round < 200; round++) {
        size_t len = 1 + (size_t)rand() % DIGITS;
        unsigned sums[2 * DIGITS] = {0};
        for (size_t i = 0; i < len; i++)
            divisor[i] = (char)('1' + rand() % 9);
        divisor[len] = '\0';
        for (size_t j = 0; j < len; j++) { /* a factor of as many digits */
            unsigned digit = (unsigned)(1 + rand() % 9);
            for (size_t i = 0; i < len; i++)
                sums[i + j] += digit * (unsigned)(divisor[len - 1 - i] - '0');
        }
        for (size_t i = 0; i + 1 < 2 * len; i++) {
            sums[i + 1] += sums[i] / 10;
            sums[i] %= 10;
        }
        for (size_t i = 0; i < 2 * len; i++)
            product[2 * len - 1 - i] = (char)('0' + sums[i]);
        product[2 * len] = '\0';
        const char *number = product + (product[0] == '0');
        assert_true(json_is_multiple(parse(number), parse(divisor)));
        product[2 * len - 1] = product[2 * len - 1] == '9' ? '8' : (char)(product[2 * len - 1] + 1);
        assert_true(json_is_multiple(parse(number), parse(divisor)) == (strcmp(divisor, "1") == 0));
    }
}

static void compares_objects_in_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool is_equal;
    } rows[] = {
        {"{\"a\":1,\"b\":[true,null]}", "{\"b\":[true,null],\"a\":1.0}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"a\":1,\"b\":2,\"c\":{\"x\":1,\"y\":2}}", "{\"a\":1,\"c\":{\"y\":2,\"x\":1},\"b\":2}", true},
        {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}", true},
        {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"b\":1,\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1,\"b\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[]", "{}", false},
        {"[0]", "[false]", false},
        {"[\"\"]", "[null]", false},
        {"\"1\"", "1", false},
        {"[[],[[]]]", "[[],[[]]]", true},
        {"[[[]],[]]", "[[],[[]]]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (equal(parse(rows[i].a), parse(rows[i].b)) != rows[i].is_equal)
            fail_msg("%s %s", rows[i].a, rows[i].b);
}

/* `count` members, from the last to the first when reversed; the value of member `odd` is another. */
static yyjson_val *make_object(size_t count, bool is_reversed, size_t odd)
{
    size_t bytes = count * 32 + 3;
    char *memory = malloc(bytes);
    struct text text = text_init(memory, bytes);
    text_add(&text, SLICE_LIT("{"));
    for (size_t i = 0; i < count; i++) {
        size_t member = is_reversed ? count - 1 - i : i;
        text_printf(&text, "%s\"name%zu\":%zu", i ? "," : "", member, member + (member == odd));
    }
    text_add(&text, SLICE_LIT("}"));
    yyjson_val *object = parse_as(text_slice(&text), false);
    free(memory);
    return object;
}

static void compares_large_objects_in_bounded_steps_and_without_memory(void **state)
{
    (void)state;
    static const size_t counts[] = {9, 127, 128, 129, 1000, 20000};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        size_t count = counts[i];
        yyjson_val *a = make_object(count, false, count);
        yyjson_val *b = make_object(count, true, count);
        yyjson_val *c = make_object(count, true, count / 2);
        uint64_t steps_max = 4 * count + 2 * count * (count / 128 + 1);
        uint64_t steps = steps_max;
        unsigned long mallocs = malloc_count;
        assert_true(json_equal(a, b, &steps));
        assert_true(json_hash(key, a) == json_hash(key, b));
        steps = steps_max;
        assert_false(json_equal(a, c, &steps));
        steps = count / 2;
        assert_false(json_equal(a, b, &steps));
        assert_int_equal(steps, 0);
        assert_int_equal(malloc_count, mallocs);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_arena, drop_arena)
    const struct CMUnitTest tests[] = {
        TEST(compares_numbers_by_what_they_are_worth),
        TEST(compares_numbers_that_were_not_kept),
        TEST(knows_integers_in_every_form),
        TEST(divides_exactly),
        TEST(divides_by_hundreds_of_digits),
        TEST(compares_objects_in_any_order),
        TEST(compares_large_objects_in_bounded_steps_and_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
