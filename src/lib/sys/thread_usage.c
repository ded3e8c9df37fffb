/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/thread_usage.h"

#include "lib/sys/clock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int thread_usage_open(void)
{
    return open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

void thread_usage_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* "time on a processor, time waiting for one, slices": the first is as old as the last tick, which is why nobody takes it. */
uint64_t thread_usage_delay_ns(int fd)
{
    char text[80];
    ssize_t len = fd < 0 ? 0 : syscall(SYS_pread64, fd, text, sizeof text - 1, 0L);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    const char *digit = strchr(text, ' ');
    uint64_t value = 0;
    while (digit && *++digit >= '0' && *digit <= '9')
        value = 10 * value + (uint64_t)(*digit - '0');
    return value;
}

void thread_usage_refresh(int fd, struct thread_usage *usage)
{
    usage->cpu_ns = clock_thread_cpu_ns();
    usage->run_delay_ns = thread_usage_delay_ns(fd);
}

void thread_usage_read(int fd, struct thread_usage *ret_usage)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_THREAD, &usage);
    thread_usage_refresh(fd, ret_usage);
    ret_usage->major_faults = (uint64_t)usage.ru_majflt;
}
