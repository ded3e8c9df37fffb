/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/wake.h"

#include "lib/sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum err wake_init(struct wake *wake)
{
    atomic_init(&wake->is_asleep, false);
    wake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake->fd >= 0 ? ERR_OK : ERR_IO;
}

void wake_deinit(struct wake *wake)
{
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void wake_announce(struct wake *wake)
{
    /* An exchange rather than a store and a fence: as strong on every machine, and ThreadSanitizer follows it. */
    (void)atomic_exchange_explicit(&wake->is_asleep, true, memory_order_acq_rel);
}

void wake_clear(struct wake *wake)
{
    /* A plain store would hide a waker's exchange from the next announcement (C17 5.1.2.4, release sequences). */
    if (atomic_load_explicit(&wake->is_asleep, memory_order_relaxed))
        (void)atomic_exchange_explicit(&wake->is_asleep, false, memory_order_acq_rel);
}

void wake_take(struct wake *wake)
{
    uint64_t count;
    while (read(wake->fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

void wake_wait(struct wake *wake)
{
    wake_wait_until(wake, UINT64_MAX);
}

void wake_wait_until(struct wake *wake, uint64_t deadline_ns)
{
    struct pollfd wait = {.fd = wake->fd, .events = POLLIN};
    int count;
    do {
        uint64_t now_ns = deadline_ns == UINT64_MAX ? 0 : clock_now_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
        count = ppoll(&wait, 1, deadline_ns == UINT64_MAX ? NULL : &left, NULL);
        ASSERT(count >= 0 || errno == EINTR, "poll fails only when interrupted");
    } while (count < 0);
    wake_clear(wake);
    wake_take(wake);
}

void wake_up(struct wake *wake)
{
    if (!atomic_exchange_explicit(&wake->is_asleep, false, memory_order_acq_rel))
        return;
    uint64_t one = 1;
    while (write(wake->fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}
