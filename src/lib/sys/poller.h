/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor of a library that does its own reading and writing and only wants to be told when it can. */
#ifndef WEIR_LIB_SYS_POLLER_H
#define WEIR_LIB_SYS_POLLER_H

#include "lib/sys/loop.h"

struct poller {
    struct watch watch;
    /* An error or the end counts as both. May stop this poller, and any other. */
    void (*on_ready)(struct poller *poller, bool is_readable, bool is_writable);
};

/* Begins to watch, or changes what for. on_ready must be set; a poller that does not watch is zeroed or stopped. */
MUST_USE enum err poller_watch(struct poller *poller, struct loop *loop, int fd, bool wants_read, bool wants_write);
/* Before the descriptor is closed. Harmless twice. */
void poller_stop(struct poller *poller);

#endif
