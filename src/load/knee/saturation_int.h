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

struct saturation {
    double slope; /* requests a second */
    double error; /* standard error of it */
};

/* Zeroes from fewer points than SATURATION_LEAST. */
struct saturation saturation_find(const double *seconds, const double *outstanding, uint32_t count);

#endif
