/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"
#include "load/remote/clock_int.h"

bool load_clock_add(struct load_clock *clock, uint64_t sent_ns, uint64_t received_ns, uint64_t answered_ns,
                    uint64_t heard_ns)
{
    if (heard_ns < sent_ns || answered_ns < received_ns || answered_ns - received_ns > heard_ns - sent_ns)
        return false;
    /* Modulo 2^64, so that no clock, however far ahead, overflows. */
    int64_t there = (int64_t)(received_ns - sent_ns);
    int64_t back = (int64_t)(answered_ns - heard_ns);
    clock->samples[clock->count++ % LOAD_CLOCK_SAMPLES] = (struct load_clock_sample){
        .offset_ns = back + (int64_t)((uint64_t)there - (uint64_t)back) / 2,
        .delay_ns = (heard_ns - sent_ns) - (answered_ns - received_ns),
        .at_ns = heard_ns,
    };
    return true;
}

static uint64_t error_of(const struct load_clock_sample *sample, uint64_t now_ns)
{
    uint64_t age_ns = now_ns > sample->at_ns ? now_ns - sample->at_ns : 0;
    return sample->delay_ns / 2 + age_ns / 1000000 * LOAD_CLOCK_DRIFT_PPM;
}

struct load_clock_estimate load_clock_estimate(const struct load_clock *clock, uint64_t now_ns)
{
    ASSERT(clock->count > 0, "an estimate of nothing");
    const struct load_clock_sample *best = &clock->samples[0];
    for (uint64_t i = 1; i < MIN(clock->count, LOAD_CLOCK_SAMPLES); i++)
        if (error_of(&clock->samples[i], now_ns) < error_of(best, now_ns))
            best = &clock->samples[i];
    return (struct load_clock_estimate){best->offset_ns, error_of(best, now_ns)};
}
