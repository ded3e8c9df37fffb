/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/server.h"

#include "control/log/sinks.h"
#include "control/server/say.h"
#include "control/server/server_int.h"
#include "lib/sys/clock.h"
#include "pipeline/shared_regions.h"

#include <stdlib.h>

#define CREW_RING_ENTRIES      1024
#define SCHEDULER_RING_ENTRIES 4096 /* jobs that one worker has out */
#define ORDER_POLL_NS          (NS_PER_MS / 10)
#define WATCH_PERIOD_NS        (1 * NS_PER_S)
#define EXIT_SIGNALLED         128 /* plus the number, as shells count */

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP, 0};

static enum err told(const char *what, enum err err);
static enum err start(struct server *server, const struct server_options *options);
static enum err start_loop(struct server *server);
static enum err start_log(struct server *server);
static enum err start_tracing(struct server *server);
static enum err start_workers(struct server *server);
static void stop(struct server *server);
static bool on_mail(struct mailbox *mailbox);
static void on_signal(struct signals *signals, int number);
static void on_watch_timer(struct timer *timer);

enum err server_run(const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        config_unref(options->config);
        return told("the server", ERR_NOMEM);
    }
    server->config = options->config;
    server->loop.epoll = -1;
    mutex_init(&server->config_lock);
    mutex_init(&server->allocations.lock);
    schemas_init(server);
    repository_init(server);
    enum err err = start(server, options);
    if (err == ERR_OK)
        err = told("the thread that loads models", server_load_first(server));
    if (err == ERR_OK)
        loop_run(&server->loop);
    stop(server);
    return err;
}

/* Whoever starts a server is told what kept it from starting. */
static enum err told(const char *what, enum err err)
{
    if (err != ERR_OK)
        say_error("cannot start %s: %s", what, err_text(err));
    return err;
}

static uint32_t count_or_cores(uint64_t configured)
{
    return configured ? (uint32_t)configured : thread_cpu_count();
}

static enum err start(struct server *server, const struct server_options *options)
{
    server->path = options->path;
    server->on_started = options->on_started;
    server->begin_ns = clock_now_ns();
    server->worker_count = count_or_cores(server->config->workers);
    server_ports_init(server);
    TRY(told("shared memory", shared_regions_create(&server->ports.shared_regions)));
    signals_block(signal_numbers);
    (void)process_raise_open_files();
    TRY(told("the control loop", start_loop(server)));
    TRY(told("the meters", meter_registry_create(server->worker_count, &server->registry)));
    struct models_options models = {.worker_count = server->worker_count,
                                    .executor_count = count_or_cores(server->config->executors),
                                    .registry = server->registry};
    TRY(told("the models", models_create(&models, &server->models)));
    TRY(told("the models", server_attach(server, server->config, (struct slice){NULL, 0})));
    models_expect(server->models, server->config);
    TRY(told("the access log", start_log(server)));
    TRY(told("tracing", start_tracing(server)));
    TRY(start_workers(server));
    timer_set(&server->loop.timers, &server->watch_timer, server->begin_ns + WATCH_PERIOD_NS);
    return ERR_OK;
}

static enum err start_loop(struct server *server)
{
    TRY(loop_init(&server->loop));
    server->mailbox.on_mail = on_mail;
    TRY(mailbox_start(&server->mailbox, &server->loop));
    timer_init(&server->timer, server_on_phase_timer);
    timer_init(&server->watch_timer, on_watch_timer);
    server->signals.on_signal = on_signal;
    return signals_start(&server->signals, &server->loop, signal_numbers);
}

/* There is a log only with a thread: that is what stop relies on. */
static enum err start_log(struct server *server)
{
    struct access_log *log;
    TRY(access_log_create(server->worker_count, ACCESS_LOG_RECORDS, &log));
    enum err err = access_log_start(log);
    if (err == ERR_OK)
        server->log = log;
    else
        access_log_destroy(log);
    return err;
}

static enum err start_tracing(struct server *server)
{
    const struct trace_config *config = &server->config->trace;
    if (!config->file.len)
        return ERR_OK;
    /* The configuration may go; the path stays. */
    server->trace_path = strdup(config->file.ptr);
    if (!server->trace_path)
        return ERR_NOMEM;
    const struct trace_log_options options = {
        .path = slice_of_text(server->trace_path), .bytes_max = config->bytes, .worker_count = server->worker_count};
    TRY(trace_log_start(&options, &server->trace_log));
    return tracing_create(&server->ports.tracing);
}

static enum err make_workers(struct server *server)
{
    server->workers = calloc(server->worker_count, sizeof(struct worker *));
    server->meters = calloc(server->worker_count, sizeof(struct worker_meter *));
    if (!server->workers || !server->meters)
        return ERR_NOMEM;
    TRY(places_create(server->worker_count, &server->places));
    for (uint32_t i = 0; i < server->worker_count; i++) {
        struct worker_options options = {
            .index = i, .config = server->config, .places = server->places, .ports = &server->ports};
        TRY(worker_create(&options, &server->workers[i]));
        server->meters[i] = &server->workers[i]->meter;
    }
    return ERR_OK;
}

static enum err make_threads(struct server *server, struct wake *const *wakes)
{
    struct crew_options crew = {
        .name = "crew",
        .thread_count = count_or_cores(server->config->executors),
        .worker_count = server->worker_count,
        .ring_entries = CREW_RING_ENTRIES,
        .wakes = wakes,
    };
    struct scheduler_options scheduler = {
        .executor_count = count_or_cores(server->config->executors),
        .worker_count = server->worker_count,
        .ring_entries = SCHEDULER_RING_ENTRIES,
        .wakes = wakes,
        .cpus = server->config->executor_cpus.items,
        .cpu_count = server->config->executor_cpus.count,
    };
    TRY(crew_create(&crew, &server->crew));
    return scheduler_create(&scheduler, &server->scheduler);
}

/* Those that work for the workers. */
static enum err make_helpers(struct server *server)
{
    struct wake **wakes = calloc(server->worker_count, sizeof *wakes);
    if (!wakes)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < server->worker_count; i++)
        wakes[i] = &server->workers[i]->mailbox.wake;
    enum err err = make_threads(server, wakes);
    free(wakes);
    for (uint32_t i = 0; err == ERR_OK && i < server->worker_count; i++) {
        server->workers[i]->crew = server->crew;
        server->workers[i]->scheduler = server->scheduler;
    }
    return err;
}

static enum err pin_workers(struct server *server)
{
    const uint64_t *cpus = server->config->worker_cpus.items;
    for (uint32_t i = 0; server->config->worker_cpus.count && i < server->worker_count; i++)
        TRY(thread_pin(&server->workers[i]->thread, cpus[i % server->config->worker_cpus.count]));
    return ERR_OK;
}

static enum err start_workers(struct server *server)
{
    TRY(told("the workers", make_workers(server)));
    TRY(told(server->config->executor_cpus.count ? "the executors on executor_cpus" : "the executors",
             make_helpers(server)));
    TRY(server_listen(server));
    for (uint32_t i = 0; i < server->worker_count; i++) {
        TRY(told("a worker", worker_start(server->workers[i])));
        server->started_count++;
    }
    return told("the workers on worker_cpus", pin_workers(server));
}

void server_send_all(struct server *server, enum worker_order order, struct config *config)
{
    for (uint32_t i = 0; i < server->started_count; i++)
        worker_send(server->workers[i], order, config);
    for (uint32_t i = 0; i < server->started_count; i++)
        while (!worker_is_idle(server->workers[i]))
            clock_sleep_ns(ORDER_POLL_NS);
}

/* In the order of dependence: those who ask before those who are asked. Everything may be half made. */
static void stop(struct server *server)
{
    if (server->phase != SERVER_STOPPING)
        server_send_all(server, WORKER_STOP, NULL);
    server_unlink_sockets(server);
    for (uint32_t i = 0; i < server->started_count; i++)
        worker_join(server->workers[i]);
    crew_destroy(server->crew);
    scheduler_destroy(server->scheduler);
    for (uint32_t i = 0; server->workers && i < server->worker_count; i++)
        worker_destroy(server->workers[i]);
    places_destroy(server->places);
    shared_regions_destroy(server->ports.shared_regions);
    trace_log_stop(server->trace_log);
    tracing_destroy(server->ports.tracing);
    free(server->trace_path);
    config_unref(server->config);
    models_destroy(server->models);
    resolver_destroy(server->resolver);
    if (server->log)
        access_log_stop(server->log);
    access_log_destroy(server->log);
    access_sinks_close();
    meter_registry_destroy(server->registry);
    folder_watch_stop(&server->schemas.watch);
    folder_watch_stop(&server->repository.watch);
    if (server->signals.watch.loop)
        signals_stop(&server->signals);
    if (server->loop.mailbox)
        mailbox_stop(&server->mailbox);
    loop_deinit(&server->loop);
    schemas_deinit(server);
    repository_deinit(server);
    mutex_deinit(&server->config_lock);
    mutex_deinit(&server->allocations.lock);
    free(server->workers);
    free(server->meters);
    free(server);
}

static bool on_mail(struct mailbox *mailbox)
{
    struct server *server = CONTAINER_OF(mailbox, struct server, mailbox);
    server_loaded(server);
    schemas_heed(server);
    repository_heed(server);
    return false;
}

static void on_signal(struct signals *signals, int number)
{
    struct server *server = CONTAINER_OF(signals, struct server, signals);
    if (number == SIGHUP) {
        access_log_reopen(server->log);
        if (server->phase == SERVER_SERVING)
            server_reload(server);
        return;
    }
    if (server->phase != SERVER_SERVING) {
        say("second signal: leaving at once");
        process_exit_now(EXIT_SIGNALLED + number);
    }
    server_shutdown_begin(server);
}

static void shrink_models(const struct config *config)
{
    bool did_shrink = false;
    for (uint32_t i = 0; i < config->models.count; i++) {
        struct model_entry *entry = config->model_entries[i];
        if (atomic_load(&entry->state) == MODEL_READY)
            did_shrink = model_shrink_when_idle(atomic_load(&entry->model), clock_now_ns()) || did_shrink;
    }
    if (did_shrink)
        process_trim_memory();
}

/* What a worker may not say itself: it has no time to format. */
static void on_watch_timer(struct timer *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, watch_timer);
    struct server_watched now = {0};
    for (uint32_t i = 0; i < server->worker_count; i++) {
        now.accept_paused += counter_read(&server->meters[i]->accept_paused);
        now.denied += counter_read(&server->meters[i]->connections_denied);
        now.preface_refused += counter_read(&server->meters[i]->preface_refused);
    }
    const struct server_watched *seen = &server->seen;
    if (now.accept_paused > seen->accept_paused)
        say("accepting has paused %llu times: out of file descriptors or over limits.connections",
            (unsigned long long)(now.accept_paused - seen->accept_paused));
    if (now.denied > seen->denied)
        say("%llu connections were closed: their addresses are not in proxy_protocol_from of their listener",
            (unsigned long long)(now.denied - seen->denied));
    if (now.preface_refused > seen->preface_refused)
        say("%llu connections were closed: they did not begin with a header of the PROXY protocol, version 2",
            (unsigned long long)(now.preface_refused - seen->preface_refused));
    server->seen = now;
    shrink_models(server->config);
    timer_set(&server->loop.timers, &server->watch_timer, clock_now_ns() + WATCH_PERIOD_NS);
}
