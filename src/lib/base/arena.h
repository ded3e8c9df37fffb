/* SPDX-License-Identifier: Apache-2.0 */
/* Memory with one lifetime: everything of a request comes from its arena and goes with it at once.
 *
 * An arena draws blocks from a pool and gives all back at reset. It has a hard limit: over it arena_alloc returns NULL
 * and the caller answers 413 or 503; it never aborts. Nothing in it is freed singly. Not thread-safe. */
#ifndef WEIR_LIB_BASE_ARENA_H
#define WEIR_LIB_BASE_ARENA_H

#include "lib/base/asan.h"
#include "lib/base/attr.h"
#include "lib/base/pool.h"
#include "lib/base/slice.h"

struct arena_block;

struct arena {
    struct pool *pool; /* borrowed */
    struct arena_block *blocks;
    char *cursor;
    char *end;
    size_t used_bytes;  /* charged so far: ordinary blocks whole, large pieces with their head */
    size_t limit_bytes; /* used_bytes never exceeds it; SIZE_MAX for no limit */
    bool is_over_limit; /* a refusal was its own limit's, and not the pool's */
    size_t block_bytes; /* size of ordinary blocks */
};

#define ARENA_ALIGN 16

/* Takes no memory until the first allocation. */
void arena_init(struct arena *arena, struct pool *pool, size_t block_bytes, size_t limit_bytes);
/* The same, beginning with memory of the caller, which is not charged and lives longer than the arena. */
static inline void arena_init_with(struct arena *arena, struct pool *pool, size_t block_bytes, size_t limit_bytes,
                                   void *memory, size_t bytes)
{
    arena_init(arena, pool, block_bytes, limit_bytes);
    arena->cursor = memory;
    arena->end = arena->cursor + bytes;
}
/* An arena over memory of the caller that never grows: for a thread that must not touch a worker's pool. */
void arena_init_fixed(struct arena *arena, void *memory, size_t bytes);
/* Frees everything. The arena may be used again. */
void arena_reset(struct arena *arena);

/* arena.c: from a block more, if the limit allows it. */
void *arena_alloc_more(struct arena *arena, size_t bytes);

MUST_USE static inline void *arena_alloc_at(struct arena *arena, size_t bytes, size_t align)
{
    size_t room = (size_t)(arena->end - arena->cursor);
    size_t padding = -(uintptr_t)arena->cursor & (align - 1);
    if (UNLIKELY(!arena->cursor || padding > room || bytes > room - padding))
        return arena_alloc_more(arena, bytes);
    char *start = arena->cursor + padding;
    arena->cursor = start + bytes;
    MEMORY_UNPOISON(start, bytes);
    return start;
}

/* `bytes` of undefined content, aligned to ARENA_ALIGN; NULL over the limit. Zero bytes give a valid pointer. */
MUST_USE static inline void *arena_alloc(struct arena *arena, size_t bytes)
{
    return arena_alloc_at(arena, bytes, ARENA_ALIGN);
}

/* The same, zeroed. */
MUST_USE void *arena_alloc_zero(struct arena *arena, size_t bytes);
/* count × size, zeroed; NULL on overflow as over the limit. */
MUST_USE void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
/* Aligned to 64 bytes, for tensors and bodies. */
MUST_USE void *arena_alloc_aligned(struct arena *arena, size_t bytes);
/* A copy followed by a NUL that the slice does not count. {NULL, 0} over the limit. */
MUST_USE struct slice arena_copy(struct arena *arena, struct slice text);
/* printf into the arena; {NULL, 0} over the limit. Not for the data path's hot part. */
MUST_USE struct slice arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
