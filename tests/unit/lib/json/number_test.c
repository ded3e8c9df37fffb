/* SPDX-License-Identifier: Apache-2.0 */
/* The reference is the C library: strtof and strtod round correctly, and printf with enough digits is exact. */
#include "lib/json/number.h"

#include "lib/base/asan.h"
#include "lib/base/attr.h"
#include "lib/json/powers_int.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Ten million bit patterns where the code is optimised; sanitizers and debugging make do with fewer. */
#if defined(WEIR_ASAN) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define ROUNDS 400000
#else
#define ROUNDS 10000000
#endif

/* xorshift64 (Marsaglia 2003): the same numbers in each run. */
static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static bool are_same_f32(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool are_same_f64(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static float random_f32(void)
{
    float value;
    do {
        uint32_t bits = (uint32_t)(next_random() >> 17);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static double random_f64(void)
{
    double value;
    do {
        uint64_t bits = next_random();
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

/* Both parsers against the C library; a value out of range is ERR_LIMIT. */
static void check_parse(const char *text)
{
    float f = -1;
    double d = -1;
    char *end;
    float wanted_f = strtof(text, &end);
    assert_int_equal(*end, '\0');
    double wanted_d = strtod(text, NULL);
    enum err err_f = number_parse_f32(slice_of_text(text), &f);
    enum err err_d = number_parse_f64(slice_of_text(text), &d);
    if (isinf(wanted_f) ? err_f != ERR_LIMIT : err_f != ERR_OK || !are_same_f32(f, wanted_f))
        fail_msg("%s as float is %a, not %a", text, (double)f, (double)wanted_f);
    if (isinf(wanted_d) ? err_d != ERR_LIMIT : err_d != ERR_OK || !are_same_f64(d, wanted_d))
        fail_msg("%s as double is %a, not %a", text, d, wanted_d);
}

static size_t count_digits(const char *text)
{
    size_t count = 0;
    size_t zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (count == 0 && *text == '0'))
            continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

static void check_format_f32(float value)
{
    char text[NUMBER_BYTES_MAX + 1];
    size_t len = number_format_f32(text, value);
    assert_true(len <= 20);
    text[len] = '\0';
    if (!are_same_f32(strtof(text, NULL), value))
        fail_msg("%a is written as %s", (double)value, text);
    assert_non_null(strpbrk(text, ".e"));
}

static void check_format_f64(double value)
{
    char text[NUMBER_BYTES_MAX + 1];
    size_t len = number_format_f64(text, value);
    assert_true(len <= 25);
    text[len] = '\0';
    if (!are_same_f64(strtod(text, NULL), value))
        fail_msg("%a is written as %s", value, text);
}

static void random_floats_read_back_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS; i++)
        check_format_f32(random_f32());
}

static void random_doubles_read_back_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS / 4; i++)
        check_format_f64(random_f64());
}

/* No text of fewer digits reads back equal, and of those with as many none is nearer. */
static void no_text_is_shorter_or_nearer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS / 50; i++) {
        char text[NUMBER_BYTES_MAX + 1];
        char other[64];
        float value = random_f32();
        text[number_format_f32(text, value)] = '\0';
        int digits = (int)count_digits(text);
        snprintf(other, sizeof other, "%.*e", MAX(digits - 2, 0), (double)value);
        assert_true(digits <= 1 || !are_same_f32(strtof(other, NULL), value));
        snprintf(other, sizeof other, "%.*e", MAX(digits - 1, 0), (double)value);
        /* printf rounds to the nearest; where that reads back equal it must be what we wrote. */
        if (are_same_f32(strtof(other, NULL), value))
            assert_true(are_same_f64(strtod(other, NULL), strtod(text, NULL)));
        double wide = random_f64();
        text[number_format_f64(text, wide)] = '\0';
        digits = (int)count_digits(text);
        snprintf(other, sizeof other, "%.*e", MAX(digits - 2, 0), wide);
        assert_true(digits <= 1 || !are_same_f64(strtod(other, NULL), wide));
    }
}

static void every_power_of_two_reads_back_equal(void **state)
{
    (void)state;
    for (int e = -149; e <= 127; e++) {
        float power = ldexpf(1, e);
        check_format_f32(power);
        check_format_f32(-nextafterf(power, 0));
        check_format_f32(nextafterf(power, INFINITY));
    }
    for (int e = -1074; e <= 1023; e++) {
        double power = ldexp(1, e);
        check_format_f64(power);
        check_format_f64(-nextafter(power, 0));
        check_format_f64(nextafter(power, INFINITY));
    }
}

static void format_is_as_documented(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *f32;
        const char *f64;
    } cases[] = {
        {0, "0.0", "0.0"},
        {-0.0, "-0.0", "-0.0"},
        {3, "3.0", "3.0"},
        {-2.5, "-2.5", "-2.5"},
        {0.1, "0.1", "0.1"},
        {1.0 / 3, "0.33333334", "0.3333333333333333"},
        {1e-4, "0.0001", "0.0001"},
        {1.5e-5, "1.5e-5", "1.5e-5"},
        {1e-5, "1e-5", "1e-5"},
        {120, "120.0", "120.0"},
        {16777217, "16777216.0", "16777217.0"},
        {1e15, "1000000000000000.0", "1000000000000000.0"},
        {1e16, "1e16", "1e16"},
        {1.25e21, "1.25e21", "1.25e21"},
        {FLT_MAX, "3.4028235e38", "3.4028234663852886e38"},
        {FLT_MIN, "1.1754944e-38", "1.1754943508222875e-38"},
        {FLT_TRUE_MIN, "1e-45", "1.401298464324817e-45"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[NUMBER_BYTES_MAX + 1];
        text[number_format_f32(text, (float)cases[i].value)] = '\0';
        assert_string_equal(text, cases[i].f32);
        text[number_format_f64(text, cases[i].value)] = '\0';
        assert_string_equal(text, cases[i].f64);
    }
}

static void random_texts_parse_as_the_c_library_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS / 10; i++) {
        char text[400];
        uint64_t random = next_random();
        snprintf(text, sizeof text, "%.*e", (int)(random % 25), (double)random_f32());
        check_parse(text);
        snprintf(text, sizeof text, "%.*e", (int)(random / 25 % 25), random_f64());
        check_parse(text);
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(next_random() >> (random & 63)),
                 (unsigned long long)(next_random() >> (random >> 6 & 63)), (int)(random >> 12 & 0x3ff) - 512);
        check_parse(text);
    }
}

/* Exactly between two neighbours, and a hair beside: where only the last of many digits decides. */
static void ties_go_to_even_and_a_hair_beside_does_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS / 400; i++) {
        char text[1400];
        float f = random_f32();
        double middle = ((double)f + (double)nextafterf(f, INFINITY)) / 2;
        if (!isfinite(middle))
            continue;
        snprintf(text, sizeof text, "%.130e", middle);
        check_parse(text);
        /* The last of the digits, which is a zero, becomes a one. */
        *(strchr(text, 'e') - 1) = '1';
        check_parse(text);
        /* The same between doubles, where long double holds the middle exactly. */
        double d = random_f64();
        long double between = ((long double)d + (long double)nextafter(d, INFINITY)) / 2;
        if (LDBL_MANT_DIG < 64 || !isfinite((double)between))
            continue;
        snprintf(text, sizeof text, "%.1100Le", between);
        check_parse(text);
    }
}

static void edges_parse_as_the_c_library_does(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0e0",
        "0e99999999999999999999",
        "0.000e-5",
        "1",
        "-1",
        "1e0",
        "1E+2",
        "1e-2",
        "9007199254740993",
        "9007199254740992.999999999999999999999",
        "16777217",
        "16777217.00000000000000000000001",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "1e22",
        "1e23",
        "8.5e22",
        "1e-22",
        "1e-23",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1.8e308",
        "1e309",
        "1e400",
        "1e99999999999999999999",
        "4.9406564584124654e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327e-324",
        "1e-324",
        "1e-400",
        "1e-99999999999999999999",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "3.4028234663852886e38",
        "3.4028235677973366e38",
        "3.4028235677973362e38",
        "3.4028236e38",
        "1.401298464324817e-45",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "1.1754943508222875e-38",
        "1.17549429e-38",
        "1.1754942e-38",
        "0.1",
        "0.3",
        "123456789.123456789",
        "1234567890123456789",
        "12345678901234567890",
        "1234567890123456789012345678901234567890",
        "0.00000000000000000000000000001",
        "100000000000000000000000000000000000000000000000000",
        "12345678",
        "123456789",
        "1.2345678",
        "1.23456789e-3",
        "6.631236846766476e-316",
        "6.0221407623e23",
        "5e-324",
        "3e-324",
        "2e-324",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_parse(texts[i]);
}

static void any_number_of_digits_is_read(void **state)
{
    (void)state;
    enum { DIGITS = 5000 };
    static const char *const heads[] = {"", "0.", "1.", "9007199254740993.", "16777217."};
    char *text = malloc(DIGITS + 100);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        for (int last = 0; last <= 1; last++) {
            size_t head = (size_t)snprintf(text, DIGITS, "%s", heads[i]);
            memset(text + head, i == 0 ? '7' : '0', DIGITS);
            snprintf(text + head + DIGITS, 100 - head, "%de%d", last, i == 0 ? -DIGITS : 3);
            check_parse(text);
        }
    }
    free(text);
}

static void refuses_what_is_no_json_number(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "-",   "+1",  ".5",    "1.", "1.e5", "1e",  "1e+",
                                      "01",   "-01", "--1", "1 ",    " 1", "0x1",  "inf", "nan",
                                      "1e5.", "1_0", "1,",  "1.2.3", "1f", "e5",   "-.5", "00"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        float f = 17;
        double d = 17;
        assert_int_equal(number_parse_f32(slice_of_text(bad[i]), &f), ERR_SYNTAX);
        assert_int_equal(number_parse_f64(slice_of_text(bad[i]), &d), ERR_SYNTAX);
        assert_true(f == 17 && d == 17);
    }
    float f;
    assert_int_equal(number_parse_f32((struct slice){NULL, 0}, &f), ERR_SYNTAX);
}

static void read_stops_behind_the_number(void **state)
{
    (void)state;
    struct slice rest = SLICE_LIT("-1.25e2,3]");
    float value;
    assert_int_equal(number_read_f32(&rest, &value), ERR_OK);
    assert_true(value == -125);
    assert_true(slice_is(rest, ",3]"));
    rest = slice_skip(rest, 1);
    assert_int_equal(number_read_f32(&rest, &value), ERR_OK);
    assert_true(value == 3);
    assert_int_equal(number_read_f32(&rest, &value), ERR_SYNTAX);
    assert_true(slice_is(rest, "]"));
    rest = SLICE_LIT("1e39]");
    assert_int_equal(number_read_f32(&rest, &value), ERR_LIMIT);
    assert_true(slice_is(rest, "1e39]"));
}

static void reads_no_byte_behind_the_text(void **state)
{
    (void)state;
    static const char digits[] = "12345678.87654321e11";
    for (size_t len = 1; len < sizeof digits; len++) {
        char *exact = malloc(len); /* for AddressSanitizer */
        double value;
        memcpy(exact, digits, len);
        struct slice rest = slice_of(exact, len);
        (void)!number_read_f64(&rest, &value);
        free(exact);
    }
}

/* The rows by other means than the script that made them: 5^e fits 128 bits up to e = 55, and each further row is ten
 * times its neighbour within the unit that each was rounded by. */
static void table_of_powers_is_right(void **state)
{
    (void)state;
    unsigned __int128 exact = 1;
    for (int e = 0; e <= 55; e++, exact *= 5) {
        unsigned __int128 row = exact;
        while (!(row >> 127))
            row <<= 1;
        assert_true(power_of_ten(e)->high == (uint64_t)(row >> 64));
        assert_true(power_of_ten(e)->low == (uint64_t)row);
    }
    for (int e = POWER_MIN; e < POWER_MAX; e++) {
        const struct power *here = power_of_ten(e);
        const struct power *next = power_of_ten(e + 1);
        assert_true(here->high >> 63);
        unsigned __int128 row = (unsigned __int128)here->high << 64 | here->low;
        unsigned __int128 wanted = (unsigned __int128)next->high << 64 | next->low;
        int shift = power_log2(e + 1) - power_log2(e);
        unsigned __int128 tenfold = (row >> shift) * 10 + ((uint64_t)row % (1U << shift) * 10 >> shift);
        assert_true((tenfold > wanted ? tenfold - wanted : wanted - tenfold) <= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_floats_read_back_equal),
        cmocka_unit_test(random_doubles_read_back_equal),
        cmocka_unit_test(no_text_is_shorter_or_nearer),
        cmocka_unit_test(every_power_of_two_reads_back_equal),
        cmocka_unit_test(format_is_as_documented),
        cmocka_unit_test(random_texts_parse_as_the_c_library_does),
        cmocka_unit_test(ties_go_to_even_and_a_hair_beside_does_not),
        cmocka_unit_test(edges_parse_as_the_c_library_does),
        cmocka_unit_test(any_number_of_digits_is_read),
        cmocka_unit_test(refuses_what_is_no_json_number),
        cmocka_unit_test(read_stops_behind_the_number),
        cmocka_unit_test(reads_no_byte_behind_the_text),
        cmocka_unit_test(table_of_powers_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
