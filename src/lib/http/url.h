/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets (RFC 9112 section 3.2) and the one path that routing may look at. */
#ifndef WEIR_LIB_HTTP_URL_H
#define WEIR_LIB_HTTP_URL_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdbool.h>

enum url_form {
    URL_ORIGIN,    /* /path?query */
    URL_ABSOLUTE,  /* http://host/path?query */
    URL_AUTHORITY, /* host:port, for CONNECT */
    URL_ASTERISK,  /* * */
};

struct url_target {
    enum url_form form;
    struct slice scheme;    /* "http" or "https", in any case of letters; absolute form only */
    struct slice authority; /* absolute and authority form; valid as http_is_authority */
    struct slice path;      /* as sent; "/" when an absolute target has none; empty for the other two forms */
    struct slice query;     /* without "?" */
    bool has_query;
};

/* Splits and checks. ERR_SYNTAX for characters that may not stand in a target (controls, space, ", #, <, > and bytes
 * above 126), for other schemes than http and https, for userinfo, and for an invalid or missing authority. The other
 * characters that RFC 3986 leaves out but browsers send in queries ({ } | \ ^ ` [ ]) pass here. */
MUST_USE enum err url_target_parse(struct slice target, struct url_target *ret_target);

/* Whether the target is in origin form and its path canonical already, as nearly all are: then path and query are parts
 * of it, and neither url_target_parse nor url_path_normalize has anything to add (380 instructions for "/livez"). */
bool url_target_is_canonical(struct slice target, struct slice *ret_path, struct slice *ret_query);

/* Writes the canonical form of an absolute path: escapes of unreserved characters are decoded, other escapes are in
 * upper case, characters that RFC 3986 does not allow in a path are escaped, dot segments are removed (section 5.2.4).
 * Normalising twice changes nothing more. Empty segments are kept, "//" stays "//": merging them would make two paths
 * equal that other servers tell apart; a route with one slash does not match two.
 *
 * ERR_SYNTAX: not starting with "/", a malformed escape, an escaped or raw control, backslash or byte above 126 when
 * raw, an escaped slash (%2F: it would be a separator to some readers and not to others), or a ".." above the root.
 * ERR_LIMIT: more than `capacity` bytes. */
MUST_USE enum err url_path_normalize(struct slice path, char *out, size_t capacity, struct slice *ret_path);

/* Visits name=value pairs of a query, still encoded; empty pairs are left out. False at the end. */
bool url_query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value);

/* Decodes %XX, and "+" as a space when asked (queries and forms, never paths). Bytes of any value may come out. out
 * holds text.len bytes. ERR_SYNTAX for a malformed escape. */
MUST_USE enum err url_percent_decode(struct slice text, bool plus_is_space, char *out, struct slice *ret_text);

#endif
