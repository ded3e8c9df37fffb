/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/ring.h"

#include <stdlib.h>

enum err ring_init(struct ring *ring, uint32_t capacity)
{
    ASSERT(capacity > 0 && capacity <= 1U << 30, "a ring has a sensible capacity");
    uint32_t size = 1;
    while (size < capacity)
        size *= 2;
    *ring = (struct ring){.mask = size - 1, .slots = calloc(size, sizeof(void *))};
    return ring->slots ? ERR_OK : ERR_NOMEM;
}

void ring_deinit(struct ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}
