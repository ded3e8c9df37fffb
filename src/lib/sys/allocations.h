/* SPDX-License-Identifier: Apache-2.0 */
/* How often this process asked the system for memory, by who asked (lib/base/memory_user.h) and on which kind of thread.
 *
 * Where the binary is built with WEIR_COUNT_ALLOCATIONS, malloc and its relatives are functions of ours (malloc/counted.c) that count
 * and hand on: to a library that was preloaded, or the C library. What libraries ask for is counted too. Each thread has
 * counters of its own, which only it writes, so counting takes no lock and no cache line travels; who reads adds up. A
 * thread's counters stay when it ends, and are taken over by the next of its kind.
 *
 * Allocations are calls of malloc, calloc, realloc, aligned_alloc and so on; bytes are what they asked for, not what is out: frees are
 * counted, not what they gave back. */
#ifndef WEIR_LIB_SYS_ALLOCATIONS_H
#define WEIR_LIB_SYS_ALLOCATIONS_H

#include "lib/base/memory_user.h"

#include <stdbool.h>
#include <stdint.h>

enum allocation_thread {
    ALLOCATION_WORKER,
    ALLOCATION_EXECUTOR,
    ALLOCATION_CREW,
    ALLOCATION_CONTROL, /* the main thread, and all of ours that are none of the others */
    ALLOCATION_LOG,
    ALLOCATION_LIBRARY, /* threads that a library has started */
    ALLOCATION_THREADS,
};

struct allocation_count {
    uint64_t allocations;
    uint64_t frees;
    uint64_t bytes;
};

struct allocation_counts {
    struct allocation_count of[ALLOCATION_THREADS][MEMORY_USER_COUNT];
};

/* Whether this binary counts. */
bool allocations_are_counted(void);
/* Any thread. All zero where nothing is counted. */
void allocations_read(struct allocation_counts *ret_counts);
/* "worker" */
const char *allocation_thread_name(enum allocation_thread thread);
/* The calling thread, which has just begun, has this name; see thread.h. */
void allocations_begin_thread(const char *name);

/* malloc/counted.c: the counters of the calling thread. */
struct allocation_slot;
void allocations_begin(void);
void allocations_add(uint64_t bytes);
void allocations_add_free(void);

#endif
