/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/http2_shared.h"

#define CACHE_BYTES_MAX  ((size_t)16 << 20)
#define IDLE_CACHE_BYTES ((size_t)1 << 20)

enum err http2_shared_context(struct worker *worker, struct http2_context **ret_context)
{
    if (!worker->http2_context)
        TRY(http2_context_create(worker->is_pooling ? CACHE_BYTES_MAX : 0, worker->limits.worker_memory,
                                 &worker->http2_context));
    *ret_context = worker->http2_context;
    return ERR_OK;
}

void http2_shared_limits(const struct limits_config *config, struct http2_limits *ret_limits)
{
    http2_limits_default(ret_limits);
    *ret_limits = (struct http2_limits){
        .discard_bytes = ret_limits->discard_bytes,
        .head = {.head_bytes_max = (uint32_t)config->head_bytes,
                 .target_bytes_max = (uint32_t)config->target_bytes,
                 .header_count_max = (uint16_t)config->header_count},
        .streams_max = (uint32_t)config->http2_streams,
        .stream_window_bytes = (uint32_t)config->http2_stream_window,
        .connection_window_bytes = (uint32_t)config->http2_connection_window,
#define ABUSE(name, field, fallback, what, more) .field = (uint32_t)config->http2_##field,
#include "lib/http2/abuses.def"
#undef ABUSE
    };
}

void http2_shared_deinit(struct worker *worker)
{
    http2_context_destroy(worker->http2_context);
    worker->http2_context = NULL;
}

void http2_shared_tidy(struct worker *worker)
{
    if (worker->http2_context)
        http2_context_trim(worker->http2_context, IDLE_CACHE_BYTES);
}

uint64_t http2_shared_mallocs(const struct worker *worker)
{
    return worker->http2_context ? http2_context_mallocs(worker->http2_context) : 0;
}
