/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's life: it is made by the control thread, runs its loop until it is told to stop, and takes orders between
 * turns. Whatever it owns is touched by its own thread only, from worker_start to worker_join. */
#include "pipeline/worker.h"

#include "lib/http/date.h"
#include "lib/regex/regex.h"
#include "lib/sys/clock.h"
#include "lib/sys/crew.h"
#include "pipeline/accept/accept.h"
#include "pipeline/flow.h"
#include "pipeline/http2/http2.h"
#include "pipeline/http2_shared.h"
#include "pipeline/proxy/proxy.h"
#include "pipeline/request.h"
#include "pipeline/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECTION_CHUNK    64
#define REQUEST_CHUNK       16
#define ORPHANS_MAX         1024 /* requests that outlive their connection */
#define TIDY_PERIOD_NS      (1 * NS_PER_S)
#define MODELS_TIDY_PERIODS 15
#define IDLE_CACHE_BYTES    (4U << 20)
#define CODINGS_IDLE_MAX    4 /* contexts of a coding that wait for the next body */

static enum err init(struct worker *worker, const struct worker_options *options);
static void run(void *argument);
static bool on_mail(struct mailbox *mailbox);
static void on_turn(struct loop *loop);
static void on_tidy(struct timer *timer);
static void take_order(struct worker *worker);
static enum err add_generation(struct worker *worker, struct config *config);
static void set_limits(struct worker *worker, const struct limits_config *limits);
static void set_listener_config(struct worker_listener *listener);
static void free_generation(struct worker_generation *generation);
static void end_connections(struct worker *worker);
static void drop_spares(struct worker *worker);
static void stop_keeping(struct worker *worker);

enum err worker_create(const struct worker_options *options, struct worker **ret_worker)
{
    struct worker *worker = aligned_alloc(64, (sizeof *worker + 63) & ~(size_t)63);
    if (!worker)
        return ERR_NOMEM;
    memset(worker, 0, sizeof *worker);
    worker->loop.epoll = -1;
    enum err err = init(worker, options);
    if (err == ERR_OK)
        *ret_worker = worker;
    else
        worker_destroy(worker);
    return err;
}

static enum err init(struct worker *worker, const struct worker_options *options)
{
    struct limits_config *limits = &options->config->limits;
    worker->index = options->index;
    worker->crew = options->crew;
    worker->scheduler = options->scheduler;
    worker->places = options->places;
    worker->ports = options->ports;
    worker->is_pooling = options->config->diagnostics.is_pooling;
    pool_init(&worker->pool, limits->worker_cache, limits->worker_memory);
    codings_init(&worker->codings, &(struct codings_config){.pool = &worker->pool,
                                                            .idle_max = worker->is_pooling ? CODINGS_IDLE_MAX : 0,
                                                            .in_use_max = (uint32_t)limits->codings});
    slab_init(&worker->connections, sizeof(struct connection), CONNECTION_CHUNK, (uint32_t)limits->connections + 1);
    slab_init(&worker->requests, sizeof(struct request), REQUEST_CHUNK, (uint32_t)limits->connections + ORPHANS_MAX);
    proxy_worker_init(worker);
    if (!worker->is_pooling)
        stop_keeping(worker);
    list_init(&worker->requests_due);
    list_init(&worker->open_connections);
    timer_init(&worker->tidy_timer, on_tidy);
    TRY(loop_init(&worker->loop));
    worker->loop.owner = worker;
    worker->loop.on_turn = on_turn;
    stalls_init(worker);
    worker->mailbox.on_mail = on_mail;
    TRY(mailbox_start(&worker->mailbox, &worker->loop));
    places_join(worker->places, worker->index, &worker->mailbox.wake);
    TRY(key_verifier_init(&worker->key_verifier));
    TRY(crypto_random(worker->random_state, sizeof worker->random_state));
    TRY(add_generation(worker, options->config));
    return worker->regex ? ERR_OK : ERR_NOMEM;
}

/* set_limits does the same for the pool, and whoever makes a slab or a cache of its own asks is_pooling. */
static void stop_keeping(struct worker *worker)
{
    slab_stop_keeping(&worker->connections);
    slab_stop_keeping(&worker->requests);
    slab_stop_keeping(&worker->upstream_links);
    pool_spare_stop_keeping(&worker->in_spare);
    pool_spare_stop_keeping(&worker->out_spare);
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    for (uint32_t i = 0; i < worker->listener_count; i++)
        socket_close(worker->listeners[i].listener.watch.fd);
    while (worker->generation) {
        struct worker_generation *generation = worker->generation;
        worker->generation = generation->next;
        free_generation(generation);
    }
    if (worker->loop.mailbox)
        mailbox_stop(&worker->mailbox);
    loop_deinit(&worker->loop);
    key_verifier_deinit(&worker->key_verifier);
    if (worker->regex)
        regex_work_destroy(worker->regex);
    http2_worker_deinit(worker);
    http2_shared_deinit(worker);
    if (worker->connections.object_bytes) {
        slab_deinit(&worker->connections);
        slab_deinit(&worker->requests);
        codings_deinit(&worker->codings);
        proxy_worker_deinit(worker);
        drop_spares(worker);
        pool_deinit(&worker->pool);
    }
    free(worker);
}

enum err worker_listen(struct worker *worker, int fd, uint32_t index)
{
    if (worker->listener_count == WORKER_LISTENERS_MAX)
        return ERR_LIMIT;
    struct worker_listener *listener = &worker->listeners[worker->listener_count++];
    listener->listener.watch.fd = fd;
    listener->worker = worker;
    listener->index = index;
    set_listener_config(listener);
    return ERR_OK;
}

enum err worker_start(struct worker *worker)
{
    char name[32];
    TRY(accept_start(worker));
    (void)snprintf(name, sizeof name, "worker%u", worker->index);
    return thread_start(&worker->thread, name, run, worker);
}

void worker_join(struct worker *worker)
{
    thread_join(&worker->thread);
}

static void run(void *argument)
{
    struct worker *worker = argument;
    worker->stalls.tidied_ns = worker->loop.now_ns;
    timer_set(&worker->loop.timers, &worker->tidy_timer, worker->loop.now_ns + TIDY_PERIOD_NS);
    loop_run(&worker->loop);
    timer_cancel(&worker->tidy_timer);
}

/* Orders. */

void worker_send(struct worker *worker, enum worker_order order, struct config *config)
{
    ASSERT(worker_is_idle(worker), "one order at a time");
    worker->order = order;
    worker->order_config = config ? config_ref(config) : NULL;
    atomic_store_explicit(&worker->is_ordered, true, memory_order_release);
    wake_up(&worker->mailbox.wake);
}

bool worker_is_idle(const struct worker *worker)
{
    return !atomic_load_explicit(&worker->is_ordered, memory_order_acquire);
}

static bool on_mail(struct mailbox *mailbox)
{
    struct worker *worker = CONTAINER_OF(mailbox, struct worker, mailbox);
    bool has_found = worker->crew && crew_collect(worker->crew, worker->index);
    if (UNLIKELY(worker->jobs_out))
        has_found |= scheduler_collect(worker->scheduler, worker->index);
    has_found |= accept_on_mail(worker);
    if (!worker_is_idle(worker)) {
        take_order(worker);
        has_found = true;
    }
    return has_found;
}

/* What is done once for all that came in a turn. Jobs that are run here come first: what follows from them may have to be
 * sent. */
static void on_turn(struct loop *loop)
{
    struct worker *worker = CONTAINER_OF(loop, struct worker, loop);
    do {
        if (UNLIKELY(worker->jobs_out))
            scheduler_turn(worker->scheduler, worker->index);
    } while (flow_turn(worker));
    if (!list_is_empty(&worker->upstream_links_due))
        proxy_worker_turn(worker);
}

static void take_order(struct worker *worker)
{
    switch (worker->order) {
    case WORKER_RELOAD:
        /* Without memory for a few bytes the old configuration simply stays. */
        (void)add_generation(worker, worker->order_config);
        config_unref(worker->order_config);
        break;
    case WORKER_DRAIN:
        worker->is_draining = true;
        accept_stop(worker);
        LIST_EACH(node, &worker->open_connections)
        {
            connection_drain(CONTAINER_OF(node, struct connection, node));
        }
        break;
    case WORKER_STOP:
        worker->is_draining = true;
        worker->is_stopping = true;
        accept_stop(worker);
        end_connections(worker);
        break;
    }
    worker->order_config = NULL;
    accept_resume(worker);
    worker_connection_closed(worker);
    atomic_store_explicit(&worker->is_ordered, false, memory_order_release);
}

static void end_connections(struct worker *worker)
{
    while (!list_is_empty(&worker->open_connections))
        connection_close(CONTAINER_OF(worker->open_connections.next, struct connection, node));
}

NOT_INLINE void worker_connection_closed(struct worker *worker)
{
    accept_on_closed(worker);
    if (!worker->is_draining || worker->connection_count || worker->requests.count)
        return;
    atomic_store_explicit(&worker->is_drained, true, memory_order_release);
    if (worker->is_stopping)
        loop_stop(&worker->loop);
}

/* Generations of the configuration. */

static void free_generation(struct worker_generation *generation)
{
    proxy_pools_destroy(generation->pools);
    config_unref(generation->config);
    free(generation);
}

static enum err add_generation(struct worker *worker, struct config *config)
{
    struct worker_generation *generation = calloc(1, sizeof *generation);
    if (!generation)
        return ERR_NOMEM;
    struct worker_generation *old = worker->generation;
    if (proxy_pools_create(worker, config, &generation->pools) != ERR_OK) {
        free(generation);
        return ERR_NOMEM;
    }
    generation->config = config_ref(config);
    generation->requests = 1; /* being current */
    generation->next = old;
    worker->generation = generation;
    if (old)
        proxy_pools_hand_on(old->pools, generation->pools);
    set_limits(worker, &config->limits);
    stalls_set_threshold(worker, config->stalls.threshold_ns);
    for (uint32_t i = 0; i < worker->listener_count; i++)
        set_listener_config(&worker->listeners[i]);
    if (old)
        worker_generation_release(worker, old);
    return ERR_OK;
}

/* Without memory for another one, the one with the old limit stays. */
static void set_regex(struct worker *worker, uint32_t steps_max)
{
    struct regex_work *regex;
    if ((worker->regex && steps_max == worker->limits.regex_steps) || regex_work_create(steps_max, &regex) != ERR_OK)
        return;
    if (worker->regex)
        regex_work_destroy(worker->regex);
    worker->regex = regex;
}

/* A limit below what is out already is reached by and by: slabs keep what they have made, on_tidy lowers the pool's. Any
 * worker may have all the connections. */
static void set_limits(struct worker *worker, const struct limits_config *limits)
{
    uint32_t connections = (uint32_t)limits->connections;
    set_regex(worker, (uint32_t)limits->regex_steps);
    worker->limits = *limits;
    worker->codings.in_use_max = (uint32_t)limits->codings;
    worker->connections.count_max = MAX(connections + 1, worker->connections.count_made);
    worker->requests.count_max = MAX(connections + ORPHANS_MAX, worker->requests.count_made);
    worker->pool.cache_bytes_max = worker->is_pooling ? limits->worker_cache : 0;
    worker->pool.outstanding_bytes_max = MAX(limits->worker_memory, worker->pool.outstanding_bytes);
}

/* A reload keeps the number and order of listeners: wants_restart of control/server/reload.c. */
static void set_listener_config(struct worker_listener *listener)
{
    const struct option_list *listen = &listener->worker->generation->config->listen;
    ASSERT(listener->index < listen->count, "a listener is an entry of every configuration that a worker is given");
    listener->config = (const struct listen_config *)listen->items + listener->index;
}

struct worker_generation *worker_generation_acquire(struct worker *worker)
{
    worker->generation->requests++;
    return worker->generation;
}

static RARELY_CALLED void drop_generation(struct worker *worker, struct worker_generation *generation)
{
    struct worker_generation **place = &worker->generation;
    while (*place != generation)
        place = &(*place)->next;
    *place = generation->next;
    if (worker->generation)
        proxy_pools_hand_on(generation->pools, worker->generation->pools);
    free_generation(generation);
}

void worker_generation_release(struct worker *worker, struct worker_generation *generation)
{
    if (--generation->requests == 0)
        drop_generation(worker, generation);
}

/* Small services. */

uint64_t worker_wall_ns(struct worker *worker, uint64_t now_ns)
{
    if (UNLIKELY(worker->loop.now_ns - worker->wall_read_ns >= NS_PER_S || !worker->wall_offset_ns)) {
        worker->wall_read_ns = worker->loop.now_ns;
        worker->wall_offset_ns = clock_wall_ns() - clock_now_ns();
    }
    return now_ns + worker->wall_offset_ns;
}

void worker_set_date(struct worker *worker)
{
    char date[HTTP_DATE_BYTES];
    uint64_t wall_ns = worker_wall_ns(worker, worker->loop.now_ns);
    worker->date_second = wall_ns / NS_PER_S;
    http_date_format(date, (int64_t)worker->date_second);
    (void)snprintf(worker->ok_lines, sizeof worker->ok_lines, WORKER_OK_LINE "Date: %.*s\r\n", (int)sizeof date, date);
    worker->date_until_ns = worker->loop.now_ns + NS_PER_S - wall_ns % NS_PER_S;
}

/* xorshift128+ (Vigna, "Further scramblings of Marsaglia's xorshift generators", 2014). */
uint64_t worker_random(struct worker *worker)
{
    uint64_t x = worker->random_state[0];
    uint64_t y = worker->random_state[1];
    worker->random_state[0] = y;
    x ^= x << 23;
    worker->random_state[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
    return worker->random_state[1] + y;
}

/* A whole period without a request: a moment without one comes between any two. */
static bool is_idle(struct worker *worker)
{
    uint64_t requests = counter_read(&worker->meter.requests);
    bool has_rested = worker->requests.count == 0 && requests == worker->tidied_requests;
    worker->tidied_requests = requests;
    return has_rested;
}

static void drop_spares(struct worker *worker)
{
    pool_spare_drop(&worker->in_spare, &worker->pool);
    pool_spare_drop(&worker->out_spare, &worker->pool);
}

/* Other workers and the control plane may hold a model's entry at the same time; the model itself stays as long as this
 * worker's configuration names it. */
static void tidy_models(struct worker *worker)
{
    const struct config *config = worker->generation->config;
    for (uint32_t i = 0; i < config->models.count; i++) {
        struct model_entry *entry = config->model_entries[i];
        if (atomic_load_explicit(&entry->state, memory_order_acquire) == MODEL_READY)
            model_tidy(atomic_load_explicit(&entry->model, memory_order_acquire), worker->index);
    }
}

static void on_tidy(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, tidy_timer);
    bool has_rested = is_idle(worker);
    if (has_rested) {
        codings_trim(&worker->codings);
        drop_spares(worker);
    }
    stalls_tidy(worker);
    if (++worker->tidy_count % MODELS_TIDY_PERIODS == 0)
        tidy_models(worker);
    gauge_set(&worker->meter.connections_open, worker->connection_count);
    gauge_set(&worker->meter.requests_in_flight, worker->requests.count);
    size_t spare_bytes = pool_spare_bytes(&worker->in_spare) + pool_spare_bytes(&worker->out_spare);
    gauge_set(&worker->meter.memory_outstanding, (int64_t)(worker->pool.outstanding_bytes - spare_bytes));
    uint64_t mallocs = worker->pool.mallocs + http2_shared_mallocs(worker);
    counter_add(&worker->meter.memory_mallocs, mallocs - counter_read(&worker->meter.memory_mallocs));
    if (has_rested)
        http2_shared_tidy(worker);
    if (has_rested && worker->pool.cache_bytes > IDLE_CACHE_BYTES)
        pool_trim(&worker->pool, IDLE_CACHE_BYTES);
    worker->pool.outstanding_bytes_max = MAX(worker->limits.worker_memory, worker->pool.outstanding_bytes);
    timer_set(&worker->loop.timers, &worker->tidy_timer, worker->loop.now_ns + TIDY_PERIOD_NS);
}
