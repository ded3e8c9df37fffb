/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch costs: T(n) = a n + b, fitted as batches run. Pure: no clock, no lock. */
#ifndef WEIR_PIPELINE_SCHEDULE_COST_INT_H
#define WEIR_PIPELINE_SCHEDULE_COST_INT_H

#include "pipeline/model.h"

/* Sums of a weighted fit of a line. */
struct cost_sums {
    double w, x, xx, y, xy;
};

struct cost {
    struct cost_sums seen;   /* of late: older ones are forgotten */
    struct cost_sums anchor; /* of the samples; never forgotten, and weighs little */
    double a_ns;             /* of a row; >= 0 */
    double b_ns;             /* of a batch; >= 0 */
    double error_ratio;      /* mean of |T - (a n + b)| / T of late */
    uint32_t count;          /* observations */
};

/* The most rows that go together without loss, by what was measured: where larger batches take more time a row, as with
 * activations that no longer fit a cache, no line can say so. `rows_max` when nothing speaks against it. */
uint32_t cost_rows_paying(const struct batch_sample *samples, uint32_t count, uint32_t rows_max);
void cost_init(struct cost *cost, const struct batch_sample *samples, uint32_t count);
void cost_observe(struct cost *cost, uint32_t rows, uint64_t ns);

static inline double cost_ns(const struct cost *cost, double rows)
{
    return cost->a_ns * rows + cost->b_ns;
}

#endif
