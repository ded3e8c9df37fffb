/* SPDX-License-Identifier: Apache-2.0 */
/* Two stages around the run: `cache` looks whether it is needed, `keep` keeps what came of it.
 *
 * A request that finds what it asks for has the entry's tensors as its outputs, without a copy; the entry stays until the
 * request has ended. One that finds another with the same inputs under way (single_flight) waits for it and has its own
 * run filled meanwhile: should the first one be cancelled, be over its time or be refused, the next takes its place and
 * runs. What the model itself says (outputs, or that it failed) is for all.
 *
 * Those that waited do not go on where the first one ends, which may be deep in somebody else's stage, but at the end of the
 * turn (flow_resume_later). */
#include "lib/crypto/crypto.h"
#include "lib/http/http.h"
#include "pipeline/cache/cache_int.h"
#include "pipeline/flow.h"
#include "pipeline/model_meter.h"

#include <stdlib.h>

#define STATUS_BYTES 64

static enum verdict join(struct cache_ticket *ticket, struct cache_ticket *leader);
static enum verdict go_on(struct cache_ticket *ticket);
static void on_time_over(struct timer *timer);
static void leave(void *ticket);

/* --- The cache of a model ------------------------------------------------------------------------------------------ */

enum err model_cache_create(const struct model_config *config, uint32_t worker_count, struct model_cache **ret_cache)
{
    *ret_cache = NULL;
    if (!config->cache.ttl_ns && !config->is_single_flight)
        return ERR_OK;
    size_t bytes = sizeof(struct model_cache) + worker_count * sizeof(struct part);
    struct model_cache *cache = aligned_alloc(_Alignof(struct model_cache), bytes);
    if (!cache)
        return ERR_NOMEM;
    memset(cache, 0, bytes);
    cache->config = config->cache;
    cache->joins = config->is_single_flight;
    cache->worker_count = worker_count;
    *ret_cache = cache;
    return ERR_OK;
}

void model_cache_destroy(struct model_cache *cache)
{
    if (!cache)
        return;
    for (uint32_t i = 0; i < cache->worker_count; i++)
        if (cache->parts[i].is_ready)
            store_deinit(&cache->parts[i].store);
    free(cache);
}

/* NULL without memory, or where the system gives no secret: then there is no cache. */
static struct part *part_of(const struct request *request)
{
    struct model_cache *cache = model_cache(run_model(request->run));
    struct part *part = &cache->parts[request->worker->index];
    if (LIKELY(part->is_ready))
        return part;
    if (crypto_random(part->secret, sizeof part->secret) != ERR_OK ||
        store_init(&part->store, &cache->config, cache->worker_count) != ERR_OK)
        return NULL;
    part->joins = cache->joins;
    part->is_ready = true;
    return part;
}

static struct model_meter *meter_of(const struct request *request)
{
    return model_entry_meter(request->model_entry, request->worker->index);
}

/* --- Before the run ------------------------------------------------------------------------------------------------ */

/* RFC 9111 section 5.2.1, of a request. */
struct wishes {
    bool asks_anew;     /* no-cache */
    bool keeps_nothing; /* no-store */
};

static struct wishes wishes_of(const struct request *request)
{
    struct wishes wishes = {0};
    struct slice rest = request_header(request, HTTP_FIELD_CACHE_CONTROL);
    for (struct slice directive; rest.ptr && http_list_next(&rest, &directive);) {
        wishes.asks_anew |= slice_equal_nocase(directive, SLICE_LIT("no-cache"));
        wishes.keeps_nothing |= slice_equal_nocase(directive, SLICE_LIT("no-store"));
    }
    return wishes;
}

/* RFC 9211. */
static void say(struct request *request, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct request *request, const char *format, ...)
{
    char *memory = arena_alloc(&request->arena, STATUS_BYTES);
    if (!memory)
        return;
    struct text out = text_init(memory, STATUS_BYTES);
    va_list args;
    va_start(args, format);
    text_vprintf(&out, format, args);
    va_end(args);
    response_field_add(request, "Cache-Status", text_slice(&out));
}

static enum verdict show(struct cache_ticket *ticket)
{
    struct request *request = ticket->request;
    for (uint32_t i = 0; i < ticket->entry->count; i++)
        run_lend_output(request->run, i, &ticket->entry->tensors[i]);
    request->has_outputs = true;
    return VERDICT_NEXT;
}

static struct cache_ticket **flight_of(struct part *part, const struct cache_key *key)
{
    struct cache_ticket **link = &part->flights[key->bytes[0]];
    while (*link && memcmp(&(*link)->key, key, sizeof *key) != 0)
        link = &(*link)->next;
    return link;
}

static enum verdict hit(struct cache_ticket *ticket, struct cache_entry *entry)
{
    struct request *request = ticket->request;
    struct model_meter *meter = meter_of(request);
    ticket->state = TICKET_SHOWS;
    ticket->entry = entry;
    entry->refs++;
    if (meter)
        counter_add(&meter->cache_hits, 1);
    say(request, "weir; hit; ttl=%llu",
        (unsigned long long)((entry->expires_ns - request->worker->loop.now_ns) / NS_PER_S));
    return show(ticket);
}

static enum verdict miss(struct cache_ticket *ticket)
{
    struct part *part = ticket->part;
    struct model_meter *meter = meter_of(ticket->request);
    struct cache_ticket **link = flight_of(part, &ticket->key);
    if (*link)
        return join(ticket, *link);
    if (meter)
        counter_add(&meter->cache_misses, 1);
    if (!part->joins)
        return VERDICT_NEXT;
    ticket->state = TICKET_LEADS;
    ticket->next = NULL;
    *link = ticket;
    return VERDICT_NEXT;
}

static enum verdict begin(struct request *request)
{
    struct wishes wishes = wishes_of(request);
    struct part *part = part_of(request);
    if (!part || wishes.keeps_nothing || request->inference.sequence.ptr)
        return VERDICT_NEXT;
    struct cache_ticket *ticket = arena_alloc_zero(&request->arena, sizeof *ticket);
    if (!ticket || cache_key_make(request, part->secret, &ticket->key) != ERR_OK)
        return VERDICT_NEXT; /* it runs as if there was no cache */
    ticket->request = request;
    ticket->part = part;
    ticket->is_kept = part->store.ttl_ns > 0;
    list_init(&ticket->followers);
    timer_init(&ticket->timer, on_time_over);
    request->cache_ticket = ticket;
    request_on_release(request, leave, ticket);
    ticket->is_anew = wishes.asks_anew;
    bool looks = ticket->is_kept && !wishes.asks_anew;
    struct cache_entry *entry = looks ? store_find(&part->store, &ticket->key, request->worker->loop.now_ns) : NULL;
    if (entry)
        return hit(ticket, entry);
    return wishes.asks_anew ? VERDICT_NEXT : miss(ticket);
}

enum verdict stage_cache(struct request *request)
{
    if (LIKELY(!request->run || !model_cache(run_model(request->run))))
        return VERDICT_NEXT;
    return request->cache_ticket ? go_on(request->cache_ticket) : begin(request);
}

/* --- Waiting for another ------------------------------------------------------------------------------------------- */

static enum verdict join(struct cache_ticket *ticket, struct cache_ticket *leader)
{
    struct request *request = ticket->request;
    struct model_meter *meter = meter_of(request);
    ticket->state = TICKET_FOLLOWS;
    list_add_last(&leader->followers, &ticket->node);
    if (meter)
        counter_add(&meter->cache_joined, 1);
    if (request->inference.timeout_ns)
        timer_set(&request->worker->loop.timers, &ticket->timer, request->begin_ns + request->inference.timeout_ns);
    return VERDICT_WAIT;
}

static void on_time_over(struct timer *timer)
{
    struct cache_ticket *ticket = CONTAINER_OF(timer, struct cache_ticket, timer);
    if (ticket->state != TICKET_FOLLOWS)
        return;
    list_remove(&ticket->node);
    ticket->state = TICKET_RUNS;
    flow_expire(ticket->request, PROBLEM_DEADLINE);
}

/* One that was failed meanwhile is on its way out of here. A message of a stream has its stream for a connection. */
static bool still_waits(const struct cache_ticket *ticket)
{
    const struct request *request = ticket->request;
    return request->stage == STAGE_cache && request->is_waiting && (request->connection || request->parent);
}

static void release(struct cache_ticket *ticket, enum ticket_state state)
{
    list_remove(&ticket->node);
    timer_cancel(&ticket->timer);
    ticket->state = state;
    flow_resume_later(ticket->request);
}

static enum verdict go_on(struct cache_ticket *ticket)
{
    struct request *request = ticket->request;
    switch (ticket->state) {
    case TICKET_FOLLOWS:
        return VERDICT_WAIT;
    case TICKET_SHOWS:
        say(request, "weir; fwd=miss; collapsed");
        return show(ticket);
    case TICKET_FAILED:
        return request_fail(request, PROBLEM_MODEL_FAILED,
                            "The model " SLICE_FMT " failed for a request like this one.",
                            SLICE_ARG(request->model_entry->config->name));
    default:
        return VERDICT_NEXT;
    }
}

/* --- After the run ------------------------------------------------------------------------------------------------- */

static void land(struct cache_ticket *leader)
{
    struct cache_ticket **link = flight_of(leader->part, &leader->key);
    ASSERT(*link == leader, "one that leads stands in the table, and only one of each key");
    *link = leader->next;
    leader->state = TICKET_RUNS;
}

/* All that wait get the outcome: an entry, or none: then the model has failed. */
static void settle(struct cache_ticket *leader, struct cache_entry *entry)
{
    land(leader);
    while (!list_is_empty(&leader->followers)) {
        struct cache_ticket *ticket = CONTAINER_OF(leader->followers.next, struct cache_ticket, node);
        ticket->entry = entry;
        if (entry)
            entry->refs++;
        release(ticket, entry ? TICKET_SHOWS : TICKET_FAILED);
    }
}

/* The first one that still waits runs now, and the others wait for it. */
static void hand_over(struct cache_ticket *leader)
{
    struct cache_ticket *heir = NULL;
    land(leader);
    while (!heir && !list_is_empty(&leader->followers)) {
        struct cache_ticket *ticket = CONTAINER_OF(leader->followers.next, struct cache_ticket, node);
        list_remove(&ticket->node);
        heir = still_waits(ticket) ? ticket : NULL;
    }
    if (!heir)
        return;
    while (!list_is_empty(&leader->followers)) {
        struct list *node = list_pop_first(&leader->followers);
        list_add_last(&heir->followers, node);
    }
    struct cache_ticket **link = flight_of(heir->part, &heir->key);
    heir->next = *link;
    *link = heir;
    release(heir, TICKET_LEADS);
}

static void note_size(struct cache_ticket *ticket, uint64_t evicted_before)
{
    struct model_meter *meter = meter_of(ticket->request);
    const struct store *store = &ticket->part->store;
    if (!meter)
        return;
    counter_add(&meter->cache_evicted, store->evicted - evicted_before);
    gauge_set(&meter->cache_bytes, (int64_t)store->bytes);
    gauge_set(&meter->cache_entries, store->entry_count);
}

enum verdict stage_keep(struct request *request)
{
    struct cache_ticket *ticket = request->cache_ticket;
    if (LIKELY(!ticket) || ticket->state == TICKET_SHOWS || !request->has_outputs)
        return VERDICT_NEXT;
    struct store *store = &ticket->part->store;
    bool is_waited_for = ticket->state == TICKET_LEADS && !list_is_empty(&ticket->followers);
    uint64_t evicted = store->evicted;
    struct cache_entry *entry = ticket->is_kept || is_waited_for ? store_copy(store, request->run) : NULL;
    if (entry && ticket->is_kept)
        store_add(store, entry, &ticket->key, request->worker->loop.now_ns);
    if (ticket->is_kept)
        say(request, "weir; fwd=%s%s", ticket->is_anew ? "request" : "miss", entry ? "; stored" : "");
    if (ticket->state == TICKET_LEADS && (entry || !is_waited_for))
        settle(ticket, entry);
    else if (ticket->state == TICKET_LEADS)
        hand_over(ticket); /* too large to be kept for them */
    if (entry)
        store_unref(store, entry);
    note_size(ticket, evicted);
    return VERDICT_NEXT;
}

void model_cache_abandon(struct request *request)
{
    struct cache_ticket *ticket = request->cache_ticket;
    if (!ticket || ticket->state != TICKET_LEADS)
        return;
    if (request->problem == PROBLEM_MODEL_FAILED)
        settle(ticket, NULL);
    else
        hand_over(ticket);
}

/* At the end of the request, however it ended. */
static void leave(void *argument)
{
    struct cache_ticket *ticket = argument;
    timer_cancel(&ticket->timer);
    model_cache_abandon(ticket->request);
    list_remove(&ticket->node);
    if (ticket->entry)
        store_unref(&ticket->part->store, ticket->entry);
}
