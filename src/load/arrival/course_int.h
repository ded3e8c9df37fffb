/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOAD_ARRIVAL_COURSE_INT_H
#define WEIR_LOAD_ARRIVAL_COURSE_INT_H

#include "load/arrival/arrival.h"

#include "lib/sys/clock.h"

/* The stage that the course is in. False behind the last one. */
bool course_stage(const struct load_course *course, struct load_stage *ret_stage);

static inline bool stage_is_endless(const struct load_stage *stage)
{
    return stage->duration_ns == UINT64_MAX;
}

/* Change of the rate a second. */
static inline double stage_slope(const struct load_stage *stage)
{
    if (stage_is_endless(stage) || stage->duration_ns == 0)
        return 0;
    return (stage->to - stage->from) * (double)NS_PER_S / (double)stage->duration_ns;
}

#endif
