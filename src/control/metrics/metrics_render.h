/* SPDX-License-Identifier: Apache-2.0 */
/* Everything weir counts, as text for a scraper: what stands behind ports.metrics_render. */
#ifndef WEIR_CONTROL_METRICS_METRICS_RENDER_H
#define WEIR_CONTROL_METRICS_METRICS_RENDER_H

#include "control/metrics/meter_registry.h"
#include "lib/meter/counter.h"
#include "pipeline/config.h"

/* Reloads of the configuration, or of its schemas; written by the control thread. */
struct reload_meter {
    struct counter succeeded;
    struct counter failed;
    struct gauge is_last_good;    /* 1 or 0 */
    struct gauge last_success_ms; /* since 1970; 0: not yet */
};

struct metrics_build {
    struct slice version;     /* of weir */
    struct slice compiler;    /* METRICS_COMPILER */
    struct slice onnxruntime; /* empty: not loaded */
};

#if defined(__clang__)
#define METRICS_COMPILER "clang " __clang_version__
#else
#define METRICS_COMPILER "gcc " __VERSION__
#endif

/* Borrowed for the call; the meters go on counting meanwhile. NULL pointers leave their series out. */
struct metrics_sources {
    const struct worker_meter *const *workers;
    uint32_t worker_count;
    const struct meter_registry *registry;
    const struct config *config; /* the current one, for which models are ready; the caller holds a reference */
    const struct reload_meter *reloads;
    const struct reload_meter *schemas; /* reading schemas anew */
    const struct reload_meter *loads;   /* of models */
    uint64_t log_lines_lost;            /* access_log_lost_lines */
    struct metrics_build build;
};

/* Any thread but a worker; some milliseconds. *ret_text is heap memory that the caller frees, without a NUL.
 * ERR_NOMEM. */
MUST_USE enum err metrics_render(const struct metrics_sources *sources, bool is_openmetrics, char **ret_text,
                                 size_t *ret_bytes);

#endif
