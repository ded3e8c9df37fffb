/* SPDX-License-Identifier: Apache-2.0 */
/* A loaded model: opened, inspected, warmed, shared by reference. One session serves all executors, which the runtime
 * allows; what they must not share is in the runs (run.c). */
#include "pipeline/model.h"

#include "lib/base/memory_user.h"
#include "lib/sys/thread.h"
#include "pipeline/infer/infer_int.h"

#include <stdlib.h>

#define NAMES_BYTES_MAX (1U << 20) /* of all names and symbols of a model */

static enum err create(const struct model_load_options *options, struct model **ret_model);
static enum err inspect(struct model *model, struct text *fault);
static enum err inspect_side(struct model *model, enum ort_side side, struct text *fault);
static void mark_passed_through(struct model *model);
static void destroy(struct model *model);
static int find(const struct tensor_spec *specs, uint32_t count, struct slice name);

enum err model_load(const struct model_load_options *options, struct model **ret_model)
{
    AS_MEMORY_USER(onnxruntime);
    ASSERT(options->worker_count > 0, "somebody wants to run the model");
    struct model *model = NULL;
    TRY(ort_open(options->library, options->fault));
    TRY(create(options, &model));
    enum err err = session_open(model, options);
    if (err == ERR_OK)
        err = inspect(model, options->fault);
    if (err == ERR_OK)
        err = labels_load(model, options->fault);
    if (err == ERR_OK)
        err = warm_up(model, options);
    if (err == ERR_OK)
        err = prove_batches(model, options);
    if (err == ERR_OK)
        err = model_cache_create(options->config, options->worker_count, &model->cache);
    if (err == ERR_OK)
        err = recordings_create(model);
    if (err == ERR_OK)
        err = lane_create(
            &(struct lane_options){.model = model, .config = options->config, .worker_count = options->worker_count},
            &model->lane);
    if (err != ERR_OK) {
        model_unref(model);
        return err;
    }
    *ret_model = model;
    return ERR_OK;
}

uint32_t model_threads(const struct model_config *config)
{
    if (config->threads)
        return (uint32_t)config->threads;
    return config->profile == MODEL_PROFILE_LATENCY ? thread_cpu_count() : 1;
}

/* As many as executors, each of which is a core's worth of work, if the threads inside a run do not take them. */
static uint32_t count_instances(const struct model_load_options *options)
{
    const struct model_config *config = options->config;
    if (config->instances)
        return (uint32_t)config->instances;
    return config->profile == MODEL_PROFILE_LATENCY ? 1 : MAX(options->executor_count / model_threads(config), 1);
}

static enum err create(const struct model_load_options *options, struct model **ret_model)
{
    size_t bytes = sizeof(struct model) + options->worker_count * sizeof(struct run_pool);
    struct model *model = aligned_alloc(_Alignof(struct model), bytes);
    if (!model)
        return ERR_NOMEM;
    memset(model, 0, bytes);
    atomic_init(&model->refs, 1);
    model->worker_count = options->worker_count;
    model->config = options->config;
    model->keeps_no_runs = options->keeps_no_runs;
    pool_init(&model->pool, 0, SIZE_MAX);
    arena_init(&model->arena, &model->pool, 1024, NAMES_BYTES_MAX);
    model->info.name = options->config->name;
    model->info.version = options->config->version;
    model->budget.bytes_max = options->config->memory;
    model->batch_info = (struct batch_info){.rows_max = 1, .instances = count_instances(options)};
    model->info.platform = SLICE_LIT("onnxruntime_onnx");
    *ret_model = model;
    return ERR_OK;
}

static enum err inspect(struct model *model, struct text *fault)
{
    struct ort_metadata metadata = {0};
    TRY(inspect_side(model, ORT_INPUTS, fault));
    TRY(inspect_side(model, ORT_OUTPUTS, fault));
    TRY(ort_session_metadata(model->session, &model->arena, &metadata));
    model->info.producer = metadata.producer;
    model->info.graph = metadata.graph;
    model->info.domain = metadata.domain;
    model->info.description = metadata.description;
    model->info.file_version = metadata.version;
    model->info.metadata = metadata.own;
    model->info.metadata_count = metadata.own_count;
    mark_passed_through(model);
    TRY(pads_init(&model->pads, model->config, &model->info, fault));
    TRY(sequences_create(model->config, &model->info, fault, &model->sequences));
    model->info.written_inputs = pads_masks(&model->pads) | sequences_inputs(model->sequences);
    return shapes_init(&model->shapes, model->info.input_count, model->info.output_count);
}

static enum err inspect_side(struct model *model, enum ort_side side, struct text *fault)
{
    bool is_input = side == ORT_INPUTS;
    struct tensor_spec *specs = is_input ? model->info.inputs : model->info.outputs;
    const char **names = is_input ? model->input_names : model->output_names;
    uint32_t count = ort_session_count(model->session, side);
    if (count > MODEL_TENSORS_MAX) {
        text_printf(fault, SLICE_FMT ": has %u %s; weir serves up to %d", SLICE_ARG(model->config->path), count,
                    is_input ? "inputs" : "outputs", MODEL_TENSORS_MAX);
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < count; i++) {
        char memory[256];
        struct text words = text_init(memory, sizeof(memory));
        enum err err = ort_session_spec(model->session, side, i, &model->arena, &words, &specs[i]);
        if (err != ERR_OK) {
            text_printf(fault, SLICE_FMT ": %s", SLICE_ARG(model->config->path), memory);
            return err;
        }
        names[i] = specs[i].name.ptr; /* the arena puts a NUL behind */
    }
    *(is_input ? &model->info.input_count : &model->info.output_count) = count;
    return ERR_OK;
}

/* An output that is an input by name is never computed: the runtime hands the input back and leaves memory that was
 * given for it untouched. */
static void mark_passed_through(struct model *model)
{
    for (uint32_t i = 0; i < model->info.output_count; i++)
        if (model_input_index(model, model->info.outputs[i].name) >= 0) {
            atomic_fetch_or(&model->not_derivable, 1U << i);
            atomic_fetch_or(&model->not_rememberable, 1U << i);
        }
}

struct model *model_ref(struct model *model)
{
    atomic_fetch_add_explicit(&model->refs, 1, memory_order_relaxed);
    return model;
}

void model_unref(struct model *model)
{
    if (model && atomic_fetch_sub_explicit(&model->refs, 1, memory_order_acq_rel) == 1)
        destroy(model);
}

/* Every run is in its pool again: each that is out holds a reference. */
static void destroy(struct model *model)
{
    AS_MEMORY_USER(onnxruntime);
    lane_destroy(model->lane);
    model_cache_destroy(model->cache);
    sequences_destroy(model->sequences);
    for (uint32_t i = 0; i < model->worker_count; i++)
        run_pool_deinit(&model->pools[i]);
    recordings_destroy(model);
    instances_destroy(model);
    ort_session_destroy(model->session);
    shapes_deinit(&model->shapes);
    arena_reset(&model->arena);
    pool_deinit(&model->pool);
    free(model);
}

struct lane *model_lane(const struct model *model)
{
    return model->lane;
}

struct model_cache *model_cache(const struct model *model)
{
    return model->cache;
}

struct sequences *model_sequences(const struct model *model)
{
    return model->sequences;
}

const struct model_info *model_info(const struct model *model)
{
    return &model->info;
}

int model_input_index(const struct model *model, struct slice name)
{
    return find(model->info.inputs, model->info.input_count, name);
}

int model_output_index(const struct model *model, struct slice name)
{
    return find(model->info.outputs, model->info.output_count, name);
}

/* At most MODEL_TENSORS_MAX, usually one or two: a table would be slower. */
static int find(const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(specs[i].name, name))
            return (int)i;
    return -1;
}

uint64_t model_memory_bytes(const struct model *model)
{
    return atomic_load_explicit(&model->budget.bytes, memory_order_relaxed);
}

struct slice runtime_version(struct slice library, struct text *fault)
{
    return ort_open(library, fault) == ERR_OK ? ort_version() : (struct slice){NULL, 0};
}

void runtime_providers(struct text *names)
{
    ort_providers(names);
}
