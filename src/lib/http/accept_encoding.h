/* SPDX-License-Identifier: Apache-2.0 */
/* Which content coding a client is to get (RFC 9110 section 12.5.3). */
#ifndef WEIR_LIB_HTTP_ACCEPT_ENCODING_H
#define WEIR_LIB_HTTP_ACCEPT_ENCODING_H

#include "lib/http/head.h"

/* How much the client wants a coding, 0 (not at all) to 1000. Without the field any coding would do by the letter, but
 * who does not ask for one mostly cannot read it: 0, and 1000 for "identity". The identity that no element names is 1:
 * acceptable, and wanted less than all that is named. Malformed elements are passed over. */
int http_accept_encoding_quality(const struct http_head *head, const char *coding);

/* The index of the coding wanted most, the first of equals, so that offers are in the order of the server's own
 * preference and "identity" stands last. -1: none is acceptable. */
int http_accept_encoding_choose(const struct http_head *head, const char *const *offers, size_t count);

#endif
