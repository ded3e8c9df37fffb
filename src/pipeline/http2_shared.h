/* SPDX-License-Identifier: Apache-2.0 */
/* What HTTP/2 with clients and with upstreams have in common: the memory of a worker's sessions, and their limits. */
#ifndef WEIR_PIPELINE_HTTP2_SHARED_H
#define WEIR_PIPELINE_HTTP2_SHARED_H

#include "lib/http2/http2.h"
#include "pipeline/worker.h"

/* Made for the first session, and the worker's until its end. ERR_NOMEM. */
MUST_USE enum err http2_shared_context(struct worker *worker, struct http2_context **ret_context);
/* As `limits:` says. */
void http2_shared_limits(const struct limits_config *config, struct http2_limits *ret_limits);

/* For the worker. Its sessions are destroyed. */
void http2_shared_deinit(struct worker *worker);
/* Now and then: gives memory back to the system when nobody is served. */
void http2_shared_tidy(struct worker *worker);
/* How often the system was asked for memory. */
uint64_t http2_shared_mallocs(const struct worker *worker);

#endif
