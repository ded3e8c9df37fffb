/* SPDX-License-Identifier: Apache-2.0 */
/* What the repositories have and what became of it, as one list. */
#include "control/repository/scan.h"
#include "control/server/models_int.h"
#include "control/server/server_int.h"

#include <stdlib.h>

#define ROWS_MAX 8192

struct listing {
    struct arena *arena;
    struct repository_row *rows;
    uint32_t count;
    bool is_cut; /* there is no memory */
};

static struct repository_row *add(struct listing *listing, struct slice name, struct slice version,
                                  enum repository_state state, struct slice reason)
{
    struct repository_row *row = &listing->rows[listing->count];
    if (listing->count == ROWS_MAX)
        return NULL;
    *row = (struct repository_row){.name = arena_copy(listing->arena, name),
                                   .version = arena_copy(listing->arena, version),
                                   .state = state,
                                   .reason = arena_copy(listing->arena, reason)};
    listing->is_cut |= !row->name.ptr || !row->version.ptr || !row->reason.ptr;
    listing->count++;
    return row;
}

static struct repository_row *find(const struct listing *listing, struct slice name, struct slice version)
{
    for (uint32_t i = 0; i < listing->count; i++)
        if (slice_equal(listing->rows[i].name, name) &&
            (!version.ptr || slice_equal(listing->rows[i].version, version)))
            return &listing->rows[i];
    return NULL;
}

/* What can be had comes before what cannot. */
static void add_slot(struct listing *listing, const struct model_slot *slot)
{
    static const struct slice none = {"", 0};
    const struct model_config *config = &slot->config;
    int role = atomic_load(&slot->role);
    if (role == SLOT_SERVED && model_entry_is(&slot->entry, MODEL_READY))
        (void)add(listing, config->name, config->version, REPOSITORY_READY, slice_of_text(slot->words));
    else if (atomic_load(&slot->is_loading) || (role == SLOT_SERVED && model_entry_is(&slot->entry, MODEL_LOADING)))
        (void)add(listing, config->name, config->version, REPOSITORY_LOADING, none);
    else if (role == SLOT_SERVED)
        (void)add(listing, config->name, config->version, REPOSITORY_UNAVAILABLE, slice_of_text(slot->words));
    else if (role == SLOT_UNUSED && slot->wants && model_entry_is(&slot->entry, MODEL_READY))
        (void)add(listing, config->name, config->version, REPOSITORY_UNLOADING,
                  SLICE_LIT("requests that have begun finish on it"));
}

/* One whose older self is served. */
static void add_failed_slot(struct listing *listing, const struct model_slot *slot)
{
    const struct model_config *config = &slot->config;
    if (atomic_load(&slot->role) != SLOT_FAILED)
        return;
    struct repository_row *row = find(listing, config->name, config->version);
    if (!row) {
        (void)add(listing, config->name, config->version, REPOSITORY_UNAVAILABLE, slice_of_text(slot->words));
        return;
    }
    row->reason = arena_printf(listing->arena, "the file that is there now cannot be served: %s", slot->words);
    listing->is_cut |= !row->reason.ptr;
}

static void add_slots(struct listing *listing, struct models *models)
{
    mutex_lock(&models->lock);
    for (const struct model_slot *slot = atomic_load(&models->first); slot; slot = atomic_load(&slot->next))
        add_slot(listing, slot);
    for (const struct model_slot *slot = atomic_load(&models->first); slot; slot = atomic_load(&slot->next))
        add_failed_slot(listing, slot);
    mutex_unlock(&models->lock);
}

/* Beside what is served of that name, or about it. */
static void add_fault(struct listing *listing, const struct repository_fault *fault)
{
    struct slice reason = arena_copy(listing->arena, fault->reason);
    uint32_t told = 0;
    listing->is_cut |= !reason.ptr;
    for (uint32_t i = 0; fault->is_served && i < listing->count; i++)
        if (slice_equal(listing->rows[i].name, fault->name) && listing->rows[i].state == REPOSITORY_READY) {
            listing->rows[i].reason = reason;
            told++;
        }
    if (!told)
        (void)add(listing, fault->name, SLICE_LIT(""), REPOSITORY_UNAVAILABLE, fault->reason);
}

static void add_faults(struct listing *listing, const struct config *config)
{
    const struct repository_fault *faults = config->model_faults.items;
    for (uint32_t i = 0; i < config->model_faults.count; i++)
        add_fault(listing, &faults[i]);
}

/* What lies in a folder and was not asked for. */
static void add_unloaded(struct listing *listing, const struct repository_config *repository)
{
    const struct scan_options options = {
        .folder = repository->folder, .latest_count = repository->latest, .arena = listing->arena};
    struct scan scan = {0};
    enum err err = repository_scan(&options, &scan);
    listing->is_cut |= err == ERR_NOMEM;
    for (uint32_t i = 0; i < scan.count; i++)
        if (!find(listing, scan.models[i].name, (struct slice){NULL, 0}))
            (void)add(listing, scan.models[i].name, SLICE_LIT(""), REPOSITORY_UNAVAILABLE, SLICE_LIT("unloaded"));
}

static int compare(const void *a, const void *b)
{
    const struct repository_row *left = a;
    const struct repository_row *right = b;
    const struct model_config one = {.name = left->name, .version = left->version};
    const struct model_config other = {.name = right->name, .version = right->version};
    return model_config_order(&one, &other);
}

static struct slice move(char **at, struct slice text)
{
    char *to = *at;
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    *at += text.len + 1;
    return slice_of(to, text.len);
}

/* Rows and their texts in one piece. */
static enum err copy_out(const struct listing *listing, bool is_ready_only, struct repository_index **ret_index)
{
    size_t bytes = sizeof(struct repository_index) + listing->count * sizeof *listing->rows;
    for (uint32_t i = 0; i < listing->count; i++)
        bytes += listing->rows[i].name.len + listing->rows[i].version.len + listing->rows[i].reason.len + 3;
    struct repository_index *index = malloc(bytes);
    if (!index)
        return ERR_NOMEM;
    char *at = (char *)(index->rows + listing->count);
    index->count = 0;
    for (uint32_t i = 0; i < listing->count; i++) {
        const struct repository_row *row = &listing->rows[i];
        if (is_ready_only && row->state != REPOSITORY_READY)
            continue;
        struct repository_row *out = &index->rows[index->count++];
        *out = *row;
        out->name = move(&at, row->name);
        out->version = move(&at, row->version);
        out->reason = move(&at, row->reason);
    }
    *ret_index = index;
    return ERR_OK;
}

static enum err list(struct listing *listing, struct server *server, bool is_ready_only,
                     struct repository_index **ret_index)
{
    struct config *config = server_config(server);
    const struct repository_config *repositories = config->repositories.items;
    listing->rows = arena_alloc_array(listing->arena, ROWS_MAX, sizeof *listing->rows);
    if (listing->rows) {
        add_slots(listing, server->models);
        add_faults(listing, config);
        for (uint32_t i = 0; i < config->repositories.count && !is_ready_only; i++)
            if (repositories[i].control == REPOSITORY_EXPLICIT)
                add_unloaded(listing, &repositories[i]);
    }
    config_unref(config);
    if (!listing->rows || listing->is_cut)
        return ERR_NOMEM;
    if (listing->count)
        qsort(listing->rows, listing->count, sizeof *listing->rows, compare);
    return copy_out(listing, is_ready_only, ret_index);
}

enum err repository_index(struct server *server, bool is_ready_only, struct repository_index **ret_index)
{
    struct pool pool;
    struct arena arena;
    pool_init(&pool, 0, 256U << 20);
    arena_init(&arena, &pool, 65536, 128U << 20);
    struct listing listing = {.arena = &arena};
    enum err err = list(&listing, server, is_ready_only, ret_index);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}
