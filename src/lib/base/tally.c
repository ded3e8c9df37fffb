/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/tally.h"

#include "lib/base/attr.h"

#include <stdbool.h>
#include <stdlib.h>

#define CAPACITY_MIN 16

void tally_deinit(struct tally *tally)
{
    free(tally->entries);
    *tally = (struct tally){0};
}

/* Keys are hashes already, but a caller may count small numbers too. */
static size_t home_of(const struct tally *tally, uint64_t key)
{
    return (size_t)(key * 0x9e3779b97f4a7c15ULL >> 32) & (tally->capacity - 1);
}

/* The place of the key, or the free one where it would go. */
static size_t find(const struct tally *tally, uint64_t key)
{
    size_t place = home_of(tally, key);
    while (tally->entries[place].count && tally->entries[place].key != key)
        place = (place + 1) & (tally->capacity - 1);
    return place;
}

enum err tally_reserve(struct tally *tally, size_t count)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity < 2 * count)
        capacity *= 2;
    if (capacity <= tally->capacity)
        return ERR_OK;
    struct tally larger = {.entries = calloc(capacity, sizeof *larger.entries), .capacity = capacity};
    if (!larger.entries)
        return ERR_NOMEM;
    larger.used = tally->used;
    for (size_t i = 0; i < tally->capacity; i++)
        if (tally->entries[i].count)
            larger.entries[find(&larger, tally->entries[i].key)] = tally->entries[i];
    free(tally->entries);
    *tally = larger;
    return ERR_OK;
}

uint32_t tally_add(struct tally *tally, uint64_t key)
{
    ASSERT(tally->capacity, "there is room before anything is counted");
    struct tally_entry *entry = &tally->entries[find(tally, key)];
    if (entry->count == 0) {
        ASSERT(2 * tally->used < tally->capacity, "who counts has reserved room for as many keys");
        entry->key = key;
        tally->used++;
    }
    return ++entry->count;
}

/* Whether the entry at `place` may move to `gap` without leaving the way from its home. */
static bool may_fill(const struct tally *tally, size_t gap, size_t place)
{
    size_t mask = tally->capacity - 1;
    size_t home = home_of(tally, tally->entries[place].key);
    return ((place - home) & mask) >= ((place - gap) & mask);
}

/* No tombstones: what stood behind the key and could not get to its home moves up. */
void tally_remove(struct tally *tally, uint64_t key)
{
    size_t gap = find(tally, key);
    ASSERT(tally->entries[gap].count, "only what was counted is taken away");
    if (--tally->entries[gap].count)
        return;
    tally->used--;
    for (size_t place = (gap + 1) & (tally->capacity - 1); tally->entries[place].count;
         place = (place + 1) & (tally->capacity - 1)) {
        if (!may_fill(tally, gap, place))
            continue;
        tally->entries[gap] = tally->entries[place];
        tally->entries[place].count = 0;
        gap = place;
    }
}
