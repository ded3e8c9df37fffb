/* SPDX-License-Identifier: Apache-2.0 */
/* URLs as targets of a test. */
#ifndef WEIR_LOAD_PLAN_TARGET_H
#define WEIR_LOAD_PLAN_TARGET_H

#include "lib/base/text.h"
#include "load/plan.h"

/* "http://127.0.0.1:8080/api", "https://example.com", or without a scheme "localhost:8080", which is http. Fills what the URL says
 * (url, scheme, host, authority, port, path_prefix), in the arena; the rest of *ret_target is zero. *ret_rest is path and query as
 * written, "" when there is none. ERR_SYNTAX with a phrase in `fault`; ERR_NOMEM. */
MUST_USE enum err load_target_parse(struct slice url, struct arena *arena, struct text *fault,
                                    struct load_target *ret_target, struct slice *ret_rest);
/* Finds the addresses of the host; blocks for some seconds at most. ERR_NOT_FOUND with a phrase in `fault`. */
MUST_USE enum err load_target_resolve(struct load_target *target, struct text *fault);

#endif
