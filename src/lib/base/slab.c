/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/slab.h"

#include "lib/base/asan.h"
#include "lib/base/memory_user.h"

#include <stdlib.h>

struct slab_object {
    struct slab_object *next;
};

struct slab_chunk {
    struct slab_chunk *next;
    size_t bytes;
};

#define CHUNK_HEAD_BYTES 64 /* keeps objects of multiples of 64 bytes on cache lines */

static bool grow(struct slab *slab);
static void put(struct slab *slab, struct slab_object *object);
static bool make_single(struct slab *slab);
static void free_single(struct slab *slab, void *object);

void slab_init(struct slab *slab, size_t object_bytes, uint32_t chunk_objects, uint32_t count_max)
{
    ASSERT(object_bytes > 0 && chunk_objects > 0 && count_max > 0, "a slab needs a size and a limit");
    *slab = (struct slab){
        .object_bytes = (object_bytes + 15) & ~(size_t)15, .chunk_objects = chunk_objects, .count_max = count_max};
}

void slab_deinit(struct slab *slab)
{
    ASSERT(slab->count == 0, "an object of the slab was never released");
    while (slab->chunks) {
        struct slab_chunk *chunk = slab->chunks;
        slab->chunks = chunk->next;
        MEMORY_UNPOISON(chunk, chunk->bytes);
        free(chunk);
    }
    slab->free = NULL;
    slab->count_made = 0;
}

void slab_stop_keeping(struct slab *slab)
{
    ASSERT(!slab->chunks, "objects that were made in chunks are not freed singly");
    slab->keeps_nothing = true;
}

void *slab_acquire(struct slab *slab)
{
    if (UNLIKELY(!slab->free) && !grow(slab))
        return NULL;
    struct slab_object *object = slab->free;
    MEMORY_UNPOISON(object, slab->object_bytes);
    slab->free = object->next;
    slab->count++;
    return object;
}

void slab_release(struct slab *slab, void *object)
{
    if (!object)
        return;
    ASSERT(slab->count > 0, "more objects were released than acquired");
    slab->count--;
    if (UNLIKELY(slab->keeps_nothing))
        free_single(slab, object);
    else
        put(slab, object);
}

static NOT_INLINE bool grow(struct slab *slab)
{
    uint32_t count = MIN(slab->chunk_objects, slab->count_max - slab->count_made);
    if (count == 0)
        return false;
    if (slab->keeps_nothing)
        return make_single(slab);
    size_t bytes = CHUNK_HEAD_BYTES + slab->object_bytes * count;
    bytes = (bytes + 63) & ~(size_t)63;
    AS_MEMORY_USER(base);
    struct slab_chunk *chunk = aligned_alloc(64, bytes);
    if (!chunk)
        return false;
    *chunk = (struct slab_chunk){.next = slab->chunks, .bytes = bytes};
    slab->chunks = chunk;
    slab->count_made += count;
    /* From the last to the first, so that the first object is handed out first. */
    for (uint32_t i = count; i > 0; i--)
        put(slab, (void *)((char *)chunk + CHUNK_HEAD_BYTES + slab->object_bytes * (i - 1)));
    return true;
}

static void put(struct slab *slab, struct slab_object *object)
{
    object->next = slab->free;
    slab->free = object;
    MEMORY_POISON(object, slab->object_bytes);
}

/* On the free list for as long as slab_acquire needs to take it. */
static bool make_single(struct slab *slab)
{
    AS_MEMORY_USER(base);
    struct slab_object *object = aligned_alloc(64, (slab->object_bytes + 63) & ~(size_t)63);
    if (!object)
        return false;
    slab->count_made++;
    put(slab, object);
    return true;
}

static RARELY_CALLED void free_single(struct slab *slab, void *object)
{
    AS_MEMORY_USER(base);
    slab->count_made--;
    free(object);
}
