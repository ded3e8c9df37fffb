/* SPDX-License-Identifier: Apache-2.0 */
/* The first run of a model costs 45 to 90 times a later one: the runtime plans and allocates then. So a model is ready
 * only after some runs on zeros, of the sizes that `warm_up` gives and 1 for what it leaves open. Those sizes are also
 * the first whose output shapes are known (shapes.h). */
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"

#define IDLE_NS           30000000000ULL
#define WARM_UP_RUNS      3
#define WARM_UP_BYTES_MAX (1ULL << 30) /* of one input */

static enum err check_names(const struct model *model, const struct model_load_options *options);
static void shrink(struct model *model);
static enum err fill(struct model *model, struct run *run, const struct model_load_options *options);
static const struct option_shape *find(const struct model_config *config, struct slice name);
static enum err execute(struct model *model, struct run *run);
static enum err report(struct run *run, const struct model_load_options *options);

enum err warm_up(struct model *model, const struct model_load_options *options)
{
    struct run *run = NULL;
    TRY(check_names(model, options));
    TRY(run_acquire(model, 0, &run)); /* no worker has the model yet */
    uint64_t start_ns = clock_now_ns();
    enum err err = fill(model, run, options);
    if (err == ERR_OK && execute(model, run) != ERR_OK)
        err = report(run, options);
    model->info.warm_up_ns = clock_now_ns() - start_ns;
    run_release(run);
    return err;
}

static enum err check_names(const struct model *model, const struct model_load_options *options)
{
    const struct option_shape *shapes = options->config->warm_up.items;
    const char *names[MODEL_TENSORS_MAX] = {""};
    for (uint32_t i = 0; i < model->info.input_count; i++)
        names[i] = model->info.inputs[i].name.ptr;
    for (uint32_t i = 0; i < options->config->warm_up.count; i++) {
        if (model_input_index(model, shapes[i].name) >= 0)
            continue;
        const char *nearest = text_nearest(shapes[i].name, names, model->info.input_count);
        text_printf(options->fault, SLICE_FMT ": warm_up names `" SLICE_FMT "`, which is no input of the model; ",
                    SLICE_ARG(options->config->path), SLICE_ARG(shapes[i].name));
        text_printf(options->fault, nearest ? "did you mean `%s`?" : "the first input is `%s`",
                    nearest ? nearest : names[0]);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err fill(struct model *model, struct run *run, const struct model_load_options *options)
{
    for (uint32_t i = 0; i < model->info.input_count; i++) {
        const struct tensor_spec *spec = &model->info.inputs[i];
        const struct option_shape *shape = find(options->config, spec->name);
        int64_t dims[TENSOR_RANK_MAX];
        void *data = NULL;
        warm_up_dims(model, i, dims);
        enum err err =
            shape && shape->rank != spec->rank ? ERR_MISMATCH : run_input(run, i, dims, WARM_UP_BYTES_MAX, &data);
        if (err != ERR_OK) {
            text_printf(options->fault, SLICE_FMT ": the sizes that warm_up gives for input `" SLICE_FMT "` %s",
                        SLICE_ARG(options->config->path), SLICE_ARG(spec->name),
                        err == ERR_MISMATCH ? "do not fit the model" : "take too much memory");
            return ERR_INVALID;
        }
        memset(data, 0, (size_t)tensor_elements(dims, spec->rank) * tensor_element_bytes(spec->type));
    }
    return ERR_OK;
}

void warm_up_dims(const struct model *model, uint32_t index, int64_t *dims)
{
    const struct tensor_spec *spec = &model->info.inputs[index];
    const struct option_shape *shape = find(model->config, spec->name);
    for (uint32_t d = 0; d < spec->rank; d++)
        dims[d] = shape && d < shape->rank          ? (int64_t)shape->dims[d]
                  : spec->dims[d] == TENSOR_DIM_ANY ? 1
                                                    : spec->dims[d];
}

bool model_shrink_when_idle(struct model *model, uint64_t now_ns)
{
    uint64_t uses = model_uses(model);
    if (uses != model->idle_uses || !model->idle_since_ns) {
        model->idle_uses = uses;
        model->idle_since_ns = now_ns;
        model->is_shrunk = false;
        return false;
    }
    if (model->is_shrunk || now_ns - model->idle_since_ns < IDLE_NS)
        return false;
    model->is_shrunk = true;
    shrink(model);
    return true;
}

static void shrink(struct model *model)
{
    struct run *run = NULL;
    if (!model->info.warm_run_ns || run_create(model, &run) != ERR_OK)
        return;
    enum err err = ort_run_options_set_shrink(run->options);
    for (uint32_t i = 0; i < model->info.input_count && err == ERR_OK; i++) {
        int64_t dims[TENSOR_RANK_MAX];
        void *data = NULL;
        warm_up_dims(model, i, dims);
        err = run_input(run, i, dims, WARM_UP_BYTES_MAX, &data);
        if (err == ERR_OK)
            memset(data, 0, run->frame.in.tensors[i].bytes);
    }
    if (err == ERR_OK)
        err = run_execute(run);
    (void)err; /* it has no room for this either, and keeps what it has */
    run_destroy(run);
}

static const struct option_shape *find(const struct model_config *config, struct slice name)
{
    const struct option_shape *shapes = config->warm_up.items;
    for (uint32_t i = 0; i < config->warm_up.count; i++)
        if (slice_equal(shapes[i].name, name))
            return &shapes[i];
    return NULL;
}

static enum err execute(struct model *model, struct run *run)
{
    for (uint32_t i = 0; i < WARM_UP_RUNS; i++) {
        TRY(run_execute(run));
        if (i == 0)
            model->info.first_run_ns = run_duration_ns(run);
    }
    model->info.warm_run_ns = run_duration_ns(run);
    return ERR_OK;
}

/* Sizes that somebody chose must work. Others may be too small for a model that wants, say, an image of 32 × 32. */
static enum err report(struct run *run, const struct model_load_options *options)
{
    struct slice words = run_fault(run);
    if (!words.len && options->config->memory) {
        text_printf(options->fault, SLICE_FMT ": `memory` (%llu bytes) has no room for a single run",
                    SLICE_ARG(options->config->path), (unsigned long long)options->config->memory);
        return ERR_INVALID;
    }
    if (options->config->warm_up.count) {
        text_printf(options->fault, SLICE_FMT ": it does not run on the sizes of warm_up (" SLICE_FMT ")",
                    SLICE_ARG(options->config->path), SLICE_ARG(words));
        return ERR_INVALID;
    }
    text_printf(options->notices,
                "model " SLICE_FMT ": not warmed, since it does not run with 1 for each open dimension; set warm_up "
                "(" SLICE_FMT ")\n",
                SLICE_ARG(options->config->name), SLICE_ARG(words));
    return ERR_OK;
}
