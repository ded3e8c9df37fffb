/* SPDX-License-Identifier: Apache-2.0 */
/* Times that event loops were away: weir_loop_…. */
#include "control/metrics/render_int.h"
#include "pipeline/stalls.h"

#define NS_PER_SECOND 1e9

/* From a tenth of the usual threshold to the ten seconds after which something is broken. */
static const double stall_bounds_seconds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                              0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

static struct exposition_label label_of(enum stall_cause cause)
{
    return (struct exposition_label){"cause", slice_of_text(stall_cause_name(cause))};
}

static void render_times(struct rendering *rendering)
{
    const struct metrics_sources *sources = rendering->sources;
    render_family(rendering, EXPOSITION_HISTOGRAM, "weir_loop_stall_seconds", "seconds",
                  "Times that an event loop was away for longer than stalls.threshold, by main cause");
    for (enum stall_cause cause = 0; cause < STALL_CAUSES; cause++) {
        struct exposition_label label = label_of(cause);
        for (uint32_t i = 0; i < sources->worker_count; i++)
            histogram_merge(&rendering->merged, &sources->workers[i]->stalls.time[cause]);
        render_histogram(rendering, &label, 1,
                         (struct exposition_bounds){stall_bounds_seconds, ARRAY_LEN(stall_bounds_seconds)});
    }
}

static void render_longest(struct rendering *rendering)
{
    const struct metrics_sources *sources = rendering->sources;
    render_family(rendering, EXPOSITION_GAUGE, "weir_loop_stall_max_seconds", "seconds",
                  "Longest time that an event loop was away since the start, by main cause");
    for (enum stall_cause cause = 0; cause < STALL_CAUSES; cause++) {
        struct exposition_label label = label_of(cause);
        uint64_t max_ns = 0;
        for (uint32_t i = 0; i < sources->worker_count; i++)
            max_ns = MAX(max_ns, histogram_max_ns(&sources->workers[i]->stalls.time[cause]));
        exposition_sample(&rendering->out, &label, 1, (double)max_ns / NS_PER_SECOND);
    }
}

static void render_parts(struct rendering *rendering)
{
    const struct metrics_sources *sources = rendering->sources;
    render_family(rendering, EXPOSITION_COUNTER, "weir_loop_stalled_seconds", "seconds",
                  "Time that event loops were away, each stall split into its causes");
    for (enum stall_cause cause = 0; cause < STALL_CAUSES; cause++) {
        struct exposition_label label = label_of(cause);
        uint64_t ns = 0;
        for (uint32_t i = 0; i < sources->worker_count; i++)
            ns += counter_read(&sources->workers[i]->stalls.cause_ns[cause]);
        exposition_sample(&rendering->out, &label, 1, (double)ns / NS_PER_SECOND);
    }
}

/* `offset` of a counter in struct stall_meter. */
static void render_sum(struct rendering *rendering, const char *name, const char *unit, const char *help, size_t offset,
                       double divisor)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rendering->sources->worker_count; i++) {
        const char *place = (const char *)&rendering->sources->workers[i]->stalls + offset;
        sum += counter_read((const struct counter *)(const void *)place);
    }
    render_family(rendering, EXPOSITION_COUNTER, name, unit, help);
    exposition_sample(&rendering->out, NULL, 0, (double)sum / divisor);
}

void render_loops(struct rendering *rendering)
{
    render_times(rendering);
    render_longest(rendering);
    render_parts(rendering);
    render_sum(rendering, "weir_loop_cpu_seconds", "seconds", "Time that event loops had a processor",
               offsetof(struct stall_meter, cpu_ns), NS_PER_SECOND);
    render_sum(rendering, "weir_loop_run_delay_seconds", "seconds",
               "Time that event loops could have run while others had the processors",
               offsetof(struct stall_meter, run_delay_ns), NS_PER_SECOND);
    render_sum(rendering, "weir_loop_major_faults", NULL, "Pages that event loops waited for a disk to read",
               offsetof(struct stall_meter, major_faults), 1);
    render_sum(rendering, "weir_loop_turns", NULL, "Turns of event loops", offsetof(struct stall_meter, turns), 1);
}
