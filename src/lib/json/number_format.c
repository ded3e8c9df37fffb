/* SPDX-License-Identifier: Apache-2.0 */
/* Shortest digits by Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2022).
 *
 * A float v stands for every real between its two neighbours' midpoints. With 10^k the largest power of ten not wider
 * than that interval, at most one multiple of 10^(k+1) and at least one of 10^k fall inside: the pigeonholes of the name.
 * So no search is needed: scale v and both midpoints by 10^-k, rounded to odd so that every comparison below stays
 * exact, and look at the multiples on both sides of v. Ryu was the other choice: as fast, with more tables and cases. */
#include "lib/base/attr.h"
#include "lib/json/number.h"
#include "lib/json/powers_int.h"

/* digits × 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* Four times v and both midpoints, divided by 10^k and rounded to odd. */
struct interval {
    uint64_t low;
    uint64_t value;
    uint64_t high;
    bool has_ends; /* an even significand: reading the ends gives it too, by ties to even */
};

/* 0.DIGITS × 10^point, the digits as text and padded with zeros on the right. */
struct layout {
    uint64_t rest[2]; /* the second digit to the 17th */
    int count;        /* without the padding */
    int point;
    char first;
};

static struct decimal shorten_f32(uint32_t fraction, uint32_t exponent);
static struct decimal shorten_f64(uint64_t fraction, uint32_t exponent);
static inline size_t format(char *out, struct layout l);
static unsigned count_digits(uint64_t value);
static uint64_t spread_digits(uint32_t value);

static const uint64_t tens[] = {
    1U,
    10U,
    100U,
    1000U,
    10000U,
    100000U,
    1000000U,
    10000000U,
    100000000U,
    1000000000U,
    10000000000U,
    100000000000U,
    1000000000000U,
    10000000000000U,
    100000000000000U,
    1000000000000000U,
    10000000000000000U,
    100000000000000000U,
};

#define ZEROS 0x3030303030303030U

/* How many of the eight spread digits are left when zeros at the end are dropped. */
static inline int count_significant(uint64_t spread)
{
    return spread ? 8 - __builtin_clzll(spread) / 8 : 0;
}

size_t number_format_f32(char out[NUMBER_BYTES_MAX], float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = bits >> 23 & 0xff;
    ASSERT(exponent != 0xff, "JSON has no word for NaN and infinity");
    size_t sign = bits >> 31;
    out[0] = '-';
    if ((bits & 0x7fffffff) == 0) {
        memcpy(out + sign, "0.0", 3);
        return sign + 3;
    }
    struct decimal d = shorten_f32(bits & 0x7fffff, exponent);
    unsigned digits = count_digits(d.digits);
    uint32_t nine = (uint32_t)(d.digits * tens[9 - digits]);
    uint64_t rest = spread_digits(nine % 100000000);
    struct layout layout = {
        .rest = {rest | ZEROS, ZEROS},
        .count = 1 + count_significant(rest),
        .point = (int)digits + d.exponent,
        .first = (char)('0' + nine / 100000000),
    };
    return sign + format(out + sign, layout);
}

size_t number_format_f64(char out[NUMBER_BYTES_MAX], double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = bits >> 52 & 0x7ff;
    ASSERT(exponent != 0x7ff, "JSON has no word for NaN and infinity");
    size_t sign = bits >> 63;
    out[0] = '-';
    if (bits << 1 == 0) {
        memcpy(out + sign, "0.0", 3);
        return sign + 3;
    }
    struct decimal d = shorten_f64(bits & 0xfffffffffffff, exponent);
    unsigned digits = count_digits(d.digits);
    uint64_t seventeen = d.digits * tens[17 - digits];
    uint64_t upper = seventeen / 100000000;
    uint64_t middle = spread_digits((uint32_t)(upper % 100000000));
    uint64_t rest = spread_digits((uint32_t)(seventeen % 100000000));
    struct layout layout = {
        .rest = {middle | ZEROS, rest | ZEROS},
        .count = 1 + (rest ? 8 + count_significant(rest) : count_significant(middle)),
        .point = (int)digits + d.exponent,
        .first = (char)('0' + upper / 100000000),
    };
    return sign + format(out + sign, layout);
}

/* floor(log10(2^q)), or of three quarters of it, where the lower neighbour of a power of two is only half as far. */
static inline int log10_of(int q, bool is_closer_below)
{
    return (q * 1262611 - (is_closer_below ? 524031 : 0)) >> 22;
}

/* The choice of the paper's figure 4, on quarters: a multiple of ten inside the interval wins, then the only multiple of
 * one, then the nearest of the two, and the even one of two equally near. (Without branches it was no faster.) */
static inline struct decimal choose(struct interval i, int k)
{
    uint64_t low = i.low + !i.has_ends;
    uint64_t high = i.high - !i.has_ends;
    uint64_t s = i.value / 4;
    uint64_t ten = s / 10;
    bool ten_below = low <= 40 * ten;
    bool ten_above = 40 * ten + 40 <= high;
    if (s >= 10 && ten_below != ten_above)
        return (struct decimal){ten + ten_above, k + 1};
    bool below = low <= 4 * s;
    bool above = 4 * s + 4 <= high;
    if (below != above)
        return (struct decimal){s + above, k};
    uint64_t middle = 4 * s + 2;
    bool rounds_up = i.value > middle || (i.value == middle && (s & 1));
    return (struct decimal){s + rounds_up, k};
}

/* The product's integer part with every lost bit gathered in its lowest. */
static inline uint64_t scale_f32(uint64_t power, uint64_t value)
{
    unsigned __int128 product = (unsigned __int128)power * value;
    return (uint64_t)(product >> 64) | ((uint64_t)product >> 32 > 1);
}

static inline uint64_t scale_f64(const struct power *power, uint64_t value)
{
    unsigned __int128 low = (unsigned __int128)power->low * value;
    unsigned __int128 product = (unsigned __int128)power->high * value + (uint64_t)(low >> 64);
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

static struct decimal shorten_f32(uint32_t fraction, uint32_t exponent)
{
    uint64_t c = exponent ? fraction | 1U << 23 : fraction;
    int q = (int)(exponent ? exponent : 1) - 150;
    if (q <= 0 && q > -24 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return (struct decimal){c >> -q, 0}; /* an integer below 2^24: no shorter one is as near */
    bool is_closer_below = fraction == 0 && exponent > 1;
    int k = log10_of(q, is_closer_below);
    int shift = q + power_log2(-k) + 1;
    const struct power *power = power_of_ten(-k);
    uint64_t g = power->high + (power->low != 0);
    struct interval interval = {
        .low = scale_f32(g, (4 * c - 2 + is_closer_below) << shift),
        .value = scale_f32(g, 4 * c << shift),
        .high = scale_f32(g, (4 * c + 2) << shift),
        .has_ends = c % 2 == 0,
    };
    return choose(interval, k);
}

static struct decimal shorten_f64(uint64_t fraction, uint32_t exponent)
{
    uint64_t c = exponent ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (int)(exponent ? exponent : 1) - 1075;
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return (struct decimal){c >> -q, 0};
    bool is_closer_below = fraction == 0 && exponent > 1;
    int k = log10_of(q, is_closer_below);
    int shift = q + power_log2(-k) + 1;
    const struct power *power = power_of_ten(-k);
    struct interval interval = {
        .low = scale_f64(power, (4 * c - 2 + is_closer_below) << shift),
        .value = scale_f64(power, 4 * c << shift),
        .high = scale_f64(power, (4 * c + 2) << shift),
        .has_ends = c % 2 == 0,
    };
    return choose(interval, k);
}

static size_t format_exponent(char *out, int exponent)
{
    size_t len = 0;
    out[len++] = 'e';
    if (exponent < 0)
        out[len++] = '-';
    unsigned value = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (value >= 100)
        out[len++] = (char)('0' + value / 100);
    if (value >= 10)
        out[len++] = (char)('0' + value / 10 % 10);
    out[len++] = (char)('0' + value % 10);
    return len;
}

/* Copies have fixed lengths, so that they are moves and not calls, and may scribble behind what counts. */
static inline size_t format(char *out, struct layout l)
{
    if (l.point == 1 || l.point > 16 || l.point < -3) {
        out[0] = l.first;
        out[1] = '.';
        memcpy(out + 2, l.rest, 16);
        if (l.point == 1)
            return (size_t)MAX(l.count, 2) + 1;
        size_t len = l.count > 1 ? (size_t)l.count + 1 : 1;
        return len + format_exponent(out + len, l.point - 1);
    }
    if (l.point <= 0) {
        size_t before = 2 + (size_t)-l.point;
        memcpy(out, "0.000000", 8);
        out[before] = l.first;
        memcpy(out + before + 1, l.rest, 16);
        return before + (size_t)l.count;
    }
    /* All digits one place to the right, then those before the point back to the left. */
    out[1] = l.first;
    memcpy(out + 2, l.rest, 16);
    memmove(out, out + 1, (size_t)l.point);
    out[l.point] = '.';
    return (size_t)MAX(l.count, l.point + 1) + 1;
}

static unsigned count_digits(uint64_t value)
{
    unsigned guess = ((64 - (unsigned)__builtin_clzll(value)) * 1233) >> 12;
    return guess + (value >= tens[guess]);
}

/* Eight digits of a value below 10^8 to eight bytes 0..9, the first digit in the lowest byte: all lanes of a word are
 * divided by 10,000, 100 and 10 at once, by multiplication. */
static uint64_t spread_digits(uint32_t value)
{
    uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t hundreds = fours * 10486 >> 20 & 0x0000007f0000007f;
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t upper = twos * 103 >> 10 & 0x000f000f000f000f;
    return upper | (twos - upper * 10) << 8;
}
