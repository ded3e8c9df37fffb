/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a server falls behind: what is outstanding (in flight, and due without a link) grows all through a probe. The idea is
 * guidellm's, whose over-saturation constraint watches the slopes of concurrency and of the time to first token with a margin of
 * error. Here it is the least-squares slope over the intervals, and falling behind is to gain more than SATURATION_SHARE of the offered
 * rate. A queue near its capacity wanders, and lies close to where it was the moment before, so that the scatter around the line makes the
 * slope look surer than it is: of a random walk about three times. Whoever decides takes that many errors, and more probes. */
#ifndef WEIR_LOAD_KNEE_SATURATION_INT_H
#define WEIR_LOAD_KNEE_SATURATION_INT_H

#include <stdint.h>

#define SATURATION_SHARE 0.01 /* of what is offered stays behind */
#define SATURATION_LEAST 8    /* points */
#define SATURATION_COUNT 3.0  /* requests more at the end than at the beginning: of a few it cannot be told */

struct saturation {
    double slope; /* requests a second */
    double error; /* standard error of it */
};

/* The slope beyond which it is falling behind. */
static inline double saturation_allowed(double rate, double seconds)
{
    double share = SATURATION_SHARE * rate;
    return share * seconds >= SATURATION_COUNT || seconds <= 0 ? share : SATURATION_COUNT / seconds;
}

/* Zeroes from fewer points than SATURATION_LEAST. */
struct saturation saturation_find(const double *seconds, const double *outstanding, uint32_t count);

#endif
