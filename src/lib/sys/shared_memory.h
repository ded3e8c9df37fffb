/* SPDX-License-Identifier: Apache-2.0 */
/* Named objects of POSIX shared memory, read and written by calls and never mapped: another process can cut one short at
 * any moment, which would kill a process that has it mapped (SIGBUS). A call then only says that there is less. What is in
 * one is in memory, so that no call waits for a disk. */
#ifndef WEIR_LIB_SYS_SHARED_MEMORY_H
#define WEIR_LIB_SYS_SHARED_MEMORY_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdint.h>

#define SHARED_MEMORY_NAME_BYTES 250 /* most, without the slash that may stand in front */

/* Opens an object that is there, for reading and writing. ERR_INVALID: no name of one; ERR_NOT_FOUND, ERR_DENIED, ERR_BUSY
 * or ERR_IO. Closed with file_close; its size is file_status_of's. */
MUST_USE enum err shared_memory_open(struct slice name, int *ret_fd);
/* All of a range. ERR_TRUNCATED when the object ends before; ERR_IO. */
MUST_USE enum err shared_memory_read(int fd, uint64_t offset, void *out, size_t bytes);
/* The same. An object is never made longer, unless somebody cuts it short in the same moment. */
MUST_USE enum err shared_memory_write(int fd, uint64_t offset, struct slice bytes);

#endif
