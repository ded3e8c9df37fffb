/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of a pipeline without a request: its kinds, and whether the tensors fit once the models are there. */
#include "pipeline/graph/graph_int.h"
#include "pipeline/tensor_json.h"

#define KIND(name) extern const struct graph_kind graph_kind_##name;
#define GRAPH_KIND KIND
#include "pipeline/graph_kinds.def"
#undef GRAPH_KIND

const struct graph_kind *const graph_kinds[] = {
#define GRAPH_KIND(name) &graph_kind_##name,
#include "pipeline/graph_kinds.def"
#undef GRAPH_KIND
};
const size_t graph_kind_count = ARRAY_LEN(graph_kinds);

const struct graph_kind *graph_kind_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(graph_kinds); i++)
        if (slice_is(name, graph_kinds[i]->name))
            return graph_kinds[i];
    return NULL;
}

const char *graph_type_name(enum graph_type type)
{
    static const char *const names[] = {
#define GRAPH_TYPE(name, word) [GRAPH_##name] = word,
        GRAPH_TYPES(GRAPH_TYPE)
#undef GRAPH_TYPE
    };
    return names[type];
}

const struct graph_output *graph_output_of(const struct pipeline *pipeline, struct graph_source source)
{
    static const struct graph_output body = {.name = SLICE_LIT("body"), .type = GRAPH_FILE};
    return source.step == GRAPH_BODY ? &body : &pipeline->steps[source.step].outputs[source.output];
}

uint32_t graph_domain_of(const struct pipeline *pipeline, struct graph_source source)
{
    if (source.step == GRAPH_BODY)
        return GRAPH_NO_DOMAIN;
    return graph_output_of(pipeline, source)->is_list ? 1 + source.step : pipeline->steps[source.step].domain;
}

/* --- Binding ------------------------------------------------------------------------------------------------------ */

/* What is known of the outputs of each step. */
struct binding {
    struct pipeline *pipeline;
    const struct config *config;
    struct graph_shape shapes[GRAPH_STEPS_MAX][GRAPH_OUTPUTS_MAX];
    struct text *fault;
    const struct graph_others *others;
    bool is_trial;
};

static struct graph_shape shape_of(const struct tensor_spec *spec)
{
    struct graph_shape shape = {.is_known = true, .type = spec->type, .rank = spec->rank};
    memcpy(shape.dims, spec->dims, sizeof shape.dims);
    memcpy(shape.symbols, spec->symbols, sizeof shape.symbols);
    return shape;
}

void graph_shape_print(struct text *out, const struct graph_shape *shape)
{
    text_printf(out, "%s [", tensor_type_name(shape->type));
    for (uint32_t i = 0; i < shape->rank; i++) {
        text_add(out, i ? SLICE_LIT(", ") : SLICE_LIT(""));
        if (shape->dims[i] != TENSOR_DIM_ANY)
            text_printf(out, "%lld", (long long)shape->dims[i]);
        else
            text_add(out, shape->symbols[i].len ? slice_first(shape->symbols[i], 32) : SLICE_LIT("?"));
    }
    text_add(out, SLICE_LIT("]"));
}

static const struct graph_shape *shape_at(const struct binding *binding, struct graph_source source)
{
    return source.step == GRAPH_BODY ? NULL : &binding->shapes[source.step][source.output];
}

static void name_source(const struct pipeline *pipeline, struct graph_source source, struct text *out)
{
    const struct graph_output *output = graph_output_of(pipeline, source);
    if (source.step != GRAPH_BODY)
        text_printf(out, SLICE_FMT "%s", SLICE_ARG(pipeline->steps[source.step].name), output->name.len ? "." : "");
    text_add(out, output->name);
}

/* Where a dimension is open on either side, only a run can tell. */
static bool fits(const struct graph_shape *given, const struct graph_shape *wanted)
{
    if (!given->is_known)
        return true;
    if (given->type != wanted->type || given->rank != wanted->rank)
        return false;
    for (uint32_t i = 0; i < given->rank; i++)
        if (given->dims[i] != wanted->dims[i] && given->dims[i] != TENSOR_DIM_ANY && wanted->dims[i] != TENSOR_DIM_ANY)
            return false;
    return true;
}

static enum err refuse(struct binding *binding, const struct graph_step *step, struct slice input,
                       struct graph_source from, const struct graph_shape *wanted)
{
    text_printf(binding->fault, "step \"" SLICE_FMT "\", input \"" SLICE_FMT "\": expects ", SLICE_ARG(step->name),
                SLICE_ARG(input));
    graph_shape_print(binding->fault, wanted);
    text_add(binding->fault, SLICE_LIT(", but \""));
    name_source(binding->pipeline, from, binding->fault);
    text_add(binding->fault, SLICE_LIT("\" gives "));
    graph_shape_print(binding->fault, shape_at(binding, from));
    return ERR_MISMATCH;
}

static enum err lacks(struct binding *binding, const struct graph_step *step, const char *side, struct slice name)
{
    text_printf(binding->fault, "step \"" SLICE_FMT "\": the model \"" SLICE_FMT "\" has no %s \"" SLICE_FMT "\"",
                SLICE_ARG(step->name), SLICE_ARG(step->model_name), side, SLICE_ARG(name));
    return ERR_MISMATCH;
}

static const struct model *model_of(const struct binding *binding, const struct graph_step *step)
{
    const struct graph_others *others = binding->others;
    const struct config *config = binding->config;
    for (uint32_t i = 0; others && i < others->count; i++)
        if (slice_equal(others->names[i], step->model_name))
            config = others->config;
    struct model_entry *entry = config_model(config, step->model_name);
    return entry ? atomic_load_explicit(&entry->model, memory_order_acquire) : NULL;
}

static enum err bind_model(struct binding *binding, uint32_t index)
{
    const struct graph_step *step = &binding->pipeline->steps[index];
    const struct model *model = model_of(binding, step);
    uint32_t given = 0;
    if (!model) {
        text_printf(binding->fault, "step \"" SLICE_FMT "\": the model \"" SLICE_FMT "\" is not loaded",
                    SLICE_ARG(step->name), SLICE_ARG(step->model_name));
        return ERR_AGAIN;
    }
    const struct model_info *info = model_info(model);
    for (uint32_t i = 0; i < step->input_count; i++) {
        const struct graph_input *input = &step->inputs[i];
        int at = input->tensor.len ? model_input_index(model, input->tensor) : 0;
        if (at < 0)
            return lacks(binding, step, "input", input->tensor);
        struct graph_shape wanted = shape_of(&info->inputs[at]);
        if (!fits(shape_at(binding, input->from), &wanted))
            return refuse(binding, step, info->inputs[at].name, input->from, &wanted);
        given |= 1U << at;
    }
    for (uint32_t i = 0; i < info->input_count; i++)
        if (!(given & 1U << i)) {
            text_printf(binding->fault,
                        "step \"" SLICE_FMT "\": the input \"" SLICE_FMT "\" of the model \"" SLICE_FMT
                        "\" is not given",
                        SLICE_ARG(step->name), SLICE_ARG(info->inputs[i].name), SLICE_ARG(step->model_name));
            return ERR_MISMATCH;
        }
    for (uint32_t i = 0; i < step->output_count; i++) {
        int at = step->outputs[i].name.len ? model_output_index(model, step->outputs[i].name) : 0;
        if (at < 0)
            return lacks(binding, step, "output", step->outputs[i].name);
        binding->shapes[index][i] = shape_of(&info->outputs[at]);
    }
    return ERR_OK;
}

static enum err bind_kind(struct binding *binding, uint32_t index)
{
    struct graph_step *step = &binding->pipeline->steps[index];
    char memory[512];
    struct text why = text_init(memory, sizeof memory);
    struct graph_binding job = {.options = step->options, .fault = &why};
    if (!step->kind->bind)
        return ERR_OK;
    for (uint32_t i = 0; i < step->input_count; i++)
        if (step->inputs[i].is_given && step->kind->inputs[i].type == GRAPH_TENSOR)
            job.inputs[i] = shape_at(binding, step->inputs[i].from);
    struct graph_source first = step->inputs[0].from;
    if (first.step != GRAPH_BODY && !binding->pipeline->steps[first.step].kind)
        job.source = model_info(model_of(binding, &binding->pipeline->steps[first.step]));
    enum err err = step->kind->bind(&job);
    if (err != ERR_OK) {
        text_printf(binding->fault, "step \"" SLICE_FMT "\" (%s): %s", SLICE_ARG(step->name), step->kind->name,
                    why.len ? memory : err_text(err));
        return err;
    }
    if (step->kind->outputs[0].type == GRAPH_TENSOR)
        binding->shapes[index][0] = job.output;
    if (job.prepared) {
        void *old = atomic_load_explicit(&step->bound, memory_order_relaxed);
        if (old || binding->is_trial)
            step->kind->release(job.prepared); /* bound before, to the same models, or not to be */
        else
            atomic_store_explicit(&step->bound, job.prepared, memory_order_release);
    }
    return ERR_OK;
}

/* What clients are to get has a form in JSON. */
static enum err bind_answer(const struct binding *binding, const struct graph_answer *answer)
{
    for (uint32_t i = 0; i < answer->field_count; i++) {
        struct graph_source from = answer->fields[i].from;
        const struct graph_shape *shape = shape_at(binding, from);
        if (graph_output_of(binding->pipeline, from)->type != GRAPH_TENSOR || !shape->is_known ||
            tensor_type_has_json(shape->type))
            continue;
        text_printf(binding->fault, "answer \"" SLICE_FMT "\": \"", SLICE_ARG(answer->name));
        name_source(binding->pipeline, from, binding->fault);
        text_printf(binding->fault, "\" gives %s, which has no form in JSON", tensor_type_name(shape->type));
        return ERR_MISMATCH;
    }
    return ERR_OK;
}

static enum err bind_all(struct binding *binding)
{
    const struct pipeline *pipeline = binding->pipeline;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < pipeline->step_count && err == ERR_OK; i++)
        err = pipeline->steps[i].kind ? bind_kind(binding, i) : bind_model(binding, i);
    for (uint32_t i = 0; i < pipeline->answer_count && err == ERR_OK; i++)
        err = bind_answer(binding, &pipeline->answers[i]);
    return err;
}

enum err graph_try(struct pipeline *pipeline, const struct config *config, const struct graph_others *others,
                   struct text *fault)
{
    struct binding binding = {
        .pipeline = pipeline, .config = config, .fault = fault, .others = others, .is_trial = true};
    return bind_all(&binding);
}

enum err graph_bind(struct pipeline *pipeline, const struct config *config, struct text *fault)
{
    struct binding binding = {.pipeline = pipeline, .config = config, .fault = fault};
    enum err err = bind_all(&binding);
    enum graph_state state = err == ERR_OK ? GRAPH_BOUND : err == ERR_AGAIN ? GRAPH_UNBOUND : GRAPH_MISFIT;
    atomic_store_explicit(&pipeline->state, state, memory_order_release);
    return err;
}

void graph_unbind(struct pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        void *bound = atomic_load_explicit(&pipeline->steps[i].bound, memory_order_relaxed);
        if (bound && pipeline->steps[i].kind->release)
            pipeline->steps[i].kind->release(bound);
    }
}
