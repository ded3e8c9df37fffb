/* SPDX-License-Identifier: Apache-2.0 */
/* Models are opened, warmed and held against what is said of them, before anybody sees them. */
#include "control/repository/scan.h"
#include "control/server/models_int.h"
#include "control/server/say.h"
#include "lib/sys/clock.h"
#include "pipeline/route.h"

#include <stdlib.h>

#define WHY_BYTES 512

/* A notice names its model. */
static void print_notices(const char *notices)
{
    struct slice rest = slice_of_text(notices);
    while (rest.len) {
        struct slice notice = slice_cut(&rest, '\n');
        if (notice.len)
            say(SLICE_FMT, SLICE_ARG(notice));
    }
}

/* The next of the route's middlewares, from *at on, that does not fit the model; `why` says why. False: there is none. */
static bool next_misfit(const struct route *route, const struct model_info *info, uint32_t *at, char why[WHY_BYTES])
{
    while (*at < route->chain_count) {
        const struct chain_link *link = &route->chain[(*at)++];
        struct text fault = text_init(why, WHY_BYTES);
        if (link->middleware->fits_model && !link->middleware->fits_model(link->options, info, &fault))
            return true;
    }
    return false;
}

uint32_t models_check_fit(const struct models_round *round)
{
    const struct config *config = round->config;
    uint32_t misfits = 0;
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct route *route = config->routes[i];
        char why[WHY_BYTES];
        uint32_t at = 0;
        if (!route->model || !model_entry_is(route->model, MODEL_READY) || route->model->config->repository.len)
            continue;
        while (next_misfit(route, model_info(atomic_load(&route->model->model)), &at, why)) {
            say_error("route " SLICE_FMT ": %s", SLICE_ARG(route->name), why);
            misfits++;
        }
    }
    return misfits + models_bind_pipelines(round);
}

/* A model of a repository is held against each route that leads to it. */
static bool fits_routes(const struct config *config, const struct model_info *info, struct text *fault)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct route *route = config->routes[i];
        char why[WHY_BYTES];
        uint32_t at = 0;
        if (!route->model || !slice_equal(route->config->to.model, info->name) || !next_misfit(route, info, &at, why))
            continue;
        text_printf(fault, "route " SLICE_FMT ": %s", SLICE_ARG(route->name), why);
        return false;
    }
    return true;
}

/* Its config.pbtxt was good when it was found, and is read again for what it declares. */
static bool fits_settings(const struct model_config *config, const struct model_info *info, struct text *fault)
{
    struct pool pool;
    struct arena arena;
    struct model_settings settings;
    pool_init(&pool, 0, 64U << 20);
    arena_init(&arena, &pool, 4096, 32U << 20);
    const struct settings_source source = {.path = config->settings_path,
                                           .text = config->settings,
                                           .is_json = slice_starts(config->settings, SLICE_LIT("{")),
                                           .arena = &arena};
    bool fits = true;
    if (config->settings.ptr)
        fits = model_settings_read(&source, &settings) == ERR_OK &&
               model_settings_fit(&settings, info, config->settings_path, fault);
    arena_reset(&arena);
    pool_deinit(&pool);
    return fits;
}

/* Whose place it is to take: of the same version, else the highest that runs. */
static struct model *find_before(const struct models_round *round, const struct model_config *config)
{
    struct model_range range =
        round->old ? config_model_versions(round->old, config->name) : (struct model_range){NULL, 0};
    struct model *found = NULL;
    for (uint32_t i = 0; i < range.count; i++) {
        const struct model_entry *entry = range.entries[i];
        if (!model_entry_is(entry, MODEL_READY) || (found && !slice_equal(entry->config->version, config->version)))
            continue;
        found = atomic_load(&entry->model);
    }
    return found;
}

static void describe(const struct model_comparison *comparison, const struct model_info *before, struct text *out)
{
    text_printf(out, "compared with version " SLICE_FMT " on %u %s", SLICE_ARG(before->version), comparison->samples,
                comparison->is_recorded ? "recorded inputs" : "inputs that were made up");
    if (comparison->samples)
        text_printf(out, ": largest difference %.3g, %.3g of 1 + magnitude", comparison->absolute,
                    comparison->relative);
    if (comparison->what.len)
        text_printf(out, " (output \"" SLICE_FMT "\")", SLICE_ARG(comparison->what));
    if (comparison->form[0])
        text_printf(out, "; %s", comparison->form);
}

/* False: it differs by more than it may. `note` says by how much in any case. */
static bool is_like_before(const struct models_round *round, const struct model_config *config, struct model *model,
                           struct text *note, struct text *fault)
{
    struct model *before = find_before(round, config);
    struct model_comparison comparison;
    if (!before || model_compare(before, model, &comparison) != ERR_OK)
        return true;
    describe(&comparison, model_info(before), note);
    say("model " SLICE_FMT " version " SLICE_FMT ": %s", SLICE_ARG(config->name), SLICE_ARG(config->version),
        note->ptr);
    if (config->difference_max <= 0 || (comparison.relative <= config->difference_max && !comparison.form[0]))
        return true;
    text_printf(fault, "it differs more than difference_max, %g, lets it: %s", config->difference_max, note->ptr);
    return false;
}

/* Loads and checks. ERR_INVALID with a fault. */
static enum err open_model(const struct models_round *round, const struct model_slot *slot, struct text *note,
                           struct text *fault, struct model **ret_model)
{
    char notice_memory[2048];
    struct text notices = text_init(notice_memory, sizeof notice_memory);
    const struct model_config *config = &slot->config;
    bool is_found = config->repository.len != 0;
    uint64_t before = model_file_signature(config->path);
    struct model *model = NULL;
    const struct model_load_options options = {
        .config = config,
        .library = round->config->onnxruntime,
        .worker_count = round->models->worker_count,
        .executor_count = round->models->executor_count,
        .keeps_no_runs = !round->config->diagnostics.is_pooling,
        .fault = fault,
        .notices = &notices,
    };
    enum err err = model_load(&options, &model);
    print_notices(notice_memory);
    if (err != ERR_OK)
        return err;
    bool is_good = !is_found || (fits_settings(config, model_info(model), fault) &&
                                 fits_routes(round->config, model_info(model), fault));
    if (is_good && is_found && model_file_signature(config->path) != before) {
        text_printf(fault, SLICE_FMT " changed while it was read", SLICE_ARG(config->path));
        is_good = false;
    }
    is_good = is_good && is_like_before(round, config, model, note, fault);
    if (is_good)
        *ret_model = model;
    else
        model_unref(model);
    return is_good ? ERR_OK : ERR_INVALID;
}

/* Clients may read it, and need not know where the repository lies. */
static void keep_words(struct models *models, struct model_slot *slot, const char *words)
{
    struct slice folder = slot->config.repository;
    struct slice rest = slice_of_text(words);
    mutex_lock(&models->lock);
    struct text fault = text_init(slot->words, sizeof slot->words);
    while (rest.len) {
        bool is_folder =
            folder.len && slice_starts(rest, folder) && rest.len > folder.len && rest.ptr[folder.len] == '/';
        if (!is_folder)
            text_add(&fault, slice_first(rest, 1));
        rest = slice_skip(rest, is_folder ? folder.len + 1 : 1);
    }
    mutex_unlock(&models->lock);
}

void model_slot_fail(struct model_slot *slot, const char *words)
{
    struct models *models = slot->entry.owner;
    bool is_found = slot->config.repository.len != 0; /* one of `models:` is told by its file */
    counter_add(&models->loads.failed, 1);
    keep_words(models, slot, words);
    atomic_store(&slot->entry.state, MODEL_FAILED);
    say_error("model " SLICE_FMT "%s" SLICE_FMT " cannot be served: %s", SLICE_ARG(slot->config.name),
              is_found ? " version " : "", SLICE_ARG(is_found ? slot->config.version : SLICE_LIT("")), words);
    model_unref(atomic_exchange(&slot->entry.model, NULL));
}

static void load(const struct models_round *round, struct model_slot *slot)
{
    char fault_memory[MODEL_FAULT_BYTES];
    char note_memory[MODEL_FAULT_BYTES];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    struct text note = text_init(note_memory, sizeof note_memory);
    struct model *model = NULL;
    atomic_store(&slot->entry.state, MODEL_LOADING);
    atomic_store(&slot->is_loading, true);
    enum err err = open_model(round, slot, &note, &fault, &model);
    atomic_store(&slot->is_loading, false);
    if (err != ERR_OK) {
        if (!fault_memory[0])
            text_add(&fault, slice_of_text(err_text(err)));
        model_slot_fail(slot, fault_memory);
        return;
    }
    counter_add(&round->models->loads.succeeded, 1);
    keep_words(round->models, slot, note_memory);
    atomic_store(&slot->entry.model, model);
    atomic_store(&slot->entry.state, MODEL_READY);
    const struct model_info *info = model_info(model);
    say("model " SLICE_FMT " version " SLICE_FMT " is ready on " SLICE_FMT
        ": opened in %.0f ms, warmed in %.0f ms, a run takes %.2f ms",
        SLICE_ARG(info->name), SLICE_ARG(info->version), SLICE_ARG(info->provider), (double)info->load_ns / 1e6,
        (double)info->warm_up_ns / 1e6, (double)info->warm_run_ns / 1e6);
}

/* What failed in a repository fails again as long as its files are the same. */
static bool is_to_load(const struct models_round *round, const struct model_slot *slot)
{
    if (model_entry_is(&slot->entry, MODEL_READY))
        return false;
    return round->tries_again || !slot->config.repository.len || !model_entry_is(&slot->entry, MODEL_FAILED) ||
           (round->name.ptr && slice_equal(slot->config.name, round->name));
}

uint32_t models_load(const struct models_round *round)
{
    uint32_t failures = 0;
    for (uint32_t i = 0; i < round->config->models.count; i++) {
        struct model_slot *slot = model_slot_of(round->config->model_entries[i]);
        if (is_to_load(round, slot))
            load(round, slot);
        failures += !slot->config.repository.len && !model_entry_is(&slot->entry, MODEL_READY);
    }
    return failures;
}

const struct reload_meter *models_loads(const struct models *models)
{
    return &models->loads;
}
