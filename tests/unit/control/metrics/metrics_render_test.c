/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics/metrics_render.h"
#include "pipeline/model_meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#define WORKERS 2
#define MS      UINT64_C(1000000)

/* Two workers that have done a little, one route of many statuses, and a model that failed to load. */
struct fixture {
    struct worker_meter meters[WORKERS];
    const struct worker_meter *workers[WORKERS];
    struct meter_registry *registry;
    struct reload_meter reloads;
    struct reload_meter schemas;
    struct model_config models[2];
    struct model_entry entries[2];
    struct model_entry *entry_list[2];
    struct config config;
    struct metrics_sources sources;
};

/* A batch of two on worker 0, one of 300 on worker 1, and a run that failed. */
static void fill_model(struct model_meter *model)
{
    struct job_times times = {.queue_ns = MS / 20, .gather_ns = 3000, .run_ns = 20 * MS, .scatter_ns = 1000};
    struct job job = {.times = times, .rows = 1, .batch_rows = 2, .batch_jobs = 2, .is_first = true};
    model_meter_job(&model[0], &job, 5 * MS);
    job.is_first = false;
    model_meter_job(&model[0], &job, 5 * MS);
    model_meter_format(&model[0], 7000);
    job = (struct job){.times = times, .rows = 300, .batch_rows = 300, .batch_jobs = 1, .is_first = true};
    model_meter_job(&model[1], &job, 6 * MS);
    job = (struct job){.err = ERR_INTERNAL, .times = {.run_ns = MS}, .rows = 1, .batch_rows = 1, .is_first = true};
    model_meter_job(&model[1], &job, 7 * MS);
    model_meter_refusal(&model[1], MODEL_FAILURE_REJECTED);
    gauge_add(&model[0].in_flight, 1);
}

static void fill_counts(struct fixture *fixture)
{
    struct route_meter *route;
    struct model_meter *model;
    counter_add(&fixture->meters[0].received_bytes, 1000);
    counter_add(&fixture->meters[1].received_bytes, 24);
    gauge_add(&fixture->meters[0].memory_outstanding, 5000);
    gauge_add(&fixture->meters[1].memory_outstanding, -1000); /* given back by another worker's count: adds up */
    histogram_record(&fixture->meters[0].stage_time[STAGE_decode], 2 * MS);
    histogram_record(&fixture->meters[1].stage_time[STAGE_decode], 40 * MS);
    assert_int_equal(meter_registry_route(fixture->registry, SLICE_LIT("POST /v1/\"x\"\\y"), &route), ERR_OK);
    counter_add(&route[0].requests[200 - METER_STATUS_MIN], 7);
    counter_add(&route[1].requests[200 - METER_STATUS_MIN], 3);
    counter_add(&route[1].requests[503 - METER_STATUS_MIN], 1);
    gauge_add(&route[0].in_flight, 2);
    gauge_add(&route[1].in_flight, 1);
    histogram_record(&route[1].request_time, 3 * MS);
    assert_int_equal(meter_registry_model(fixture->registry, SLICE_LIT("m"), SLICE_LIT("1"), &model), ERR_OK);
    fill_model(model);
}

static int make_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture || meter_registry_create(WORKERS, &fixture->registry) != ERR_OK)
        return -1;
    for (int i = 0; i < WORKERS; i++)
        fixture->workers[i] = &fixture->meters[i];
    for (int i = 0; i < 2; i++)
        fixture->entry_list[i] = &fixture->entries[i];
    fixture->models[0] = (struct model_config){.name = SLICE_LIT("m"), .version = SLICE_LIT("1")};
    fixture->models[1] = (struct model_config){.name = SLICE_LIT("broken"), .version = SLICE_LIT("2")};
    fixture->entries[0].state = MODEL_READY;
    fixture->entries[1].state = MODEL_FAILED;
    fixture->config.models = (struct option_list){.items = fixture->models, .count = 2};
    fixture->config.model_entries = fixture->entry_list;
    counter_add(&fixture->reloads.failed, 1);
    counter_add(&fixture->schemas.succeeded, 2);
    gauge_set(&fixture->schemas.is_last_good, 1);
    gauge_set(&fixture->reloads.is_last_good, 0);
    gauge_set(&fixture->reloads.last_success_ms, 1795444440500);
    fill_counts(fixture);
    fixture->sources = (struct metrics_sources){
        .workers = fixture->workers,
        .worker_count = WORKERS,
        .registry = fixture->registry,
        .config = &fixture->config,
        .reloads = &fixture->reloads,
        .schemas = &fixture->schemas,
        .log_lines_lost = 6,
        .build = {.version = SLICE_LIT("0.1.0"), .compiler = SLICE_LIT("gcc 12"), .onnxruntime = SLICE_LIT("1.30.0")},
    };
    *state = fixture;
    return 0;
}

static int drop_fixture(void **state)
{
    struct fixture *fixture = *state;
    meter_registry_destroy(fixture->registry);
    free(fixture);
    return 0;
}

/* NUL-terminated, the caller's to free. */
static char *render(const struct fixture *fixture, bool is_openmetrics)
{
    char *text;
    size_t bytes;
    assert_int_equal(metrics_render(&fixture->sources, is_openmetrics, &text, &bytes), ERR_OK);
    char *copy = strndup(text, bytes);
    assert_int_equal(strlen(copy), bytes);
    free(text);
    return copy;
}

static void assert_has(const char *text, const char *lines)
{
    if (!strstr(text, lines))
        fail_msg("not found:\n%s\nin:\n%s", lines, text);
}

static void adds_up_the_rows_of_all_workers(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "# HELP weir_received_bytes_total Bytes received from clients\n"
                     "# TYPE weir_received_bytes_total counter\n"
                     "weir_received_bytes_total 1024\n");
    assert_has(text, "# TYPE weir_memory_outstanding_bytes gauge\nweir_memory_outstanding_bytes 4000\n");
    assert_has(text, "\nweir_connections_accepted_total 0\n");
    assert_has(text, "\nweir_workers 2\n");
    assert_has(text, "\nweir_log_lines_lost_total 6\n");
    free(text);
}

static void merges_a_stage_s_times_of_all_workers(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "# TYPE weir_stage_duration_seconds histogram\n");
    assert_has(text, "weir_stage_duration_seconds_bucket{stage=\"decode\",le=\"0.001\"} 0\n"
                     "weir_stage_duration_seconds_bucket{stage=\"decode\",le=\"0.0025\"} 1\n");
    assert_has(text, "weir_stage_duration_seconds_bucket{stage=\"decode\",le=\"+Inf\"} 2\n"
                     "weir_stage_duration_seconds_sum{stage=\"decode\"} 0.042\n"
                     "weir_stage_duration_seconds_count{stage=\"decode\"} 2\n");
    /* And nothing of it is left over for the next stage. */
    assert_has(text, "weir_stage_duration_seconds_count{stage=\"schedule\"} 0\n");
    free(text);
}

static void counts_requests_by_route_and_status(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "# TYPE weir_http_requests_total counter\n"
                     "weir_http_requests_total{route=\"POST /v1/\\\"x\\\"\\\\y\",status=\"200\"} 10\n"
                     "weir_http_requests_total{route=\"POST /v1/\\\"x\\\"\\\\y\",status=\"503\"} 1\n"
                     "# HELP");
    assert_has(text, "weir_http_requests_in_flight{route=\"POST /v1/\\\"x\\\"\\\\y\"} 3\n");
    assert_has(text, "weir_http_request_duration_seconds_count{route=\"POST /v1/\\\"x\\\"\\\\y\"} 1\n");
    free(text);
}

static void counts_runs_by_model_and_version(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "\nweir_model_runs_total{model=\"m\",version=\"1\"} 4\n");
    assert_has(text, "\nweir_model_run_failures_total{model=\"m\",version=\"1\",reason=\"rejected\"} 1\n"
                     "weir_model_run_failures_total{model=\"m\",version=\"1\",reason=\"canceled\"} 0\n"
                     "weir_model_run_failures_total{model=\"m\",version=\"1\",reason=\"backend\"} 1\n"
                     "weir_model_run_failures_total{model=\"m\",version=\"1\",reason=\"other\"} 0\n");
    assert_has(text, "\nweir_model_rows_total{model=\"m\",version=\"1\"} 302\n");
    assert_has(text, "\nweir_model_batches_total{model=\"m\",version=\"1\"} 3\n");
    assert_has(text, "\nweir_model_runs_in_flight{model=\"m\",version=\"1\"} 1\n");
    free(text);
}

static void tells_where_a_model_s_time_went_by_phase(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "\nweir_model_run_duration_seconds_sum{model=\"m\",version=\"1\"} 0.06\n");
    assert_has(text, "\nweir_model_queue_duration_seconds_bucket{model=\"m\",version=\"1\",le=\"2.5e-05\"} 0\n"
                     "weir_model_queue_duration_seconds_bucket{model=\"m\",version=\"1\",le=\"5e-05\"} 0\n"
                     "weir_model_queue_duration_seconds_bucket{model=\"m\",version=\"1\",le=\"0.0001\"} 3\n");
    assert_has(text, "\nweir_model_gather_duration_seconds_sum{model=\"m\",version=\"1\"} 9e-06\n");
    assert_has(text, "\nweir_model_scatter_duration_seconds_count{model=\"m\",version=\"1\"} 3\n");
    assert_has(text, "\nweir_model_format_duration_seconds_count{model=\"m\",version=\"1\"} 1\n");
    free(text);
}

static void counts_batches_by_their_rows(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "# TYPE weir_model_batch_rows histogram\n"
                     "weir_model_batch_rows_bucket{model=\"m\",version=\"1\",le=\"1.0\"} 1\n"
                     "weir_model_batch_rows_bucket{model=\"m\",version=\"1\",le=\"2.0\"} 2\n");
    assert_has(text, "weir_model_batch_rows_bucket{model=\"m\",version=\"1\",le=\"256.0\"} 2\n"
                     "weir_model_batch_rows_bucket{model=\"m\",version=\"1\",le=\"+Inf\"} 3\n"
                     "weir_model_batch_rows_sum{model=\"m\",version=\"1\"} 303\n"
                     "weir_model_batch_rows_count{model=\"m\",version=\"1\"} 3\n");
    free(text);
}

static void dashboards_for_triton_find_their_names(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "# TYPE nv_inference_request_success counter\n"
                     "nv_inference_request_success{model=\"m\",version=\"1\"} 3\n");
    assert_has(text, "\nnv_inference_request_failure{model=\"m\",version=\"1\",reason=\"REJECTED\"} 1\n"
                     "nv_inference_request_failure{model=\"m\",version=\"1\",reason=\"CANCELED\"} 0\n"
                     "nv_inference_request_failure{model=\"m\",version=\"1\",reason=\"BACKEND\"} 1\n");
    assert_has(text, "\nnv_inference_count{model=\"m\",version=\"1\"} 302\n");
    assert_has(text, "\nnv_inference_exec_count{model=\"m\",version=\"1\"} 3\n");
    assert_has(text, "\nnv_inference_request_duration_us{model=\"m\",version=\"1\"} 61162\n");
    assert_has(text, "\nnv_inference_queue_duration_us{model=\"m\",version=\"1\"} 150\n");
    assert_has(text, "\nnv_inference_compute_input_duration_us{model=\"m\",version=\"1\"} 9\n");
    assert_has(text, "\nnv_inference_compute_infer_duration_us{model=\"m\",version=\"1\"} 60000\n");
    assert_has(text, "\nnv_inference_compute_output_duration_us{model=\"m\",version=\"1\"} 3\n");
    free(text);
    text = render(*state, true); /* which has no counters without _total */
    assert_has(text, "# TYPE nv_inference_count unknown\nnv_inference_count{model=\"m\",version=\"1\"} 302\n");
    free(text);
}

static void says_which_configured_models_are_ready(void **state)
{
    struct fixture *fixture = *state;
    char *text = render(fixture, false);
    assert_has(text, "# TYPE weir_model_ready gauge\n"
                     "weir_model_ready{model=\"m\",version=\"1\"} 1\n"
                     "weir_model_ready{model=\"broken\",version=\"2\"} 0\n");
    free(text);
    fixture->config.model_entries = NULL; /* before the first models are attached */
    text = render(fixture, false);
    assert_has(text, "weir_model_ready{model=\"m\",version=\"1\"} 0\n");
    free(text);
}

static void tells_of_reloads_and_the_process(void **state)
{
    char *text = render(*state, false);
    assert_has(text, "weir_schemas 0\n");
    assert_has(text, "weir_schemas_reloads_total{result=\"success\"} 2\n"
                     "weir_schemas_reloads_total{result=\"failure\"} 0\n");
    assert_has(text, "weir_schemas_last_reload_successful 1\n");
    assert_has(text, "weir_config_reloads_total{result=\"success\"} 0\n"
                     "weir_config_reloads_total{result=\"failure\"} 1\n");
    assert_has(text, "\nweir_config_last_reload_successful 0\n");
    assert_has(text, "\nweir_config_last_reload_success_timestamp_seconds 1795444440.5\n");
    assert_has(text, "\nweir_build_info{version=\"0.1.0\",compiler=\"gcc 12\",onnxruntime=\"1.30.0\"} 1\n");
    assert_has(text, "\nprocess_cpu_seconds_total ");
    assert_has(text, "\nprocess_resident_memory_bytes ");
    assert_has(text, "\nprocess_open_fds ");
    assert_has(text, "\nprocess_max_fds ");
    assert_has(text, "\nprocess_start_time_seconds ");
    free(text);
}

static void leaves_out_what_there_is_no_source_for(void **state)
{
    struct fixture *fixture = *state;
    fixture->sources = (struct metrics_sources){0};
    char *text = render(fixture, false);
    assert_null(strstr(text, "weir_http_requests_total"));
    assert_null(strstr(text, "weir_model_"));
    assert_null(strstr(text, "weir_config_"));
    assert_has(text, "\nweir_received_bytes_total 0\n");
    free(text);
}

static void openmetrics_names_families_without_total_and_ends(void **state)
{
    char *text = render(*state, true);
    assert_has(text, "# TYPE weir_http_requests counter\nweir_http_requests_total{");
    assert_has(text, "# UNIT weir_memory_outstanding_bytes bytes\n");
    assert_has(text, "# TYPE weir_build info\nweir_build_info{");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
}

static void check_with_a_scraper(const struct fixture *fixture, bool is_openmetrics)
{
    char command[512];
    (void)snprintf(command, sizeof command, "python3 %s/tools/check_exposition.py %s", TESTS_DIR,
                   is_openmetrics ? "openmetrics" : "prometheus");
    char *text = render(fixture, is_openmetrics);
    FILE *scraper = popen(command, "w");
    assert_non_null(scraper);
    (void)fputs(text, scraper);
    free(text);
    int status = pclose(scraper);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127) {
        print_message("skipped: neither promtool nor python3-prometheus-client is installed\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_scraper_takes_the_prometheus_format(void **state)
{
    check_with_a_scraper(*state, false);
}

static void a_scraper_takes_openmetrics(void **state)
{
    check_with_a_scraper(*state, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_fixture, drop_fixture)
    const struct CMUnitTest tests[] = {
        TEST(adds_up_the_rows_of_all_workers),
        TEST(merges_a_stage_s_times_of_all_workers),
        TEST(counts_requests_by_route_and_status),
        TEST(counts_runs_by_model_and_version),
        TEST(tells_where_a_model_s_time_went_by_phase),
        TEST(counts_batches_by_their_rows),
        TEST(dashboards_for_triton_find_their_names),
        TEST(says_which_configured_models_are_ready),
        TEST(tells_of_reloads_and_the_process),
        TEST(leaves_out_what_there_is_no_source_for),
        TEST(openmetrics_names_families_without_total_and_ends),
        TEST(a_scraper_takes_the_prometheus_format),
        TEST(a_scraper_takes_openmetrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
