/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting pauses when the worker has all the connections it may have, and when the process runs out of descriptors.
 * Pausing leaves new connections in the kernel's queue, where they cost nothing and are not lost; accepting and closing
 * them would only make their clients try again at once. */
#include "lib/sys/clock.h"
#include "pipeline/accept/accept.h"

#define EXHAUSTED_PAUSE_NS (100 * NS_PER_MS)

static bool on_accepted(struct listener *listener, int fd, const struct address *peer);
static void on_exhausted(struct listener *listener);
static void on_accept_timer(struct timer *timer);

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
    for (uint32_t i = 0; i < worker->listener_count; i++)
        listener_stop(&worker->listeners[i].listener);
}

static void pause_all(struct worker *worker)
{
    if (worker->is_accept_paused)
        return;
    worker->is_accept_paused = true;
    counter_add(&worker->meter.accept_paused, 1);
    for (uint32_t i = 0; i < worker->listener_count; i++)
        listener_pause(&worker->listeners[i].listener);
}

void accept_resume(struct worker *worker)
{
    if (!worker->is_accept_paused || worker->is_draining || worker->connection_count >= worker->limits.connections)
        return;
    worker->is_accept_paused = false;
    for (uint32_t i = 0; i < worker->listener_count; i++) {
        struct listener *listener = &worker->listeners[i].listener;
        if (listener_resume(listener) == ERR_OK)
            continue;
        on_exhausted(listener);
        return;
    }
}

static bool on_accepted(struct listener *listener, int fd, const struct address *peer)
{
    struct worker *worker = entry_of(listener)->worker;
    connection_open(entry_of(listener), fd, peer);
    if (worker->connection_count < worker->limits.connections || worker->is_draining)
        return true;
    pause_all(worker);
    return false;
}

static void on_exhausted(struct listener *listener)
{
    struct worker *worker = entry_of(listener)->worker;
    pause_all(worker);
    timer_set(&worker->loop.timers, &worker->accept_timer, worker->loop.now_ns + EXHAUSTED_PAUSE_NS);
}

static void on_accept_timer(struct timer *timer)
{
    accept_resume(CONTAINER_OF(timer, struct worker, accept_timer));
}
