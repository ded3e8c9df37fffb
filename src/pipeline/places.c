/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/places.h"

#include "lib/base/hash.h"
#include "lib/base/tally.h"
#include "lib/crypto/crypto.h"
#include "lib/sys/thread.h"
#include "lib/sys/wake.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PARTS_BITS 5
#define PARTS      (1 << PARTS_BITS)

struct clients_part {
    CACHE_ALIGNED struct mutex mutex;
    struct tally clients;
};

struct waiter {
    struct wake *wake;
    _Atomic bool is_waiting;
    _Atomic bool wants_room; /* and nobody has promised any yet */
};

struct places {
    CACHE_ALIGNED _Atomic uint32_t taken;
    CACHE_ALIGNED _Atomic uint32_t waiting; /* waiters: rarely written, looked at with each connection that closes */
    struct hash_key key;
    struct clients_part parts[PARTS];
    uint32_t worker_count;
    struct waiter workers[];
};

enum err places_create(uint32_t worker_count, struct places **ret_places)
{
    size_t bytes = sizeof(struct places) + worker_count * sizeof(struct waiter);
    bytes = (bytes + 63) & ~(size_t)63;
    struct places *places = aligned_alloc(64, bytes);
    if (!places)
        return ERR_NOMEM;
    memset(places, 0, bytes);
    if (crypto_random(&places->key, sizeof places->key) != ERR_OK) {
        free(places);
        return ERR_IO;
    }
    places->worker_count = worker_count;
    for (size_t i = 0; i < PARTS; i++)
        mutex_init(&places->parts[i].mutex);
    *ret_places = places;
    return ERR_OK;
}

void places_destroy(struct places *places)
{
    if (!places)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        tally_deinit(&places->parts[i].clients);
        mutex_deinit(&places->parts[i].mutex);
    }
    free(places);
}

void places_join(struct places *places, uint32_t worker, struct wake *wake)
{
    ASSERT(worker < places->worker_count, "there is a waiter for each worker");
    places->workers[worker].wake = wake;
}

/* The sum. */

bool places_enter(struct places *places, uint32_t count_max)
{
    uint32_t taken = atomic_load_explicit(&places->taken, memory_order_relaxed);
    while (taken < count_max)
        if (atomic_compare_exchange_weak(&places->taken, &taken, taken + 1))
            return true;
    return false;
}

bool places_are_taken(const struct places *places, uint32_t count_max)
{
    return atomic_load_explicit(&places->taken, memory_order_relaxed) >= count_max;
}

/* The place is free before the waiters are looked at, and who waits says so before it looks for a place: one of the two
 * sees the other. */
void places_leave(struct places *places, uint32_t worker)
{
    uint32_t taken = atomic_fetch_sub(&places->taken, 1);
    ASSERT(taken > 0, "only a place that was taken is given back");
    if (atomic_load(&places->waiting) == 0)
        return;
    for (uint32_t i = 1; i < places->worker_count; i++) {
        struct waiter *next = &places->workers[(worker + i) % places->worker_count];
        if (!atomic_load(&next->is_waiting))
            continue;
        wake_up(next->wake);
        return;
    }
}

/* Waiting. */

void places_wait(struct places *places, uint32_t worker)
{
    struct waiter *self = &places->workers[worker];
    if (!atomic_exchange(&self->is_waiting, true))
        atomic_fetch_add(&places->waiting, 1);
    atomic_store(&self->wants_room, true);
    for (uint32_t i = 0; i < places->worker_count; i++)
        if (i != worker)
            wake_up(places->workers[i].wake);
}

void places_wait_end(struct places *places, uint32_t worker)
{
    struct waiter *self = &places->workers[worker];
    atomic_store(&self->wants_room, false);
    if (atomic_exchange(&self->is_waiting, false))
        atomic_fetch_sub(&places->waiting, 1);
}

bool places_others_wait(const struct places *places, uint32_t worker)
{
    uint32_t waiting = atomic_load_explicit(&places->waiting, memory_order_relaxed);
    return waiting > (atomic_load_explicit(&places->workers[worker].is_waiting, memory_order_relaxed) ? 1U : 0U);
}

bool places_must_make_room(struct places *places, uint32_t worker)
{
    if (!places_others_wait(places, worker))
        return false;
    for (uint32_t i = 0; i < places->worker_count; i++)
        if (i != worker && atomic_exchange(&places->workers[i].wants_room, false))
            return true;
    return false;
}

/* Clients. */

static struct clients_part *part_of(struct places *places, uint64_t key)
{
    return &places->parts[key >> (64 - PARTS_BITS)];
}

enum err places_client_enter(struct places *places, struct slice client, uint64_t count_max)
{
    uint64_t key = hash_bytes(places->key, client);
    struct clients_part *part = part_of(places, key);
    mutex_lock(&part->mutex);
    enum err err = tally_reserve(&part->clients, part->clients.used + 1);
    if (err == ERR_OK && tally_add(&part->clients, key) > count_max) {
        tally_remove(&part->clients, key);
        err = ERR_LIMIT;
    }
    mutex_unlock(&part->mutex);
    return err;
}

void places_client_leave(struct places *places, struct slice client)
{
    uint64_t key = hash_bytes(places->key, client);
    struct clients_part *part = part_of(places, key);
    mutex_lock(&part->mutex);
    tally_remove(&part->clients, key);
    mutex_unlock(&part->mutex);
}
