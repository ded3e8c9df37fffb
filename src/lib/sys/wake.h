/* SPDX-License-Identifier: Apache-2.0 */
/* Wakes a sleeping thread, and only a sleeping one: an eventfd written on the empty to non-empty edge.
 *
 * The sleeper announces that it is about to sleep, looks once more for work, and then waits on the descriptor. A waker
 * publishes its work first and then looks at the announcement. Neither can miss the other, because every change of
 * is_asleep after the start is an exchange: either the waker's comes first, and the announcement that reads it sees the
 * work, or the announcement comes first, and the waker reads it and writes to the descriptor. */
#ifndef WEIR_LIB_SYS_WAKE_H
#define WEIR_LIB_SYS_WAKE_H

#include "lib/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wake {
    CACHE_ALIGNED _Atomic bool is_asleep;
    int fd;
};

MUST_USE enum err wake_init(struct wake *wake);
void wake_deinit(struct wake *wake);

/* Sleeper: announces sleep. Look for work after this; sleep only if there is none. */
void wake_announce(struct wake *wake);
/* Sleeper: takes the announcement back. A signal that is on its way stays in the descriptor. */
void wake_clear(struct wake *wake);
/* Sleeper: takes the signal out of the descriptor. */
void wake_take(struct wake *wake);
/* Sleeper without a loop: blocks until woken, then clears and takes. */
void wake_wait(struct wake *wake);
/* The same until `deadline_ns` of the clock; UINT64_MAX: as long as it takes. */
void wake_wait_until(struct wake *wake, uint64_t deadline_ns);
/* Any thread, after its work is visible. */
void wake_up(struct wake *wake);

#endif
