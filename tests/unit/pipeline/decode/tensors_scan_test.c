/* SPDX-License-Identifier: Apache-2.0 */
/* The fast way to a request's numbers: when it is taken, and that it only ever says yes to what is right. What it says no to
 * is read by the tree, which tensors_test.c looks at. */
#include "pipeline/decode/tensors_int.h"

#include <stdio.h>

#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct tensors_plan plan;
static float x[6000];
static int64_t n[2];

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(1 << 20);
}

/* As the stage goes: scan, check, read. */
static bool take_within(const char *text, uint32_t depth_max)
{
    static struct model_info model = {
        .inputs = {{.name = {"x", 1}, .type = TENSOR_F32, .rank = 3, .dims = {TENSOR_DIM_ANY, 2, 3}},
                   {.name = {"n", 1}, .type = TENSOR_I64, .rank = 1, .dims = {2}}},
        .input_count = 2,
    };
    const struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = depth_max, .refuse_duplicate_keys = true};
    memset(x, 0, sizeof x);
    memset(n, 0, sizeof n);
    plan = (struct tensors_plan){.model = &model, .arena = &arena, .bytes_max = sizeof x};
    bool is_scanned = tensors_scan(&plan, slice_of_text(text), &limits);
    return is_scanned && plan.items[0].cut && plan.items[1].cut && tensors_read(&plan, 0, x) &&
           tensors_read(&plan, 1, n);
}

static bool take(const char *text)
{
    return take_within(text, 32);
}

static void expect_taken_as(const char *text, int64_t rows)
{
    assert_true(take(text));
    assert_int_equal(plan.items[0].dims[0], rows);
    assert_true(n[0] == 7 && n[1] == -8);
}

static void expect_taken(const char *text)
{
    expect_taken_as(text, 1);
    for (int i = 0; i < 6; i++)
        assert_true(x[i] == (float)(i + 1));
}

#define FLAT   "[1,2,3,4,5,6]"
#define NESTED "[[[1,2,3],[4,5,6]]]"
#define X      "{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":" FLAT "}"
#define N      "{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8]}"

static void takes_members_in_any_order(void **state)
{
    (void)state;
    expect_taken("{\"inputs\":[" X "," N "]}");
    expect_taken(" {\"id\":\"q\",\"outputs\":[],\"inputs\" : [\n" N " , " X "\n] } ");
    expect_taken("{\"inputs\":[{\"data\": " NESTED " ,\"datatype\":\"FP32\",\"shape\":[1,2,3],\"name\":\"x\"}," N
                 "],\"id\":\"\"}");
    expect_taken("{\"x\":{\"inputs\":[{\"data\":[1]}]},\"inputs\":[{\"y\":{\"data\":[1,{\"data\":[]}]},\"data\":" FLAT
                 ",\"parameters\":{},\"datatype\":\"FP32\","
                 "\"shape\":[1,2,3],\"name\":\"x\"}," N "],\"outputs\":[]}");
}

/* What a tensor takes of the request's memory does not depend on its size. */
static void keeps_numbers_out_of_the_document(void **state)
{
    (void)state;
    enum { ROWS = 1000, LEN_MAX = 20000 };
    static char text[LEN_MAX];
    int len = snprintf(text, LEN_MAX,
                       "{\"inputs\":[" N ",{\"name\":\"x\",\"shape\":[%d,2,3],\"datatype\":\"FP32\",\"data\":[", ROWS);
    for (int i = 0; i < 6 * ROWS; i++)
        len += snprintf(text + len, (size_t)(LEN_MAX - len), "%s%d", i ? "," : "", i % 7);
    snprintf(text + len, (size_t)(LEN_MAX - len), "]}]}");
    expect_taken_as(text, ROWS);
    assert_true(arena.used_bytes < 10000);
}

static void leaves_to_the_tree_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "[]",
        "{\"inputs\":[]}",
        "{\"inputs\":[" X "," N "]",
        "{\"inputs\":[" X "," N "]}x",
        "{\"inputs\":[" X "," N "],\"inputs\":[]}",
        "{\"inputs\":[" X "," N "],\"id\":7}",
        "{\"inputs\":[" X "," X "," N "]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"d\\u0061ta\":[7,-8]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8],\"data\":[7,-8]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8],\"data\":\"\"}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":\"\"}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,\"-8\"]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8.0]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8]]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[[7,-8]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8}]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",[7,-8]:1}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8]:1}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,-8][7,-8]}]}",
        "{\"inputs\":[" X ",{\"name\":\"n\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":\"[7,-8]}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        assert_false(take(odd[i]));
}

static void keeps_to_the_limit_on_nesting(void **state)
{
    (void)state;
    const char *nested =
        "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2,3],\"datatype\":\"FP32\",\"data\":" NESTED "}," N "]}";
    assert_true(take_within(nested, 6));
    assert_false(take_within(nested, 5));
    assert_true(take_within("{\"inputs\":[" X "," N "]}", 4));
    assert_false(take_within("{\"inputs\":[" X "," N "]}", 3));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_members_in_any_order),
        TEST(keeps_numbers_out_of_the_document),
        TEST(leaves_to_the_tree_what_it_does_not_know),
        TEST(keeps_to_the_limit_on_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
