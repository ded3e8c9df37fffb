/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as they are common (an optional sign, up to 18 digits that matter, a point somewhere or not, no exponent), many at
 * a time, in two layers after Geoff Langdale and Daniel Lemire, "Parsing Gigabytes of JSON per Second", 2019:
 *
 *   * 64 bytes give a mask of their commas and one of their white space; where numbers start and end comes out of these
 *     by a few operations on words, so that no number has to wait for the one before it.
 *   * A number is loaded so that it ends where the vector ends, once as it stands and once moved by one byte. Taking what is
 *     before the point from the moved one closes the gap, and 32 digits are joined by pairs, fours and eights (after
 *     Wojciech Muła, "SIMD-ized faster parse of IPv4 addresses" and "Parsing decimal numbers").
 *
 * A float32 is made of a double that may be some units off: mantissa, power and product are each rounded once. It is the
 * float that the nearest double gives unless the middle of two floats is that near; then the element is left to row.c. */
#include "lib/json/row_int.h"

#include "lib/base/attr.h"
#include "lib/base/cpu.h"

#ifdef __x86_64__

#include <immintrin.h>

#define BLOCK_BYTES 64
#define WIDE        32
#define AVX2        __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define AVX2_INLINE AVX2 ALWAYS_INLINE
#define POWER_EXACT 22 /* the largest power of ten that a double is */
#define F64_WHOLE   (UINT64_C(1) << 53)
/* The bits of a double that a float has no room for, half of them, and how near to it is too near. */
#define F32_LOST   0x1fffffffU
#define F32_HALF   0x10000000U
#define F32_MARGIN 8U

static const double tens[POWER_EXACT + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const double tenths[WIDE] = {1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8,  1e-9,  1e-10,
                                    1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21,
                                    1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27, 1e-28, 1e-29, 1e-30, 1e-31};

/* From steps + n on, the first 32 - n bytes are 0 and those behind -1. */
#define ZEROS_8 0, 0, 0, 0, 0, 0, 0, 0
#define ONES_8  -1, -1, -1, -1, -1, -1, -1, -1
static const int8_t steps[2 * WIDE] = {ZEROS_8, ZEROS_8, ZEROS_8, ZEROS_8, ONES_8, ONES_8, ONES_8, ONES_8};

/* Where the numbers of a block are: bit i is byte i. Each is well-formed: digits, at most one point with a digit on either
 * side, no zero in front of another digit, and a comma right behind. */
struct block {
    uint64_t starts; /* behind the sign */
    uint64_t commas; /* as many */
    uint64_t points;
};

struct plain {
    uint64_t mantissa;
    uint32_t fraction; /* digits behind the point */
    bool has_point;
    bool is_negative;
};

AVX2_INLINE __m256i load(const void *ptr)
{
    return _mm256_loadu_si256(ptr);
}

AVX2_INLINE uint64_t mask_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2_INLINE uint64_t find(__m256i low, __m256i high, char byte)
{
    __m256i wanted = _mm256_set1_epi8(byte);
    return mask_of(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

/* Each byte stands where the table has it under its low four bits: the four kinds of white space, and no other byte. */
AVX2_INLINE __m256i is_space(__m256i bytes)
{
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0));
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, bytes), bytes);
}

AVX2_INLINE __m256i is_digit(__m256i bytes)
{
    __m256i digits = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0'));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(digits, _mm256_set1_epi8(9)), digits);
}

/* Marks on the first byte of a run move behind the run: the carry of an addition does it. */
static inline uint64_t pass(uint64_t marks, uint64_t runs)
{
    return (((marks & runs) + runs) | marks) & ~runs;
}

/* Of the bits set, the lowest `most`. */
AVX2_INLINE uint64_t keep_lowest(uint64_t bits, size_t most)
{
    while (UNLIKELY((size_t)__builtin_popcountll(bits) > most))
        bits ^= UINT64_C(1) << (63 - __builtin_clzll(bits));
    return bits;
}

/* Up to `most` numbers; false when there is none, or anything between the commas that is not one. */
AVX2_INLINE bool block_look(const char *ptr, size_t most, struct block *ret_block)
{
    __m256i low = load(ptr);
    __m256i high = load(ptr + WIDE);
    uint64_t commas = find(low, high, ',');
    uint64_t points = find(low, high, '.');
    uint64_t signs = find(low, high, '-');
    uint64_t zeros = find(low, high, '0');
    uint64_t space = mask_of(is_space(low), is_space(high));
    uint64_t digits = mask_of(is_digit(low), is_digit(high));
    uint64_t others = ~(commas | points | signs | space | digits);
    commas = keep_lowest(commas & ((others & -others) - 1), most);
    if (UNLIKELY(commas == 0))
        return false;
    uint64_t within = UINT64_MAX >> __builtin_clzll(commas); /* up to the last comma */
    space &= within;
    digits &= within;
    points &= within;
    signs &= within;
    /* What comes first in each place: a sign or a digit, behind white space. */
    uint64_t places = pass(commas << 1 | 1, space) & within;
    uint64_t starts = (places & ~signs) | (places & signs) << 1;
    uint64_t wholes = pass(starts, digits); /* behind the digits before the point */
    uint64_t ends = pass((wholes & points) << 1, digits) | (wholes & ~points);
    *ret_block = (struct block){starts, commas, points};
    return !(signs & ~places) & !(starts & ~digits) & !(starts & zeros & digits >> 1) &
           !(points & ~(digits << 1 & digits >> 1)) & (ends == commas);
}

/* 32 digits, each a byte below 10, as four times eight. */
AVX2_INLINE void join(__m256i digits, uint64_t *ret_upper, uint64_t *ret_lower)
{
    const __m256i ten = _mm256_set1_epi16(1 << 8 | 10);
    const __m256i hundred = _mm256_set1_epi32(1 << 16 | 100);
    const __m256i myriad = _mm256_set1_epi32(1 << 16 | 10000);
    __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(digits, ten), hundred);
    __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), myriad);
    *ret_upper = (uint64_t)_mm256_extract_epi64(eights, 0);
    *ret_lower = (uint64_t)_mm256_extract_epi64(eights, 2);
}

/* The number between `start`, behind its sign, and `end`; `points` counts from `start` on. 33 bytes before `end` may be
 * read. False when it has too many digits. Without branches but this one: signs, lengths and points are what a processor
 * cannot guess. */
AVX2_INLINE bool read_plain(const char *start, const char *end, uint64_t points, struct plain *ret_number)
{
    uint64_t len = (uint64_t)(end - start);
    if (UNLIKELY(len > WIDE))
        return false;
    uint64_t point = _tzcnt_u64(points);
    bool has_point = point < len;
    uint64_t behind = has_point ? len - 1 - point : WIDE;
    __m256i whole = load(end - WIDE);
    __m256i moved = load(end - WIDE - 1);
    __m256i joined = _mm256_blendv_epi8(moved, whole, load(steps + behind));
    __m256i digits = _mm256_sub_epi8(joined, _mm256_set1_epi8('0'));
    uint64_t upper;
    uint64_t lower;
    join(_mm256_and_si256(digits, load(steps + len - has_point)), &upper, &lower);
    upper = upper >> 32 | upper << 32;
    *ret_number = (struct plain){
        .mantissa = (upper * 100000000 + (uint32_t)lower) * 100000000 + (lower >> 32),
        .fraction = (uint32_t)behind % WIDE,
        .has_point = has_point,
        .is_negative = start[-1] == '-',
    };
    return upper <= 99; /* and eight digits twice: less than 2^63 */
}

AVX2_INLINE bool put_F32(const struct plain *number, float *out)
{
    double value = (double)(int64_t)number->mantissa * tenths[number->fraction];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t distance = ((uint32_t)bits & F32_LOST) - (F32_HALF - F32_MARGIN);
    float rounded = (float)value;
    uint32_t bits32;
    memcpy(&bits32, &rounded, sizeof bits32);
    bits32 |= (uint32_t)number->is_negative << 31;
    memcpy(out, &bits32, sizeof bits32);
    return distance > 2 * F32_MARGIN;
}

AVX2_INLINE bool put_F64(const struct plain *number, double *out)
{
    double value;
    if (LIKELY(number->mantissa <= F64_WHOLE && number->fraction <= POWER_EXACT))
        value = (double)(int64_t)number->mantissa / tens[number->fraction]; /* Clinger's case */
    else
        value = number_scale_f64(number->mantissa, -(int64_t)number->fraction);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits |= (uint64_t)number->is_negative << 63;
    memcpy(out, &bits, sizeof bits);
    return true;
}

/* `most` is the largest; of a signed type the smallest is one more, downward. */
#define PUT_INTEGER(name, type, most, is_signed)                                                                       \
    AVX2_INLINE bool put_##name(const struct plain *number, type *out)                                                 \
    {                                                                                                                  \
        uint64_t negative = number->is_negative;                                                                       \
        *out = (type)((number->mantissa ^ (0 - negative)) + negative);                                                 \
        return !number->has_point & (number->mantissa <= (uint64_t)(most) + (negative & (is_signed))) &                \
               (!negative | (is_signed));                                                                              \
    }

PUT_INTEGER(U8, uint8_t, UINT8_MAX, false)
PUT_INTEGER(U16, uint16_t, UINT16_MAX, false)
PUT_INTEGER(U32, uint32_t, UINT32_MAX, false)
PUT_INTEGER(U64, uint64_t, UINT64_MAX, false)
PUT_INTEGER(I8, int8_t, INT8_MAX, true)
PUT_INTEGER(I16, int16_t, INT16_MAX, true)
PUT_INTEGER(I32, int32_t, INT32_MAX, true)
PUT_INTEGER(I64, int64_t, INT64_MAX, true)

/* The numbers of one block after the other. A block begins where the last one had its last comma. */
#define BURST(name, type)                                                                                              \
    AVX2 static size_t burst_##name(struct slice text, size_t *at, size_t count, void *out_)                           \
    {                                                                                                                  \
        type *out = out_;                                                                                              \
        const char *ptr = text.ptr + *at;                                                                              \
        const char *behind = ptr;                                                                                      \
        const char *end = text.ptr + text.len;                                                                         \
        size_t taken = 0;                                                                                              \
        struct block block;                                                                                            \
        while (taken < count && ptr - text.ptr > WIDE && end - ptr > BLOCK_BYTES &&                                    \
               block_look(ptr, count - taken, &block)) {                                                               \
            while (block.starts) {                                                                                     \
                size_t start = (size_t)_tzcnt_u64(block.starts);                                                       \
                size_t comma = (size_t)_tzcnt_u64(block.commas);                                                       \
                struct plain number;                                                                                   \
                if (UNLIKELY(!read_plain(ptr + start, ptr + comma, block.points >> start, &number) ||                  \
                             !put_##name(&number, out + taken)))                                                       \
                    break;                                                                                             \
                taken++;                                                                                               \
                block.starts &= block.starts - 1;                                                                      \
                block.commas &= block.commas - 1;                                                                      \
                behind = ptr + comma + 1;                                                                              \
            }                                                                                                          \
            ptr = behind;                                                                                              \
            if (block.starts)                                                                                          \
                break;                                                                                                 \
        }                                                                                                              \
        *at = (size_t)(ptr - text.ptr);                                                                                \
        return taken;                                                                                                  \
    }

BURST(U8, uint8_t)
BURST(U16, uint16_t)
BURST(U32, uint32_t)
BURST(U64, uint64_t)
BURST(I8, int8_t)
BURST(I16, int16_t)
BURST(I32, int32_t)
BURST(I64, int64_t)
BURST(F32, float)
BURST(F64, double)

row_burst_fn row_burst(enum json_element element)
{
    static const row_burst_fn bursts[] = {
        [JSON_ELEMENT_BOOL] = NULL,     [JSON_ELEMENT_U8] = burst_U8,   [JSON_ELEMENT_U16] = burst_U16,
        [JSON_ELEMENT_U32] = burst_U32, [JSON_ELEMENT_U64] = burst_U64, [JSON_ELEMENT_I8] = burst_I8,
        [JSON_ELEMENT_I16] = burst_I16, [JSON_ELEMENT_I32] = burst_I32, [JSON_ELEMENT_I64] = burst_I64,
        [JSON_ELEMENT_F32] = burst_F32, [JSON_ELEMENT_F64] = burst_F64,
    };
    return cpu_level() >= CPU_AVX2 ? bursts[element] : NULL;
}

#else

row_burst_fn row_burst(enum json_element element)
{
    (void)element;
    return NULL;
}

#endif
