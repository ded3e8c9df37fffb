/* SPDX-License-Identifier: Apache-2.0 */
/* The file of traces: workers leave records, one thread writes them in the form of Triton's trace files, which its trace_summary
 * and others read: a JSON array, whole after each write. A worker never waits: when the thread is behind, the record is
 * dropped and counted. */
#ifndef WEIR_CONTROL_LOG_TRACE_LOG_H
#define WEIR_CONTROL_LOG_TRACE_LOG_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "pipeline/tracing.h"

struct trace_log;

struct trace_log_options {
    struct slice path; /* with a NUL; outlives the log. Of settings with a log_frequency "path.0", "path.1" and so on */
    uint64_t bytes_max; /* of all files; what comes then is dropped, which is said once */
    uint32_t worker_count;
};
/* With its thread. */
MUST_USE enum err trace_log_start(const struct trace_log_options *options, struct trace_log **ret_log);
/* Writes what was committed before, ends the thread and frees all. NULL is accepted. */
void trace_log_stop(struct trace_log *log);

/* The worker's side: trace_reserve and trace_commit of pipeline/ports.h. NULL for the log: there is none. */
struct trace_record *trace_log_reserve(struct trace_log *log, uint32_t worker_index);
void trace_log_commit(struct trace_log *log, uint32_t worker_index, struct trace_record *record);

/* The two objects of a record, with a comma between; at most TRACE_TEXT_BYTES. For tests, too. */
#define TRACE_TEXT_BYTES 4096
size_t trace_record_format(const struct trace_record *record, char out[TRACE_TEXT_BYTES]);

#endif
