/* SPDX-License-Identifier: Apache-2.0 */
/* Regions of shared memory that clients have registered under names of theirs, so that tensors need not go over the wire
 * (the system shared memory extension of the Open Inference Protocol v2). One table for the process: all workers and both wires
 * see the same.
 *
 * A request takes a region by name without a lock: a slot is found by a hash, then held by its count, then compared. Its
 * description is written before the count leaves 0 and not again before it is back there. Registering and unregistering
 * take a lock, which no inference does. A region that is unregistered while requests hold it is closed by the last of them. */
#ifndef WEIR_PIPELINE_SHARED_REGIONS_H
#define WEIR_PIPELINE_SHARED_REGIONS_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/text.h"
#include "pipeline/config.h"
#include "pipeline/inference.h"
#include "pipeline/problem.h"

#define SHARED_REGIONS_MAX     1024
#define SHARED_REGION_NAME_MAX 256

struct shared_regions;
struct shared_region;

/* Heap. ERR_NOMEM, ERR_IO when there is no randomness. */
MUST_USE enum err shared_regions_create(struct shared_regions **ret_regions);
/* When no request is left. NULL is accepted. */
void shared_regions_destroy(struct shared_regions *regions);

struct shared_region_view {
    struct slice name;
    struct slice key; /* of the object, as the client wrote it */
    uint64_t offset;  /* of the region in the object */
    uint64_t bytes;
};
/* Within the bounds of `config`. Otherwise `fault` says why, in a sentence: ERR_DENIED: the configuration does not allow it;
 * ERR_EXISTS: the name is taken; ERR_LIMIT: there are too many; ERR_INVALID: no such object, or it is smaller than that;
 * ERR_IO, ERR_BUSY. Any thread. */
MUST_USE enum err shared_regions_register(struct shared_regions *regions, const struct shared_memory_config *config,
                                          const struct shared_region_view *view, struct text *fault);
/* What a client hears of such an error. */
enum problem shared_regions_problem(enum err err);
/* One that is not there is gone already. An empty name: all. */
void shared_regions_unregister(struct shared_regions *regions, struct slice name);
/* The one at `index` or behind it; *index is then behind it. False: there is none. Texts are copies in the arena, empty
 * without memory. */
bool shared_regions_next(struct shared_regions *regions, uint32_t *index, struct arena *arena,
                         struct shared_region_view *ret_view);

/* Holds the region of a range and checks its bounds. ERR_NOT_FOUND or ERR_LIMIT; `fault` says why. NULL for the table:
 * there is none. */
MUST_USE enum err shared_region_acquire(struct shared_regions *regions, const struct shared_range *range,
                                        struct shared_region **ret_region, struct text *fault);
void shared_region_release(struct shared_region *region);
/* A part of the range's region, `range->offset` from its begin. ERR_TRUNCATED: the object has become shorter since; ERR_IO. */
MUST_USE enum err shared_region_read(const struct shared_region *region, const struct shared_range *range, void *out);
MUST_USE enum err shared_region_write(const struct shared_region *region, uint64_t offset, struct slice bytes);

#endif
