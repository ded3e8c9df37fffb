/* SPDX-License-Identifier: Apache-2.0 */
/* How many there are of each of many things, by a 64-bit key: a hash table of counts with open addressing. Keys that
 * strangers choose should be keyed hashes (hash.h) of what they choose; two things with one hash are then counted as one,
 * which happens to nobody in particular. Adding and removing take no memory. */
#ifndef WEIR_LIB_BASE_TALLY_H
#define WEIR_LIB_BASE_TALLY_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct tally_entry {
    uint64_t key;
    uint32_t count; /* 0: a free place */
};

struct tally {
    struct tally_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t used;     /* keys that are counted; at most half of the capacity */
};

/* A zeroed one is empty and has room for nothing. */
void tally_deinit(struct tally *tally);
/* Room for `count` different keys, those that are there included. ERR_NOMEM leaves it as it was. */
MUST_USE enum err tally_reserve(struct tally *tally, size_t count);
/* One more of this key; returns how many there are now. There must be room for the key. */
uint32_t tally_add(struct tally *tally, uint64_t key);
/* One less; there must be one. */
void tally_remove(struct tally *tally, uint64_t key);

#endif
