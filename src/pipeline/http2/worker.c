/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/http2/http2.h"
#include "pipeline/http2/protocol_int.h"

#include <stdlib.h>

#define CONNECTION_CHUNK  16
#define CACHE_BYTES_MAX   ((size_t)16 << 20)
#define IDLE_CACHE_BYTES  ((size_t)1 << 20)
#define CONNECTIONS_BOUND UINT32_MAX /* the worker's own bound of connections is lower */

enum err http2_worker_init(struct worker *worker)
{
    if (worker->http2)
        return ERR_OK;
    struct http2_worker *self = calloc(1, sizeof *self);
    if (!self)
        return ERR_NOMEM;
    enum err err = http2_context_create(CACHE_BYTES_MAX, worker->limits.worker_memory, &self->context);
    if (err != ERR_OK) {
        free(self);
        return err;
    }
    slab_init(&self->connections, sizeof(struct http2_connection), CONNECTION_CHUNK, CONNECTIONS_BOUND);
    worker->http2 = self;
    return ERR_OK;
}

void http2_worker_deinit(struct worker *worker)
{
    struct http2_worker *self = worker->http2;
    if (!self)
        return;
    slab_deinit(&self->connections);
    http2_context_destroy(self->context);
    free(self);
    worker->http2 = NULL;
}

void http2_worker_tidy(struct worker *worker)
{
    if (worker->http2)
        http2_context_trim(worker->http2->context, IDLE_CACHE_BYTES);
}

uint64_t http2_worker_mallocs(const struct worker *worker)
{
    return worker->http2 ? http2_context_mallocs(worker->http2->context) : 0;
}
