/* SPDX-License-Identifier: Apache-2.0 */
/* What models do, twice: in our words (weir_model_…, seconds and histograms) and in Triton's (nv_inference_…, summed
 * microseconds), because dashboards and alerts for model servers know those names. Both are of the same counters. */
#include "control/metrics/render_int.h"
#include "pipeline/scheduler.h"
#include "pipeline/sequences.h"

#define MODEL_LABELS  2
#define NS_PER_US     1e3
#define NS_PER_SECOND 1e9

/* From a microsecond, below which no hand-over and hardly a model is, to ten seconds. */
static const double phase_bounds_seconds[] = {
    0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
    0.005,    0.01,      0.025,    0.05,    0.1,      0.25,    0.5,    1,       2.5,    5,     10};

static const double batch_bounds_rows[] = {1, 2, 4, 8, 16, 32, 64, 128, METER_BATCH_ROWS_MAX};

/* In the words of the label `reason`; Triton's are these in capitals. */
static const char *const failure_names[MODEL_FAILURE_COUNT] = {"rejected", "canceled", "backend", "other"};
static const char *const failure_names_triton[MODEL_FAILURE_COUNT] = {"REJECTED", "CANCELED", "BACKEND", "OTHER"};

/* One value of a model on one worker. */
typedef double (*model_value)(const struct model_meter *meter);

static void render_counts(struct rendering *rendering);
static void render_cache(struct rendering *rendering);
static void render_sequences(struct rendering *rendering);
static void render_phases(struct rendering *rendering);
static void render_batches(struct rendering *rendering);
static void render_triton(struct rendering *rendering);
static void render_states(struct rendering *rendering);
static void render_lanes(struct rendering *rendering);

void render_models(struct rendering *rendering)
{
    if (rendering->sources->registry) {
        render_counts(rendering);
        render_cache(rendering);
        render_sequences(rendering);
        render_phases(rendering);
        render_batches(rendering);
        render_triton(rendering);
    }
    if (rendering->sources->config) {
        render_states(rendering);
        render_lanes(rendering);
    }
}

/* --- shorter to say ---------------------------------------------------------------------------------------------- */

static void label_model(struct exposition_label labels[MODEL_LABELS], struct slice name, struct slice version)
{
    labels[0] = (struct exposition_label){"model", name};
    labels[1] = (struct exposition_label){"version", version};
}

static double sum(const struct rendering *rendering, const struct model_series *series, model_value read)
{
    double value = 0;
    for (uint32_t w = 0; w < meter_registry_workers(rendering->sources->registry); w++)
        value += read(&series->meters[w]);
    return value;
}

static void values(struct rendering *rendering, enum exposition_type type, const char *name, const char *help,
                   model_value read)
{
    const struct model_series *series = meter_registry_first_model(rendering->sources->registry);
    render_family(rendering, type, name, NULL, help);
    for (; series; series = model_series_next(series)) {
        struct exposition_label labels[MODEL_LABELS];
        label_model(labels, series->name, series->version);
        exposition_sample(&rendering->out, labels, MODEL_LABELS, sum(rendering, series, read));
    }
}

/* A family with a series for each reason. */
static void failures(struct rendering *rendering, enum exposition_type type, const char *name, const char *help,
                     const char *const reasons[MODEL_FAILURE_COUNT])
{
    const struct meter_registry *registry = rendering->sources->registry;
    const struct model_series *series = meter_registry_first_model(registry);
    render_family(rendering, type, name, NULL, help);
    for (; series; series = model_series_next(series))
        for (int reason = 0; reason < MODEL_FAILURE_COUNT; reason++) {
            struct exposition_label labels[MODEL_LABELS + 1];
            uint64_t count = 0;
            for (uint32_t w = 0; w < meter_registry_workers(registry); w++)
                count += counter_read(&series->meters[w].failures[reason]);
            label_model(labels, series->name, series->version);
            labels[MODEL_LABELS] = (struct exposition_label){"reason", slice_of_text(reasons[reason])};
            exposition_sample(&rendering->out, labels, MODEL_LABELS + 1, (double)count);
        }
}

/* `offset` of a histogram in struct model_meter. */
static void times(struct rendering *rendering, const char *name, const char *help, size_t offset)
{
    const struct meter_registry *registry = rendering->sources->registry;
    const struct model_series *series = meter_registry_first_model(registry);
    render_family(rendering, EXPOSITION_HISTOGRAM, name, "seconds", help);
    for (; series; series = model_series_next(series)) {
        struct exposition_label labels[MODEL_LABELS];
        for (uint32_t w = 0; w < meter_registry_workers(registry); w++) {
            const char *place = (const char *)&series->meters[w] + offset;
            histogram_merge(&rendering->merged, (const struct histogram *)(const void *)place);
        }
        label_model(labels, series->name, series->version);
        render_histogram(rendering, labels, MODEL_LABELS,
                         (struct exposition_bounds){phase_bounds_seconds, ARRAY_LEN(phase_bounds_seconds)});
    }
}

/* --- in our words ------------------------------------------------------------------------------------------------ */

static double runs(const struct model_meter *meter)
{
    return (double)counter_read(&meter->runs);
}

static double rows(const struct model_meter *meter)
{
    return (double)counter_read(&meter->rows);
}

static double batches(const struct model_meter *meter)
{
    return (double)counter_read(&meter->batches);
}

static double in_flight(const struct model_meter *meter)
{
    return (double)gauge_read(&meter->in_flight);
}

static double cache_hits(const struct model_meter *meter)
{
    return (double)counter_read(&meter->cache_hits);
}

static double cache_misses(const struct model_meter *meter)
{
    return (double)counter_read(&meter->cache_misses);
}

static double cache_joined(const struct model_meter *meter)
{
    return (double)counter_read(&meter->cache_joined);
}

static double cache_evicted(const struct model_meter *meter)
{
    return (double)counter_read(&meter->cache_evicted);
}

static double cache_entries(const struct model_meter *meter)
{
    return (double)gauge_read(&meter->cache_entries);
}

static double cache_bytes(const struct model_meter *meter)
{
    return (double)gauge_read(&meter->cache_bytes);
}

static double sequences_begun(const struct model_meter *meter)
{
    return (double)counter_read(&meter->sequences_begun);
}

static double sequences_expired(const struct model_meter *meter)
{
    return (double)counter_read(&meter->sequences_expired);
}

static double sequences_refused(const struct model_meter *meter)
{
    return (double)counter_read(&meter->sequences_refused);
}

static void render_sequences(struct rendering *rendering)
{
    values(rendering, EXPOSITION_COUNTER, "weir_model_sequences_begun", "Sequences begun", sequences_begun);
    values(rendering, EXPOSITION_COUNTER, "weir_model_sequences_expired",
           "Sequences dropped because nobody asked for them", sequences_expired);
    values(rendering, EXPOSITION_COUNTER, "weir_model_sequences_refused",
           "Sequences not begun because there were too many", sequences_refused);
}

static void render_cache(struct rendering *rendering)
{
    values(rendering, EXPOSITION_COUNTER, "weir_model_cache_hits", "Requests answered with outputs that were kept",
           cache_hits);
    values(rendering, EXPOSITION_COUNTER, "weir_model_cache_misses", "Requests whose outputs were not kept",
           cache_misses);
    values(rendering, EXPOSITION_COUNTER, "weir_model_cache_joined",
           "Requests that waited for one with the same inputs that ran already", cache_joined);
    values(rendering, EXPOSITION_COUNTER, "weir_model_cache_evicted", "Outputs that were dropped to make room",
           cache_evicted);
    values(rendering, EXPOSITION_GAUGE, "weir_model_cache_entries", "Outputs that are kept", cache_entries);
    values(rendering, EXPOSITION_GAUGE, "weir_model_cache_bytes", "Memory for outputs that are kept", cache_bytes);
}

static void render_counts(struct rendering *rendering)
{
    values(rendering, EXPOSITION_COUNTER, "weir_model_runs", "Runs of a model, failed ones included", runs);
    failures(rendering, EXPOSITION_COUNTER, "weir_model_run_failures",
             "Runs that gave no outputs: rejected are those that were never begun", failure_names);
    values(rendering, EXPOSITION_COUNTER, "weir_model_rows", "Rows of the runs that succeeded", rows);
    values(rendering, EXPOSITION_COUNTER, "weir_model_batches", "Executions of a model, of one run or more each",
           batches);
    values(rendering, EXPOSITION_GAUGE, "weir_model_runs_in_flight", "Runs of a model waiting or running", in_flight);
}

static void render_phases(struct rendering *rendering)
{
    times(rendering, "weir_model_queue_duration_seconds", "Time from the request for a run to the start of its batch",
          offsetof(struct model_meter, queue_time));
    times(rendering, "weir_model_gather_duration_seconds", "Time to put the inputs of a batch together",
          offsetof(struct model_meter, gather_time));
    times(rendering, "weir_model_run_duration_seconds", "Time inside the runtime",
          offsetof(struct model_meter, run_time));
    times(rendering, "weir_model_scatter_duration_seconds", "Time to take the outputs of a batch apart",
          offsetof(struct model_meter, scatter_time));
    times(rendering, "weir_model_format_duration_seconds", "Time to make a response's body of the outputs",
          offsetof(struct model_meter, format_time));
}

/* How many batches had at most bounds[i] rows. */
static void count_sizes(const struct model_meter *meter, uint64_t below[ARRAY_LEN(batch_bounds_rows)])
{
    for (size_t i = 0; i < ARRAY_LEN(batch_bounds_rows); i++)
        for (size_t size = 1; size <= (size_t)batch_bounds_rows[i]; size++)
            below[i] += counter_read(&meter->sizes[size].count);
}

static void render_batches(struct rendering *rendering)
{
    const struct meter_registry *registry = rendering->sources->registry;
    const struct model_series *series = meter_registry_first_model(registry);
    render_family(rendering, EXPOSITION_HISTOGRAM, "weir_model_batch_rows", NULL, "Rows of an execution");
    for (; series; series = model_series_next(series)) {
        struct exposition_label labels[MODEL_LABELS];
        uint64_t below[ARRAY_LEN(batch_bounds_rows)] = {0};
        struct exposition_counts counts = {
            .bounds = batch_bounds_rows, .below = below, .bound_count = ARRAY_LEN(batch_bounds_rows)};
        for (uint32_t w = 0; w < meter_registry_workers(registry); w++) {
            const struct model_meter *meter = &series->meters[w];
            count_sizes(meter, below);
            counts.sum += (double)counter_read(&meter->batch_rows);
            counts.count += counter_read(&meter->sizes[0].count);
        }
        counts.count += below[ARRAY_LEN(below) - 1];
        label_model(labels, series->name, series->version);
        exposition_counts(&rendering->out, labels, MODEL_LABELS, &counts);
    }
}

/* --- in Triton's words ------------------------------------------------------------------------------------------- */

static double successes(const struct model_meter *meter)
{
    return (double)histogram_count(&meter->run_time);
}

static double request_us(const struct model_meter *meter)
{
    return (double)(counter_read(&meter->success_ns) + counter_read(&meter->failure_ns)) / NS_PER_US;
}

static double queue_us(const struct model_meter *meter)
{
    return (double)histogram_sum_ns(&meter->queue_time) / NS_PER_US;
}

static double gather_us(const struct model_meter *meter)
{
    return (double)histogram_sum_ns(&meter->gather_time) / NS_PER_US;
}

static double run_us(const struct model_meter *meter)
{
    return (double)histogram_sum_ns(&meter->run_time) / NS_PER_US;
}

static double scatter_us(const struct model_meter *meter)
{
    return (double)histogram_sum_ns(&meter->scatter_time) / NS_PER_US;
}

static void render_triton(struct rendering *rendering)
{
    static const struct {
        const char *name;
        const char *help;
        model_value read;
    } counters[] = {
        {"nv_inference_count", "Number of inferences performed (does not include cached requests)", rows},
        {"nv_inference_exec_count", "Number of model executions performed", batches},
        {"nv_inference_request_duration_us", "Cumulative time of requests from submission to outputs", request_us},
        {"nv_inference_queue_duration_us", "Cumulative time that requests waited", queue_us},
        {"nv_inference_compute_input_duration_us", "Cumulative time of gathering inputs", gather_us},
        {"nv_inference_compute_infer_duration_us", "Cumulative time inside the runtime", run_us},
        {"nv_inference_compute_output_duration_us", "Cumulative time of scattering outputs", scatter_us},
        {"nv_cache_num_hits_per_model", "Number of cache hits per model", cache_hits},
        {"nv_cache_num_misses_per_model", "Number of cache misses per model", cache_misses},
    };
    values(rendering, EXPOSITION_COUNTER_BARE, "nv_inference_request_success",
           "Number of successful inference requests, all batch sizes", successes);
    failures(rendering, EXPOSITION_COUNTER_BARE, "nv_inference_request_failure",
             "Number of failed inference requests, all batch sizes", failure_names_triton);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        values(rendering, EXPOSITION_COUNTER_BARE, counters[i].name, counters[i].help, counters[i].read);
}

/* --- of the configuration ---------------------------------------------------------------------------------------- */

/* One value of what the scheduler has learned of a model. */
typedef double (*lane_value)(const struct model *model, const struct lane_view *view);

static double queued(const struct model *model, const struct lane_view *view)
{
    (void)model;
    return view->queued;
}

static double row_seconds(const struct model *model, const struct lane_view *view)
{
    (void)model;
    return view->a_ns / NS_PER_SECOND;
}

static double run_seconds(const struct model *model, const struct lane_view *view)
{
    (void)model;
    return view->b_ns / NS_PER_SECOND;
}

static double arrivals(const struct model *model, const struct lane_view *view)
{
    (void)model;
    return view->arrivals_per_s;
}

static double rows_max(const struct model *model, const struct lane_view *view)
{
    (void)model;
    return view->rows_max;
}

static double sequences(const struct model *model, const struct lane_view *view)
{
    (void)view;
    return sequences_count(model_sequences(model));
}

/* Of the models that are ready. */
static void lanes(struct rendering *rendering, const char *name, const char *unit, const char *help, lane_value read)
{
    const struct config *config = rendering->sources->config;
    const struct model_config *models = config->models.items;
    render_family(rendering, EXPOSITION_GAUGE, name, unit, help);
    for (uint32_t i = 0; config->model_entries && i < config->models.count; i++) {
        struct model *model = atomic_load_explicit(&config->model_entries[i]->model, memory_order_acquire);
        struct exposition_label labels[MODEL_LABELS];
        struct lane_view view;
        if (!model)
            continue;
        lane_look(model_lane(model), &view);
        label_model(labels, models[i].name, models[i].version);
        exposition_sample(&rendering->out, labels, MODEL_LABELS, read(model, &view));
    }
}

static void render_lanes(struct rendering *rendering)
{
    lanes(rendering, "weir_model_runs_queued", NULL, "Runs of a model that wait for an executor", queued);
    lanes(rendering, "weir_model_sequences", NULL, "Sequences that the model has a state of", sequences);
    lanes(rendering, "weir_model_arrivals_per_second", NULL, "Rows that have come in a second, of late", arrivals);
    lanes(rendering, "weir_model_batch_rows_max", NULL, "Most rows of an execution; 1: the model is not batched",
          rows_max);
    lanes(rendering, "weir_model_cost_row_seconds", "seconds", "What a row more adds to an execution: a of a n + b",
          row_seconds);
    lanes(rendering, "weir_model_cost_run_seconds", "seconds", "What an execution takes beside its rows: b of a n + b",
          run_seconds);
    lanes(rendering, "nv_inference_pending_request_count", NULL, "Number of requests that wait for an executor",
          queued);
}

static void render_states(struct rendering *rendering)
{
    const struct config *config = rendering->sources->config;
    const struct model_config *models = config->models.items;
    render_family(rendering, EXPOSITION_GAUGE, "weir_model_ready", NULL, "1 when the model can be run, else 0");
    for (uint32_t i = 0; i < config->models.count; i++) {
        const struct model_entry *entry = config->model_entries ? config->model_entries[i] : NULL;
        bool is_ready = entry && atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY;
        struct exposition_label labels[MODEL_LABELS];
        label_model(labels, models[i].name, models[i].version);
        exposition_sample(&rendering->out, labels, MODEL_LABELS, is_ready);
    }
}
