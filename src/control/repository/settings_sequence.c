/* SPDX-License-Identifier: Apache-2.0 */
/* Of a config.pbtxt: sequence_batching, as far as weir has it: states from an output to an input, which begin as zeros. */
#include "control/repository/settings_int.h"

#define IDLE_US_MAX UINT64_C(3600000000000)

/* --- state ----------------------------------------------------------------------------------------------------------- */

static void read_state_input(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct declared_state *)out)->input);
}

static void read_state_output(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct declared_state *)out)->output);
}

static void read_type(struct reader *reader, const struct field *field, void *out)
{
    (void)out;
    (void)settings_type(reader, field); /* the model's counts */
}

static void add_dim(struct reader *reader, const struct field *field, int64_t *dims, uint32_t *rank)
{
    if (*rank == TENSOR_RANK_MAX - 1) /* one is for the batch */
        settings_refuse(reader, field, "at most 7 sizes");
    else if (settings_dim(reader, field, &dims[*rank]))
        (*rank)++;
}

static void read_state_dim(struct reader *reader, const struct field *field, void *out)
{
    struct declared_state *state = out;
    add_dim(reader, field, state->dims, &state->rank);
}

static void read_first_dim(struct reader *reader, const struct field *field, void *out)
{
    struct declared_state *state = out;
    add_dim(reader, field, state->first_dims, &state->first_rank);
}

static void read_zero(struct reader *reader, const struct field *field, void *out)
{
    (void)out;
    (void)settings_bool(reader, field);
}

static const struct rule first_rules[] = {
    {.name = "name", .ignored = "it is not logged"},
    {.name = "data_type", .read = read_type},
    {.name = "dims", .read = read_first_dim},
    {.name = "zero_data", .read = read_zero},
    {.name = "data_file", .refused = "a sequence begins with zeros"},
    {0},
};
static const struct message first_message = {"initial_state", first_rules};

static void read_first(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &first_message, field, out);
}

#define STATE_MEMORY "states are in memory of their own"

static const struct rule state_rules[] = {
    {.name = "input_name", .read = read_state_input},
    {.name = "output_name", .read = read_state_output},
    {.name = "data_type", .read = read_type},
    {.name = "dims", .read = read_state_dim},
    {.name = "initial_state", .read = read_first},
    {.name = "use_same_buffer_for_input_output", .ignored = STATE_MEMORY},
    {.name = "use_growable_memory", .ignored = STATE_MEMORY},
    {0},
};
static const struct message state_message = {"state", state_rules};

static void read_state(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    if (settings->state_count == MODEL_TENSORS_MAX) {
        settings_note(reader, true, field->place, "weir keeps up to %d of \"state\"", MODEL_TENSORS_MAX);
        return;
    }
    struct declared_state *state = &settings->states[settings->state_count++];
    settings_message(reader, &state_message, field, state);
    if (!state->input.len || !state->output.len)
        settings_note(reader, true, field->place, "state takes an input_name and an output_name");
}

/* --- sequence_batching ------------------------------------------------------------------------------------------------ */

static void read_idle(struct reader *reader, const struct field *field, void *out)
{
    (void)settings_count(reader, field, IDLE_US_MAX, &((struct model_settings *)out)->idle_us);
}

#define SHARED "requests of different sequences share batches as others do"

static const struct rule sequence_rules[] = {
    {.name = "max_sequence_idle_microseconds", .read = read_idle},
    {.name = "state", .read = read_state},
    {.name = "direct", .ignored = SHARED},
    {.name = "oldest", .ignored = SHARED},
    {.name = "control_input",
     .refused = "a model is not told where a sequence begins and ends; weir feeds it the state"},
    {.name = "iterative_sequence", .read = settings_refuse_true},
    {0},
};
static const struct message sequence_message = {"sequence_batching", sequence_rules};

void settings_sequence(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    bool had_fault = reader->has_fault;
    settings_message(reader, &sequence_message, field, out);
    if (!settings->state_count && reader->has_fault == had_fault)
        settings_note(reader, false, field->name_place,
                      "sequence_batching has no effect without \"state\": there is nothing to keep between requests");
}
