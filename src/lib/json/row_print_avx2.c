/* SPDX-License-Identifier: Apache-2.0 */
/* Floats as text, eight at a time: number_format.c's Schubfach with a float in each lane of 32 bits. Nothing in it depends on
 * values by a branch, since which digits are left out, how many there are and where the point stands is what a processor
 * cannot guess. Then each is laid out by one shuffle of its nine digits, a point and a zero. */
#include "lib/json/row_int.h"

#include "lib/base/attr.h"
#include "lib/base/cpu.h"
#include "lib/json/number.h"
#include "lib/json/powers_int.h"

#ifdef __x86_64__

#include <immintrin.h>

#define LANES       8
#define AVX2        __attribute__((target("avx2,bmi,bmi2,lzcnt")))
#define AVX2_INLINE AVX2 ALWAYS_INLINE

/* The high half of each power, rounded up: all that a float needs. */
static const uint64_t upper_powers[] = {
#define POWER(high, low) UINT64_C(high) + (UINT64_C(low) != 0),
#include "lib/json/powers.def"
#undef POWER
};

#define POINT_MIN (-3)
#define POINT_MAX 9
#define POINT_ODD 127 /* of what is not laid out here */

/* 0.DIGITS × 10^point for each lane: the first digit, and eight more as bytes of 0 to 9. */
struct batch {
    uint64_t rest[LANES]; /* in the order of `places` */
    uint32_t first[LANES];
    int32_t point[LANES];
};
static const uint8_t places[LANES] = {0, 1, 4, 5, 2, 3, 6, 7};

/* Numerators for both products of a lane: of even lanes and of odd ones, in 64 bits each. */
struct wide {
    __m256i even;
    __m256i odd;
};

AVX2_INLINE __m256i all(int value)
{
    return _mm256_set1_epi32(value);
}

AVX2_INLINE struct wide multiply(__m256i a, __m256i b)
{
    return (struct wide){_mm256_mul_epu32(a, b), _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32))};
}

/* The upper half of each product. */
AVX2_INLINE __m256i upper(struct wide product)
{
    return _mm256_blend_epi32(_mm256_srli_epi64(product.even, 32), product.odd, 0xaa);
}

AVX2_INLINE __m256i lower(struct wide product)
{
    return _mm256_blend_epi32(product.even, _mm256_slli_epi64(product.odd, 32), 0xaa);
}

AVX2_INLINE struct wide load_powers(__m256i power)
{
    const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    const long long *table = (const long long *)(const void *)upper_powers;
    __m256i index = _mm256_permutevar8x32_epi32(_mm256_sub_epi32(power, all(POWER_MIN)), order);
    return (struct wide){_mm256_i32gather_epi64(table, _mm256_castsi256_si128(index), 8),
                         _mm256_i32gather_epi64(table, _mm256_extracti128_si256(index, 1), 8)};
}

/* power × value / 2^64 with every lost bit gathered in the lowest; less than 2^30. */
AVX2_INLINE __m256i scale(struct wide power, __m256i value)
{
    __m256i odd = _mm256_srli_epi64(value, 32);
    struct wide low = {_mm256_mul_epu32(power.even, value), _mm256_mul_epu32(power.odd, odd)};
    struct wide sum = {
        _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(power.even, 32), value), _mm256_srli_epi64(low.even, 32)),
        _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(power.odd, 32), odd), _mm256_srli_epi64(low.odd, 32))};
    __m256i is_exact = _mm256_cmpeq_epi32(_mm256_and_si256(lower(sum), all(~1)), all(0));
    return _mm256_or_si256(upper(sum), _mm256_add_epi32(is_exact, all(1)));
}

/* digits × 10^exponent of magnitudes that are not zero. See shorten_f32 and choose, number_format.c. */
AVX2_INLINE __m256i shorten(__m256i magnitude, __m256i *ret_exponent)
{
    __m256i stored = _mm256_srli_epi32(magnitude, 23);
    __m256i fraction = _mm256_and_si256(magnitude, all(0x7fffff));
    __m256i is_normal = _mm256_cmpgt_epi32(stored, all(0));
    __m256i c = _mm256_or_si256(fraction, _mm256_and_si256(is_normal, all(1 << 23)));
    __m256i q = _mm256_sub_epi32(_mm256_max_epi32(stored, all(1)), all(150));
    __m256i is_closer_below =
        _mm256_and_si256(_mm256_cmpeq_epi32(fraction, all(0)), _mm256_cmpgt_epi32(stored, all(1)));
    __m256i k = _mm256_srai_epi32(
        _mm256_sub_epi32(_mm256_mullo_epi32(q, all(1262611)), _mm256_and_si256(is_closer_below, all(524031))), 22);
    __m256i power = _mm256_sub_epi32(all(0), k);
    __m256i log2 = _mm256_srai_epi32(_mm256_mullo_epi32(power, all(1741647)), 19);
    __m256i shift = _mm256_add_epi32(_mm256_add_epi32(q, log2), all(1));
    __m256i four = _mm256_slli_epi32(c, 2);
    __m256i below = _mm256_sub_epi32(_mm256_sub_epi32(four, all(2)), is_closer_below);
    struct wide g = load_powers(power);
    __m256i is_odd = _mm256_and_si256(c, all(1));
    __m256i low = _mm256_add_epi32(scale(g, _mm256_sllv_epi32(below, shift)), is_odd);
    __m256i value = scale(g, _mm256_sllv_epi32(four, shift));
    __m256i high = _mm256_sub_epi32(scale(g, _mm256_sllv_epi32(_mm256_add_epi32(four, all(2)), shift)), is_odd);

    __m256i s = _mm256_srli_epi32(value, 2);
    __m256i ten = upper(multiply(s, all(0x1999999a)));
    __m256i forty = _mm256_mullo_epi32(ten, all(40));
    __m256i ten_not_below = _mm256_cmpgt_epi32(low, forty);
    __m256i ten_not_above = _mm256_cmpgt_epi32(_mm256_add_epi32(forty, all(40)), high);
    __m256i takes_ten = _mm256_and_si256(_mm256_xor_si256(ten_not_below, ten_not_above), _mm256_cmpgt_epi32(s, all(9)));
    __m256i quarters = _mm256_slli_epi32(s, 2);
    __m256i not_below = _mm256_cmpgt_epi32(low, quarters);
    __m256i not_above = _mm256_cmpgt_epi32(_mm256_add_epi32(quarters, all(4)), high);
    __m256i not_up =
        _mm256_cmpgt_epi32(_mm256_add_epi32(quarters, all(3)), _mm256_add_epi32(value, _mm256_and_si256(s, all(1))));
    __m256i not_added = _mm256_blendv_epi8(not_up, not_above, _mm256_xor_si256(not_below, not_above));
    __m256i one = _mm256_add_epi32(_mm256_add_epi32(s, all(1)), not_added);
    *ret_exponent = _mm256_sub_epi32(k, takes_ten);
    return _mm256_blendv_epi8(one, _mm256_add_epi32(_mm256_add_epi32(ten, all(1)), ten_not_above), takes_ten);
}

/* Of values from 0 to 999,999,999; 0 has one. */
AVX2_INLINE __m256i count_digits(__m256i digits)
{
    __m256i count = all(1);
    for (int bound = 9; bound < 999999999; bound = bound * 10 + 9)
        count = _mm256_sub_epi32(count, _mm256_cmpgt_epi32(digits, all(bound)));
    return count;
}

/* To nine digits, with zeros at the end. */
AVX2_INLINE __m256i fill_up(__m256i digits, __m256i count)
{
    const __m256i tens = _mm256_setr_epi32(1, 10, 100, 1000, 10000, 100000, 1000000, 10000000);
    __m256i power = _mm256_permutevar8x32_epi32(tens, _mm256_sub_epi32(all(9), count));
    power = _mm256_blendv_epi8(power, all(100000000), _mm256_cmpeq_epi32(count, all(1)));
    return _mm256_mullo_epi32(digits, power);
}

/* Pairs of digits to bytes: the first in the lower one. */
AVX2_INLINE __m256i split_pairs(__m256i pairs)
{
    __m256i tens = _mm256_srli_epi16(_mm256_mullo_epi16(pairs, _mm256_set1_epi16(103)), 10);
    __m256i ones = _mm256_sub_epi16(pairs, _mm256_mullo_epi16(tens, _mm256_set1_epi16(10)));
    return _mm256_or_si256(tens, _mm256_slli_epi16(ones, 8));
}

AVX2_INLINE void spread(__m256i nine, struct batch *ret_batch)
{
    struct wide quotient = multiply(nine, all((int)0xd1b71759)); /* 2^45 / 10,000 */
    __m256i five = _mm256_srli_epi32(upper(quotient), 13);
    /* The nearest float of x + 1/2, over 10,000, is never on the wrong side of a whole number. */
    __m256 half_more = _mm256_add_ps(_mm256_cvtepi32_ps(five), _mm256_set1_ps(0.5F));
    __m256i first = _mm256_cvttps_epi32(_mm256_mul_ps(half_more, _mm256_set1_ps(1e-4F)));
    __m256i middle = _mm256_sub_epi32(five, _mm256_mullo_epi32(first, all(10000)));
    __m256i last = _mm256_sub_epi32(nine, _mm256_mullo_epi32(five, all(10000)));
    __m256i fours = _mm256_or_si256(middle, _mm256_slli_epi32(last, 16));
    __m256i hundreds = _mm256_srli_epi16(_mm256_mulhi_epu16(fours, _mm256_set1_epi16(5243)), 3);
    __m256i rest = _mm256_sub_epi16(fours, _mm256_mullo_epi16(hundreds, _mm256_set1_epi16(100)));
    _mm256_storeu_si256((void *)ret_batch->first, first);
    _mm256_storeu_si256((void *)ret_batch->rest, split_pairs(_mm256_unpacklo_epi16(hundreds, rest)));
    _mm256_storeu_si256((void *)(ret_batch->rest + 4), split_pairs(_mm256_unpackhi_epi16(hundreds, rest)));
}

/* A zero is the digit 0 before a point. */
AVX2_INLINE void take(const float *values, struct batch *ret_batch)
{
    __m256i magnitude = _mm256_and_si256(_mm256_loadu_si256((const void *)values), all(0x7fffffff));
    __m256i is_zero = _mm256_cmpeq_epi32(magnitude, all(0));
    __m256i is_odd = _mm256_cmpgt_epi32(magnitude, all(0x7f7fffff));
    __m256i exponent;
    __m256i digits = _mm256_andnot_si256(is_zero, shorten(magnitude, &exponent));
    __m256i count = count_digits(digits);
    __m256i point = _mm256_add_epi32(count, _mm256_andnot_si256(is_zero, exponent));
    point = _mm256_blendv_epi8(point, all(POINT_ODD), is_odd);
    _mm256_storeu_si256((void *)ret_batch->point, point);
    spread(fill_up(digits, count), ret_batch);
}

/* Bytes 0 to 8 are the digits. */
#define P 9
#define Z 10
static const int8_t layouts[POINT_MAX - POINT_MIN + 1][16] = {
    {Z, P, Z, Z, Z, 0, 1, 2, 3, 4, 5, 6, 7, 8, Z, Z}, {Z, P, Z, Z, 0, 1, 2, 3, 4, 5, 6, 7, 8, Z, Z, Z},
    {Z, P, Z, 0, 1, 2, 3, 4, 5, 6, 7, 8, Z, Z, Z, Z}, {Z, P, 0, 1, 2, 3, 4, 5, 6, 7, 8, Z, Z, Z, Z, Z},
    {0, P, 1, 2, 3, 4, 5, 6, 7, 8, Z, Z, Z, Z, Z, Z}, {0, 1, P, 2, 3, 4, 5, 6, 7, 8, Z, Z, Z, Z, Z, Z},
    {0, 1, 2, P, 3, 4, 5, 6, 7, 8, Z, Z, Z, Z, Z, Z}, {0, 1, 2, 3, P, 4, 5, 6, 7, 8, Z, Z, Z, Z, Z, Z},
    {0, 1, 2, 3, 4, P, 5, 6, 7, 8, Z, Z, Z, Z, Z, Z}, {0, 1, 2, 3, 4, 5, P, 6, 7, 8, Z, Z, Z, Z, Z, Z},
    {0, 1, 2, 3, 4, 5, 6, P, 7, 8, Z, Z, Z, Z, Z, Z}, {0, 1, 2, 3, 4, 5, 6, 7, P, 8, Z, Z, Z, Z, Z, Z},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, P, Z, Z, Z, Z, Z, Z},
};
#undef P
#undef Z

/* One of a batch, without its sign; returns the place behind. Scribbles up to 16 bytes. */
AVX2_INLINE char *lay_out(const struct batch *batch, size_t lane, char *out)
{
    const __m128i marks = _mm_setr_epi8('0', '0', '0', '0', '0', '0', '0', '0', '0', '.', '0', '0', '0', '0', '0', '0');
    uint64_t rest = batch->rest[places[lane]];
    int point = batch->point[lane];
    int count = 9 - (int)_lzcnt_u64(rest) / 8; /* without zeros at the end, but at least one */
    __m128i digits = _mm_slli_si128(_mm_cvtsi64_si128((long long)rest), 1);
    digits = _mm_or_si128(_mm_or_si128(digits, _mm_cvtsi32_si128((int)batch->first[lane])), marks);
    __m128i layout = _mm_loadu_si128((const void *)layouts[point - POINT_MIN]);
    _mm_storeu_si128((void *)out, _mm_shuffle_epi8(digits, layout));
    int whole = MAX(count, point + 1) + 1;
    int fraction = 2 - point + count;
    return out + (point > 0 ? whole : fraction);
}

AVX2 static char *write_batch(const float *values, size_t count, char *out)
{
    struct batch batch;
    take(values, &batch);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        if (LIKELY(batch.point[i] >= POINT_MIN && batch.point[i] <= POINT_MAX)) {
            *out = '-';
            out = lay_out(&batch, i, out + (bits >> 31));
        } else if (batch.point[i] == POINT_ODD) {
            memcpy(out, "null", 4);
            out += 4;
        } else {
            out += number_format_f32(out, values[i]);
        }
        *out++ = ',';
    }
    return out;
}

AVX2 static size_t print(char *out, const float *values, size_t count)
{
    char *start = out;
    for (; count >= LANES; count -= LANES, values += LANES)
        out = write_batch(values, LANES, out);
    if (count > 0) {
        float last[LANES] = {0};
        memcpy(last, values, count * sizeof *values);
        out = write_batch(last, count, out);
    }
    return (size_t)(out - start);
}

row_print_fn row_print(void)
{
    return cpu_level() >= CPU_AVX2 ? print : NULL;
}

#else

row_print_fn row_print(void)
{
    return NULL;
}

#endif
