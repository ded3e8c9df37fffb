/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of pointers with one producer thread and one consumer thread, without locks.
 *
 * Each side keeps its own index on its own cache line with a private copy of the other's, and looks at the real one
 * only when the copy says full or empty: in steady flow a push or pop touches no line the other side is writing. */
#ifndef WEIR_LIB_SYS_RING_H
#define WEIR_LIB_SYS_RING_H

#include "lib/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ring {
    void **slots;
    uint32_t mask;
    CACHE_ALIGNED _Atomic uint32_t pushed; /* written by the producer */
    uint32_t popped_seen;
    CACHE_ALIGNED _Atomic uint32_t popped; /* written by the consumer */
    uint32_t pushed_seen;
};

/* capacity is rounded up to a power of two. */
MUST_USE enum err ring_init(struct ring *ring, uint32_t capacity);
void ring_deinit(struct ring *ring);

/* Producer only; false when full. NULL cannot be told from empty and is not for a ring. */
static inline bool ring_push(struct ring *ring, void *item)
{
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (pushed - ring->popped_seen > ring->mask) {
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire);
        if (pushed - ring->popped_seen > ring->mask)
            return false;
    }
    ring->slots[pushed & ring->mask] = item;
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_release);
    return true;
}

/* Consumer only; NULL when empty. */
static inline void *ring_pop(struct ring *ring)
{
    uint32_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    if (popped == ring->pushed_seen) {
        ring->pushed_seen = atomic_load_explicit(&ring->pushed, memory_order_acquire);
        if (popped == ring->pushed_seen)
            return NULL;
    }
    void *item = ring->slots[popped & ring->mask];
    atomic_store_explicit(&ring->popped, popped + 1, memory_order_release);
    return item;
}

/* Consumer only: exact for what was pushed before. */
static inline bool ring_is_empty(struct ring *ring)
{
    return atomic_load_explicit(&ring->popped, memory_order_relaxed) ==
           atomic_load_explicit(&ring->pushed, memory_order_acquire);
}

#endif
