/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences by name, each with a queue in which the first one has the turn. Those that have been idle for too long go when
 * somebody asks for one; a slot that goes keeps its memory for the next, unless that is much. */
#include "lib/base/memory_user.h"
#include "lib/crypto/crypto.h"
#include "pipeline/sequence/sequence_int.h"

#include <stdlib.h>

#define BUCKETS_MAX    65536
#define KEPT_BYTES_MAX 16384 /* of a state, in a slot without a sequence */

static enum err resolve(struct sequences *sequences, const struct sequence_state_config *config,
                        const struct model_info *info, struct text *fault);
static void drop(struct sequences *sequences, struct slot *slot);

/* --- Made with the model -------------------------------------------------------------------------------------------- */

enum err sequences_create(const struct model_config *config, const struct model_info *info, struct text *fault,
                          struct sequences **ret_sequences)
{
    const struct sequence_config *options = &config->sequence;
    const struct sequence_state_config *states = options->states.items;
    *ret_sequences = NULL;
    if (!options->states.count)
        return ERR_OK;
    struct sequences *sequences = calloc(1, sizeof *sequences);
    if (!sequences)
        return ERR_NOMEM;
    mutex_init(&sequences->mutex);
    list_init(&sequences->recent);
    sequences->idle_ns = options->idle_ns;
    sequences->count_max = (uint32_t)options->max;
    sequences->bytes_max = config->memory;
    sequences->bucket_mask = 15;
    while (sequences->bucket_mask < options->max && sequences->bucket_mask < BUCKETS_MAX - 1)
        sequences->bucket_mask = sequences->bucket_mask * 2 + 1;
    sequences->buckets = calloc(sequences->bucket_mask + 1, sizeof(struct slot *));
    enum err err = sequences->buckets ? crypto_random(&sequences->key, sizeof sequences->key) : ERR_NOMEM;
    for (uint32_t i = 0; i < options->states.count && err == ERR_OK; i++)
        err = resolve(sequences, &states[i], info, fault);
    if (err != ERR_OK) {
        sequences_destroy(sequences);
        return err;
    }
    *ret_sequences = sequences;
    return ERR_OK;
}

static int find(const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(specs[i].name, name))
            return (int)i;
    return -1;
}

/* Sets the dims of the first state. */
static bool take_dims(struct state_link *link, const struct sequence_state_config *config,
                      const struct tensor_spec *spec)
{
    const uint64_t *wanted = config->dims.items;
    memcpy(link->dims, spec->dims, sizeof link->dims);
    if (!config->dims.count)
        return true;
    if (config->dims.count != spec->rank)
        return false;
    for (uint32_t i = 0; i < spec->rank; i++)
        link->dims[i] = (int64_t)wanted[i];
    return tensor_dims_fit(spec, link->dims, spec->rank);
}

static enum err resolve(struct sequences *sequences, const struct sequence_state_config *config,
                        const struct model_info *info, struct text *fault)
{
    int input = find(info->inputs, info->input_count, config->input);
    int output = find(info->outputs, info->output_count, config->output);
    struct state_link *link = &sequences->links[sequences->state_count];
    const char *why = NULL;
    if (input < 0)
        why = "the model has no such input";
    else if (output < 0)
        why = "the model has no such output";
    else if (sequences->state_count == MODEL_TENSORS_MAX || sequences_inputs(sequences) & 1U << input)
        why = "the input is a state already";
    else if (info->inputs[input].type != info->outputs[output].type)
        why = "input and output are of different types";
    else if (!tensor_type_bytes(info->inputs[input].type))
        why = "texts cannot be a state";
    else if (!take_dims(link, config, &info->inputs[input]))
        why = "`dims` do not fit the input";
    if (why) {
        text_printf(fault, "sequence: state from output `" SLICE_FMT "` to input `" SLICE_FMT "`: %s",
                    SLICE_ARG(config->output), SLICE_ARG(config->input), why);
        return ERR_INVALID;
    }
    link->input = (uint32_t)input;
    link->output = (uint32_t)output;
    sequences->state_count++;
    return ERR_OK;
}

void sequences_destroy(struct sequences *sequences)
{
    if (!sequences)
        return;
    while (!list_is_empty(&sequences->recent))
        drop(sequences, CONTAINER_OF(sequences->recent.next, struct slot, node));
    while (sequences->free) {
        struct slot *slot = sequences->free;
        sequences->free = slot->next;
        states_trim(sequences, slot->states, 0);
        free(slot);
    }
    free(sequences->buckets);
    mutex_deinit(&sequences->mutex);
    free(sequences);
}

uint32_t sequences_inputs(const struct sequences *sequences)
{
    uint32_t inputs = 0;
    for (uint32_t i = 0; sequences && i < sequences->state_count; i++)
        inputs |= 1U << sequences->links[i].input;
    return inputs;
}

uint32_t sequences_count(const struct sequences *sequences)
{
    return sequences ? atomic_load_explicit(&sequences->count, memory_order_relaxed) : 0;
}

/* --- Under the lock ------------------------------------------------------------------------------------------------- */

static struct slot **bucket_of(const struct sequences *sequences, struct slice name)
{
    return &sequences->buckets[hash_bytes(sequences->key, name) & sequences->bucket_mask];
}

static struct slot *find_slot(const struct sequences *sequences, struct slice name)
{
    struct slot *slot = *bucket_of(sequences, name);
    while (slot && !slice_equal(slice_of(slot->name, slot->name_bytes), name))
        slot = slot->next;
    return slot;
}

static void drop(struct sequences *sequences, struct slot *slot)
{
    struct slot **link = bucket_of(sequences, slice_of(slot->name, slot->name_bytes));
    while (*link != slot)
        link = &(*link)->next;
    *link = slot->next;
    list_remove(&slot->node);
    atomic_fetch_sub_explicit(&sequences->count, 1, memory_order_relaxed);
    states_trim(sequences, slot->states, KEPT_BYTES_MAX);
    slot->next = sequences->free;
    sequences->free = slot;
}

/* The last in the list has been idle longest; one with a queue is not idle, whatever its time says. */
static uint32_t drop_idle(struct sequences *sequences, uint64_t now_ns)
{
    uint32_t count = 0;
    struct list *node = sequences->recent.prev;
    while (node != &sequences->recent) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        node = node->prev;
        if (slot->used_ns + sequences->idle_ns > now_ns)
            break;
        if (!list_is_empty(&slot->queue))
            continue;
        drop(sequences, slot);
        count++;
    }
    return count;
}

static struct slot *make_slot(struct sequences *sequences, struct slice name)
{
    AS_MEMORY_USER(runs);
    struct slot *slot = sequences->free;
    if (slot)
        sequences->free = slot->next;
    else
        slot = calloc(1, sizeof *slot + sequences->state_count * sizeof *slot->states);
    if (!slot)
        return NULL;
    struct slot **bucket = bucket_of(sequences, name);
    memcpy(slot->name, name.ptr, name.len);
    slot->name_bytes = (uint32_t)name.len;
    slot->has_ended = false;
    list_init(&slot->queue);
    slot->next = *bucket;
    *bucket = slot;
    atomic_fetch_add_explicit(&sequences->count, 1, memory_order_relaxed);
    return slot;
}

static enum entrance enter(struct sequence_ticket *ticket, struct slice name, bool is_start, uint64_t now_ns,
                           struct entrance_counts *counts)
{
    struct sequences *sequences = ticket->sequences;
    counts->expired = drop_idle(sequences, now_ns);
    struct slot *slot = find_slot(sequences, name);
    if (!slot && !is_start)
        return ENTRANCE_UNKNOWN;
    if (!slot && sequences_count(sequences) >= sequences->count_max)
        return ENTRANCE_FULL;
    if (!slot) {
        slot = make_slot(sequences, name);
        if (!slot)
            return ENTRANCE_NOMEM;
        counts->begun = 1;
    }
    slot->used_ns = now_ns;
    list_remove(&slot->node);
    list_add_first(&sequences->recent, &slot->node);
    atomic_store_explicit(&ticket->is_turn, list_is_empty(&slot->queue), memory_order_relaxed);
    list_add_last(&slot->queue, &ticket->node);
    ticket->slot = slot;
    return ENTRANCE_OPEN;
}

enum entrance sequence_enter(struct sequence_ticket *ticket, struct slice name, bool is_start, uint64_t now_ns,
                             struct entrance_counts *ret_counts)
{
    *ret_counts = (struct entrance_counts){0};
    mutex_lock(&ticket->sequences->mutex);
    enum entrance entrance = enter(ticket, name, is_start, now_ns, ret_counts);
    mutex_unlock(&ticket->sequences->mutex);
    return entrance;
}

/* What the one before has written to the states is seen by whoever has the turn after it: by the lock, or by is_turn. */
struct request *sequence_leave(struct sequence_ticket *ticket, bool ends, uint64_t now_ns)
{
    struct slot *slot = ticket->slot;
    struct request *next = NULL;
    mutex_lock(&ticket->sequences->mutex);
    bool had_turn = slot->queue.next == &ticket->node;
    list_remove(&ticket->node);
    slot->used_ns = now_ns;
    if (ends)
        slot->has_ended = true;
    if (list_is_empty(&slot->queue) && slot->has_ended) {
        drop(ticket->sequences, slot);
    } else if (had_turn && !list_is_empty(&slot->queue)) {
        struct sequence_ticket *first = CONTAINER_OF(slot->queue.next, struct sequence_ticket, node);
        atomic_store_explicit(&first->is_turn, true, memory_order_release);
        next = first->worker == ticket->worker ? first->request : NULL;
    }
    mutex_unlock(&ticket->sequences->mutex);
    return next;
}
