/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, and the facts about this machine that decide how many. */
#ifndef WEIR_LIB_SYS_THREAD_H
#define WEIR_LIB_SYS_THREAD_H

#include "lib/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    pthread_t id;
    void (*run)(void *argument);
    void *argument;
    char name[16];
};

/* `name` is cut to 15 characters. Signals are blocked in the thread, but for those of its own faults. Its stack has at
 * least 8 MiB, whatever the limit of the process. The struct must live until the join. */
MUST_USE enum err thread_start(struct thread *thread, const char *name, void (*run)(void *), void *argument);
void thread_join(struct thread *thread);
/* It runs on this CPU only from here on. ERR_INVALID: this process has no such CPU. */
MUST_USE enum err thread_pin(const struct thread *thread, uint64_t cpu);
/* Timed waits of the calling thread end when they are due, and not some 50 us later together with others'. */
void thread_be_punctual(void);
/* The calling thread lets others go first, and does not interrupt them when it wakes up: for who watches while they work. */
void thread_be_modest(void);
/* Threads worth starting: the cores that this process may run on, or what its control groups' CPU quota grants, rounded
 * up, where that is less (lib/sys/cpu_quota.h). At least 1. */
uint32_t thread_cpu_count(void);

/* For control threads, and for what workers share beside the requests (places.h); a request meets none. Cannot fail once initialised. */
#define MUTEX_INIT {PTHREAD_MUTEX_INITIALIZER} /* for static ones */
struct mutex {
    pthread_mutex_t system;
};
void mutex_init(struct mutex *mutex);
void mutex_deinit(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct process_usage {
    uint64_t cpu_ns;
    uint64_t resident_bytes;
    uint64_t open_files;
    uint64_t open_files_max;
    uint64_t start_wall_ns;
};
/* What the system says about this process; slow. */
void process_usage(struct process_usage *ret_usage);
/* Raises the soft limit of open files to the hard one; returns the limit. */
uint64_t process_raise_open_files(void);
/* Gives free heap memory back to the system. */
void process_trim_memory(void);
/* Whether somebody reads standard error on a terminal. */
bool process_has_terminal(void);

#endif
