/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints `stalls` and `allocations` answer: JSON documents of what stands in no metric, event by event and worker by
 * worker. Any thread but a worker; some milliseconds. */
#ifndef WEIR_CONTROL_METRICS_DEBUG_RENDER_H
#define WEIR_CONTROL_METRICS_DEBUG_RENDER_H

#include "pipeline/meters.h"
#include "pipeline/ports.h"

/* Borrowed for the call. */
struct debug_sources {
    const struct worker_meter *const *workers;
    uint32_t worker_count;
    uint64_t stall_threshold_ns; /* 0: nobody looks */
};

/* *ret_text is heap memory that the caller frees, without a NUL. ERR_NOMEM. */
MUST_USE enum err debug_render(const struct debug_sources *sources, enum debug_document document, char **ret_text,
                               size_t *ret_bytes);

#endif
