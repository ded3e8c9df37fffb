/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of models, for models*.c. */
#ifndef WEIR_CONTROL_SERVER_MODELS_INT_H
#define WEIR_CONTROL_SERVER_MODELS_INT_H

#include "control/metrics/metrics_render.h"
#include "control/server/models.h"
#include "lib/sys/thread.h"

#define MODEL_FAULT_BYTES 1024

/* What a slot is to the configuration that is in use. */
enum slot_role {
    SLOT_UNUSED,
    SLOT_SERVED,
    SLOT_FAILED, /* it is wanted, and an older one is served in its place */
};

struct model_slot {
    struct model_entry entry;
    struct model_config config; /* a copy of its own: the entry outlives configurations */
    uint64_t signature;         /* of its files when the slot was made: files that changed are another model */
    uint64_t number;            /* slots that are made later have higher ones */
    struct pool pool;
    struct arena arena;
    _Atomic uint32_t wants;        /* configurations that name it; written under models.lock */
    _Atomic int role;              /* enum slot_role */
    uint64_t retired_ns;           /* when the last of them went; under models.lock */
    char words[MODEL_FAULT_BYTES]; /* on the last load: why it failed, or how the model compares; under models.lock */
    _Atomic bool is_loading;
    _Atomic(struct model_slot *) next;
};

struct models {
    _Atomic(struct model_slot *) first;
    _Atomic(struct model_slot *) absent; /* what routes lead to that is not there; never READY */
    struct mutex lock; /* a configuration may be dropped, by whatever thread, while another takes the same model */
    struct meter_registry *registry;
    struct reload_meter loads;
    uint32_t worker_count;
    uint32_t executor_count;
    uint64_t made; /* slots */
};

static inline struct model_slot *model_slot_of(const struct model_entry *entry)
{
    return (struct model_slot *)(uintptr_t)((const char *)entry - offsetof(struct model_slot, entry));
}

static inline bool model_entry_is(const struct model_entry *entry, enum model_state state)
{
    return atomic_load_explicit(&entry->state, memory_order_acquire) == (int)state;
}

/* models.c: the slot is the configuration's until that goes. */
MUST_USE enum err model_slot_hold(struct config *config, struct model_slot *slot);
/* models_load.c: it is FAILED because of `words`, which are said; what may have been loaded goes. */
void model_slot_fail(struct model_slot *slot, const char *words);
/* models_pipelines.c: binds the pipelines, says which do not fit their models, and returns how many of them did before. */
uint32_t models_bind_pipelines(const struct models_round *round);

#endif
