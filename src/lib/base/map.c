/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/map.h"

#include <stdlib.h>

#define CAPACITY_MIN 16

static enum err grow(struct map *map);

void map_init(struct map *map, struct hash_key key)
{
    *map = (struct map){.key = key};
}

void map_deinit(struct map *map)
{
    free(map->entries);
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

/* The place of the key, or the free place where it would go. */
static struct map_entry *probe(const struct map *map, struct slice key, uint64_t hash)
{
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct map_entry *entry = &map->entries[i];
        if (!entry->key.ptr || (entry->hash == hash && slice_equal(entry->key, key)))
            return entry;
    }
}

enum err map_add(struct map *map, struct slice key, void *value)
{
    if (map->count * 2 >= map->capacity)
        TRY(grow(map));
    if (!key.ptr)
        key.ptr = "";
    uint64_t hash = hash_bytes(map->key, key);
    struct map_entry *entry = probe(map, key, hash);
    if (entry->key.ptr)
        return ERR_EXISTS;
    *entry = (struct map_entry){.key = key, .hash = hash, .value = value};
    map->count++;
    return ERR_OK;
}

void *map_find(const struct map *map, struct slice key)
{
    return map->count ? probe(map, key, hash_bytes(map->key, key))->value : NULL;
}

static enum err grow(struct map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : CAPACITY_MIN;
    struct map_entry *old = map->entries;
    size_t old_capacity = map->capacity;
    struct map_entry *entries = calloc(capacity, sizeof *entries);
    if (!entries)
        return ERR_NOMEM;
    map->entries = entries;
    map->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].key.ptr)
            *probe(map, old[i].key, old[i].hash) = old[i];
    free(old);
    return ERR_OK;
}
