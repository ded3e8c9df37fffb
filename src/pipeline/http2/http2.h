/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker keeps for all of its HTTP/2 connections. Made with the first of them. */
#ifndef WEIR_PIPELINE_HTTP2_HTTP2_H
#define WEIR_PIPELINE_HTTP2_HTTP2_H

#include "pipeline/worker.h"

/* Its connections are closed. */
void http2_worker_deinit(struct worker *worker);

#endif
