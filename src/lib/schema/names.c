/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/names_int.h"

enum { SEEDS_TRIED = 200, MIDDLE_WORDS_MAX = 8 };

/* All bytes of names up to 80; of longer ones as many, evenly spread: what a lookup costs is not the client's to choose. */
uint64_t name_hash_middle(const char *ptr, size_t len)
{
    size_t bytes = len - 16;
    size_t count = MIN((bytes + 7) / 8, MIDDLE_WORDS_MAX);
    size_t stride = MAX(bytes / MIDDLE_WORDS_MAX, 8);
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, ptr + 8 + i * stride, 8);
        hash = ((hash << 29 | hash >> 35) ^ word) * 0x9e3779b97f4a7c15U;
    }
    return hash ^ hash >> 32;
}

/* Puts all names in; returns by how many places they miss their own, all together. */
static uint32_t fill(struct name_place *places, const struct names *names, const struct slice *texts)
{
    uint32_t misses = 0;
    for (uint32_t i = 0; i <= names->mask; i++)
        places[i] = (struct name_place){.len = NAMES_NONE};
    for (uint32_t i = 0; i < names->count; i++) {
        struct name_words words = name_words_of(texts[i].ptr, texts[i].len);
        uint32_t at = (uint32_t)(name_hash(words, texts[i].ptr, texts[i].len, names->seed) >> names->shift);
        for (; places[at].len != NAMES_NONE; at = (at + 1) & names->mask)
            misses++;
        places[at] = (struct name_place){words.first, words.last, texts[i].ptr, (uint32_t)texts[i].len, i};
    }
    return misses;
}

enum err names_make(struct arena *arena, const struct slice *texts, uint32_t count, struct names *ret_names)
{
    uint32_t bits = 1;
    while ((uint64_t)1 << bits < (uint64_t)count * 3)
        bits++;
    struct names names = {.count = count, .shift = 64 - bits, .mask = (uint32_t)(((uint64_t)1 << bits) - 1)};
    struct name_place *places = arena_alloc_array(arena, (size_t)names.mask + 1, sizeof *places);
    if (!places)
        return ERR_NOMEM;
    names.places = places;
    uint64_t seed = 0x2545f4914f6cdd1dU;
    uint64_t best_seed = seed;
    uint32_t best = UINT32_MAX;
    /* Many names cannot all be lucky: for them fewer tries do as well. */
    uint32_t tries = count > 256 ? 8 : SEEDS_TRIED;
    for (uint32_t i = 0; i < tries && best > 0; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        names.seed = seed | 1;
        uint32_t misses = fill(places, &names, texts);
        if (misses < best) {
            best = misses;
            best_seed = names.seed;
        }
    }
    names.seed = best_seed;
    fill(places, &names, texts);
    *ret_names = names;
    return ERR_OK;
}
