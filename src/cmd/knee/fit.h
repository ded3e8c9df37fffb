/* SPDX-License-Identifier: Apache-2.0 */
/* Where a latency takes off: the knee of a curve of latency over rate, and how sure that is.
 *
 * The latency at a rate is the median over the mean latencies of its time slices, so that a moment in which the machine did
 * something else does not decide. Its logarithm is fitted with two straight lines that meet (a continuous piecewise-linear regression with
 * one break, Muggeo, "Estimating regression models with unknown break-points", 2003): flat while there is room, steep when there
 * is none. The break with the least squares is the knee, found by trying many. How sure: a bootstrap (Efron, 1979) over the time slices of
 * each measurement. Latencies one after the other are not independent, slices of some tenths of a second nearly are; each
 * repetition draws as many slices as there are, with replacement, and fits again. The interval is that of the 2.5th and 97.5th
 * percentile. */
#ifndef WEIR_CMD_KNEE_FIT_H
#define WEIR_CMD_KNEE_FIT_H

#include "cmd/knee/load.h"

#define KNEE_POINTS_MAX 64

struct knee_point {
    double window_ms; /* how long a batch waited for more; negative: as the server is configured */
    double rate;      /* asked for, requests a second */
    bool is_measured;
    double batch_rows; /* of an execution, on average; 0: not known */
    struct knee_load load;
};

struct knee_fit {
    bool is_found; /* the second line is steeper, and explains what one line does not */
    double rate;
    double low; /* 95 % interval */
    double high;
    double flat;       /* growth of latency for 10 % of the highest rate more, as a factor, before the knee */
    double steep;      /* the same behind it */
    double explained;  /* share of the variance that one line leaves and the break takes: 0..1 */
    uint32_t repeated; /* of the bootstrap, where a break was found */
};

/* Of the measured points of one window, by rising rate. */
void knee_fit(const struct knee_point *const *points, uint32_t count, uint64_t seed, struct knee_fit *ret_fit);

/* T(n) = a n + b by least squares, each size weighted by how often it was seen. */
struct knee_cost {
    double a_ns, b_ns;
    bool is_known;
};
struct knee_size {
    double rows;
    double ns; /* of one execution, on average */
    double weight;
};
struct knee_cost knee_fit_cost(const struct knee_size *sizes, uint32_t count);

/* Mean latency of a measurement in seconds; 0 when nothing was answered. */
double knee_mean_seconds(const struct knee_load *load);
/* Answers a second. */
double knee_throughput(const struct knee_load *load);

#endif
