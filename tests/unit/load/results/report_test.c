/* SPDX-License-Identifier: Apache-2.0 */
#include "load/results.h"
#include "load/values.h"
#include "unit/load/results/fake.h"
#include "unit/support/arena.h"

#include <math.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(SIZE_MAX);
}

static struct slice json_of(const struct load_results *results)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(load_results_write_json(results, out), ERR_OK);
    assert_int_equal(fclose(out), 0);
    struct slice kept = arena_copy(&arena, slice_of(text, bytes));
    free(text);
    return kept;
}

/* A test of 20 s at 100/s whose latencies are around `base_ns`, with the spread of a real one. */
static struct slice noisy_json(uint64_t base_ns, uint64_t seed, uint32_t seconds)
{
    struct load_results results;
    struct load_random random = {seed};
    assert_int_equal(load_results_init(&fake_plan, &results), ERR_OK);
    for (uint32_t second = 0; second < seconds; second++) {
        double drift = 0.9 + 0.2 * load_draw_unit(&random);
        for (int i = 0; i < 100; i++) {
            struct load_series *series = &results.totals->series[i % 2];
            double latency_ns = (double)base_ns * drift * (1 - 0.5 * log(load_draw_unit(&random)));
            counter_add(&series->due, 1);
            counter_add(&series->sent, 1);
            counter_add(&series->answered, 1);
            hdr_record(&series->latency, (uint64_t)latency_ns);
            hdr_record(&series->service, (uint64_t)latency_ns);
        }
        assert_int_equal(load_results_add_interval(&results, results.totals, (second + 1) * NS_PER_S, 0), ERR_OK);
    }
    load_results_judge(&results);
    struct slice json = json_of(&results);
    load_results_deinit(&results);
    return json;
}

static const struct load_difference *named(const struct load_difference *all, const char *name)
{
    for (int i = 0; i < LOAD_DIFFERENCES; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    fail_msg("no %s", name);
    return NULL;
}

static void a_slower_server_is_told_from_noise(void **state)
{
    (void)state;
    struct load_difference all[LOAD_DIFFERENCES];
    uint32_t which;
    struct slice before = noisy_json(2 * NS_PER_MS, 1, 20);
    assert_int_equal(load_report_differ(before, noisy_json(3 * NS_PER_MS, 2, 20), all, &which), ERR_OK);
    const struct load_difference *p50 = named(all, "p50");
    assert_true(p50->is_significant && p50->change > 0.4 && p50->change < 0.6);
    assert_true(p50->low > 0.3 && p50->high < 0.7 && p50->low < p50->change && p50->change < p50->high);
    assert_false(named(all, "rate")->is_significant);
}

static void noise_is_told_as_noise(void **state)
{
    (void)state;
    uint32_t which;
    uint32_t wrong = 0;
    for (uint64_t seed = 10; seed < 30; seed++) {
        struct load_difference all[LOAD_DIFFERENCES];
        assert_int_equal(load_report_differ(noisy_json(2 * NS_PER_MS, seed, 20),
                                            noisy_json(2 * NS_PER_MS, seed + 50, 20), all, &which),
                         ERR_OK);
        wrong += named(all, "p50")->is_significant;
    }
    assert_in_range(wrong, 0, 4); /* one of twenty, and some luck */
}

static void a_short_test_says_nothing_about_noise(void **state)
{
    (void)state;
    struct load_difference all[LOAD_DIFFERENCES];
    uint32_t which;
    assert_int_equal(load_report_differ(noisy_json(2 * NS_PER_MS, 1, 4), noisy_json(9 * NS_PER_MS, 2, 4), all, &which),
                     ERR_OK);
    assert_true(isnan(named(all, "p99")->low) && !named(all, "p99")->is_significant);
    assert_true(named(all, "p99")->change > 1);
}

static void what_is_no_results_is_named(void **state)
{
    (void)state;
    struct load_difference all[LOAD_DIFFERENCES];
    uint32_t which = 9;
    struct slice good = noisy_json(2 * NS_PER_MS, 1, 4);
    assert_int_equal(load_report_differ(good, SLICE_LIT("{\"weir_load\":2}"), all, &which), ERR_SYNTAX);
    assert_int_equal(which, 1);
    struct slice both[] = {SLICE_LIT("[]"), good};
    assert_int_equal(load_report_write_html(both, 2, stderr, &which), ERR_SYNTAX);
    assert_int_equal(which, 0);
}

static struct slice html_of(const struct slice *texts, uint32_t count)
{
    char *text = NULL;
    size_t bytes = 0;
    uint32_t which;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_int_equal(load_report_write_html(texts, count, out, &which), ERR_OK);
    assert_int_equal(fclose(out), 0);
    struct slice kept = arena_copy(&arena, slice_of(text, bytes));
    free(text);
    return kept;
}

static uint32_t count_of(struct slice text, const char *what)
{
    uint32_t count = 0;
    for (const char *at; (at = memmem(text.ptr, text.len, what, strlen(what))) != NULL; count++)
        text = slice_skip(text, (size_t)(at - text.ptr) + 1);
    return count;
}

/* The plan's name and a step's name both hold "</script>". */
static void a_name_cannot_end_the_script_it_stands_in(void **state)
{
    (void)state;
    struct load_results results;
    assert_int_equal(fake_results(&results), ERR_OK);
    struct slice json = json_of(&results);
    load_results_deinit(&results);
    assert_true(count_of(json, "</script>") > 0);
    struct slice page = html_of(&json, 1);
    assert_int_equal(count_of(page, "</script>"), 3); /* the page's own */
    assert_int_equal(count_of(page, "<b>"), 0);
    assert_true(count_of(page, "fake \\u003c/script>\\u003cb>") > 0);
}

static void a_page_loads_nothing(void **state)
{
    (void)state;
    struct slice texts[] = {noisy_json(2 * NS_PER_MS, 1, 12), noisy_json(3 * NS_PER_MS, 2, 12)};
    struct slice page = html_of(texts, 2);
    assert_int_equal(count_of(page, " src="), 0);
    assert_int_equal(count_of(page, "<link"), 0);
    assert_int_equal(count_of(page, "@import"), 0);
    assert_int_equal(count_of(page, "default-src 'none'"), 1);
    assert_true(count_of(page, "Copyright (c) 2022 Leon Sorokin") == 1);
    assert_true(count_of(page, "\"significant\":true") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_slower_server_is_told_from_noise, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(noise_is_told_as_noise, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_short_test_says_nothing_about_noise, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(what_is_no_results_is_named, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_name_cannot_end_the_script_it_stands_in, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_page_loads_nothing, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
