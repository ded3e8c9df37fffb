/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing of links, and the way of their bytes. */
#include "load/wire/link_int.h"

#include "lib/sys/clock.h"

#include <stdlib.h>

#define CACHE_BYTES_MAX       ((size_t)256 << 20)
#define OUTSTANDING_BYTES_MAX ((size_t)4 << 30)

static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_sent(struct stream *stream, enum err err);
static void on_hangup(struct stream *stream);
static void on_connected(struct stream *stream, enum err err);
static void on_timer(struct timer *timer);

static const struct stream_handlers handlers = {
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_hangup = on_hangup,
    .on_connected = on_connected,
};

enum load_failure link_failure_of(enum err err)
{
    switch (err) {
    case ERR_SYNTAX:
    case ERR_UNSUPPORTED:
        return LOAD_FAILURE_PROTOCOL;
    case ERR_LIMIT:
        return LOAD_FAILURE_TOO_LARGE;
    case ERR_NOMEM:
    case ERR_BUSY:
        return LOAD_FAILURE_LOCAL;
    default:
        return LOAD_FAILURE_CLOSED;
    }
}

/* --- what links share -------------------------------------------------------------------------------------------- */

enum err load_wire_create(const struct load_plan *plan, struct loop *loop, struct load_wire **ret_wire)
{
    struct load_wire *wire = calloc(1, sizeof *wire);
    char *input = malloc(LINK_INPUT_BYTES);
    if (!wire || !input) {
        free(wire);
        free(input);
        return ERR_NOMEM;
    }
    wire->plan = plan;
    wire->loop = loop;
    wire->input = input;
    wire->reason = "";
    pool_init(&wire->pool, CACHE_BYTES_MAX, OUTSTANDING_BYTES_MAX);
    list_init(&wire->marked);
    enum err err = wire_tls_create(plan, &wire->tls);
    if (err == ERR_OK)
        err = wire_http2_create(wire);
    if (err == ERR_OK)
        *ret_wire = wire;
    else
        load_wire_destroy(wire);
    return err;
}

void load_wire_destroy(struct load_wire *wire)
{
    if (!wire)
        return;
    http2_context_destroy(wire->http2);
    wire_tls_destroy(wire->tls);
    pool_deinit(&wire->pool);
    free(wire->input);
    free(wire);
}

const char *load_wire_reason(const struct load_wire *wire)
{
    return wire->reason;
}

void load_wire_flush(struct load_wire *wire)
{
    struct list now;
    struct list *node;
    list_init(&now);
    while ((node = list_pop_first(&wire->marked)))
        list_add_last(&now, node);
    while ((node = list_pop_first(&now))) {
        struct load_link *link = CONTAINER_OF(node, struct load_link, node);
        if (link->is_broken)
            link_lose(link, link->breakage, link->breakage);
        else if (!link->is_writing)
            link->protocol->flush(link);
    }
}

void link_mark(struct load_link *link)
{
    if (!list_is_linked(&link->node))
        list_add_last(&link->wire->marked, &link->node);
}

void link_break(struct load_link *link, enum load_failure failure)
{
    link->is_broken = true;
    link->breakage = failure;
    link_mark(link);
}

enum err link_bytes_reserve(struct load_wire *wire, struct link_bytes *bytes, size_t room)
{
    if (bytes->ptr && room <= bytes->capacity - bytes->len)
        return ERR_OK;
    size_t capacity;
    char *ptr = pool_acquire(&wire->pool, MAX(bytes->len + room, 2 * bytes->len), &capacity);
    if (!ptr)
        return ERR_NOMEM;
    if (bytes->len)
        memcpy(ptr, bytes->ptr, bytes->len);
    pool_release(&wire->pool, bytes->ptr, bytes->capacity);
    bytes->ptr = ptr;
    bytes->capacity = capacity;
    return ERR_OK;
}

void link_bytes_release(struct load_wire *wire, struct link_bytes *bytes)
{
    pool_release(&wire->pool, bytes->ptr, bytes->capacity);
    *bytes = (struct link_bytes){0};
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

size_t load_link_bytes(void)
{
    return sizeof(struct load_link);
}

void *load_link_owner(const struct load_link *link)
{
    return link->owner;
}

bool load_link_is_open(const struct load_link *link)
{
    return link->state != LINK_CLOSED;
}

enum err load_link_open(struct load_link *link, struct load_wire *wire, const struct load_target *target,
                        const struct address *address, const struct address *source,
                        const struct load_link_events *events, void *owner)
{
    ASSERT(link->state == LINK_CLOSED, "a link is opened once");
    TRY(stream_connect(&link->stream, wire->loop, address, source, &handlers));
    link->wire = wire;
    link->target = target;
    link->protocol = NULL;
    link->transport = target->is_tls ? &link_tls : NULL;
    link->tls = (struct link_tls){0};
    link->events = events;
    link->owner = owner;
    link->exchange_count = 0;
    link->is_writing = link->is_broken = false;
    link->state = LINK_CONNECTING;
    list_init(&link->exchanges);
    list_init(&link->node);
    timer_init(&link->timer, on_timer);
    timer_set(&wire->loop->timers, &link->timer, clock_now_ns() + LINK_CONNECT_NS);
    return ERR_OK;
}

static struct load_link *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct load_link, stream);
}

static void on_connected(struct stream *stream, enum err err)
{
    struct load_link *link = of_stream(stream);
    if (err == ERR_OK)
        err = stream_receive_start(stream);
    if (err != ERR_OK) {
        link_lose(link, LOAD_FAILURE_CONNECT, LOAD_FAILURE_CONNECT);
        return;
    }
    if (!link->transport) {
        link_be_ready(link, link->target->protocol == LOAD_HTTP2 ? &link_http2 : &link_http1);
        return;
    }
    link->state = LINK_SETTLING;
    if (link->transport->begin(link) != ERR_OK)
        link_lose(link, LOAD_FAILURE_TLS, LOAD_FAILURE_TLS);
}

void link_be_ready(struct load_link *link, const struct link_protocol *protocol)
{
    memset(&link->http1, 0, sizeof *link - offsetof(struct load_link, http1));
    link->protocol = protocol;
    link->state = LINK_SETTLING;
    enum err err = protocol->begin(link);
    if (err == ERR_OK)
        link_open_up(link);
    else if (err != ERR_AGAIN)
        link_lose(link, link_failure_of(err), link_failure_of(err));
}

void link_open_up(struct load_link *link)
{
    timer_cancel(&link->timer);
    link->state = LINK_READY;
    link->events->on_ready(link);
}

/* --- bytes ------------------------------------------------------------------------------------------------------- */

static struct iovec on_buffer(struct stream *stream)
{
    return (struct iovec){of_stream(stream)->wire->input, LINK_INPUT_BYTES};
}

static void receive_end(struct load_link *link, enum err err)
{
    if (err == ERR_IO)
        link_lose(link, LOAD_FAILURE_CLOSED, LOAD_FAILURE_CLOSED);
    else if (link->transport)
        link->transport->receive_end(link);
    else
        link->protocol->receive_end(link);
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct load_link *link = of_stream(stream);
    link->wire->received_ns = clock_now_ns();
    if (UNLIKELY(err != ERR_OK))
        receive_end(link, err);
    else if (UNLIKELY(link->transport))
        link->transport->receive(link, link->wire->input, bytes);
    else
        link->protocol->receive(link, link->wire->input, bytes);
}

void link_stamp(struct load_link *link)
{
    uint64_t now_ns = clock_now_ns();
    for (struct list *node = link->exchanges.prev; node != &link->exchanges; node = node->prev) {
        struct load_exchange *exchange = CONTAINER_OF(node, struct load_exchange, node);
        if (exchange->sent_ns)
            return;
        exchange->sent_ns = now_ns;
    }
}

enum err link_write(struct load_link *link, struct slice bytes)
{
    size_t sent;
    enum err err = link->transport ? link->transport->write(link, bytes) : stream_send(&link->stream, bytes, &sent);
    link->is_writing = err == ERR_AGAIN;
    return err;
}

static void on_sent(struct stream *stream, enum err err)
{
    struct load_link *link = of_stream(stream);
    if (err != ERR_OK) {
        link_lose(link, LOAD_FAILURE_CLOSED, LOAD_FAILURE_CLOSED);
        return;
    }
    if (link->transport) {
        link->transport->written(link);
        return;
    }
    link->is_writing = false;
    link->protocol->written(link);
}

static void on_hangup(struct stream *stream)
{
    link_lose(of_stream(stream), LOAD_FAILURE_CLOSED, LOAD_FAILURE_CLOSED);
}

/* --- closing ----------------------------------------------------------------------------------------------------- */

static void on_timer(struct timer *timer)
{
    struct load_link *link = CONTAINER_OF(timer, struct load_link, timer);
    if (link->state == LINK_LINGERING) {
        stream_reset(&link->stream); /* else its port would be taken for a minute */
        link_lose(link, LOAD_FAILURE_CLOSED, LOAD_FAILURE_NONE);
        return;
    }
    enum load_failure failure = link->state == LINK_CONNECTING ? LOAD_FAILURE_CONNECT
                                : link->protocol               ? LOAD_FAILURE_PROTOCOL
                                                               : LOAD_FAILURE_TLS;
    link_lose(link, failure, failure);
}

void link_linger(struct load_link *link)
{
    link->state = LINK_LINGERING;
    timer_set(&link->wire->loop->timers, &link->timer, clock_now_ns() + LINK_LINGER_NS);
}

void link_drop(struct load_link *link, struct load_exchange *exchange)
{
    list_remove(&exchange->node);
    exchange->link = NULL;
    link->exchange_count--;
}

static void shut(struct load_link *link)
{
    if (link->protocol)
        link->protocol->end(link);
    if (link->transport)
        link->transport->end(link);
    timer_cancel(&link->timer);
    list_remove(&link->node);
    stream_close(&link->stream);
    link->state = LINK_CLOSED;
    link->is_broken = link->is_writing = false;
    link->epoch++;
}

/* Their owners may open the link again before the last one is told: so they are taken off first. */
static void fail_all(struct load_link *link, enum load_failure failure)
{
    struct list failed;
    struct list *node;
    list_init(&failed);
    while ((node = list_pop_first(&link->exchanges)))
        list_add_last(&failed, node);
    link->exchange_count = 0;
    LIST_EACH(each, &failed)
    CONTAINER_OF(each, struct load_exchange, node)->link = NULL;
    while ((node = list_pop_first(&failed))) {
        struct load_exchange *exchange = CONTAINER_OF(node, struct load_exchange, node);
        exchange->events->on_failed(exchange, failure);
    }
}

void link_lose(struct load_link *link, enum load_failure exchanges, enum load_failure failure)
{
    shut(link);
    uint32_t epoch = link->epoch;
    fail_all(link, exchanges);
    if (link->epoch == epoch && link->state == LINK_CLOSED)
        link->events->on_closed(link, failure);
}

void load_link_close(struct load_link *link)
{
    if (link->state == LINK_CLOSED)
        return;
    shut(link);
    fail_all(link, LOAD_FAILURE_CLOSED);
}

/* --- exchanges --------------------------------------------------------------------------------------------------- */

uint32_t load_link_room(const struct load_link *link)
{
    return LIKELY(link->state == LINK_READY) && !link->is_broken ? link->protocol->room(link) : 0;
}

void load_link_send(struct load_link *link, struct load_exchange *exchange)
{
    exchange->link = link;
    exchange->sent_ns = exchange->first_byte_ns = exchange->received_ns = exchange->given_bytes = 0;
    exchange->body_bytes = exchange->wire_bytes = 0;
    list_add_last(&link->exchanges, &exchange->node);
    link->exchange_count++;
    link->protocol->send(link, exchange);
}

void load_exchange_cancel(struct load_exchange *exchange)
{
    if (exchange->link)
        exchange->link->protocol->cancel(exchange->link, exchange);
}
