/* SPDX-License-Identifier: Apache-2.0 */
/* A model beside the one whose place it is to take: the same inputs through both. */
#include "pipeline/infer/infer_int.h"
#include "pipeline/infer/made_up.h"

#include <stdlib.h>

#define SAMPLES_MAX     64
#define MADE_UP_SAMPLES 4
#define BYTES_MAX       (256ULL << 20)

struct comparing {
    struct run *before;
    struct run *after;
    struct model_comparison *comparison;
};

/* --- form ------------------------------------------------------------------------------------------------------------ */

static const struct tensor_spec *find(const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(specs[i].name, name))
            return &specs[i];
    return NULL;
}

static void add_shape(struct text *out, const struct tensor_spec *spec)
{
    text_printf(out, "%s ", tensor_type_name(spec->type));
    tensor_shape_print(out, spec->dims, spec->rank);
}

static bool is_same_spec(const struct tensor_spec *a, const struct tensor_spec *b)
{
    return a->type == b->type && a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

/* What changed of one side, from the view of whoever used the model before. */
static void compare_side(const char *side, const struct tensor_spec *before, uint32_t before_count,
                         const struct tensor_spec *after, uint32_t after_count, struct text *out)
{
    for (uint32_t i = 0; i < before_count && !out->len; i++) {
        const struct tensor_spec *now = find(after, after_count, before[i].name);
        if (!now) {
            text_printf(out, "%s \"" SLICE_FMT "\" is gone", side, SLICE_ARG(before[i].name));
        } else if (!is_same_spec(&before[i], now)) {
            text_printf(out, "%s \"" SLICE_FMT "\" was ", side, SLICE_ARG(before[i].name));
            add_shape(out, &before[i]);
            text_add(out, SLICE_LIT(" and is "));
            add_shape(out, now);
        }
    }
    for (uint32_t i = 0; i < after_count && !out->len; i++)
        if (!find(before, before_count, after[i].name))
            text_printf(out, "%s \"" SLICE_FMT "\" is new", side, SLICE_ARG(after[i].name));
}

static void compare_form(const struct model_info *before, const struct model_info *after,
                         struct model_comparison *comparison)
{
    struct text form = text_init(comparison->form, sizeof comparison->form);
    compare_side("input", before->inputs, before->input_count, after->inputs, after->input_count, &form);
    compare_side("output", before->outputs, before->output_count, after->outputs, after->output_count, &form);
}

/* Whether inputs of the one are inputs of the other; their order may be another one, but then nothing is compared. */
static bool have_same_inputs(const struct model_info *a, const struct model_info *b)
{
    bool are_same = a->input_count == b->input_count;
    for (uint32_t i = 0; are_same && i < a->input_count; i++)
        are_same = slice_equal(a->inputs[i].name, b->inputs[i].name) && a->inputs[i].type == b->inputs[i].type &&
                   a->inputs[i].rank == b->inputs[i].rank;
    return are_same;
}

/* --- values ---------------------------------------------------------------------------------------------------------- */

static enum err make_up(const struct comparing *comparing, uint32_t index, enum made_up made_up)
{
    const struct model *model = comparing->after->model;
    for (uint32_t i = 0; i < model->info.input_count; i++) {
        int64_t dims[TENSOR_RANK_MAX];
        void *data = NULL;
        warm_up_dims(model, i, dims);
        TRY(run_input(comparing->before, i, dims, BYTES_MAX, &data));
        TRY(run_input(comparing->after, i, dims, BYTES_MAX, &data));
        uint64_t seed = (index + 1) * MODEL_TENSORS_MAX + i;
        made_up_fill(&comparing->before->frame.in.tensors[i], seed, made_up);
        made_up_fill(&comparing->after->frame.in.tensors[i], seed, made_up);
    }
    return ERR_OK;
}

static void compare_outputs(const struct comparing *comparing)
{
    const struct model *before = comparing->before->model;
    const struct model *after = comparing->after->model;
    struct model_comparison *comparison = comparing->comparison;
    for (uint32_t i = 0; i < after->info.output_count; i++) {
        int index = model_output_index(before, after->info.outputs[i].name);
        double relative = comparison->relative;
        if (index < 0 || before->info.outputs[index].type != after->info.outputs[i].type)
            continue;
        bool is_same = tensor_difference(run_output(comparing->before, (uint32_t)index),
                                         run_output(comparing->after, i), &comparison->absolute, &comparison->relative);
        if (!is_same && !comparison->form[0]) {
            struct text form = text_init(comparison->form, sizeof comparison->form);
            text_printf(&form, "output \"" SLICE_FMT "\" comes out with another shape",
                        SLICE_ARG(after->info.outputs[i].name));
        }
        if (comparison->relative > relative)
            comparison->what = after->info.outputs[i].name;
    }
}

static bool run_both(const struct comparing *comparing)
{
    if (run_execute(comparing->before) != ERR_OK || run_execute(comparing->after) != ERR_OK)
        return false;
    compare_outputs(comparing);
    comparing->comparison->samples++;
    return true;
}

static void compare_recorded(const struct comparing *comparing)
{
    struct model *before = comparing->before->model;
    for (uint32_t i = 0; i < SAMPLES_MAX; i++) {
        if (recordings_fill(before, i, comparing->before) != ERR_OK)
            return;
        for (uint32_t k = 0; k < before->info.input_count; k++) {
            const struct tensor *from = &comparing->before->frame.in.tensors[k];
            void *data = NULL;
            if (run_input(comparing->after, k, from->dims, BYTES_MAX, &data) != ERR_OK)
                return;
            memcpy(data, from->data, from->bytes);
        }
        (void)run_both(comparing);
    }
}

/* Integers may be indices into tables, lengths, or flags: what is made up must suit the model. */
static void compare_made_up(const struct comparing *comparing)
{
    for (enum made_up made_up = MADE_UP_AT_RANDOM; made_up <= MADE_UP_ZEROS && !comparing->comparison->samples;
         made_up++)
        for (uint32_t i = 0; i < MADE_UP_SAMPLES; i++)
            if (make_up(comparing, i, made_up) != ERR_OK || !run_both(comparing))
                break;
}

static void compare(const struct comparing *comparing)
{
    compare_recorded(comparing);
    comparing->comparison->is_recorded = comparing->comparison->samples > 0;
    if (!comparing->comparison->is_recorded)
        compare_made_up(comparing);
}

enum err model_compare(struct model *before, struct model *after, struct model_comparison *ret_comparison)
{
    struct model_comparison comparison = {0};
    struct comparing comparing = {.comparison = &comparison};
    compare_form(&before->info, &after->info, &comparison);
    enum err err = run_create(before, &comparing.before);
    if (err == ERR_OK)
        err = run_create(after, &comparing.after);
    if (err == ERR_OK && have_same_inputs(&before->info, &after->info))
        compare(&comparing);
    run_destroy(comparing.before);
    run_destroy(comparing.after);
    if (err == ERR_OK)
        *ret_comparison = comparison;
    return err;
}
