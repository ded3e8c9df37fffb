/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU time that the control groups of this process grant. A container of two CPUs on a machine with 64 may run on
 * all 64, each for a thirty-second of the time: the affinity says 64, only the quota says 2. */
#ifndef WEIR_LIB_SYS_CPU_QUOTA_H
#define WEIR_LIB_SYS_CPU_QUOTA_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdint.h>

#define CPU_QUOTA_NONE UINT32_MAX

/* cpu.max of version 2, "150000 100000" or "max 100000": CPUs, rounded up, or CPU_QUOTA_NONE. A newline may end it.
 * ERR_SYNTAX. */
MUST_USE enum err cpu_quota_parse_max(struct slice text, uint32_t *ret_cpus);
/* The same of version 1's cpu.cfs_quota_us, where -1 is none, and cpu.cfs_period_us. */
MUST_USE enum err cpu_quota_parse_cfs(struct slice quota, struct slice period, uint32_t *ret_cpus);

/* The least quota from this process's group up to the root, of both versions; CPU_QUOTA_NONE where none is set or can
 * be read. `root` stands before /proc and /sys: empty but in tests. */
uint32_t cpu_quota_read(const char *root);

#endif
