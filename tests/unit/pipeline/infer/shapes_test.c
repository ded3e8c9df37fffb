/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/shapes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct tensor_spec rows_spec = {.rank = 2, .dims = {TENSOR_DIM_ANY, 4}, .symbols = {{"N", 1}}};
static const struct tensor_spec image_spec = {.rank = 4,
                                              .dims = {TENSOR_DIM_ANY, 3, TENSOR_DIM_ANY, TENSOR_DIM_ANY},
                                              .symbols = {{"", 0}, {"", 0}, {"?", 1}, {"?", 1}}};

static struct tensor rows(int64_t count)
{
    return (struct tensor){.spec = &rows_spec, .rank = 2, .dims = {count, 4}};
}

static struct tensor image(int64_t height, int64_t width)
{
    return (struct tensor){.spec = &image_spec, .rank = 4, .dims = {1, 3, height, width}};
}

static void takes_an_open_dimension_from_the_input_of_that_name(void **state)
{
    (void)state;
    const struct tensor_spec output = {.rank = 2, .dims = {7, TENSOR_DIM_ANY}, .symbols = {{"", 0}, {"N", 1}}};
    struct tensor input = rows(5);
    struct shape shape;
    assert_true(shape_derive(&output, &input, 1, &shape));
    assert_int_equal(shape.rank, 2);
    assert_int_equal(shape.dims[0], 7);
    assert_int_equal(shape.dims[1], 5);
}

static void does_not_guess_where_inputs_disagree_about_a_name(void **state)
{
    (void)state;
    const struct tensor_spec output = {.rank = 1, .dims = {TENSOR_DIM_ANY}, .symbols = {{"?", 1}}};
    struct tensor input = image(48, 192);
    struct shape shape;
    assert_false(shape_derive(&output, &input, 1, &shape));
    input = image(48, 48);
    assert_true(shape_derive(&output, &input, 1, &shape));
    struct tensor two[] = {rows(2), rows(3)};
    const struct tensor_spec by_rows = {.rank = 1, .dims = {TENSOR_DIM_ANY}, .symbols = {{"N", 1}}};
    assert_false(shape_derive(&by_rows, two, 2, &shape));
}

static void does_not_guess_without_a_name_or_with_one_of_its_own(void **state)
{
    (void)state;
    const struct tensor_spec nameless = {.rank = 1, .dims = {TENSOR_DIM_ANY}};
    const struct tensor_spec own = {.rank = 1, .dims = {TENSOR_DIM_ANY}, .symbols = {{"found", 5}}};
    const struct tensor_spec undeclared = {.rank = 0};
    struct tensor input = image(8, 8);
    struct shape shape;
    assert_false(shape_derive(&nameless, &input, 1, &shape));
    assert_false(shape_derive(&own, &input, 1, &shape));
    assert_false(shape_derive(&undeclared, &input, 1, &shape));
}

static void remembers_by_the_dims_of_all_inputs(void **state)
{
    (void)state;
    struct shapes shapes;
    assert_int_equal(shapes_init(&shapes, 2, 1), ERR_OK);
    struct tensor inputs[] = {rows(1), image(48, 192)};
    struct tensor output = {.rank = 2, .dims = {1, 2}};
    struct shape found;
    assert_false(shapes_find(&shapes, inputs, &found));
    shapes_add(&shapes, inputs, &output);
    assert_true(shapes_find(&shapes, inputs, &found));
    assert_true(shape_is_of(&found, &output));
    inputs[1] = image(192, 48);
    assert_false(shapes_find(&shapes, inputs, &found));
    shapes_deinit(&shapes);
}

static void corrects_what_it_remembered(void **state)
{
    (void)state;
    struct shapes shapes;
    assert_int_equal(shapes_init(&shapes, 1, 1), ERR_OK);
    struct tensor input = rows(3);
    struct tensor before = {.rank = 2, .dims = {1, 2}};
    struct tensor after = {.rank = 1, .dims = {9}};
    struct shape found;
    shapes_add(&shapes, &input, &before);
    shapes_add(&shapes, &input, &after);
    assert_true(shapes_find(&shapes, &input, &found));
    assert_true(shape_is_of(&found, &after));
    assert_int_equal(shapes.count, 1);
    shapes_deinit(&shapes);
}

static void forgets_the_oldest_when_full(void **state)
{
    (void)state;
    struct shapes shapes;
    assert_int_equal(shapes_init(&shapes, 1, 1), ERR_OK);
    struct shape found;
    for (int64_t i = 0; i <= SHAPES_MAX; i++) {
        struct tensor input = rows(i);
        struct tensor output = {.rank = 1, .dims = {i}};
        shapes_add(&shapes, &input, &output);
    }
    for (int64_t i = 0; i <= SHAPES_MAX; i++) {
        struct tensor input = rows(i);
        assert_int_equal(shapes_find(&shapes, &input, &found), i > 0);
        if (i > 0)
            assert_int_equal(found.dims[0], i);
    }
    shapes_deinit(&shapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_an_open_dimension_from_the_input_of_that_name),
        cmocka_unit_test(does_not_guess_where_inputs_disagree_about_a_name),
        cmocka_unit_test(does_not_guess_without_a_name_or_with_one_of_its_own),
        cmocka_unit_test(remembers_by_the_dims_of_all_inputs),
        cmocka_unit_test(corrects_what_it_remembered),
        cmocka_unit_test(forgets_the_oldest_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
