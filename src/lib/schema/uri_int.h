/* SPDX-License-Identifier: Apache-2.0 */
/* References to URIs (RFC 3986, section 5), as schemas name each other by them. IRIs pass: bytes above 126 stay as they
 * are. lib/http has another reader, of request targets, which knows http and https only and resolves nothing. */
#ifndef WEIR_LIB_SCHEMA_URI_INT_H
#define WEIR_LIB_SCHEMA_URI_INT_H

#include "lib/base/arena.h"
#include "lib/base/err.h"

/* What `reference` means beside `base`: an absolute URI without its fragment, normalised (section 6.2.2: letters of
 * scheme and host in lower case, escapes of unreserved characters decoded, the others in upper case, dot segments
 * removed), so that equal texts are equal URIs. *ret_fragment is percent-decoded; {NULL, 0}: there is none.
 *
 * `base` is such a URI, or empty: then the reference has to be absolute. ERR_SYNTAX: characters that stand in no URI, a
 * malformed escape; ERR_INVALID: relative, and there is no base; ERR_NOMEM. */
MUST_USE enum err uri_resolve(struct arena *arena, struct slice base, struct slice reference, struct slice *ret_uri,
                              struct slice *ret_fragment);

#endif
