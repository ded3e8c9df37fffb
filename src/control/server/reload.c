/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration is made whole before anyone sees it: read, checked, its models opened and warmed. If any of that
 * fails the report is printed and the old one goes on serving. Models that did not change are shared, not loaded again;
 * counters go on under the same names. */
#include "control/server/server_int.h"

#include "control/config/compare.h"
#include "control/config/load.h"
#include "control/config/option_tables.h"
#include "control/server/say.h"
#include "control/server/upstreams.h"
#include "lib/sys/clock.h"
#include "pipeline/route.h"

#include <stdio.h>

static void load_first(void *argument);
static void load_again(void *argument);
static enum err start(struct server *server, void (*job)(void *));
static void finish_reload(struct server *server);

enum err server_attach(struct server *server, struct config *config)
{
    TRY(models_attach(server->models, config));
    TRY(upstreams_attach(&server->resolver, config));
    for (uint32_t i = 0; i < config->route_count; i++)
        TRY(meter_registry_route(server->registry, config->routes[i]->name, &config->routes[i]->meters));
    return meter_registry_route(server->registry, config->unmatched->name, &config->unmatched->meters);
}

enum err server_load_first(struct server *server)
{
    server->loader.is_first = true;
    server->loader.config = config_ref(server->config);
    return start(server, load_first);
}

void server_reload(struct server *server)
{
    if (server->loader.is_running) {
        server->loader.is_wanted_again = true;
        return;
    }
    say("reloading %s", server->path);
    server->loader.is_first = false;
    server->loader.config = NULL;
    if (start(server, load_again) == ERR_OK)
        return;
    say_error("there is no thread to load with");
    finish_reload(server);
}

static enum err start(struct server *server, void (*job)(void *))
{
    atomic_store(&server->loader.is_done, false);
    enum err err = thread_start(&server->loader.thread, "loader", job, server);
    server->loader.is_running = err == ERR_OK;
    if (err == ERR_OK)
        return ERR_OK;
    config_unref(server->loader.config);
    server->loader.config = NULL;
    return err;
}

static void finish_job(struct server *server)
{
    atomic_store_explicit(&server->loader.is_done, true, memory_order_release);
    wake_up(&server->mailbox.wake);
}

static void load_first(void *argument)
{
    struct server *server = argument;
    (void)models_load(server->models, server->loader.config);
    (void)models_check_fit(server->loader.config);
    finish_job(server);
}

static bool wants_restart(const struct config *old, const struct config *new)
{
    bool is_wanted = false;
    for (size_t i = 0; i < option_table_config.count; i++) {
        const struct option *row = &option_table_config.rows[i];
        if (!(row->flags & OPTION_RESTART) || option_equal(row, old, new, OPTION_RESTART))
            continue;
        say_error("\"%s\" has changed, which takes a restart", row->name);
        is_wanted = true;
    }
    return is_wanted;
}

static struct config *make(struct server *server)
{
    struct config *config = config_load_printed(server->path, stderr);
    if (!config)
        return NULL;
    struct config *old = server_config(server);
    bool is_good = !wants_restart(old, config) && server_attach(server, config) == ERR_OK &&
                   models_load(server->models, config) == 0 && models_check_fit(config) == 0;
    config_unref(old);
    if (is_good)
        return config;
    config_unref(config);
    return NULL;
}

static void load_again(void *argument)
{
    struct server *server = argument;
    server->loader.config = make(server);
    finish_job(server);
}

static void swap(struct server *server, struct config *config)
{
    mutex_lock(&server->config_lock);
    struct config *old = server->config;
    server->config = config;
    mutex_unlock(&server->config_lock);
    models_expect(server->models, config);
    server_send_all(server, WORKER_RELOAD, config);
    config_unref(old);
}

/* The first configuration was good too, and is no reload. */
static void note_outcome(struct server *server, bool is_good)
{
    gauge_set(&server->reloads.is_last_good, is_good);
    if (is_good)
        gauge_set(&server->reloads.last_success_ms, (int64_t)(clock_wall_ns() / NS_PER_MS));
}

static void finish_first(struct server *server)
{
    config_unref(server->loader.config);
    note_outcome(server, true);
    if (server->on_started && server->phase == SERVER_SERVING)
        server->on_started(server->address, server->config);
}

static void finish_reload(struct server *server)
{
    struct config *config = server->loader.config;
    counter_add(config ? &server->reloads.succeeded : &server->reloads.failed, 1);
    note_outcome(server, config != NULL);
    if (!config) {
        say_error("the new configuration was not taken; the old one goes on serving");
        return;
    }
    if (server->phase != SERVER_SERVING) {
        config_unref(config);
        return;
    }
    swap(server, config);
    say("reloaded %s", server->path);
}

void server_loaded(struct server *server)
{
    struct loader *loader = &server->loader;
    if (!loader->is_running || !atomic_load_explicit(&loader->is_done, memory_order_acquire))
        return;
    thread_join(&loader->thread);
    loader->is_running = false;
    if (loader->is_first)
        finish_first(server);
    else
        finish_reload(server);
    loader->config = NULL;
    if (loader->is_wanted_again && server->phase == SERVER_SERVING) {
        loader->is_wanted_again = false;
        server_reload(server);
    }
}
