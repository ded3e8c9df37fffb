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

/* A message of gRPC may name no model at all: {NULL, 0}. */
static int name_order(struct slice a, struct slice b)
{
    size_t len = MIN(a.len, b.len);
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int model_version_order(struct slice a, struct slice b)
{
    uint64_t a_number;
    uint64_t b_number;
    bool is_a = text_parse_u64(a, &a_number) == ERR_OK;
    bool is_b = text_parse_u64(b, &b_number) == ERR_OK;
    if (is_a && is_b && a_number != b_number)
        return a_number > b_number ? 1 : -1;
    if (is_a != is_b)
        return is_a ? 1 : -1;
    return name_order(a, b);
}

int model_config_order(const void *a, const void *b)
{
    const struct model_config *left = a;
    const struct model_config *right = b;
    int order = name_order(left->name, right->name);
    return order ? order : -model_version_order(left->version, right->version);
}

struct model_range config_model_versions(const struct config *config, struct slice name)
{
    const struct model_config *models = config->models.items;
    uint32_t first = 0;
    uint32_t end = config->model_entries ? config->models.count : 0;
    struct model_range range = {0};
    for (uint32_t count = end; count;) {
        uint32_t half = count / 2;
        bool is_before = name_order(models[first + half].name, name) < 0;
        first += is_before ? half + 1 : 0;
        count = is_before ? count - half - 1 : half;
    }
    range.entries = config->model_entries ? config->model_entries + first : NULL;
    while (first + range.count < end && slice_equal(models[first + range.count].name, name))
        range.count++;
    return range;
}

struct model_entry *config_model(const struct config *config, struct slice name)
{
    struct model_range range = config_model_versions(config, name);
    for (uint32_t i = 0; i < range.count; i++)
        if (range.entries[i] && atomic_load_explicit(&range.entries[i]->state, memory_order_acquire) == MODEL_READY)
            return range.entries[i];
    return range.count ? range.entries[0] : NULL;
}

bool config_is_explicit(const struct config *config)
{
    const struct repository_config *repositories = config->repositories.items;
    for (uint32_t i = 0; i < config->repositories.count; i++)
        if (repositories[i].control == REPOSITORY_EXPLICIT)
            return true;
    return false;
}
