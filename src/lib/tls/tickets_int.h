/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an epoch, and how OpenSSL is given them. */
#ifndef WEIR_LIB_TLS_TICKETS_INT_H
#define WEIR_LIB_TLS_TICKETS_INT_H

#include "lib/tls/tickets.h"

#include <stdbool.h>

#define TLS_TICKET_NAME_BYTES 16
#define TLS_TICKET_IV_BYTES   16

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

/* What one call of OpenSSL's ticket callback hands over. */
struct tls_ticket_seal {
    unsigned char *name; /* written when sealing, read when opening */
    unsigned char *iv;
    struct evp_cipher_ctx_st *cipher;
    struct evp_mac_ctx_st *mac;
    bool is_sealing;
};

/* In the words of that callback: 1 go on, 2 go on and give the client a new ticket, 0 not a ticket of ours (any more): a
 * full handshake, -1 failed. */
int tls_ticket_seal(const struct tls_tickets *tickets, uint64_t now_s, const struct tls_ticket_seal *seal);

#endif
