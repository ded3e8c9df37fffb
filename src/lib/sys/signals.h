/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as events of a loop. */
#ifndef WEIR_LIB_SYS_SIGNALS_H
#define WEIR_LIB_SYS_SIGNALS_H

#include "lib/sys/loop.h"

#include <signal.h>

struct signals {
    struct watch watch;
    void (*on_signal)(struct signals *signals, int number);
};

/* Blocks `numbers` (ended by 0) in the calling thread and all that it starts from now on, and ignores SIGPIPE. Call
 * before any thread is started. */
void signals_block(const int *numbers);
/* on_signal is called on the loop's thread. */
MUST_USE enum err signals_start(struct signals *signals, struct loop *loop, const int *numbers);
/* on_signal may call it, and a second call is harmless. The memory must stay until on_signal has returned. */
void signals_stop(struct signals *signals);
/* Ends the process at once, without any clean-up. */
NORETURN void process_exit_now(int code);

#endif
