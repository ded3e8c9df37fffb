/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of session tickets, without shared state: the keys of an epoch follow from a secret and the number of the epoch,
 * so every worker, and every context made with the same secret, has the same ones at the same time. Tickets of the
 * current epoch and of the one before it are accepted. */
#ifndef WEIR_LIB_TLS_TICKETS_H
#define WEIR_LIB_TLS_TICKETS_H

#include <stdint.h>

#define TLS_TICKET_SECRET_BYTES 32

struct tls_tickets {
    uint8_t secret[TLS_TICKET_SECRET_BYTES]; /* random; whoever knows it can read what was resumed under TLS 1.2 */
    uint32_t rotation_s;                     /* length of an epoch, and how long a ticket is good for */
};

#endif
