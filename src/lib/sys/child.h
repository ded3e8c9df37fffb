/* SPDX-License-Identifier: Apache-2.0 */
/* Another program, started by a command and ended by it. Blocks. */
#ifndef WEIR_LIB_SYS_CHILD_H
#define WEIR_LIB_SYS_CHILD_H

#include "lib/base/err.h"
#include "lib/base/text.h"

struct child {
    int pid;    /* 0: none */
    int output; /* its standard output, to read; what it says on standard error goes where ours goes, or nowhere */
};

/* `argv` ends with NULL; argv[0] is a path. The child does not get our signals from the keyboard: who starts it ends it.
 * ERR_NOT_FOUND, ERR_DENIED, ERR_BUSY or ERR_IO. */
MUST_USE enum err child_start(const char *const *argv, bool is_quiet, struct child *ret_child);
/* Reads its standard output until a line is there, and gives it without its end. ERR_TIMEOUT, ERR_EOF (it has ended, or closed
 * it), ERR_LIMIT (a longer line than fits), ERR_IO. */
MUST_USE enum err child_read_line(struct child *child, uint64_t timeout_ns, struct text *line);
/* SIGTERM, and SIGKILL when that takes too long; then there is none. NULL and an ended child are accepted. */
void child_stop(struct child *child, uint64_t timeout_ns);

#endif
