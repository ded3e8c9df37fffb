/* SPDX-License-Identifier: Apache-2.0 */
/* Vector code takes whole blocks of characters as long as each is of the alphabet; at the first block that is not, and
 * near the end, plain code goes on. It alone knows about errors, padding and their positions, so there is one rule.
 *
 * A block is translated by comparing with the five ranges of the alphabet and adding that range's distance; then pmaddubsw
 * and pmaddwd push the four sextets of a group together (after Muła and Lemire, "Faster Base64 Encoding and Decoding
 * Using AVX2 Instructions", 2018). The ranges, and not their table of bits, because they serve both alphabets. */
#include "lib/base/base64.h"

#include "lib/base/base64_int.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET_SSE42 __attribute__((target("sse4.2")))
#define TARGET_AVX2  __attribute__((target("avx2")))
#endif

#define BAD 0xFF /* of no alphabet */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const struct alphabet {
    char last[2]; /* characters 62 and 63 */
} alphabets[] = {[BASE64_STANDARD] = {{'+', '/'}}, [BASE64_URL] = {{'-', '_'}}};

/* What is read and written so far. */
struct cursor {
    const uint8_t *from;
    const uint8_t *end;
    uint8_t *to;
};

static void decode_blocks(enum cpu_level level, const struct alphabet *alphabet, struct cursor *cursor);
static bool decode_quads(const struct alphabet *alphabet, struct cursor *cursor);
static bool decode_tail(const struct alphabet *alphabet, struct cursor *cursor);

enum err base64_decode(struct slice text, void *out, size_t *ret_bytes, size_t *ret_fault_at)
{
    return base64_decode_at(cpu_level(), BASE64_STANDARD, text, out, ret_bytes, ret_fault_at);
}

enum err base64_decode_url(struct slice text, void *out, size_t *ret_bytes, size_t *ret_fault_at)
{
    return base64_decode_at(cpu_level(), BASE64_URL, text, out, ret_bytes, ret_fault_at);
}

/* Complete padding goes first: what is left ends with a quad or with two or three characters. */
static size_t without_padding(struct slice text)
{
    if (text.len % 4 != 0 || text.len == 0 || text.ptr[text.len - 1] != '=')
        return text.len;
    return text.len - (text.ptr[text.len - 2] == '=' ? 2 : 1);
}

enum err base64_decode_at(enum cpu_level level, enum base64_alphabet alphabet, struct slice text, void *out,
                          size_t *ret_bytes, size_t *ret_fault_at)
{
    const uint8_t *start = (const uint8_t *)text.ptr;
    struct cursor cursor = {.from = start, .to = out};
    size_t chars = without_padding(text);
    cursor.end = chars ? start + chars : start;
    decode_blocks(level, &alphabets[alphabet], &cursor);
    if (!decode_quads(&alphabets[alphabet], &cursor) || !decode_tail(&alphabets[alphabet], &cursor)) {
        *ret_fault_at = (size_t)(cursor.from - start);
        return ERR_SYNTAX;
    }
    *ret_bytes = (size_t)(cursor.to - (uint8_t *)out);
    return ERR_OK;
}

/* 0..63, or BAD. */
static uint32_t sextet(const struct alphabet *alphabet, uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    if (c == (uint8_t)alphabet->last[0])
        return 62;
    return c == (uint8_t)alphabet->last[1] ? 63 : BAD;
}

/* Reads `count` characters into *ret; on failure cursor->from is at the one that does not belong. */
static bool read_sextets(const struct alphabet *alphabet, struct cursor *cursor, int count, uint32_t *ret)
{
    uint32_t bits = 0;
    for (int i = 0; i < count; i++) {
        uint32_t value = sextet(alphabet, cursor->from[i]);
        if (value == BAD) {
            cursor->from += i;
            return false;
        }
        bits = bits << 6 | value;
    }
    *ret = bits;
    return true;
}

static bool decode_quads(const struct alphabet *alphabet, struct cursor *cursor)
{
    for (; cursor->end - cursor->from >= 4; cursor->from += 4, cursor->to += 3) {
        uint32_t bits;
        if (!read_sextets(alphabet, cursor, 4, &bits))
            return false;
        cursor->to[0] = (uint8_t)(bits >> 16);
        cursor->to[1] = (uint8_t)(bits >> 8);
        cursor->to[2] = (uint8_t)bits;
    }
    return true;
}

/* None, two or three characters: one or two bytes, and bits that must be zero. */
static bool decode_tail(const struct alphabet *alphabet, struct cursor *cursor)
{
    int count = (int)(cursor->end - cursor->from);
    uint32_t bits;
    if (count == 0)
        return true;
    if (!read_sextets(alphabet, cursor, count, &bits))
        return false;
    if (count == 1) {
        cursor->from = cursor->end;
        return false;
    }
    uint32_t unused = count == 2 ? bits & 0xF : bits & 3;
    if (unused != 0) {
        cursor->from = cursor->end - 1;
        return false;
    }
    bits >>= count == 2 ? 4 : 2;
    if (count == 3)
        *cursor->to++ = (uint8_t)(bits >> 8);
    *cursor->to++ = (uint8_t)bits;
    return true;
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

/* 0xFF where first ≤ c ≤ last. Signed comparison: bytes of 0x80 and above are in no range. */
TARGET_SSE42 static inline __m128i within(__m128i c, char first, char last)
{
    return _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8((char)(first - 1))),
                         _mm_cmplt_epi8(c, _mm_set1_epi8((char)(last + 1))));
}

TARGET_SSE42 static inline __m128i is_byte(__m128i c, char wanted)
{
    return _mm_cmpeq_epi8(c, _mm_set1_epi8(wanted));
}

TARGET_SSE42 static inline __m128i distance(__m128i range, int first_value, char first)
{
    return _mm_and_si128(range, _mm_set1_epi8((char)(first_value - first)));
}

TARGET_SSE42 static void decode_sse42(const struct alphabet *alphabet, struct cursor *cursor)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    /* 16 characters make 12 bytes and 16 are stored; of 24 characters the last 4 bytes are still to come. */
    for (; cursor->end - cursor->from >= 24; cursor->from += 16, cursor->to += 12) {
        __m128i c = load128(cursor->from);
        __m128i upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z'), digit = within(c, '0', '9');
        __m128i last0 = is_byte(c, alphabet->last[0]), last1 = is_byte(c, alphabet->last[1]);
        __m128i known = _mm_or_si128(_mm_or_si128(upper, lower), _mm_or_si128(digit, _mm_or_si128(last0, last1)));
        if (_mm_movemask_epi8(known) != 0xFFFF)
            return;
        __m128i shift = _mm_or_si128(distance(upper, 0, 'A'), distance(lower, 26, 'a'));
        shift = _mm_or_si128(shift, distance(digit, 52, '0'));
        shift = _mm_or_si128(shift, distance(last0, 62, alphabet->last[0]));
        shift = _mm_or_si128(shift, distance(last1, 63, alphabet->last[1]));
        __m128i pairs = _mm_maddubs_epi16(_mm_add_epi8(c, shift), _mm_set1_epi32(0x01400140));
        __m128i quads = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
        store128(cursor->to, _mm_shuffle_epi8(quads, order));
    }
}

TARGET_AVX2 static inline __m256i load256(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

TARGET_AVX2 static inline void store256(void *to, __m256i bytes)
{
    _mm256_storeu_si256((__m256i *)to, bytes);
}

TARGET_AVX2 static inline __m256i within256(__m256i c, char first, char last)
{
    return _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8((char)(first - 1))),
                            _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(last + 1)), c));
}

TARGET_AVX2 static inline __m256i is_byte256(__m256i c, char wanted)
{
    return _mm256_cmpeq_epi8(c, _mm256_set1_epi8(wanted));
}

TARGET_AVX2 static inline __m256i distance256(__m256i range, int first_value, char first)
{
    return _mm256_and_si256(range, _mm256_set1_epi8((char)(first_value - first)));
}

TARGET_AVX2 static void decode_avx2(const struct alphabet *alphabet, struct cursor *cursor)
{
    const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, /* each lane */
                                           2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    /* 32 characters make 24 bytes and 32 are stored; of 44 characters the last 8 bytes are still to come. */
    for (; cursor->end - cursor->from >= 44; cursor->from += 32, cursor->to += 24) {
        __m256i c = load256(cursor->from);
        __m256i upper = within256(c, 'A', 'Z'), lower = within256(c, 'a', 'z'), digit = within256(c, '0', '9');
        __m256i last0 = is_byte256(c, alphabet->last[0]), last1 = is_byte256(c, alphabet->last[1]);
        __m256i known =
            _mm256_or_si256(_mm256_or_si256(upper, lower), _mm256_or_si256(digit, _mm256_or_si256(last0, last1)));
        if (_mm256_movemask_epi8(known) != -1)
            return;
        __m256i shift = _mm256_or_si256(distance256(upper, 0, 'A'), distance256(lower, 26, 'a'));
        shift = _mm256_or_si256(shift, distance256(digit, 52, '0'));
        shift = _mm256_or_si256(shift, distance256(last0, 62, alphabet->last[0]));
        shift = _mm256_or_si256(shift, distance256(last1, 63, alphabet->last[1]));
        __m256i pairs = _mm256_maddubs_epi16(_mm256_add_epi8(c, shift), _mm256_set1_epi32(0x01400140));
        __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(quads, order), lanes);
        store256(cursor->to, bytes);
    }
}

static void decode_blocks(enum cpu_level level, const struct alphabet *alphabet, struct cursor *cursor)
{
    if (level >= CPU_AVX2)
        decode_avx2(alphabet, cursor);
    if (level >= CPU_SSE42)
        decode_sse42(alphabet, cursor);
}

#else

static void decode_blocks(enum cpu_level level, const struct alphabet *alphabet, struct cursor *cursor)
{
    (void)level;
    (void)alphabet;
    (void)cursor;
}

#endif

void base64_encode(struct slice bytes, char *out)
{
    const uint8_t *from = (const uint8_t *)bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 3; left -= 3, from += 3, out += 4) {
        uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        for (int i = 0; i < 4; i++)
            out[i] = letters[bits >> (18 - 6 * i) & 63];
    }
    if (left == 0)
        return;
    uint32_t bits = (uint32_t)from[0] << 16 | (left == 2 ? (uint32_t)from[1] << 8 : 0);
    out[0] = letters[bits >> 18];
    out[1] = letters[bits >> 12 & 63];
    out[2] = left == 2 ? letters[bits >> 6 & 63] : '=';
    out[3] = '=';
}

#define DATA_URL_HEAD_MAX 256

enum err data_url_split(struct slice text, struct slice *ret_media_type, struct slice *ret_base64)
{
    struct slice scheme = SLICE_LIT("data:");
    struct slice suffix = SLICE_LIT(";base64");
    if (!slice_equal_nocase(slice_first(text, scheme.len), scheme))
        return ERR_NOT_FOUND;
    struct slice head = slice_first(text, DATA_URL_HEAD_MAX);
    size_t comma = slice_find(head, ',');
    if (comma == head.len)
        return ERR_SYNTAX;
    struct slice media = slice_skip(slice_first(text, comma), scheme.len);
    if (media.len < suffix.len || !slice_equal_nocase(slice_skip(media, media.len - suffix.len), suffix))
        return ERR_UNSUPPORTED;
    *ret_media_type = slice_first(media, media.len - suffix.len);
    *ret_base64 = slice_skip(text, comma + 1);
    return ERR_OK;
}
