/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/exposition.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "unit/support/arena.h"

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(1 << 20);
}

/* One family of each kind, with all that needs care. */
static struct slice write_all(enum exposition_format format)
{
    static struct histogram histogram;
    const double bounds[] = {0.001, 0.25, 1, 10};
    const struct exposition_label odd[] = {{"route", SLICE_LIT("a\"b\\c\nd")}, {"code", SLICE_LIT("200")}};
    const struct exposition_label stage = {"stage", SLICE_LIT("parse")};
    const struct exposition_label version = {"version", SLICE_LIT("0.1.0")};
    struct slice text = {NULL, 0};
    histogram_reset(&histogram);
    histogram_record(&histogram, 500000);
    histogram_record(&histogram, 200000000);
    histogram_record(&histogram, 2000000000);

    struct exposition e = exposition_begin(format, buffer_in_arena(&arena, 64));
    exposition_family(&e, &(struct exposition_family){
                              .name = "weir_requests", .type = EXPOSITION_COUNTER, .help = "Said \"done\".\\\nTwice."});
    exposition_sample(&e, odd, 2, 17);
    exposition_sample(&e, NULL, 0, 9007199254740992.0);
    exposition_family(&e, &(struct exposition_family){
                              .name = "weir_age_seconds", .type = EXPOSITION_GAUGE, .unit = "seconds", .help = "Age."});
    exposition_sample(&e, NULL, 0, -0.1);
    exposition_sample(&e, &stage, 1, INFINITY);
    exposition_family(
        &e, &(struct exposition_family){.name = "weir_stage_seconds", .type = EXPOSITION_HISTOGRAM, .unit = "seconds"});
    exposition_histogram(&e, &stage, 1, &histogram, (struct exposition_bounds){bounds, ARRAY_LEN(bounds)});
    exposition_family(&e, &(struct exposition_family){.name = "weir_build", .type = EXPOSITION_INFO, .help = "Build."});
    exposition_sample(&e, &version, 1, 1);
    exposition_family(&e, &(struct exposition_family){.name = "nv_count", .type = EXPOSITION_COUNTER_BARE});
    exposition_sample(&e, NULL, 0, 3);
    exposition_family(&e, &(struct exposition_family){.name = "weir_rows", .type = EXPOSITION_HISTOGRAM});
    exposition_counts(
        &e, &stage, 1,
        &(struct exposition_counts){
            .bounds = (double[]){1, 8}, .below = (uint64_t[]){2, 5}, .bound_count = 2, .count = 6, .sum = 40});
    assert_int_equal(exposition_end(&e, &text), ERR_OK);
    return text;
}

static void assert_text(struct slice text, const char *expected)
{
    if (!slice_is(text, expected))
        fail_msg("this is not what was expected:\n%.*s", SLICE_ARG(text));
}

static void prometheus_text_is_as_its_format_says(void **state)
{
    (void)state;
    assert_text(write_all(EXPOSITION_PROMETHEUS), "# HELP weir_requests_total Said \"done\".\\\\\\nTwice.\n"
                                                  "# TYPE weir_requests_total counter\n"
                                                  "weir_requests_total{route=\"a\\\"b\\\\c\\nd\",code=\"200\"} 17\n"
                                                  "weir_requests_total 9007199254740992\n"
                                                  "# HELP weir_age_seconds Age.\n"
                                                  "# TYPE weir_age_seconds gauge\n"
                                                  "weir_age_seconds -0.1\n"
                                                  "weir_age_seconds{stage=\"parse\"} +Inf\n"
                                                  "# TYPE weir_stage_seconds histogram\n"
                                                  "weir_stage_seconds_bucket{stage=\"parse\",le=\"0.001\"} 1\n"
                                                  "weir_stage_seconds_bucket{stage=\"parse\",le=\"0.25\"} 2\n"
                                                  "weir_stage_seconds_bucket{stage=\"parse\",le=\"1.0\"} 2\n"
                                                  "weir_stage_seconds_bucket{stage=\"parse\",le=\"10.0\"} 3\n"
                                                  "weir_stage_seconds_bucket{stage=\"parse\",le=\"+Inf\"} 3\n"
                                                  "weir_stage_seconds_sum{stage=\"parse\"} 2.2005\n"
                                                  "weir_stage_seconds_count{stage=\"parse\"} 3\n"
                                                  "# HELP weir_build_info Build.\n"
                                                  "# TYPE weir_build_info gauge\n"
                                                  "weir_build_info{version=\"0.1.0\"} 1\n"
                                                  "# TYPE nv_count counter\n"
                                                  "nv_count 3\n"
                                                  "# TYPE weir_rows histogram\n"
                                                  "weir_rows_bucket{stage=\"parse\",le=\"1.0\"} 2\n"
                                                  "weir_rows_bucket{stage=\"parse\",le=\"8.0\"} 5\n"
                                                  "weir_rows_bucket{stage=\"parse\",le=\"+Inf\"} 6\n"
                                                  "weir_rows_sum{stage=\"parse\"} 40\n"
                                                  "weir_rows_count{stage=\"parse\"} 6\n");
}

static void openmetrics_text_is_as_its_format_says(void **state)
{
    (void)state;
    assert_text(write_all(EXPOSITION_OPENMETRICS), "# HELP weir_requests Said \\\"done\\\".\\\\\\nTwice.\n"
                                                   "# TYPE weir_requests counter\n"
                                                   "weir_requests_total{route=\"a\\\"b\\\\c\\nd\",code=\"200\"} 17\n"
                                                   "weir_requests_total 9007199254740992\n"
                                                   "# HELP weir_age_seconds Age.\n"
                                                   "# TYPE weir_age_seconds gauge\n"
                                                   "# UNIT weir_age_seconds seconds\n"
                                                   "weir_age_seconds -0.1\n"
                                                   "weir_age_seconds{stage=\"parse\"} +Inf\n"
                                                   "# TYPE weir_stage_seconds histogram\n"
                                                   "# UNIT weir_stage_seconds seconds\n"
                                                   "weir_stage_seconds_bucket{stage=\"parse\",le=\"0.001\"} 1\n"
                                                   "weir_stage_seconds_bucket{stage=\"parse\",le=\"0.25\"} 2\n"
                                                   "weir_stage_seconds_bucket{stage=\"parse\",le=\"1.0\"} 2\n"
                                                   "weir_stage_seconds_bucket{stage=\"parse\",le=\"10.0\"} 3\n"
                                                   "weir_stage_seconds_bucket{stage=\"parse\",le=\"+Inf\"} 3\n"
                                                   "weir_stage_seconds_sum{stage=\"parse\"} 2.2005\n"
                                                   "weir_stage_seconds_count{stage=\"parse\"} 3\n"
                                                   "# HELP weir_build Build.\n"
                                                   "# TYPE weir_build info\n"
                                                   "weir_build_info{version=\"0.1.0\"} 1\n"
                                                   "# TYPE nv_count unknown\n"
                                                   "nv_count 3\n"
                                                   "# TYPE weir_rows histogram\n"
                                                   "weir_rows_bucket{stage=\"parse\",le=\"1.0\"} 2\n"
                                                   "weir_rows_bucket{stage=\"parse\",le=\"8.0\"} 5\n"
                                                   "weir_rows_bucket{stage=\"parse\",le=\"+Inf\"} 6\n"
                                                   "weir_rows_sum{stage=\"parse\"} 40\n"
                                                   "weir_rows_count{stage=\"parse\"} 6\n"
                                                   "# EOF\n");
}

static void full_buffer_is_reported_at_the_end(void **state)
{
    (void)state;
    char memory[20];
    struct slice text;
    struct exposition e = exposition_begin(EXPOSITION_PROMETHEUS, buffer_in_memory(memory, sizeof memory));
    exposition_family(&e, &(struct exposition_family){.name = "weir_requests", .type = EXPOSITION_COUNTER});
    exposition_sample(&e, NULL, 0, 1);
    assert_int_equal(exposition_end(&e, &text), ERR_LIMIT);
}

/* Runs the text through a parser of the official Python client; false when that is not installed. */
static bool is_accepted_by_python(const char *module, struct slice text, bool *ret_is_accepted)
{
    char command[512];
    snprintf(command, sizeof command, "python3 -c 'import %s' 2>/dev/null", module);
    if (system(command) != 0)
        return false;
    snprintf(command, sizeof command,
             "python3 -c 'import sys; from %s import text_string_to_metric_families as parse\n"
             "names = sorted(f.name for f in parse(sys.stdin.read()))\n"
             "assert len(names) == 4, names'",
             module);
    FILE *python = popen(command, "w");
    assert_non_null(python);
    assert_int_equal(fwrite(text.ptr, 1, text.len, python), text.len);
    *ret_is_accepted = pclose(python) == 0;
    return true;
}

static void official_prometheus_parser_accepts_it(void **state)
{
    (void)state;
    bool is_accepted;
    if (!is_accepted_by_python("prometheus_client.parser", write_all(EXPOSITION_PROMETHEUS), &is_accepted)) {
        print_message("skipped: needs python3-prometheus-client\n");
        skip();
    }
    assert_true(is_accepted);
}

static void official_openmetrics_parser_accepts_it(void **state)
{
    (void)state;
    bool is_accepted;
    if (!is_accepted_by_python("prometheus_client.openmetrics.parser", write_all(EXPOSITION_OPENMETRICS),
                               &is_accepted)) {
        print_message("skipped: needs python3-prometheus-client\n");
        skip();
    }
    assert_true(is_accepted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prometheus_text_is_as_its_format_says, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(openmetrics_text_is_as_its_format_says, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(full_buffer_is_reported_at_the_end, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(official_prometheus_parser_accepts_it, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(official_openmetrics_parser_accepts_it, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
