/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: workers leave records, one thread makes lines of them and writes. A worker never waits: when the log
 * is behind, its ring is full and the line is dropped and counted. */
#ifndef WEIR_CONTROL_LOG_ACCESS_LOG_H
#define WEIR_CONTROL_LOG_ACCESS_LOG_H

#include "lib/base/err.h"
#include "pipeline/access_record.h"

#define ACCESS_LOG_RECORDS 1024 /* a good size of a ring: about 0.9 MiB, touched only as far as the log is behind */

struct access_log;

/* ring_records for each worker, rounded up to a power of two. */
MUST_USE enum err access_log_create(uint32_t worker_count, uint32_t ring_records, struct access_log **ret_log);
/* After access_log_stop. NULL is accepted. */
void access_log_destroy(struct access_log *log);

/* Records may be left before; they wait. */
MUST_USE enum err access_log_start(struct access_log *log);
/* Writes everything that was committed before the call, then ends the thread. */
void access_log_stop(struct access_log *log);

/* Has the log thread open its files anew, after they were renamed away. Any thread; returns at once. */
void access_log_reopen(struct access_log *log);
/* Lines that a file did not take. Any thread. */
uint64_t access_log_lost_lines(const struct access_log *log);

/* The worker's side: log_reserve and log_commit of pipeline/ports.h. A reserved place that is not committed is given
 * out again. */
struct access_record *access_log_reserve(struct access_log *log, uint32_t worker_index);
void access_log_commit(struct access_log *log, uint32_t worker_index);

#endif
