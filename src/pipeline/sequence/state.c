/* SPDX-License-Identifier: Apache-2.0 */
/* What a model remembers, between two runs of a sequence. Touched by whoever has the turn, without the lock. */
#include "lib/base/memory_user.h"
#include "pipeline/sequence/sequence_int.h"

#include <stdlib.h>

static bool resolve_dims(const struct sequences *sequences, const struct run *run, const struct state_link *link,
                         int64_t *dims);

/* The first state has as many rows as the request's other inputs, where the model calls both dimensions the same. */
static int64_t size_of_symbol(const struct run *run, uint32_t skipped_inputs, struct slice symbol)
{
    const struct model_info *info = model_info(run_model(run));
    for (uint32_t i = 0; i < info->input_count && symbol.len; i++) {
        if (skipped_inputs & 1U << i || !run_is_given(run, i))
            continue;
        for (uint32_t d = 0; d < info->inputs[i].rank; d++)
            if (slice_equal(info->inputs[i].symbols[d], symbol))
                return run_given_input(run, i)->dims[d];
    }
    return 1;
}

static bool resolve_dims(const struct sequences *sequences, const struct run *run, const struct state_link *link,
                         int64_t *dims)
{
    const struct tensor_spec *spec = &model_info(run_model(run))->inputs[link->input];
    for (uint32_t d = 0; d < spec->rank; d++)
        dims[d] = link->dims[d] != TENSOR_DIM_ANY ? link->dims[d]
                                                  : size_of_symbol(run, sequences_inputs(sequences), spec->symbols[d]);
    return tensor_elements(dims, spec->rank) >= 0;
}

static enum err reserve(struct sequences *sequences, struct state *state, size_t bytes)
{
    if (bytes <= state->capacity)
        return ERR_OK;
    AS_MEMORY_USER(runs);
    size_t more = bytes - state->capacity;
    size_t sum = atomic_fetch_add_explicit(&sequences->bytes, more, memory_order_relaxed) + more;
    void *data = !sequences->bytes_max || sum <= sequences->bytes_max ? realloc(state->data, bytes) : NULL;
    if (!data) {
        atomic_fetch_sub_explicit(&sequences->bytes, more, memory_order_relaxed);
        return ERR_NOMEM;
    }
    state->data = data;
    state->capacity = bytes;
    return ERR_OK;
}

static enum err reset(const struct sequence_ticket *ticket, const struct run *run, uint32_t index, uint64_t bytes_max)
{
    struct sequences *sequences = ticket->sequences;
    const struct state_link *link = &sequences->links[index];
    const struct tensor_spec *spec = &model_info(run_model(run))->inputs[link->input];
    struct state *state = &ticket->slot->states[index];
    if (!resolve_dims(sequences, run, link, state->dims))
        return ERR_LIMIT;
    uint64_t elements = (uint64_t)tensor_elements(state->dims, spec->rank);
    if (elements > bytes_max / tensor_type_bytes(spec->type))
        return ERR_LIMIT;
    size_t bytes = elements * tensor_type_bytes(spec->type);
    TRY(reserve(sequences, state, bytes));
    state->bytes = bytes;
    memset(state->data, 0, state->bytes);
    return ERR_OK;
}

enum err sequence_feed(struct sequence_ticket *ticket, struct run *run, bool is_start, uint64_t bytes_max)
{
    for (uint32_t i = 0; i < ticket->sequences->state_count; i++) {
        uint32_t input = ticket->sequences->links[i].input;
        struct state *state = &ticket->slot->states[i];
        void *data;
        if (is_start)
            TRY(reset(ticket, run, i, bytes_max));
        if (run_is_given(run, input))
            continue;
        TRY(run_input(run, input, state->dims, bytes_max, &data));
        if (state->bytes)
            memcpy(data, state->data, state->bytes);
    }
    return ERR_OK;
}

/* All or none: a state that does not fit leaves the sequence as it was. */
enum err sequence_take(struct sequence_ticket *ticket, const struct run *run)
{
    struct sequences *sequences = ticket->sequences;
    const struct model_info *info = model_info(run_model(run));
    for (uint32_t i = 0; i < sequences->state_count; i++) {
        const struct state_link *link = &sequences->links[i];
        const struct tensor *output = run_output(run, link->output);
        if (!tensor_dims_fit(&info->inputs[link->input], output->dims, output->rank))
            return ERR_MISMATCH;
        TRY(reserve(sequences, &ticket->slot->states[i], output->bytes));
    }
    for (uint32_t i = 0; i < sequences->state_count; i++) {
        struct state *state = &ticket->slot->states[i];
        const struct tensor *output = run_output(run, sequences->links[i].output);
        memcpy(state->dims, output->dims, sizeof state->dims);
        state->bytes = output->bytes;
        if (state->bytes)
            memcpy(state->data, output->data, state->bytes);
    }
    return ERR_OK;
}

void states_trim(struct sequences *sequences, struct state *states, size_t kept_bytes)
{
    AS_MEMORY_USER(runs);
    for (uint32_t i = 0; i < sequences->state_count; i++) {
        if (states[i].capacity <= kept_bytes)
            continue;
        free(states[i].data);
        atomic_fetch_sub_explicit(&sequences->bytes, states[i].capacity, memory_order_relaxed);
        states[i] = (struct state){0};
    }
}
