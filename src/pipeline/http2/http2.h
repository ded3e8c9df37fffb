/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker keeps for all of its HTTP/2 connections. Made with the first of them. */
#ifndef WEIR_PIPELINE_HTTP2_HTTP2_H
#define WEIR_PIPELINE_HTTP2_HTTP2_H

#include "pipeline/worker.h"

/* Its connections are closed. */
void http2_worker_deinit(struct worker *worker);
/* Now and then: gives memory back to the system when nobody is served. */
void http2_worker_tidy(struct worker *worker);
/* How often the system was asked for memory. */
uint64_t http2_worker_mallocs(const struct worker *worker);

#endif
