/* SPDX-License-Identifier: Apache-2.0 */
/* What the calling thread had of the system so far. Each figure is one system call, a third of a microsecond. */
#ifndef WEIR_LIB_SYS_THREAD_USAGE_H
#define WEIR_LIB_SYS_THREAD_USAGE_H

#include <stdint.h>

/* All of them only rise. */
struct thread_usage {
    uint64_t cpu_ns;       /* on a processor */
    uint64_t run_delay_ns; /* it could have run, and others had the processors; 0 where the system does not tell */
    uint64_t major_faults; /* pages that had to be read from a disk */
};

/* Opens what thread_usage_delay_ns reads, for the calling thread; -1 where there is no such thing. */
int thread_usage_open(void);
void thread_usage_close(int fd);
/* All three. */
void thread_usage_read(int fd, struct thread_usage *ret_usage);
/* Only what changes all the time: faults stay as they are. */
void thread_usage_refresh(int fd, struct thread_usage *usage);
uint64_t thread_usage_delay_ns(int fd);

#endif
