/* SPDX-License-Identifier: Apache-2.0 */
#include "load/inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/support/arena.h"

static struct load_inputs inputs;
static char path[] = "/tmp/weir-inputs-test-XXXXXX";

static int begin(void **state)
{
    (void)state;
    (void)make_arena_of((size_t)64 << 20);
    load_inputs_init(&inputs, &arena);
    return 0;
}

static void write_file(const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
}

static void a_file_is_read_once(void **state)
{
    (void)state;
    struct slice content;
    write_file("first");
    assert_int_equal(load_inputs_read(&inputs, slice_of_text(path), 100, &content), ERR_OK);
    assert_true(slice_is(content, "first"));
    write_file("second");
    assert_int_equal(load_inputs_read(&inputs, slice_of_text(path), 100, &content), ERR_OK);
    assert_true(slice_is(content, "first"));
    assert_int_equal(inputs.file_count, 1);
    assert_int_equal(load_inputs_read(&inputs, slice_of_text(path), 4, &content), ERR_LIMIT);
}

static void closed_inputs_open_nothing(void **state)
{
    (void)state;
    struct slice content;
    inputs.is_closed = true;
    assert_int_equal(load_inputs_read(&inputs, SLICE_LIT("/etc/passwd"), 1 << 20, &content), ERR_NOT_FOUND);
    assert_int_equal(load_inputs_add_file(&inputs, SLICE_LIT("/etc/passwd"), SLICE_LIT("ours")), ERR_OK);
    assert_int_equal(load_inputs_read(&inputs, SLICE_LIT("/etc/passwd"), 1 << 20, &content), ERR_OK);
    assert_true(slice_is(content, "ours"));
}

static void there_is_an_end_to_words_and_files(void **state)
{
    (void)state;
    for (int i = 0; i < LOAD_WORDS_MAX; i++)
        assert_int_equal(load_inputs_add_word(&inputs, SLICE_LIT("word")), ERR_OK);
    assert_int_equal(load_inputs_add_word(&inputs, SLICE_LIT("word")), ERR_LIMIT);
    for (int i = 0; i < LOAD_INPUTS_MAX; i++)
        assert_int_equal(load_inputs_add_file(&inputs, SLICE_LIT("path"), SLICE_LIT("")), ERR_OK);
    assert_int_equal(load_inputs_add_file(&inputs, SLICE_LIT("path"), SLICE_LIT("")), ERR_LIMIT);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_once, begin, drop_arena),
        cmocka_unit_test_setup_teardown(closed_inputs_open_nothing, begin, drop_arena),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_words_and_files, begin, drop_arena),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return result;
}
