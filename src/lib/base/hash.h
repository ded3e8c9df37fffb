/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3: a keyed hash for tables that clients can fill (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012; the 1-3 variant as used for hash tables since). Not for secrets at rest. */
#ifndef WEIR_LIB_BASE_HASH_H
#define WEIR_LIB_BASE_HASH_H

#include "lib/base/slice.h"

#include <stdint.h>

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

uint64_t hash_bytes(struct hash_key key, struct slice bytes);

/* NH of UMAC and VMAC with 64-bit words, twice with the key moved by a pair (Black et al., "UMAC: fast and secure message
 * authentication", 1999; Krovetz and Dai, "VMAC", 2007): under a random key, two messages that differ have the same tag
 * with probability 2^-128, whoever chose them, as long as he has seen no tag. A tenth of SipHash's work. */
#define HASH_NH_WORDS 8

struct hash_nh_key {
    uint64_t words[HASH_NH_WORDS + 2];
};

struct hash_nh_tag {
    uint64_t words[4];
};

/* Of HASH_NH_WORDS words of memory in two pieces: `front_words` at `front`, an even number, and the others at `back`. */
struct hash_nh_tag hash_nh(const struct hash_nh_key *key, const char *front, size_t front_words, const char *back);

#endif
