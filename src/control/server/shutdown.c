/* SPDX-License-Identifier: Apache-2.0 */
/* From the first SIGTERM to the end: say "not ready" and go on for shutdown.delay, then take no more connections and let
 * what is running finish for shutdown.timeout, then close what is left. */
#include "control/server/server_int.h"

#include "control/server/say.h"
#include "lib/sys/clock.h"

#define POLL_NS (2 * NS_PER_MS)

static void drain(struct server *server);
static void check_drained(struct server *server);
static void set_timer(struct server *server, uint64_t after_ns);

void server_shutdown_begin(struct server *server)
{
    uint64_t delay_ns = server->config->shutdown.delay_ns;
    atomic_store(&server->is_draining, true);
    server->phase = SERVER_DELAYING;
    if (delay_ns == 0) {
        drain(server);
        return;
    }
    say("shutting down: not ready from now on, taking requests for another %.1f s", (double)delay_ns / 1e9);
    set_timer(server, delay_ns);
}

static void set_timer(struct server *server, uint64_t after_ns)
{
    timer_set(&server->loop.timers, &server->timer, clock_now_ns() + after_ns);
}

void server_on_phase_timer(struct timer *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, timer);
    if (server->phase == SERVER_DELAYING)
        drain(server);
    else
        check_drained(server);
}

static void drain(struct server *server)
{
    server->phase = SERVER_DRAINING;
    server->deadline_ns = clock_now_ns() + server->config->shutdown.timeout_ns;
    say("draining: no new connections, running requests have %.1f s",
        (double)server->config->shutdown.timeout_ns / 1e9);
    server_send_all(server, WORKER_DRAIN, NULL);
    check_drained(server);
}

static uint32_t count_busy(const struct server *server)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < server->started_count; i++)
        busy += !atomic_load_explicit(&server->workers[i]->is_drained, memory_order_acquire);
    return busy;
}

static void check_drained(struct server *server)
{
    bool is_late = clock_now_ns() >= server->deadline_ns;
    if (count_busy(server) && !is_late) {
        set_timer(server, POLL_NS);
        return;
    }
    if (is_late && count_busy(server))
        say("the time is over; closing what is left");
    server->phase = SERVER_STOPPING;
    loop_stop(&server->loop);
}
