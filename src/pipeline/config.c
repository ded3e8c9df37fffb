/* SPDX-License-Identifier: Apache-2.0 */
/* Life and death of a configuration. It lives here and not in control/config, which fills it, because requests hold
 * references: whoever drops the last one frees it, and that is as often a worker as the control thread. */
#include "pipeline/config.h"

#include "pipeline/config_make.h"

#include <stdlib.h>

#define BLOCK_BYTES      65536
#define MEMORY_BYTES_MAX (256u << 20) /* keys files and labels included; a real one takes some hundred KiB */

struct release {
    struct release *next;
    void (*run)(void *context);
    void *context;
};

/* What the data plane need not see. */
struct snapshot {
    struct config config;
    struct release *releases; /* last added first */
};

struct config *config_create(void)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return NULL;
    struct config *config = &snapshot->config;
    pool_init(&config->pool, 0, 2 * (size_t)MEMORY_BYTES_MAX);
    arena_init(&config->arena, &config->pool, BLOCK_BYTES, MEMORY_BYTES_MAX);
    atomic_init(&config->refs, 1);
    return config;
}

enum err config_on_release(struct config *config, void (*release)(void *context), void *context)
{
    struct snapshot *snapshot = CONTAINER_OF(config, struct snapshot, config);
    struct release *entry = arena_alloc(&config->arena, sizeof *entry);
    if (!entry)
        return ERR_NOMEM;
    *entry = (struct release){.next = snapshot->releases, .run = release, .context = context};
    snapshot->releases = entry;
    return ERR_OK;
}

struct config *config_ref(struct config *config)
{
    uint32_t before = atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    ASSERT(before > 0 && before < UINT32_MAX, "a configuration is referenced only while somebody holds it");
    return config;
}

void config_unref(struct config *config)
{
    if (!config)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel);
    ASSERT(before > 0, "a configuration was given back more often than taken");
    if (before > 1)
        return;
    struct snapshot *snapshot = CONTAINER_OF(config, struct snapshot, config);
    for (const struct release *entry = snapshot->releases; entry; entry = entry->next)
        entry->run(entry->context);
    arena_reset(&config->arena);
    pool_deinit(&config->pool);
    free(snapshot);
}

/* Linear: lengths differ or the first bytes do, and few servers have more than a handful of models. */
struct model_entry *config_model(const struct config *config, struct slice name)
{
    const struct model_config *models = config->models.items;
    for (uint32_t i = 0; i < config->models.count; i++)
        if (slice_equal(models[i].name, name))
            return config->model_entries ? config->model_entries[i] : NULL;
    return NULL;
}
