/* SPDX-License-Identifier: Apache-2.0 */
/* uniqueItems: a few items pair by pair, many by a table of their hashes. */
#include "lib/json/compare.h"
#include "lib/schema/walk_int.h"

enum { PAIRS_MAX = 12 };

struct unique_place {
    uint64_t hash;
    yyjson_val *item; /* NULL: free */
    uint64_t index;
};

/* Compared without a call where the kinds tell them apart. */
static bool differ(yyjson_val *a, yyjson_val *b, uint64_t *steps)
{
    uint32_t left = KIND_OF(a) & YYJSON_TYPE_MASK;
    uint32_t right = KIND_OF(b) & YYJSON_TYPE_MASK;
    if (left == YYJSON_TYPE_STR && right == YYJSON_TYPE_STR)
        return !slice_equal(string_of(a), string_of(b));
    if (left != right && left != YYJSON_TYPE_RAW && right != YYJSON_TYPE_RAW)
        return true;
    return !json_equal(a, b, steps);
}

static enum schema_outcome by_pairs(yyjson_val *array, size_t count, struct schema_work *work, uint64_t *ret_first,
                                    uint64_t *ret_second)
{
    yyjson_val *items[PAIRS_MAX];
    yyjson_val *item = unsafe_yyjson_get_first(array);
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item)) {
        items[i] = item;
        for (size_t j = 0; j < i; j++) {
            if (differ(items[j], item, &work->steps_left))
                continue;
            *ret_first = j;
            *ret_second = i;
            return SCHEMA_INVALID;
        }
    }
    return work->steps_left == 0 ? SCHEMA_OVER_LIMIT : SCHEMA_VALID;
}

/* So many places, a power of two, all free; NULL: no memory. Tables that were too small take no more than the last. */
static struct unique_place *table_of(struct unique *unique, size_t count, struct arena *scratch)
{
    if (count <= unique->count) {
        memset(unique->places, 0, count * sizeof *unique->places);
        return unique->places;
    }
    struct unique_place *places = arena_alloc_array(scratch, count, sizeof *places);
    if (places)
        *unique = (struct unique){places, count};
    return places;
}

enum schema_outcome unique_items(yyjson_val *array, struct schema_work *work, struct unique *unique,
                                 uint64_t *ret_first, uint64_t *ret_second)
{
    size_t count = unsafe_yyjson_get_len(array);
    if (count <= PAIRS_MAX)
        return by_pairs(array, count, work, ret_first, ret_second);
    size_t values = (size_t)(unsafe_yyjson_get_next(array) - array);
    if (work->steps_left <= values) {
        work->steps_left = 0;
        return SCHEMA_OVER_LIMIT;
    }
    work->steps_left -= values;
    unsigned bits = 64 - (unsigned)__builtin_clzl(2 * count - 1);
    size_t mask = ((size_t)1 << bits) - 1;
    struct unique_place *places = table_of(unique, mask + 1, work->scratch);
    if (!places)
        return SCHEMA_NO_MEMORY;
    /* Where memory lies is what a client does not know; what slips through costs steps. */
    const struct hash_key key = {(uintptr_t)places * 0x9e3779b97f4a7c15U, (uintptr_t)&values};
    yyjson_val *item = unsafe_yyjson_get_first(array);
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item)) {
        uint64_t hash = json_hash(key, item);
        size_t at = hash & mask;
        for (; places[at].item; at = (at + 1) & mask) {
            if (places[at].hash != hash || differ(places[at].item, item, &work->steps_left))
                continue;
            *ret_first = places[at].index;
            *ret_second = i;
            return SCHEMA_INVALID;
        }
        places[at] = (struct unique_place){hash, item, i};
    }
    return work->steps_left == 0 ? SCHEMA_OVER_LIMIT : SCHEMA_VALID;
}
