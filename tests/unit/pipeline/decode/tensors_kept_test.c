/* SPDX-License-Identifier: Apache-2.0 */
/* A schema that wants the digits of numbers has had the document read with them: tensors are made of it all the same. */
#include "pipeline/decode/tensors_int.h"

#include <stdio.h>

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct tensors_plan plan;

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(1 << 20);
}

static void fill(const char *data, float ret_values[2])
{
    static struct tensor_spec spec = {.name = SLICE_LIT("x"), .type = TENSOR_F32, .rank = 1, .dims = {2}};
    static struct model_info model;
    const struct json_limits keeping = {.bytes_max = 1000, .depth_max = 8, .keeps_numbers = true};
    struct json_document document;
    struct json_fault fault;
    model.inputs[0] = spec;
    model.input_count = 1;
    char text[300];
    int len = snprintf(text, sizeof text,
                       "{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":%s}]}", data);
    assert_int_equal(json_parse(&arena, slice_of(text, (size_t)len), &keeping, &document, &fault), ERR_OK);
    plan = (struct tensors_plan){.model = &model, .arena = &arena, .bytes_max = 1000};
    tensors_check(&plan, document.root);
    assert_false(plan.is_refused);
    tensors_fill(&plan, 0, ret_values);
}

static void takes_numbers_that_are_kept_as_text(void **state)
{
    (void)state;
    float values[2];
    fill("[0.1000000000000000055511151231257827,18446744073709551616]", values);
    assert_false(plan.is_refused);
    assert_true(values[0] == 0.1f && values[1] == 0x1p64f);
}

static void says_which_kept_number_is_too_large(void **state)
{
    (void)state;
    float values[2];
    fill("[1,1e999]", values);
    assert_true(plan.is_refused);
    assert_int_equal(plan.fault_count, 1);
    assert_true(slice_is(plan.faults[0].pointer, "/inputs/0/data/1"));
    assert_true(slice_find(plan.faults[0].detail, '9') < plan.faults[0].detail.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_numbers_that_are_kept_as_text, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(says_which_kept_number_is_too_large, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
