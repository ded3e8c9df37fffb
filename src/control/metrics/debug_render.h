/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints `stalls` and `allocations` answer: JSON documents of what stands in no metric, event by event and worker by
 * worker. Any thread but a worker; some milliseconds. */
#ifndef WEIR_CONTROL_METRICS_DEBUG_RENDER_H
#define WEIR_CONTROL_METRICS_DEBUG_RENDER_H

#include "lib/sys/allocations.h"
#include "lib/sys/thread.h"
#include "pipeline/meters.h"
#include "pipeline/ports.h"

/* The span of time that figures a second and a request are of: since anybody asked before, but a second at least. */
struct allocation_span {
    struct mutex lock;
    uint64_t begin_ns; /* of the span that is told; 0: the start */
    uint64_t end_ns;
    uint64_t begin_requests;
    uint64_t end_requests;
    struct allocation_counts begin;
    struct allocation_counts end;
};

/* Borrowed for the call. */
struct debug_sources {
    const struct worker_meter *const *workers;
    uint32_t worker_count;
    uint64_t stall_threshold_ns; /* 0: nobody looks */
    uint64_t begin_ns;           /* when the server began to serve */
    struct allocation_span *allocations;
};

/* *ret_text is heap memory that the caller frees, without a NUL. ERR_NOMEM. */
MUST_USE enum err debug_render(const struct debug_sources *sources, enum debug_document document, char **ret_text,
                               size_t *ret_bytes);

#endif
