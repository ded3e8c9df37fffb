/* SPDX-License-Identifier: Apache-2.0 */
/* From the first SIGTERM to the end: say "not ready" and go on for shutdown.delay, then take no more connections and let
 * what is running finish for shutdown.timeout, then close what is left. The loop turns to the very end, so that a second
 * signal is always heard. */
#include "control/server/server_int.h"

#include "control/server/say.h"
#include "lib/sys/clock.h"

#define POLL_NS      (2 * NS_PER_MS)
#define STOP_TIME_NS (5 * NS_PER_S) /* for a model run or a load that does not let itself be broken off */

static void drain(struct server *server);
static void check_drained(struct server *server);
static void stop(struct server *server);
static void check_stopped(struct server *server);
static void set_timer(struct server *server, uint64_t after_ns);

void server_shutdown_begin(struct server *server)
{
    uint64_t delay_ns = server->config->shutdown.delay_ns;
    atomic_store(&server->is_draining, true);
    server->phase = SERVER_DELAYING;
    schemas_give_up(server);
    repository_give_up(server);
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
    else if (server->phase == SERVER_DRAINING)
        check_drained(server);
    else
        check_stopped(server);
}

static void drain(struct server *server)
{
    server->phase = SERVER_DRAINING;
    server->deadline_ns = clock_now_ns() + server->config->shutdown.timeout_ns;
    say("draining: no new connections, running requests have %.1f s",
        (double)server->config->shutdown.timeout_ns / 1e9);
    server_unlink_sockets(server);
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
    stop(server);
}

static void stop(struct server *server)
{
    server->phase = SERVER_STOPPING;
    server->deadline_ns = clock_now_ns() + STOP_TIME_NS;
    server_send_all(server, WORKER_STOP, NULL);
    check_stopped(server);
}

/* Its clients have gone; what a thread still holds is not worth waiting for until somebody sends SIGKILL. */
static void check_stopped(struct server *server)
{
    bool is_busy = count_busy(server) || server->loader.is_running;
    bool is_late = clock_now_ns() >= server->deadline_ns;
    if (is_busy && !is_late) {
        set_timer(server, POLL_NS);
        return;
    }
    if (is_busy) {
        say("a model is still running or loading; leaving without it");
        access_log_stop(server->log);
        process_exit_now(0);
    }
    loop_stop(&server->loop);
}
