/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting pauses when the server has all the connections it may have, and when the process runs out of descriptors.
 * Pausing leaves new connections in the kernel's queue, where they cost nothing and are not lost; accepting and closing
 * them would only make their clients try again at once.
 *
 * That all places are taken is noticed when one more client has been accepted: it is this worker's guest until a place
 * is free, and the first to have one. So who pauses for want of a place has somebody who waits, and a place that
 * another worker frees is not offered in vain (places.h).
 *
 * What makes room is an idle connection: whoever holds one without a request may open another later, and whoever waits
 * wants something now. One is closed for each that waits, this worker's or else another's, and none while there is
 * room. */
#include "lib/sys/clock.h"
#include "pipeline/accept/accept.h"

#define PAUSE_NS            (100 * NS_PER_MS)
#define EVICTED_IDLE_NS     (1 * NS_PER_S) /* at least: the next request is often on its way */
#define EVICT_LOOKS_MAX     64             /* for one that is idle; the next time goes on from there */
#define EXHAUSTED_EVICT_MAX 8              /* in one pause */

static bool on_accepted(struct listener *listener, int fd, const struct address *peer);
static void on_exhausted(struct listener *listener);
static void on_accept_timer(struct timer *timer);
static enum err admit_guest(struct worker *worker);

static struct worker_listener *entry_of(struct listener *listener)
{
    return CONTAINER_OF(listener, struct worker_listener, listener);
}

enum err accept_start(struct worker *worker)
{
    timer_init(&worker->accept_timer, on_accept_timer);
    for (uint32_t i = 0; i < worker->listener_count; i++) {
        struct worker_listener *entry = &worker->listeners[i];
        int fd = entry->listener.watch.fd;
        entry->listener = (struct listener){.on_accepted = on_accepted, .on_exhausted = on_exhausted};
        TRY(listener_start(&entry->listener, &worker->loop, fd));
    }
    return ERR_OK;
}

void accept_stop(struct worker *worker)
{
    timer_cancel(&worker->accept_timer);
    if (worker->is_draining)
        worker->connections.count_max = UINT32_MAX; /* nobody else will come */
    (void)admit_guest(worker);
    for (uint32_t i = 0; i < worker->listener_count; i++)
        listener_stop(&worker->listeners[i].listener);
}

/* Making room. */

/* One that is idle, or NULL. */
static struct connection *find_idle(struct worker *worker)
{
    for (int looks = 0; looks < EVICT_LOOKS_MAX && !list_is_empty(&worker->open_connections); looks++) {
        struct list *node = list_pop_first(&worker->open_connections);
        struct connection *connection = CONTAINER_OF(node, struct connection, node);
        list_add_last(&worker->open_connections, node);
        if (connection->phase == CONNECTION_IDLE && worker->loop.now_ns - connection->phase_begin_ns >= EVICTED_IDLE_NS)
            return connection;
    }
    return NULL;
}

static void evict(struct connection *connection)
{
    counter_add(&connection->worker->meter.connections_evicted, 1);
    connection_on_timer(&connection->timer); /* as if its time were over */
}

/* Whether one was found, and has been told to go. */
static bool evict_one(struct worker *worker)
{
    struct connection *connection = find_idle(worker);
    if (connection)
        evict(connection);
    return connection != NULL;
}

static bool make_room_for_others(struct worker *worker)
{
    if (!places_others_wait(worker->places, worker->index))
        return false;
    struct connection *connection = find_idle(worker);
    if (!connection || !places_must_make_room(worker->places, worker->index))
        return false;
    evict(connection);
    return true;
}

/* Pausing. */

static void pause_all(struct worker *worker)
{
    if (worker->is_accept_paused)
        return;
    worker->is_accept_paused = true;
    counter_add(&worker->meter.accept_paused, 1);
    timer_set(&worker->loop.timers, &worker->accept_timer, worker->loop.now_ns + PAUSE_NS);
    for (uint32_t i = 0; i < worker->listener_count; i++)
        listener_pause(&worker->listeners[i].listener);
}

/* ERR_LIMIT while there is no place for it. */
static enum err admit_guest(struct worker *worker)
{
    struct worker_guest *guest = &worker->guest;
    if (!guest->listener)
        return ERR_OK;
    TRY(connection_open(guest->listener, guest->fd, &guest->peer));
    guest->listener = NULL;
    places_wait_end(worker->places, worker->index);
    return ERR_OK;
}

void accept_resume(struct worker *worker)
{
    if (!worker->is_accept_paused || worker->is_accept_exhausted || worker->is_draining ||
        admit_guest(worker) != ERR_OK)
        return;
    worker->is_accept_paused = false;
    timer_cancel(&worker->accept_timer);
    for (uint32_t i = 0; i < worker->listener_count; i++) {
        struct listener *listener = &worker->listeners[i].listener;
        if (listener_resume(listener) == ERR_OK)
            continue;
        on_exhausted(listener);
        return;
    }
}

/* Who waits longer on another worker comes first; it has been woken. */
void accept_on_closed(struct worker *worker)
{
    if (!places_others_wait(worker->places, worker->index))
        accept_resume(worker);
}

bool accept_on_mail(struct worker *worker)
{
    if (worker->guest.listener)
        accept_resume(worker);
    return make_room_for_others(worker);
}

static bool on_accepted(struct listener *listener, int fd, const struct address *peer)
{
    struct worker_listener *entry = entry_of(listener);
    struct worker *worker = entry->worker;
    if (connection_open(entry, fd, peer) == ERR_OK)
        return true;
    bool has_room = evict_one(worker) && connection_open(entry, fd, peer) == ERR_OK;
    if (has_room)
        return true;
    worker->guest = (struct worker_guest){.listener = entry, .fd = fd, .peer = *peer};
    places_wait(worker->places, worker->index);
    if (admit_guest(worker) == ERR_OK)
        return true;
    pause_all(worker);
    return false;
}

static void on_exhausted(struct listener *listener)
{
    struct worker *worker = entry_of(listener)->worker;
    worker->is_accept_exhausted = true;
    pause_all(worker);
}

static void on_accept_timer(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, accept_timer);
    int evicted_max = worker->is_accept_exhausted ? EXHAUSTED_EVICT_MAX : 1;
    worker->is_accept_exhausted = false;
    while (evicted_max > 0 && evict_one(worker))
        evicted_max--;
    accept_resume(worker);
    if (worker->guest.listener)
        places_wait(worker->places, worker->index);
    if (worker->is_accept_paused)
        timer_set(&worker->loop.timers, &worker->accept_timer, worker->loop.now_ns + PAUSE_NS);
}
