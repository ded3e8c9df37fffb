/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/hash.h"

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* Little-endian, as the paper wants it and the machine has it. */
static inline uint64_t read_word(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof word);
    return word;
}

static inline void begin(uint64_t v[4], struct hash_key key)
{
    v[0] = key.k0 ^ 0x736f6d6570736575U;
    v[1] = key.k1 ^ 0x646f72616e646f6dU;
    v[2] = key.k0 ^ 0x6c7967656e657261U;
    v[3] = key.k1 ^ 0x7465646279746573U;
}

static inline void absorb_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    v[0] ^= word;
}

/* Of the up to seven bytes at the end, with the length above them. */
static inline uint64_t last_word(struct slice bytes, size_t whole)
{
    uint64_t word = (uint64_t)bytes.len << 56;
    size_t len = bytes.len - whole;
    if (len == 0)
        return word; /* an empty slice may have no place at all */
    const char *tail = bytes.ptr + whole;
    if (len >= 4) {
        uint32_t low;
        uint32_t high; /* overlaps low where there are less than eight */
        memcpy(&low, tail, 4);
        memcpy(&high, tail + len - 4, 4);
        return word | low | (uint64_t)high << (8 * (len - 4));
    }
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)(unsigned char)tail[i] << (8 * i);
    return word;
}

static inline void absorb(uint64_t v[4], struct slice bytes)
{
    size_t whole = bytes.len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        absorb_word(v, read_word(bytes.ptr + i));
    absorb_word(v, last_word(bytes, whole));
}

static inline uint64_t squeeze(uint64_t v[4])
{
    mix(v);
    mix(v);
    mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(struct hash_key key, struct slice bytes)
{
    uint64_t v[4];
    begin(v, key);
    absorb(v, bytes);
    v[2] ^= 0xff;
    return squeeze(v);
}

typedef unsigned __int128 wide;

struct hash_nh_tag hash_nh(const struct hash_nh_key *key, const char *front, size_t front_words, const char *back)
{
    const uint64_t *k = key->words;
    wide first = 0;
    wide second = 0;
    for (size_t i = 0; i < HASH_NH_WORDS; i += 2) {
        const char *pair = i < front_words ? front + i * 8 : back + (i - front_words) * 8;
        uint64_t a = read_word(pair);
        uint64_t b = read_word(pair + 8);
        first += (wide)(a + k[i]) * (b + k[i + 1]);
        second += (wide)(a + k[i + 2]) * (b + k[i + 3]);
    }
    return (struct hash_nh_tag){{(uint64_t)first, (uint64_t)(first >> 64), (uint64_t)second, (uint64_t)(second >> 64)}};
}
