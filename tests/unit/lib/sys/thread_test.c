/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/thread.h"

#include "lib/sys/clock.h"
#include "lib/sys/cpu_quota.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    char name[32];
    sigset_t blocked;
};

static void look_around(void *argument)
{
    struct seen *seen = argument;
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
}

static void a_thread_has_its_name_and_takes_no_signal_of_others(void **state)
{
    (void)state;
    struct thread thread;
    struct seen seen = {0};
    sigset_t ours;
    assert_int_equal(thread_start(&thread, "a name that is too long", look_around, &seen), ERR_OK);
    thread_join(&thread);
    assert_string_equal(seen.name, "a name that is ");
    assert_int_equal(sigismember(&seen.blocked, SIGTERM), 1);
    assert_int_equal(sigismember(&seen.blocked, SIGHUP), 1);
    assert_int_equal(sigismember(&seen.blocked, SIGSEGV), 0); /* a sanitizer's report is a handler */
    assert_int_equal(sigismember(&seen.blocked, SIGABRT), 0);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &ours);
    assert_int_equal(sigismember(&ours, SIGTERM), 0);
}

static void ask_for_the_stack(void *argument)
{
    pthread_attr_t attributes;
    size_t *bytes = argument;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    (void)pthread_attr_getstacksize(&attributes, bytes);
    (void)pthread_attr_destroy(&attributes);
}

/* As `ulimit -s 256` has it for threads. */
static void a_thread_has_a_stack_of_its_own_size_whatever_the_limit(void **state)
{
    (void)state;
    pthread_attr_t before;
    pthread_attr_t little;
    struct thread thread;
    size_t bytes = 0;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&little), 0);
    assert_int_equal(pthread_attr_setstacksize(&little, 256 << 10), 0);
    assert_int_equal(pthread_setattr_default_np(&little), 0);
    assert_int_equal(thread_start(&thread, "stack", ask_for_the_stack, &bytes), ERR_OK);
    thread_join(&thread);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    assert_true(bytes >= (size_t)8 << 20);
    (void)pthread_attr_destroy(&little);
    (void)pthread_attr_destroy(&before);
}

static void the_cpu_count_follows_affinity_and_quota(void **state)
{
    (void)state;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    uint32_t quota = cpu_quota_read("");
    assert_int_equal(thread_cpu_count(), MIN((uint32_t)CPU_COUNT(&before), quota));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(thread_cpu_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void usage_is_plausible(void **state)
{
    (void)state;
    struct process_usage usage;
    struct process_usage later;
    process_usage(&usage);
    assert_in_range(usage.resident_bytes, 1 << 16, 1ULL << 40);
    assert_true(usage.open_files >= 3 && usage.open_files < usage.open_files_max);
    assert_true(usage.start_wall_ns < clock_wall_ns() + NS_PER_S);
    assert_true(usage.start_wall_ns > clock_wall_ns() - 600 * NS_PER_S);
    int fd = dup(0);
    uint64_t end_ns = clock_thread_cpu_ns() + 5 * NS_PER_MS;
    while (clock_thread_cpu_ns() < end_ns)
        continue;
    process_usage(&later);
    close(fd);
    assert_int_equal(later.open_files, usage.open_files + 1);
    assert_true(later.cpu_ns > usage.cpu_ns);
}

static void wait_for_end(void *argument)
{
    const _Atomic bool *is_over = argument;
    while (!atomic_load(is_over))
        clock_sleep_ns(100000);
}

static void a_pinned_thread_has_one_cpu(void **state)
{
    (void)state;
    struct thread thread;
    cpu_set_t allowed, set;
    uint64_t cpu = 0;
    _Atomic bool is_over = false;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    assert_int_equal(thread_start(&thread, "pinned", wait_for_end, &is_over), ERR_OK);
    assert_int_equal(thread_pin(&thread, cpu), ERR_OK);
    assert_int_equal(pthread_getaffinity_np(thread.id, sizeof set, &set), 0);
    assert_true(CPU_ISSET(cpu, &set) && CPU_COUNT(&set) == 1);
    assert_int_equal(thread_pin(&thread, 1 << 20), ERR_INVALID);
    atomic_store(&is_over, true);
    thread_join(&thread);
}

static void raises_the_soft_limit_of_files_to_the_hard_one(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = 64, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(process_raise_open_files(), before.rlim_max);
    process_trim_memory();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_name_and_takes_no_signal_of_others),
        cmocka_unit_test(a_thread_has_a_stack_of_its_own_size_whatever_the_limit),
        cmocka_unit_test(the_cpu_count_follows_affinity_and_quota),
        cmocka_unit_test(usage_is_plausible),
        cmocka_unit_test(a_pinned_thread_has_one_cpu),
        cmocka_unit_test(raises_the_soft_limit_of_files_to_the_hard_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
