/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a thread: opened, handed out by turns, and opened again when the server has closed them, with pauses that grow while it
 * refuses. Requests go to the link that was used longest ago, so that all are used and all threads of a server have something to do. */
#include "load/run/generator_int.h"

#include "lib/sys/clock.h"

#include <stdlib.h>

#define CONNECTING_MAX 256 /* at once, of a thread and target: a server's queue has some hundred places */
#define PAUSE_FIRST_NS (5 * NS_PER_MS)
#define PAUSE_MOST_NS  (250 * NS_PER_MS)
#define PORTS_OF_ADDRESS                                                                                               \
    8000 /* of 28,232 for clients: once the even half is used up, Linux looks through all of it each time */
#define LOOPBACK_SOURCES_MAX 200

static void on_ready(struct load_link *link);
static void on_room(struct load_link *link);
static void on_closed(struct load_link *link, enum load_failure failure);

static const struct load_link_events events = {.on_ready = on_ready, .on_room = on_room, .on_closed = on_closed};

/* Of all threads and agents. */
static uint32_t links_of_plan(const struct load_plan *plan)
{
    if (plan->connections_max)
        return plan->connections_max;
    return plan->arrival == LOAD_CLOSED ? MAX(load_users_max(plan), 1) : 1;
}

static uint32_t links_of_part(const struct generator *generator)
{
    uint32_t targets = generator->plan->target_count;
    uint32_t share = MAX(load_share(links_of_plan(generator->plan), generator->part, generator->parts), 1);
    return is_closed_loop(generator) ? share * targets : MAX(share, targets);
}

static void target_init(struct target *target, const struct load_target *of)
{
    *target = (struct target){.target = of};
    list_init(&target->roomy);
    list_init(&target->closed);
    list_init(&target->waiting);
}

enum err connections_init(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;
    uint32_t count = links_of_part(generator);
    generator->connections = calloc(count, sizeof generator->connections[0]);
    generator->links = calloc(count, load_link_bytes());
    if (!generator->connections || !generator->links)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < plan->target_count; i++)
        target_init(&generator->targets[i], &plan->targets[i]);
    generator->connection_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct connection *connection = &generator->connections[i];
        connection->generator = generator;
        connection->target = &generator->targets[i % plan->target_count];
        connection->link = (struct load_link *)(void *)(generator->links + (size_t)i * load_link_bytes());
        list_add_last(&connection->target->closed, &connection->node);
    }
    return ERR_OK;
}

void connections_deinit(struct generator *generator)
{
    for (uint32_t i = 0; i < generator->connection_count; i++)
        load_link_close(generator->connections[i].link);
    free(generator->connections);
    free(generator->links);
    generator->connections = NULL;
    generator->links = NULL;
    generator->connection_count = 0;
}

/* --- where from --------------------------------------------------------------------------------------------------- */

static bool is_loopback(const struct address *address)
{
    return address->any.sa_family == AF_INET && ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

/* All of 127.0.0.0/8 is this machine: where there are more links than an address has ports, they come from several. */
static const struct address *loopback_source(struct generator *generator, struct address *memory)
{
    uint32_t count = 1 + links_of_plan(generator->plan) / PORTS_OF_ADDRESS;
    if (count == 1)
        return NULL;
    uint32_t turn = generator->source++ % MIN(count, LOOPBACK_SOURCES_MAX);
    *memory = (struct address){.len = sizeof memory->v4};
    memory->v4.sin_family = AF_INET;
    memory->v4.sin_addr.s_addr = htonl(0x7f000001 + turn);
    return memory;
}

static const struct address *choose_source(struct generator *generator, const struct address *to,
                                           struct address *memory)
{
    const struct load_plan *plan = generator->plan;
    if (plan->source_count)
        return &plan->sources[generator->source++ % plan->source_count];
    return is_loopback(to) ? loopback_source(generator, memory) : NULL;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* Nothing is to be had from this target for the moment. What waits for it has failed, unless other links still work: as it would
 * for clients that come when the requests were due. */
static void refused(struct connection *connection, enum load_failure failure)
{
    struct generator *generator = connection->generator;
    struct target *target = connection->target;
    uint64_t now_ns = clock_now_ns();
    target->dead |= 1U << connection->address;
    if (failure == LOAD_FAILURE_CONNECT && target->dead != (1U << target->target->address_count) - 1)
        return; /* "localhost" may be of IPv6 too, where nobody listens */
    target->dead = 0;
    bool is_kept_alive = generator->plan->is_kept_alive;
    target->pause_ns = target->pause_ns && is_kept_alive ? MIN(2 * target->pause_ns, PAUSE_MOST_NS) : PAUSE_FIRST_NS;
    if (is_kept_alive || is_closed_loop(generator))
        target->retry_ns = now_ns + target->pause_ns;
    atomic_store_explicit(&generator->reason, load_wire_reason(generator->wire), memory_order_relaxed);
    atomic_store_explicit(&generator->refusal, failure, memory_order_release);
    if (target->ready_count == 0 || !is_kept_alive)
        target_fail_waiting(generator, target, failure);
}

static uint32_t next_address(struct target *target)
{
    uint32_t count = target->target->address_count;
    while (target->dead >> (target->address % count) & 1)
        target->address++;
    return target->address++ % count;
}

static bool open_one(struct generator *generator, struct target *target, uint64_t now_ns)
{
    struct connection *connection = CONTAINER_OF(list_pop_first(&target->closed), struct connection, node);
    struct address memory;
    connection->address = next_address(target);
    connection->opened_ns = now_ns;
    const struct address *address = &target->target->addresses[connection->address];
    const struct address *source = choose_source(generator, address, &memory);
    enum err err =
        load_link_open(connection->link, generator->wire, target->target, address, source, &events, connection);
    if (err == ERR_OK) {
        target->connecting_count++;
        return true;
    }
    list_add_first(&target->closed, &connection->node);
    bool is_local = err == ERR_BUSY || err == ERR_NOMEM;
    refused(connection, is_local ? LOAD_FAILURE_LOCAL : LOAD_FAILURE_CONNECT);
    return false;
}

/* Without keep-alive as many as there are requests for them. */
static uint32_t wanted_of(const struct generator *generator, const struct target *target)
{
    uint32_t most = CONNECTING_MAX - MIN(target->connecting_count, CONNECTING_MAX);
    if (generator->plan->is_kept_alive)
        return most;
    if (target->waiting_count <= target->connecting_count)
        return 0;
    return target->waiting_count - target->connecting_count;
}

void connections_open(struct generator *generator, uint64_t now_ns)
{
    for (uint32_t i = 0; i < generator->plan->target_count; i++) {
        struct target *target = &generator->targets[i];
        if (LIKELY(list_is_empty(&target->closed)) || now_ns < target->retry_ns)
            continue;
        uint32_t wanted = wanted_of(generator, target);
        while (wanted > 0 && !list_is_empty(&target->closed) && open_one(generator, target, now_ns))
            wanted--;
    }
}

uint64_t connections_next_ns(const struct generator *generator)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < generator->plan->target_count; i++) {
        const struct target *target = &generator->targets[i];
        if (!list_is_empty(&target->closed) && wanted_of(generator, target) > 0)
            next_ns = MIN(next_ns, target->retry_ns);
    }
    return next_ns;
}

static void on_ready(struct load_link *link)
{
    struct connection *connection = load_link_owner(link);
    struct generator *generator = connection->generator;
    struct target *target = connection->target;
    target->connecting_count--;
    target->ready_count++;
    target->pause_ns = target->retry_ns = 0;
    target->dead &= ~(1U << connection->address);
    connection->is_ready = true;
    generator->ready_count++;
    counter_add(&generator->record->connects, 1);
    counter_add(&generator->record->resumed, load_link_is_resumed(link));
    hdr_record(&generator->record->connect, clock_now_ns() - connection->opened_ns);
    on_room(link);
}

static void on_room(struct load_link *link)
{
    struct connection *connection = load_link_owner(link);
    struct generator *generator = connection->generator;
    connection_offer(connection);
    target_serve(connection->target);
    if (generator->is_stalled)
        open_begin_due(generator, clock_now_ns());
}

static void on_closed(struct load_link *link, enum load_failure failure)
{
    struct connection *connection = load_link_owner(link);
    struct generator *generator = connection->generator;
    struct target *target = connection->target;
    list_remove(&connection->node);
    list_add_last(&target->closed, &connection->node);
    if (!connection->is_ready) {
        target->connecting_count--;
        refused(connection, failure == LOAD_FAILURE_NONE ? LOAD_FAILURE_CONNECT : failure);
        return;
    }
    connection->is_ready = false;
    target->ready_count--;
    generator->ready_count--;
    if (generator->plan->is_kept_alive)
        counter_add(&generator->record->disconnects, 1);
}

/* --- handing out -------------------------------------------------------------------------------------------------- */

struct connection *connection_find(struct target *target)
{
    while (!list_is_empty(&target->roomy)) {
        struct connection *connection = CONTAINER_OF(target->roomy.next, struct connection, node);
        if (LIKELY(load_link_room(connection->link) > 0))
            return connection;
        list_remove(&connection->node);
    }
    return NULL;
}

void connection_offer(struct connection *connection)
{
    if (load_link_room(connection->link) > 0 && !list_is_linked(&connection->node))
        list_add_last(&connection->target->roomy, &connection->node);
}
