/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/quantity.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

static bool is_near(double a, double b)
{
    double difference = a > b ? a - b : b - a;
    return difference <= 1e-9 * (b > 1 ? b : 1);
}

static void rates_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double rate; /* below 0: none */
    } rows[] = {{"100", 100},  {"100/s", 100}, {"60/min", 1},   {"0.5/s", 0.5}, {"3600/h", 1},     {" 5 /s ", 5},
                {"1e3", 1000}, {"x", -1},      {"100/day", -1}, {"-1", -1},     {"2000000000", -1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double rate = -1;
        enum err err = load_rate_parse(slice_of_text(rows[i].text), &rate);
        assert_int_equal(err, rows[i].rate < 0 ? ERR_SYNTAX : ERR_OK);
        assert_true(is_near(rate, rows[i].rate) || rows[i].rate < 0);
    }
}

static void ramps_go_from_one_to_another(void **state)
{
    (void)state;
    double from, to;
    assert_int_equal(load_level_parse(SLICE_LIT("100 -> 6000/min"), false, &from, &to), ERR_OK);
    assert_true(from == 100 && is_near(to, 100));
    assert_int_equal(load_level_parse(SLICE_LIT("1..10"), true, &from, &to), ERR_OK);
    assert_true(from == 1 && to == 10);
    assert_int_equal(load_level_parse(SLICE_LIT("1.5"), true, &from, &to), ERR_SYNTAX);
    assert_int_equal(load_level_parse(SLICE_LIT("1 ->"), false, &from, &to), ERR_SYNTAX);
}

static const struct load_step steps[] = {{.name = SLICE_LIT("login")}, {.name = SLICE_LIT("GET /a: b")}};
static const struct load_plan plan = {.steps = steps, .step_count = ARRAY_LEN(steps)};

static void conditions_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct load_threshold threshold;
    } rows[] = {
        {"p99 < 20ms",
         {.step = UINT32_MAX, .statistic = LOAD_S_QUANTILE, .quantile = 0.99, .test = LOAD_LESS, .bound = 20e6}},
        {"p99.9<=1s", {.step = UINT32_MAX, .quantile = 0.999, .test = LOAD_AT_MOST, .bound = 1e9}},
        {"median < 1ms", {.step = UINT32_MAX, .quantile = 0.5, .test = LOAD_LESS, .bound = 1e6}},
        {"mean < 5us", {.step = UINT32_MAX, .statistic = LOAD_S_MEAN, .test = LOAD_LESS, .bound = 5e3}},
        {"errors < 0.1%",
         {.step = UINT32_MAX, .quantity = LOAD_Q_ERRORS, .statistic = LOAD_S_VALUE, .test = LOAD_LESS, .bound = 0.001}},
        {"login: p95 <= 1s", {.step = 0, .quantile = 0.95, .test = LOAD_AT_MOST, .bound = 1e9}},
        {"GET /a: b: errors < 0.5",
         {.step = 1, .quantity = LOAD_Q_ERRORS, .statistic = LOAD_S_VALUE, .test = LOAD_LESS, .bound = 0.5}},
        {"first_token p50 < 300ms",
         {.step = UINT32_MAX, .quantity = LOAD_Q_FIRST_TOKEN, .quantile = 0.5, .test = LOAD_LESS, .bound = 300e6}},
        {"service max < 1s",
         {.step = UINT32_MAX, .quantity = LOAD_Q_SERVICE, .statistic = LOAD_S_MAX, .test = LOAD_LESS, .bound = 1e9}},
        {"tokens > 100/s",
         {.step = UINT32_MAX, .quantity = LOAD_Q_TOKENS, .statistic = LOAD_S_VALUE, .test = LOAD_MORE, .bound = 100}},
        {"rate >= 57000/min",
         {.step = UINT32_MAX, .quantity = LOAD_Q_RATE, .statistic = LOAD_S_VALUE, .test = LOAD_AT_LEAST, .bound = 950}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char memory[512];
        struct text fault = text_init(memory, sizeof memory);
        struct load_threshold found;
        const struct load_threshold *expected = &rows[i].threshold;
        if (load_threshold_parse(slice_of_text(rows[i].text), &plan, &fault, &found) != ERR_OK)
            fail_msg("%s: %s", rows[i].text, memory);
        assert_int_equal(found.step, expected->step);
        assert_int_equal(found.quantity, expected->quantity);
        assert_int_equal(found.statistic, expected->statistic);
        assert_int_equal(found.test, expected->test);
        assert_true(is_near(found.bound, expected->bound));
        assert_true(expected->quantile == 0 || is_near(found.quantile, expected->quantile));
        assert_true(slice_is(found.text, rows[i].text));
    }
}

static void conditions_that_are_none_are_refused_in_words(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"p99", "a condition compares with <, <=, > or >=, such as p99 < 20ms or errors < 0.1%"},
        {"p99 < 20", "the bound of latency is written like 20ms"},
        {"p100 < 1s", "\"p100\" is nothing that is measured; there are p50, p99.9, mean, max, errors, rate, goodput, "
                      "tokens, and first_token p50 and the like"},
        {"first_token < 1s",
         "of first_token a statistic is held: first_token p99, first_token mean or first_token max"},
        {"errors p99 < 1%", "errors is one number and has no \"p99\""},
        {"logn: p99 < 1s", "no step is called \"logn\"; did you mean \"login\"?"},
        {"", "a condition compares with <, <=, > or >=, such as p99 < 20ms or errors < 0.1%"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char memory[512];
        struct text fault = text_init(memory, sizeof memory);
        struct load_threshold found;
        assert_int_equal(load_threshold_parse(slice_of_text(rows[i][0]), &plan, &fault, &found), ERR_SYNTAX);
        assert_string_equal(memory, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_have_units),
        cmocka_unit_test(ramps_go_from_one_to_another),
        cmocka_unit_test(conditions_are_read),
        cmocka_unit_test(conditions_that_are_none_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
