/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists that only grow at the end: an entry is complete before its predecessor points at it. A name is looked for
 * from the start, which happens once for each route of a configuration. */
#include "control/metrics/meter_registry.h"

#include "lib/sys/thread.h"

#include <stdlib.h>

#define LINE_BYTES 64

struct meter_registry {
    pthread_mutex_t adding;
    uint32_t worker_count;
    uint32_t route_count;
    uint32_t model_count;
    _Atomic(struct route_series *) routes;
    _Atomic(struct model_series *) models;
};

static enum err add_route(struct meter_registry *registry, struct slice name, struct route_meter **ret_meters);
static enum err add_model(struct meter_registry *registry, struct slice name, struct slice version,
                          struct model_meter **ret_meters);
static void *make_series(size_t series_bytes, size_t text_bytes, size_t meters_bytes, char **ret_text,
                         void **ret_meters);
static struct slice copy_text(char **place, struct slice text);

enum err meter_registry_create(uint32_t worker_count, struct meter_registry **ret_registry)
{
    struct meter_registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return ERR_NOMEM;
    pthread_mutex_init(&registry->adding, NULL);
    registry->worker_count = worker_count;
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
    pthread_mutex_destroy(&registry->adding);
    free(registry);
}

enum err meter_registry_route(struct meter_registry *registry, struct slice name, struct route_meter **ret_meters)
{
    pthread_mutex_lock(&registry->adding);
    enum err err = add_route(registry, name, ret_meters);
    pthread_mutex_unlock(&registry->adding);
    return err;
}

enum err meter_registry_model(struct meter_registry *registry, struct slice name, struct slice version,
                              struct model_meter **ret_meters)
{
    pthread_mutex_lock(&registry->adding);
    enum err err = add_model(registry, name, version, ret_meters);
    pthread_mutex_unlock(&registry->adding);
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

static enum err add_route(struct meter_registry *registry, struct slice name, struct route_meter **ret_meters)
{
    _Atomic(struct route_series *) *end = &registry->routes;
    for (struct route_series *series = *end; series; end = &series->next, series = *end) {
        if (slice_equal(series->name, name)) {
            *ret_meters = series->meters;
            return ERR_OK;
        }
    }
    if (registry->route_count == METER_ROUTES_MAX)
        return ERR_LIMIT;
    char *text;
    void *meters;
    struct route_series *series =
        make_series(sizeof *series, name.len, registry->worker_count * sizeof(struct route_meter), &text, &meters);
    if (!series)
        return ERR_NOMEM;
    series->name = copy_text(&text, name);
    series->meters = meters;
    registry->route_count++;
    atomic_store_explicit(end, series, memory_order_release);
    *ret_meters = series->meters;
    return ERR_OK;
}

static enum err add_model(struct meter_registry *registry, struct slice name, struct slice version,
                          struct model_meter **ret_meters)
{
    _Atomic(struct model_series *) *end = &registry->models;
    for (struct model_series *series = *end; series; end = &series->next, series = *end) {
        if (slice_equal(series->name, name) && slice_equal(series->version, version)) {
            *ret_meters = series->meters;
            return ERR_OK;
        }
    }
    if (registry->model_count == METER_MODELS_MAX)
        return ERR_LIMIT;
    char *text;
    void *meters;
    struct model_series *series = make_series(sizeof *series, name.len + version.len,
                                              registry->worker_count * sizeof(struct model_meter), &text, &meters);
    if (!series)
        return ERR_NOMEM;
    series->name = copy_text(&text, name);
    series->version = copy_text(&text, version);
    series->meters = meters;
    registry->model_count++;
    atomic_store_explicit(end, series, memory_order_release);
    *ret_meters = series->meters;
    return ERR_OK;
}

/* One piece of zeroed memory for the entry, its texts and its meters. calloc and not aligned_alloc: meters are mostly
 * histograms of which few buckets are ever touched, and untouched pages from calloc cost nothing. */
static void *make_series(size_t series_bytes, size_t text_bytes, size_t meters_bytes, char **ret_text,
                         void **ret_meters)
{
    size_t head_bytes = series_bytes + text_bytes;
    char *memory = calloc(1, head_bytes + meters_bytes + LINE_BYTES);
    if (!memory)
        return NULL;
    char *behind_head = memory + head_bytes;
    *ret_text = memory + series_bytes;
    *ret_meters = behind_head + (LINE_BYTES - (uintptr_t)behind_head % LINE_BYTES) % LINE_BYTES;
    return memory;
}

static struct slice copy_text(char **place, struct slice text)
{
    struct slice copy = slice_of(*place, text.len);
    if (text.len)
        memcpy(*place, text.ptr, text.len);
    *place += text.len;
    return copy;
}
