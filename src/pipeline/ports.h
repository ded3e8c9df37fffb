/* SPDX-License-Identifier: Apache-2.0 */
/* What the data plane needs from above: implemented by the control plane, plugged in by control/server/ports.c, faked by tests. */
#ifndef WEIR_PIPELINE_PORTS_H
#define WEIR_PIPELINE_PORTS_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "pipeline/access_record.h"

struct config;

struct ports {
    void *owner;

    /* Whether traffic should come; if not, why, for people. Any thread, quick. */
    bool (*is_ready)(void *owner, struct text *why);

    /* Renders all metrics into heap memory that the caller frees. Any thread but a worker. */
    enum err (*metrics_render)(void *owner, bool is_openmetrics, char **ret_text, size_t *ret_bytes);

    /* The OpenAPI document of the configuration, which the caller holds, into heap memory that the caller frees. Any thread
     * but a worker. */
    enum err (*openapi_render)(void *owner, const struct config *config, bool is_yaml, char **ret_text,
                               size_t *ret_bytes);

    /* The place of the next record of this worker, or NULL when the log is behind; then log_commit. Workers only. */
    struct access_record *(*log_reserve)(void *owner, uint32_t worker_index);
    void (*log_commit)(void *owner, uint32_t worker_index);
};

/* A sink number for a log file ("-": standard output), the same for the same path. While a configuration loads. */
MUST_USE enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink);

#endif
