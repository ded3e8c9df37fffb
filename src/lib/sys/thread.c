/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/thread.h"

#include "lib/sys/allocations.h"
#include "lib/sys/clock.h"
#include "lib/sys/cpu_quota.h"
#include "lib/sys/file.h"

#include <dirent.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A thread's own faults: were they blocked, the kernel would end the process without a word of any handler. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

/* What the deepest recursions take (the walker of lib/schema, 2 MiB), several times over. Only what is touched is memory. */
#define STACK_BYTES_MIN ((size_t)8 << 20)
#define MODEST_NICENESS 10

static void *enter(void *argument)
{
    struct thread *thread = argument;
    (void)pthread_setname_np(pthread_self(), thread->name);
    allocations_begin_thread(thread->name);
    thread->run(thread->argument);
    return NULL;
}

/* A thread's stack would else be what `ulimit -s` happens to say where the process was started. */
static int create(struct thread *thread)
{
    pthread_attr_t attributes;
    size_t bytes = 0;
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    (void)pthread_attr_getstacksize(&attributes, &bytes);
    failed = pthread_attr_setstacksize(&attributes, MAX(bytes, STACK_BYTES_MIN));
    if (!failed)
        failed = pthread_create(&thread->id, &attributes, enter, thread);
    (void)pthread_attr_destroy(&attributes);
    return failed;
}

enum err thread_start(struct thread *thread, const char *name, void (*run)(void *), void *argument)
{
    *thread = (struct thread){.run = run, .argument = argument};
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    /* A new thread inherits the mask: signals go to the one thread that asks for them. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigdelset(&all, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = create(thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? ERR_NOMEM : ERR_OK;
}

void thread_join(struct thread *thread)
{
    (void)pthread_join(thread->id, NULL);
}

enum err thread_pin(const struct thread *thread, uint64_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= CPU_SETSIZE)
        return ERR_INVALID;
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(thread->id, sizeof set, &set) ? ERR_INVALID : ERR_OK;
}

void thread_be_punctual(void)
{
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/* A niceness is a thread's own to Linux, whatever POSIX says (setpriority(2), "C library/kernel differences"). */
void thread_be_modest(void)
{
    struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), MODEST_NICENESS);
}

uint32_t thread_cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    uint32_t cores = MAX((uint32_t)CPU_COUNT(&set), 1);
    uint32_t quota = cpu_quota_read("");
    return MIN(cores, quota);
}

void mutex_init(struct mutex *mutex)
{
    int failed = pthread_mutex_init(&mutex->system, NULL);
    ASSERT(failed == 0, "a mutex of default kind can always be made");
}

void mutex_deinit(struct mutex *mutex)
{
    (void)pthread_mutex_destroy(&mutex->system);
}

void mutex_lock(struct mutex *mutex)
{
    int failed = pthread_mutex_lock(&mutex->system);
    ASSERT(failed == 0, "a mutex is locked by one thread at a time, and once");
}

void mutex_unlock(struct mutex *mutex)
{
    int failed = pthread_mutex_unlock(&mutex->system);
    ASSERT(failed == 0, "a mutex is unlocked by the thread that locked it");
}

static uint64_t count_open_files(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count > 3 ? count - 3 : 0; /* without ".", ".." and the folder itself */
}

/* A number in a line of fields with one space between them; 0 where there is none. */
static uint64_t number_in(struct slice line, unsigned index)
{
    uint64_t value = 0;
    while (index--)
        (void)slice_cut(&line, ' ');
    return text_parse_u64(slice_cut(&line, ' '), &value) == ERR_OK ? value : 0;
}

static uint64_t resident_bytes(void)
{
    char memory[256];
    struct text text = text_init(memory, sizeof memory);
    if (file_read_text("/proc/self/statm", &text) != ERR_OK)
        return 0;
    return number_in(text_slice(&text), 1) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Field 22 of /proc/self/stat is the start in clock ticks since boot; the name in field 2 may hold anything but its own
 * end, so the fields are counted from there. */
static uint64_t start_wall_ns(void)
{
    char memory[1024];
    struct text text = text_init(memory, sizeof memory);
    const char *name_end = file_read_text("/proc/self/stat", &text) == ERR_OK ? strrchr(memory, ')') : NULL;
    if (!name_end)
        return 0;
    uint64_t ticks = number_in(slice_of_text(name_end), 20);
    struct timespec boot;
    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    uint64_t since_boot = (uint64_t)boot.tv_sec * NS_PER_S + (uint64_t)boot.tv_nsec;
    return clock_wall_ns() - since_boot + ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

void process_usage(struct process_usage *ret_usage)
{
    struct rusage usage;
    struct rlimit files = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    uint64_t seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec;
    uint64_t micros = (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
    *ret_usage = (struct process_usage){
        .cpu_ns = seconds * NS_PER_S + micros * 1000,
        .resident_bytes = resident_bytes(),
        .open_files = count_open_files(),
        .open_files_max = files.rlim_cur,
        .start_wall_ns = start_wall_ns(),
    };
}

uint64_t process_raise_open_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 0;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur;
}

void process_trim_memory(void)
{
    (void)malloc_trim(0);
}

bool process_has_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}
