/* SPDX-License-Identifier: Apache-2.0 */
/* `pipelines:`: steps with their edges, and the answer. A step may name what stands before it only, so there are no circles.
 * Each edge has a type that is known here, but for the shapes of tensors, which models say (graph_bind). */
#include "control/config/pipelines_int.h"

#include "control/config/option_tables.h"
#include "pipeline/config_make.h"

#define FAULT_BYTES 1024
#define NAME_BYTES  256

/* `use:`, `model:` and `name:` of a step. */
struct step_config {
    struct slice name;
    struct slice kind;
    struct slice model;
};

static const struct option step_rows[] = {
    {.name = "name",
     .type = OPTION_TEXT,
     .offset = offsetof(struct step_config, name),
     .min = 1,
     .max = 64,
     .flags = OPTION_REQUIRED,
     .help = "What later steps and the answer call it: A-Z a-z 0-9 _ -"},
    {.name = "use",
     .type = OPTION_TEXT,
     .offset = offsetof(struct step_config, kind),
     .max = 64,
     .help = "A built-in step"},
    {.name = "model",
     .type = OPTION_TEXT,
     .offset = offsetof(struct step_config, model),
     .max = 128,
     .help = "In place of `use`: a model of `models:`"},
};
const struct option_table option_table_pipeline_step = {.name = "step",
                                                        .help = "A model or a built-in step, and what goes into it",
                                                        .bytes = sizeof(struct step_config),
                                                        .rows = step_rows,
                                                        .count = ARRAY_LEN(step_rows)};

static enum err read_pipeline(struct compile *compile, const struct yaml_node *node);
static enum err read_step(struct pipeline_draft *draft, const struct yaml_node *node);
static void connect_steps(struct pipeline_draft *draft);

void pipeline_report(struct pipeline_draft *draft, struct report_place place, const char *format, ...)
{
    char memory[FAULT_BYTES];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    draft->is_broken = true;
    report_error(draft->compile->report, place, "pipeline \"" SLICE_FMT "\": %s",
                 SLICE_ARG(slice_first(draft->pipeline->config->name, REPORT_QUOTE_BYTES_MAX)), memory);
}

enum err compile_pipelines(struct compile *compile)
{
    struct config *config = compile->config;
    const struct yaml_node *node = yaml_find(compile->root, "pipelines");
    config->pipelines = arena_alloc_array(&config->arena, GRAPH_PIPELINES_MAX, sizeof(struct pipeline *));
    if (!config->pipelines)
        return ERR_NOMEM;
    if (!node || node->kind == YAML_NULL)
        return ERR_OK;
    if (node->kind != YAML_LIST || node->count > GRAPH_PIPELINES_MAX) {
        report_error(compile->report, node->place, "\"pipelines\" takes a list of up to %d pipelines",
                     GRAPH_PIPELINES_MAX);
        return ERR_OK;
    }
    for (const struct yaml_node *entry = node->first; entry; entry = entry->next)
        TRY(read_pipeline(compile, entry));
    return ERR_OK;
}

static struct pipeline *pipeline_find(const struct config *config, struct slice name)
{
    for (uint32_t i = 0; i < config->pipeline_count; i++)
        if (slice_equal(config->pipelines[i]->config->name, name))
            return config->pipelines[i];
    return NULL;
}

bool pipeline_resolve(struct compile *compile, struct slice name, struct report_place place, const struct chain *chain,
                      struct pipeline **ret_pipeline)
{
    const struct config *config = compile->config;
    const char *names[GRAPH_PIPELINES_MAX];
    struct pipeline *pipeline = pipeline_find(config, name);
    bool is_good = pipeline;
    for (uint32_t i = 0; i < chain->count; i++) {
        const struct middleware *middleware = chain->links[i].middleware;
        if (middleware->place != PLACE_INPUT && middleware->place != PLACE_OUTPUT)
            continue;
        report_error(compile->report, chain->places[i],
                     "%s is for routes to a model; a pipeline has steps and an answer of its own", middleware->name);
        is_good = false;
    }
    *ret_pipeline = pipeline;
    if (pipeline)
        return is_good;
    for (uint32_t i = 0; i < config->pipeline_count; i++)
        names[i] = config->pipelines[i]->config->name.ptr;
    const struct report_unknown unknown = {
        .kind = "pipeline",
        .name = name,
        .nearest = text_nearest(name, names, config->pipeline_count),
        .otherwise = "pipelines are declared in the list \"pipelines\"",
    };
    report_unknown(compile->report, place, &unknown);
    return false;
}

static void release(void *pipeline)
{
    graph_unbind(pipeline);
}

/* The list `key` of the pipeline; NULL and a report without. */
static const struct yaml_node *list_of(struct pipeline_draft *draft, const char *key, uint32_t most)
{
    const struct yaml_node *node = yaml_find(draft->node, key);
    if (node && node->kind == YAML_LIST && node->count >= 1 && node->count <= most)
        return node;
    pipeline_report(draft, node ? node->place : draft->node->place, "\"%s\" takes a list of 1 to %u maps", key, most);
    return NULL;
}

static enum err read_pipeline(struct compile *compile, const struct yaml_node *node)
{
    static const char *const others[] = {"steps", "answer", NULL};
    struct config *config = compile->config;
    struct pipeline *pipeline = arena_alloc_zero(&config->arena, sizeof *pipeline);
    struct pipeline_config *options = arena_alloc_zero(&config->arena, sizeof *options);
    if (!pipeline || !options)
        return ERR_NOMEM;
    struct pipeline_draft draft = {.compile = compile, .node = node, .pipeline = pipeline};
    struct fill_job job = {.table = &option_table_pipeline, .node = node, .place = node->place, .others = others};
    pipeline->config = options;
    TRY(fill_table(&compile->fill, &job, options));
    if (node->kind != YAML_MAP || !options->name.len)
        return ERR_OK; /* was reported */
    if (pipeline_find(config, options->name))
        pipeline_report(&draft, node->place, "there is one of this name already");
    const struct yaml_node *steps = list_of(&draft, "steps", GRAPH_STEPS_MAX);
    for (const struct yaml_node *entry = steps ? steps->first : NULL; entry && !draft.is_broken; entry = entry->next)
        TRY(read_step(&draft, entry));
    const struct yaml_node *answer = draft.is_broken ? NULL : list_of(&draft, "answer", GRAPH_ANSWERS_MAX);
    for (const struct yaml_node *entry = answer ? answer->first : NULL; entry && !draft.is_broken; entry = entry->next)
        TRY(pipeline_read_answer(&draft, entry));
    if (draft.is_out_of_memory)
        return ERR_NOMEM;
    if (!draft.is_broken)
        connect_steps(&draft);
    config->pipelines[config->pipeline_count++] = pipeline;
    return config_on_release(config, release, pipeline);
}

/* --- Edges -------------------------------------------------------------------------------------------------------- */

static uint32_t find_step(const struct pipeline *pipeline, struct slice name)
{
    for (uint32_t i = 0; i < pipeline->step_count; i++)
        if (slice_equal(pipeline->steps[i].name, name))
            return i;
    return GRAPH_BODY;
}

static void describe(const struct pipeline *pipeline, struct graph_source source, struct text *out)
{
    const struct graph_output *output = graph_output_of(pipeline, source);
    bool is_list = graph_domain_of(pipeline, source) != GRAPH_NO_DOMAIN;
    text_printf(out, "%s%s", is_list ? "list of " : "", graph_type_name(output->type));
}

/* What is written in the tree goes with the load. */
struct slice pipeline_keep(struct pipeline_draft *draft, struct slice text)
{
    struct slice kept = text.len ? arena_copy(&draft->compile->config->arena, text) : text;
    draft->is_out_of_memory |= text.len && !kept.ptr;
    return kept;
}

/* The output of a step by name, the first without one; of a model it is noted that somebody asks for it. */
static bool find_output(struct pipeline_draft *draft, struct report_place place, struct graph_step *step,
                        struct slice name, uint32_t *ret_output)
{
    for (uint32_t i = 0; i < step->output_count; i++)
        if (slice_equal(step->outputs[i].name, name) || (step->kind && !name.len)) {
            *ret_output = i;
            return true;
        }
    if (step->kind) {
        char memory[NAME_BYTES];
        struct text list = text_init(memory, sizeof memory);
        for (uint32_t i = 0; i < step->output_count; i++)
            text_printf(&list, "%s" SLICE_FMT, i ? ", " : "", SLICE_ARG(step->outputs[i].name));
        pipeline_report(draft, place, "step \"" SLICE_FMT "\" (%s) has no output \"" SLICE_FMT "\"; there are %s",
                        SLICE_ARG(step->name), step->kind->name, SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)),
                        memory);
        return false;
    }
    if (step->output_count == GRAPH_OUTPUTS_MAX) {
        pipeline_report(draft, place, "more than %d outputs of step \"" SLICE_FMT "\" are asked for", GRAPH_OUTPUTS_MAX,
                        SLICE_ARG(step->name));
        return false;
    }
    step->outputs[step->output_count] = (struct graph_output){.name = pipeline_keep(draft, name), .type = GRAPH_TENSOR};
    *ret_output = step->output_count++;
    return true;
}

/* "step" or "step.output"; names of a model's outputs may have dots of their own. */
bool pipeline_find_source(struct pipeline_draft *draft, const struct yaml_node *node, struct slice text,
                          struct graph_source *ret)
{
    struct pipeline *pipeline = draft->pipeline;
    struct report_place place = node->place;
    struct slice rest = text;
    struct slice name = slice_cut(&rest, '.');
    if (slice_is(text, "body")) {
        *ret = (struct graph_source){.step = GRAPH_BODY};
        return true;
    }
    uint32_t step = find_step(pipeline, name);
    if (step != GRAPH_BODY) {
        ret->step = step;
        return find_output(draft, place, &pipeline->steps[step], rest, &ret->output);
    }
    const char *names[GRAPH_STEPS_MAX];
    for (uint32_t i = 0; i < pipeline->step_count; i++)
        names[i] = pipeline->steps[i].name.ptr;
    const char *nearest = text_nearest(name, names, pipeline->step_count);
    pipeline_report(draft, place, "no step before is named \"" SLICE_FMT "\"%s%s%s",
                    SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)), nearest ? "; did you mean \"" : "",
                    nearest ? nearest : "", nearest ? "\"?" : "");
    return false;
}

/* An edge into a step: its type, and which list's element the step works on. */
static void check_edge(struct pipeline_draft *draft, const struct yaml_node *node, struct graph_step *step,
                       struct slice input, const struct graph_port *port, struct graph_input *edge)
{
    struct pipeline *pipeline = draft->pipeline;
    const struct graph_output *output = graph_output_of(pipeline, edge->from);
    uint32_t domain = graph_domain_of(pipeline, edge->from);
    if (output->type != port->type || (port->is_list && domain == GRAPH_NO_DOMAIN)) {
        char memory[NAME_BYTES];
        struct text found = text_init(memory, sizeof memory);
        describe(pipeline, edge->from, &found);
        pipeline_report(draft, node->place,
                        "step \"" SLICE_FMT "\", input \"" SLICE_FMT "\": expects %s%s, but \"" SLICE_FMT "\" gives %s",
                        SLICE_ARG(step->name), SLICE_ARG(input), port->is_list ? "list of " : "",
                        graph_type_name(port->type), SLICE_ARG(slice_first(node->text, REPORT_QUOTE_BYTES_MAX)),
                        memory);
        return;
    }
    edge->is_whole = port->is_list;
    if (port->is_list || domain == GRAPH_NO_DOMAIN)
        return;
    if (step->domain != GRAPH_NO_DOMAIN && step->domain != domain)
        pipeline_report(
            draft, node->place,
            "step \"" SLICE_FMT "\", input \"" SLICE_FMT "\": expects an element of the list of \"" SLICE_FMT
            "\", as another input, but \"" SLICE_FMT "\" is of the list of \"" SLICE_FMT "\"",
            SLICE_ARG(step->name), SLICE_ARG(input), SLICE_ARG(pipeline->steps[step->domain - 1].name),
            SLICE_ARG(slice_first(node->text, REPORT_QUOTE_BYTES_MAX)), SLICE_ARG(pipeline->steps[domain - 1].name));
    step->domain = domain;
}

static void add_model_input(struct pipeline_draft *draft, struct graph_step *step, const struct yaml_node *node,
                            struct slice tensor)
{
    static const struct graph_port port = {.type = GRAPH_TENSOR};
    if (step->input_count == MODEL_TENSORS_MAX) {
        pipeline_report(draft, node->place, "step \"" SLICE_FMT "\": a model has at most %d inputs",
                        SLICE_ARG(step->name), MODEL_TENSORS_MAX);
        return;
    }
    struct graph_input *input = &step->inputs[step->input_count];
    input->tensor = pipeline_keep(draft, tensor);
    if (!pipeline_find_source(draft, node, node->text, &input->from))
        return;
    input->is_given = true;
    step->input_count++;
    check_edge(draft, node, step, tensor, &port, input);
}

static void add_kind_input(struct pipeline_draft *draft, struct graph_step *step, const struct yaml_node *node,
                           struct slice name)
{
    char memory[NAME_BYTES];
    struct text list = text_init(memory, sizeof memory);
    for (uint32_t i = 0; step->kind->inputs[i].name; i++) {
        const struct graph_port *port = &step->kind->inputs[i];
        text_printf(&list, "%s%s", i ? ", " : "", port->name);
        if (name.len && !slice_is(name, port->name))
            continue;
        if (!pipeline_find_source(draft, node, node->text, &step->inputs[i].from))
            return;
        step->inputs[i].is_given = true;
        check_edge(draft, node, step, slice_of_text(port->name), port, &step->inputs[i]);
        return;
    }
    pipeline_report(draft, node->key_place, "step \"" SLICE_FMT "\" (%s) has no input \"" SLICE_FMT "\"; there are %s",
                    SLICE_ARG(step->name), step->kind->name, SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)),
                    memory);
}

static void read_inputs(struct pipeline_draft *draft, struct graph_step *step, const struct yaml_node *node)
{
    const struct yaml_node *in = yaml_find(node, "in");
    if (in && in->kind == YAML_SCALAR) {
        if (step->kind)
            add_kind_input(draft, step, in, (struct slice){NULL, 0});
        else
            add_model_input(draft, step, in, (struct slice){NULL, 0});
    } else if (in && in->kind == YAML_MAP) {
        for (const struct yaml_node *entry = in->first; entry && !draft->is_broken; entry = entry->next) {
            if (entry->kind != YAML_SCALAR)
                pipeline_report(draft, entry->place, "an input is step or step.output");
            else if (step->kind)
                add_kind_input(draft, step, entry, entry->key);
            else
                add_model_input(draft, step, entry, entry->key);
        }
    } else if (in) {
        pipeline_report(draft, in->place, "\"in\" takes step, step.output or a map of input to that");
    }
    if (!step->kind && !step->input_count && !draft->is_broken)
        pipeline_report(draft, node->place, "step \"" SLICE_FMT "\": nothing goes into it; write \"in\"",
                        SLICE_ARG(step->name));
    for (uint32_t i = 0; step->kind && step->kind->inputs[i].name && !draft->is_broken; i++) {
        const struct graph_port *port = &step->kind->inputs[i];
        if (!step->inputs[i].is_given && port->type == GRAPH_FILE) {
            step->inputs[i] = (struct graph_input){.from = {.step = GRAPH_BODY}, .is_given = true};
        } else if (!step->inputs[i].is_given && !port->is_optional) {
            pipeline_report(draft, node->place,
                            "step \"" SLICE_FMT "\" (%s): its input \"%s\" is not given: expects %s%s",
                            SLICE_ARG(step->name), step->kind->name, port->name, port->is_list ? "list of " : "",
                            graph_type_name(port->type));
        }
    }
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

static bool find_kind(struct pipeline_draft *draft, const struct yaml_node *node, struct slice name,
                      struct graph_step *step)
{
    const char *names[64];
    char memory[FAULT_BYTES / 2];
    struct text list = text_init(memory, sizeof memory);
    step->kind = graph_kind_find(name);
    if (step->kind)
        return true;
    for (size_t i = 0; i < MIN(graph_kind_count, ARRAY_LEN(names)); i++) {
        names[i] = graph_kinds[i]->name;
        text_printf(&list, "%s%s", i ? ", " : "there are ", names[i]);
    }
    const struct report_unknown unknown = {.kind = "step",
                                           .name = name,
                                           .nearest =
                                               text_nearest(name, names, MIN(graph_kind_count, ARRAY_LEN(names))),
                                           .otherwise = memory};
    report_unknown(draft->compile->report, yaml_find(node, "use")->place, &unknown);
    draft->is_broken = true;
    return false;
}

static bool has_model(struct pipeline_draft *draft, const struct yaml_node *node, struct slice name)
{
    const struct model_config *models = draft->compile->config->models.items;
    for (uint32_t i = 0; i < draft->compile->config->models.count; i++)
        if (slice_equal(models[i].name, name))
            return true;
    pipeline_report(draft, yaml_find(node, "model")->place,
                    "no model is named \"" SLICE_FMT "\"; models are declared in the list \"models\"%s",
                    SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)),
                    draft->compile->config->repositories.count ? ", or are in a repository" : "");
    return false;
}

static enum err read_options(struct pipeline_draft *draft, struct graph_step *step, const struct yaml_node *node)
{
    struct compile *compile = draft->compile;
    const struct graph_kind *kind = step->kind;
    const struct yaml_node *with = yaml_find(node, "with");
    char memory[FAULT_BYTES / 2];
    struct text fault = text_init(memory, sizeof memory);
    uint32_t errors = compile->report->error_count;
    if (with && (!kind || !kind->options))
        pipeline_report(draft, with->place, "step \"" SLICE_FMT "\" takes no options", SLICE_ARG(step->name));
    if (!kind || !kind->options)
        return ERR_OK;
    struct fill_job job = {.table = kind->options, .node = with, .place = with ? with->place : node->place};
    step->options = arena_alloc_zero(&compile->config->arena, kind->options->bytes);
    if (!step->options)
        return ERR_NOMEM;
    TRY(fill_table(&compile->fill, &job, step->options));
    draft->is_broken |= compile->report->error_count != errors;
    if (draft->is_broken || !kind->prepare)
        return ERR_OK;
    enum err err = kind->prepare(step->options, &compile->config->arena, &fault);
    if (err != ERR_OK)
        pipeline_report(draft, job.place, "step \"" SLICE_FMT "\" (%s): %s", SLICE_ARG(step->name), kind->name,
                        fault.len ? memory : err_text(err));
    return err == ERR_NOMEM ? err : ERR_OK;
}

bool pipeline_is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return !slice_is(name, "body");
}

static void set_outputs(struct pipeline_draft *draft, struct graph_step *step, const struct yaml_node *node)
{
    for (uint32_t i = 0; step->kind && step->kind->outputs[i].name; i++) {
        const struct graph_port *port = &step->kind->outputs[i];
        step->outputs[step->output_count++] =
            (struct graph_output){.name = slice_of_text(port->name), .type = port->type, .is_list = port->is_list};
        step->opens_domain |= port->is_list;
    }
    if (step->opens_domain && step->domain != GRAPH_NO_DOMAIN)
        pipeline_report(draft, node->place,
                        "step \"" SLICE_FMT "\" (%s) gives a list for each element of the list of \"" SLICE_FMT
                        "\"; lists hold no lists",
                        SLICE_ARG(step->name), step->kind->name,
                        SLICE_ARG(draft->pipeline->steps[step->domain - 1].name));
}

static enum err read_step(struct pipeline_draft *draft, const struct yaml_node *node)
{
    static const char *const others[] = {"in", "with", NULL};
    struct compile *compile = draft->compile;
    struct pipeline *pipeline = draft->pipeline;
    struct graph_step *step = &pipeline->steps[pipeline->step_count];
    struct step_config options = {0};
    struct fill_job job = {.table = &option_table_pipeline_step, .node = node, .place = node->place, .others = others};
    uint32_t errors = compile->report->error_count;
    TRY(fill_table(&compile->fill, &job, &options));
    if (compile->report->error_count != errors) {
        draft->is_broken = true;
        return ERR_OK;
    }
    step->name = options.name;
    step->feeds = -1;
    if (!pipeline_is_name(options.name) || find_step(pipeline, options.name) != GRAPH_BODY)
        pipeline_report(draft, node->place,
                        "a step's name is made of A-Z a-z 0-9 _ -, is not \"body\" and stands once; found \"" SLICE_FMT
                        "\"",
                        SLICE_ARG(slice_first(options.name, REPORT_QUOTE_BYTES_MAX)));
    else if ((options.kind.len != 0) == (options.model.len != 0))
        pipeline_report(draft, node->place, "step \"" SLICE_FMT "\": write one of \"use\" and \"model\"",
                        SLICE_ARG(options.name));
    if (draft->is_broken)
        return ERR_OK;
    step->model_name = options.model;
    if (options.kind.len ? !find_kind(draft, node, options.kind, step) : !has_model(draft, node, options.model))
        return ERR_OK;
    TRY(read_options(draft, step, node));
    if (!draft->is_broken)
        read_inputs(draft, step, node);
    while (step->kind && step->kind->inputs[step->input_count].name)
        step->input_count++;
    if (!draft->is_broken)
        set_outputs(draft, step, node);
    pipeline->step_count++;
    return ERR_OK;
}

/* --- What follows from all of it ---------------------------------------------------------------------------------- */

/* A tensor that one model takes, and nobody else, is written where the model reads it. */
static void feed(struct pipeline *pipeline, uint32_t index)
{
    struct graph_step *step = &pipeline->steps[index];
    uint32_t edges = 0;
    if (!step->kind || step->is_answered || step->output_count != 1 || step->outputs[0].type != GRAPH_TENSOR ||
        step->outputs[0].is_list)
        return;
    for (uint32_t i = index + 1; i < pipeline->step_count; i++)
        for (uint32_t k = 0; k < pipeline->steps[i].input_count; k++) {
            const struct graph_input *input = &pipeline->steps[i].inputs[k];
            if (!input->is_given || input->from.step != index)
                continue;
            edges++;
            step->feeds = (int32_t)i;
            step->feeds_input = k;
        }
    if (edges == 1 && !pipeline->steps[step->feeds].kind && pipeline->steps[step->feeds].domain == step->domain)
        pipeline->steps[step->feeds].inputs[step->feeds_input].is_direct = true;
    else
        step->feeds = -1;
}

static void connect_steps(struct pipeline_draft *draft)
{
    struct pipeline *pipeline = draft->pipeline;
    for (uint32_t i = 0; i < pipeline->step_count; i++)
        for (uint32_t k = 0; k < pipeline->steps[i].input_count; k++) {
            const struct graph_input *input = &pipeline->steps[i].inputs[k];
            if (!input->is_given || input->from.step == GRAPH_BODY)
                continue;
            pipeline->steps[input->from.step].consumers |= 1ULL << i;
            pipeline->steps[input->from.step].is_kept |= input->is_whole;
        }
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        feed(pipeline, i);
        pipeline->steps[i].is_kept |= pipeline->steps[i].is_answered;
        if (!pipeline->steps[i].consumers && !pipeline->steps[i].is_answered)
            report_warning(draft->compile->report, draft->node->place,
                           "pipeline \"" SLICE_FMT "\": nobody takes what step \"" SLICE_FMT "\" gives",
                           SLICE_ARG(pipeline->config->name), SLICE_ARG(pipeline->steps[i].name));
    }
}
