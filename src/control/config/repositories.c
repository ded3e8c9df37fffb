/* SPDX-License-Identifier: Apache-2.0 */
/* Models of `repository:`. A configuration is made with all of them each time; which ones those are, a choice says that whoever
 * replaces a configuration by the next brings along (load.h). */
#include "control/config/compile_int.h"
#include "control/config/copy.h"
#include "control/config/load.h"
#include "control/config/option_tables.h"
#include "control/repository/scan.h"
#include "lib/sys/clock.h"

#include <stdlib.h>

#define MODELS_MAX 4096
#define FAULTS_MAX 4096
#define CACHE_NS                                                                                                       \
    (864 * UINT64_C(100000000000000)) /* of response_cache, which has no end in Triton: what `ttl` takes at most */

struct gathering {
    struct compile *compile;
    const struct repository_config *repository;
    const struct yaml_node *node;
    struct model_config *models; /* MODELS_MAX; the first are those of `models:` */
    uint32_t count;
    struct repository_fault *faults; /* FAULTS_MAX */
    uint32_t fault_count;
    bool is_cut; /* there is no memory */
};

static void gather(struct gathering *gathering);
static void keep(struct gathering *gathering, struct slice only, struct slice but);

static void take_note(void *context, bool is_error, struct slice path, struct slice text, struct report_place place,
                      const char *words)
{
    struct gathering *gathering = context;
    struct arena *scratch = gathering->compile->fill.scratch;
    struct slice shown =
        arena_printf(scratch, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(gathering->repository->folder), SLICE_ARG(path));
    bool is_of_request = text.ptr && text.ptr == gathering->compile->choice->settings.ptr;
    const struct report_origin origin = {.path = shown.ptr && !is_of_request ? shown : path, .text = text};
    report_warning_in(gathering->compile->report, &origin, place, "%s%s", words,
                      is_error ? "; the model is not served like this" : "");
}

static void put_fault(struct gathering *gathering, struct slice name, struct slice reason, bool is_served)
{
    struct arena *arena = &gathering->compile->config->arena;
    if (gathering->fault_count == FAULTS_MAX)
        return;
    struct repository_fault *fault = &gathering->faults[gathering->fault_count++];
    *fault = (struct repository_fault){.name = arena_copy(arena, name),
                                       .repository = arena_copy(arena, gathering->repository->folder),
                                       .reason = arena_copy(arena, reason),
                                       .is_served = is_served};
    gathering->is_cut |= !fault->name.ptr || !fault->repository.ptr || !fault->reason.ptr;
}

static void add_fault(struct gathering *gathering, struct slice name, struct slice reason)
{
    put_fault(gathering, name, reason, false);
}

/* The repository as a whole. */
static void warn(struct gathering *gathering, const char *what)
{
    report_warning(gathering->compile->report, compile_place_of(gathering->node), "repository " SLICE_FMT ": %s",
                   SLICE_ARG(gathering->repository->folder), what);
}

/* --- what a model says --------------------------------------------------------------------------------------------------- */

static void set_providers(struct gathering *gathering, const struct model_settings *settings,
                          struct model_config *model)
{
    struct arena *arena = &gathering->compile->config->arena;
    struct slice *names = arena_alloc_array(arena, ARRAY_LEN(settings->accelerators) + 2, sizeof *names);
    uint32_t count = 0;
    gathering->is_cut |= !names;
    if (!names)
        return;
    for (uint32_t i = 0; i < settings->accelerator_count; i++)
        names[count++] = arena_copy(arena, settings->accelerators[i]);
    if (settings->wants_gpu)
        names[count++] = arena_copy(arena, SLICE_LIT("cuda"));
    names[count++] = arena_copy(arena, SLICE_LIT("cpu"));
    for (uint32_t i = 0; i < count; i++)
        gathering->is_cut |= !names[i].ptr;
    model->providers = (struct option_list){names, count};
}

static void set_warm_up(struct gathering *gathering, const struct model_settings *settings, struct model_config *model)
{
    struct arena *arena = &gathering->compile->config->arena;
    struct option_shape *shapes = arena_alloc_array(arena, settings->warm_up_count, sizeof *shapes);
    gathering->is_cut |= !shapes;
    if (!shapes)
        return;
    for (uint32_t i = 0; i < settings->warm_up_count; i++) {
        shapes[i] = settings->warm_up[i];
        shapes[i].name = arena_copy(arena, shapes[i].name);
        gathering->is_cut |= !shapes[i].name.ptr;
    }
    model->warm_up = (struct option_list){shapes, settings->warm_up_count};
}

/* Whoever gives rules wants them kept. */
static void set_batching(struct gathering *gathering, const struct model_settings *settings, struct model_config *model)
{
    struct arena *arena = &gathering->compile->config->arena;
    uint64_t *sizes = arena_alloc_array(arena, settings->preferred_count, sizeof *sizes);
    gathering->is_cut |= !sizes;
    if (!sizes)
        return;
    memcpy(sizes, settings->preferred, settings->preferred_count * sizeof *sizes);
    model->batch.policy = BATCH_FIXED;
    model->batch.max_delay = MIN(settings->delay_us * 1000, 60 * NS_PER_S);
    model->batch.preferred = (struct option_list){sizes, settings->preferred_count};
}

/* The shape that a state begins with, if it is said in full. */
static struct option_list first_dims(struct gathering *gathering, const struct model_settings *settings,
                                     const struct declared_state *state)
{
    const int64_t *said = state->first_rank ? state->first_dims : state->dims;
    uint32_t rank = state->first_rank ? state->first_rank : state->rank;
    uint32_t front = settings->batch_max ? 1 : 0;
    uint64_t *dims = arena_alloc_array(&gathering->compile->config->arena, rank + front, sizeof *dims);
    gathering->is_cut |= !dims;
    for (uint32_t i = 0; dims && i < rank; i++) {
        if (said[i] < 1)
            return (struct option_list){NULL, 0};
        dims[front + i] = (uint64_t)said[i];
    }
    if (!dims || !rank)
        return (struct option_list){NULL, 0};
    if (front)
        dims[0] = 1;
    return (struct option_list){dims, rank + front};
}

/* As Triton, a second of idleness unless another time is said. */
static void set_sequence(struct gathering *gathering, const struct model_settings *settings, struct model_config *model)
{
    struct arena *arena = &gathering->compile->config->arena;
    struct sequence_state_config *states = arena_alloc_array(arena, settings->state_count, sizeof *states);
    gathering->is_cut |= !states;
    if (!states)
        return;
    for (uint32_t i = 0; i < settings->state_count; i++) {
        states[i].input = arena_copy(arena, settings->states[i].input);
        states[i].output = arena_copy(arena, settings->states[i].output);
        states[i].dims = first_dims(gathering, settings, &settings->states[i]);
        gathering->is_cut |= !states[i].input.ptr || !states[i].output.ptr;
    }
    model->sequence.states = (struct option_list){states, settings->state_count};
    model->sequence.idle_ns = settings->idle_us ? MAX(settings->idle_us * 1000, NS_PER_MS) : NS_PER_S;
}

static void set_labels(struct gathering *gathering, const struct scanned_model *scanned, struct model_config *model)
{
    const struct model_settings *settings = &scanned->settings;
    for (uint32_t i = 0; i < settings->output_count && !model->labels.len; i++)
        if (settings->outputs[i].labels.len)
            model->labels = arena_printf(&gathering->compile->config->arena, SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT,
                                         SLICE_ARG(gathering->repository->folder), SLICE_ARG(scanned->name),
                                         SLICE_ARG(settings->outputs[i].labels));
}

/* Whoever gives a model a batch dimension has it batched, up to so many rows; 0 says that it has none. */
static void apply(struct gathering *gathering, const struct scanned_model *scanned, struct model_config *model)
{
    const struct model_settings *settings = &scanned->settings;
    model->record = gathering->repository->record;
    model->difference_max = gathering->repository->difference_max;
    if (settings->has_batch_max)
        model->batch.max = MAX(MIN(settings->batch_max, 4096), 1);
    if (settings->threads)
        model->threads = settings->threads;
    if (settings->has_optimization)
        model->optimization = settings->optimization;
    if (settings->queue_max)
        model->queue_total = MIN(settings->queue_max, 1048576);
    if (settings->priority_default)
        model->priority = MIN(settings->priority_default, 8);
    if (settings->instances)
        model->instances = MIN(settings->instances, 1024);
    if (settings->has_cache)
        model->cache.ttl_ns = CACHE_NS;
    if (settings->delay_us || settings->preferred_count)
        set_batching(gathering, settings, model);
    if (settings->accelerator_count || settings->wants_gpu)
        set_providers(gathering, settings, model);
    if (settings->state_count)
        set_sequence(gathering, settings, model);
    if (settings->warm_up_count)
        set_warm_up(gathering, settings, model);
    set_labels(gathering, scanned, model);
}

/* --- models that were found ---------------------------------------------------------------------------------------------- */

static void add_version(struct gathering *gathering, const struct scanned_model *scanned,
                        const struct scanned_version *version)
{
    struct compile *compile = gathering->compile;
    struct arena *arena = &compile->config->arena;
    struct model_config *model = &gathering->models[gathering->count];
    *model = (struct model_config){0};
    if (fill_table(&compile->fill, &(struct fill_job){.table = &option_table_model}, model) != ERR_OK) {
        gathering->is_cut = true;
        return;
    }
    model->name = arena_copy(arena, scanned->name);
    model->version = arena_copy(arena, version->version);
    model->path = arena_copy(arena, version->path);
    model->repository = arena_copy(arena, gathering->repository->folder);
    if (scanned->config.ptr) {
        model->settings = arena_copy(arena, scanned->config);
        model->settings_path = arena_copy(arena, scanned->config_path);
        gathering->is_cut |= !model->settings.ptr || !model->settings_path.ptr;
    }
    model->signature = version->signature;
    gathering->is_cut |= !model->name.ptr || !model->version.ptr || !model->path.ptr || !model->repository.ptr;
    apply(gathering, scanned, model);
    gathering->count++;
}

static bool has_name(const struct gathering *gathering, struct slice name)
{
    for (uint32_t i = 0; i < gathering->count; i++)
        if (slice_equal(gathering->models[i].name, name))
            return true;
    return false;
}

/* What changes at this moment stays as it was, if it was there: it is looked at again. */
static bool is_left_as_it_was(struct gathering *gathering, const struct scanned_model *scanned)
{
    if (!scanned->is_growing || !gathering->compile->choice->rest_ns)
        return false;
    gathering->compile->config->has_growing_models = true;
    keep(gathering, scanned->name, (struct slice){NULL, 0});
    return true;
}

static void add_model(struct gathering *gathering, const struct scanned_model *scanned)
{
    if (has_name(gathering, scanned->name)) {
        add_fault(gathering, scanned->name,
                  SLICE_LIT("there is a model of this name already, in `models:` or in another repository"));
        return;
    }
    if (is_left_as_it_was(gathering, scanned))
        return;
    if (scanned->fault.len)
        add_fault(gathering, scanned->name, scanned->fault);
    else if (gathering->count + scanned->version_count > MODELS_MAX)
        add_fault(gathering, scanned->name, SLICE_LIT("there are too many models"));
    for (uint32_t i = 0; !scanned->fault.len && i < scanned->version_count && gathering->count < MODELS_MAX; i++)
        add_version(gathering, scanned, &scanned->versions[i]);
}

/* --- models of the configuration before ------------------------------------------------------------------------------------ */

/* Those of this repository: of the one name, or of all names but one. */
static void keep(struct gathering *gathering, struct slice only, struct slice but)
{
    const struct config *like = gathering->compile->choice->like;
    const struct model_config *models = like ? like->models_wanted.items : NULL;
    const struct repository_fault *faults = like ? like->model_faults.items : NULL;
    struct slice folder = gathering->repository->folder;
    for (uint32_t i = 0; like && i < like->models_wanted.count && gathering->count < MODELS_MAX; i++) {
        if (!slice_equal(models[i].repository, folder) || (only.ptr && !slice_equal(models[i].name, only)) ||
            (but.ptr && slice_equal(models[i].name, but)))
            continue;
        gathering->is_cut |= model_config_copy(&gathering->compile->config->arena, &models[i],
                                               &gathering->models[gathering->count++]) != ERR_OK;
    }
    for (uint32_t i = 0; like && i < like->model_faults.count; i++)
        if (slice_equal(faults[i].repository, folder) && (!only.ptr || slice_equal(faults[i].name, only)) &&
            !(but.ptr && slice_equal(faults[i].name, but)))
            put_fault(gathering, faults[i].name, faults[i].reason, faults[i].is_served);
}

/* --- looking ------------------------------------------------------------------------------------------------------------- */

static void look(struct gathering *gathering, struct slice only, struct slice settings)
{
    static const char *const words[] = {[ERR_NOT_FOUND] = "there is no such folder",
                                        [ERR_DENIED] = "this user may not read the folder",
                                        [ERR_LIMIT] = "there are too many files in it, or folders too deep"};
    const struct repository_choice *choice = gathering->compile->choice;
    struct scan_options options = {.folder = gathering->repository->folder,
                                   .only = only,
                                   .config = settings,
                                   .latest_count = gathering->repository->latest,
                                   .now_ns = clock_wall_ns(),
                                   .rest_ns = choice->action == REPOSITORY_LOOK ? choice->rest_ns : 0,
                                   .arena = gathering->compile->fill.scratch,
                                   .note = take_note,
                                   .context = gathering};
    struct scan scan = {0};
    enum err err = repository_scan(&options, &scan);
    gathering->is_cut |= err == ERR_NOMEM;
    if (err != ERR_OK) {
        warn(gathering, (size_t)err < ARRAY_LEN(words) && words[err] ? words[err] : err_text(err));
        /* A disk that is away for a moment takes no models along. */
        if (choice->action == REPOSITORY_LOOK)
            keep(gathering, (struct slice){NULL, 0}, (struct slice){NULL, 0});
    }
    for (uint32_t i = 0; i < scan.count && !gathering->is_cut; i++)
        add_model(gathering, &scan.models[i]);
}

static bool is_all(const struct repository_config *repository)
{
    const struct slice *load = repository->load.items;
    return repository->load.count == 1 && slice_is(load[0], "*");
}

/* What `load` says. */
static void look_first(struct gathering *gathering)
{
    const struct repository_config *repository = gathering->repository;
    const struct slice *names = repository->load.items;
    if (is_all(repository)) {
        look(gathering, (struct slice){NULL, 0}, (struct slice){NULL, 0});
        return;
    }
    for (uint32_t i = 0; i < repository->load.count; i++) {
        uint32_t before = gathering->count + gathering->fault_count;
        look(gathering, names[i], (struct slice){NULL, 0});
        if (gathering->count + gathering->fault_count != before)
            continue;
        report_warning(gathering->compile->report, compile_place_of(yaml_find(gathering->node, "load")),
                       "there is no model \"" SLICE_FMT "\" in the repository", SLICE_ARG(names[i]));
        add_fault(gathering, names[i], SLICE_LIT("there is no such model in the repository"));
    }
}

static void gather_explicit(struct gathering *gathering)
{
    const struct repository_choice *choice = gathering->compile->choice;
    const struct slice none = {NULL, 0};
    switch (choice->action) {
    case REPOSITORY_LOOK:
        if (!choice->like)
            look_first(gathering);
        else
            keep(gathering, none, none);
        break;
    case REPOSITORY_KEEP:
        keep(gathering, none, none);
        break;
    case REPOSITORY_LOAD:
        look(gathering, choice->name, choice->settings);
        keep(gathering, none, choice->name);
        break;
    case REPOSITORY_UNLOAD:
        keep(gathering, none, choice->name);
        break;
    }
}

static void gather(struct gathering *gathering)
{
    const struct repository_choice *choice = gathering->compile->choice;
    const struct yaml_node *load = yaml_find(gathering->node, "load");
    bool is_explicit = gathering->repository->control == REPOSITORY_EXPLICIT;
    if (load && !is_explicit && choice->action == REPOSITORY_LOOK)
        report_warning(gathering->compile->report, load->place,
                       "\"load\" has no effect without `control: explicit`: all models are loaded");
    if (is_explicit)
        gather_explicit(gathering);
    else if (choice->action == REPOSITORY_LOOK)
        look(gathering, (struct slice){NULL, 0}, (struct slice){NULL, 0});
    else
        keep(gathering, (struct slice){NULL, 0}, (struct slice){NULL, 0});
}

/* --- what must not go ---------------------------------------------------------------------------------------------------- */

/* The `model` of a step of a pipeline that says this name; NULL: none does. */
static const struct yaml_node *find_step(const struct compile *compile, struct slice name, struct slice *ret_pipeline)
{
    const struct yaml_node *list = yaml_find(compile->root, "pipelines");
    for (const struct yaml_node *entry = list ? list->first : NULL; entry; entry = entry->next) {
        const struct yaml_node *steps = yaml_find(entry, "steps");
        for (const struct yaml_node *step = steps ? steps->first : NULL; step; step = step->next) {
            const struct yaml_node *model = yaml_find(step, "model");
            const struct yaml_node *pipeline = yaml_find(entry, "name");
            if (!model || !slice_equal(model->text, name))
                continue;
            *ret_pipeline = pipeline ? pipeline->text : (struct slice){"", 0};
            return model;
        }
    }
    return NULL;
}

static bool has_fault(const struct gathering *gathering, struct slice name)
{
    for (uint32_t i = 0; i < gathering->fault_count; i++)
        if (slice_equal(gathering->faults[i].name, name))
            return true;
    return false;
}

/* Whether the model may not go although it was not found, and that it was not found, once. */
static bool is_held(struct gathering *gathering, struct slice name)
{
    struct compile *compile = gathering->compile;
    const struct repository_choice *choice = compile->choice;
    bool is_asked = choice->name.ptr && slice_equal(choice->name, name);
    struct slice pipeline = {"", 0};
    const struct yaml_node *step = find_step(compile, name, &pipeline);
    char memory[512];
    struct text reason = text_init(memory, sizeof memory);
    if (is_asked ? choice->action != REPOSITORY_LOAD : !step)
        return false;
    if (has_fault(gathering, name))
        return true;
    text_add(&reason, SLICE_LIT("its files are gone; it stays loaded"));
    if (step) {
        text_printf(&reason, ", because pipeline \"" SLICE_FMT "\" has a step with it",
                    SLICE_ARG(slice_first(pipeline, REPORT_QUOTE_BYTES_MAX)));
        report_warning(compile->report, compile_place_of(step), "model \"" SLICE_FMT "\": %s",
                       SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)), memory);
    }
    put_fault(gathering, name, slice_of_text(memory), true);
    return true;
}

/* Models of the configuration before that were not found again, and without which there would be no configuration, or that
 * somebody wanted to load. Those that are served, which need not be those that were wanted. */
static void keep_held(struct gathering *gathering)
{
    const struct config *like = gathering->compile->choice->like;
    const struct repository_config *repositories = gathering->compile->config->repositories.items;
    const struct model_config *models = like ? like->models.items : NULL;
    for (uint32_t i = 0, end; like && i < like->models.count; i = end) {
        gathering->repository = NULL;
        for (uint32_t r = 0; r < gathering->compile->config->repositories.count; r++)
            if (slice_equal(repositories[r].folder, models[i].repository))
                gathering->repository = &repositories[r];
        for (end = i; end < like->models.count && slice_equal(models[end].name, models[i].name);)
            end++;
        if (!gathering->repository || has_name(gathering, models[i].name) || !is_held(gathering, models[i].name))
            continue;
        for (uint32_t k = i; k < end && gathering->count < MODELS_MAX; k++)
            gathering->is_cut |= model_config_copy(&gathering->compile->config->arena, &models[k],
                                                   &gathering->models[gathering->count++]) != ERR_OK;
    }
}

static bool is_second(const struct config *config, uint32_t index)
{
    const struct repository_config *repositories = config->repositories.items;
    for (uint32_t i = 0; i < index; i++)
        if (slice_equal(repositories[i].folder, repositories[index].folder))
            return true;
    return false;
}

static enum err make_room(struct gathering *gathering)
{
    struct config *config = gathering->compile->config;
    gathering->models = arena_alloc_array(gathering->compile->fill.scratch, MODELS_MAX, sizeof *gathering->models);
    gathering->faults = arena_alloc_array(gathering->compile->fill.scratch, FAULTS_MAX, sizeof *gathering->faults);
    if (!gathering->models || !gathering->faults)
        return ERR_NOMEM;
    gathering->count = MIN(config->models.count, MODELS_MAX);
    if (gathering->count)
        memcpy(gathering->models, config->models.items, gathering->count * sizeof *gathering->models);
    return ERR_OK;
}

static enum err copy_out(const struct gathering *gathering)
{
    struct config *config = gathering->compile->config;
    struct model_config *models = arena_alloc_array(&config->arena, gathering->count, sizeof *models);
    struct repository_fault *faults = arena_alloc_array(&config->arena, gathering->fault_count, sizeof *faults);
    if (!models || !faults)
        return ERR_NOMEM;
    memcpy(models, gathering->models, gathering->count * sizeof *models);
    memcpy(faults, gathering->faults, gathering->fault_count * sizeof *faults);
    config->models = (struct option_list){models, gathering->count};
    config->model_faults = (struct option_list){faults, gathering->fault_count};
    return ERR_OK;
}

enum err compile_repositories(struct compile *compile)
{
    struct config *config = compile->config;
    const struct repository_config *repositories = config->repositories.items;
    const struct yaml_node *node = yaml_find(compile->root, "repository");
    const struct yaml_node *item = node && node->kind == YAML_LIST ? node->first : node;
    struct gathering gathering = {.compile = compile};
    if (!config->repositories.count)
        return ERR_OK;
    TRY(make_room(&gathering));
    for (uint32_t i = 0; i < config->repositories.count; i++, item = item ? item->next : NULL) {
        gathering.repository = &repositories[i];
        gathering.node = item;
        if (!repositories[i].folder.len)
            continue; /* reported */
        if (is_second(config, i))
            report_error(compile->report, compile_place_of(item), "repository " SLICE_FMT " is given twice",
                         SLICE_ARG(repositories[i].folder));
        else
            gather(&gathering);
    }
    keep_held(&gathering);
    return gathering.is_cut ? ERR_NOMEM : copy_out(&gathering);
}
