/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker has to know of its connections to upstreams. */
#ifndef WEIR_PIPELINE_PROXY_PROXY_H
#define WEIR_PIPELINE_PROXY_PROXY_H

#include "lib/base/err.h"

struct worker;
struct config;
struct proxy_pools;

void proxy_worker_init(struct worker *worker);
/* After its pools. */
void proxy_worker_deinit(struct worker *worker);
/* At the end of a turn of its loop: sends what has come together in upstream_links_due. */
void proxy_worker_turn(struct worker *worker);
/* For each upstream of a configuration its addresses and kept connections. ERR_NOMEM. */
MUST_USE enum err proxy_pools_create(struct worker *worker, const struct config *config,
                                     struct proxy_pools **ret_pools);
/* Closes what was kept; no request is with an upstream any more. NULL is accepted. */
void proxy_pools_destroy(struct proxy_pools *pools);
/* What `from` keeps of upstreams that are in `to` as well goes there. */
void proxy_pools_hand_on(struct proxy_pools *from, struct proxy_pools *to);

#endif
