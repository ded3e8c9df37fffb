/* SPDX-License-Identifier: Apache-2.0 */
/* Words that one thread writes now and then, and that any thread reads without waiting for it: a sequence lock
 * (Lameter, "Effective synchronization on Linux/NUMA systems", 2005), all of whose words are atomic, so that it is no race. */
#ifndef WEIR_LIB_SYS_SEQUENCE_H
#define WEIR_LIB_SYS_SEQUENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thread. `version` is odd while it writes. */
static inline void sequence_write(_Atomic uint32_t *version, _Atomic uint64_t *words, const uint64_t *from,
                                  size_t count)
{
    uint32_t before = atomic_load_explicit(version, memory_order_relaxed);
    atomic_store_explicit(version, before + 1, memory_order_relaxed);
    /* A reader that sees one of the new words sees the odd version too. */
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&words[i], from[i], memory_order_release);
    atomic_store_explicit(version, before + 2, memory_order_release);
}

/* All words as they were at one moment. Tries again while they are written. */
static inline void sequence_read(const _Atomic uint32_t *version, const _Atomic uint64_t *words, uint64_t *to,
                                 size_t count)
{
    uint32_t before;
    uint32_t after;
    do {
        before = atomic_load_explicit(version, memory_order_acquire);
        for (size_t i = 0; i < count; i++)
            to[i] = atomic_load_explicit(&words[i], memory_order_acquire);
        after = atomic_load_explicit(version, memory_order_relaxed);
    } while (before != after || before % 2);
}

#endif
