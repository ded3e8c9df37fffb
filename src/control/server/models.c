/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/models_int.h"

#include "control/config/compare.h"
#include "control/config/copy.h"
#include "control/config/load.h"
#include "control/config/option_tables.h"
#include "control/repository/scan.h"
#include "lib/sys/clock.h"
#include "pipeline/config_make.h"

#include <stdlib.h>

/* A slot that nobody wants any more is used again after so long: readiness may still be looking at it. */
#define REST_NS (10 * NS_PER_S)

static struct model_slot *find(struct models *models, const struct model_config *config, uint64_t signature);
static enum err make(struct models *models, const struct model_config *config, uint64_t signature,
                     struct model_slot **ret_slot);
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

static void empty(struct model_slot *slot);

static void destroy_slots(struct model_slot *slot)
{
    for (struct model_slot *next; slot; slot = next) {
        next = slot->next;
        empty(slot);
        free(slot);
    }
}

void models_destroy(struct models *models)
{
    if (!models)
        return;
    destroy_slots(models->first);
    destroy_slots(models->absent);
    mutex_deinit(&models->lock);
    free(models);
}

enum err model_slot_hold(struct config *config, struct model_slot *slot)
{
    struct models *models = slot->entry.owner;
    TRY(config_on_release(config, release, slot));
    mutex_lock(&models->lock);
    slot->wants++;
    mutex_unlock(&models->lock);
    return ERR_OK;
}

enum err models_attach(struct models *models, struct config *config, struct slice anew)
{
    const struct model_config *wanted = config->models.items;
    for (uint32_t i = 0; i < config->models.count; i++) {
        uint64_t signature = wanted[i].signature ? wanted[i].signature : model_file_signature(wanted[i].path);
        struct model_slot *slot = find(models, &wanted[i], signature);
        bool is_anew = wanted[i].repository.len && anew.ptr && slice_equal(wanted[i].name, anew);
        if (!slot || (is_anew && model_entry_is(&slot->entry, MODEL_READY)))
            TRY(make(models, &wanted[i], signature, &slot));
        TRY(model_slot_hold(config, slot));
        config_attach_model(config, i, &slot->entry);
    }
    return models_attach_absent(models, config);
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
        slot->retired_ns = clock_now_ns();
    }
    mutex_unlock(&models->lock);
    model_unref(model);
}

static bool is_among(const struct model_slot *slot, struct model_entry *const *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (entries[i] == &slot->entry)
            return true;
    return false;
}

void models_expect(struct models *models, const struct config *config)
{
    for (struct model_slot *slot = models->first; slot; slot = slot->next) {
        bool is_served = is_among(slot, config->model_entries, config->models.count);
        bool has_failed = is_among(slot, config->model_failures, config->model_failure_count);
        atomic_store(&slot->role, is_served ? SLOT_SERVED : has_failed ? SLOT_FAILED : SLOT_UNUSED);
    }
}

/* A model of a repository that failed is told elsewhere: it is no reason to send no traffic for the others. */
static bool holds_up(const struct model_slot *slot)
{
    int state = atomic_load_explicit(&slot->entry.state, memory_order_acquire);
    return atomic_load_explicit(&slot->role, memory_order_acquire) == SLOT_SERVED && state != MODEL_READY &&
           !(state == MODEL_FAILED && slot->config.repository.len);
}

bool models_are_ready(const struct models *models, struct text *why)
{
    bool are_ready = true;
    const struct model_slot *slot = atomic_load_explicit(&models->first, memory_order_acquire);
    for (; slot; slot = atomic_load_explicit(&slot->next, memory_order_acquire)) {
        if (!holds_up(slot))
            continue;
        int state = atomic_load_explicit(&slot->entry.state, memory_order_acquire);
        text_printf(why, "%smodel " SLICE_FMT " %s", are_ready ? "" : "; ", SLICE_ARG(slot->config.name),
                    state == MODEL_FAILED ? "could not be loaded" : "is loading");
        are_ready = false;
    }
    return are_ready;
}

/* Slots. */

static bool is_of(const struct model_slot *slot, const struct model_config *config, uint64_t signature)
{
    return slot->signature == signature && option_table_equal(&option_table_model, &slot->config, config, 0) &&
           slice_equal(slot->config.repository, config->repository) &&
           slice_equal(slot->config.settings, config->settings);
}

/* Of several, since somebody asked to load it anew, the last that is in use. */
static struct model_slot *find(struct models *models, const struct model_config *config, uint64_t signature)
{
    struct model_slot *found = NULL;
    for (struct model_slot *slot = models->first; slot; slot = slot->next) {
        if (!is_of(slot, config, signature))
            continue;
        bool is_used = atomic_load(&slot->wants) != 0;
        bool was_used = found && atomic_load(&found->wants) != 0;
        if (!found || (is_used != was_used ? is_used : slot->number > found->number))
            found = slot;
    }
    return found;
}

static void empty(struct model_slot *slot)
{
    model_unref(atomic_exchange(&slot->entry.model, NULL));
    arena_reset(&slot->arena);
    pool_deinit(&slot->pool);
}

/* One that has been out of use for a while, or a new one at the front of the list. */
static struct model_slot *take_slot(struct models *models)
{
    uint64_t now_ns = clock_now_ns();
    struct model_slot *slot = models->first;
    mutex_lock(&models->lock);
    while (slot && !(slot->wants == 0 && slot->retired_ns && now_ns - slot->retired_ns > REST_NS))
        slot = slot->next;
    mutex_unlock(&models->lock);
    if (slot) {
        empty(slot);
        return slot;
    }
    slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->entry.owner = models;
    slot->entry.meter_count = models->worker_count;
    slot->next = models->first;
    atomic_store_explicit(&models->first, slot, memory_order_release);
    return slot;
}

static enum err make(struct models *models, const struct model_config *config, uint64_t signature,
                     struct model_slot **ret_slot)
{
    struct model_slot *slot = take_slot(models);
    if (!slot)
        return ERR_NOMEM;
    slot->config = (struct model_config){0}; /* until it is whole, it is that of nothing */
    slot->signature = signature;
    slot->number = ++models->made;
    slot->retired_ns = 1;
    slot->words[0] = '\0';
    atomic_store(&slot->entry.state, MODEL_LOADING);
    pool_init(&slot->pool, 0, 8U << 20);
    arena_init(&slot->arena, &slot->pool, 4096, 4U << 20);
    TRY(meter_registry_model(models->registry, config->name, config->version, &slot->entry.meters));
    TRY(model_config_copy(&slot->arena, config, &slot->config));
    slot->entry.config = &slot->config;
    *ret_slot = slot;
    return ERR_OK;
}
