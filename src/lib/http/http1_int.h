/* SPDX-License-Identifier: Apache-2.0 */
/* Between the halves of the parsers: http1.c and http1_response.c read lines, http1_decide.c what they mean together. */
#ifndef WEIR_LIB_HTTP_HTTP1_INT_H
#define WEIR_LIB_HTTP_HTTP1_INT_H

#include "lib/http/http1.h"
#include "lib/http/scan.h"

/* Fills in host, the body's framing, is_keep_alive and expects_continue of a head whose lines are all read. `last_block` is
 * that of the bytes they stand in. */
enum http1_fault http1_decide(struct http_head *head, const char *last_block);
/* The same for the framing and is_keep_alive of the response to a request with that method (RFC 9112 section 6.3). */
enum http1_fault http1_decide_response(struct http_head *head, enum http_method method);

#endif
