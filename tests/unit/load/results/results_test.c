/* SPDX-License-Identifier: Apache-2.0 */
#include "load/results.h"

#include "lib/json/json.h"
#include "unit/load/results/fake.h"
#include "unit/support/arena.h"

#include <math.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct load_results results;

static int make_results(void **state)
{
    (void)state;
    assert_int_equal(fake_results(&results), ERR_OK);
    return make_arena_of(SIZE_MAX);
}

static int make_empty(void **state)
{
    (void)state;
    assert_int_equal(load_results_init(&fake_plan, &results), ERR_OK);
    return make_arena_of(SIZE_MAX);
}

static int drop_results(void **state)
{
    load_results_deinit(&results);
    return drop_arena(state);
}

static struct slice written(enum err (*write)(const struct load_results *of, FILE *out))
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(write(&results, out), ERR_OK);
    assert_int_equal(fclose(out), 0);
    struct slice kept = arena_copy(&arena, slice_of(text, bytes));
    free(text);
    return kept;
}

static enum err print(const struct load_results *of, FILE *out)
{
    load_results_print(of, out);
    return ERR_OK;
}

static void assert_has(struct slice text, const char *wanted)
{
    if (!memmem(text.ptr, text.len, wanted, strlen(wanted)))
        fail_msg("no \"%s\" in:\n" SLICE_FMT, wanted, SLICE_ARG(text));
}

static const struct load_remark *remark_of(const char *code)
{
    for (uint32_t i = 0; i < results.remark_count; i++)
        if (slice_is(results.remarks[i].code, code))
            return &results.remarks[i];
    return NULL;
}

static void intervals_add_up_to_the_totals(void **state)
{
    (void)state;
    uint64_t answered = 0;
    struct hdr *merged = calloc(1, sizeof *merged);
    assert_non_null(merged);
    for (uint32_t i = 0; i < results.interval_count; i++) {
        answered += results.intervals[i]->all.answered;
        assert_int_equal(hdr_decode_add(results.intervals[i]->latency, merged), ERR_OK);
        assert_int_equal(results.intervals[i]->begin_ns, i * NS_PER_S);
        assert_int_equal(results.intervals[i]->failed[LOAD_FAILURE_STATUS], results.intervals[i]->all.failed);
    }
    assert_int_equal(results.interval_count, 5);
    assert_int_equal(answered, counter_read(&results.all->answered));
    assert_memory_equal((const void *)merged->buckets, (const void *)results.all->latency.buckets,
                        sizeof merged->buckets);
    free(merged);
}

static void stages_hold_what_was_recorded_during_them(void **state)
{
    (void)state;
    assert_int_equal(results.stage_count, 2);
    assert_int_equal(counter_read(&results.stages[0].record->iterations_due), 200);
    assert_int_equal(counter_read(&results.stages[1].record->iterations_due), 600);
    assert_int_equal(gauge_read(&results.stages[1].record->links), 8);
    assert_int_equal(results.stages[1].begin_ns, 2 * NS_PER_S);
    assert_int_equal(results.stages[1].end_ns, 5 * NS_PER_S);
}

static void thresholds_hold_or_not_with_the_value(void **state)
{
    (void)state;
    assert_true(results.thresholds[0].holds && results.thresholds[0].value < 2.01e6);
    assert_true(results.thresholds[1].holds && results.thresholds[1].value <= 0);
    assert_true(results.thresholds[2].holds && fabs(results.thresholds[2].value - 793 / 5.0) < 0.2);
    assert_true(load_results_hold(&results));
    assert_true(load_results_are_valid(&results));
}

static void a_threshold_of_what_was_not_measured_does_not_hold(void **state)
{
    (void)state;
    load_results_judge(&results);
    assert_true(isnan(results.thresholds[0].value));
    assert_false(results.thresholds[0].holds);
    assert_false(load_results_are_valid(&results)); /* no request has ended */
}

static void a_late_generator_makes_the_run_invalid(void **state)
{
    (void)state;
    fake_second(results.totals, 100);
    for (int i = 0; i < 50; i++)
        hdr_record(&results.totals->lag, 3 * NS_PER_MS);
    assert_int_equal(load_results_add_interval(&results, results.totals, NS_PER_S, 0), ERR_OK);
    load_results_judge(&results);
    assert_int_equal(remark_of("lag")->kind, LOAD_REMARK_INVALID);
    assert_true(slice_starts(written(print), SLICE_LIT("INVALID (lag): the generator was late")));
}

static void lag_is_measured_against_what_the_server_took(void **state)
{
    (void)state;
    fake_second(results.totals, 100);
    for (int i = 0; i < 50; i++)
        hdr_record(&results.totals->lag, 3 * NS_PER_MS);
    for (int i = 0; i < 50; i++)
        hdr_record(&results.totals->series[0].latency, 40 * NS_PER_MS);
    assert_int_equal(load_results_add_interval(&results, results.totals, NS_PER_S, 0), ERR_OK);
    load_results_judge(&results);
    assert_null(remark_of("lag"));
}

static void what_was_never_sent_makes_the_run_invalid(void **state)
{
    (void)state;
    fake_second(results.totals, 100);
    counter_add(&results.totals->unsent, 1);
    assert_int_equal(load_results_add_interval(&results, results.totals, NS_PER_S, 0), ERR_OK);
    load_results_judge(&results);
    assert_int_equal(remark_of("unsent")->kind, LOAD_REMARK_INVALID);
}

static void a_rate_that_is_not_the_plans_is_said(void **state)
{
    (void)state;
    fake_second(results.totals, 90);
    assert_int_equal(load_results_add_interval(&results, results.totals, NS_PER_S, 0), ERR_OK);
    load_results_judge(&results);
    assert_int_equal(remark_of("rate")->kind, LOAD_REMARK_WARNING);
}

static void fill(uint64_t answered, int64_t backlog, uint64_t end_ns)
{
    counter_add(&results.totals->series[0].answered, answered);
    gauge_set(&results.totals->backlog, backlog);
    assert_int_equal(load_results_add_interval(&results, results.totals, end_ns, 1), ERR_OK);
}

/* 1500 are due in five seconds, and 1000 answered: 200 a second, however long the others are waited for. */
static void a_backlog_that_is_worked_off_behind_the_end_makes_no_rate(void **state)
{
    (void)state;
    fill(1000, 500, 5 * NS_PER_S);
    fill(500, 0, 5 * NS_PER_S + 2500 * NS_PER_MS);
    load_results_judge(&results);
    assert_true(fabs(results.thresholds[2].value - 200) < 0.01);
    assert_int_equal(load_results_rated_ns(&results), 7500 * NS_PER_MS);
    assert_int_equal(remark_of("backlog")->kind, LOAD_REMARK_WARNING);
}

static void an_answer_behind_the_end_makes_no_rate_less(void **state)
{
    (void)state;
    fill(1000, 0, 5 * NS_PER_S);
    fill(1, 0, 9 * NS_PER_S);
    load_results_judge(&results);
    assert_true(fabs(results.thresholds[2].value - 200.2) < 0.01);
    assert_int_equal(load_results_rated_ns(&results), 5 * NS_PER_S);
    assert_null(remark_of("backlog"));
}

/* 990 requests of one step take a millisecond, one of the other a second: of all, less than a hundredth. */
static void a_stage_tells_the_quantile_of_all_its_steps_and_no_time_behind_its_end(void **state)
{
    (void)state;
    assert_int_equal(load_results_add_interval(&results, results.totals, 2 * NS_PER_S, 0), ERR_OK);
    for (int i = 0; i < 990; i++)
        hdr_record(&results.totals->series[0].latency, NS_PER_MS);
    hdr_record(&results.totals->series[1].latency, NS_PER_S);
    fill(600, 0, 5 * NS_PER_S);
    fill(0, 0, 9 * NS_PER_S);
    load_results_judge(&results);
    assert_has(written(print), "2.00 s      200       0  1.00 ms");
}

static void what_is_never_sent_takes_no_time(void **state)
{
    (void)state;
    fill(1000, 500, 5 * NS_PER_S);
    fill(0, 0, 10 * NS_PER_S);
    assert_int_equal(load_results_rated_ns(&results), 5 * NS_PER_S);
}

static void too_many_failures_make_the_run_invalid(void **state)
{
    (void)state;
    fake_second(results.totals, 100);
    counter_add(&results.totals->series[0].failed[LOAD_FAILURE_TIMEOUT], 6);
    assert_int_equal(load_results_add_interval(&results, results.totals, NS_PER_S, 0), ERR_OK);
    load_results_judge(&results);
    assert_int_equal(remark_of("errors")->kind, LOAD_REMARK_INVALID);
    assert_non_null(remark_of("samples"));
}

static void a_busy_generator_is_said(void **state)
{
    (void)state;
    fake_second(results.totals, 100);
    counter_add(&results.totals->cpu_ns, NS_PER_S * 97 / 100);
    assert_int_equal(load_results_add_interval(&results, results.totals, NS_PER_S, 0), ERR_OK);
    load_results_judge(&results);
    assert_int_equal(remark_of("cpu")->kind, LOAD_REMARK_WARNING);
}

static void json_holds_all_of_it_exactly(void **state)
{
    (void)state;
    struct json_document document;
    struct json_fault fault;
    struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = 16, .refuse_duplicate_keys = true};
    struct slice text = written(load_results_write_json);
    assert_int_equal(json_parse(&arena, text, &limits, &document, &fault), ERR_OK);
    assert_int_equal(yyjson_get_uint(json_get(document.root, SLICE_LIT("weir_load"))), 1);
    assert_int_equal(yyjson_arr_size(json_get(document.root, SLICE_LIT("intervals"))), 5);
    struct load_record *read;
    struct load_record *difference;
    assert_int_equal(load_record_create(&fake_plan, &read), ERR_OK);
    assert_int_equal(load_record_create(&fake_plan, &difference), ERR_OK);
    assert_int_equal(load_record_read_add(json_get(document.root, SLICE_LIT("totals")), &fake_plan, read), ERR_OK);
    load_record_subtract(difference, read, results.totals);
    assert_int_equal(hdr_count(&difference->series[1].latency), 0);
    load_record_subtract(difference, results.totals, read);
    assert_int_equal(hdr_count(&difference->series[1].latency), 0);
    assert_int_equal(hdr_sum_ns(&read->lag), hdr_sum_ns(&results.totals->lag));
    load_record_destroy(read);
    load_record_destroy(difference);
}

static void the_same_results_are_the_same_text(void **state)
{
    (void)state;
    struct slice text = written(load_results_write_json);
    struct slice again = written(load_results_write_json);
    assert_true(slice_equal(text, again));
}

static void the_summary_has_the_figures(void **state)
{
    (void)state;
    struct slice text = written(print);
    static const char *const wanted[] = {"5.00 s of load",
                                         "login",
                                         "all ",
                                         "p99.9",
                                         "own lag",
                                         "status: 7",
                                         "200: 793, 503: 7",
                                         "holds  p99 < 20ms",
                                         "6.00 us CPU a request",
                                         "flat"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_has(text, wanted[i]);
}

static void csv_quotes_what_needs_quotes(void **state)
{
    (void)state;
    struct slice stats = written(load_results_write_csv);
    assert_has(stats, "GET,\"</script>&\"\"\",399,7,");
    assert_has(stats, "\r\n,Aggregated,800,7,");
    assert_has(stats, ",512,160,1.4,"); /* bytes of one that failed count, and so does it */
    assert_has(written(load_results_write_csv_failures), "GET,\"</script>&\"\"\",status,7\r\n");
    struct slice history = written(load_results_write_csv_history);
    assert_has(history, "1764112505,0,,Aggregated,267,");
    assert_has(history, ",800,7,");
    assert_has(history, ",512\r\n");
}

static void junit_tells_thresholds_and_escapes_names(void **state)
{
    (void)state;
    struct slice suite = written(load_results_write_junit);
    assert_has(suite, "tests=\"4\" failures=\"0\"");
    assert_has(suite, "classname=\"fake &lt;/script&gt;&lt;b&gt;&amp;&quot;\" name=\"p99 &lt; 20ms\"");
    load_results_remark(&results, LOAD_REMARK_INVALID, "lag", "late & <slow>");
    suite = written(load_results_write_junit);
    assert_has(suite, "failures=\"1\"");
    assert_has(suite, "<failure type=\"lag\" message=\"late &amp; &lt;slow&gt;\"/>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(intervals_add_up_to_the_totals, make_results, drop_results),
        cmocka_unit_test_setup_teardown(stages_hold_what_was_recorded_during_them, make_results, drop_results),
        cmocka_unit_test_setup_teardown(thresholds_hold_or_not_with_the_value, make_results, drop_results),
        cmocka_unit_test_setup_teardown(a_threshold_of_what_was_not_measured_does_not_hold, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(a_late_generator_makes_the_run_invalid, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(lag_is_measured_against_what_the_server_took, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(what_was_never_sent_makes_the_run_invalid, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(a_rate_that_is_not_the_plans_is_said, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(too_many_failures_make_the_run_invalid, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(a_busy_generator_is_said, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(a_backlog_that_is_worked_off_behind_the_end_makes_no_rate, make_empty,
                                        drop_results),
        cmocka_unit_test_setup_teardown(an_answer_behind_the_end_makes_no_rate_less, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(a_stage_tells_the_quantile_of_all_its_steps_and_no_time_behind_its_end,
                                        make_empty, drop_results),
        cmocka_unit_test_setup_teardown(what_is_never_sent_takes_no_time, make_empty, drop_results),
        cmocka_unit_test_setup_teardown(json_holds_all_of_it_exactly, make_results, drop_results),
        cmocka_unit_test_setup_teardown(the_same_results_are_the_same_text, make_results, drop_results),
        cmocka_unit_test_setup_teardown(csv_quotes_what_needs_quotes, make_results, drop_results),
        cmocka_unit_test_setup_teardown(junit_tells_thresholds_and_escapes_names, make_results, drop_results),
        cmocka_unit_test_setup_teardown(the_summary_has_the_figures, make_results, drop_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
