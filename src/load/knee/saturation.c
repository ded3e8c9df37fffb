/* SPDX-License-Identifier: Apache-2.0 */
#include "load/knee/saturation_int.h"

#include <math.h>

struct saturation saturation_find(const double *seconds, const double *outstanding, uint32_t count)
{
    struct saturation found = {0};
    double mean_x = 0;
    double mean_y = 0;
    double xx = 0;
    double xy = 0;
    double rest = 0;
    if (count < SATURATION_LEAST)
        return found;
    for (uint32_t i = 0; i < count; i++) {
        mean_x += seconds[i] / count;
        mean_y += outstanding[i] / count;
    }
    for (uint32_t i = 0; i < count; i++) {
        xx += (seconds[i] - mean_x) * (seconds[i] - mean_x);
        xy += (seconds[i] - mean_x) * (outstanding[i] - mean_y);
    }
    if (xx < 1e-9)
        return found;
    found.slope = xy / xx;
    for (uint32_t i = 0; i < count; i++) {
        double off = outstanding[i] - mean_y - found.slope * (seconds[i] - mean_x);
        rest += off * off;
    }
    found.error = sqrt(rest / (count - 2) / xx);
    return found;
}
