/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of pipelines take, each by itself: where a page's time goes. */
#include "control/metrics/render_int.h"

/* From ten microseconds, which an argmax is below, to ten seconds. */
static const double bounds_seconds[] = {0.00001, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                        0.025,   0.05,   0.1,     0.25,   0.5,   1,      2.5,   10};

static void render_times(struct rendering *rendering)
{
    const struct meter_registry *registry = rendering->sources->registry;
    render_family(rendering, EXPOSITION_HISTOGRAM, "weir_pipeline_step_duration_seconds", "seconds",
                  "Time of each use of a step of a pipeline, from its begin to its end, waiting for a thread included");
    for (const struct step_series *series = meter_registry_first_step(registry); series;
         series = step_series_next(series)) {
        struct exposition_label labels[] = {{"pipeline", series->pipeline}, {"step", series->step}};
        struct exposition_bounds bounds = {.seconds = bounds_seconds, .count = ARRAY_LEN(bounds_seconds)};
        for (uint32_t w = 0; w < meter_registry_workers(registry); w++)
            histogram_merge(&rendering->merged, &series->meters[w].time);
        render_histogram(rendering, labels, ARRAY_LEN(labels), bounds);
    }
}

void render_steps(struct rendering *rendering)
{
    const struct meter_registry *registry = rendering->sources->registry;
    if (!registry)
        return;
    render_times(rendering);
    render_family(rendering, EXPOSITION_COUNTER, "weir_pipeline_step_failures", NULL,
                  "Uses of a step of a pipeline that failed");
    for (const struct step_series *series = meter_registry_first_step(registry); series;
         series = step_series_next(series)) {
        struct exposition_label labels[] = {{"pipeline", series->pipeline}, {"step", series->step}};
        uint64_t count = 0;
        for (uint32_t w = 0; w < meter_registry_workers(registry); w++)
            count += counter_read(&series->meters[w].failures);
        exposition_sample(&rendering->out, labels, ARRAY_LEN(labels), (double)count);
    }
}
