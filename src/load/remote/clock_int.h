/* SPDX-License-Identifier: Apache-2.0 */
/* How far an agent's clock is from ours. NTP's estimate (RFC 5905 section 8): of a question sent at t1, received at t2, answered at t3 and
 * heard at t4 the offset is ((t2 - t1) + (t3 - t4)) / 2, and wrong by at most half of the delay (t4 - t1) - (t3 - t2), however
 * that divides between there and back. So of the latest samples the one with the least delay is believed (section 10), with what
 * the clocks may have drifted since added to its error. */
#ifndef WEIR_LOAD_REMOTE_CLOCK_INT_H
#define WEIR_LOAD_REMOTE_CLOCK_INT_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_CLOCK_SAMPLES   16
#define LOAD_CLOCK_DRIFT_PPM 15 /* of two clocks, NTP's PHI (section 7.3) */

struct load_clock_sample {
    int64_t offset_ns; /* the agent's clock less ours */
    uint64_t delay_ns;
    uint64_t at_ns; /* when it was heard */
};

struct load_clock {
    struct load_clock_sample samples[LOAD_CLOCK_SAMPLES]; /* a ring */
    uint64_t count;                                       /* ever */
};

struct load_clock_estimate {
    int64_t offset_ns;
    uint64_t error_ns; /* at most */
};

/* Moments that cannot be (heard before it was asked, answered before received, away longer than waited) are left out: false. */
bool load_clock_add(struct load_clock *clock, uint64_t sent_ns, uint64_t received_ns, uint64_t answered_ns,
                    uint64_t heard_ns);
/* At least one sample is needed. */
struct load_clock_estimate load_clock_estimate(const struct load_clock *clock, uint64_t now_ns);

#endif
