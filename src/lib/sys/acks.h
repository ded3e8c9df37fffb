/* SPDX-License-Identifier: Apache-2.0 */
/* Half as many acknowledgements to who sends many small pieces one after the other: a stream of tokens.
 *
 * To Linux, a connection that only receives is one to acknowledge at once: each piece that is read costs a packet, made
 * and carried within recv(2), which is a quarter of all that relaying it takes. On a connection that it takes for a dialogue
 * it acknowledges every second piece, or after 40 ms. So while pieces come in quick succession the kernel is told that
 * this is one, again and again, because it changes its mind after each pause (tcp(7), TCP_QUICKACK).
 *
 * A sender that keeps small pieces back until the last one is acknowledged (Nagle's algorithm) would be held up by that.
 * It shows by a pause right after the kernel was told. After two such pauses it is left alone for good. */
#ifndef WEIR_LIB_SYS_ACKS_H
#define WEIR_LIB_SYS_ACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one connection; zero at its beginning. */
struct acks {
    uint64_t received_ns;
    uint8_t quick_count;   /* small pieces in quick succession, since the kernel was told */
    uint8_t trial_count;   /* pieces to come that show whether the sender bears it */
    uint8_t failed_trials; /* that ended with a pause */
    bool is_borne;         /* one did not: no more of them */
};

/* A piece was received on the socket. */
void acks_note(struct acks *acks, int fd, size_t bytes, uint64_t now_ns);
/* Something was sent, and the kernel sees a dialogue without us. */
static inline void acks_restart(struct acks *acks)
{
    acks->quick_count = 0;
}

#endif
