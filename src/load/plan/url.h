/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of the impatient: one request, again and again. */
#ifndef WEIR_LOAD_PLAN_URL_H
#define WEIR_LOAD_PLAN_URL_H

#include "lib/base/text.h"
#include "load/plan.h"

struct load_url_options {
    struct slice url;
    struct slice method;         /* empty: GET, or POST with a body */
    const struct slice *headers; /* "Name: value" */
    uint32_t header_count;
    struct slice body;
    uint32_t connections;
    uint32_t threads;
    uint64_t duration_ns;
    double rate; /* 0: closed loop */
    uint64_t iterations_max;
    uint64_t timeout_ns;
};

/* In the arena; what the options point to is borrowed. ERR_SYNTAX, ERR_NOT_FOUND with a phrase in `fault`; ERR_NOMEM. */
MUST_USE enum err load_plan_of_url(const struct load_url_options *options, struct arena *arena, struct text *fault,
                                   struct load_plan **ret_plan);

#endif
