/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/regex/tree_int.h"

#define SURROGATE_FIRST 0xd800u
#define SURROGATE_LAST  0xdfffu

static bool add_range(struct charset *set, struct arena *arena, uint32_t low, uint32_t high)
{
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity ? 2 * set->capacity : 4;
        struct char_range *ranges = arena_alloc(arena, capacity * sizeof ranges[0]);
        if (!ranges)
            return false;
        if (set->count > 0)
            memcpy(ranges, set->ranges, set->count * sizeof ranges[0]);
        set->ranges = ranges;
        set->capacity = capacity;
    }
    set->ranges[set->count++] = (struct char_range){low, high};
    return true;
}

/* Halves of surrogate pairs are characters to ECMA-262, but no text that is well-formed UTF-8 has them. */
bool charset_add(struct charset *set, struct arena *arena, uint32_t low, uint32_t high)
{
    if (low < SURROGATE_FIRST && !add_range(set, arena, low, MIN(high, SURROGATE_FIRST - 1)))
        return false;
    return high <= SURROGATE_LAST || add_range(set, arena, MAX(low, SURROGATE_LAST + 1), high);
}

/* Insertion: classes are short, and long ones are written in order. */
static void sort(struct charset *set)
{
    for (uint32_t i = 1; i < set->count; i++) {
        struct char_range range = set->ranges[i];
        uint32_t at = i;
        for (; at > 0 && set->ranges[at - 1].low > range.low; at--)
            set->ranges[at] = set->ranges[at - 1];
        set->ranges[at] = range;
    }
}

static void merge(struct charset *set)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        struct char_range range = set->ranges[i];
        if (kept > 0 && range.low <= set->ranges[kept - 1].high + 1)
            set->ranges[kept - 1].high = MAX(set->ranges[kept - 1].high, range.high);
        else
            set->ranges[kept++] = range;
    }
    set->count = kept;
}

static bool complement(struct charset *set, struct arena *arena)
{
    struct charset other = {.is_negated = false};
    uint32_t from = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->ranges[i].low > from && !charset_add(&other, arena, from, set->ranges[i].low - 1))
            return false;
        from = set->ranges[i].high + 1;
    }
    if (from <= CHAR_MAX_CODE && !charset_add(&other, arena, from, CHAR_MAX_CODE))
        return false;
    *set = other;
    return true;
}

bool charset_finish(struct charset *set, struct arena *arena)
{
    sort(set);
    merge(set);
    return !set->is_negated || set->properties || complement(set, arena);
}

/* WhiteSpace and LineTerminator of ECMA-262; Zs is that of Unicode since 6.3. */
static const struct char_range spaces[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
};
static const struct char_range digits[] = {{'0', '9'}};
static const struct char_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};

bool charset_add_class(struct charset *set, struct arena *arena, char class)
{
    static const struct {
        const struct char_range *ranges;
        uint32_t count;
        char name;
    } classes[] = {{digits, ARRAY_LEN(digits), 'd'}, {spaces, ARRAY_LEN(spaces), 's'}, {words, ARRAY_LEN(words), 'w'}};
    size_t index = ascii_lower(class) == 'd' ? 0 : ascii_lower(class) == 's' ? 1 : 2;
    struct charset listed = {.is_negated = class != classes[index].name};
    for (uint32_t i = 0; i < classes[index].count; i++)
        if (!charset_add(&listed, arena, classes[index].ranges[i].low, classes[index].ranges[i].high))
            return false;
    if (!charset_finish(&listed, arena))
        return false;
    for (uint32_t i = 0; i < listed.count; i++)
        if (!charset_add(set, arena, listed.ranges[i].low, listed.ranges[i].high))
            return false;
    return true;
}
