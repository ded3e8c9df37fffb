/* SPDX-License-Identifier: Apache-2.0 */
/* How large batches become, and when they wait. */
#include "pipeline/schedule/form_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct batch_config adaptive = {.max = 64};
/* As measured on one core: a perceptron of 784 inputs, whose weights are read once for a batch, and a convolution. */
static const struct cost perceptron = {.a_ns = 4140, .b_ns = 18900, .count = 100};
static const struct cost convolution = {.a_ns = 31700, .b_ns = 2300, .count = 100};

static struct situation situation(const struct cost *cost, uint32_t rows)
{
    return (struct situation){.rules = &adaptive,
                              .cost = cost,
                              .rows_max = 64,
                              .rows = rows,
                              .servers = 1,
                              .now_ns = 1000000,
                              .oldest_ns = 1000000,
                              .deadline_ns = UINT64_MAX};
}

static void takes_as_much_as_pays(void **state)
{
    (void)state;
    struct situation s = situation(&perceptron, 50);
    assert_int_equal(form_rows(&s), 64);
    s = situation(&convolution, 50);
    assert_int_equal(form_rows(&s), 2);
    const struct cost rising = {.a_ns = 32000000, .b_ns = 0, .count = 100}; /* larger batches cost more a row */
    s = situation(&rising, 50);
    assert_int_equal(form_rows(&s), 1);
    const struct cost unknown = {0};
    s = situation(&unknown, 50);
    assert_int_equal(form_rows(&s), 64);
    s.rows_max = 1;
    assert_int_equal(form_rows(&s), 1);
}

static void shares_what_waits_with_other_executors(void **state)
{
    (void)state;
    struct situation s = situation(&perceptron, 32);
    s.servers = 2;
    assert_int_equal(form_rows(&s), 16);
    s.rows = 6; /* three each would be more b than a n */
    assert_int_equal(form_rows(&s), 5);
}

static void one_request_alone_never_waits(void **state)
{
    (void)state;
    struct situation s = situation(&perceptron, 1);
    assert_int_equal(form_wait_until_ns(&s), 0);
    s.arrivals = 1.0 / 23040; /* one client that asks again as soon as it is answered */
    assert_int_equal(form_wait_until_ns(&s), 0);
    s.arrivals = 1e-3; /* whatever comes: somebody else may take it */
    s.servers = 2;
    assert_int_equal(form_wait_until_ns(&s), 0);
}

static void waits_while_more_is_won_than_lost(void **state)
{
    (void)state;
    struct situation s = situation(&perceptron, 1);
    s.arrivals = 1.0 / 3000; /* b - 3000 > 1 (3000 + a) */
    assert_int_equal(form_wait_until_ns(&s), 1000000 + 6000);
    s.rows = 3; /* three would lose that */
    assert_int_equal(form_wait_until_ns(&s), 0);
    s.rows = 1;
    s.now_ns = 1000000 + 6000; /* it has not come */
    assert_int_equal(form_wait_until_ns(&s), 0);
}

static void never_waits_where_batches_do_not_pay(void **state)
{
    (void)state;
    struct situation s = situation(&convolution, 1);
    for (double between_ns = 1; between_ns < 1e6; between_ns *= 2) {
        s.arrivals = 1 / between_ns;
        assert_int_equal(form_wait_until_ns(&s), 0);
    }
}

static void a_deadline_ends_the_waiting(void **state)
{
    (void)state;
    struct situation s = situation(&perceptron, 1);
    s.arrivals = 1.0 / 3000;
    s.deadline_ns = s.now_ns + 27180 + 1000; /* T(2) and a little */
    assert_int_equal(form_wait_until_ns(&s), 1000000 + 1000);
    s.deadline_ns = s.now_ns + 20000; /* too late anyhow: at once */
    assert_int_equal(form_wait_until_ns(&s), 0);
}

static void does_not_trust_a_model_that_it_hardly_knows(void **state)
{
    (void)state;
    struct cost cost = perceptron;
    cost.count = 2;
    struct situation s = situation(&cost, 1);
    s.arrivals = 1.0 / 3000;
    assert_int_equal(form_wait_until_ns(&s), 0);
    cost.count = 100;
    assert_int_not_equal(form_wait_until_ns(&s), 0);
    cost.error_ratio = 0.3; /* a busy machine, on which runs take what they take */
    assert_int_equal(form_wait_until_ns(&s), 0);
}

static void fixed_rules_are_kept_to_the_letter(void **state)
{
    (void)state;
    uint64_t sizes[] = {4, 8};
    struct batch_config rules = {.max = 16, .policy = BATCH_FIXED, .preferred = {sizes, 2}, .max_delay = 5000};
    struct situation s = situation(&convolution, 3);
    s.rules = &rules;
    s.rows_max = 16;
    assert_int_equal(form_wait_until_ns(&s), 1000000 + 5000);
    s.now_ns += 5000;
    assert_int_equal(form_wait_until_ns(&s), 0);
    assert_int_equal(form_rows(&s), 16); /* what there is */
    s.now_ns -= 5000;
    s.rows = 11;
    assert_int_equal(form_wait_until_ns(&s), 0);
    assert_int_equal(form_rows(&s), 8);
    rules.max_delay = 0;
    s.rows = 3;
    assert_int_equal(form_wait_until_ns(&s), 0);
}

static void arrivals_are_counted_and_forgotten(void **state)
{
    (void)state;
    struct arrivals arrivals = {.tau_ns = ARRIVALS_TAU_NS};
    for (uint64_t now_ns = 0; now_ns < 200000000; now_ns += 100000)
        arrivals_add(&arrivals, 2, now_ns);
    double per_s = arrivals_per_ns(&arrivals, 200000000) * 1e9;
    assert_true(per_s > 19000 && per_s < 21000);
    assert_true(arrivals_per_ns(&arrivals, 1000000000) * 1e9 < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_as_much_as_pays),
        cmocka_unit_test(shares_what_waits_with_other_executors),
        cmocka_unit_test(one_request_alone_never_waits),
        cmocka_unit_test(waits_while_more_is_won_than_lost),
        cmocka_unit_test(never_waits_where_batches_do_not_pay),
        cmocka_unit_test(a_deadline_ends_the_waiting),
        cmocka_unit_test(does_not_trust_a_model_that_it_hardly_knows),
        cmocka_unit_test(fixed_rules_are_kept_to_the_letter),
        cmocka_unit_test(arrivals_are_counted_and_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
