/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is, as proxies in front tell it: the fields Forwarded (RFC 7239) and X-Forwarded-For.
 *
 * Each proxy adds the address that it was reached from at the right end. Anything left of what a trusted proxy added may
 * have been made up by the client, so the list is read from the right, as long as what it names is trusted. */
#ifndef WEIR_LIB_HTTP_FORWARDED_H
#define WEIR_LIB_HTTP_FORWARDED_H

#include "lib/base/ip.h"
#include "lib/http/head.h"

#define FORWARDED_HOPS_MAX 64 /* a chain of more proxies is not followed to its end */

/* The client's address: of the addresses in all fields with id `field` (HTTP_FIELD_FORWARDED or
 * HTTP_FIELD_X_FORWARDED_FOR), the rightmost that is not in `trusted`; when all are, the leftmost. What cannot be read
 * ends the walk at the address before, as does what is no address ("unknown", "_hidden"): `peer`, which must be a
 * trusted one, if nothing could be read. Only one of the two fields may be believed: a proxy that sets one passes on
 * whatever a client has put into the other. */
struct ip forwarded_client(const struct http_head *head, enum http_field field, const struct ip_set *trusted,
                           struct ip peer);

#endif
