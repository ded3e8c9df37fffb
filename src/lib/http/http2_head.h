/* SPDX-License-Identifier: Apache-2.0 */
/* A request or response head made field by field, as HTTP/2 gives it (RFC 9113 section 8.3): pseudo-header fields and
 * fields in, struct http_head out. No I/O, no frames, no memory of its own.
 *
 * The codec in front has made sure of what makes a message malformed in the RFC's own terms: names are lower-case tokens,
 * values hold no control character, pseudo-header fields are complete and come first, nothing is connection-specific.
 * What is refused here is what HTTP/1 refuses too, for the same reason: two readers could disagree about it. */
#ifndef WEIR_LIB_HTTP_HTTP2_HEAD_H
#define WEIR_LIB_HTTP_HTTP2_HEAD_H

#include "lib/http/fault.h"
#include "lib/http/head.h"

#define HTTP2_FIELD_OVERHEAD 32 /* added to name and value of each field, RFC 9113 section 6.5.2 */

struct http2_head_limits {
    uint32_t head_bytes_max; /* names, values and HTTP2_FIELD_OVERHEAD for each */
    uint32_t target_bytes_max;
    uint16_t header_count_max; /* the caller's array has at least as many; pseudo-header fields are not counted */
};

/* Where names and values are copied to: NULL when there is no more. */
typedef void *(*http2_head_memory)(void *owner, size_t bytes);

/* Between begin and end. Read by the caller only for `bytes`, `fault` and `is_out_of_memory`. */
struct http2_head {
    struct http_head *head;
    struct http2_head_limits limits;
    http2_head_memory memory;
    void *owner;
    char *place; /* free memory: [place, place_end) */
    char *place_end;
    size_t bytes;       /* as limits.head_bytes_max counts, refused fields included */
    size_t plain_bytes; /* names and values */
    bool has_scheme;
    bool is_out_of_memory;
    enum http1_fault fault;
};

/* The caller has set head->headers, nothing else. */
void http2_head_begin(struct http2_head *builder, struct http_head *head, const struct http2_head_limits *limits,
                      http2_head_memory memory, void *owner);
/* One field, in the order in which it came. What it points to may go away. After a fault only `bytes` goes on. */
void http2_head_add(struct http2_head *builder, struct slice name, struct slice value);
/* All are there. ERR_OK: *head is complete; head->host is :authority, else Host. ERR_NOMEM, or why builder->fault says
 * it is refused: then only head->method may be looked at. Crumbs of Cookie are one field again (section 8.2.3). */
MUST_USE enum err http2_head_end_request(struct http2_head *builder, bool has_body);
MUST_USE enum err http2_head_end_response(struct http2_head *builder, bool has_body);

#endif
