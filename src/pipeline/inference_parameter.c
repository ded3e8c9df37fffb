/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/inference_parameter.h"

#define RESERVED_PREFIX "triton_"
#define SEQUENCE_BYTES  128 /* of a correlation id */
#define DIGITS_BYTES    21
#define CLASSES_MAX     UINT32_MAX
#define NS_PER_US       1000U
#define TIMEOUT_US_MAX  (UINT64_MAX / NS_PER_US)

static enum err expect(const char *wanted, const struct parameter *parameter, struct text *fault)
{
    text_printf(fault, "Expected %s, got %s.", wanted, parameter->found);
    return ERR_INVALID;
}

static enum err take_bool(const struct parameter *parameter, struct text *fault, bool *ret)
{
    if (parameter->kind != PARAMETER_BOOL)
        return expect("true or false", parameter, fault);
    *ret = parameter->is_true;
    return ERR_OK;
}

/* A whole number, or one in a text: clients whose maps hold only texts write it like that. */
static enum err take_whole(const struct parameter *parameter, uint64_t max, struct text *fault, uint64_t *ret)
{
    uint64_t number = parameter->number;
    bool is_number = parameter->kind == PARAMETER_WHOLE ||
                     (parameter->kind == PARAMETER_TEXT && text_parse_u64(parameter->text, &number) == ERR_OK);
    if (!is_number || number > max) {
        text_printf(fault, "Expected a whole number from 0 to %llu, got %s.", (unsigned long long)max,
                    is_number ? "a larger one" : parameter->found);
        return ERR_INVALID;
    }
    *ret = number;
    return ERR_OK;
}

/* --- of the request ----------------------------------------------------------------------------------------------------- */

static enum err take_priority(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                              struct text *fault)
{
    (void)arena;
    uint64_t number;
    TRY(take_whole(parameter, UINT32_MAX, fault, &number));
    inference->priority = (uint32_t)number;
    return ERR_OK;
}

static enum err take_timeout(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                             struct text *fault)
{
    (void)arena;
    uint64_t us;
    TRY(take_whole(parameter, TIMEOUT_US_MAX, fault, &us));
    inference->timeout_ns = us * NS_PER_US;
    return ERR_OK;
}

/* Number 0 and the empty text are how clients say that there is none. */
static enum err take_sequence(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                              struct text *fault)
{
    if (parameter->kind == PARAMETER_TEXT) {
        if (parameter->text.len > SEQUENCE_BYTES) {
            text_printf(fault, "Expected a text of at most %d bytes, got one of %zu.", SEQUENCE_BYTES,
                        parameter->text.len);
            return ERR_INVALID;
        }
        inference->sequence = parameter->text.len ? parameter->text : (struct slice){NULL, 0};
        return ERR_OK;
    }
    if (parameter->kind != PARAMETER_WHOLE)
        return expect("a text or a whole number from 0", parameter, fault);
    inference->sequence = (struct slice){NULL, 0};
    if (parameter->number == 0)
        return ERR_OK;
    char *digits = arena_alloc(arena, DIGITS_BYTES);
    if (!digits)
        return ERR_NOMEM;
    inference->sequence = slice_of(digits, text_format_u64(digits, parameter->number));
    return ERR_OK;
}

static enum err take_sequence_start(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                                    struct text *fault)
{
    (void)arena;
    return take_bool(parameter, fault, &inference->is_sequence_start);
}

static enum err take_sequence_end(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                                  struct text *fault)
{
    (void)arena;
    return take_bool(parameter, fault, &inference->is_sequence_end);
}

static enum err take_binary_output(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                                   struct text *fault)
{
    (void)arena;
    return take_bool(parameter, fault, &inference->is_binary);
}

/* A response is always one message and the last, so there is nothing to switch on; saying so is allowed. */
static enum err take_final_response(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                                    struct text *fault)
{
    (void)inference;
    (void)arena;
    bool is_wanted;
    return take_bool(parameter, fault, &is_wanted);
}

static const struct {
    const char *name;
    enum err (*take)(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                     struct text *fault);
} parameters_known[] = {
    {"priority", take_priority},
    {"timeout", take_timeout},
    {"sequence_id", take_sequence},
    {"sequence_start", take_sequence_start},
    {"sequence_end", take_sequence_end},
    {"binary_data_output", take_binary_output},
    {"triton_enable_empty_final_response", take_final_response},
};

static enum err refuse_other(const struct parameter *parameter, struct text *fault)
{
    if (slice_starts(parameter->name, SLICE_LIT(RESERVED_PREFIX))) {
        text_printf(fault, "Names that begin with \"" RESERVED_PREFIX "\" are reserved, and this one has no meaning.");
        return ERR_INVALID;
    }
    if (parameter->kind == PARAMETER_OTHER)
        return expect("a text, a number, true or false", parameter, fault);
    return ERR_OK;
}

enum err inference_parameter_take(struct inference *inference, const struct parameter *parameter, struct arena *arena,
                                  struct text *fault)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters_known); i++)
        if (slice_is(parameter->name, parameters_known[i].name))
            return parameters_known[i].take(inference, parameter, arena, fault);
    return refuse_other(parameter, fault);
}

/* --- of an input or an output ------------------------------------------------------------------------------------------ */

static enum err take_region(struct tensor_parameters *parameters, const struct parameter *parameter, struct text *fault)
{
    if (parameter->kind != PARAMETER_TEXT || parameter->text.len == 0)
        return expect("the name of a region", parameter, fault);
    parameters->shared.region = parameter->text;
    return ERR_OK;
}

enum err tensor_parameter_take(struct tensor_parameters *parameters, const struct parameter *parameter,
                               struct text *fault)
{
    struct slice name = parameter->name;
    if (slice_is(name, "binary_data_size")) {
        parameters->has_binary_bytes = true;
        return take_whole(parameter, SIZE_MAX, fault, &parameters->binary_bytes);
    }
    if (slice_is(name, "binary_data")) {
        parameters->has_binary = true;
        return take_bool(parameter, fault, &parameters->is_binary);
    }
    if (slice_is(name, "classification"))
        return take_whole(parameter, CLASSES_MAX, fault, &parameters->classes);
    if (slice_is(name, "shared_memory_region"))
        return take_region(parameters, parameter, fault);
    if (slice_is(name, "shared_memory_offset")) {
        parameters->has_shared_offset = true;
        return take_whole(parameter, INT64_MAX, fault, &parameters->shared.offset);
    }
    if (slice_is(name, "shared_memory_byte_size")) {
        parameters->has_shared_bytes = true;
        return take_whole(parameter, INT64_MAX, fault, &parameters->shared.bytes);
    }
    return refuse_other(parameter, fault);
}

enum err tensor_parameters_check(const struct tensor_parameters *parameters, struct text *fault)
{
    bool is_shared = parameters->shared.region.ptr;
    if (!is_shared && (parameters->has_shared_offset || parameters->has_shared_bytes))
        text_printf(fault, "A place in shared memory lacks its shared_memory_region.");
    else if (is_shared && !parameters->has_shared_bytes)
        text_printf(fault, "A shared_memory_region lacks its shared_memory_byte_size.");
    else if (is_shared && parameters->has_binary_bytes)
        text_printf(fault, "Data come by shared_memory_region or by binary_data_size, not by both.");
    else
        return ERR_OK;
    return ERR_INVALID;
}

static bool has_scores(enum tensor_type type)
{
    return type != TENSOR_BYTES && type != TENSOR_BOOL && type != TENSOR_F16 && type != TENSOR_BF16;
}

enum err output_wish_make(const struct tensor_parameters *parameters, const struct inference *inference,
                          const struct tensor_spec *spec, uint32_t index, struct output_wish *ret_wish,
                          struct text *fault)
{
    TRY(tensor_parameters_check(parameters, fault));
    bool is_shared = parameters->shared.region.ptr;
    if (parameters->classes && is_shared) {
        text_printf(fault, "Classes cannot be written to shared memory.");
        return ERR_INVALID;
    }
    if (parameters->classes && !has_scores(spec->type)) {
        text_printf(fault, "The output \"" SLICE_FMT "\" is %s, which has no scores to take the best of.",
                    SLICE_ARG(spec->name), tensor_type_name(spec->type));
        return ERR_INVALID;
    }
    *ret_wish = (struct output_wish){
        .index = index,
        .classes = (uint32_t)parameters->classes,
        .is_binary = !is_shared && (parameters->has_binary ? parameters->is_binary : inference->is_binary),
        .shared = parameters->shared,
    };
    return ERR_OK;
}
