/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cpu.h"

#include "lib/base/attr.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The level is asked once in a process, so each case is a process of its own. */
static enum cpu_level level_with(const char *wanted)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (wanted)
            setenv("WEIR_CPU", wanted, 1);
        else
            unsetenv("WEIR_CPU");
        _exit((int)cpu_level());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (enum cpu_level)WEXITSTATUS(status);
}

static void environment_can_only_lower_the_level(void **state)
{
    (void)state;
    enum cpu_level best = level_with(NULL);
    assert_int_equal(level_with("scalar"), CPU_SCALAR);
    assert_int_equal(level_with("sse4.2"), MIN(best, CPU_SSE42));
    assert_int_equal(level_with("avx2"), best);
    assert_int_equal(level_with("avx1024"), best);
}

static void answer_does_not_change(void **state)
{
    (void)state;
    enum cpu_level first = cpu_level();
    setenv("WEIR_CPU", first == CPU_SCALAR ? "avx2" : "scalar", 1);
    assert_int_equal(cpu_level(), first);
}

static void every_level_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(cpu_level_name(CPU_SCALAR), "scalar");
    assert_string_equal(cpu_level_name(CPU_SSE42), "sse4.2");
    assert_string_equal(cpu_level_name(CPU_AVX2), "avx2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_can_only_lower_the_level),
        cmocka_unit_test(answer_does_not_change),
        cmocka_unit_test(every_level_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
