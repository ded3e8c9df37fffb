/* SPDX-License-Identifier: Apache-2.0 */
/* How a model is found to differ from the one whose place it takes. */
#include "unit/pipeline/infer/models.h"

static void compare(const char *before, const char *after, struct model_comparison *comparison)
{
    struct load first;
    struct load second;
    (void)load_good(&first, before);
    (void)load_good(&second, after);
    assert_int_equal(model_compare(first.model, second.model, comparison), ERR_OK);
    comparison->what = (struct slice){NULL, 0}; /* it is the model's */
    model_unref(first.model);
    model_unref(second.model);
}

static void finds_no_difference_between_equals(void **state)
{
    (void)state;
    struct model_comparison comparison;
    compare("identity", "unnamed", &comparison);
    assert_true(comparison.samples > 0);
    assert_false(comparison.is_recorded);
    assert_true(comparison.absolute == 0 && comparison.relative == 0);
    assert_string_equal(comparison.form, "");
    compare("lookup", "lookup", &comparison);
    assert_true(comparison.samples > 0 && comparison.absolute == 0);
}

static void measures_by_how_much_outputs_differ(void **state)
{
    (void)state;
    struct model_comparison comparison;
    compare("mlp", "mlp_shifted", &comparison);
    assert_true(comparison.absolute > 0.9 / 1024 && comparison.absolute < 1.1 / 1024);
    assert_true(comparison.relative <= comparison.absolute && comparison.relative > 0);
    assert_string_equal(comparison.form, "");
}

static void tells_what_of_the_form_has_changed(void **state)
{
    (void)state;
    struct model_comparison comparison;
    compare("identity", "two_inputs", &comparison);
    assert_int_equal(comparison.samples, 0);
    assert_string_equal(comparison.form, "input \"x\" is gone");
    compare("identity", "wrong_shape", &comparison);
    assert_string_equal(comparison.form, "output \"y\" was FP32 [-1, 4] and is FP32 [1, 4]");
    compare("pass_through", "no_shape", &comparison);
    assert_string_equal(comparison.form, "output \"x\" is gone");
}

static void uses_inputs_that_were_recorded(void **state)
{
    (void)state;
    struct model_comparison comparison;
    struct load before;
    struct load after;
    load_init(&before, "nonzero");
    before.config.record = 2;
    assert_int_equal(load_run(&before), ERR_OK);
    (void)load_good(&after, "nonzero");
    for (int64_t n = 1; n < 5; n++) {
        struct run *run = acquire(before.model, 1);
        void *data;
        assert_int_equal(run_input(run, 0, &n, BYTES_MAX, &data), ERR_OK);
        for (int64_t i = 0; i < n; i++)
            ((float *)data)[i] = 1;
        assert_int_equal(run_execute(run), ERR_OK);
        run_record(run);
        run_release(run);
    }
    assert_int_equal(model_compare(before.model, after.model, &comparison), ERR_OK);
    assert_true(comparison.is_recorded);
    assert_int_equal(comparison.samples, 2);
    assert_true(comparison.absolute == 0);
    model_unref(before.model);
    model_unref(after.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_no_difference_between_equals),
        cmocka_unit_test(measures_by_how_much_outputs_differ),
        cmocka_unit_test(tells_what_of_the_form_has_changed),
        cmocka_unit_test(uses_inputs_that_were_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
