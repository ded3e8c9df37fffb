/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is with an upstream (struct exchange), the connection that carries it (struct upstream_link), what is
 * spoken there (struct upstream_protocol), and the pool of a worker that keeps connections between requests (struct
 * proxy_pool).
 *
 * An exchange lives in the arena of its request and ends with it. It is on its link from taking it to leaving it, which
 * is as soon as the response has arrived whole, even if the client has not taken it yet. A link with no exchange belongs
 * to its pool. */
#ifndef WEIR_PIPELINE_PROXY_PROXY_INT_H
#define WEIR_PIPELINE_PROXY_PROXY_INT_H

#include "pipeline/proxy/proxy.h"

#include "lib/http/forward.h"
#include "lib/http2/http2.h"
#include "lib/sys/acks.h"
#include "lib/sys/clock.h"
#include "pipeline/contract.h"
#include "pipeline/flow.h"
#include "pipeline/worker.h"

#define PROXY_PIECE_BYTES 16384      /* of a body, in either direction */
#define PROXY_CONTINUE_NS (NS_PER_S) /* for an upstream to say that it wants a body */

struct exchange;
struct upstream_link;

/* What is spoken on a link, once it is ready. Functions that end requests say so: nothing of the exchange is touched after
 * them, and the link may be gone. */
struct upstream_protocol {
    const char *name;
    /* Of the connection. It is ready: link_open is to be called now or when exchanges may begin. */
    enum err (*start)(struct upstream_link *link);
    struct iovec (*on_buffer)(struct upstream_link *link);
    /* As stream_handlers.on_received; with an error the link is still to be closed. Bytes: only after on_buffer. */
    void (*on_received)(struct upstream_link *link, size_t bytes, enum err err);
    void (*on_sent)(struct upstream_link *link, enum err err);
    void (*on_timeout)(struct upstream_link *link);
    /* Whether one more exchange may begin on it now. */
    bool (*has_room)(const struct upstream_link *link);
    /* The exchange has left. Closes the link or lets the pool have it, unless it is closed already. */
    void (*on_left)(struct upstream_link *link, struct exchange *exchange, bool is_reusable);
    /* The link is closed, and nobody is on the stack any more who looks at it: drops its state. May be NULL. */
    void (*on_freed)(struct upstream_link *link);
    /* Of an exchange on it; stages of the request. Sends the head, and what is here of the body unless the upstream is
     * asked whether it wants it. */
    enum verdict (*send)(struct exchange *exchange);
    /* It does want it. */
    enum verdict (*send_body)(struct exchange *exchange);
};

extern const struct upstream_protocol upstream_http1;
extern const struct upstream_protocol upstream_http2;

/* One address, and the connections to it that a request may use. */
struct proxy_target {
    struct address address;
    const struct upstream_server *server; /* NULL: a free place */
    struct list idle;                     /* of upstream_link, carrying none; the last used first */
    struct list shared;                   /* of upstream_link, for more than one at a time */
    uint64_t failed_until_ns;
    uint32_t streams_max; /* of HTTP/2, as the server last said; 0: it has not */
    bool is_http1;        /* what it last chose over TLS */
};

/* The places of a server in proxy_pool.targets: one, or as many as a name may have addresses. */
struct proxy_places {
    uint64_t version; /* of what the resolver last said */
    uint32_t first;
    uint32_t count;
};

struct proxy_pool {
    struct worker *worker;
    const struct upstream *upstream;
    struct proxy_target *targets;
    struct proxy_places *places; /* parallel to upstream->servers */
    uint32_t target_count;       /* places, free ones too */
    uint32_t cursor;             /* the target that was picked last */
    uint32_t idle_count;         /* of links that carry no exchange, of either kind */
    uint32_t in_flight;
};

struct proxy_pools {
    uint32_t count;
    struct proxy_pool pools[]; /* by upstream.index */
};

/* Bytes of the worker's pool. */
struct exchange_buffer {
    char *ptr; /* NULL: none */
    size_t capacity;
    size_t begin;
    size_t end;
};

/* HTTP/2's part of a link. */
struct http2_link {
    struct http2_session *session;
    struct list due_node;       /* of worker.upstream_links_due */
    struct list taken;          /* exchanges that wait for room in `out`, and have it */
    struct list heard;          /* exchanges that something has come for, while it is looked at; they may have left */
    struct exchange_buffer out; /* while something is sent */
    bool is_leaving;            /* no exchange may begin on it any more */
};

struct upstream_link {
    struct stream stream;
    struct list node; /* of its target's idle or shared ones */
    struct timer timer;
    struct proxy_pool *pool;
    const struct upstream_protocol *protocol; /* NULL until it is ready */
    struct list exchanges;                    /* that it carries, or that wait for it to be open */
    uint32_t exchange_count;
    struct http2_link http2;
    struct link_tls *tls; /* TLS; NULL: none */
    struct acks acks;
    uint32_t holds; /* its memory stays while somebody has to look at is_closed */
    bool is_closed;
    struct address address;
    bool is_ready; /* connected, and the handshake is over */
    bool is_open;  /* exchanges may begin */
    bool is_idle;  /* counted in pool.idle_count */
};

enum exchange_state {
    EXCHANGE_START,      /* needs a link */
    EXCHANGE_CONNECTING, /* the link is being connected */
    EXCHANGE_READY,      /* the link waits for the request */
    EXCHANGE_CONTINUED,  /* the upstream wants the body that it was asked about */
    EXCHANGE_HEAD,       /* the request is on its way: the head of the response is waited for */
    EXCHANGE_BODY,       /* the response has its head; the body comes through the source */
    EXCHANGE_FAILED,
};

struct exchange {
    struct request *request;
    struct proxy_pool *pool;
    struct upstream_link *link; /* NULL: none, or left already */
    struct list link_node;      /* of its exchanges */
    struct body_sink sink;
    struct body_source source;
    enum exchange_state state;
    uint64_t begin_ns;
    enum problem problem; /* of EXCHANGE_FAILED */
    const char *why;
    enum err connect_err; /* of the last attempt that failed */
    uint32_t attempts;
    uint32_t repeat_count; /* of them, those after which the request was sent once more */
    uint32_t interim_count;
    bool has_informed; /* of interim responses, the client has been; nothing is sent yet */
    bool is_reused;    /* the link has carried requests before this one */

    /* The request. */
    struct exchange_buffer out; /* begin: where the part begins that the stream has not been given */
    bool is_chunked;            /* the body goes on in chunks, because nobody knows its length */
    bool is_corked;             /* what is written waits for the rest, to leave in one send */
    bool is_collected;          /* the body is in memory, whole (request->body), and has a length */
    struct slice body_left;     /* of it: what the sink has not taken */
    bool has_begun_body;        /* the sink was given something */
    bool is_out_cut;            /* HTTP/2: `out` does not hold the body from its first byte on */
    bool is_pulled;             /* HTTP/2: the last byte is with the codec */
    bool is_expecting;          /* the upstream is asked whether it wants the body */
    bool is_sent;               /* to the last byte, as far as `out` */
    bool is_write_broken;       /* the upstream takes no more; it may have answered all the same */

    /* The response. */
    uint32_t field_count;      /* of request->response, before those of the upstream */
    struct exchange_buffer in; /* undecoded before its head is there, decoded after */
    struct http1_parser parser;
    struct http_head head;
    struct chunked chunked;
    struct trailers trailers;
    char *collected; /* collect.c: the body, as far as it is here */
    size_t collected_bytes;
    size_t collected_capacity;
    uint64_t left_bytes; /* of a body with a length */
    bool has_left;       /* it is not in flight any more */
    bool is_complete;
    bool is_dirty;    /* more came than belongs to the response, or may still come */
    enum err failure; /* why the body will not be completed */

    /* HTTP/2. */
    struct http2_stream stream;
    struct timer timer;
    struct list taken_node;
    struct list heard_node;
    struct http2_field *out_trailers; /* of the request, behind its body */
    uint32_t out_trailer_count;
    struct slice arrived;                   /* of the body, where it was received, while that is looked at */
    const struct upstream_link *refused_by; /* never looked into: it may be gone */
};

/* pool.c */
struct proxy_pool *pool_of(const struct request *request);
/* The next address in turn that has not failed lately, else the next in turn; NULL when there is none at all. */
struct proxy_target *pool_pick(struct proxy_pool *pool);
/* How many addresses there are. */
uint32_t pool_size(const struct proxy_pool *pool);
/* An address could not be reached. */
void pool_note_failure(struct proxy_pool *pool, const struct address *address);
/* The target of an address that is still one; NULL. */
struct proxy_target *pool_find(struct proxy_pool *pool, const struct address *address);

/* link.c */
/* One to the target that may take the exchange, or is being connected and will. NULL. */
struct upstream_link *link_find(struct exchange *exchange, struct proxy_target *target);
/* A new one, which is being connected for the exchange. */
MUST_USE enum err link_connect(struct exchange *exchange, struct proxy_target *target);
/* The exchange is on the link, which link_find has found. */
void link_enter(struct upstream_link *link, struct exchange *exchange);
/* The exchange leaves its link, if it is on one; it may be used again when `is_reusable`. */
void link_leave(struct exchange *exchange, bool is_reusable);
/* Without exchanges: for the next one to find, if there is room among the kept ones. */
MUST_USE bool link_keep(struct upstream_link *link);
/* No exchange finds it any more. */
void link_hide(struct upstream_link *link);
/* No exchange is on it. */
void link_close(struct upstream_link *link);
/* Around calls that may close it: after the second, the link may be gone, unless the answer is true. */
void link_hold(struct upstream_link *link);
bool link_let_go(struct upstream_link *link);
/* Also of one whose pool is gone. */
static inline struct worker *link_worker(const struct upstream_link *link)
{
    return CONTAINER_OF(link->stream.watch.loop, struct worker, loop);
}
/* Buffers of a link itself. Ensure: an empty one holds at least so many bytes then; false without memory. */
void link_buffer_drop(struct upstream_link *link, struct exchange_buffer *buffer);
MUST_USE bool link_buffer_ensure(struct upstream_link *link, struct exchange_buffer *buffer, size_t bytes);
/* on_timeout after so long, unless it is called again before. */
void link_wait(struct upstream_link *link, uint64_t time_ns);
/* Sends: ERR_OK: all is with the kernel. ERR_AGAIN: *ret_taken is, and the rest is borrowed until on_sent; over
 * TLS all is taken. No other send while stream.unsent has a length. */
MUST_USE enum err link_send(struct upstream_link *link, struct slice bytes, size_t *ret_taken);
MUST_USE enum err link_receive_start(struct upstream_link *link);
void link_receive_stop(struct upstream_link *link);
bool link_is_receiving(const struct upstream_link *link);
/* Of the socket, in whatever wrapping. */
void link_note_received(struct upstream_link *link, size_t bytes);
/* What is spoken on it is known by now. May close the link. */
void link_ready(struct upstream_link *link);
/* Exchanges may begin: those that wait for it do. May close the link. */
void link_open(struct upstream_link *link);
/* Connecting has failed, or the connection has. Closes the link, sooner or later. */
void link_fail(struct upstream_link *link, enum err err);

/* link_tls.c. After an error link_close cleans up. */
MUST_USE enum err link_tls_begin(struct upstream_link *link);
void link_tls_end(struct upstream_link *link);
MUST_USE enum err link_tls_send(struct upstream_link *link, struct slice bytes);
MUST_USE enum err link_tls_receive_start(struct upstream_link *link);
void link_tls_receive_stop(struct upstream_link *link);
bool link_tls_is_receiving(const struct upstream_link *link);
/* By ALPN. */
bool link_tls_chose_http2(const struct upstream_link *link);

/* exchange.c: the same for every protocol. Where it says so, the request may have ended on return. */
/* The link that the exchange waits for is open, or why it will not be. May end the request. */
void exchange_on_connected(struct exchange *exchange, enum err err);
/* Nobody wants what comes, because the request has failed for a reason of its own. Then the link has been left. */
bool exchange_is_given_up(struct exchange *exchange);
/* It is with the upstream no longer, as far as in_flight goes. Harmless twice. */
void exchange_leave(struct exchange *exchange);
/* Ends it as failed. `why` is a static sentence. May end the request. */
void exchange_fail(struct exchange *exchange, enum problem problem, const char *why);
void exchange_fail_memory(struct exchange *exchange);
/* Gives the sink what is here of the request's body, and has the rest come as it can: NEXT when all of it is taken, WAIT,
 * or FAIL. */
enum verdict exchange_give_body(struct exchange *exchange);
/* The sink, if it has refused bytes, has room for some. From a stage of the request it may be told to FAIL; elsewhere
 * exchange_wake_body, which may end the request. */
enum verdict exchange_go_on_with_body(struct exchange *exchange);
void exchange_wake_body(struct exchange *exchange);
/* Whether all of the request's body is here to be sent once more, or there is none. */
static inline bool exchange_has_whole_body(const struct exchange *exchange)
{
    return exchange->is_collected || !exchange->request->head.has_body;
}
/* How long the body is that goes on, where that is known. */
static inline bool exchange_has_length(const struct exchange *exchange)
{
    return exchange->is_collected || exchange->request->head.has_content_length;
}
static inline uint64_t exchange_body_bytes(const struct exchange *exchange)
{
    return exchange->is_collected ? exchange->request->body.len : exchange->request->head.content_length;
}
/* Whether it does no harm to send the request again, should nobody know whether it was acted on: RFC 9110 section 9.2.2. */
bool exchange_is_idempotent(const struct exchange *exchange);
/* Sends the request again, over another connection. False when it was tried often enough. May end the request. */
MUST_USE bool exchange_repeat(struct exchange *exchange);
/* exchange->head is that of an interim response. False when there were too many: the exchange has failed then. */
MUST_USE bool exchange_take_interim(struct exchange *exchange);
/* No further head is here: lets the request and its client know of those that were. May end the request. */
void exchange_after_interims(struct exchange *exchange);
/* How long the upstream may take for what is waited for. */
uint64_t exchange_time_ns(const struct exchange *exchange);
/* Nothing came for so long. May end the request. */
void exchange_on_timeout(struct exchange *exchange);

/* gateway.c */
/* Whether a request may be handed on at all: NEXT, ANSWER when it ends here, or FAIL. */
enum verdict gateway_admit(struct request *request);
/* What is added to Via, of requests and of responses that came in that version; empty: nothing. As the value of a field,
 * and as a line with its end. */
struct slice gateway_via(const struct request *request, const struct http_head *received);
struct slice gateway_via_line(const struct request *request, const struct http_head *received);

/* Adds to what is there. False when there is no memory. */
MUST_USE bool buffer_add(struct exchange *exchange, struct exchange_buffer *buffer, struct slice bytes);
MUST_USE bool buffer_ensure(struct exchange *exchange, struct exchange_buffer *buffer, size_t bytes);
void buffer_drop(struct exchange *exchange, struct exchange_buffer *buffer);

/* head.c: what of a head is handed on, whatever the upstream speaks. */
/* {NULL, 0}: no memory. */
struct slice head_target(struct request *request);
struct slice head_host(const struct exchange *exchange);
/* Which of the client's fields stay behind. */
void head_filter_init(struct forward_filter *filter, const struct request *request, uint64_t also);
bool head_is_dropped(const struct forward_filter *filter, const struct http_header *header);
/* The fields that are ours, as lines, and how long they are at most beside those of the client that are in them. */
void head_write_own(struct http1_writer *writer, const struct exchange *exchange);
size_t head_own_bytes(const struct exchange *exchange);
/* Makes request->response of exchange->head, whose bytes stand at `from` and are copied; NULL: they are in the arena. */
MUST_USE enum err head_make_response(struct exchange *exchange, const char *from);

/* http1_head.c */
/* Writes the head of the request into exchange->out. ERR_NOMEM; ERR_LIMIT: it does not fit anywhere. */
MUST_USE enum err http1_head_write(struct exchange *exchange);

/* collect.c */
/* The response has its head. Where a contract holds it back until it is known to fit, it is taken whole first: WAIT for
 * more of it, FAIL. */
enum verdict collect_response(struct exchange *exchange);

/* trailers.c */
/* Those of the request that go on, in its arena. Otherwise the request has failed. */
MUST_USE enum err trailers_of_request(struct exchange *exchange, struct response_field **ret_fields,
                                      uint32_t *ret_count);
/* exchange->trailers are complete: gives request->response those that go on. ERR_LIMIT: there are too many. ERR_NOMEM. */
MUST_USE enum err trailers_of_response(struct exchange *exchange);

/* interim.c */
/* Hands exchange->head, which is that of an interim response, on to the client. */
void interim_hand_on(struct exchange *exchange);

/* http1_body.c */
void http1_body_init(struct exchange *exchange);
/* Sends what is in `out`, unless a send is under way. */
void http1_body_flush(struct exchange *exchange);
/* The upstream takes no more. */
void http1_body_break_off(struct exchange *exchange);
/* Takes what is in `in`, all of it undecoded; false when it was malformed. Leaves the link at the end. */
bool http1_body_take(struct exchange *exchange);

/* http2.c */
/* There is something to be sent, which is done at the end of the turn. */
void http2_link_is_due(struct upstream_link *link);
static inline struct exchange *exchange_of_stream(struct http2_stream *stream)
{
    return CONTAINER_OF(stream, struct exchange, stream);
}
/* The request is to look what has become of it, when all that was received is taken. */
void http2_exchange_heard(struct exchange *exchange, struct http2_link *http2);
/* Waits anew for what the state of the exchange allows. */
void http2_exchange_wait(struct exchange *exchange);
void http2_exchange_on_timer(struct timer *timer);

/* http2_head.c */
/* Begins the request on its link. ERR_NOMEM, or why it cannot be written. */
MUST_USE enum err http2_head_send(struct exchange *exchange);
void *http2_head_memory_of(struct http2_stream *stream, size_t bytes);
void http2_head_received(struct http2_stream *stream, enum err err);
void http2_trailer_received(struct http2_stream *stream, struct slice name, struct slice value);

/* http2_body.c */
void http2_body_init(struct exchange *exchange);
/* The whole response is here. Leaves the link. */
void http2_body_complete(struct exchange *exchange);
/* What the client did not take has to be kept, now that the place where it was received is used again. May end the
 * request. */
void http2_body_keep(struct exchange *exchange);
void http2_body_received(struct http2_stream *stream, struct slice data);
void http2_body_ended(struct http2_stream *stream);
enum err http2_body_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes);

#endif
