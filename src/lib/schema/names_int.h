/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed set of names, looked up by length, first and last eight bytes: one multiplication, and mostly one comparison. Of
 * long names what is between counts as well, since lists of them, such as of URIs, mostly differ there.
 *
 * The hash has no key that clients cannot know, and needs none: the set is the schema's, the table is made so that no
 * two of its names meet where that can be had, and a lookup takes as many steps as the longest run of full places. */
#ifndef WEIR_LIB_SCHEMA_NAMES_INT_H
#define WEIR_LIB_SCHEMA_NAMES_INT_H

#include "lib/base/arena.h"
#include "lib/base/err.h"

#define NAMES_NONE UINT32_MAX

struct name_place {
    uint64_t first;
    uint64_t last;
    const char *ptr;
    uint32_t len;   /* NAMES_NONE: free */
    uint32_t index; /* in the order of the set */
};

struct names {
    const struct name_place *places;
    uint64_t seed;
    uint32_t count;
    uint32_t shift; /* 64 - log2 of the places */
    uint32_t mask;
};

struct name_words {
    uint64_t first;
    uint64_t last;
};

/* The bytes of a name as two words; of less than eight bytes, the same word twice. */
static inline struct name_words name_words_of(const char *ptr, size_t len)
{
    struct name_words words = {0, 0};
    if (LIKELY(len >= 8)) {
        memcpy(&words.first, ptr, 8);
        memcpy(&words.last, ptr + len - 8, 8);
        return words;
    }
    if (len >= 4) {
        uint32_t front;
        uint32_t back;
        memcpy(&front, ptr, 4);
        memcpy(&back, ptr + len - 4, 4);
        words.first = front | (uint64_t)back << 32;
    } else if (len > 0) {
        words.first = (uint64_t)(unsigned char)ptr[0] | (uint64_t)(unsigned char)ptr[len / 2] << 8 |
                      (uint64_t)(unsigned char)ptr[len - 1] << 16;
    }
    words.last = words.first;
    return words;
}

/* Of more than 16 bytes, those between. */
uint64_t name_hash_middle(const char *ptr, size_t len);

static inline uint64_t name_hash(struct name_words words, const char *ptr, size_t len, uint64_t seed)
{
    uint64_t mixed = words.first * 3 + (words.last << 27 | words.last >> 37) + len;
    if (UNLIKELY(len > 16))
        mixed += name_hash_middle(ptr, len);
    return mixed * seed;
}

/* The index of a name, or NAMES_NONE. */
static inline uint32_t names_find(const struct names *names, const char *ptr, size_t len)
{
    if (names->count == 0)
        return NAMES_NONE;
    struct name_words words = name_words_of(ptr, len);
    uint32_t at = (uint32_t)(name_hash(words, ptr, len, names->seed) >> names->shift);
    for (;; at = (at + 1) & names->mask) {
        const struct name_place *place = &names->places[at];
        if (place->first == words.first && place->last == words.last && place->len == len &&
            (len <= 16 || memcmp(place->ptr, ptr, len) == 0))
            return place->index;
        if (place->len == NAMES_NONE)
            return NAMES_NONE;
    }
}

/* Texts are borrowed and must differ. ERR_NOMEM. */
MUST_USE enum err names_make(struct arena *arena, const struct slice *texts, uint32_t count, struct names *ret_names);

#endif
