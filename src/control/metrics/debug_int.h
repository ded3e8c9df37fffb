/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside metrics/: one function for each debug_document, which writes one object. ERR_NOMEM. */
#ifndef WEIR_CONTROL_METRICS_DEBUG_INT_H
#define WEIR_CONTROL_METRICS_DEBUG_INT_H

#include "control/metrics/debug_render.h"
#include "lib/json/writer.h"

MUST_USE enum err debug_write_stalls(struct json_writer *writer, struct arena *arena,
                                     const struct debug_sources *sources);
MUST_USE enum err debug_write_allocations(struct json_writer *writer, struct arena *arena,
                                          const struct debug_sources *sources);

#endif
