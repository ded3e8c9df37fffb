/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/http2/http2.h"
#include "pipeline/http2/protocol_int.h"

#include <stdlib.h>

#define CONNECTION_CHUNK  16
#define CONNECTIONS_BOUND UINT32_MAX /* the worker's own bound of connections is lower */

enum err http2_worker_init(struct worker *worker)
{
    if (worker->http2)
        return ERR_OK;
    struct http2_worker *self = calloc(1, sizeof *self);
    if (!self)
        return ERR_NOMEM;
    slab_init(&self->connections, sizeof(struct http2_connection), CONNECTION_CHUNK, CONNECTIONS_BOUND);
    if (!worker->is_pooling)
        slab_stop_keeping(&self->connections);
    worker->http2 = self;
    return ERR_OK;
}

void http2_worker_deinit(struct worker *worker)
{
    struct http2_worker *self = worker->http2;
    if (!self)
        return;
    slab_deinit(&self->connections);
    free(self);
    worker->http2 = NULL;
}
