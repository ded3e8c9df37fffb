/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 on a link: many exchanges at a time, each a stream.
 *
 * The link is open when the server's SETTINGS are here: only then is it known to speak HTTP/2, and how many requests it
 * takes at a time, so that none is sent only to be refused. From then on the link stands in its target's list and is found
 * by all requests, until the server says GOAWAY.
 *
 * What is received is given to the codec at once, which calls back for each stream. What is to be sent is only noted
 * (http2_link_is_due), and pulled from the codec when the turn of the loop ends: so the frames of all requests of a turn
 * leave in one send, and no failure of a send meets a request in the midst of something. */
#include "pipeline/proxy/proxy.h"
#include "pipeline/proxy/proxy_int.h"

#include "pipeline/http2_shared.h"

#include <stdlib.h>

#define RECEIVE_BYTES    32768
#define SEND_BYTES_FIRST 4096 /* requests rarely take more */
#define SEND_BYTES       65536

static enum err start(struct upstream_link *link);
static struct iovec on_buffer(struct upstream_link *link);
static void on_received(struct upstream_link *link, size_t bytes, enum err err);
static void on_sent(struct upstream_link *link, enum err err);
static void on_timeout(struct upstream_link *link);
static bool has_room(const struct upstream_link *link);
static void on_left(struct upstream_link *link, struct exchange *exchange, bool is_reusable);
static void on_freed(struct upstream_link *link);
static enum verdict send_head(struct exchange *exchange);
static enum verdict send_body(struct exchange *exchange);

const struct upstream_protocol upstream_http2 = {
    .name = "HTTP/2",
    .start = start,
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_timeout = on_timeout,
    .has_room = has_room,
    .on_left = on_left,
    .on_freed = on_freed,
    .send = send_head,
    .send_body = send_body,
};

static void on_close(struct http2_stream *stream, uint32_t code);
static void on_goaway(void *owner, uint32_t code);
static void on_abuse(void *owner, enum http2_abuse abuse);

static const struct http2_events events = {
    .on_memory = http2_head_memory_of,
    .on_head = http2_head_received,
    .on_data = http2_body_received,
    .on_trailer = http2_trailer_received,
    .on_end = http2_body_ended,
    .on_read = http2_body_read,
    .on_close = on_close,
    .on_goaway = on_goaway,
    .on_abuse = on_abuse,
};

static void flush(struct upstream_link *link);
static void lose(struct upstream_link *link, enum err err);

/* One for all links of a worker: what is received is looked at before anything else is. */
static char *place_of(struct worker *worker)
{
    if (!worker->upstream_input)
        worker->upstream_input = malloc(RECEIVE_BYTES);
    return worker->upstream_input;
}

/* The connection's window has room for all streams: a client that takes nothing must not keep the others waiting. */
static enum err start(struct upstream_link *link)
{
    struct worker *worker = link_worker(link);
    struct http2_context *context;
    struct http2_limits limits;
    uint64_t streams_max = link->pool->upstream->config->streams;
    list_init(&link->http2.taken);
    list_init(&link->http2.heard);
    if (!place_of(worker))
        return ERR_NOMEM;
    TRY(http2_shared_context(worker, &context));
    http2_shared_limits(&worker->limits, &limits);
    limits.connection_window_bytes = (uint32_t)MIN(streams_max * limits.stream_window_bytes, (uint64_t)INT32_MAX);
    const struct http2_options options = {
        .context = context, .events = &events, .owner = link, .limits = &limits, .is_client = true};
    TRY(http2_create(&options, &link->http2.session));
    TRY(link_receive_start(link));
    http2_link_is_due(link);
    return ERR_OK;
}

static void on_freed(struct upstream_link *link)
{
    list_remove(&link->http2.due_node);
    link_buffer_drop(link, &link->http2.out);
    http2_destroy(link->http2.session);
    link->http2.session = NULL;
}

static bool has_room(const struct upstream_link *link)
{
    const struct http2_session *session = link->http2.session;
    return http2_can_request(session) && http2_stream_count(session) < link->pool->upstream->config->streams;
}

/* A stream that is not over is given up: the server hears of it, and the connection stays. */
static void on_left(struct upstream_link *link, struct exchange *exchange, bool is_reusable)
{
    timer_cancel(&exchange->timer);
    list_remove(&exchange->taken_node);
    if (is_reusable)
        http2_release(&exchange->stream);
    else
        http2_reset(&exchange->stream, HTTP2_CANCEL);
    if (link->is_closed)
        return;
    http2_link_is_due(link);
    if (list_is_empty(&link->exchanges) && (link->http2.is_leaving || !link_keep(link)))
        link_close(link);
}

/* Sending. */

void http2_link_is_due(struct upstream_link *link)
{
    if (!link->is_closed && !list_is_linked(&link->http2.due_node))
        list_add_last(&link_worker(link)->upstream_links_due, &link->http2.due_node);
}

void proxy_worker_turn(struct worker *worker)
{
    struct list *node;
    while ((node = list_pop_first(&worker->upstream_links_due)))
        flush(CONTAINER_OF(node, struct upstream_link, http2.due_node));
}

/* Bodies that had to wait for room go on; each may end its request, and others with it. */
static void wake_taken(struct upstream_link *link)
{
    struct list *node;
    while ((node = list_pop_first(&link->http2.taken)))
        exchange_wake_body(CONTAINER_OF(node, struct exchange, taken_node));
}

/* One piece of what is due. False when there is nothing more, or no more goes now. */
static bool send_piece(struct upstream_link *link, size_t *room)
{
    struct http2_link *http2 = &link->http2;
    size_t taken;
    if (link->stream.unsent.len || !http2_wants_to_send(http2->session))
        return false;
    if (!link_buffer_ensure(link, &http2->out, *room)) {
        lose(link, ERR_NOMEM);
        return false;
    }
    size_t bytes = http2_send(http2->session, http2->out.ptr, http2->out.capacity);
    bool wants_room = http2_send_room(http2->session) > *room;
    *room = SEND_BYTES;
    if (bytes == 0)
        return wants_room;
    enum err err = link_send(link, slice_of(http2->out.ptr, bytes), &taken);
    if (err != ERR_OK && err != ERR_AGAIN)
        lose(link, err);
    return err == ERR_OK;
}

/* For those that wait for it to be open: GOAWAY is HTTP/2, whatever else is wrong. */
static enum err why_over(const struct upstream_link *link)
{
    return link->http2.is_leaving ? ERR_CLOSED : ERR_MISMATCH;
}

static void flush(struct upstream_link *link)
{
    size_t room = SEND_BYTES_FIRST;
    link_hold(link);
    while (!link->is_closed && send_piece(link, &room))
        continue;
    if (!link->is_closed && (link->tls || !link->stream.unsent.len))
        link_buffer_drop(link, &link->http2.out);
    wake_taken(link);
    if (!link->is_closed && http2_is_over(link->http2.session))
        lose(link, why_over(link));
    (void)link_let_go(link);
}

static void on_sent(struct upstream_link *link, enum err err)
{
    if (err != ERR_OK) {
        lose(link, err);
        return;
    }
    if (!link->tls)
        link_buffer_drop(link, &link->http2.out);
    http2_link_is_due(link);
}

/* Receiving. */

static struct iovec on_buffer(struct upstream_link *link)
{
    return (struct iovec){link_worker(link)->upstream_input, RECEIVE_BYTES};
}

void http2_exchange_heard(struct exchange *exchange, struct http2_link *http2)
{
    if (!list_is_linked(&exchange->heard_node))
        list_add_last(&http2->heard, &exchange->heard_node);
}

/* Once for each, so that the head of a response leaves together with what is here of its body. A request that ends takes
 * itself off the list. */
static void tell_heard(struct upstream_link *link)
{
    struct list *heard = &link->http2.heard;
    while (!list_is_empty(heard)) {
        struct list *node = heard->next;
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, heard_node);
        flow_resume(exchange->request);
        if (heard->next != node)
            continue;
        list_remove(node);
        http2_body_keep(exchange);
    }
}

/* One side has broken a rule, or has said that it is done: the server hears the last word, if there is one. */
static void end_session(struct upstream_link *link)
{
    link_hold(link);
    flush(link);
    if (!link->is_closed)
        lose(link, why_over(link));
    (void)link_let_go(link);
}

/* The server's SETTINGS are here. */
static void open_link(struct upstream_link *link)
{
    struct proxy_target *target = pool_find(link->pool, &link->address);
    if (target)
        target->streams_max = MAX(http2_peer_streams_max(link->http2.session), 1u);
    link_open(link);
}

static void on_received(struct upstream_link *link, size_t bytes, enum err err)
{
    struct worker *worker = link_worker(link);
    if (err != ERR_OK) {
        lose(link, err);
        return;
    }
    link_hold(link);
    err = http2_receive(link->http2.session, slice_of(worker->upstream_input, bytes), worker->loop.now_ns);
    tell_heard(link);
    if (!link->is_closed && !link->is_open && err == ERR_OK && http2_has_settings(link->http2.session))
        open_link(link);
    http2_link_is_due(link);
    if (!link->is_closed && err != ERR_OK)
        end_session(link);
    (void)link_let_go(link);
}

/* Exchanges. */

static enum verdict send_head(struct exchange *exchange)
{
    struct request *request = exchange->request;
    http2_body_init(exchange);
    enum err err = http2_head_send(exchange);
    if (err == ERR_NOMEM)
        return request_fail_memory(request);
    if (err != ERR_OK)
        return request_fail(request, PROBLEM_INTERNAL, "The request could not be written for the upstream.");
    exchange->state = EXCHANGE_HEAD;
    http2_exchange_wait(exchange);
    http2_link_is_due(exchange->link);
    if (request->head.has_body && !exchange->is_expecting && !exchange->has_begun_body)
        return send_body(exchange);
    return VERDICT_WAIT;
}

static enum verdict send_body(struct exchange *exchange)
{
    exchange->state = EXCHANGE_HEAD;
    exchange->is_expecting = false;
    exchange->has_begun_body = true;
    http2_exchange_wait(exchange);
    return exchange_give_body(exchange) == VERDICT_FAIL ? VERDICT_FAIL : VERDICT_WAIT;
}

/* What was refused was not looked at, and may be sent again whatever it was (RFC 9113 section 8.7), if we still have all
 * of it. Where nobody knows, the rule is that of a kept connection of HTTP/1.1 that turns out to be dead. */
static bool can_repeat(const struct exchange *exchange, bool is_refused)
{
    bool is_whole = !exchange->has_begun_body || exchange->is_collected || !exchange->is_out_cut;
    if (exchange->state == EXCHANGE_BODY || exchange->interim_count > 0 || !is_whole)
        return false;
    return is_refused || (exchange->is_reused && exchange_is_idempotent(exchange) && exchange_has_whole_body(exchange));
}

static void on_close(struct http2_stream *stream, uint32_t code)
{
    struct exchange *exchange = exchange_of_stream(stream);
    bool is_refused = code == HTTP2_REFUSED_STREAM;
    if (exchange_is_given_up(exchange))
        return;
    if (is_refused) {
        counter_add(&exchange->request->worker->meter.upstream_streams_refused, 1);
        exchange->refused_by = exchange->link;
        if (can_repeat(exchange, true) && exchange_repeat(exchange))
            return;
    }
    exchange_fail(exchange, PROBLEM_BAD_GATEWAY,
                  is_refused                         ? "The upstream refused the request."
                  : exchange->state == EXCHANGE_BODY ? "The upstream broke off its response."
                  : code == HTTP2_PROTOCOL_ERROR     ? "What the upstream sent is no valid response."
                                                     : "The upstream gave the request up.");
}

/* The connection has ended. Each exchange may find another one; none finds this one. `err` is for those that wait for it
 * to be open. */
static void lose(struct upstream_link *link, enum err err)
{
    if (!link->is_open) {
        link_fail(link, err);
        return;
    }
    link_hold(link);
    link_close(link);
    while (!list_is_empty(&link->exchanges)) {
        struct exchange *exchange = CONTAINER_OF(link->exchanges.next, struct exchange, link_node);
        if (exchange_is_given_up(exchange) || (can_repeat(exchange, false) && exchange_repeat(exchange)))
            continue;
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY,
                      exchange->state == EXCHANGE_BODY ? "The upstream broke off its response."
                                                       : "The upstream closed the connection without a response.");
    }
    (void)link_let_go(link);
}

/* RFC 9113 section 6.8: streams above the last one that it names are closed as refused, the others go on. */
static void on_goaway(void *owner, uint32_t code UNUSED)
{
    struct upstream_link *link = owner;
    link->http2.is_leaving = true;
    if (link->is_closed || !link->is_open)
        return;
    link_hide(link);
    if (list_is_empty(&link->exchanges))
        link_close(link);
}

static void on_abuse(void *owner, enum http2_abuse abuse UNUSED)
{
    struct upstream_link *link = owner;
    counter_add(&link_worker(link)->meter.upstream_floods, 1);
}

/* Time. */

/* Without a request for idle_time: the server hears that this is the end. */
static void on_timeout(struct upstream_link *link)
{
    if (!link->is_idle)
        return;
    http2_terminate(link->http2.session, HTTP2_NO_ERROR);
    end_session(link);
}

void http2_exchange_wait(struct exchange *exchange)
{
    struct loop *loop = &exchange->request->worker->loop;
    timer_set(&loop->timers, &exchange->timer, loop->now_ns + exchange_time_ns(exchange));
}

/* An upstream that waits for the client is not late: for the rest of the request's body, or for room in our memory. */
static bool is_waiting_for_client(const struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_BODY)
        return exchange->in.begin < exchange->in.end;
    return exchange->state == EXCHANGE_HEAD && !exchange->is_sent && !exchange->is_expecting &&
           exchange->out.begin == exchange->out.end;
}

void http2_exchange_on_timer(struct timer *timer)
{
    struct exchange *exchange = CONTAINER_OF(timer, struct exchange, timer);
    if (exchange_is_given_up(exchange))
        return;
    if (is_waiting_for_client(exchange))
        http2_exchange_wait(exchange);
    else
        exchange_on_timeout(exchange);
}
