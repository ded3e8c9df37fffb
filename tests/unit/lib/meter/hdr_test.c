/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/hdr.h"

#include "unit/support/arena.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct hdr hdr;
static struct hdr other;
static struct hdr third;

static int clear(void **state)
{
    (void)state;
    hdr_reset(&hdr);
    hdr_reset(&other);
    hdr_reset(&third);
    return make_arena_of(SIZE_MAX);
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
    return (next_random() & HDR_VALUE_MAX_NS) >> random % HDR_VALUE_BITS;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

static void assert_same(const struct hdr *a, const struct hdr *b)
{
    assert_int_equal(hdr_count(a), hdr_count(b));
    assert_int_equal(hdr_sum_ns(a), hdr_sum_ns(b));
    assert_int_equal(hdr_min_ns(a), hdr_min_ns(b));
    assert_int_equal(hdr_max_ns(a), hdr_max_ns(b));
    assert_memory_equal((const void *)a->buckets, (const void *)b->buckets, sizeof a->buckets);
}

static void buckets_follow_each_other_without_a_gap(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < HDR_BUCKETS; i++) {
        uint64_t lowest = hdr_bucket_lowest_ns(i);
        uint64_t highest = hdr_bucket_highest_ns(i);
        assert_int_equal(hdr_index(lowest), i);
        assert_int_equal(hdr_index(highest), i);
        assert_true(highest - lowest <= lowest / 1024);
        assert_true(i == 0 || lowest == hdr_bucket_highest_ns(i - 1) + 1);
    }
    assert_int_equal(hdr_bucket_highest_ns(HDR_BUCKETS - 1), HDR_VALUE_MAX_NS);
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    uint64_t sum = 0;
    for (int i = 0; i < COUNT; i++) {
        values[i] = random_value();
        sum += values[i];
        hdr_record(&hdr, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);
    for (int per_mille = 1; per_mille <= 1000; per_mille++) {
        uint64_t exact = values[(per_mille * COUNT + 999) / 1000 - 1];
        uint64_t read = hdr_quantile(&hdr, per_mille / 1000.0);
        assert_true(read >= exact && read - exact <= exact / 1024);
    }
    assert_int_equal(hdr_quantile(&hdr, 0), MIN(hdr_bucket_highest_ns(hdr_index(values[0])), values[COUNT - 1]));
    assert_int_equal(hdr_min_ns(&hdr), values[0]);
    assert_int_equal(hdr_max_ns(&hdr), values[COUNT - 1]);
    assert_int_equal(hdr_sum_ns(&hdr), sum);
    assert_int_equal(hdr_count_at_most(&hdr, HDR_VALUE_MAX_NS), COUNT);
    uint64_t middle = hdr_bucket_highest_ns(hdr_index(values[COUNT / 2]));
    uint64_t at_most = 0;
    while (at_most < COUNT && values[at_most] <= middle)
        at_most++;
    assert_int_equal(hdr_count_at_most(&hdr, middle), at_most);
}

static void an_empty_one_has_nothing(void **state)
{
    (void)state;
    assert_int_equal(hdr_quantile(&hdr, 0.99), 0);
    assert_int_equal(hdr_min_ns(&hdr), 0);
    assert_int_equal(hdr_count_at_most(&hdr, HDR_VALUE_MAX_NS), 0);
    assert_true(hdr_mean_ns(&hdr) == 0 && hdr_stddev_ns(&hdr) == 0);
    hdr_merge(&other, &hdr);
    hdr_subtract(&third, &other, &hdr);
    assert_int_equal(hdr_count(&third), 0);
}

static void the_mean_is_exact_and_the_deviation_to_the_bucket(void **state)
{
    (void)state;
    const uint64_t values[] = {2000000, 4000000, 4000000, 4000000, 5000000, 5000000, 7000000, 9000000};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        hdr_record(&hdr, values[i]);
    assert_true(hdr_mean_ns(&hdr) == 5e6);
    assert_true(hdr_stddev_ns(&hdr) > 2e6 * 0.999 && hdr_stddev_ns(&hdr) < 2e6 * 1.001);
}

static void what_is_too_long_is_recorded_as_the_longest(void **state)
{
    (void)state;
    hdr_record(&hdr, UINT64_MAX);
    assert_int_equal(hdr_max_ns(&hdr), HDR_VALUE_MAX_NS);
    assert_int_equal(hdr_quantile(&hdr, 0.5), HDR_VALUE_MAX_NS);
}

static void merged_ones_are_as_if_all_had_been_recorded_in_one(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        uint64_t value = random_value();
        hdr_record(&hdr, value);
        hdr_record(i % 3 ? &other : &third, value);
    }
    hdr_merge(&other, &third);
    assert_same(&hdr, &other);
}

static void a_difference_is_what_was_recorded_in_between(void **state)
{
    (void)state;
    struct hdr *between = calloc(1, sizeof *between);
    assert_non_null(between);
    for (int i = 0; i < 1000; i++)
        hdr_record(&hdr, 1000000 + random_value() / 1000);
    hdr_merge(&other, &hdr);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = 5000 + random_value() / 100000;
        hdr_record(&hdr, value);
        hdr_record(between, value);
    }
    hdr_record(&third, 77); /* into is reset */
    hdr_subtract(&third, &hdr, &other);
    assert_int_equal(hdr_count(&third), 1000);
    assert_int_equal(hdr_sum_ns(&third), hdr_sum_ns(between));
    assert_memory_equal((const void *)third.buckets, (const void *)between->buckets, sizeof third.buckets);
    assert_true(hdr_min_ns(&third) <= hdr_min_ns(between) && hdr_max_ns(&third) >= hdr_max_ns(between));
    assert_int_equal(hdr_index(hdr_max_ns(&third)), hdr_index(hdr_max_ns(between)));
    free(between);
}

static void what_is_encoded_decodes_to_the_same(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        hdr_reset(&hdr);
        hdr_reset(&other);
        for (int i = 0; i < round * 20; i++)
            hdr_record(&hdr, round % 2 ? random_value() : (uint64_t)i % 7);
        struct slice text;
        assert_int_equal(hdr_encode(&hdr, &arena, &text), ERR_OK);
        assert_int_equal(hdr_decode_add(text, &other), ERR_OK);
        assert_int_equal(hdr_count(&other), hdr_count(&hdr));
        assert_int_equal(hdr_set_exact(&other, hdr_sum_ns(&hdr), hdr_min_ns(&hdr), hdr_max_ns(&hdr)), ERR_OK);
        assert_same(&hdr, &other);
        assert_int_equal(hdr_decode_add(text, &other), ERR_OK);
        assert_int_equal(hdr_count(&other), 2 * hdr_count(&hdr));
    }
}

/* Made by HdrHistogram's Python port (PyPI hdrhistogram 0.10.8), unpacked from its compressed form:
 * HdrHistogram(1, 2**42 - 1, 3) with the values and counts of the test below. */
/* clang-format off */
static const char golden[] =
    "HISTEwAAAKoAAAAAAAAAAwAAAAAAAAABAAAD//////8/8AAAAAAAAAIDEAUECRIPBhkUJwg7FlsKiQEYzwEMuQIa1wMOwwUCpwgQ4wkEqwkS/QgG"
    "wQoUiwgIhwoW7wgKpwkY/wkMvQgarQoOtQgC0wkQuwkE7wgS0QoG/QcU/QkI/wgWmwkKjwoYrwgMowoaxQgOxwkCzQkQ4QgEyQoSiwgG8wkUjQkI"
    "kQkWnwoKowgYmQoM0wgavQkO3QkC1QgQvwoEmwgS5wkGnQkUhQkIsQoW";
/* clang-format on */

static void the_encoding_is_that_of_hdrhistogram(void **state)
{
    (void)state;
    uint64_t value = 0;
    for (int k = 0; k < 60; k++, value = value * 3 / 2 + 3)
        for (int i = 0; i < 1 + k * 7 % 13; i++)
            hdr_record(&hdr, value);
    struct slice text;
    assert_int_equal(hdr_encode(&hdr, &arena, &text), ERR_OK);
    assert_int_equal(text.len, sizeof golden - 1);
    assert_memory_equal(text.ptr, golden, text.len);
    assert_int_equal(hdr_decode_add(SLICE_LIT(golden), &other), ERR_OK);
    assert_int_equal(hdr_count(&other), 412);
    assert_int_equal(hdr_quantile(&other, 0.5), 1574911);       /* get_value_at_percentile(50) */
    assert_int_equal(hdr_quantile(&other, 0.99), 134217727999); /* (99) */
}

static void refuses_what_is_no_encoding_and_adds_nothing_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } cases[] = {
        {"", ERR_SYNTAX},
        {"HIST", ERR_SYNTAX},
        {"not base64!", ERR_SYNTAX},
        /* the head alone, with a length of 0: an empty histogram */
        {"HISTEwAAAAAAAAAAAAAAAwAAAAAAAAABAAAD//////8/8AAAAAAAAA==", ERR_OK},
        /* two digits */
        {"HISTEwAAAAAAAAAAAAAAAgAAAAAAAAABAAAD//////8/8AAAAAAAAA==", ERR_UNSUPPORTED},
        /* compressed */
        {"HISTFAAAAAAAAAAAAAAAAwAAAAAAAAABAAAD//////8/8AAAAAAAAA==", ERR_SYNTAX},
        /* a length of 1 where there is nothing, and a count whose second byte is missing */
        {"HISTEwAAAAEAAAAAAAAAAwAAAAAAAAABAAAD//////8/8AAAAAAAAA==", ERR_SYNTAX},
        {"HISTEwAAAAEAAAAAAAAAAwAAAAAAAAABAAAD//////8/8AAAAAAAAIA=", ERR_SYNTAX},
        /* a good count, then one of 2^63 - 1 */
        {"HISTEwAAAAoAAAAAAAAAAwAAAAAAAAABAAAD//////8/8AAAAAAAAAL+////////////", ERR_SYNTAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(hdr_decode_add(slice_of_text(cases[i].text), &hdr), cases[i].err);
        assert_int_equal(hdr_count(&hdr), 0);
    }
}

static void refuses_exact_figures_that_the_buckets_contradict(void **state)
{
    (void)state;
    hdr_record(&hdr, 1000);
    hdr_record(&hdr, 5000000);
    assert_int_equal(hdr_set_exact(&hdr, 5001000, 1000, 5000000), ERR_OK);
    assert_int_equal(hdr_set_exact(&hdr, 5001000, 1001, 5000000), ERR_INVALID);
    assert_int_equal(hdr_set_exact(&hdr, 5001000, 1000, 6000000), ERR_INVALID);
    assert_int_equal(hdr_set_exact(&hdr, 9001000, 1000, 5000000), ERR_INVALID);
    assert_int_equal(hdr_set_exact(&other, 1, 0, 0), ERR_INVALID);
    assert_int_equal(hdr_set_exact(&other, 0, 0, 0), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(buckets_follow_each_other_without_a_gap, clear, drop_arena),
        cmocka_unit_test_setup_teardown(quantiles_are_those_of_the_sorted_values, clear, drop_arena),
        cmocka_unit_test_setup_teardown(an_empty_one_has_nothing, clear, drop_arena),
        cmocka_unit_test_setup_teardown(the_mean_is_exact_and_the_deviation_to_the_bucket, clear, drop_arena),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_recorded_as_the_longest, clear, drop_arena),
        cmocka_unit_test_setup_teardown(merged_ones_are_as_if_all_had_been_recorded_in_one, clear, drop_arena),
        cmocka_unit_test_setup_teardown(a_difference_is_what_was_recorded_in_between, clear, drop_arena),
        cmocka_unit_test_setup_teardown(what_is_encoded_decodes_to_the_same, clear, drop_arena),
        cmocka_unit_test_setup_teardown(the_encoding_is_that_of_hdrhistogram, clear, drop_arena),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_encoding_and_adds_nothing_of_it, clear, drop_arena),
        cmocka_unit_test_setup_teardown(refuses_exact_figures_that_the_buckets_contradict, clear, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
