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

/* The same with 128 bits (SipHash-128's change of the 1-3 variant). */
struct hash_wide {
    uint64_t words[2];
};

struct hash_wide hash_bytes_wide(struct hash_key key, struct slice bytes);

#endif
