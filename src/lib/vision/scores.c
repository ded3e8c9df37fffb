/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/vision/scores.h"

#include <math.h>

void scores_softmax(const float *rows, uint32_t row_count, uint32_t columns, float *ret_rows)
{
    for (uint32_t i = 0; i < row_count; i++) {
        const float *row = rows + (size_t)i * columns;
        float *out = ret_rows + (size_t)i * columns;
        float most = -INFINITY;
        for (uint32_t k = 0; k < columns; k++)
            most = fmaxf(most, row[k]);
        double sum = 0;
        for (uint32_t k = 0; k < columns; k++) {
            out[k] = isfinite(most) && !isnan(row[k]) ? expf(row[k] - most) : 0;
            sum += out[k];
        }
        for (uint32_t k = 0; k < columns && sum > 0; k++)
            out[k] = (float)(out[k] / sum);
    }
}

/* In eight lanes, which the compiler makes vectors of: CTC looks at thousands of classes a step. */
static float greatest(const float *row, uint32_t count)
{
    float lanes[8];
    for (uint32_t lane = 0; lane < 8; lane++)
        lanes[lane] = -INFINITY;
    uint32_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (uint32_t lane = 0; lane < 8; lane++)
            lanes[lane] = row[i + lane] > lanes[lane] ? row[i + lane] : lanes[lane];
    for (; i < count; i++)
        lanes[0] = row[i] > lanes[0] ? row[i] : lanes[0];
    for (uint32_t lane = 1; lane < 8; lane++)
        lanes[0] = lanes[lane] > lanes[0] ? lanes[lane] : lanes[0];
    return lanes[0];
}

uint32_t scores_argmax(const float *row, uint32_t count)
{
    float most = greatest(row, count);
    for (uint32_t i = 0; i < count; i++)
        if (row[i] == most)
            return i;
    return 0;
}

static bool is_better(const float *row, uint32_t a, uint32_t b)
{
    if (isnan(row[a]) || isnan(row[b]))
        return isnan(row[a]) == isnan(row[b]) ? a < b : isnan(row[b]);
    return row[a] != row[b] ? row[a] > row[b] : a < b;
}

/* By insertion: k is small. */
uint32_t scores_top(const float *row, uint32_t count, uint32_t k, uint32_t *ret_indices)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < count && k > 0; i++) {
        if (held == k && !is_better(row, i, ret_indices[held - 1]))
            continue;
        uint32_t at = held < k ? held++ : held - 1;
        for (; at > 0 && is_better(row, i, ret_indices[at - 1]); at--)
            ret_indices[at] = ret_indices[at - 1];
        ret_indices[at] = i;
    }
    return held;
}

void ctc_decode(const float *steps, uint32_t step_count, uint32_t classes, const struct ctc_labels *labels,
                struct buffer *out, float *ret_confidence)
{
    uint32_t last = 0;
    uint32_t count = 0;
    double sum = 0;
    for (uint32_t i = 0; i < step_count && classes > 0; i++) {
        const float *step = steps + (size_t)i * classes;
        uint32_t best = scores_argmax(step, classes);
        bool is_new = best != last;
        last = best;
        if (!is_new || best == 0 || best > labels->count)
            continue;
        buffer_add(out, labels->items[best - 1]);
        sum += isfinite(step[best]) ? step[best] : 0;
        count++;
    }
    *ret_confidence = count ? (float)(sum / count) : 0;
}
