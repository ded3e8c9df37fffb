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

struct upstream_link *link_find(struct proxy_pool *pool, struct proxy_target *target, bool is_fresh)
{
    struct list *node = is_fresh ? NULL : list_pop_first(&target->idle);
    if (!node)
        return NULL;
    pool->idle_count--;
    return CONTAINER_OF(node, struct upstream_link, node);
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
    enum err err = stream_connect(&link->stream, &worker->loop, &target->address, &handlers);
    if (err != ERR_OK) {
        slab_release(&worker->upstream_links, link);
        return err;
    }
    counter_add(&worker->meter.upstream_connects, 1);
    link_enter(link, exchange);
    link_wait(link, pool->upstream->config->connect_time);
    return ERR_OK;
}

void link_enter(struct upstream_link *link, struct exchange *exchange)
{
    list_add_last(&link->exchanges, &exchange->link_node);
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
    list_add_first(&target->idle, &link->node);
    pool->idle_count++;
    link_wait(link, pool->upstream->config->idle_time);
    return true;
}

/* One that nobody waits for any more is not connected to its end. Who still waits has done nothing to an open one. */
void link_leave(struct exchange *exchange, bool is_reusable)
{
    struct upstream_link *link = exchange->link;
    if (!link)
        return;
    list_remove(&exchange->link_node);
    exchange->link = NULL;
    if (link->is_open && exchange->state != EXCHANGE_CONNECTING)
        link->protocol->on_left(link, exchange, is_reusable);
    else if (!link->is_open && list_is_empty(&link->exchanges))
        link_close(link);
}

void link_close(struct upstream_link *link)
{
    struct worker *worker = CONTAINER_OF(link->stream.watch.loop, struct worker, loop);
    if (list_is_linked(&link->node)) {
        list_remove(&link->node);
        link->pool->idle_count--;
    }
    link_tls_end(link);
    stream_close(&link->stream);
    timer_cancel(&link->timer);
    link->is_closed = true;
    if (link->holds == 0)
        slab_release(&worker->upstream_links, link);
}

void link_hold(struct upstream_link *link)
{
    link->holds++;
}

bool link_let_go(struct upstream_link *link)
{
    struct worker *worker = CONTAINER_OF(link->stream.watch.loop, struct worker, loop);
    bool is_open = !link->is_closed;
    if (--link->holds == 0 && !is_open)
        slab_release(&worker->upstream_links, link);
    return is_open;
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

void link_ready(struct upstream_link *link)
{
    link->is_ready = true;
    link->protocol = &upstream_http1;
    link_open(link);
}

static void move_all(struct list *from, struct list *to)
{
    list_init(to);
    for (struct list *node; (node = list_pop_first(from)) != NULL;)
        list_add_last(to, node);
}

/* Whoever finds no room any more looks for another link. */
void link_open(struct upstream_link *link)
{
    struct list waiting;
    link->is_open = true;
    move_all(&link->exchanges, &waiting);
    link_hold(link);
    for (struct list *node; (node = list_pop_first(&waiting)) != NULL;) {
        struct exchange *exchange = CONTAINER_OF(node, struct exchange, link_node);
        if (!link->is_closed && link->protocol->has_room(link)) {
            list_add_last(&link->exchanges, node);
            exchange_on_connected(exchange, ERR_OK);
        } else {
            exchange->link = NULL;
            exchange->attempts--;
            exchange->state = EXCHANGE_START;
            flow_resume(exchange->request);
        }
    }
    bool is_unused = list_is_empty(&link->exchanges) && !list_is_linked(&link->node);
    if (!link->is_closed && is_unused && !link_keep(link))
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

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct upstream_link *link = of_stream(stream);
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
