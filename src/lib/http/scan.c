/* SPDX-License-Identifier: Apache-2.0 */
/* Searches for the end of names, targets and values.
 *
 * tchar and target are arbitrary sets of ASCII, found with two byte shuffles: one maps the low nibble of each byte to
 * the set of high nibbles it is allowed with, the other maps the high nibble to its bit. A byte is in the class when
 * the two share a bit; bytes above 127 shuffle to 0 and never are. value is a range with two exceptions and takes
 * compares. pcmpestri, which SSE 4.2 offers for ranges, was slower than either.
 *
 * What is left after whole blocks is searched with the block that ends at `end`, the bytes before `at` shifted out. Only
 * when that block would begin before `from` do the bytes go one by one. */
#include "lib/http/scan.h"

#include "lib/base/attr.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define V      SCAN_VALUE
#define VT     (SCAN_VALUE | SCAN_TARGET)
#define P      SCAN_PATH
#define VTK    (SCAN_VALUE | SCAN_TARGET | SCAN_TCHAR)
#define LETTER (VTK | SCAN_UNRESERVED | SCAN_BCHAR)

const uint16_t scan_classes[256] = {
    ['\t'] = V,
    [' '] = V | SCAN_BCHAR,
    ['!'] = VTK | SCAN_SUB_DELIM | P,
    ['"'] = V,
    ['#'] = V | SCAN_TCHAR,
    ['$'] = VTK | SCAN_SUB_DELIM | P,
    ['%'] = VTK,
    ['&'] = VTK | SCAN_SUB_DELIM | P,
    ['\''] = VTK | SCAN_SUB_DELIM | SCAN_BCHAR | P,
    ['('] = VT | SCAN_SUB_DELIM | SCAN_BCHAR | P,
    [')'] = VT | SCAN_SUB_DELIM | SCAN_BCHAR | P,
    ['*'] = VTK | SCAN_SUB_DELIM | P,
    ['+'] = VTK | SCAN_SUB_DELIM | SCAN_BCHAR | P,
    [','] = VT | SCAN_SUB_DELIM | SCAN_BCHAR | P,
    ['-'] = LETTER | P,
    ['.'] = LETTER,
    ['/'] = VT | SCAN_BCHAR | P,
    ['0' ... '9'] = LETTER | SCAN_DIGIT | SCAN_HEX | P,
    [':'] = VT | SCAN_BCHAR | P,
    [';'] = VT | SCAN_SUB_DELIM | P,
    ['<'] = V,
    ['='] = VT | SCAN_SUB_DELIM | SCAN_BCHAR | P,
    ['>'] = V,
    ['?'] = VT | SCAN_BCHAR,
    ['@'] = VT | P,
    ['A' ... 'F'] = LETTER | SCAN_HEX | P,
    ['G' ... 'Z'] = LETTER | P,
    ['['] = VT,
    ['\\'] = VT,
    [']'] = VT,
    ['^'] = VTK,
    ['_'] = LETTER | P,
    ['`'] = VTK,
    ['a' ... 'f'] = LETTER | SCAN_HEX | P,
    ['g' ... 'z'] = LETTER | P,
    ['{'] = VT,
    ['|'] = VTK,
    ['}'] = VT,
    ['~'] = VTK | SCAN_UNRESERVED | P,
    [0x80 ... 0xff] = V,
};

static const char *skip(const char *at, const char *end, unsigned class)
{
    while (at < end && scan_is(*at, class))
        at++;
    return at;
}

static const char *tchar_scalar(const char *from UNUSED, const char *at, const char *end)
{
    return skip(at, end, SCAN_TCHAR);
}

static const char *target_scalar(const char *from UNUSED, const char *at, const char *end)
{
    return skip(at, end, SCAN_TARGET);
}

static const char *value_scalar(const char *from UNUSED, const char *at, const char *end)
{
    return skip(at, end, SCAN_VALUE);
}

static const char *path_scalar(const char *from UNUSED, const char *at, const char *end)
{
    return skip(at, end, SCAN_PATH);
}

static const struct scan scalar = {tchar_scalar, target_scalar, value_scalar, path_scalar, false};

#if defined(__x86_64__)

#define SSE42  __attribute__((target("sse4.2")))
#define AVX2   __attribute__((target("avx2,bmi")))
#define INLINE static inline __attribute__((always_inline))

/* By low nibble: the high nibbles allowed with it, bit n for nibble n. */
#define TCHAR_BY_LOW                                                                                                   \
    (char)0xe8, (char)0xfc, (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xf8,        \
        (char)0xf8, (char)0xf4, (char)0x54, (char)0xd0, (char)0x54, (char)0xf4, (char)0x70
#define TARGET_BY_LOW                                                                                                  \
    (char)0xf8, (char)0xfc, (char)0xf8, (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc, (char)0xfc,        \
        (char)0xfc, (char)0xfc, (char)0xfc, (char)0xf4, (char)0xfc, (char)0xf4, (char)0x7c
#define PATH_BY_LOW                                                                                                    \
    (char)0xb8, (char)0xfc, (char)0xf8, (char)0xf8, (char)0xfc, (char)0xf8, (char)0xfc, (char)0xfc, (char)0xfc,        \
        (char)0xfc, (char)0xfc, (char)0x5c, (char)0x54, (char)0x5c, (char)0xd0, (char)0x74
#define BIT_BY_HIGH 1, 2, 4, 8, 16, 32, 64, (char)128, 0, 0, 0, 0, 0, 0, 0, 0

/* Bit n is set when byte n is outside of the set. */
INLINE SSE42 unsigned outside_set_16(const char *at, __m128i by_low)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
    __m128i allowed = _mm_shuffle_epi8(by_low, bytes);
    __m128i bit = _mm_shuffle_epi8(_mm_setr_epi8(BIT_BY_HIGH), high);
    __m128i shared = _mm_and_si128(allowed, bit);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(shared, _mm_setzero_si128()));
}

INLINE SSE42 unsigned outside_value_16(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)at);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del));
}

/* `outside` is of the 16 bytes before end; those before `at` do not count. */
INLINE const char *found_in_tail(unsigned outside, const char *at, const char *end)
{
    outside >>= 16 - (end - at);
    return outside ? at + __builtin_ctz(outside) : end;
}

INLINE SSE42 const char *set_sse42(const char *from, const char *at, const char *end, __m128i by_low, unsigned class)
{
    for (; end - at >= 16; at += 16) {
        unsigned outside = outside_set_16(at, by_low);
        if (outside)
            return at + __builtin_ctz(outside);
    }
    if (end - from < 16)
        return skip(at, end, class);
    return found_in_tail(outside_set_16(end - 16, by_low), at, end);
}

SSE42 static const char *tchar_sse42(const char *from, const char *at, const char *end)
{
    return set_sse42(from, at, end, _mm_setr_epi8(TCHAR_BY_LOW), SCAN_TCHAR);
}

SSE42 static const char *target_sse42(const char *from, const char *at, const char *end)
{
    return set_sse42(from, at, end, _mm_setr_epi8(TARGET_BY_LOW), SCAN_TARGET);
}

SSE42 static const char *path_sse42(const char *from, const char *at, const char *end)
{
    return set_sse42(from, at, end, _mm_setr_epi8(PATH_BY_LOW), SCAN_PATH);
}

SSE42 static const char *value_sse42(const char *from, const char *at, const char *end)
{
    for (; end - at >= 16; at += 16) {
        unsigned outside = outside_value_16(at);
        if (outside)
            return at + __builtin_ctz(outside);
    }
    if (end - from < 16)
        return skip(at, end, SCAN_VALUE);
    return found_in_tail(outside_value_16(end - 16), at, end);
}

static const struct scan sse42 = {tchar_sse42, target_sse42, value_sse42, path_sse42, SCAN_HAS_BLOCKS};

AVX2 static const char *target_avx2(const char *from, const char *at, const char *end)
{
    __m256i by_low = _mm256_setr_epi8(TARGET_BY_LOW, TARGET_BY_LOW);
    __m256i by_high = _mm256_setr_epi8(BIT_BY_HIGH, BIT_BY_HIGH);
    for (; end - at >= 32; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i_u *)at);
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
        __m256i shared = _mm256_and_si256(_mm256_shuffle_epi8(by_low, bytes), _mm256_shuffle_epi8(by_high, high));
        unsigned outside = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(shared, _mm256_setzero_si256()));
        if (outside)
            return at + __builtin_ctz(outside);
    }
    return set_sse42(from, at, end, _mm_setr_epi8(TARGET_BY_LOW), SCAN_TARGET);
}

AVX2 static const char *value_avx2(const char *from, const char *at, const char *end)
{
    for (; end - at >= 32; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i_u *)at);
        __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
        __m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
        __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
        __m256i bad = _mm256_or_si256(_mm256_andnot_si256(tab, control), del);
        unsigned outside = (unsigned)_mm256_movemask_epi8(bad);
        if (outside)
            return at + __builtin_ctz(outside);
    }
    return value_sse42(from, at, end);
}

/* Names, hosts and paths between dots are rarely longer than 16 bytes: wider blocks would only fall through. */
static const struct scan avx2 = {tchar_sse42, target_avx2, value_avx2, path_sse42, SCAN_HAS_BLOCKS};

const struct scan *scan_for(enum cpu_level level)
{
    return level >= CPU_AVX2 ? &avx2 : level >= CPU_SSE42 ? &sse42 : &scalar;
}

#else

const struct scan *scan_for(enum cpu_level level UNUSED)
{
    return &scalar;
}

#endif

const struct scan *scan_best = &scalar;

__attribute__((constructor)) static void find_best(void)
{
    scan_best = scan_for(cpu_level());
}
