/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists that only grow at the end, for walking: an entry is complete before its predecessor points at it. Beside each
 * a map, for finding; only those who add look into it. */
#include "control/metrics/meter_registry.h"

#include "lib/base/map.h"
#include "lib/base/text.h"
#include "lib/sys/thread.h"

#include <stdlib.h>

#define LINE_BYTES 64

struct meter_registry {
    struct mutex adding; /* of everything but what walking reads */
    uint32_t worker_count;
    struct map routes_by_name;
    struct map models_by_key;
    struct map steps_by_key;
    _Atomic(struct route_series *) routes;
    _Atomic(struct model_series *) models;
    _Atomic(struct step_series *) steps;
    _Atomic(struct route_series *) *routes_end;
    _Atomic(struct model_series *) *models_end;
    _Atomic(struct step_series *) *steps_end;
};

static enum err add_route(struct meter_registry *registry, struct slice name, struct route_meter **ret_meters);
static enum err add_model(struct meter_registry *registry, struct slice key, size_t name_len,
                          struct model_meter **ret_meters);
static enum err add_step(struct meter_registry *registry, struct slice key, size_t pipeline_len,
                         struct step_meter **ret_meters);
static void *make_series(size_t series_bytes, struct slice key, size_t meters_bytes, void **ret_meters);

enum err meter_registry_create(uint32_t worker_count, struct meter_registry **ret_registry)
{
    struct meter_registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return ERR_NOMEM;
    mutex_init(&registry->adding);
    map_init(&registry->routes_by_name, (struct hash_key){0}); /* names of the operator's choice: no key needed */
    map_init(&registry->models_by_key, (struct hash_key){0});
    map_init(&registry->steps_by_key, (struct hash_key){0});
    registry->worker_count = worker_count;
    registry->routes_end = &registry->routes;
    registry->models_end = &registry->models;
    registry->steps_end = &registry->steps;
    *ret_registry = registry;
    return ERR_OK;
}

void meter_registry_destroy(struct meter_registry *registry)
{
    if (!registry)
        return;
    for (struct route_series *series = registry->routes, *next; series; series = next) {
        next = series->next;
        free(series);
    }
    for (struct model_series *series = registry->models, *next; series; series = next) {
        next = series->next;
        free(series);
    }
    for (struct step_series *series = registry->steps, *next; series; series = next) {
        next = series->next;
        free(series);
    }
    map_deinit(&registry->routes_by_name);
    map_deinit(&registry->models_by_key);
    map_deinit(&registry->steps_by_key);
    mutex_deinit(&registry->adding);
    free(registry);
}

enum err meter_registry_route(struct meter_registry *registry, struct slice name, struct route_meter **ret_meters)
{
    mutex_lock(&registry->adding);
    enum err err = add_route(registry, name, ret_meters);
    mutex_unlock(&registry->adding);
    return err;
}

/* A NUL between them: no two pairs share a key. */
static enum err make_key(struct text *key, struct slice first, struct slice second)
{
    text_add(key, first);
    text_add(key, slice_of("", 1));
    text_add(key, second);
    return key->is_cut ? ERR_LIMIT : ERR_OK;
}

enum err meter_registry_step(struct meter_registry *registry, struct slice pipeline, struct slice step,
                             struct step_meter **ret_meters)
{
    char memory[METER_MODEL_KEY_MAX + 1];
    struct text key = text_init(memory, sizeof memory);
    TRY(make_key(&key, pipeline, step));
    mutex_lock(&registry->adding);
    enum err err = add_step(registry, text_slice(&key), pipeline.len, ret_meters);
    mutex_unlock(&registry->adding);
    return err;
}

enum err meter_registry_model(struct meter_registry *registry, struct slice name, struct slice version,
                              struct model_meter **ret_meters)
{
    char memory[METER_MODEL_KEY_MAX + 1];
    struct text key = text_init(memory, sizeof memory);
    TRY(make_key(&key, name, version));
    mutex_lock(&registry->adding);
    enum err err = add_model(registry, text_slice(&key), name.len, ret_meters);
    mutex_unlock(&registry->adding);
    return err;
}

uint32_t meter_registry_workers(const struct meter_registry *registry)
{
    return registry->worker_count;
}

const struct route_series *meter_registry_first_route(const struct meter_registry *registry)
{
    return atomic_load_explicit(&registry->routes, memory_order_acquire);
}

const struct route_series *route_series_next(const struct route_series *series)
{
    return atomic_load_explicit(&series->next, memory_order_acquire);
}

const struct model_series *meter_registry_first_model(const struct meter_registry *registry)
{
    return atomic_load_explicit(&registry->models, memory_order_acquire);
}

const struct model_series *model_series_next(const struct model_series *series)
{
    return atomic_load_explicit(&series->next, memory_order_acquire);
}

const struct step_series *meter_registry_first_step(const struct meter_registry *registry)
{
    return atomic_load_explicit(&registry->steps, memory_order_acquire);
}

const struct step_series *step_series_next(const struct step_series *series)
{
    return atomic_load_explicit(&series->next, memory_order_acquire);
}

static enum err add_route(struct meter_registry *registry, struct slice name, struct route_meter **ret_meters)
{
    struct route_series *series = map_find(&registry->routes_by_name, name);
    if (series) {
        *ret_meters = series->meters;
        return ERR_OK;
    }
    if (registry->routes_by_name.count == METER_ROUTES_MAX)
        return ERR_LIMIT;
    void *meters;
    series = make_series(sizeof *series, name, registry->worker_count * sizeof(struct route_meter), &meters);
    if (!series)
        return ERR_NOMEM;
    series->name = slice_of(series + 1, name.len);
    series->meters = meters;
    enum err err = map_add(&registry->routes_by_name, series->name, series);
    if (err != ERR_OK) {
        free(series);
        return err;
    }
    atomic_store_explicit(registry->routes_end, series, memory_order_release);
    registry->routes_end = &series->next;
    *ret_meters = series->meters;
    return ERR_OK;
}

static enum err add_model(struct meter_registry *registry, struct slice key, size_t name_len,
                          struct model_meter **ret_meters)
{
    struct model_series *series = map_find(&registry->models_by_key, key);
    if (series) {
        *ret_meters = series->meters;
        return ERR_OK;
    }
    if (registry->models_by_key.count == METER_MODELS_MAX)
        return ERR_LIMIT;
    void *meters;
    series = make_series(sizeof *series, key, registry->worker_count * sizeof(struct model_meter), &meters);
    if (!series)
        return ERR_NOMEM;
    struct slice own_key = slice_of(series + 1, key.len);
    series->name = slice_first(own_key, name_len);
    series->version = slice_skip(own_key, name_len + 1);
    series->meters = meters;
    enum err err = map_add(&registry->models_by_key, own_key, series);
    if (err != ERR_OK) {
        free(series);
        return err;
    }
    atomic_store_explicit(registry->models_end, series, memory_order_release);
    registry->models_end = &series->next;
    *ret_meters = series->meters;
    return ERR_OK;
}

static enum err add_step(struct meter_registry *registry, struct slice key, size_t pipeline_len,
                         struct step_meter **ret_meters)
{
    struct step_series *series = map_find(&registry->steps_by_key, key);
    if (series) {
        *ret_meters = series->meters;
        return ERR_OK;
    }
    if (registry->steps_by_key.count == METER_STEPS_MAX)
        return ERR_LIMIT;
    void *meters;
    series = make_series(sizeof *series, key, registry->worker_count * sizeof(struct step_meter), &meters);
    if (!series)
        return ERR_NOMEM;
    struct slice own_key = slice_of(series + 1, key.len);
    series->pipeline = slice_first(own_key, pipeline_len);
    series->step = slice_skip(own_key, pipeline_len + 1);
    series->meters = meters;
    enum err err = map_add(&registry->steps_by_key, own_key, series);
    if (err != ERR_OK) {
        free(series);
        return err;
    }
    atomic_store_explicit(registry->steps_end, series, memory_order_release);
    registry->steps_end = &series->next;
    *ret_meters = series->meters;
    return ERR_OK;
}

/* One piece of zeroed memory for the entry, behind it its key, and its meters. calloc and not aligned_alloc: meters are
 * mostly histograms of which few buckets are ever touched, and untouched pages from calloc cost nothing. */
static void *make_series(size_t series_bytes, struct slice key, size_t meters_bytes, void **ret_meters)
{
    size_t head_bytes = series_bytes + key.len;
    char *memory = calloc(1, head_bytes + meters_bytes + LINE_BYTES);
    if (!memory)
        return NULL;
    if (key.len)
        memcpy(memory + series_bytes, key.ptr, key.len);
    char *behind_head = memory + head_bytes;
    *ret_meters = behind_head + (LINE_BYTES - (uintptr_t)behind_head % LINE_BYTES) % LINE_BYTES;
    return memory;
}
