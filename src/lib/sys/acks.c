/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/acks.h"

#include "lib/sys/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define SMALL_BYTES 1024 /* what is larger is acknowledged by its size */
#define QUICK_NS                                                                                                       \
    (30 * NS_PER_MS) /* less than the kernel puts an acknowledgement off: a slower stream has one for each */
#define QUICK_COUNT  32
#define TRIAL_PIECES 4
#define TRIALS_MAX   2 /* the first pause may have been chance */

static void put_off(int fd)
{
    int off = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

void acks_note(struct acks *acks, int fd, size_t bytes, uint64_t now_ns)
{
    bool is_quick = now_ns - acks->received_ns < QUICK_NS;
    acks->received_ns = now_ns;
    if (acks->trial_count && !is_quick) {
        acks->trial_count = 0;
        acks->failed_trials++;
    } else if (acks->trial_count) {
        acks->is_borne = --acks->trial_count == 0;
    }
    if (!is_quick || bytes > SMALL_BYTES || acks->failed_trials == TRIALS_MAX) {
        acks->quick_count = 0;
        return;
    }
    if (++acks->quick_count < QUICK_COUNT)
        return;
    acks->quick_count = 0;
    put_off(fd);
    if (!acks->is_borne)
        acks->trial_count = TRIAL_PIECES;
}
