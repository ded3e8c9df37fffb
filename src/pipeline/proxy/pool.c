/* SPDX-License-Identifier: Apache-2.0 */
/* Which address is next. Each worker turns through the addresses by itself; over many requests that is even enough, and
 * nothing is shared. An address that could not be reached is passed over for a while, unless there is no other: then it
 * is better to try than to refuse.
 *
 * Addresses come from the resolver and change under way. Kept connections stay with their address; those to an address
 * that is gone are closed. */
#include "pipeline/proxy/proxy_int.h"

#include <stdlib.h>

#define LINK_CHUNK 16
#define LINKS_MAX  (1U << 20) /* in_flight and keepalive of the upstreams are the bounds that matter */

static enum err init_pool(struct proxy_pool *pool, struct worker *worker, const struct upstream *upstream);
static void refresh(struct proxy_pool *pool);

void proxy_worker_init(struct worker *worker)
{
    slab_init(&worker->upstream_links, sizeof(struct upstream_link), LINK_CHUNK, LINKS_MAX);
    list_init(&worker->upstream_links_due);
}

void proxy_worker_deinit(struct worker *worker)
{
    slab_deinit(&worker->upstream_links);
    free(worker->upstream_input);
    worker->upstream_input = NULL;
}

enum err proxy_pools_create(struct worker *worker, const struct config *config, struct proxy_pools **ret_pools)
{
    struct proxy_pools *pools = calloc(1, sizeof *pools + config->upstream_count * sizeof pools->pools[0]);
    if (!pools)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < config->upstream_count; i++) {
        enum err err = init_pool(&pools->pools[i], worker, config->upstreams[i]);
        pools->count++;
        if (err != ERR_OK) {
            proxy_pools_destroy(pools);
            return err;
        }
    }
    *ret_pools = pools;
    return ERR_OK;
}

static void close_idle(struct list *idle)
{
    while (!list_is_empty(idle))
        link_close(CONTAINER_OF(idle->next, struct upstream_link, node));
}

void proxy_pools_destroy(struct proxy_pools *pools)
{
    if (!pools)
        return;
    for (uint32_t i = 0; i < pools->count; i++) {
        struct proxy_pool *pool = &pools->pools[i];
        ASSERT(pool->in_flight == 0, "a generation ends after its requests");
        for (uint32_t k = 0; pool->targets && k < pool->target_count; k++) {
            close_idle(&pool->targets[k].idle);
            close_idle(&pool->targets[k].shared);
        }
        free(pool->targets);
        free(pool->places);
    }
    free(pools);
}

/* Over TLS a new configuration may trust others than the one before, or show another certificate. */
static bool may_hand_on(const struct upstream *from, const struct upstream *to)
{
    return !from->tls && !to->tls && from->config->protocol == to->config->protocol &&
           slice_equal(from->config->name, to->config->name);
}

/* Links without an exchange; the others stay with the requests that they carry. */
static void hand_on(struct list *links, struct proxy_pool *to, bool is_shared)
{
    LIST_EACH(node, links)
    {
        struct upstream_link *link = CONTAINER_OF(node, struct upstream_link, node);
        struct proxy_target *target = link->is_idle ? pool_find(to, &link->address) : NULL;
        if (!target || to->idle_count >= to->upstream->config->keepalive)
            continue;
        list_remove(node);
        list_add_last(is_shared ? &target->shared : &target->idle, node);
        link->pool->idle_count--;
        to->idle_count++;
        link->pool = to;
    }
}

void proxy_pools_hand_on(struct proxy_pools *from, struct proxy_pools *to)
{
    for (uint32_t i = 0; i < from->count; i++) {
        struct proxy_pool *pool = &from->pools[i];
        struct proxy_pool *next = NULL;
        for (uint32_t k = 0; k < to->count && pool->idle_count > 0 && !next; k++)
            if (may_hand_on(pool->upstream, to->pools[k].upstream))
                next = &to->pools[k];
        if (!next)
            continue;
        refresh(next);
        for (uint32_t k = 0; k < pool->target_count; k++) {
            hand_on(&pool->targets[k].idle, next, false);
            hand_on(&pool->targets[k].shared, next, true);
        }
    }
}

static enum err init_pool(struct proxy_pool *pool, struct worker *worker, const struct upstream *upstream)
{
    pool->worker = worker;
    pool->upstream = upstream;
    pool->places = calloc(upstream->server_count, sizeof *pool->places);
    for (uint32_t i = 0; pool->places && i < upstream->server_count; i++) {
        pool->places[i].first = pool->target_count;
        pool->target_count += upstream->servers[i].host.len ? RESOLVER_ADDRESSES_MAX : 1;
    }
    pool->targets = calloc(pool->target_count, sizeof *pool->targets);
    if (!pool->places || !pool->targets)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < pool->target_count; i++) {
        list_init(&pool->targets[i].idle);
        list_init(&pool->targets[i].shared);
    }
    for (uint32_t i = 0; i < upstream->server_count; i++) {
        if (upstream->servers[i].host.len)
            continue;
        pool->targets[pool->places[i].first].address = upstream->servers[i].address;
        pool->targets[pool->places[i].first].server = &upstream->servers[i];
        pool->places[i].count = 1;
    }
    /* Workers begin at different addresses, so that the first requests after a start do not all meet at one. */
    pool->cursor = pool->target_count ? worker->index % pool->target_count : 0;
    return ERR_OK;
}

struct proxy_pool *pool_of(const struct request *request)
{
    return &request->generation->pools->pools[request->route->upstream->index];
}

uint32_t pool_size(const struct proxy_pool *pool)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < pool->upstream->server_count; i++)
        size += pool->places[i].count;
    return size;
}

struct proxy_target *pool_pick(struct proxy_pool *pool)
{
    uint64_t now_ns = pool->worker->loop.now_ns;
    uint32_t at = pool->cursor;
    struct proxy_target *failed = NULL;
    refresh(pool);
    for (uint32_t i = 0; i < pool->target_count; i++) {
        at = at + 1 < pool->target_count ? at + 1 : 0;
        struct proxy_target *target = &pool->targets[at];
        if (!target->server)
            continue;
        if (target->failed_until_ns <= now_ns) {
            pool->cursor = at;
            return target;
        }
        failed = failed ? failed : target;
    }
    if (failed)
        pool->cursor = (uint32_t)(failed - pool->targets);
    return failed;
}

struct proxy_target *pool_find(struct proxy_pool *pool, const struct address *address)
{
    for (uint32_t i = 0; i < pool->target_count; i++)
        if (pool->targets[i].server && address_equal(&pool->targets[i].address, address))
            return &pool->targets[i];
    return NULL;
}

void pool_note_failure(struct proxy_pool *pool, const struct address *address)
{
    struct proxy_target *target = pool_find(pool, address);
    if (target)
        target->failed_until_ns = pool->worker->loop.now_ns + pool->upstream->config->fail_time;
}

/* What a place held goes to where its address is now, or nowhere: what is carried is carried to its end. */
static void move_links(struct proxy_pool *pool, struct list *from, bool is_shared)
{
    while (!list_is_empty(from)) {
        struct upstream_link *link = CONTAINER_OF(from->next, struct upstream_link, node);
        struct proxy_target *target = pool_find(pool, &link->address);
        list_remove(&link->node);
        if (target) {
            list_add_last(is_shared ? &target->shared : &target->idle, &link->node);
            continue;
        }
        link_hide(link);
        if (list_is_empty(&link->exchanges))
            link_close(link);
    }
}

static void take_all(struct list *from, struct list *to)
{
    for (struct list *node; (node = list_pop_first(from)) != NULL;)
        list_add_last(to, node);
}

static void replace(struct proxy_pool *pool, uint32_t index, const struct resolver_addresses *addresses)
{
    const struct upstream_server *server = &pool->upstream->servers[index];
    struct proxy_places *places = &pool->places[index];
    struct proxy_target *targets = &pool->targets[places->first];
    struct list idle;
    struct list shared;
    list_init(&idle);
    list_init(&shared);
    for (uint32_t i = 0; i < places->count; i++) {
        take_all(&targets[i].idle, &idle);
        take_all(&targets[i].shared, &shared);
        targets[i].server = NULL;
    }
    for (uint32_t i = 0; i < addresses->count; i++) {
        targets[i].address = addresses->list[i];
        address_set_port(&targets[i].address, server->port);
        targets[i].server = server;
        targets[i].failed_until_ns = 0;
        targets[i].streams_max = 0;
        targets[i].is_http1 = false;
    }
    places->count = addresses->count;
    move_links(pool, &idle, false);
    move_links(pool, &shared, true);
}

static void refresh(struct proxy_pool *pool)
{
    struct resolver_addresses addresses;
    for (uint32_t i = 0; i < pool->upstream->server_count; i++) {
        const struct resolver_name *name = pool->upstream->servers[i].name;
        if (name && resolver_read(name, &pool->places[i].version, &addresses))
            replace(pool, i, &addresses);
    }
}
