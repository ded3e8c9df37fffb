/* SPDX-License-Identifier: Apache-2.0 */
/* Where access log lines go: one open file for each path, kept for the life of the process.
 *
 * A configuration names a file when it loads, through access_log_open of pipeline/ports.h, and gets a number that stays
 * good across reloads: the same path is always the same sink. Sinks are only ever added, so the log thread reads the
 * table without a lock; from then on a sink is the log thread's. */
#ifndef WEIR_CONTROL_LOG_SINKS_H
#define WEIR_CONTROL_LOG_SINKS_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdint.h>

#define ACCESS_SINKS_MAX 64 /* different paths in the life of a process */

/* Any thread. Sinks 0..count-1 exist. */
uint32_t access_sinks_count(void);

/* The log thread. */
/* Appends whole lines. When the file does not take them they are lost, which is said on stderr at most once a minute;
 * half a line that was left behind is ended before the next ones. */
MUST_USE enum err access_sink_write(uint32_t sink, struct slice lines, uint32_t line_count);
/* Opens every path anew, for files that were renamed away. Where that fails the old file stays. */
void access_sinks_reopen(void);

/* Closes all; numbers given out before are void. For the end of the process, and for tests. */
void access_sinks_close(void);

#endif
