/* SPDX-License-Identifier: Apache-2.0 */
/* A link from inside: a stream of bytes, on it perhaps TLS, and on that what is spoken.
 *
 *   up:    stream → transport->receive → protocol->receive → events of exchanges
 *   down:  protocol → link_write → transport->write → stream
 *
 * Every event may close the link, and on_closed may open it again. Whoever goes on after one compares `epoch` first. */
#ifndef WEIR_LOAD_WIRE_LINK_INT_H
#define WEIR_LOAD_WIRE_LINK_INT_H

#include "lib/http/chunked.h"
#include "lib/http/http1.h"
#include "load/wire.h"

#define LINK_INPUT_BYTES ((size_t)64 << 10)
#define LINK_CONNECT_NS  (10 * NS_PER_S) /* for connecting, TLS included */
#define LINK_LINGER_NS   NS_PER_S        /* how long the server has to close what it or we said was to be closed */

/* What is spoken: HTTP/1.1 or HTTP/2. All but begin are called on a link that is ready. */
struct link_protocol {
    /* The transport is settled; memory of the link's union is zeroed. ERR_AGAIN: it calls link_open_up when it is ready. */
    MUST_USE enum err (*begin)(struct load_link *link);
    uint32_t (*room)(const struct load_link *link);
    void (*send)(struct load_link *link, struct load_exchange *exchange);
    void (*cancel)(struct load_link *link, struct load_exchange *exchange);
    /* Bytes that have come, which it may change; they are gone when it returns. */
    void (*receive)(struct load_link *link, char *bytes, size_t len);
    /* The server sends no more. */
    void (*receive_end)(struct load_link *link);
    /* At the end of a turn in which link_mark was called, unless something is still being written. */
    void (*flush)(struct load_link *link);
    /* A write that had to wait is done. */
    void (*written)(struct load_link *link);
    /* The link closes: gives memory back. Exchanges are failed by link.c. */
    void (*end)(struct load_link *link);
};

/* What lies between protocol and stream: TLS. NULL: nothing. */
struct link_transport {
    /* Connected. It calls link_be_ready when it is settled. */
    MUST_USE enum err (*begin)(struct load_link *link);
    void (*receive)(struct load_link *link, char *bytes, size_t len);
    void (*receive_end)(struct load_link *link);
    /* As link_write. */
    MUST_USE enum err (*write)(struct load_link *link, struct slice bytes);
    /* What it gave to stream_send and had to wait is done. */
    void (*written)(struct load_link *link);
    void (*end)(struct load_link *link);
};

struct link_bytes {
    char *ptr; /* of the pool; NULL: none */
    size_t capacity;
    size_t len;
};

enum link_expects { LINK_EXPECTS_HEAD, LINK_EXPECTS_LENGTH, LINK_EXPECTS_CHUNKS, LINK_EXPECTS_CLOSE };

struct link_http1 {
    struct http1_parser parser;
    struct chunked chunked;
    uint64_t left_bytes; /* of a body with a length */
    enum link_expects expects;
    bool is_last;                /* no response comes behind this one */
    struct link_bytes kept;      /* a head that is not complete, or one that is needed until its body is */
    struct link_bytes gathering; /* requests to be sent when the turn ends, or when what is being written has been */
    struct link_bytes writing;
    struct load_exchange *lender; /* whose request is being written from its own memory */
};

struct link_http2 {
    struct http2_session *session;
    struct link_bytes out; /* what is being written */
    bool is_leaving;       /* no further request: the server has said so, or links are not kept */
};

struct tls_session;
struct tls_ticket;
struct link_tls {
    struct tls_session *session;
    struct tls_ticket *ticket; /* that it was to resume with */
    struct link_bytes out;     /* ciphertext that the stream has borrowed */
    struct link_bytes later;   /* what follows it, of the handshake and the like */
    struct slice rest;         /* of the protocol's write, not encrypted yet */
};

enum link_state {
    LINK_CLOSED,
    LINK_CONNECTING,
    LINK_SETTLING, /* TLS, then the settings of HTTP/2 */
    LINK_READY,
    LINK_LINGERING, /* takes nothing more; the server is to close it */
};

struct load_link {
    struct stream stream;
    struct load_wire *wire;
    const struct load_target *target;
    const struct link_protocol *protocol;
    const struct link_transport *transport;
    const struct load_link_events *events;
    void *owner;
    struct timer timer;
    struct list exchanges; /* on their way, in the order they were sent */
    uint32_t exchange_count;
    uint32_t epoch; /* rises when it closes */
    enum link_state state;
    bool is_writing;
    bool is_broken; /* and will be lost at the end of the turn, for `breakage` */
    enum load_failure breakage;
    struct list node; /* of wire->marked */
    struct link_tls tls;
    union {
        struct link_http1 http1;
        struct link_http2 http2;
    };
};

struct load_wire {
    const struct load_plan *plan;
    struct loop *loop;
    struct pool pool;
    struct list marked;   /* links that have something to do when the turn ends */
    char *input;          /* LINK_INPUT_BYTES, of whoever receives */
    uint64_t received_ns; /* when what is being looked at was received */
    const char *reason;   /* see load_wire_reason */
    struct wire_tls *tls; /* NULL: no target wants it */
    struct http2_context *http2;
    struct http2_session *http2_inside; /* the codec has been called */
    struct http2_session *http2_doomed; /* its link was closed meanwhile */
};

extern const struct link_protocol link_http1;
extern const struct link_protocol link_http2;
extern const struct link_transport link_tls;

/* tls.c, http2.c: their part of the wire. ERR_INVALID: certificates that load_target_check_tls refuses; ERR_NOMEM. */
MUST_USE enum err wire_tls_create(const struct load_plan *plan, struct wire_tls **ret_tls);
void wire_tls_destroy(struct wire_tls *tls);
MUST_USE enum err wire_http2_create(struct load_wire *wire);

/* For transports: settled. */
void link_be_ready(struct load_link *link, const struct link_protocol *protocol);
/* For protocols whose begin said ERR_AGAIN: exchanges may begin. */
void link_open_up(struct load_link *link);
/* What has not been sent before is now: the moment counts from which the kernel has it. */
void link_stamp(struct load_link *link);
/* Down, for protocols; one at a time. ERR_OK: all was taken. ERR_AGAIN: the rest is borrowed until protocol->written. Else it
 * failed. */
MUST_USE enum err link_write(struct load_link *link, struct slice bytes);
/* flush is to be called when the turn ends. */
void link_mark(struct load_link *link);
/* The link is lost when the turn ends: for who fails within a call from outside. */
void link_break(struct load_link *link, enum load_failure failure);
/* Closes: exchanges fail, then on_closed. An exchange that the server has said it will not look at fails as NONE. */
void link_lose(struct load_link *link, enum load_failure exchanges, enum load_failure failure);
/* No room any more; the server has a moment to close it. */
void link_linger(struct load_link *link);
/* Takes an exchange off the link. */
void link_drop(struct load_link *link, struct load_exchange *exchange);
enum load_failure link_failure_of(enum err err);

/* Memory of the wire's pool. */
MUST_USE enum err link_bytes_reserve(struct load_wire *wire, struct link_bytes *bytes, size_t room);
void link_bytes_release(struct load_wire *wire, struct link_bytes *bytes);

/* http1_request.c */
/* At most so many bytes as load_request_put_http1 writes. */
size_t load_request_http1_bytes_max(const struct load_request *request, const struct load_target *target);
MUST_USE enum err load_request_put_http1(const struct load_request *request, const struct load_target *target,
                                         bool is_kept_alive, char *place, size_t capacity, size_t *ret_bytes);

#endif
