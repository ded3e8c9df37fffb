/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/shared_regions.h"

#include "lib/base/hash.h"
#include "lib/crypto/crypto.h"
#include "lib/sys/file.h"
#include "lib/sys/shared_memory.h"
#include "lib/sys/thread.h"

#include <stdlib.h>

struct shared_region {
    _Atomic uint32_t holds; /* 0: free; one for being registered */
    _Atomic uint64_t hash;  /* of the name while it is registered, never 0 then */
    int fd;
    uint64_t offset;
    uint64_t bytes;
    uint16_t name_bytes;
    uint16_t key_bytes;
    char name[SHARED_REGION_NAME_MAX];
    char key[SHARED_MEMORY_NAME_BYTES + 2];
};

struct shared_regions {
    struct mutex lock;
    struct hash_key hash_key;
    _Atomic uint32_t used; /* no slot from here on was ever taken */
    uint32_t count;        /* registered; under the lock, as next */
    struct shared_region slots[SHARED_REGIONS_MAX];
};

enum err shared_regions_create(struct shared_regions **ret_regions)
{
    struct shared_regions *regions = calloc(1, sizeof *regions);
    if (!regions)
        return ERR_NOMEM;
    if (crypto_random(&regions->hash_key, sizeof regions->hash_key) != ERR_OK) {
        free(regions);
        return ERR_IO;
    }
    mutex_init(&regions->lock);
    *ret_regions = regions;
    return ERR_OK;
}

void shared_regions_destroy(struct shared_regions *regions)
{
    if (!regions)
        return;
    shared_regions_unregister(regions, (struct slice){NULL, 0});
    mutex_deinit(&regions->lock);
    free(regions);
}

static uint64_t hash_of(const struct shared_regions *regions, struct slice name)
{
    return hash_bytes(regions->hash_key, name) | 1;
}

static bool hold(struct shared_region *region)
{
    uint32_t holds = atomic_load_explicit(&region->holds, memory_order_relaxed);
    while (holds > 0)
        if (atomic_compare_exchange_weak_explicit(&region->holds, &holds, holds + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* The descriptor is read before the count falls: after that the slot may be somebody else's. */
void shared_region_release(struct shared_region *region)
{
    int fd = region->fd;
    if (atomic_fetch_sub_explicit(&region->holds, 1, memory_order_acq_rel) == 1)
        file_close(fd);
}

/* Held, or NULL. */
static struct shared_region *find(struct shared_regions *regions, struct slice name)
{
    uint64_t hash = hash_of(regions, name);
    uint32_t used = atomic_load_explicit(&regions->used, memory_order_acquire);
    for (uint32_t i = 0; i < used; i++) {
        struct shared_region *region = &regions->slots[i];
        if (atomic_load_explicit(&region->hash, memory_order_acquire) != hash || !hold(region))
            continue;
        if (slice_equal(slice_of(region->name, region->name_bytes), name) &&
            atomic_load_explicit(&region->hash, memory_order_acquire) == hash)
            return region;
        shared_region_release(region);
    }
    return NULL;
}

/* --- registering -------------------------------------------------------------------------------------------------------- */

static enum err check_bounds(const struct shared_memory_config *config, const struct shared_region_view *view,
                             struct text *fault)
{
    struct slice key = view->key;
    while (key.len && key.ptr[0] == '/')
        key = slice_skip(key, 1);
    if (!config->is_allowed)
        text_printf(fault, "Shared memory is not turned on (shared_memory in the server's configuration).");
    else if (!slice_starts(key, config->prefix))
        text_printf(fault, "This server takes objects whose names begin with \"" SLICE_FMT "\".",
                    SLICE_ARG(config->prefix));
    else if (view->bytes > config->region_bytes)
        text_printf(fault, "A region may have up to %llu bytes.", (unsigned long long)config->region_bytes);
    else
        return ERR_OK;
    return ERR_DENIED;
}

static enum err open_object(const struct shared_region_view *view, struct text *fault, int *ret_fd)
{
    struct file_status status;
    int fd;
    enum err err = shared_memory_open(view->key, &fd);
    if (err != ERR_OK) {
        text_printf(fault, "The shared memory object \"" SLICE_FMT "\" cannot be opened: %s.",
                    SLICE_ARG(slice_first(view->key, 100)), err_text(err));
        return err == ERR_BUSY ? ERR_BUSY : ERR_INVALID;
    }
    err = file_status_of(fd, &status);
    if (err == ERR_OK && (view->bytes > status.bytes || view->offset > status.bytes - view->bytes)) {
        text_printf(fault, "The shared memory object \"" SLICE_FMT "\" has %llu bytes, fewer than offset and size say.",
                    SLICE_ARG(slice_first(view->key, 100)), (unsigned long long)status.bytes);
        err = ERR_INVALID;
    }
    if (err != ERR_OK) {
        file_close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* Under the lock: nobody else takes a slot, and one that is free is nobody's. */
static struct shared_region *take_slot(struct shared_regions *regions)
{
    for (uint32_t i = 0; i < SHARED_REGIONS_MAX; i++)
        if (atomic_load_explicit(&regions->slots[i].holds, memory_order_acquire) == 0) {
            if (i >= atomic_load_explicit(&regions->used, memory_order_relaxed))
                atomic_store_explicit(&regions->used, i + 1, memory_order_release);
            return &regions->slots[i];
        }
    return NULL;
}

static enum err add(struct shared_regions *regions, const struct shared_memory_config *config,
                    const struct shared_region_view *view, int fd, struct text *fault)
{
    struct shared_region *there = find(regions, view->name);
    if (there) {
        shared_region_release(there);
        text_printf(fault, "A region \"" SLICE_FMT "\" is registered already.", SLICE_ARG(view->name));
        return ERR_EXISTS;
    }
    struct shared_region *region = regions->count < config->regions ? take_slot(regions) : NULL;
    if (!region) {
        text_printf(fault, "%u regions are registered, and no more may be.", regions->count);
        return ERR_LIMIT;
    }
    region->fd = fd;
    region->offset = view->offset;
    region->bytes = view->bytes;
    region->name_bytes = (uint16_t)view->name.len;
    region->key_bytes = (uint16_t)view->key.len;
    memcpy(region->name, view->name.ptr, view->name.len);
    memcpy(region->key, view->key.ptr, view->key.len);
    atomic_store_explicit(&region->holds, 1, memory_order_release);
    atomic_store_explicit(&region->hash, hash_of(regions, view->name), memory_order_release);
    regions->count++;
    return ERR_OK;
}

enum err shared_regions_register(struct shared_regions *regions, const struct shared_memory_config *config,
                                 const struct shared_region_view *view, struct text *fault)
{
    int fd;
    if (view->name.len == 0 || view->name.len > SHARED_REGION_NAME_MAX) {
        text_printf(fault, "The name of a region has 1 to %d bytes.", SHARED_REGION_NAME_MAX);
        return ERR_INVALID;
    }
    if (view->key.len > SHARED_MEMORY_NAME_BYTES + 1) {
        text_printf(fault, "The name of an object has up to %d bytes.", SHARED_MEMORY_NAME_BYTES);
        return ERR_INVALID;
    }
    TRY(check_bounds(config, view, fault));
    TRY(open_object(view, fault, &fd));
    mutex_lock(&regions->lock);
    enum err err = add(regions, config, view, fd, fault);
    mutex_unlock(&regions->lock);
    if (err != ERR_OK)
        file_close(fd);
    return err;
}

void shared_regions_unregister(struct shared_regions *regions, struct slice name)
{
    mutex_lock(&regions->lock);
    for (uint32_t i = 0; i < regions->used; i++) {
        struct shared_region *region = &regions->slots[i];
        bool is_meant = !name.len || slice_equal(slice_of(region->name, region->name_bytes), name);
        if (!atomic_load_explicit(&region->hash, memory_order_relaxed) || !is_meant)
            continue;
        atomic_store_explicit(&region->hash, 0, memory_order_release);
        regions->count--;
        shared_region_release(region);
    }
    mutex_unlock(&regions->lock);
}

bool shared_regions_next(struct shared_regions *regions, uint32_t *index, struct arena *arena,
                         struct shared_region_view *ret_view)
{
    bool is_there = false;
    mutex_lock(&regions->lock);
    for (; *index < regions->used && !is_there; ++*index) {
        const struct shared_region *region = &regions->slots[*index];
        if (!atomic_load_explicit(&region->hash, memory_order_relaxed))
            continue;
        is_there = true;
        *ret_view = (struct shared_region_view){
            .name = arena_copy(arena, slice_of(region->name, region->name_bytes)),
            .key = arena_copy(arena, slice_of(region->key, region->key_bytes)),
            .offset = region->offset,
            .bytes = region->bytes,
        };
    }
    mutex_unlock(&regions->lock);
    return is_there;
}

/* --- in use ------------------------------------------------------------------------------------------------------------- */

enum err shared_region_acquire(struct shared_regions *regions, const struct shared_range *range,
                               struct shared_region **ret_region, struct text *fault)
{
    struct shared_region *region = regions ? find(regions, range->region) : NULL;
    if (!region) {
        text_printf(fault, "No region \"" SLICE_FMT "\" of shared memory is registered.",
                    SLICE_ARG(slice_first(range->region, 100)));
        return ERR_NOT_FOUND;
    }
    if (range->bytes > region->bytes || range->offset > region->bytes - range->bytes) {
        text_printf(fault, "The region \"" SLICE_FMT "\" has %llu bytes, fewer than offset and size say.",
                    SLICE_ARG(range->region), (unsigned long long)region->bytes);
        shared_region_release(region);
        return ERR_LIMIT;
    }
    *ret_region = region;
    return ERR_OK;
}

enum err shared_region_read(const struct shared_region *region, const struct shared_range *range, void *out)
{
    return shared_memory_read(region->fd, region->offset + range->offset, out, range->bytes);
}

enum err shared_region_write(const struct shared_region *region, uint64_t offset, struct slice bytes)
{
    return shared_memory_write(region->fd, region->offset + offset, bytes);
}

enum problem shared_regions_problem(enum err err)
{
    switch (err) {
    case ERR_DENIED:
        return PROBLEM_NOT_ENABLED;
    case ERR_EXISTS:
        return PROBLEM_REGION_EXISTS;
    case ERR_LIMIT:
    case ERR_BUSY:
        return PROBLEM_OVERLOADED;
    default:
        return PROBLEM_BAD_REQUEST;
    }
}
