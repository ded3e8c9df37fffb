/* SPDX-License-Identifier: Apache-2.0 */
/* What is served when a model of a repository could not be had as it is there now: what was served before, under the same name.
 * Nobody sees a model go because its next version is broken. */
#include "control/config/load.h"
#include "control/server/models_int.h"
#include "pipeline/config_make.h"
#include "pipeline/route.h"

#include <stdlib.h>

struct settling {
    const struct models_round *round;
    struct model_entry **entries;
    uint32_t count;
    struct model_entry **failures;
    uint32_t failure_count;
};

static bool is_failed(const struct model_entry *entry)
{
    return entry->config->repository.len && !model_entry_is(entry, MODEL_READY);
}

static bool has_failed(const struct settling *settling, struct slice name)
{
    const struct config *config = settling->round->config;
    const struct repository_fault *faults = config->model_faults.items;
    for (uint32_t i = 0; i < config->model_faults.count; i++)
        if (slice_equal(faults[i].name, name))
            return true;
    for (uint32_t i = 0; i < config->models.count; i++)
        if (slice_equal(config->model_entries[i]->config->name, name) && is_failed(config->model_entries[i]))
            return true;
    return false;
}

static bool is_same_version(const struct model_entry *a, const struct model_entry *b)
{
    return slice_equal(a->config->name, b->config->name) && slice_equal(a->config->version, b->config->version);
}

/* One of the configuration before, in place of one of its version that failed, or beside. */
static enum err keep(struct settling *settling, struct model_entry *entry)
{
    uint32_t i = 0;
    while (i < settling->count && !is_same_version(settling->entries[i], entry))
        i++;
    if (i < settling->count && !is_failed(settling->entries[i]))
        return ERR_OK;
    TRY(model_slot_hold(settling->round->config, model_slot_of(entry)));
    if (i < settling->count)
        settling->failures[settling->failure_count++] = settling->entries[i];
    else
        settling->count++;
    settling->entries[i] = entry;
    return ERR_OK;
}

static int compare(const void *a, const void *b)
{
    return model_config_order((*(struct model_entry *const *)a)->config, (*(struct model_entry *const *)b)->config);
}

static enum err put(const struct settling *settling)
{
    struct config *config = settling->round->config;
    struct model_config *models = arena_alloc_array(&config->arena, settling->count, sizeof *models);
    if (!models)
        return ERR_NOMEM;
    if (settling->count)
        qsort(settling->entries, settling->count, sizeof(struct model_entry *), compare);
    for (uint32_t i = 0; i < settling->count; i++)
        models[i] = *settling->entries[i]->config;
    config->models = (struct option_list){models, settling->count};
    config->model_entries = settling->entries;
    config->model_failures = settling->failures;
    config->model_failure_count = settling->failure_count;
    for (uint32_t i = 0; i < settling->count; i++)
        config_attach_model(config, i, settling->entries[i]);
    return ERR_OK;
}

enum err models_settle(const struct models_round *round)
{
    struct config *config = round->config;
    const struct config *old = round->old;
    struct settling settling = {.round = round, .count = config->models.count};
    if (!old || !config->repositories.count)
        return ERR_OK;
    settling.entries =
        arena_alloc_array(&config->arena, config->models.count + old->models.count, sizeof(struct model_entry *));
    settling.failures = arena_alloc_array(&config->arena, config->models.count + config->model_failure_count,
                                          sizeof(struct model_entry *));
    if (!settling.entries || !settling.failures)
        return ERR_NOMEM;
    settling.failure_count = config->model_failure_count; /* it may have been settled before */
    if (settling.failure_count)
        memcpy(settling.failures, config->model_failures, settling.failure_count * sizeof(struct model_entry *));
    if (settling.count)
        memcpy(settling.entries, config->model_entries, settling.count * sizeof(struct model_entry *));
    for (uint32_t i = 0; i < old->models.count; i++) {
        struct model_entry *entry = old->model_entries[i];
        if (entry->config->repository.len && model_entry_is(entry, MODEL_READY) &&
            has_failed(&settling, entry->config->name))
            TRY(keep(&settling, entry));
    }
    return put(&settling);
}

/* --- routes to what is not there --------------------------------------------------------------------------------------- */

static enum err make_absent(struct models *models, struct slice name, struct model_slot **ret_slot)
{
    struct model_slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return ERR_NOMEM;
    pool_init(&slot->pool, 0, 1U << 16);
    arena_init(&slot->arena, &slot->pool, 1024, 1U << 14);
    slot->config.name = arena_copy(&slot->arena, name);
    slot->config.version = SLICE_LIT("");
    slot->entry.config = &slot->config;
    slot->entry.owner = models;
    atomic_store(&slot->entry.state, MODEL_ABSENT);
    slot->next = models->absent;
    models->absent = slot;
    *ret_slot = slot;
    return slot->config.name.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err absent_of(struct models *models, struct slice name, struct model_slot **ret_slot)
{
    for (struct model_slot *slot = models->absent; slot; slot = slot->next)
        if (slice_equal(slot->config.name, name)) {
            *ret_slot = slot;
            return ERR_OK;
        }
    return make_absent(models, name, ret_slot);
}

enum err models_attach_absent(struct models *models, struct config *config)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct route *route = config->routes[i];
        struct model_slot *slot = NULL;
        if (route->model || route->endpoint != ENDPOINT_NONE || !route->config || !route->config->to.model.len)
            continue;
        TRY(absent_of(models, route->config->to.model, &slot));
        config_attach_absent(route, &slot->entry);
    }
    return ERR_OK;
}

/* --- what became of it ------------------------------------------------------------------------------------------------- */

static bool take_fault(const struct model_entry *entry, struct slice name, struct text *fault)
{
    struct model_slot *slot = model_slot_of(entry);
    struct models *models = entry->owner;
    if (!slice_equal(entry->config->name, name) || model_entry_is(entry, MODEL_READY))
        return false;
    mutex_lock(&models->lock);
    text_add(fault, slice_of_text(slot->words));
    mutex_unlock(&models->lock);
    return true;
}

bool models_fault(const struct config *config, struct slice name, struct text *fault)
{
    const struct repository_fault *faults = config->model_faults.items;
    for (uint32_t i = 0; i < config->model_faults.count; i++)
        if (slice_equal(faults[i].name, name)) {
            text_add(fault, faults[i].reason);
            return true;
        }
    for (uint32_t i = 0; i < config->model_failure_count; i++)
        if (take_fault(config->model_failures[i], name, fault))
            return true;
    for (uint32_t i = 0; i < config->models.count; i++)
        if (take_fault(config->model_entries[i], name, fault))
            return true;
    return false;
}
