/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to an upstream, from connecting to its end: carrying exchanges, or kept for the next. What is spoken on it
 * is the affair of its protocol, which is known when it is ready. */
#include "pipeline/proxy/proxy_int.h"

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

static struct upstream_link *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct upstream_link, stream);
}

/* Whether one that is being connected will be for more than one exchange, as far as anybody knows. */
static bool may_share(const struct proxy_pool *pool, const struct proxy_target *target)
{
    const struct upstream *upstream = pool->upstream;
    if (upstream->config->protocol == UPSTREAM_PROTOCOL_AUTO)
        return upstream->tls && !target->is_http1;
    return upstream->config->protocol == UPSTREAM_PROTOCOL_HTTP2;
}

static uint32_t streams_max(const struct proxy_pool *pool, const struct proxy_target *target)
{
    uint32_t ours = (uint32_t)pool->upstream->config->streams;
    return target->streams_max ? MIN(ours, target->streams_max) : ours;
}

/* A kept link that was dead says that the others may be, too: who comes from there gets a fresh one. A shared one is known
 * to be alive. */
struct upstream_link *link_find(struct exchange *exchange, struct proxy_target *target)
{
    struct proxy_pool *pool = exchange->pool;
    LIST_EACH(node, &target->shared)
    {
        struct upstream_link *link = CONTAINER_OF(node, struct upstream_link, node);
        bool has_room = link->is_open ? link->protocol->has_room(link) && link != exchange->refused_by
                                      : link->exchange_count < streams_max(pool, target);
        if (has_room)
            return link;
    }
    if (exchange->repeat_count > 0 || list_is_empty(&target->idle))
        return NULL;
    return CONTAINER_OF(target->idle.next, struct upstream_link, node);
}

enum err link_connect(struct exchange *exchange, struct proxy_target *target)
{
    struct proxy_pool *pool = exchange->pool;
    struct worker *worker = pool->worker;
    struct upstream_link *link = slab_acquire(&worker->upstream_links);
    if (!link)
        return ERR_NOMEM;
    memset(link, 0, sizeof *link);
    list_init(&link->node);
    list_init(&link->exchanges);
    link->pool = pool;
    link->address = target->address;
    timer_init(&link->timer, on_timer);
    enum err err = stream_connect(&link->stream, &worker->loop, &target->address, NULL, &handlers);
    if (err != ERR_OK) {
        slab_release(&worker->upstream_links, link);
        return err;
    }
    counter_add(&worker->meter.upstream_connects, 1);
    if (may_share(pool, target))
        list_add_last(&target->shared, &link->node);
    link_enter(link, exchange);
    link_wait(link, pool->upstream->config->connect_time);
    return ERR_OK;
}

static void stop_idling(struct upstream_link *link)
{
    if (!link->is_idle)
        return;
    link->is_idle = false;
    link->pool->idle_count--;
}

void link_enter(struct upstream_link *link, struct exchange *exchange)
{
    if (link->is_idle && link->protocol == &upstream_http1)
        list_remove(&link->node);
    stop_idling(link);
    list_add_last(&link->exchanges, &exchange->link_node);
    link->exchange_count++;
    exchange->link = link;
    exchange->is_reused = link->is_open;
    if (link->is_open)
        counter_add(&link->pool->worker->meter.upstream_reused, 1);
}

/* Receiving goes on, to hear of its end. */
bool link_keep(struct upstream_link *link)
{
    struct proxy_pool *pool = link->pool;
    struct proxy_target *target = pool_find(pool, &link->address);
    if (!target || pool->idle_count >= pool->upstream->config->keepalive || pool->worker->is_draining)
        return false;
    if (link_receive_start(link) != ERR_OK)
        return false;
    if (!list_is_linked(&link->node))
        list_add_first(&target->idle, &link->node);
    link->is_idle = true;
    pool->idle_count++;
    link_wait(link, pool->upstream->config->idle_time);
    return true;
}

void link_hide(struct upstream_link *link)
{
    stop_idling(link);
    list_remove(&link->node);
}

/* One that nobody waits for any more is not connected to its end. Who still waits has done nothing to an open one. */
void link_leave(struct exchange *exchange, bool is_reusable)
{
    struct upstream_link *link = exchange->link;
    if (!link)
        return;
    list_remove(&exchange->link_node);
    exchange->link = NULL;
    link->exchange_count--;
    if (link->is_open && exchange->state != EXCHANGE_CONNECTING)
        link->protocol->on_left(link, exchange, is_reusable);
    else if (!link->is_open && list_is_empty(&link->exchanges))
        link_close(link);
}

static void free_link(struct upstream_link *link)
{
    struct worker *worker = link_worker(link);
    if (link->protocol && link->protocol->on_freed)
        link->protocol->on_freed(link);
    slab_release(&worker->upstream_links, link);
}

void link_close(struct upstream_link *link)
{
    link_hide(link);
    link_tls_end(link);
    stream_close(&link->stream);
    timer_cancel(&link->timer);
    link->is_closed = true;
    if (link->holds == 0)
        free_link(link);
}

void link_hold(struct upstream_link *link)
{
    link->holds++;
}

bool link_let_go(struct upstream_link *link)
{
    bool is_open = !link->is_closed;
    if (--link->holds == 0 && !is_open)
        free_link(link);
    return is_open;
}

void link_buffer_drop(struct upstream_link *link, struct exchange_buffer *buffer)
{
    pool_release(&link_worker(link)->pool, buffer->ptr, buffer->capacity);
    *buffer = (struct exchange_buffer){0};
}

bool link_buffer_ensure(struct upstream_link *link, struct exchange_buffer *buffer, size_t bytes)
{
    if (buffer->ptr && buffer->capacity >= bytes)
        return true;
    link_buffer_drop(link, buffer);
    buffer->ptr = pool_acquire(&link_worker(link)->pool, bytes, &buffer->capacity);
    return buffer->ptr != NULL;
}

void link_wait(struct upstream_link *link, uint64_t time_ns)
{
    struct loop *loop = link->stream.watch.loop;
    timer_set(&loop->timers, &link->timer, loop->now_ns + time_ns);
}

static void on_timer(struct timer *timer)
{
    struct upstream_link *link = CONTAINER_OF(timer, struct upstream_link, timer);
    if (link->is_open) {
        link->protocol->on_timeout(link);
        return;
    }
    counter_add(&link->pool->worker->meter.upstream_timeouts, 1);
    link_fail(link, ERR_TIMEOUT);
}

/* The way to being open. */

static void on_connected(struct stream *stream, enum err err)
{
    struct upstream_link *link = of_stream(stream);
    if (err == ERR_OK && link->pool->upstream->tls)
        err = link_tls_begin(link);
    else if (err == ERR_OK)
        link_ready(link);
    if (err != ERR_OK)
        link_fail(link, err);
}

/* What was agreed on within TLS holds; without it nothing is. What a server has chosen once it will choose again: so many
 * requests know whether to wait for one connection or to make one each. */
static enum err choose(struct upstream_link *link)
{
    struct proxy_target *target = pool_find(link->pool, &link->address);
    uint32_t wanted = link->pool->upstream->config->protocol;
    bool is_http2 = link->tls ? link_tls_chose_http2(link) : wanted == UPSTREAM_PROTOCOL_HTTP2;
    link->is_ready = true;
    link->protocol = is_http2 ? &upstream_http2 : &upstream_http1;
    if (link->tls && target)
        target->is_http1 = !is_http2;
    if (!is_http2)
        list_remove(&link->node);
    else if (target && !list_is_linked(&link->node))
        list_add_last(&target->shared, &link->node);
    return wanted == UPSTREAM_PROTOCOL_HTTP2 && !is_http2 ? ERR_MISMATCH : ERR_OK;
}

void link_ready(struct upstream_link *link)
{
    enum err err = choose(link);
    if (err == ERR_OK)
        err = link->protocol->start(link);
    if (err != ERR_OK)
        link_fail(link, err);
}

static void move_all(struct list *from, struct list *to)
{
    list_init(to);
    for (struct list *node; (node = list_pop_first(from)) != NULL;)
        list_add_last(to, node);
}

/* It did not get one, which is held against the address only if nobody did. */
static void turn_away(struct upstream_link *link, struct exchange *exchange, bool is_for_all)
{
    if (is_for_all) {
        exchange_on_connected(exchange, ERR_CLOSED);
        return;
    }
    exchange->link = NULL;
    link->exchange_count--;
    exchange->attempts--;
    exchange->state = EXCHANGE_START;
    flow_resume(exchange->request);
}

/* Whoever finds no room any more looks for another link. */
void link_open(struct upstream_link *link)
{
    struct list waiting;
    bool is_for_all = true;
    link->is_open = true;
    timer_cancel(&link->timer);
    move_all(&link->exchanges, &waiting);
    link_hold(link);
    for (struct list *node; (node = list_pop_first(&waiting)) != NULL;) {
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, link_node);
        if (!link->is_closed && link->protocol->has_room(link)) {
            list_add_last(&link->exchanges, node);
            is_for_all = false;
            exchange_on_connected(exchange, ERR_OK);
        } else {
            turn_away(link, exchange, is_for_all);
        }
    }
    bool is_unused = list_is_empty(&link->exchanges) && !link->is_idle;
    if (!link->is_closed && is_unused && (is_for_all || !link_keep(link)))
        link_close(link);
    (void)link_let_go(link);
}

/* ERR_EOF is the other side's word that all was said; a stream that ends without it may have been cut. */
void link_fail(struct upstream_link *link, enum err err)
{
    if (link->is_open) {
        link->protocol->on_received(link, 0, err == ERR_EOF ? ERR_EOF : ERR_IO);
        return;
    }
    link_hold(link);
    link_hide(link);
    while (!list_is_empty(&link->exchanges))
        exchange_on_connected(CONTAINER_OF(link->exchanges.next, struct exchange, link_node),
                              err == ERR_EOF || err == ERR_TRUNCATED ? ERR_CLOSED : err);
    (void)link_let_go(link);
}

/* While it is open. */

static struct iovec on_buffer(struct stream *stream)
{
    struct upstream_link *link = of_stream(stream);
    return link->protocol->on_buffer(link);
}

void link_note_received(struct upstream_link *link, size_t bytes)
{
    acks_note(&link->acks, link->stream.watch.fd, bytes, link->stream.watch.loop->now_ns);
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct upstream_link *link = of_stream(stream);
    link_note_received(link, bytes);
    link->protocol->on_received(link, bytes, err);
}

static void on_sent(struct stream *stream, enum err err)
{
    struct upstream_link *link = of_stream(stream);
    link->protocol->on_sent(link, err);
}

/* While nobody receives, because the client is behind: what was sent before is still to be read, and its end is found
 * then. */
static void on_hangup(struct stream *stream)
{
    (void)stream;
}

/* The same with and without TLS. */

enum err link_send(struct upstream_link *link, struct slice bytes, size_t *ret_taken)
{
    acks_restart(&link->acks);
    if (!link->tls)
        return stream_send(&link->stream, bytes, ret_taken);
    *ret_taken = bytes.len;
    return link_tls_send(link, bytes);
}

enum err link_receive_start(struct upstream_link *link)
{
    return link->tls ? link_tls_receive_start(link) : stream_receive_start(&link->stream);
}

void link_receive_stop(struct upstream_link *link)
{
    if (link->tls)
        link_tls_receive_stop(link);
    else
        stream_receive_stop(&link->stream);
}

bool link_is_receiving(const struct upstream_link *link)
{
    return link->tls ? link_tls_is_receiving(link) : link->stream.is_receiving;
}
