/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one size, allotted in chunks that grow to a limit and live until deinit: connections, requests, timers.
 * A freed object is poisoned under AddressSanitizer; its memory is never given to another kind. Not thread-safe.
 *
 * slab_stop_keeping makes it malloc and free for each object: to show what keeping them is good for, and for AddressSanitizer,
 * which then knows who had it and who gave it back. */
#ifndef WEIR_LIB_BASE_SLAB_H
#define WEIR_LIB_BASE_SLAB_H

#include "lib/base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab_object;
struct slab_chunk;

struct slab {
    struct slab_object *free;
    struct slab_chunk *chunks;
    size_t object_bytes;
    bool keeps_nothing;
    uint32_t chunk_objects; /* objects added at a time */
    uint32_t count;         /* objects out */
    uint32_t count_made;
    uint32_t count_max;
};

/* object_bytes is rounded up to a multiple of 16; nothing is allocated yet. */
void slab_init(struct slab *slab, size_t object_bytes, uint32_t chunk_objects, uint32_t count_max);
/* Before the first object is out. */
void slab_stop_keeping(struct slab *slab);
/* Every object must have come back. */
void slab_deinit(struct slab *slab);
/* Content undefined, 16-byte aligned. NULL at count_max or without memory. */
MUST_USE void *slab_acquire(struct slab *slab);
/* NULL is accepted. */
void slab_release(struct slab *slab, void *object);

#endif
