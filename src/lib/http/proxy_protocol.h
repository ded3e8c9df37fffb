/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol, version 2: what a load balancer says in front of a connection about who opened it (HAProxy,
 * "The PROXY protocol, versions 1 and 2", section 2.2). Bytes in, addresses out; any thread. */
#ifndef WEIR_LIB_HTTP_PROXY_PROTOCOL_H
#define WEIR_LIB_HTTP_PROXY_PROTOCOL_H

#include "lib/base/ip.h"

#define PROXY_PROTOCOL_BYTES_MAX 4096 /* of a whole header; senders are asked to stay below 536 */

struct proxy_protocol {
    /* No addresses are told: the sender's own connection (LOCAL, a health check) or one of an unspecified kind. Those of
     * the connection itself hold. Otherwise a source of IP_NONE is a client at a unix socket of the sender. */
    bool is_local;
    struct ip source;
    struct ip destination;
    uint16_t source_port;
    uint16_t destination_port;
};

/* How many bytes there must be, in all, before it is worth to parse again. */
size_t proxy_protocol_wanted(struct slice bytes);
/* Parses the header at the beginning of `bytes`; *ret_bytes is its length, behind which the connection's own bytes
 * begin. ERR_AGAIN: it is fine so far, and must be given again with more. ERR_UNSUPPORTED: version 1, or datagrams.
 * ERR_LIMIT: longer than PROXY_PROTOCOL_BYTES_MAX. ERR_MISMATCH: the checksum is wrong. ERR_SYNTAX. */
MUST_USE enum err proxy_protocol_parse(struct slice bytes, struct proxy_protocol *ret_header, size_t *ret_bytes);

#endif
