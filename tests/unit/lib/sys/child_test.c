/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/child.h"

#include "lib/sys/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SOON (10 * NS_PER_S)

static struct child start(const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct child child = {0};
    assert_int_equal(child_start(argv, true, &child), ERR_OK);
    return child;
}

static void its_lines_come_one_by_one(void **state)
{
    (void)state;
    struct child child = start("echo one; echo two >&2; echo three");
    char memory[16];
    struct text line = text_init(memory, sizeof memory);
    assert_int_equal(child_read_line(&child, SOON, &line), ERR_OK);
    assert_string_equal(memory, "one");
    line = text_init(memory, sizeof memory);
    assert_int_equal(child_read_line(&child, SOON, &line), ERR_OK);
    assert_string_equal(memory, "three");
    line = text_init(memory, sizeof memory);
    assert_int_equal(child_read_line(&child, SOON, &line), ERR_EOF);
    child_stop(&child, SOON);
    assert_int_equal(child.pid, 0);
}

static void waits_no_longer_than_it_is_told(void **state)
{
    (void)state;
    struct child child = start("sleep 60");
    char memory[16];
    struct text line = text_init(memory, sizeof memory);
    assert_int_equal(child_read_line(&child, 20 * NS_PER_MS, &line), ERR_TIMEOUT);
    child_stop(&child, SOON);
}

static void a_child_that_does_not_heed_is_killed(void **state)
{
    (void)state;
    struct child child = start("trap '' TERM; echo up; while :; do sleep 0.05; done");
    char memory[16];
    struct text line = text_init(memory, sizeof memory);
    assert_int_equal(child_read_line(&child, SOON, &line), ERR_OK);
    int pid = child.pid;
    child_stop(&child, 50 * NS_PER_MS);
    assert_int_equal(kill(pid, 0), -1);
}

static void says_when_there_is_no_such_program(void **state)
{
    (void)state;
    const char *const argv[] = {"/nowhere/at/all", NULL};
    struct child child = {0};
    assert_int_equal(child_start(argv, true, &child), ERR_NOT_FOUND);
    assert_int_equal(child.pid, 0);
    child_stop(&child, SOON);
    child_stop(NULL, SOON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_lines_come_one_by_one),
        cmocka_unit_test(waits_no_longer_than_it_is_told),
        cmocka_unit_test(a_child_that_does_not_heed_is_killed),
        cmocka_unit_test(says_when_there_is_no_such_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
