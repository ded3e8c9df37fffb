/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config/load.h"

#include "control/config/contract_int.h"
#include "control/config/option_tables.h"
#include "lib/sys/file.h"
#include "pipeline/config_make.h"
#include "pipeline/flow.h"

#include <stdlib.h>

#define SCRATCH_BYTES_MAX (512u << 20)

static void report_file(struct report *report, const char *path, enum err err);
static enum err load(struct compile *compile, struct slice text, const char *path);
static enum err find_folder(const char *path, struct arena *arena, struct slice *ret_folder);

static enum err load_file(const char *path, const struct repository_choice *choice, struct report *report,
                          struct config **ret_config)
{
    struct file_content content;
    enum err err = file_read(path, CONFIG_BYTES_MAX, &content);
    if (err != ERR_OK) {
        TRY(report_begin(report, slice_of_text(path), SLICE_LIT("")));
        report_file(report, path, err);
        return err == ERR_NOMEM ? ERR_NOMEM : ERR_INVALID;
    }
    err = config_load_chosen(slice_of(content.data, content.bytes), path, choice, report, ret_config);
    file_content_deinit(&content);
    return err;
}

enum err config_load(const char *path, struct report *report, struct config **ret_config)
{
    return load_file(path, NULL, report, ret_config);
}

enum err config_load_text(struct slice text, const char *path, struct report *report, struct config **ret_config)
{
    return config_load_chosen(text, path, NULL, report, ret_config);
}

enum err config_load_chosen(struct slice text, const char *path, const struct repository_choice *choice,
                            struct report *report, struct config **ret_config)
{
    static const struct repository_choice look = {0};
    struct pool pool;
    struct arena scratch;
    pool_init(&pool, 0, 2 * (size_t)SCRATCH_BYTES_MAX);
    arena_init(&scratch, &pool, 65536, SCRATCH_BYTES_MAX);
    struct config *config = config_create();
    struct compile compile = {.report = report,
                              .config = config,
                              .choice = choice ? choice : &look,
                              .fill = {.report = report, .scratch = &scratch}};
    map_init(&compile.upstreams, (struct hash_key){.k0 = (uintptr_t)config, .k1 = text.len});
    map_init(&compile.names, (struct hash_key){.k0 = (uintptr_t)config, .k1 = text.len});
    enum err err = config ? load(&compile, text, path) : ERR_NOMEM;
    bindings_end(&compile);
    map_deinit(&compile.names);
    map_deinit(&compile.upstreams);
    arena_reset(&scratch);
    pool_deinit(&pool);
    report_sort(report);
    if (err == ERR_NOMEM)
        report_error(report, (struct report_place){0}, "there is not enough memory for this configuration");
    else if (report->error_count)
        err = ERR_INVALID;
    if (err == ERR_OK)
        *ret_config = config;
    else
        config_unref(config);
    return err;
}

struct config *config_load_printed(const char *path, const struct repository_choice *choice, FILE *out)
{
    struct config *config = NULL;
    struct report *report = calloc(1, sizeof *report);
    if (!report) {
        fprintf(out, "%s: error: %s\n", path, err_text(ERR_NOMEM));
        return NULL;
    }
    report_init(report);
    enum err err = load_file(path, choice, report, &config);
    report_print(report, out);
    report_deinit(report);
    free(report);
    return err == ERR_OK ? config : NULL;
}

void config_attach_model(struct config *config, uint32_t index, struct model_entry *entry)
{
    const struct model_config *models = config->models.items;
    ASSERT(index < config->models.count, "a model that is attached is one of the configuration");
    config->model_entries[index] = entry;
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct route *route = config->routes[i];
        if (route->endpoint == ENDPOINT_NONE && !route->upstream &&
            slice_equal(route->config->to.model, models[index].name)) {
            route->model = config_model(config, models[index].name);
            flow_plan(route);
        }
    }
}

void config_attach_absent(struct route *route, struct model_entry *entry)
{
    route->model = entry;
    flow_plan(route);
}

static void report_file(struct report *report, const char *path, enum err err)
{
    struct report_place nowhere = {0};
    switch (err) {
    case ERR_NOT_FOUND:
        report_error(report, nowhere, "there is no such file");
        break;
    case ERR_DENIED:
        report_error(report, nowhere, "this user may not read the file");
        break;
    case ERR_INVALID:
        report_error(report, nowhere, "\"%s\" is not a regular file", path);
        break;
    case ERR_LIMIT:
        report_error(report, nowhere, "a configuration has at most %d MiB", CONFIG_BYTES_MAX >> 20);
        break;
    default:
        report_error(report, nowhere, "the file cannot be read: %s", err_text(err));
    }
}

static enum err load(struct compile *compile, struct slice text, const char *path)
{
    static const char *const others[] = {"chain", "routes", "pipelines", NULL};
    struct config *config = compile->config;
    TRY(report_begin(compile->report, slice_of_text(path), text));
    if (text.len > CONFIG_BYTES_MAX) {
        report_file(compile->report, path, ERR_LIMIT);
        return ERR_INVALID;
    }
    config->path = arena_copy(&config->arena, slice_of_text(path));
    config->text = arena_copy(&config->arena, text);
    if (!config->path.ptr || !config->text.ptr)
        return ERR_NOMEM;
    enum err err = find_folder(path, &config->arena, &compile->fill.folder);
    if (err == ERR_NOT_FOUND)
        report_error(compile->report, (struct report_place){0}, "the current folder is gone");
    TRY(err);
    compile->fill.arena = &config->arena;
    TRY(yaml_parse(text, compile->fill.scratch, compile->report, &compile->root));
    if (compile->root->kind != YAML_MAP) {
        report_error(compile->report, compile->root->place,
                     "a configuration is a map of options: listen, models, chain, routes and others");
        return ERR_INVALID;
    }
    struct fill_job job = {.table = &option_table_config, .node = compile->root, .others = others};
    TRY(fill_table(&compile->fill, &job, config));
    compile->written_models = config->models.count;
    TRY(compile_repositories(compile));
    config->model_entries = arena_alloc_array(&config->arena, config->models.count, sizeof(struct model_entry *));
    if (!config->model_entries)
        return ERR_NOMEM;
    TRY(compile_pipelines(compile));
    TRY(compile_upstreams(compile));
    TRY(bindings_begin(compile));
    TRY(compile_routes(compile));
    TRY(bindings_finish(compile));
    TRY(compile_table(compile));
    TRY(compile_listen(compile));
    TRY(compile_trusted(compile));
    TRY(compile_via(compile));
    compile_check(compile);
    if (config->models.count)
        qsort(config->models.items, config->models.count, sizeof(struct model_config), model_config_order);
    config->models_wanted = config->models;
    return ERR_OK;
}

/* Paths in a configuration are meant from where it lies, wherever weir was started. */
static enum err find_folder(const char *path, struct arena *arena, struct slice *ret_folder)
{
    const char *slash = strrchr(path, '/');
    struct slice folder = slice_of(path, slash ? (size_t)(slash - path) : 0);
    struct slice found;
    if (path[0] == '/') {
        found = arena_copy(arena, folder);
    } else {
        char *here = realpath(".", NULL);
        if (!here)
            return ERR_NOT_FOUND;
        found = folder.len ? arena_printf(arena, "%s/" SLICE_FMT, here, SLICE_ARG(folder))
                           : arena_copy(arena, slice_of_text(here));
        free(here);
    }
    if (!found.ptr)
        return ERR_NOMEM;
    *ret_folder = found;
    return ERR_OK;
}
