/* SPDX-License-Identifier: Apache-2.0 */
/* What every version of HTTP shares: methods, known field names, status texts. No I/O, no memory of its own; any
 * thread. */
#ifndef WEIR_LIB_HTTP_HTTP_H
#define WEIR_LIB_HTTP_HTTP_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_CONNECT,
    HTTP_METHOD_TRACE,
    HTTP_METHOD_OTHER, /* the request's own text says which */
    HTTP_METHOD_COUNT,
};

/* Case-sensitive (RFC 9110 section 9.1): "get" is OTHER. */
enum http_method http_method_parse(struct slice text);
/* "GET"; "OTHER" for HTTP_METHOD_OTHER. A static string. */
const char *http_method_name(enum http_method method);

enum http_field {
#define FIELD(name, text, is_single) HTTP_FIELD_##name,
#include "lib/http/fields.def"
#undef FIELD
    HTTP_FIELD_OTHER,
    HTTP_FIELD_COUNT,
};

/* In any case of letters. `name` must be a token (RFC 9110 section 5.6.2); then the answer is exact. */
enum http_field http_field_parse(struct slice name);
/* In lower case, "" for HTTP_FIELD_OTHER. A static string. */
const char *http_field_name(enum http_field field);
/* A second one in a request is an error. */
bool http_field_is_single(enum http_field field);

struct http_header {
    struct slice name; /* as it was sent */
    struct slice value;
    enum http_field id;
};

/* Whether requests with it bring a body as a rule, so that one without says so by its length (RFC 9110 section 8.6). */
static inline bool http_method_wants_body(enum http_method method)
{
    return method == HTTP_METHOD_POST || method == HTTP_METHOD_PUT || method == HTTP_METHOD_PATCH;
}

/* The reason phrase, "" for a code that is not registered. A static string. */
const char *http_status_text(int status);
/* Whether a response with it may have a body (RFC 9110 section 6.4.1), to a method other than HEAD. */
static inline bool http_status_may_have_body(int status)
{
    return status == 200 || (status > 200 && status != 204 && status != 304);
}

/* tchar of RFC 9110 section 5.6.2, and not empty. */
bool http_is_token(struct slice text);
/* field-value of RFC 9110 section 5.5, which may be empty: no control character but HTAB. */
bool http_is_value(struct slice text);
/* host [ ":" port ] of RFC 3986 section 3.2: a non-empty name without escapes, an IPv4 or a bracketed IPv6 address. */
bool http_is_authority(struct slice text);
/* What may follow the host: nothing, or ":" and 0 to 5 digits, at most 65535 (RFC 3986 lets the digits be none). */
bool http_is_port(struct slice text);

/* Visits the elements of a comma-separated list (RFC 9110 section 5.6.1), trimmed, the empty ones left out; commas in
 * quoted strings do not separate. False at the end. */
bool http_list_next(struct slice *rest, struct slice *ret_element);

#endif
