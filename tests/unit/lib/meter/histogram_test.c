/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/histogram.h"

#include "lib/base/attr.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct histogram histogram;
static struct histogram other;

static int clear(void **state)
{
    (void)state;
    histogram_reset(&histogram);
    histogram_reset(&other);
    return 0;
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Of any magnitude up to the largest. */
static uint64_t random_value(void)
{
    uint64_t random = next_random();
    return (next_random() & HISTOGRAM_VALUE_MAX_NS) >> random % HISTOGRAM_VALUE_BITS;
}

static void buckets_follow_each_other_without_a_gap(void **state)
{
    (void)state;
    uint32_t last = 0;
    for (uint64_t value = 1; value < 1 << 16; value++) {
        uint32_t index = histogram_index(value);
        assert_in_range(index - last, value < 64 ? 1 : 0, 1);
        last = index;
    }
    for (int bit = 6; bit < HISTOGRAM_VALUE_BITS; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        assert_int_equal(histogram_index(power) - histogram_index(power - 1), 1);
    }
    assert_int_equal(histogram_index(0), 0);
    assert_int_equal(histogram_index(HISTOGRAM_VALUE_MAX_NS), HISTOGRAM_BUCKETS - 1);
}

static void single_value_is_read_within_its_error(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint64_t value = random_value();
        uint64_t larger = MIN(value + value / 2 + 1, HISTOGRAM_VALUE_MAX_NS);
        histogram_reset(&histogram);
        histogram_record(&histogram, value);
        histogram_record(&histogram, larger);
        uint64_t read = histogram_quantile(&histogram, 0.5);
        assert_true(read >= value);
        assert_true(read - value <= value / 32);
        assert_true(histogram_quantile(&histogram, 1) == larger);
    }
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

enum { VALUES = 5000 };
static uint64_t values[VALUES];

static void fill(void)
{
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = random_value();
        histogram_record(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof values[0], compare);
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    fill();
    for (size_t rank = 1; rank <= VALUES; rank += 7) {
        uint64_t exact = values[rank - 1];
        uint64_t read = histogram_quantile(&histogram, (double)rank / (double)VALUES);
        assert_true(read >= exact);
        assert_true(read - exact <= exact / 32);
    }
    assert_true(histogram_quantile(&histogram, 1) == values[VALUES - 1]);
    assert_true(histogram_quantile(&histogram, 2) == values[VALUES - 1]);
    assert_true(histogram_quantile(&histogram, 0) >= values[0]);
    assert_true(histogram_quantile(&histogram, -1) - values[0] <= values[0] / 32);
}

static void count_at_most_is_exact_for_a_bound_slightly_below(void **state)
{
    (void)state;
    fill();
    uint64_t before = 0;
    for (uint64_t bound = 1; bound < HISTOGRAM_VALUE_MAX_NS; bound += bound / 10 + 1) {
        uint64_t exact = 0;
        uint64_t least = 0;
        for (size_t i = 0; i < VALUES; i++) {
            exact += values[i] <= bound;
            least += values[i] < bound - bound / 32;
        }
        uint64_t count = histogram_count_at_most(&histogram, bound);
        assert_true(count <= exact && count >= least && count >= before);
        before = count;
    }
    assert_int_equal(histogram_count_at_most(&histogram, HISTOGRAM_VALUE_MAX_NS), VALUES);
    assert_int_equal(histogram_count_at_most(&histogram, UINT64_MAX), VALUES);
}

static void count_at_most_includes_a_bound_that_ends_a_bucket(void **state)
{
    (void)state;
    histogram_record(&histogram, 63);
    histogram_record(&histogram, 127);
    assert_int_equal(histogram_count_at_most(&histogram, 62), 0);
    assert_int_equal(histogram_count_at_most(&histogram, 63), 1);
    assert_int_equal(histogram_count_at_most(&histogram, 126), 1);
    assert_int_equal(histogram_count_at_most(&histogram, 127), 2);
}

static void empty_histogram_is_zero_throughout(void **state)
{
    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.99), 0);
    assert_int_equal(histogram_max_ns(&histogram), 0);
    assert_int_equal(histogram_count_at_most(&histogram, 1000), 0);
}

static void too_long_is_recorded_as_the_longest(void **state)
{
    (void)state;
    histogram_record(&histogram, UINT64_MAX);
    histogram_record(&histogram, 0);
    assert_true(histogram_max_ns(&histogram) == HISTOGRAM_VALUE_MAX_NS);
    assert_true(histogram_sum_ns(&histogram) == HISTOGRAM_VALUE_MAX_NS);
    assert_true(histogram_quantile(&histogram, 1) == HISTOGRAM_VALUE_MAX_NS);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
}

static void merged_is_the_same_as_recorded_in_one(void **state)
{
    (void)state;
    static struct histogram all;
    histogram_reset(&all);
    for (int i = 0; i < 3000; i++) {
        uint64_t value = random_value();
        histogram_record(i % 3 ? &histogram : &other, value);
        histogram_record(&all, value);
    }
    histogram_merge(&histogram, &other);
    assert_true(histogram_count(&histogram) == histogram_count(&all));
    assert_true(histogram_sum_ns(&histogram) == histogram_sum_ns(&all));
    assert_true(histogram_max_ns(&histogram) == histogram_max_ns(&all));
    for (int i = 0; i <= 1000; i++)
        assert_true(histogram_quantile(&histogram, i / 1000.0) == histogram_quantile(&all, i / 1000.0));
}

static _Atomic bool is_done;

static void *write_histogram(void *unused)
{
    (void)unused;
    for (int i = 0; i < 300000; i++)
        histogram_record(&histogram, random_value());
    atomic_store(&is_done, true);
    return NULL;
}

static void merge_of_a_running_histogram_agrees_with_itself(void **state)
{
    (void)state;
    pthread_t writer;
    uint64_t last = 0;
    atomic_store(&is_done, false);
    assert_int_equal(pthread_create(&writer, NULL, write_histogram, NULL), 0);
    while (!atomic_load(&is_done)) {
        histogram_reset(&other);
        histogram_merge(&other, &histogram);
        uint64_t count = histogram_count(&other);
        assert_true(histogram_count_at_most(&other, UINT64_MAX) == count);
        assert_true(count >= last);
        last = count;
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(histogram_count(&histogram), 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(buckets_follow_each_other_without_a_gap, clear),
        cmocka_unit_test_setup(single_value_is_read_within_its_error, clear),
        cmocka_unit_test_setup(quantiles_are_those_of_the_sorted_values, clear),
        cmocka_unit_test_setup(count_at_most_is_exact_for_a_bound_slightly_below, clear),
        cmocka_unit_test_setup(count_at_most_includes_a_bound_that_ends_a_bucket, clear),
        cmocka_unit_test_setup(empty_histogram_is_zero_throughout, clear),
        cmocka_unit_test_setup(too_long_is_recorded_as_the_longest, clear),
        cmocka_unit_test_setup(merged_is_the_same_as_recorded_in_one, clear),
        cmocka_unit_test_setup(merge_of_a_running_histogram_agrees_with_itself, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
