/* SPDX-License-Identifier: Apache-2.0 */
/* Rates and conditions as people write them. */
#ifndef WEIR_LOAD_PLAN_QUANTITY_H
#define WEIR_LOAD_PLAN_QUANTITY_H

#include "lib/base/text.h"
#include "load/plan.h"

/* 100, 100/s, 6000/min, 0.5/s, 360000/h. ERR_SYNTAX. */
MUST_USE enum err load_rate_parse(struct slice text, double *ret_per_s);
/* The same, or a ramp: "100 -> 1000"; else both are equal. With is_count plain numbers only. */
MUST_USE enum err load_level_parse(struct slice text, bool is_count, double *ret_from, double *ret_to);
/* A time as of options, or with a fraction: 1.5s, 250us, 100ns. */
MUST_USE enum err load_time_parse(struct slice text, double *ret_ns);

/* "p99 < 20ms", "login: errors < 0.1%". Steps are found by name in `plan`. ERR_SYNTAX with a phrase in `fault`. */
MUST_USE enum err load_threshold_parse(struct slice text, const struct load_plan *plan, struct text *fault,
                                       struct load_threshold *ret_threshold);

#endif
