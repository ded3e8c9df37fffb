/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/pad.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_number_becomes_the_bits_of_its_type(void **state)
{
    (void)state;
    static const struct {
        enum tensor_type type;
        double value;
        uint64_t bits;
    } cases[] = {
        {TENSOR_F32, 1, 0x3f800000},
        {TENSOR_F64, -2, 0xc000000000000000},
        {TENSOR_BF16, 1, 0x3f80},
        {TENSOR_F16, 1, 0x3c00},
        {TENSOR_F16, -2, 0xc000},
        {TENSOR_F16, 65504, 0x7bff},
        {TENSOR_F16, 65519, 0x7bff},
        {TENSOR_F16, 65520, 0x7c00},
        {TENSOR_F16, 0x1p-24, 1},
        {TENSOR_F16, 0x1p-25, 0},
        {TENSOR_F16, 0x1.8p-24, 2},
        {TENSOR_F16, 0x1.ff8p-15, 0x3ff},
        {TENSOR_F16, 0x1.ffcp-15, 0x400},
        {TENSOR_F16, 1 + 0x1p-11, 0x3c00},
        {TENSOR_F16, 1 + 0x1.8p-10, 0x3c02},
        {TENSOR_I64, -1, UINT64_MAX},
        {TENSOR_U64, 1e30, UINT64_MAX},
        {TENSOR_U64, -1, 0},
        {TENSOR_I64, 1e30, INT64_MAX},
        {TENSOR_BOOL, 1, 1},
        {TENSOR_BYTES, 7, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(element_bits(cases[i].type, cases[i].value), cases[i].bits);
}

static void a_box_is_copied_into_a_larger_and_back(void **state)
{
    (void)state;
    uint16_t small[2 * 3 * 2], large[2 * 4 * 5], back[2 * 3 * 2] = {0};
    static const int64_t small_dims[] = {2, 3, 2}, large_dims[] = {2, 4, 5};
    for (uint16_t i = 0; i < ARRAY_LEN(small); i++)
        small[i] = i;
    elements_fill(large, sizeof large, 999, sizeof large[0]);
    elements_copy_box(large, large_dims, small, small_dims, 3, sizeof small[0]);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t k = 0; k < 5; k++)
                assert_int_equal(large[(i * 4 + j) * 5 + k], j < 3 && k < 2 ? small[(i * 3 + j) * 2 + k] : 999);
    elements_copy_box(back, small_dims, large, large_dims, 3, sizeof small[0]);
    assert_memory_equal(back, small, sizeof small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_becomes_the_bits_of_its_type),
        cmocka_unit_test(a_box_is_copied_into_a_larger_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
