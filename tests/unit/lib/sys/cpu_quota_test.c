/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/cpu_quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/weir-quota-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int empty_folder(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s/*", folder);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own making */
}

static int remove_folder(void **state)
{
    int failed = empty_folder(state);
    return failed ? failed : remove(folder);
}

/* Writes a file below the folder that stands for the root, and makes the folders on the way. */
static void put(const char *name, const char *content)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s", folder, name);
    for (char *slash = strchr(path + sizeof folder, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void rounds_a_quota_up_to_whole_cpus(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t cpus;
    } cases[] = {
        {"200000 100000\n", 2},
        {"200000 100000", 2},
        {"150000 100000\n", 2},
        {"200001 100000\n", 3},
        {"1000 100000\n", 1},
        {"1 18446744073709551615", 1},
        {"100000 50000\n", 2},
        {"max 100000\n", CPU_QUOTA_NONE},
        {"18446744073709551615 1", CPU_QUOTA_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t cpus = 0;
        assert_int_equal(cpu_quota_parse_max(slice_of_text(cases[i].text), &cpus), ERR_OK);
        assert_int_equal(cpus, cases[i].cpus);
    }
}

static void refuses_what_the_kernel_would_not_write(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n",
        "max",
        "max ",
        "max 1 1",
        "max x",
        "200000",
        "200000 ",
        " 200000 1",
        "200000  1",
        "200000\t1",
        "200000 1\n\n",
        "200000 1 ",
        "-1 100000",
        "0 100000",
        "100000 0",
        "2e5 100000",
        "0x10 100000",
        "maximum 100000",
        "+1 100000",
        "MAX 100000",
        "200000 1 1",
        "200000\n1",
        "1.5 1",
        "\n200000 1",
        "200000 max",
        "18446744073709551616 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint32_t cpus = 77;
        assert_int_not_equal(cpu_quota_parse_max(slice_of_text(texts[i]), &cpus), ERR_OK);
        assert_int_equal(cpus, 77);
    }
}

static void version_1_says_minus_one_for_no_quota(void **state)
{
    (void)state;
    static const struct {
        const char *quota;
        const char *period;
        enum err err;
        uint32_t cpus;
    } cases[] = {
        {"-1\n", "100000\n", ERR_OK, CPU_QUOTA_NONE},
        {"250000\n", "100000\n", ERR_OK, 3},
        {"-2\n", "100000\n", ERR_SYNTAX, 77},
        {"max\n", "100000\n", ERR_SYNTAX, 77},
        {"250000\n", "\n", ERR_SYNTAX, 77},
        {"250000\n", "0\n", ERR_SYNTAX, 77},
        {"", "100000\n", ERR_SYNTAX, 77},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t cpus = 77;
        struct slice quota = slice_of_text(cases[i].quota);
        assert_int_equal(cpu_quota_parse_cfs(quota, slice_of_text(cases[i].period), &cpus), cases[i].err);
        assert_int_equal(cpus, cases[i].cpus);
    }
}

static void the_least_quota_on_the_way_up_counts(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/system.slice/weir.service\n");
    assert_int_equal(cpu_quota_read(folder), CPU_QUOTA_NONE);
    put("/sys/fs/cgroup/system.slice/weir.service/cpu.max", "800000 100000\n");
    assert_int_equal(cpu_quota_read(folder), 8);
    put("/sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n");
    assert_int_equal(cpu_quota_read(folder), 3);
    put("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
    assert_int_equal(cpu_quota_read(folder), 8);
    put("/sys/fs/cgroup/system.slice/weir.service/cpu.max", "what is this\n");
    assert_int_equal(cpu_quota_read(folder), CPU_QUOTA_NONE);
}

static void a_container_sees_its_own_group_as_the_root(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(cpu_quota_read(folder), 2);
}

static void a_path_of_the_host_ends_at_the_mount(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "12:memory:/docker/1234\n7:cpu,cpuacct:/docker/1234\n1:name=systemd:/docker/1234\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpu_quota_read(folder), 2);
}

static void other_controllers_have_no_say(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "3:cpuset:/\n2:cpuacct:/\n1:name=cpu:/\nno colon\n4:cpu\n\n:");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpu_quota_read(folder), CPU_QUOTA_NONE);
    put("/proc/self/cgroup", "3:cpuset:/\n1:cpuacct,cpu:/");
    assert_int_equal(cpu_quota_read(folder), 1);
}

static void without_control_groups_there_is_no_quota(void **state)
{
    (void)state;
    assert_int_equal(cpu_quota_read(folder), CPU_QUOTA_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_a_quota_up_to_whole_cpus),
        cmocka_unit_test(refuses_what_the_kernel_would_not_write),
        cmocka_unit_test(version_1_says_minus_one_for_no_quota),
        cmocka_unit_test_teardown(the_least_quota_on_the_way_up_counts, empty_folder),
        cmocka_unit_test_teardown(a_container_sees_its_own_group_as_the_root, empty_folder),
        cmocka_unit_test_teardown(a_path_of_the_host_ends_at_the_mount, empty_folder),
        cmocka_unit_test_teardown(other_controllers_have_no_say, empty_folder),
        cmocka_unit_test(without_control_groups_there_is_no_quota),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
