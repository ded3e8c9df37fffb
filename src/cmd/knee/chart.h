/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured, as rows (CSV) and as a picture (SVG that needs nothing beside it). */
#ifndef WEIR_CMD_KNEE_CHART_H
#define WEIR_CMD_KNEE_CHART_H

#include "cmd/knee/fit.h"
#include "lib/base/buffer.h"

/* All measurements of one window. */
struct knee_series {
    const struct knee_point *points[KNEE_POINTS_MAX]; /* measured, by rising rate */
    uint32_t count;
    double window_ms;
    struct knee_fit fit;
    struct knee_cost cost; /* of the executions in it */
    double predicted_rate; /* batch_max / (a batch_max + b) × executors; 0: cost is not known */
    double saturated_rate; /* most answers a second that were ever seen */
};

struct knee_chart {
    const char *title;
    const struct knee_series *series;
    uint32_t series_count;
};

/* A row for each slice of each measurement: nothing that was measured is only in a mean. */
void knee_write_csv(const struct knee_chart *chart, struct buffer *out);
void knee_write_svg(const struct knee_chart *chart, struct buffer *out);

#endif
