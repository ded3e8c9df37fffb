/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/support/arena.h"

static int make_arena(void **state)
{
    (void)state;
    return make_arena_of(16384);
}

static void takes_nothing_before_the_first_byte(void **state)
{
    (void)state;
    struct slice text = SLICE_LIT("untouched");
    struct buffer buffer = buffer_in_arena(&arena, 0);
    assert_int_equal(arena.used_bytes, 0);
    assert_int_equal(buffer_finish(&buffer, &text), ERR_OK);
    assert_int_equal(text.len, 0);
}

static void keeps_what_was_written_while_it_grows(void **state)
{
    (void)state;
    struct slice text;
    struct buffer buffer = buffer_in_arena(&arena, 1);
    for (int i = 0; i < 300; i++)
        buffer_printf(&buffer, "%03d,", i);
    buffer_add(&buffer, SLICE_LIT("end"));
    buffer_add_byte(&buffer, '.');
    assert_int_equal(buffer_finish(&buffer, &text), ERR_OK);
    assert_int_equal(text.len, 1204);
    assert_memory_equal(text.ptr, "000,001,002,", 12);
    assert_memory_equal(text.ptr + 1196, "299,end.", 8);
}

static void memory_of_the_caller_is_filled_to_its_last_byte(void **state)
{
    (void)state;
    char memory[4];
    struct slice text;
    struct buffer buffer = buffer_in_memory(memory, sizeof memory);
    buffer_add(&buffer, SLICE_LIT("abc"));
    buffer_add_byte(&buffer, 'd');
    assert_int_equal(buffer_finish(&buffer, &text), ERR_OK);
    assert_memory_equal(text.ptr, "abcd", 4);
    buffer_add_byte(&buffer, 'e');
    assert_int_equal(buffer_finish(&buffer, &text), ERR_LIMIT);
}

static void failure_sticks(void **state)
{
    (void)state;
    char memory[4];
    struct slice text;
    struct buffer buffer = buffer_in_memory(memory, sizeof memory);
    buffer_add(&buffer, SLICE_LIT("abcde"));
    buffer_add(&buffer, SLICE_LIT("a"));
    assert_int_equal(buffer_finish(&buffer, &text), ERR_LIMIT);
}

static void arena_over_its_limit_is_nomem(void **state)
{
    (void)state;
    struct slice text;
    struct buffer buffer = buffer_in_arena(&arena, 16);
    for (int i = 0; i < 20000; i++)
        buffer_add_byte(&buffer, 'x');
    assert_int_equal(buffer_finish(&buffer, &text), ERR_NOMEM);
}

static void grows_by_what_is_needed_where_doubling_no_longer_fits(void **state)
{
    (void)state;
    struct slice text;
    struct buffer buffer = buffer_in_arena(&arena, 7000);
    char part[4000] = {0};
    buffer_add(&buffer, slice_of(part, sizeof part));
    buffer_add(&buffer, slice_of(part, sizeof part));
    assert_int_equal(buffer_finish(&buffer, &text), ERR_OK);
    assert_int_equal(text.len, 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_nothing_before_the_first_byte, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(keeps_what_was_written_while_it_grows, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(memory_of_the_caller_is_filled_to_its_last_byte, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(failure_sticks, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(arena_over_its_limit_is_nomem, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(grows_by_what_is_needed_where_doubling_no_longer_fits, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
