/* SPDX-License-Identifier: Apache-2.0 */
/* Text → pointer, for configuration: filled once on the heap, then only read (from any thread). Open addressing,
 * linear probing, at most half full. Keys and values are borrowed and must outlive the map. */
#ifndef WEIR_LIB_BASE_MAP_H
#define WEIR_LIB_BASE_MAP_H

#include "lib/base/err.h"
#include "lib/base/hash.h"

struct map_entry {
    struct slice key; /* key.ptr is NULL in a free place */
    uint64_t hash;
    void *value;
};

struct map {
    struct map_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    struct hash_key key;
};

/* Takes no memory yet. The key should be random where clients choose what is looked up. */
void map_init(struct map *map, struct hash_key key);
void map_deinit(struct map *map);
/* ERR_EXISTS leaves the map as it was. */
MUST_USE enum err map_add(struct map *map, struct slice key, void *value);
/* NULL when absent. */
void *map_find(const struct map *map, struct slice key);

#endif
