/* SPDX-License-Identifier: Apache-2.0 */
/* N / X(N) = (1 + s (N - 1) + k N (N - 1)) / a is linear in 1/a, s/a and k/a: least squares, each point weighted so that errors of X
 * count by their share. Where k comes out below zero, which means nothing, it is fitted without. */
#include "load/knee.h"

#include <math.h>

#define POINTS_LEAST 4
#define TERMS        3

struct equations {
    double matrix[TERMS][TERMS];
    double right[TERMS];
};

/* The law is about at least one. */
static bool is_usable(const struct load_knee_probe *probe)
{
    return probe->verdict != LOAD_KNEE_OWN_LIMIT && probe->answered > 0 && probe->concurrency >= 1;
}

static void add_point(struct equations *equations, double n, double x)
{
    const double terms[TERMS] = {1, n - 1, n * (n - 1)};
    double weight = (x / n) * (x / n);
    for (int i = 0; i < TERMS; i++) {
        equations->right[i] += weight * terms[i] * n / x;
        for (int k = 0; k < TERMS; k++)
            equations->matrix[i][k] += weight * terms[i] * terms[k];
    }
}

/* Gauss, with pivoting; the first `count` terms only. */
static bool solve(struct equations equations, int count, double result[TERMS])
{
    for (int i = 0; i < count; i++) {
        int pivot = i;
        for (int k = i + 1; k < count; k++)
            if (fabs(equations.matrix[k][i]) > fabs(equations.matrix[pivot][i]))
                pivot = k;
        if (fabs(equations.matrix[pivot][i]) < 1e-12)
            return false;
        for (int j = 0; j < count; j++) {
            double kept = equations.matrix[i][j];
            equations.matrix[i][j] = equations.matrix[pivot][j];
            equations.matrix[pivot][j] = kept;
        }
        double kept = equations.right[i];
        equations.right[i] = equations.right[pivot];
        equations.right[pivot] = kept;
        for (int k = i + 1; k < count; k++) {
            double factor = equations.matrix[k][i] / equations.matrix[i][i];
            for (int j = i; j < count; j++)
                equations.matrix[k][j] -= factor * equations.matrix[i][j];
            equations.right[k] -= factor * equations.right[i];
        }
    }
    for (int i = count - 1; i >= 0; i--) {
        double rest = equations.right[i];
        for (int j = i + 1; j < count; j++)
            rest -= equations.matrix[i][j] * result[j];
        result[i] = rest / equations.matrix[i][i];
    }
    return true;
}

static double predict(const struct load_knee_usl *usl, double n)
{
    return usl->a * n / (1 + usl->s * (n - 1) + usl->k * n * (n - 1));
}

static double explain(const struct load_knee_probe *probes, uint32_t count, const struct load_knee_usl *usl)
{
    double mean = 0;
    double used = 0;
    double rest = 0;
    double all = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_usable(&probes[i])) {
            mean += probes[i].answered;
            used++;
        }
    mean /= used;
    for (uint32_t i = 0; i < count; i++)
        if (is_usable(&probes[i])) {
            double off = probes[i].answered - predict(usl, probes[i].concurrency);
            rest += off * off;
            all += (probes[i].answered - mean) * (probes[i].answered - mean);
        }
    return all > 0 ? 1 - rest / all : 0;
}

static void find_peak(struct load_knee_usl *usl)
{
    if (usl->k > 0 && usl->s < 1) {
        usl->peak_concurrency = fmax(1, sqrt((1 - usl->s) / usl->k));
        usl->peak_rate = predict(usl, usl->peak_concurrency);
    } else {
        usl->peak_concurrency = INFINITY;
        usl->peak_rate = usl->s > 0 ? usl->a / usl->s : INFINITY;
    }
}

void load_knee_fit_usl(const struct load_knee_probe *probes, uint32_t count, struct load_knee_usl *ret_usl)
{
    struct equations equations = {0};
    double result[TERMS] = {0};
    uint32_t used = 0;
    *ret_usl = (struct load_knee_usl){0};
    for (uint32_t i = 0; i < count; i++)
        if (is_usable(&probes[i])) {
            add_point(&equations, probes[i].concurrency, probes[i].answered);
            used++;
        }
    if (used < POINTS_LEAST)
        return;
    if (!solve(equations, TERMS, result) || result[2] < 0) {
        result[2] = 0;
        if (!solve(equations, TERMS - 1, result))
            return;
    }
    if (result[0] <= 0 || result[1] < 0)
        return;
    ret_usl->a = 1 / result[0];
    ret_usl->s = result[1] / result[0];
    ret_usl->k = result[2] / result[0];
    find_peak(ret_usl);
    ret_usl->explained = explain(probes, count, ret_usl);
    ret_usl->is_known = isfinite(ret_usl->peak_rate) && ret_usl->explained > 0;
}
