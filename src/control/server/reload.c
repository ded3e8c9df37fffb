/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration is made whole before anyone sees it: read, checked, its models opened and warmed. If any of that
 * fails the report is printed and the old one goes on serving. Models that did not change are shared, not loaded again;
 * counters go on under the same names. */
#include "control/server/server_int.h"

#include "control/config/compare.h"
#include "control/config/load.h"
#include "control/config/option_tables.h"
#include "control/server/lost.h"
#include "control/server/say.h"
#include "control/server/upstreams.h"
#include "lib/sys/clock.h"
#include "pipeline/graph.h"
#include "pipeline/route.h"

#include <stdio.h>
#include <stdlib.h>

static void load_first(void *argument);
static void load_again(void *argument);
static void load_schemas(void *argument);
static void load_models(void *argument);
static enum err start(struct server *server, void (*job)(void *));
static void finish_reload(struct server *server);
static void finish_schemas(struct server *server);
static void finish_models(struct server *server);

static enum err attach_steps(struct server *server, struct config *config)
{
    for (uint32_t i = 0; i < config->pipeline_count; i++) {
        struct pipeline *pipeline = config->pipelines[i];
        for (uint32_t s = 0; s < pipeline->step_count; s++)
            TRY(meter_registry_step(server->registry, pipeline->config->name, pipeline->steps[s].name,
                                    &pipeline->steps[s].meters));
    }
    return ERR_OK;
}

enum err server_attach(struct server *server, struct config *config, struct slice anew)
{
    TRY(models_attach(server->models, config, anew));
    TRY(upstreams_attach(&server->resolver, config));
    TRY(attach_steps(server, config));
    for (uint32_t i = 0; i < config->route_count; i++)
        TRY(meter_registry_route(server->registry, config->routes[i]->name, &config->routes[i]->meters));
    return meter_registry_route(server->registry, config->unmatched->name, &config->unmatched->meters);
}

enum err server_load_first(struct server *server)
{
    server->loader.job = LOADER_FIRST;
    server->loader.config = config_ref(server->config);
    return start(server, load_first);
}

void server_reload(struct server *server)
{
    if (server->loader.is_running) {
        server->loader.wants_config = true;
        return;
    }
    say("reloading %s", server->path);
    server->loader.job = LOADER_CONFIG;
    server->loader.config = NULL;
    if (start(server, load_again) == ERR_OK)
        return;
    say_error("there is no thread to load with");
    finish_reload(server);
}

void server_reload_schemas(struct server *server)
{
    struct loader *loader = &server->loader;
    if (loader->is_running) {
        loader->wants_schemas = true;
        return;
    }
    loader->job = LOADER_SCHEMAS;
    loader->config = NULL;
    loader->is_unchanged = false;
    loader->ticket = atomic_load(&server->schemas.asked);
    loader->report = calloc(1, sizeof *loader->report);
    if (loader->report && start(server, load_schemas) == ERR_OK)
        return;
    say_error("there is no memory or no thread to read the schemas with");
    finish_schemas(server);
}

void server_reload_models(struct server *server)
{
    struct loader *loader = &server->loader;
    if (loader->is_running) {
        loader->wants_models = true;
        return;
    }
    loader->job = LOADER_MODELS;
    loader->config = NULL;
    loader->is_unchanged = false;
    server->repository.wish = repository_next(server);
    loader->report = calloc(1, sizeof *loader->report);
    if (loader->report && start(server, load_models) == ERR_OK)
        return;
    say_error("there is no memory or no thread to load models with");
    finish_models(server);
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
    const struct models_round round = {.models = server->models, .config = server->loader.config, .tries_again = true};
    (void)models_load(&round);
    (void)models_check_fit(&round);
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

/* Takes over the reference, and gives back NULL when the configuration cannot be served. */
static struct config *prepare(struct server *server, struct config *config)
{
    const struct loader *loader = &server->loader;
    const struct wish *wish = loader->job == LOADER_MODELS ? server->repository.wish : NULL;
    bool wants_one = wish && wish->wish == REPOSITORY_WISH_LOAD;
    struct config *old = server_config(server);
    const struct models_round round = {
        .models = server->models,
        .config = config,
        .old = old,
        .tries_again = loader->job == LOADER_CONFIG,
        .name = wants_one ? slice_of_text(wish->name) : (struct slice){NULL, 0},
    };
    bool is_good = !wants_restart(old, config) && server_attach(server, config, round.name) == ERR_OK &&
                   models_load(&round) == 0 && models_settle(&round) == ERR_OK &&
                   models_settle_pipelines(&round) == ERR_OK && models_check_fit(&round) == 0;
    schemas_keep_times(old, config);
    config_unref(old);
    if (is_good)
        return config;
    config_unref(config);
    return NULL;
}

/* It is meant, as far as anybody can tell; and it is said, because nothing checks those requests from now on. */
static void warn_of_lost(struct server *server, const struct config *config)
{
    struct report report;
    struct config *old = server_config(server);
    report_init(&report);
    lost_schemas_report(old, config, REPORT_WARNING, &report);
    report_print(&report, stderr);
    report_deinit(&report);
    config_unref(old);
}

static void load_again(void *argument)
{
    struct server *server = argument;
    struct config *old = server_config(server);
    const struct repository_choice choice = repository_choose(REPOSITORY_LOOK, old);
    struct config *config = config_load_printed(server->path, &choice, stderr);
    config_unref(old);
    server->loader.config = config ? prepare(server, config) : NULL;
    if (server->loader.config)
        warn_of_lost(server, server->loader.config);
    finish_job(server);
}

static void load_schemas(void *argument)
{
    struct server *server = argument;
    struct loader *loader = &server->loader;
    struct config *config = NULL;
    schemas_load(server, loader->report, &config, &loader->is_unchanged);
    loader->config = config ? prepare(server, config) : NULL;
    finish_job(server);
}

static void load_models(void *argument)
{
    struct server *server = argument;
    struct loader *loader = &server->loader;
    struct config *config = NULL;
    repository_load(server, loader->report, &config, &loader->is_unchanged);
    loader->config = config ? prepare(server, config) : NULL;
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
    schemas_taken(server);
    repository_taken(server);
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
    schemas_taken(server);
    repository_taken(server);
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

static void finish_schemas(struct server *server)
{
    struct config *config = server->loader.config;
    if (server->phase != SERVER_SERVING) {
        config_unref(config);
        schemas_give_up(server);
        return;
    }
    if (config)
        swap(server, config); /* before anyone is told that they are in use */
    schemas_conclude(server, config || server->loader.is_unchanged);
}

static void finish_models(struct server *server)
{
    struct config *config = server->loader.config;
    if (server->phase != SERVER_SERVING) {
        config_unref(config);
        repository_give_up(server);
        return;
    }
    if (config)
        swap(server, config); /* before anyone is told that it is in use */
    repository_conclude(server, config || server->loader.is_unchanged);
}

static void go_on(struct server *server)
{
    struct loader *loader = &server->loader;
    bool wants_config = loader->wants_config;
    bool wants_schemas = loader->wants_schemas;
    bool wants_models = loader->wants_models;
    if (server->phase != SERVER_SERVING)
        return;
    loader->wants_config = loader->wants_schemas = loader->wants_models = false;
    if (wants_config)
        server_reload(server);
    if (wants_schemas)
        server_reload_schemas(server);
    if (wants_models)
        server_reload_models(server);
}

void server_loaded(struct server *server)
{
    struct loader *loader = &server->loader;
    if (!loader->is_running || !atomic_load_explicit(&loader->is_done, memory_order_acquire))
        return;
    thread_join(&loader->thread);
    loader->is_running = false;
    if (loader->job == LOADER_FIRST)
        finish_first(server);
    else if (loader->job == LOADER_CONFIG)
        finish_reload(server);
    else if (loader->job == LOADER_SCHEMAS)
        finish_schemas(server);
    else
        finish_models(server);
    loader->config = NULL;
    go_on(server);
}
