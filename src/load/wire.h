/* SPDX-License-Identifier: Apache-2.0 */
/* Links to the server under test, and what goes over them. A link is one connection; an exchange one request and its
 * response on it. HTTP/1.1 (wire/http1.c) and HTTP/2 (wire/http2.c), with or without TLS (wire/tls.c), behind the same
 * functions. All of one link belongs to one thread's loop. Once warm nothing here allocates. */
#ifndef WEIR_LOAD_WIRE_H
#define WEIR_LOAD_WIRE_H

#include "lib/base/list.h"
#include "lib/base/pool.h"
#include "lib/http/head.h"
#include "lib/http2/http2.h"
#include "lib/sys/loop.h"
#include "load/plan.h"

/* Why an exchange has no right response; the rows of failures.def. */
enum load_failure {
    LOAD_FAILURE_NONE,
#define FAILURE(name, text, help) LOAD_FAILURE_##name,
#include "load/failures.def"
#undef FAILURE
    LOAD_FAILURE_COUNT,
};
const char *load_failure_name(enum load_failure failure);
/* What it means, in words. */
const char *load_failure_help(enum load_failure failure);

struct load_request {
    struct slice method;
    struct slice path;
    const struct http2_field *fields; /* without Host and Content-Length */
    uint32_t field_count;
    struct slice body;
    struct slice
        http1; /* the whole request as bytes of HTTP/1.1, made once for literal steps; empty: to be made from the above */
};

struct load_link;
struct load_exchange;

struct load_exchange_events {
    /* The final head has come (1xx are skipped); the head is valid until on_end or on_failed. May be NULL. */
    void (*on_head)(struct load_exchange *exchange);
    /* A piece of the body, valid for the call, as the transport gave it, without chunk framing. May be NULL. */
    void (*on_data)(struct load_exchange *exchange, struct slice data);
    /* The response is complete. The exchange is free again: another may be sent from here. */
    void (*on_end)(struct load_exchange *exchange);
    /* It will not be. The same. LOAD_FAILURE_NONE: the server has said that it has not looked at it and will not (RFC 9112
     * section 9.6, RFC 9113 section 6.8): it may be sent again on another link. */
    void (*on_failed)(struct load_exchange *exchange, enum load_failure failure);
};

/* In memory of the owner, who keeps it until on_end or on_failed. */
struct load_exchange {
    const struct load_exchange_events *events;
    const struct load_request *request; /* borrowed as long */
    struct http_head *head;             /* the owner's, with room for headers: see LOAD_HEADERS_MAX */
    struct load_link *link;             /* NULL: not on its way */
    uint64_t sent_ns;       /* when its first byte was given to the kernel, or queued behind others in HTTP/2 */
    uint64_t first_byte_ns; /* of the response */
    uint64_t received_ns;   /* when the bytes came that an event is about: read once a receive, just behind it */
    uint64_t body_bytes;
    uint64_t wire_bytes; /* head and framing too, where the protocol tells */
    struct list node;    /* of the link */
    /* HTTP/2. */
    struct http2_stream stream;
    struct arena memory; /* of the head */
    size_t given_bytes;  /* of the request's body, to the codec */
};

#define LOAD_HEADERS_MAX 128

struct load_link_events {
    /* Ready for exchanges: connected, TLS and protocol settled. */
    void (*on_ready)(struct load_link *link);
    /* Room for one more exchange after load_link_room was 0, without an exchange that has just ended: HTTP/2's settings. */
    void (*on_room)(struct load_link *link);
    /* It is closed, whoever did it, and its exchanges have failed before. LOAD_FAILURE_NONE: in order (the server does not keep
     * it alive, or load_link_close). May be opened again from here. */
    void (*on_closed)(struct load_link *link, enum load_failure failure);
};

struct
    load_wire; /* what the links of a thread share: loop, pool of buffers, HTTP/2 context, TLS contexts and tickets */

MUST_USE enum err load_wire_create(const struct load_plan *plan, struct loop *loop, struct load_wire **ret_wire);
void load_wire_destroy(struct load_wire *wire);
/* At the end of each turn: what links have gathered goes out, and what has failed is told. */
void load_wire_flush(struct load_wire *wire);

/* Why the last link failed that did so in TLS or for its protocol: words, static; empty when none has. */
const char *load_wire_reason(const struct load_wire *wire);
/* Whether certificates and keys of a target can be used. An error says what is wrong with them in `why`: ERR_INVALID, ERR_NOMEM. */
struct text;
MUST_USE enum err load_target_check_tls(const struct load_target *target, struct text *why);

/* How many bytes a link takes; the owner has an array of them, zeroed. */
size_t load_link_bytes(void);
/* `owner` for the events. Begins to connect to one of the target's addresses; on_ready or on_closed follows, in a later turn. `source` NULL: the system
 * chooses the local address. An error (ERR_NOMEM, ERR_BUSY for want of descriptors or ports, ERR_IO) leaves nothing to close. */
MUST_USE enum err load_link_open(struct load_link *link, struct load_wire *wire, const struct load_target *target,
                                 const struct address *address, const struct address *source,
                                 const struct load_link_events *events, void *owner);
void *load_link_owner(const struct load_link *link);
bool load_link_is_open(const struct load_link *link);
/* Its TLS goes on from an earlier link's, without a full handshake. */
bool load_link_is_resumed(const struct load_link *link);
/* How many more exchanges it takes now: 0 until ready. */
uint32_t load_link_room(const struct load_link *link);
/* Needs room. What fails is said by on_failed, in this call or later. */
void load_link_send(struct load_link *link, struct load_exchange *exchange);
/* Gives an exchange up, without an event. HTTP/2 resets the stream; HTTP/1.1 has to close the link, with what else is on it failing
 * as CLOSED, and on_closed follows. */
void load_exchange_cancel(struct load_exchange *exchange);
/* Closes without events for the link; its exchanges fail. Nothing on a link that is not open. */
void load_link_close(struct load_link *link);

/* The bytes of a request in HTTP/1.1, Host and Content-Length included. ERR_NOMEM, or ERR_SYNTAX when a field or the path could not be one. */
MUST_USE enum err load_request_write_http1(const struct load_request *request, const struct load_target *target,
                                           bool is_kept_alive, struct arena *arena, struct slice *ret_bytes);

#endif
