/* SPDX-License-Identifier: Apache-2.0 */
/* The only clock of the tree. */
#ifndef WEIR_LIB_SYS_CLOCK_H
#define WEIR_LIB_SYS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* Monotonic; for durations and deadlines. */
uint64_t clock_now_ns(void);
/* Since 1970-01-01 UTC; for Date fields and logs only. */
uint64_t clock_wall_ns(void);
/* Processor time of the calling thread. */
uint64_t clock_thread_cpu_ns(void);
/* RFC 3339 in UTC with milliseconds: 2026-11-23T14:34:00.123Z. Writes 24 characters and a NUL. */
void clock_format_rfc3339(char out[25], uint64_t wall_ns);
/* Blocks the calling thread; never on a worker. */
void clock_sleep_ns(uint64_t ns);

#endif
