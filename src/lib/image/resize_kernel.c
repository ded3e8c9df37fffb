/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops of a resize, three times: plain C, SSE4.2, AVX2. Sums are exact in all three, so are the results.
 *
 * Vector code: pmaddwd multiplies eight (sixteen) 16-bit numbers and adds neighbours, two taps in one step. Weights of 22
 * bits do not fit, so every product is made twice, with the low and with the high half of the weight, and the two sums
 * are joined at the end. pmulld would take the weight whole, at a quarter of the speed. */
#include "lib/image/resize_int.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET_SSE42 __attribute__((target("sse4.2")))
#define TARGET_AVX2  __attribute__((target("avx2")))
#endif

#define HALF (1 << (RESIZE_BITS - 1))

static uint8_t clip(int32_t sum)
{
    int32_t value = sum >> RESIZE_BITS;
    return value > 255 ? 255 : (uint8_t)value; /* weights are not negative */
}

static void across_rgb_scalar(const struct resize_axis *axis, const uint8_t *const src[RESIZE_BATCH],
                              uint8_t *const dst[RESIZE_BATCH])
{
    for (uint32_t x = 0; x < axis->count; x++) {
        struct resize_span span = axis->spans[x];
        const int32_t *weights = axis->weights + (size_t)x * axis->taps_max;
        for (int r = 0; r < RESIZE_BATCH; r++) {
            const uint8_t *pixel = src[r] + (size_t)span.first * 3;
            int32_t sum[3] = {HALF, HALF, HALF};
            for (uint32_t i = 0; i < span.count; i++, pixel += 3)
                for (int c = 0; c < 3; c++)
                    sum[c] += pixel[c] * weights[i];
            for (int c = 0; c < 3; c++)
                dst[r][(size_t)x * 3 + c] = clip(sum[c]);
        }
    }
}

static void across_grey_scalar(const struct resize_axis *axis, const uint8_t *const src[RESIZE_BATCH],
                               uint8_t *const dst[RESIZE_BATCH])
{
    for (uint32_t x = 0; x < axis->count; x++) {
        struct resize_span span = axis->spans[x];
        const int32_t *weights = axis->weights + (size_t)x * axis->taps_max;
        for (int r = 0; r < RESIZE_BATCH; r++) {
            int32_t sum = HALF;
            for (uint32_t i = 0; i < span.count; i++)
                sum += src[r][span.first + i] * weights[i];
            dst[r][x] = clip(sum);
        }
    }
}

void resize_down_scalar(const struct resize_down *down, size_t from)
{
    const struct resize_axis *axis = down->axis;
    const int32_t *weights = axis->weights + (size_t)down->index * axis->taps_max;
    uint32_t count = axis->spans[down->index].count;
    for (size_t i = from; i < down->bytes; i++) {
        int32_t sum = HALF;
        for (uint32_t k = 0; k < count; k++)
            sum += down->rows[k][i] * weights[k];
        down->dst[i] = clip(sum);
    }
}

static void down_scalar(const struct resize_down *down)
{
    resize_down_scalar(down, 0);
}

#if defined(__x86_64__)

TARGET_SSE42 static inline __m128i load128(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

TARGET_SSE42 static inline void store128(void *to, __m128i bytes)
{
    _mm_storeu_si128((__m128i *)to, bytes);
}

TARGET_AVX2 static inline __m256i load256(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

TARGET_AVX2 static inline void store256(void *to, __m256i bytes)
{
    _mm256_storeu_si256((__m256i *)to, bytes);
}

/* Bytes of four RGB pixels → pairs of 16 bits for pmaddwd: (R0,R1) (G0,G1) (B0,B1), and the same of pixels 2 and 3. */
#define PAIRS_01 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1
#define PAIRS_23 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1

TARGET_SSE42 static inline __m128i join(__m128i low, __m128i high)
{
    __m128i sum = _mm_add_epi32(low, _mm_slli_epi32(high, RESIZE_LOW_BITS));
    return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(HALF)), RESIZE_BITS);
}

/* One pixel each of four rows, as 32-bit R, G, B and nothing. The fourth byte written is overwritten by the next pixel or
 * falls into the padding. */
TARGET_SSE42 static inline void store_pixels(__m128i rows01, __m128i rows23, uint8_t *const dst[RESIZE_BATCH],
                                             size_t at)
{
    __m128i bytes = _mm_packus_epi16(rows01, rows23);
    _mm_storeu_si32(dst[0] + at, bytes);
    _mm_storeu_si32(dst[1] + at, _mm_srli_si128(bytes, 4));
    _mm_storeu_si32(dst[2] + at, _mm_srli_si128(bytes, 8));
    _mm_storeu_si32(dst[3] + at, _mm_srli_si128(bytes, 12));
}

/* Adds the products of pairs with the low and the high half of their weights. The callers write their loops over rows and
 * parts out, so that these sums live in registers at every level of optimisation. */
TARGET_SSE42 static inline void add_sse42(__m128i pairs, __m128i low, __m128i high, __m128i sums[2])
{
    sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(pairs, low));
    sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(pairs, high));
}

/* Four taps of one row. */
TARGET_SSE42 static inline void add_taps_sse42(const uint8_t *src, __m128i weights, __m128i sums[2])
{
    __m128i bytes = load128(src);
    __m128i pairs01 = _mm_shuffle_epi8(bytes, _mm_setr_epi8(PAIRS_01));
    __m128i pairs23 = _mm_shuffle_epi8(bytes, _mm_setr_epi8(PAIRS_23));
    add_sse42(pairs01, _mm_shuffle_epi32(weights, 0x00), _mm_shuffle_epi32(weights, 0xAA), sums);
    add_sse42(pairs23, _mm_shuffle_epi32(weights, 0x55), _mm_shuffle_epi32(weights, 0xFF), sums);
}

TARGET_SSE42 static void across_rgb_sse42(const struct resize_axis *axis, const uint8_t *const src[RESIZE_BATCH],
                                          uint8_t *const dst[RESIZE_BATCH])
{
    const __m128i zero = _mm_setzero_si128();
    for (uint32_t x = 0; x < axis->count; x++) {
        const struct resize_group *group = axis->groups + (size_t)x * axis->groups_max;
        size_t offset = (size_t)axis->spans[x].first * 3;
        __m128i sums[RESIZE_BATCH][2] = {{zero, zero}, {zero, zero}, {zero, zero}, {zero, zero}};
        for (uint32_t g = resize_group_count(axis->spans[x].count); g > 0; g--, group++, offset += 12) {
            __m128i weights = load128(group);
            add_taps_sse42(src[0] + offset, weights, sums[0]);
            add_taps_sse42(src[1] + offset, weights, sums[1]);
            add_taps_sse42(src[2] + offset, weights, sums[2]);
            add_taps_sse42(src[3] + offset, weights, sums[3]);
        }
        __m128i rows01 = _mm_packs_epi32(join(sums[0][0], sums[0][1]), join(sums[1][0], sums[1][1]));
        __m128i rows23 = _mm_packs_epi32(join(sums[2][0], sums[2][1]), join(sums[3][0], sums[3][1]));
        store_pixels(rows01, rows23, dst, (size_t)x * 3);
    }
}

TARGET_SSE42 static void down_sse42(const struct resize_down *down)
{
    const struct resize_axis *axis = down->axis;
    const struct resize_group *groups = axis->groups + (size_t)down->index * axis->groups_max;
    size_t pair_count = 2 * (size_t)resize_group_count(axis->spans[down->index].count);
    const __m128i zero = _mm_setzero_si128();
    size_t at = 0;
    for (; at + 16 <= down->bytes; at += 16) {
        __m128i sums[4][2] = {{zero, zero}, {zero, zero}, {zero, zero}, {zero, zero}};
        for (size_t pair = 0; pair < pair_count; pair++) {
            __m128i weights = load128(&groups[pair / 2]);
            weights = pair % 2 ? _mm_srli_si128(weights, 4) : weights;
            __m128i low_pair = _mm_shuffle_epi32(weights, 0x00), high_pair = _mm_shuffle_epi32(weights, 0xAA);
            __m128i a = load128(down->rows[pair * 2] + at);
            __m128i b = load128(down->rows[pair * 2 + 1] + at);
            __m128i front = _mm_unpacklo_epi8(a, b), back = _mm_unpackhi_epi8(a, b);
            add_sse42(_mm_unpacklo_epi8(front, zero), low_pair, high_pair, sums[0]);
            add_sse42(_mm_unpackhi_epi8(front, zero), low_pair, high_pair, sums[1]);
            add_sse42(_mm_unpacklo_epi8(back, zero), low_pair, high_pair, sums[2]);
            add_sse42(_mm_unpackhi_epi8(back, zero), low_pair, high_pair, sums[3]);
        }
        __m128i front = _mm_packs_epi32(join(sums[0][0], sums[0][1]), join(sums[1][0], sums[1][1]));
        __m128i back = _mm_packs_epi32(join(sums[2][0], sums[2][1]), join(sums[3][0], sums[3][1]));
        store128((down->dst + at), _mm_packus_epi16(front, back));
    }
    resize_down_scalar(down, at);
}

TARGET_AVX2 static inline __m256i join256(__m256i low, __m256i high)
{
    __m256i sum = _mm256_add_epi32(low, _mm256_slli_epi32(high, RESIZE_LOW_BITS));
    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(HALF)), RESIZE_BITS);
}

TARGET_AVX2 static inline void add_avx2(__m256i pairs, __m256i low, __m256i high, __m256i sums[2])
{
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pairs, low));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pairs, high));
}

/* Four taps of one row: 0 and 1 in the lower lane, 2 and 3 in the upper. */
TARGET_AVX2 static inline void add_taps_avx2(const uint8_t *src, __m256i low, __m256i high, __m256i sums[2])
{
    __m256i bytes = _mm256_broadcastsi128_si256(load128(src));
    add_avx2(_mm256_shuffle_epi8(bytes, _mm256_setr_epi8(PAIRS_01, PAIRS_23)), low, high, sums);
}

/* The sums of two rows, spread over two lanes each → both rows' pixels as 16 bits. */
TARGET_AVX2 static inline __m128i join_rows(const __m256i row0[2], const __m256i row1[2])
{
    __m256i sum0 = _mm256_add_epi32(row0[0], _mm256_slli_epi32(row0[1], RESIZE_LOW_BITS));
    __m256i sum1 = _mm256_add_epi32(row1[0], _mm256_slli_epi32(row1[1], RESIZE_LOW_BITS));
    __m256i both =
        _mm256_add_epi32(_mm256_permute2x128_si256(sum0, sum1, 0x20), _mm256_permute2x128_si256(sum0, sum1, 0x31));
    both = _mm256_srai_epi32(_mm256_add_epi32(both, _mm256_set1_epi32(HALF)), RESIZE_BITS);
    return _mm_packs_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
}

TARGET_AVX2 static void across_rgb_avx2(const struct resize_axis *axis, const uint8_t *const src[RESIZE_BATCH],
                                        uint8_t *const dst[RESIZE_BATCH])
{
    const __m256i low_order = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i high_order = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    const __m256i zero = _mm256_setzero_si256();
    for (uint32_t x = 0; x < axis->count; x++) {
        const struct resize_group *group = axis->groups + (size_t)x * axis->groups_max;
        size_t offset = (size_t)axis->spans[x].first * 3;
        __m256i sums[RESIZE_BATCH][2] = {{zero, zero}, {zero, zero}, {zero, zero}, {zero, zero}};
        for (uint32_t g = resize_group_count(axis->spans[x].count); g > 0; g--, group++, offset += 12) {
            __m256i weights = _mm256_castsi128_si256(load128(group));
            __m256i low = _mm256_permutevar8x32_epi32(weights, low_order);
            __m256i high = _mm256_permutevar8x32_epi32(weights, high_order);
            add_taps_avx2(src[0] + offset, low, high, sums[0]);
            add_taps_avx2(src[1] + offset, low, high, sums[1]);
            add_taps_avx2(src[2] + offset, low, high, sums[2]);
            add_taps_avx2(src[3] + offset, low, high, sums[3]);
        }
        store_pixels(join_rows(sums[0], sums[1]), join_rows(sums[2], sums[3]), dst, (size_t)x * 3);
    }
}

/* Two neighbouring weights as one number. */
static inline int32_t read_pair(const int16_t *weights)
{
    int32_t pair;
    memcpy(&pair, weights, sizeof pair);
    return pair;
}

TARGET_AVX2 static void down_avx2(const struct resize_down *down)
{
    const struct resize_axis *axis = down->axis;
    const struct resize_group *groups = axis->groups + (size_t)down->index * axis->groups_max;
    size_t pair_count = 2 * (size_t)resize_group_count(axis->spans[down->index].count);
    const __m256i zero = _mm256_setzero_si256();
    size_t at = 0;
    for (; at + 32 <= down->bytes; at += 32) {
        __m256i sums[4][2] = {{zero, zero}, {zero, zero}, {zero, zero}, {zero, zero}};
        for (size_t pair = 0; pair < pair_count; pair++) {
            const struct resize_group *group = &groups[pair / 2];
            __m256i low_pair = _mm256_set1_epi32(read_pair(group->low + pair % 2 * 2));
            __m256i high_pair = _mm256_set1_epi32(read_pair(group->high + pair % 2 * 2));
            __m256i a = load256(down->rows[pair * 2] + at);
            __m256i b = load256(down->rows[pair * 2 + 1] + at);
            __m256i front = _mm256_unpacklo_epi8(a, b), back = _mm256_unpackhi_epi8(a, b);
            add_avx2(_mm256_unpacklo_epi8(front, zero), low_pair, high_pair, sums[0]);
            add_avx2(_mm256_unpackhi_epi8(front, zero), low_pair, high_pair, sums[1]);
            add_avx2(_mm256_unpacklo_epi8(back, zero), low_pair, high_pair, sums[2]);
            add_avx2(_mm256_unpackhi_epi8(back, zero), low_pair, high_pair, sums[3]);
        }
        /* Unpacking and packing both work within lanes, so the order comes out right. */
        __m256i front = _mm256_packs_epi32(join256(sums[0][0], sums[0][1]), join256(sums[1][0], sums[1][1]));
        __m256i back = _mm256_packs_epi32(join256(sums[2][0], sums[2][1]), join256(sums[3][0], sums[3][1]));
        store256((down->dst + at), _mm256_packus_epi16(front, back));
    }
    resize_down_scalar(down, at);
}

#endif

const struct resize_kernel *resize_kernel_of(enum cpu_level level)
{
    static const struct resize_kernel kernels[] = {
        [CPU_SCALAR] = {across_rgb_scalar, across_grey_scalar, down_scalar},
#if defined(__x86_64__)
        [CPU_SSE42] = {across_rgb_sse42, across_grey_scalar, down_sse42},
        [CPU_AVX2] = {across_rgb_avx2, across_grey_scalar, down_avx2},
#endif
    };
    return &kernels[level];
}
