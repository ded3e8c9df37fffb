/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/models.h"

#include "control/config/compare.h"
#include "control/config/copy.h"
#include "control/config/load.h"
#include "control/config/option_tables.h"
#include "control/server/say.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "pipeline/config_make.h"
#include "pipeline/graph.h"
#include "pipeline/route.h"

#include <stdlib.h>

#define FAULT_BYTES 1024

struct model_slot {
    struct model_entry entry;
    struct model_config config; /* a copy of its own: the entry outlives configurations */
    struct file_status file;    /* as it was when the slot was made: a file that changed is another model */
    struct pool pool;
    struct arena arena;
    _Atomic uint32_t wants;   /* configurations that name it; written under models.lock */
    _Atomic bool is_expected; /* the current one does */
    _Atomic(struct model_slot *) next;
};

struct models {
    _Atomic(struct model_slot *) first;
    struct mutex lock; /* a configuration may be dropped, by whatever thread, while another takes the same model */
    struct meter_registry *registry;
    uint32_t worker_count;
    uint32_t executor_count;
};

static struct model_slot *find(struct models *models, const struct model_config *config, struct file_status file);
static enum err make(struct models *models, const struct model_config *config, struct file_status file,
                     struct model_slot **ret_slot);
static void load(struct models *models, struct model_slot *slot, struct slice library);
static void release(void *context);

enum err models_create(const struct models_options *options, struct models **ret_models)
{
    struct models *models = calloc(1, sizeof *models);
    if (!models)
        return ERR_NOMEM;
    models->worker_count = options->worker_count;
    models->executor_count = options->executor_count;
    models->registry = options->registry;
    mutex_init(&models->lock);
    *ret_models = models;
    return ERR_OK;
}

static void destroy_slot(struct model_slot *slot)
{
    model_unref(slot->entry.model);
    arena_reset(&slot->arena);
    pool_deinit(&slot->pool);
    free(slot);
}

void models_destroy(struct models *models)
{
    if (!models)
        return;
    for (struct model_slot *slot = models->first, *next; slot; slot = next) {
        next = slot->next;
        destroy_slot(slot);
    }
    mutex_deinit(&models->lock);
    free(models);
}

static struct file_status look(const struct model_config *config)
{
    struct file_status file = {0};
    if (file_status(config->path.ptr, &file) != ERR_OK)
        file = (struct file_status){0};
    return file;
}

enum err models_attach(struct models *models, struct config *config)
{
    const struct model_config *wanted = config->models.items;
    for (uint32_t i = 0; i < config->models.count; i++) {
        struct file_status file = look(&wanted[i]);
        struct model_slot *slot = find(models, &wanted[i], file);
        if (!slot)
            TRY(make(models, &wanted[i], file, &slot));
        TRY(config_on_release(config, release, slot));
        mutex_lock(&models->lock);
        slot->wants++;
        mutex_unlock(&models->lock);
        config_attach_model(config, i, &slot->entry);
    }
    return ERR_OK;
}

/* The last configuration that wanted it has gone, and with it every request: nobody reads the entry any more. */
static void release(void *context)
{
    struct model_slot *slot = context;
    struct models *models = slot->entry.owner;
    struct model *model = NULL;
    mutex_lock(&models->lock);
    if (--slot->wants == 0) {
        atomic_store(&slot->entry.state, MODEL_LOADING);
        model = atomic_exchange(&slot->entry.model, NULL);
    }
    mutex_unlock(&models->lock);
    model_unref(model);
}

uint32_t models_load(struct models *models, struct config *config)
{
    uint32_t failures = 0;
    for (uint32_t i = 0; i < config->models.count; i++) {
        struct model_slot *slot = CONTAINER_OF(config->model_entries[i], struct model_slot, entry);
        if (atomic_load(&slot->entry.state) != MODEL_READY)
            load(models, slot, config->onnxruntime);
        failures += atomic_load(&slot->entry.state) != MODEL_READY;
    }
    return failures;
}

static uint32_t check_route(const struct route *route, const struct model_info *info)
{
    uint32_t misfits = 0;
    for (uint32_t i = 0; i < route->chain_count; i++) {
        const struct chain_link *link = &route->chain[i];
        char why[512];
        struct text fault = text_init(why, sizeof why);
        if (!link->middleware->fits_model || link->middleware->fits_model(link->options, info, &fault))
            continue;
        say_error("route " SLICE_FMT ": %s", SLICE_ARG(route->name), why);
        misfits++;
    }
    return misfits;
}

static uint32_t bind_pipelines(const struct config *config)
{
    uint32_t misfits = 0;
    for (uint32_t i = 0; i < config->pipeline_count; i++) {
        char why[1024];
        struct text fault = text_init(why, sizeof why);
        enum err err = graph_bind(config->pipelines[i], config, &fault);
        if (err == ERR_OK || err == ERR_AGAIN) /* that a model is not there was said */
            continue;
        say_error("pipeline " SLICE_FMT ": %s", SLICE_ARG(config->pipelines[i]->config->name),
                  why[0] ? why : err_text(err));
        misfits++;
    }
    return misfits;
}

uint32_t models_check_fit(const struct config *config)
{
    uint32_t misfits = 0;
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct route *route = config->routes[i];
        if (route->model && atomic_load(&route->model->state) == MODEL_READY)
            misfits += check_route(route, model_info(atomic_load(&route->model->model)));
    }
    return misfits + bind_pipelines(config);
}

static bool is_named(const struct model_slot *slot, const struct config *config)
{
    for (uint32_t i = 0; i < config->models.count; i++)
        if (config->model_entries[i] == &slot->entry)
            return true;
    return false;
}

void models_expect(struct models *models, const struct config *config)
{
    for (struct model_slot *slot = models->first; slot; slot = slot->next)
        atomic_store(&slot->is_expected, is_named(slot, config));
}

bool models_are_ready(const struct models *models, struct text *why)
{
    bool are_ready = true;
    const struct model_slot *slot = atomic_load_explicit(&models->first, memory_order_acquire);
    for (; slot; slot = atomic_load_explicit(&slot->next, memory_order_acquire)) {
        int state = atomic_load_explicit(&slot->entry.state, memory_order_acquire);
        if (!atomic_load_explicit(&slot->is_expected, memory_order_relaxed) || state == MODEL_READY)
            continue;
        text_printf(why, "%smodel " SLICE_FMT " %s", are_ready ? "" : "; ", SLICE_ARG(slot->config.name),
                    state == MODEL_FAILED ? "could not be loaded" : "is loading");
        are_ready = false;
    }
    return are_ready;
}

/* Loading. */

/* A notice names its model. */
static void print_notices(const char *notices)
{
    struct slice rest = slice_of_text(notices);
    while (rest.len) {
        struct slice notice = slice_cut(&rest, '\n');
        if (notice.len)
            say(SLICE_FMT, SLICE_ARG(notice));
    }
}

static void load(struct models *models, struct model_slot *slot, struct slice library)
{
    char notice_memory[2048];
    char fault_memory[FAULT_BYTES];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    struct text notices = text_init(notice_memory, sizeof notice_memory);
    struct model_load_options options = {
        .config = &slot->config,
        .library = library,
        .worker_count = models->worker_count,
        .executor_count = models->executor_count,
        .fault = &fault,
        .notices = &notices,
    };
    struct model *model = NULL;
    atomic_store(&slot->entry.state, MODEL_LOADING);
    enum err err = model_load(&options, &model);
    print_notices(notice_memory);
    if (err != ERR_OK) {
        atomic_store(&slot->entry.state, MODEL_FAILED);
        say_error("model " SLICE_FMT " cannot be served: %s", SLICE_ARG(slot->config.name),
                  fault_memory[0] ? fault_memory : err_text(err));
        return;
    }
    atomic_store(&slot->entry.model, model);
    atomic_store(&slot->entry.state, MODEL_READY);
    const struct model_info *info = model_info(model);
    say("model " SLICE_FMT " version " SLICE_FMT " is ready on " SLICE_FMT
        ": opened in %.0f ms, warmed in %.0f ms, a run takes %.2f ms",
        SLICE_ARG(info->name), SLICE_ARG(info->version), SLICE_ARG(info->provider), (double)info->load_ns / 1e6,
        (double)info->warm_up_ns / 1e6, (double)info->warm_run_ns / 1e6);
}

/* Slots. */

static struct model_slot *find(struct models *models, const struct model_config *config, struct file_status file)
{
    for (struct model_slot *slot = models->first; slot; slot = slot->next)
        if (option_table_equal(&option_table_model, &slot->config, config, 0) && slot->file.bytes == file.bytes &&
            slot->file.modified_ns == file.modified_ns)
            return slot;
    return NULL;
}

static enum err make(struct models *models, const struct model_config *config, struct file_status file,
                     struct model_slot **ret_slot)
{
    struct model_slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return ERR_NOMEM;
    slot->file = file;
    pool_init(&slot->pool, 0, 1U << 20);
    arena_init(&slot->arena, &slot->pool, 4096, 1U << 19);
    enum err err = option_table_copy(&option_table_model, &slot->arena, config, &slot->config);
    if (err == ERR_OK)
        err = meter_registry_model(models->registry, slot->config.name, slot->config.version, &slot->entry.meters);
    if (err != ERR_OK) {
        destroy_slot(slot);
        return err;
    }
    slot->entry.config = &slot->config;
    slot->entry.owner = models;
    slot->entry.meter_count = models->worker_count;
    slot->next = models->first;
    atomic_store_explicit(&models->first, slot, memory_order_release);
    *ret_slot = slot;
    return ERR_OK;
}
