/* SPDX-License-Identifier: Apache-2.0 */
/* Trailer sections (RFC 9110 section 6.5): collected while a body comes, in whatever version of HTTP, and read when it has
 * ended. Nobody has to have them, so that what there is no memory for is lost as a whole, and never in part. */
#ifndef WEIR_LIB_HTTP_TRAILERS_H
#define WEIR_LIB_HTTP_TRAILERS_H

#include "lib/base/arena.h"
#include "lib/http/head.h"

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty one. */
struct trailers {
    char *text; /* lines as in HTTP/1.1, in the arena */
    size_t len;
    size_t capacity;
    bool is_lost;
};

/* The next bytes of a section in HTTP/1.1, as chunked_decode found them; the empty line may be among them. */
void trailers_add(struct trailers *trailers, struct arena *arena, struct slice bytes);
/* One field, as HTTP/2 gives it. An empty name: there were too many, and all are lost. */
void trailers_add_field(struct trailers *trailers, struct arena *arena, struct slice name, struct slice value);
/* What has been collected. Nothing when it was lost. */
static inline struct slice trailers_text(const struct trailers *trailers)
{
    return trailers->is_lost ? (struct slice){NULL, 0} : slice_of(trailers->text, trailers->len);
}
/* Visits the fields of trailers_text. False at the end. Names are tokens and values are values, whatever the text. */
bool trailers_next(struct slice *rest, struct http_header *ret_field);

/* Whether a field may stand in trailers, as far as is known: not when it is for framing, routing, authentication, or says
 * how a message or its content is to be dealt with (RFC 9110 section 6.5.1). Some recipients merge trailers into the
 * head, and would let a client say there what it may not say here. */
bool trailers_may_have(const struct http_header *field);
/* Whether the sender of a request wants trailers with the response: TE (RFC 9110 section 10.1.4). */
bool trailers_are_wanted(const struct http_head *head);

#endif
