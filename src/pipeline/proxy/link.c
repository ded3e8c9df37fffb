/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to an upstream: carrying one exchange, or kept for the next. */
#include "pipeline/proxy/proxy_int.h"

static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_sent(struct stream *stream, enum err err);
static void on_hangup(struct stream *stream);
static void on_connected(struct stream *stream, enum err err);
static struct iovec on_idle_buffer(struct stream *stream);
static void on_idle_received(struct stream *stream, size_t bytes, enum err err);
static void on_timer(struct timer *timer);

static const struct stream_handlers busy = {
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_hangup = on_hangup,
    .on_connected = on_connected,
};

static const struct stream_handlers idle = {
    .on_buffer = on_idle_buffer,
    .on_received = on_idle_received,
    .on_sent = on_sent,
    .on_hangup = on_hangup,
};

static struct upstream_link *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct upstream_link, stream);
}

struct upstream_link *link_take(struct proxy_pool *pool, struct proxy_target *target)
{
    struct list *node = list_pop_first(&target->idle);
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
    link->pool = pool;
    link->address = target->address;
    timer_init(&link->timer, on_timer);
    enum err err = stream_connect(&link->stream, &worker->loop, &target->address, &busy);
    if (err != ERR_OK) {
        slab_release(&worker->upstream_links, link);
        return err;
    }
    counter_add(&worker->meter.upstream_connects, 1);
    link->exchange = exchange;
    exchange->link = link;
    link_set_timer(link);
    return ERR_OK;
}

void link_attach(struct upstream_link *link, struct exchange *exchange)
{
    if (!link->tls)
        link->stream.handlers = &busy;
    link->exchange = exchange;
    link->is_reused = true;
    exchange->link = link;
    counter_add(&link->pool->worker->meter.upstream_reused, 1);
}

/* Receiving goes on, to hear of its end. */
static bool keep(struct upstream_link *link)
{
    struct proxy_pool *pool = link->pool;
    struct proxy_target *target = pool_find(pool, &link->address);
    if (!target || pool->idle_count >= pool->upstream->config->keepalive || pool->worker->is_draining)
        return false;
    if (link_receive_start(link) != ERR_OK)
        return false;
    if (!link->tls)
        link->stream.handlers = &idle;
    list_add_first(&target->idle, &link->node);
    pool->idle_count++;
    link_set_timer(link);
    return true;
}

void link_release(struct exchange *exchange, bool is_reusable)
{
    struct upstream_link *link = exchange->link;
    if (!link)
        return;
    exchange->link = NULL;
    link->exchange = NULL;
    if (!is_reusable || !keep(link))
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

void link_set_timer(struct upstream_link *link)
{
    const struct upstream_config *config = link->pool->upstream->config;
    struct loop *loop = &link->pool->worker->loop;
    uint64_t time_ns = config->response_time;
    if (!link->exchange)
        time_ns = config->idle_time;
    else if (!link->is_ready)
        time_ns = config->connect_time;
    else if (link->exchange->state == EXCHANGE_BODY)
        time_ns = config->silence_time;
    else if (link->exchange->is_expecting)
        time_ns = MIN(time_ns, PROXY_CONTINUE_NS);
    timer_set(&loop->timers, &link->timer, loop->now_ns + time_ns);
}

static void on_timer(struct timer *timer)
{
    struct upstream_link *link = CONTAINER_OF(timer, struct upstream_link, timer);
    if (link->exchange)
        exchange_on_timeout(link->exchange);
    else
        link_close(link);
}

static struct iovec on_buffer(struct stream *stream)
{
    return exchange_on_buffer(of_stream(stream)->exchange);
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    exchange_on_received(of_stream(stream)->exchange, bytes, err);
}

static void on_sent(struct stream *stream, enum err err)
{
    exchange_on_sent(of_stream(stream)->exchange, err);
}

/* While nobody receives, because the client is behind: what was sent before is still to be read, and its end is found
 * then. */
static void on_hangup(struct stream *stream)
{
    (void)stream;
}

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

static struct iovec on_idle_buffer(struct stream *stream)
{
    struct worker *worker = of_stream(stream)->pool->worker;
    return (struct iovec){worker->discarded, sizeof worker->discarded};
}

/* Its end, or a response that nobody has asked for (a 408 as a farewell): of no use any more. */
static void on_idle_received(struct stream *stream, size_t bytes, enum err err)
{
    (void)bytes;
    (void)err;
    link_close(of_stream(stream));
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

void link_ready(struct upstream_link *link)
{
    link->is_ready = true;
    exchange_on_connected(link->exchange, ERR_OK);
}

void link_deliver(struct upstream_link *link, size_t bytes, enum err err)
{
    if (link->exchange)
        exchange_on_received(link->exchange, bytes, err);
    else
        link_close(link);
}

/* ERR_EOF is the other side's word that all was said; a stream that ends without it may have been cut. */
void link_fail(struct upstream_link *link, enum err err)
{
    if (link->exchange && !link->is_ready)
        exchange_on_connected(link->exchange, err == ERR_EOF || err == ERR_TRUNCATED ? ERR_CLOSED : err);
    else
        link_deliver(link, 0, err == ERR_EOF ? ERR_EOF : ERR_IO);
}
