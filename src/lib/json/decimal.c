/* SPDX-License-Identifier: Apache-2.0 */
/* Exact numbers without a library of big ones: comparing needs only digits and places. So does divisibility, once the
 * exponent is gone: n × 10^e is a multiple of d when n is one of d without those factors two and five that 10^e has. */
#include "lib/json/compare.h"

#include <math.h>

#define EXPONENT_MAX INT64_C(1000000000000000000)
/* Below it every integer is a double and every double's fraction is exact. */
#define F64_INTEGERS 0x1p53

#define SCALE_MAX 1000000000000000u
static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

#define LIMB_DIGITS 9
#define LIMB_TEN    1000000000u /* 10^LIMB_DIGITS */
/* A limb holds at least 9.6 digits; one more for a remainder before it is reduced. */
#define LIMBS_MAX (JSON_DIVISOR_DIGITS_MAX / LIMB_DIGITS + 2)

struct big {
    uint32_t limbs[LIMBS_MAX]; /* the lowest first */
    uint32_t count;            /* without leading zeros */
};

static size_t count_digits(const struct json_decimal *decimal);
static bool big_read(const struct json_decimal *decimal, struct big *ret_big);
static uint32_t big_divide(struct big *big, uint32_t divisor, bool is_kept);
static bool is_divisible(const struct json_decimal *number, const struct big *divisor);

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits up to the first character that is none. */
static struct slice take_digits(struct slice *rest)
{
    size_t len = 0;
    while (len < rest->len && is_digit(rest->ptr[len]))
        len++;
    struct slice digits = slice_first(*rest, len);
    *rest = slice_skip(*rest, len);
    return digits;
}

static int64_t clamp(int64_t exponent)
{
    return exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
}

/* What stands behind "e". */
static int64_t read_exponent(struct slice text)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && !is_digit(text.ptr[0]))
        text = slice_skip(text, 1);
    int64_t exponent = 0;
    for (size_t i = 0; i < text.len; i++)
        exponent = MIN(exponent, EXPONENT_MAX / 10) * 10 + (text.ptr[i] - '0');
    return clamp(is_negative ? -exponent : exponent);
}

static struct slice drop_zeros_before(struct slice digits)
{
    while (digits.len > 0 && digits.ptr[0] == '0')
        digits = slice_skip(digits, 1);
    return digits;
}

static struct slice drop_zeros_behind(struct slice digits)
{
    while (digits.len > 0 && digits.ptr[digits.len - 1] == '0')
        digits.len--;
    return digits;
}

void json_decimal_read(struct slice text, struct json_decimal *ret_decimal)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    struct slice rest = slice_skip(text, is_negative);
    struct slice whole = take_digits(&rest);
    struct slice fraction = {NULL, 0};
    if (rest.len > 0 && rest.ptr[0] == '.') {
        rest = slice_skip(rest, 1);
        fraction = take_digits(&rest);
    }
    int64_t exponent = rest.len > 0 ? read_exponent(slice_skip(rest, 1)) : 0;
    exponent -= (int64_t)fraction.len;
    whole = drop_zeros_before(whole);
    if (whole.len == 0)
        fraction = drop_zeros_before(fraction);
    size_t len = whole.len + fraction.len;
    fraction = drop_zeros_behind(fraction);
    if (fraction.len == 0)
        whole = drop_zeros_behind(whole);
    exponent += (int64_t)(len - whole.len - fraction.len);
    bool is_zero = whole.len + fraction.len == 0;
    ret_decimal->is_negative = is_negative && !is_zero;
    ret_decimal->digits = whole.len ? whole : fraction;
    ret_decimal->more = whole.len ? fraction : (struct slice){NULL, 0};
    ret_decimal->exponent = is_zero ? 0 : clamp(exponent);
}

void json_decimal_of(yyjson_val *number, struct json_decimal *ret_decimal)
{
    char *memory = ret_decimal->memory;
    size_t len;
    if (yyjson_is_raw(number)) {
        json_decimal_read(json_raw(number), ret_decimal);
        return;
    }
    if (yyjson_is_real(number)) {
        len = number_format_f64(memory, unsafe_yyjson_get_real(number));
    } else {
        bool is_negative = yyjson_is_sint(number) && unsafe_yyjson_get_sint(number) < 0;
        uint64_t magnitude = unsafe_yyjson_get_uint(number);
        memory[0] = '-';
        len = is_negative + text_format_u64(memory + is_negative, is_negative ? -magnitude : magnitude);
    }
    json_decimal_read(slice_of(memory, len), ret_decimal);
}

static size_t count_digits(const struct json_decimal *decimal)
{
    return decimal->digits.len + decimal->more.len;
}

static char digit_at(const struct json_decimal *decimal, size_t index)
{
    size_t first = decimal->digits.len;
    return index < first ? decimal->digits.ptr[index] : decimal->more.ptr[index - first];
}

static int compare_magnitudes(const struct json_decimal *a, const struct json_decimal *b)
{
    size_t a_count = count_digits(a);
    size_t b_count = count_digits(b);
    int64_t a_place = a->exponent + (int64_t)a_count;
    int64_t b_place = b->exponent + (int64_t)b_count;
    if (a_place != b_place)
        return a_place < b_place ? -1 : 1;
    for (size_t i = 0; i < a_count && i < b_count; i++)
        if (digit_at(a, i) != digit_at(b, i))
            return digit_at(a, i) < digit_at(b, i) ? -1 : 1;
    return a_count < b_count ? -1 : a_count > b_count;
}

static int sign_of(const struct json_decimal *decimal)
{
    return decimal->digits.len == 0 ? 0 : decimal->is_negative ? -1 : 1;
}

int json_decimal_compare(const struct json_decimal *a, const struct json_decimal *b)
{
    int a_sign = sign_of(a);
    int b_sign = sign_of(b);
    if (a_sign != b_sign || a_sign == 0)
        return (a_sign > b_sign) - (a_sign < b_sign);
    return a_sign * compare_magnitudes(a, b);
}

bool json_decimal_is_multiple(const struct json_decimal *number, const struct json_decimal *divisor)
{
    int64_t exponent = number->exponent - divisor->exponent;
    struct big big;
    if (number->digits.len == 0)
        return true;
    if (exponent < 0) /* ten would have to divide the digits, whose last is not zero */
        return false;
    if (divisor->digits.len == 0 || !big_read(divisor, &big))
        return false;
    for (int64_t twos = exponent; twos > 0 && big_divide(&big, 2, false) == 0; twos--)
        (void)big_divide(&big, 2, true);
    for (int64_t fives = exponent; fives > 0 && big_divide(&big, 5, false) == 0; fives--)
        (void)big_divide(&big, 5, true);
    return is_divisible(number, &big);
}

bool json_is_integer(yyjson_val *number)
{
    if (yyjson_is_int(number))
        return true;
    if (yyjson_is_real(number)) {
        double value = unsafe_yyjson_get_real(number);
        return fabs(value) >= F64_INTEGERS || value == floor(value);
    }
    struct json_decimal decimal;
    json_decimal_of(number, &decimal);
    return decimal.exponent >= 0;
}

static int compare_integers(yyjson_val *a, yyjson_val *b)
{
    bool a_is_below = yyjson_is_sint(a) && unsafe_yyjson_get_sint(a) < 0;
    bool b_is_below = yyjson_is_sint(b) && unsafe_yyjson_get_sint(b) < 0;
    if (a_is_below != b_is_below)
        return a_is_below ? -1 : 1;
    /* Of one sign, two's complement has the order of the numbers. */
    uint64_t left = unsafe_yyjson_get_uint(a);
    uint64_t right = unsafe_yyjson_get_uint(b);
    return (left > right) - (left < right);
}

/* Whether it is a number whose double compares with other such as the number itself does: an integer below 2^53, or a
 * double that is less than that or is compared with a double. */
static bool is_plain(yyjson_val *number, bool is_real, double *ret_value)
{
    if (yyjson_is_raw(number))
        return false;
    *ret_value = unsafe_yyjson_get_num(number);
    return is_real || fabs(*ret_value) < F64_INTEGERS;
}

int json_compare_numbers(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_is_int(a) && yyjson_is_int(b))
        return compare_integers(a, b);
    bool is_real = yyjson_is_real(a) && yyjson_is_real(b);
    double left;
    double right;
    if (is_plain(a, is_real, &left) && is_plain(b, is_real, &right))
        return (left > right) - (left < right);
    struct json_decimal a_decimal;
    struct json_decimal b_decimal;
    json_decimal_of(a, &a_decimal);
    json_decimal_of(b, &b_decimal);
    return json_decimal_compare(&a_decimal, &b_decimal);
}

static uint64_t magnitude_of(yyjson_val *integer)
{
    uint64_t value = unsafe_yyjson_get_uint(integer);
    return yyjson_is_sint(integer) && unsafe_yyjson_get_sint(integer) < 0 ? -value : value;
}

/* A number as an integer divided by a power of ten, where few digits do: two decimals of at most 15 digits are never the
 * same double, so the one that divides to it is the one that was written. */
static bool scale_down(yyjson_val *number, uint64_t *ret_digits, uint32_t *ret_places)
{
    if (yyjson_is_int(number)) {
        *ret_digits = magnitude_of(number);
        *ret_places = 0;
        return *ret_digits < SCALE_MAX;
    }
    double value = yyjson_is_real(number) ? fabs(unsafe_yyjson_get_real(number)) : SCALE_MAX;
    for (uint32_t places = 0; places < ARRAY_LEN(tens) && value < SCALE_MAX; places++) {
        double scaled = value * (double)tens[places];
        if (scaled >= SCALE_MAX)
            return false;
        *ret_digits = (uint64_t)(scaled + 0.5);
        *ret_places = places;
        if ((double)*ret_digits / (double)tens[places] == value)
            return true;
    }
    return false;
}

/* Both in the smaller unit. False: they are not small enough. */
static bool divide_small(yyjson_val *number, yyjson_val *divisor, bool *ret_is_multiple)
{
    uint64_t n;
    uint64_t d;
    uint32_t n_places;
    uint32_t d_places;
    if (!scale_down(divisor, &d, &d_places) || !scale_down(number, &n, &n_places) || d == 0)
        return false;
    uint64_t n_factor = tens[d_places > n_places ? d_places - n_places : 0];
    uint64_t d_factor = tens[n_places > d_places ? n_places - d_places : 0];
    if (n > UINT64_MAX / n_factor || d > UINT64_MAX / d_factor)
        return false;
    *ret_is_multiple = n * n_factor % (d * d_factor) == 0;
    return true;
}

bool json_is_multiple(yyjson_val *number, yyjson_val *divisor)
{
    bool is_multiple;
    if (yyjson_is_int(number) && yyjson_is_int(divisor) && magnitude_of(divisor) > 0)
        return magnitude_of(number) % magnitude_of(divisor) == 0;
    if (divide_small(number, divisor, &is_multiple))
        return is_multiple;
    struct json_decimal a;
    struct json_decimal b;
    json_decimal_of(number, &a);
    json_decimal_of(divisor, &b);
    return json_decimal_is_multiple(&a, &b);
}

/* big × factor + addend; the limbs are there. */
static void big_multiply(struct big *big, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (uint32_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0)
        big->limbs[big->count++] = (uint32_t)carry;
}

/* Up to LIMB_DIGITS digits from *index on, as a number; *ret_ten is ten to the power of how many. */
static uint32_t take_chunk(const struct json_decimal *decimal, size_t *index, uint32_t *ret_ten)
{
    uint32_t chunk = 0;
    uint32_t ten = 1;
    for (size_t count = count_digits(decimal); *index < count && ten < LIMB_TEN; (*index)++, ten *= 10)
        chunk = chunk * 10 + (uint32_t)(digit_at(decimal, *index) - '0');
    *ret_ten = ten;
    return chunk;
}

static bool big_read(const struct json_decimal *decimal, struct big *ret_big)
{
    if (count_digits(decimal) > JSON_DIVISOR_DIGITS_MAX)
        return false;
    ret_big->count = 0;
    uint32_t ten;
    for (size_t index = 0; index < count_digits(decimal);) {
        uint32_t chunk = take_chunk(decimal, &index, &ten);
        big_multiply(ret_big, ten, chunk);
    }
    return true;
}

/* The remainder; with is_kept the quotient takes the number's place. */
static uint32_t big_divide(struct big *big, uint32_t divisor, bool is_kept)
{
    uint64_t remainder = 0;
    for (uint32_t i = big->count; i > 0; i--) {
        uint64_t part = remainder << 32 | big->limbs[i - 1];
        remainder = part % divisor;
        if (is_kept)
            big->limbs[i - 1] = (uint32_t)(part / divisor);
    }
    while (is_kept && big->count > 0 && big->limbs[big->count - 1] == 0)
        big->count--;
    return (uint32_t)remainder;
}

/* a -= b × factor, from limb 0 on; whether the result is below zero, which then stands as its complement. */
static bool subtract_multiple(uint32_t *a, const struct big *b, uint32_t factor)
{
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t product = (uint64_t)b->limbs[i] * factor + borrow;
        borrow = (product >> 32) + (a[i] < (uint32_t)product);
        a[i] -= (uint32_t)product;
    }
    bool is_below = a[b->count] < borrow;
    a[b->count] -= (uint32_t)borrow;
    return is_below;
}

static void add_back(uint32_t *a, const struct big *b)
{
    uint64_t carry = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        carry += (uint64_t)a[i] + b->limbs[i];
        a[i] = (uint32_t)carry;
        carry >>= 32;
    }
    a[b->count] += (uint32_t)carry;
}

/* One quotient limb of Knuth's algorithm D (The Art of Computer Programming, 4.3.1): `rest` has one limb more than the
 * divisor, whose highest bit is set and who has at least two limbs, and its upper part is less than it. */
static void reduce(uint32_t *rest, const struct big *divisor)
{
    uint32_t n = divisor->count;
    uint64_t top = (uint64_t)rest[n] << 32 | rest[n - 1];
    uint64_t quotient = top / divisor->limbs[n - 1];
    uint64_t left = top % divisor->limbs[n - 1];
    while (quotient > UINT32_MAX || quotient * divisor->limbs[n - 2] > (left << 32 | rest[n - 2])) {
        quotient--;
        left += divisor->limbs[n - 1];
        if (left > UINT32_MAX)
            break;
    }
    if (subtract_multiple(rest, divisor, (uint32_t)quotient))
        add_back(rest, divisor);
}

/* The number's digits, as an integer, modulo a divisor of several limbs. Both are shifted by as much, which changes nothing
 * about being divisible. */
static bool is_divisible_long(const struct json_decimal *number, struct big divisor)
{
    struct big rest = {.count = 0};
    uint32_t n = divisor.count;
    int shift = __builtin_clz(divisor.limbs[n - 1]);
    memset(rest.limbs, 0, (n + 1) * sizeof rest.limbs[0]);
    if (shift > 0)
        big_multiply(&divisor, 1u << shift, 0);
    for (size_t index = 0; index < count_digits(number);) {
        uint32_t ten;
        uint64_t chunk = (uint64_t)take_chunk(number, &index, &ten) << shift;
        uint64_t carry = chunk;
        for (uint32_t i = 0; i <= n; i++) {
            carry += (uint64_t)rest.limbs[i] * ten;
            rest.limbs[i] = (uint32_t)carry;
            carry >>= 32;
        }
        reduce(rest.limbs, &divisor);
    }
    for (uint32_t i = 0; i < n; i++)
        if (rest.limbs[i] != 0)
            return false;
    return true;
}

static bool is_divisible(const struct json_decimal *number, const struct big *divisor)
{
    if (divisor->count > 1)
        return is_divisible_long(number, *divisor);
    uint64_t rest = 0;
    for (size_t index = 0; index < count_digits(number);) {
        uint32_t ten;
        uint32_t chunk = take_chunk(number, &index, &ten);
        rest = (rest * ten + chunk) % divisor->limbs[0];
    }
    return rest == 0;
}
