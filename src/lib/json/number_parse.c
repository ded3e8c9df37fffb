/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal to binary in three steps, each exact, each rarer and slower than the one before:
 *   1. William Clinger, "How to Read Floating Point Numbers Accurately", 1990: up to 2^53 (2^24 for float) and a power of
 *      ten that is exact too, one multiplication or division rounds correctly.
 *   2. Daniel Lemire, "Number Parsing at a Gigabyte per Second", 2021: up to 19 digits times a 128-bit fraction of the
 *      power of ten; Noble Mushtak and Lemire, "Fast Number Parsing Without Fallback", 2023, prove that this suffices.
 *   3. More than 19 digits that matter: strtod on a copy of bounded length. */
#include "lib/json/number.h"

#include "lib/base/attr.h"
#include "lib/json/powers_int.h"
#include "lib/json/row_int.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MANTISSA_DIGITS 19 /* fit 64 bits */
#define EXPONENT_MAX    INT64_C(1000000000000)

/* A number of at most 19 digits: mantissa × 10^exponent. Kept in registers: nothing takes its address. */
struct token {
    const char *end; /* NULL when no number stands there */
    uint64_t mantissa;
    int64_t exponent;
    bool is_negative;
    bool is_long; /* more than 19 digits: the mantissa is void */
};

/* A longer one. */
struct long_number {
    const char *digits; /* first digit, then digits and at most one point up to digits_end */
    const char *digits_end;
    int64_t exponent; /* as written */
};

/* IEEE 754 binary32 and binary64. */
struct layout {
    int mantissa_bits;  /* stored ones */
    int exponent_least; /* minus the bias */
    int exponent_infinite;
    int power_least;     /* below it, 19 digits still round to zero */
    int power_most;      /* above it, 1 is infinite */
    int tie_power_least; /* only with powers in this range can a product be an exact tie */
    int tie_power_most;
};

static const struct layout layout_f32 = {23, -127, 0xff, -64, 38, -17, 10};
static const struct layout layout_f64 = {52, -1023, 0x7ff, -342, 308, -4, 23};

static inline struct token scan(struct slice text);
static float convert_long_f32(struct slice token);
static double convert_long_f64(struct slice token);

/* Room for the digits that can decide (767 for double), one that stands for all behind them, and the exponent. */
#define DIGITS_MAX     800
#define COPY_BYTES_MAX (DIGITS_MAX + 32)

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Clinger's case. */
static inline bool convert_exactly_f32(uint64_t mantissa, int64_t exponent, float *ret_value)
{
    static const float tens[] = {1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F, 1e8F, 1e9F, 1e10F};
    if (mantissa > 1 << 24 || exponent < -10 || exponent > 10)
        return false;
    float value = (float)mantissa;
    *ret_value = exponent < 0 ? value / tens[-exponent] : value * tens[exponent];
    return true;
}

static inline bool convert_exactly_f64(uint64_t mantissa, int64_t exponent, double *ret_value)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (mantissa > UINT64_C(1) << 53 || exponent < -22 || exponent > 22)
        return false;
    double value = (double)mantissa;
    *ret_value = exponent < 0 ? value / tens[-exponent] : value * tens[exponent];
    return true;
}

/* The high 128 bits of w × 10^power, precise enough for the layout. Below zero the fraction must be rounded up, above it
 * down, while the table is rounded up throughout. */
static inline unsigned __int128 multiply(uint64_t w, int power, const struct layout *layout)
{
    const struct power *ten = power_of_ten(power);
    uint64_t low = ten->low - (power > 55);
    unsigned __int128 product = (unsigned __int128)w * ten->high;
    uint64_t mask = UINT64_MAX >> (layout->mantissa_bits + 3);
    if (((uint64_t)(product >> 64) & mask) == mask)
        product += (uint64_t)((unsigned __int128)w * low >> 64);
    return product;
}

/* Lemire's case: the bits of the nearest number, without the sign. */
static inline uint64_t convert(uint64_t w, int64_t exponent, const struct layout *layout)
{
    uint64_t infinite = (uint64_t)layout->exponent_infinite << layout->mantissa_bits;
    if (w == 0 || exponent < layout->power_least)
        return 0;
    if (exponent > layout->power_most)
        return infinite;
    int power = (int)exponent;
    int zeros = __builtin_clzll(w);
    unsigned __int128 product = multiply(w << zeros, power, layout);
    uint64_t high = (uint64_t)(product >> 64);
    int upper = (int)(high >> 63);
    int shift = upper + 64 - layout->mantissa_bits - 3;
    uint64_t mantissa = high >> shift; /* with one bit more than is stored, for rounding */
    int biased = power_log2(power) + 63 + upper - zeros - layout->exponent_least;
    if (biased <= 0) {
        /* A carry out of the stored bits makes it the smallest normal number, which is what its bits say. */
        if (biased <= -63)
            return 0;
        mantissa >>= 1 - biased;
        return (mantissa + (mantissa & 1)) >> 1;
    }
    bool is_tie = (uint64_t)product <= 1 && power >= layout->tie_power_least && power <= layout->tie_power_most &&
                  (mantissa & 3) == 1 && mantissa << shift == high;
    mantissa = is_tie ? mantissa >> 1 : (mantissa + 1) >> 1;
    /* The leading one is not stored; adding it to the exponent below does the carry as well. */
    uint64_t bits = ((uint64_t)(biased - 1) << layout->mantissa_bits) + mantissa;
    return MIN(bits, infinite);
}

double number_scale_f64(uint64_t mantissa, int64_t exponent)
{
    double value;
    uint64_t bits = convert(mantissa, exponent, &layout_f64);
    memcpy(&value, &bits, sizeof value);
    return value;
}

enum err number_read_f32(struct slice *rest, float *ret_value)
{
    struct token token = scan(*rest);
    if (UNLIKELY(!token.end))
        return ERR_SYNTAX;
    size_t len = (size_t)(token.end - rest->ptr);
    float value;
    if (UNLIKELY(token.is_long)) {
        value = convert_long_f32(slice_first(*rest, len));
    } else if (!convert_exactly_f32(token.mantissa, token.exponent, &value)) {
        uint32_t bits = (uint32_t)convert(token.mantissa, token.exponent, &layout_f32);
        memcpy(&value, &bits, sizeof value);
    }
    if (UNLIKELY(isinf(value)))
        return ERR_LIMIT;
    *rest = slice_skip(*rest, len);
    *ret_value = token.is_negative ? -value : value;
    return ERR_OK;
}

enum err number_read_f64(struct slice *rest, double *ret_value)
{
    struct token token = scan(*rest);
    if (UNLIKELY(!token.end))
        return ERR_SYNTAX;
    size_t len = (size_t)(token.end - rest->ptr);
    double value;
    if (UNLIKELY(token.is_long)) {
        value = convert_long_f64(slice_first(*rest, len));
    } else if (!convert_exactly_f64(token.mantissa, token.exponent, &value)) {
        uint64_t bits = convert(token.mantissa, token.exponent, &layout_f64);
        memcpy(&value, &bits, sizeof value);
    }
    if (UNLIKELY(isinf(value)))
        return ERR_LIMIT;
    *rest = slice_skip(*rest, len);
    *ret_value = token.is_negative ? -value : value;
    return ERR_OK;
}

enum err number_parse_f32(struct slice text, float *ret_value)
{
    float value;
    TRY(number_read_f32(&text, &value));
    if (text.len > 0)
        return ERR_SYNTAX;
    *ret_value = value;
    return ERR_OK;
}

enum err number_parse_f64(struct slice text, double *ret_value)
{
    double value;
    TRY(number_read_f64(&text, &value));
    if (text.len > 0)
        return ERR_SYNTAX;
    *ret_value = value;
    return ERR_OK;
}

/* How many of the eight bytes are digits, counted from the lowest, which is the first in the text. The high bit of a
 * byte of `others` is set when it is below '0' or when adding 6 lifts it over '9'; borrows and carries only go upward,
 * to bytes behind the first that is no digit. */
static inline int count_digits(uint64_t word)
{
    uint64_t others = ((word + 0x4646464646464646) | (word - 0x3030303030303030) | word) & 0x8080808080808080;
    return others ? __builtin_ctzll(others) / 8 : 8;
}

/* Eight digits to a number: pairs, fours, eights, each by one multiplication. */
static inline uint64_t join_digits(uint64_t word)
{
    word = word * 10 + (word >> 8);
    uint64_t even = (word & 0x000000ff000000ff) * (100 + (UINT64_C(1000000) << 32));
    uint64_t odd = (word >> 16 & 0x000000ff000000ff) * (1 + (UINT64_C(10000) << 32));
    return (even + odd) >> 32;
}

/* Goes by words as long as eight bytes may be read; numbers of a tensor end in the middle of a word, and finding that
 * place without a branch for each digit is what the speed comes from. The mantissa wraps around with more than 19
 * digits, and is void then. */
static inline const char *scan_digits(const char *ptr, const char *end, uint64_t *mantissa)
{
    static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    while (LIKELY(end - ptr >= 8)) {
        uint64_t word;
        memcpy(&word, ptr, 8);
        int count = count_digits(word);
        int half = 32 - 4 * count;
        /* Moved up (in two halves, because no digit at all means by 64 bits), the digits have zeros in front. */
        *mantissa = *mantissa * tens[count] + join_digits((word - 0x3030303030303030) << half << half);
        ptr += count;
        if (count < 8)
            return ptr;
    }
    for (; ptr < end && is_digit(*ptr); ptr++)
        *mantissa = *mantissa * 10 + (unsigned)(*ptr - '0');
    return ptr;
}

/* Reads what stands behind "e"; NULL when that is no exponent. */
static const char *scan_exponent(const char *ptr, const char *end, int64_t *ret_exponent)
{
    bool is_negative = ptr < end && *ptr == '-';
    if (ptr < end && (*ptr == '-' || *ptr == '+'))
        ptr++;
    if (ptr == end || !is_digit(*ptr))
        return NULL;
    int64_t exponent = 0;
    for (; ptr < end && is_digit(*ptr); ptr++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*ptr - '0');
    *ret_exponent = is_negative ? -exponent : exponent;
    return ptr;
}

static inline __attribute__((always_inline)) struct token scan(struct slice text)
{
    const struct token none = {.end = NULL};
    if (text.len == 0)
        return none;
    const char *ptr = text.ptr;
    const char *end = ptr + text.len;
    struct token token = {.is_negative = *ptr == '-'};
    ptr += token.is_negative;
    if (ptr == end || !is_digit(*ptr))
        return none;
    const char *digits = ptr;
    uint64_t mantissa = 0;
    /* A zero in front stands alone. */
    ptr = *ptr == '0' ? ptr + 1 : scan_digits(ptr, end, &mantissa);
    size_t digits_count = (size_t)(ptr - digits);
    if (ptr < end && *ptr == '.') {
        const char *fraction = ptr + 1;
        ptr = scan_digits(fraction, end, &mantissa);
        if (ptr == fraction)
            return none;
        token.exponent = fraction - ptr;
        digits_count += (size_t)(ptr - fraction);
    }
    if (ptr < end && (*ptr | 0x20) == 'e') {
        int64_t exponent;
        ptr = scan_exponent(ptr + 1, end, &exponent);
        if (!ptr)
            return none;
        token.exponent += exponent;
    }
    token.end = ptr;
    token.mantissa = mantissa;
    token.is_long = digits_count > MANTISSA_DIGITS;
    return token;
}

/* The token is a number by the grammar. */
static struct long_number split(struct slice token)
{
    const char *end = token.ptr + token.len;
    struct long_number number = {.digits = token.ptr + (*token.ptr == '-'), .digits_end = token.ptr};
    while (number.digits_end < end && (*number.digits_end | 0x20) != 'e')
        number.digits_end++;
    if (number.digits_end < end)
        (void)scan_exponent(number.digits_end + 1, end, &number.exponent);
    return number;
}

/* Takes the first 19 digits that matter and lets the exponent say where they stand. False when digits other than zero
 * were left out: the number then lies between this mantissa and the next. */
static bool take_digits(const struct long_number *number, uint64_t *ret_mantissa, int64_t *ret_exponent)
{
    uint64_t mantissa = 0;
    int64_t exponent = number->exponent;
    int taken = 0;
    bool is_fraction = false;
    bool is_all = true;
    for (const char *ptr = number->digits; ptr < number->digits_end; ptr++) {
        if (*ptr == '.') {
            is_fraction = true;
            continue;
        }
        bool is_taken = taken < MANTISSA_DIGITS;
        if (is_taken)
            mantissa = mantissa * 10 + (unsigned)(*ptr - '0');
        else
            is_all &= *ptr == '0';
        taken += is_taken && mantissa > 0;
        exponent += !is_taken - is_fraction;
    }
    *ret_mantissa = mantissa;
    *ret_exponent = exponent;
    return is_all;
}

/* The same number without a point, so that the locale has no say, and with at most DIGITS_MAX digits: one more digit
 * that is not zero tells on which side of a midpoint the number lies as well as all the digits behind would. */
static void copy_bounded(char out[COPY_BYTES_MAX], const struct long_number *number)
{
    size_t len = 0;
    int64_t exponent = number->exponent;
    bool is_fraction = false;
    bool is_cut = false;
    for (const char *ptr = number->digits; ptr < number->digits_end; ptr++) {
        if (*ptr == '.') {
            is_fraction = true;
            continue;
        }
        bool is_copied = len < DIGITS_MAX;
        if (is_copied && (len > 0 || *ptr != '0'))
            out[len++] = *ptr;
        is_cut |= !is_copied && *ptr != '0';
        exponent += !is_copied - is_fraction;
    }
    if (is_cut) {
        out[len++] = '1';
        exponent--;
    }
    (void)snprintf(out + len, COPY_BYTES_MAX - len, "e%lld", (long long)exponent);
}

/* Where both ends of what was left out round to the same number, so does all between. */
static float convert_long_f32(struct slice token)
{
    uint64_t mantissa;
    int64_t exponent;
    struct long_number number = split(token);
    bool is_all = take_digits(&number, &mantissa, &exponent);
    uint32_t bits = (uint32_t)convert(mantissa, exponent, &layout_f32);
    float value;
    memcpy(&value, &bits, sizeof value);
    if (is_all || bits == (uint32_t)convert(mantissa + 1, exponent, &layout_f32))
        return value;
    char copy[COPY_BYTES_MAX];
    copy_bounded(copy, &number);
    return strtof(copy, NULL);
}

static double convert_long_f64(struct slice token)
{
    uint64_t mantissa;
    int64_t exponent;
    struct long_number number = split(token);
    bool is_all = take_digits(&number, &mantissa, &exponent);
    uint64_t bits = convert(mantissa, exponent, &layout_f64);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (is_all || bits == convert(mantissa + 1, exponent, &layout_f64))
        return value;
    char copy[COPY_BYTES_MAX];
    copy_bounded(copy, &number);
    return strtod(copy, NULL);
}
