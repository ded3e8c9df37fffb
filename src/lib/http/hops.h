/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says of the hops it has made and may make: Via and Max-Forwards. For gateways. */
#ifndef WEIR_LIB_HTTP_HOPS_H
#define WEIR_LIB_HTTP_HOPS_H

#include "lib/base/err.h"
#include "lib/http/head.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether Via (RFC 9110 section 7.6.3) names this recipient, in any case of letters. What stands in comments names
 * nobody; an element that is malformed names whom it can be read to name. */
bool hops_have_been(const struct http_head *head, struct slice name);

/* How often the request may still be handed on (Max-Forwards, RFC 9110 section 7.6.2). ERR_OK: *ret_count times, or
 * more. ERR_NOT_FOUND: nothing bounds it, or not for this method. ERR_SYNTAX: it is no number. */
MUST_USE enum err hops_left(const struct http_head *head, uint32_t *ret_count);

#endif
