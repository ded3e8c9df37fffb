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

uint64_t hash_bytes(struct hash_key key, struct slice bytes)
{
    uint64_t v[4] = {key.k0 ^ 0x736f6d6570736575U, key.k1 ^ 0x646f72616e646f6dU, key.k0 ^ 0x6c7967656e657261U,
                     key.k1 ^ 0x7465646279746573U};
    size_t whole = bytes.len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = read_word(bytes.ptr + i);
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    char tail[8] = {0};
    if (bytes.len > whole)
        memcpy(tail, bytes.ptr + whole, bytes.len - whole);
    tail[7] = (char)bytes.len;
    uint64_t last = read_word(tail);
    v[3] ^= last;
    mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    mix(v);
    mix(v);
    mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
