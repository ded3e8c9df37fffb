/* SPDX-License-Identifier: Apache-2.0 */
#include "load/export/sink_int.h"
#include "unit/load/export/fake.h"

static struct slice text;

static void render(enum exposition_format format)
{
    assert_int_equal(export_render_text(fake_figures, format, &arena, &text), ERR_OK);
    text = arena_copy(&arena, text); /* with a NUL */
}

static void has(const char *line)
{
    struct slice whole = arena_printf(&arena, "\n%s\n", line);
    if (!strstr(text.ptr, whole.ptr))
        fail_msg("no line %s in\n%s", line, text.ptr);
}

static void has_not(const char *part)
{
    if (strstr(text.ptr, part))
        fail_msg("%s is in\n%s", part, text.ptr);
}

static void tells_counters_by_step_and_outcome(void **state)
{
    (void)state;
    render(EXPOSITION_PROMETHEUS);
    has("# TYPE weir_load_requests_total counter");
    has("weir_load_requests_total{scenario=\"visit\",step=\"log in\",outcome=\"ok\"} 100");
    has("weir_load_requests_total{scenario=\"visit\",step=\"log in\",outcome=\"failed\"} 3");
    has("weir_load_failures_total{scenario=\"visit\",step=\"log in\",kind=\"timeout\"} 2");
    has("weir_load_failures_total{scenario=\"visit\",step=\"log in\",kind=\"tls\"} 0");
    has("weir_load_responses_total{scenario=\"talk\",step=\"chat \\\"1\\\"\",status=\"503\"} 1");
    has_not("status=\"404\"");
    has("weir_load_requests_due_total{scenario=\"visit\",step=\"log in\"} 110");
    has("weir_load_response_bytes_total{scenario=\"visit\",step=\"log in\"} 12345");
}

static void tells_times_in_seconds_with_classic_buckets(void **state)
{
    (void)state;
    render(EXPOSITION_PROMETHEUS);
    has("# TYPE weir_load_latency_seconds histogram");
    has("weir_load_latency_seconds_bucket{scenario=\"visit\",step=\"log in\",le=\"0.0005\"} 0");
    has("weir_load_latency_seconds_bucket{scenario=\"visit\",step=\"log in\",le=\"0.02\"} 20");
    has("weir_load_latency_seconds_bucket{scenario=\"visit\",step=\"log in\",le=\"0.2\"} 100");
    has("weir_load_latency_seconds_bucket{scenario=\"visit\",step=\"log in\",le=\"+Inf\"} 100");
    has("weir_load_latency_seconds_sum{scenario=\"visit\",step=\"log in\"} 5.05");
    has("weir_load_latency_seconds_count{scenario=\"visit\",step=\"log in\"} 100");
    has("weir_load_lag_seconds_bucket{le=\"1e-05\"} 0");
    has("weir_load_lag_seconds_bucket{le=\"2e-05\"} 1");
}

static void tells_streams_only_of_steps_that_have_them(void **state)
{
    (void)state;
    render(EXPOSITION_PROMETHEUS);
    has("weir_load_tokens_total{scenario=\"talk\",step=\"chat \\\"1\\\"\"} 640");
    has("weir_load_first_token_seconds_count{scenario=\"talk\",step=\"chat \\\"1\\\"\"} 1");
    has("weir_load_between_tokens_seconds_count{scenario=\"talk\",step=\"chat \\\"1\\\"\"} 1");
    has_not("weir_load_tokens_total{scenario=\"visit\"");
    has_not("weir_load_first_token_seconds_count{scenario=\"visit\"");
}

static void tells_what_the_test_is_and_how_the_generator_does(void **state)
{
    (void)state;
    render(EXPOSITION_PROMETHEUS);
    has("weir_load_test_info{test=\"fake\",version=\"0.1.0\"} 1");
    has("weir_load_elapsed_seconds 1.5");
    has("weir_load_cpu_seconds_total 0.25");
    has("weir_load_users 8");
    has("weir_load_backlog 5");
    has("weir_load_agents 0");
}

static void tells_quantiles_of_the_last_interval(void **state)
{
    (void)state;
    render(EXPOSITION_PROMETHEUS);
    has("# TYPE weir_load_latency_quantile_seconds gauge");
    const struct export_step *step = &fake_figures->steps[0];
    assert_int_equal(step->interval_count, 100);
    assert_in_range(step->quantiles_ns[1], 95 * NS_PER_MS, 95 * NS_PER_MS + 95 * NS_PER_MS / 1000);
    assert_int_equal(fake_figures->interval_count, 200);

    for (int i = 0; i < 10; i++)
        hdr_record(&fake_results.totals->series[0].latency, 7 * NS_PER_MS);
    export_take(&fake_taker, &fake_results, fake_figures);
    assert_int_equal(step->interval_count, 10);
    assert_in_range(step->quantiles_ns[2], 7 * NS_PER_MS, 7 * NS_PER_MS + 7 * NS_PER_MS / 1000);
    assert_int_equal(fake_figures->interval_count, 10);
    render(EXPOSITION_PROMETHEUS);
    has_not("weir_load_latency_quantile_seconds{scenario=\"talk\""); /* nothing was answered */
}

static void declares_every_family_once_in_openmetrics_too(void **state)
{
    (void)state;
    render(EXPOSITION_OPENMETRICS);
    has("# TYPE weir_load_requests counter");
    has("# UNIT weir_load_latency_seconds seconds");
    has("# TYPE weir_load_test info");
    assert_string_equal(text.ptr + text.len - 6, "# EOF\n");
    for (const char *at = text.ptr; (at = strstr(at, "# TYPE ")); at++) {
        struct slice line = slice_of(at, strcspn(at, "\n"));
        struct slice name = slice_first(line, slice_find(slice_skip(line, 7), ' ') + 8);
        struct slice declared = arena_copy(&arena, name);
        assert_null(strstr(at + 1, declared.ptr));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_counters_by_step_and_outcome, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(tells_times_in_seconds_with_classic_buckets, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(tells_streams_only_of_steps_that_have_them, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(tells_what_the_test_is_and_how_the_generator_does, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(tells_quantiles_of_the_last_interval, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(declares_every_family_once_in_openmetrics_too, fake_make, fake_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
