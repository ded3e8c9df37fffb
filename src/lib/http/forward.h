/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway does to the fields of a message before it hands it on: fields that concern one connection only stay
 * behind (RFC 9110 section 7.6.1), and fields that say for whom it speaks are written (RFC 7239). */
#ifndef WEIR_LIB_HTTP_FORWARD_H
#define WEIR_LIB_HTTP_FORWARD_H

#include "lib/http/http1.h"

/* Which fields of a message stay behind; made once for each message. */
struct forward_filter {
    const struct http_head *head; /* borrowed */
    uint64_t dropped;             /* bit n: fields with id n */
    bool has_named;               /* Connection names fields without an id */
};

/* Drops Connection and what it names, Keep-Alive, Proxy-* (and Proxy, which CGI programs take for the proxy to use), TE,
 * Transfer-Encoding and Upgrade. `also` has the bits of ids that the caller drops or writes anew: Trailer, where trailers
 * go no further. */
void forward_filter_init(struct forward_filter *filter, const struct http_head *head, uint64_t also);
/* The slow half of forward_is_dropped. */
bool forward_is_other_dropped(const struct forward_filter *filter, struct slice name);

#define FORWARD_BIT(field) (UINT64_C(1) << (field))

static inline bool forward_is_dropped(const struct forward_filter *filter, const struct http_header *header)
{
    if (header->id != HTTP_FIELD_OTHER)
        return filter->dropped >> header->id & 1;
    return forward_is_other_dropped(filter, header->name);
}

/* For whom a request is handed on. */
struct forward_origin {
    const struct http_head *before; /* whose Forwarded and X-Forwarded-* are believed and kept; NULL: nobody's */
    struct slice client;            /* textual address of the peer, without a port; empty for a Unix socket */
    struct slice host;              /* as the client asked for; may be empty */
    bool is_secure;                 /* the client came over TLS */
};

/* The bits of what the next two write or keep: to be dropped from the request. */
#define FORWARD_ORIGIN_BITS                                                                                            \
    (FORWARD_BIT(HTTP_FIELD_FORWARDED) | FORWARD_BIT(HTTP_FIELD_X_FORWARDED_FOR) |                                     \
     FORWARD_BIT(HTTP_FIELD_X_FORWARDED_HOST) | FORWARD_BIT(HTTP_FIELD_X_FORWARDED_PROTO))

/* X-Forwarded-For with the client at the end of what was there; -Proto and -Host as they were, else from the origin. */
void forward_write_x(struct http1_writer *writer, const struct forward_origin *origin);
/* Forwarded with one more element at the end. */
void forward_write_forwarded(struct http1_writer *writer, const struct forward_origin *origin);

#endif
