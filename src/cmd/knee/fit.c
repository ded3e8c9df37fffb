/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/fit.h"

#include <math.h>
#include <stdlib.h>

#define BREAKS_TRIED  200
#define REPETITIONS   1000
#define POINTS_MIN    5
#define EXPLAINED_MIN 0.3

struct curve {
    double x[KNEE_POINTS_MAX];
    double y[KNEE_POINTS_MAX]; /* logarithm of latency */
    uint32_t count;
};

/* y = offset + slope x + more (x - at)+ */
struct broken_line {
    double at;
    double offset, slope, more;
    double error; /* sum of squares */
};

double knee_mean_seconds(const struct knee_load *load)
{
    double sum = 0, count = 0;
    for (int i = 0; i < KNEE_SLICES; i++) {
        sum += (double)histogram_sum_ns(&load->slices[i].latency);
        count += (double)histogram_count(&load->slices[i].latency);
    }
    return count > 0 ? sum / count / 1e9 : 0;
}

double knee_throughput(const struct knee_load *load)
{
    return load->seconds > 0 ? (double)load->completed / load->seconds : 0;
}

/* Solves the 3 by 3 normal equations by elimination with pivots; false when they are singular. */
static bool solve(double m[3][4])
{
    for (int i = 0; i < 3; i++) {
        int pivot = i;
        for (int row = i + 1; row < 3; row++)
            if (fabs(m[row][i]) > fabs(m[pivot][i]))
                pivot = row;
        if (fabs(m[pivot][i]) < 1e-12)
            return false;
        for (int column = 0; column < 4; column++) {
            double swapped = m[i][column];
            m[i][column] = m[pivot][column];
            m[pivot][column] = swapped;
        }
        for (int row = 0; row < 3; row++) {
            double factor = row == i ? 0 : m[row][i] / m[i][i];
            for (int column = i; column < 4; column++)
                m[row][column] -= factor * m[i][column];
        }
    }
    return true;
}

static double value_at(const struct broken_line *line, double x)
{
    return line->offset + line->slope * x + line->more * MAX(x - line->at, 0);
}

static bool fit_at(const struct curve *curve, double at, struct broken_line *line)
{
    double m[3][4] = {{0}};
    for (uint32_t i = 0; i < curve->count; i++) {
        double terms[3] = {1, curve->x[i], MAX(curve->x[i] - at, 0)};
        for (int row = 0; row < 3; row++) {
            for (int column = 0; column < 3; column++)
                m[row][column] += terms[row] * terms[column];
            m[row][3] += terms[row] * curve->y[i];
        }
    }
    if (!solve(m))
        return false;
    *line = (struct broken_line){
        .at = at, .offset = m[0][3] / m[0][0], .slope = m[1][3] / m[1][1], .more = m[2][3] / m[2][2]};
    for (uint32_t i = 0; i < curve->count; i++) {
        double miss = curve->y[i] - value_at(line, curve->x[i]);
        line->error += miss * miss;
    }
    return true;
}

/* The break with the least error, not before the second point and not behind the last but one. */
static bool fit_best(const struct curve *curve, struct broken_line *best)
{
    double from = curve->x[1], to = curve->x[curve->count - 2];
    bool is_any = false;
    for (int i = 0; i <= BREAKS_TRIED; i++) {
        struct broken_line line;
        if (!fit_at(curve, from + (to - from) * i / BREAKS_TRIED, &line) || line.more <= 0)
            continue;
        if (!is_any || line.error < best->error)
            *best = line;
        is_any = true;
    }
    return is_any;
}

/* Sum of squares that one straight line leaves. */
static double error_of_one_line(const struct curve *curve)
{
    double n = curve->count, sx = 0, sy = 0, sxx = 0, sxy = 0, error = 0;
    for (uint32_t i = 0; i < curve->count; i++) {
        sx += curve->x[i];
        sy += curve->y[i];
        sxx += curve->x[i] * curve->x[i];
        sxy += curve->x[i] * curve->y[i];
    }
    double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    for (uint32_t i = 0; i < curve->count; i++) {
        double miss = curve->y[i] - (sy - slope * sx) / n - slope * curve->x[i];
        error += miss * miss;
    }
    return error;
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15; /* splitmix64, as in load.c */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the mean latencies of slices that are drawn, or of all when `random` is NULL; 0: nothing was answered in them. */
static double middle_of(const struct knee_load *load, uint64_t *random)
{
    double means[KNEE_SLICES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < KNEE_SLICES; i++) {
        const struct histogram *latency = &load->slices[random ? draw(random) % KNEE_SLICES : i].latency;
        if (histogram_count(latency))
            means[count++] = (double)histogram_sum_ns(latency) / (double)histogram_count(latency);
    }
    qsort(means, count, sizeof means[0], compare);
    return count ? (means[(count - 1) / 2] + means[count / 2]) / 2 : 0;
}

static void make_curve(const struct knee_point *const *points, uint32_t count, uint64_t *random, struct curve *curve)
{
    curve->count = 0;
    for (uint32_t i = 0; i < count && i < KNEE_POINTS_MAX; i++) {
        double mean_ns = middle_of(&points[i]->load, random);
        if (mean_ns <= 0)
            continue;
        curve->x[curve->count] = points[i]->rate;
        curve->y[curve->count++] = log(mean_ns);
    }
}

static void bootstrap(const struct knee_point *const *points, uint32_t count, uint64_t seed, struct knee_fit *fit)
{
    static double breaks[REPETITIONS]; /* commands have one thread */
    struct curve curve;
    struct broken_line line;
    for (int i = 0; i < REPETITIONS; i++) {
        make_curve(points, count, &seed, &curve);
        if (curve.count >= POINTS_MIN && fit_best(&curve, &line))
            breaks[fit->repeated++] = line.at;
    }
    if (!fit->repeated)
        return;
    qsort(breaks, fit->repeated, sizeof breaks[0], compare);
    fit->low = breaks[(uint32_t)(0.025 * (fit->repeated - 1))];
    fit->high = breaks[(uint32_t)(0.975 * (fit->repeated - 1) + 0.5)];
}

void knee_fit(const struct knee_point *const *points, uint32_t count, uint64_t seed, struct knee_fit *ret_fit)
{
    struct curve curve;
    struct broken_line line;
    *ret_fit = (struct knee_fit){0};
    make_curve(points, count, NULL, &curve);
    if (curve.count < POINTS_MIN || !fit_best(&curve, &line))
        return;
    double tenth = curve.x[curve.count - 1] / 10;
    double left = error_of_one_line(&curve);
    ret_fit->rate = line.at;
    ret_fit->flat = exp(line.slope * tenth);
    ret_fit->steep = exp((line.slope + line.more) * tenth);
    ret_fit->explained = left > 0 ? 1 - line.error / left : 0;
    ret_fit->is_found = ret_fit->explained >= EXPLAINED_MIN;
    bootstrap(points, count, seed, ret_fit);
}

struct knee_cost knee_fit_cost(const struct knee_size *sizes, uint32_t count)
{
    double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (uint32_t i = 0; i < count; i++) {
        w += sizes[i].weight;
        wx += sizes[i].weight * sizes[i].rows;
        wy += sizes[i].weight * sizes[i].ns;
        wxx += sizes[i].weight * sizes[i].rows * sizes[i].rows;
        wxy += sizes[i].weight * sizes[i].rows * sizes[i].ns;
    }
    double spread = w * wxx - wx * wx;
    if (spread <= 0)
        return (struct knee_cost){.b_ns = w > 0 ? wy / w : 0};
    double a = (w * wxy - wx * wy) / spread;
    return (struct knee_cost){.a_ns = a, .b_ns = (wy - a * wx) / w, .is_known = true};
}
