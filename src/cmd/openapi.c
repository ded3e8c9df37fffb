/* SPDX-License-Identifier: Apache-2.0 */
/* weir openapi: the document that a configuration would serve, without serving it, and how it differs from another. */
#include "cmd/options.h"

#include "control/config/load.h"
#include "control/config/read_document.h"
#include "control/openapi/diff.h"
#include "control/openapi/openapi.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>

#define FAULT_BYTES 1024

enum flag { FLAG_JSON, FLAG_YAML, FLAG_OUTPUT, FLAG_NO_MODELS, FLAG_CHECK, FLAG_FAIL_ON, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    [FLAG_JSON] = {"json", 0, NULL, "as JSON (the default)"},
    [FLAG_YAML] = {"yaml", 0, NULL, "as YAML"},
    [FLAG_OUTPUT] = {"output", 'o', "FILE", "into this file; without it, to standard output"},
    [FLAG_NO_MODELS] = {"no-models", 0, NULL, "do not open the models: their tensors are left out"},
    [FLAG_CHECK] = {"check", 0, "FILE",
                    "print instead what differs from this document, JSON or YAML, that clients know"},
    [FLAG_FAIL_ON] = {"fail-on", 0, "WHAT",
                      "with --check, fail on differences that are breaking (the default), or on any"},
};

/* The models of a configuration, opened for what they say of themselves. */
struct models {
    struct model_entry *entries;
    uint32_t count;
};

static int print_document(const char *path, const char *const values[FLAG_COUNT]);
static int open_models(struct models *models, struct config *config, bool is_wanted);
static void close_models(struct models *models);
static int write_document(const struct config *config, const char *const values[FLAG_COUNT]);
static int check_document(const struct config *config, const char *const values[FLAG_COUNT]);

int cmd_openapi(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "openapi",
        .usage = "[--json | --yaml] [-o FILE] [--no-models] CONFIG\n--check FILE [--fail-on any|breaking] "
                 "[--no-models] CONFIG",
        .about = "Prints the OpenAPI 3.1 document of a configuration, as `to: {endpoint: openapi}` serves it.\n"
                 "With --check, says what differs from a document that was given out before, and whether it breaks\n"
                 "who relies on that.\n",
        .flags = flags,
        .flag_count = ARRAY_LEN(flags),
    };
    const char *values[FLAG_COUNT] = {NULL};
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        values[flag] = value ? value : "";
    if (flag == CMD_EXIT)
        return line.exit;
    if (values[FLAG_JSON] && values[FLAG_YAML])
        return cmd_misuse("openapi", "--json and --yaml exclude each other");
    bool fails_on_any = values[FLAG_FAIL_ON] && strcmp(values[FLAG_FAIL_ON], "any") == 0;
    if (values[FLAG_FAIL_ON] && !fails_on_any && strcmp(values[FLAG_FAIL_ON], "breaking") != 0)
        return cmd_misuse("openapi", "--fail-on takes any or breaking, found \"%s\"", values[FLAG_FAIL_ON]);
    if (values[FLAG_CHECK] ? values[FLAG_JSON] || values[FLAG_YAML] || values[FLAG_OUTPUT]
                           : values[FLAG_FAIL_ON] != NULL)
        return cmd_misuse("openapi", "--check goes with --fail-on and --no-models only, and --fail-on with --check");
    if (line.argument_count == 0)
        return cmd_misuse("openapi", "name a configuration file, such as weir.yaml");
    if (line.argument_count > 1)
        return cmd_misuse("openapi", "unexpected argument \"%s\"", line.arguments[1]);
    return print_document(line.arguments[0], values);
}

static int print_document(const char *path, const char *const values[FLAG_COUNT])
{
    struct models models = {NULL, 0};
    struct config *config = config_load_printed(path, NULL, stderr);
    if (!config)
        return CMD_FAILED;
    int result = open_models(&models, config, !values[FLAG_NO_MODELS]);
    if (result == CMD_DONE)
        result = values[FLAG_CHECK] ? check_document(config, values) : write_document(config, values);
    config_unref(config);
    close_models(&models);
    return result;
}

/* --- models ------------------------------------------------------------------------------------------------------------ */

static int open_model(struct model_entry *entry, struct slice library)
{
    char fault_memory[FAULT_BYTES];
    char notice_memory[FAULT_BYTES];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    struct text notices = text_init(notice_memory, sizeof notice_memory);
    struct model_load_options options = {.config = entry->config,
                                         .library = library,
                                         .worker_count = 1,
                                         .is_untried = true,
                                         .fault = &fault,
                                         .notices = &notices};
    struct model *model = NULL;
    enum err err = model_load(&options, &model);
    if (err != ERR_OK)
        return cmd_fail("openapi", "model " SLICE_FMT ": %s (--no-models goes without)", SLICE_ARG(entry->config->name),
                        fault_memory[0] ? fault_memory : err_text(err));
    atomic_store(&entry->model, model);
    atomic_store(&entry->state, MODEL_READY);
    return CMD_DONE;
}

static int open_models(struct models *models, struct config *config, bool is_wanted)
{
    const struct model_config *configs = config->models.items;
    uint32_t count = config->models.count;
    models->entries = calloc(count ? count : 1, sizeof *models->entries);
    if (!models->entries)
        return cmd_fail("openapi", "%s", err_text(ERR_NOMEM));
    models->count = count;
    for (uint32_t i = 0; i < count; i++) {
        models->entries[i].config = &configs[i];
        config_attach_model(config, i, &models->entries[i]);
        int result = is_wanted ? open_model(&models->entries[i], config->onnxruntime) : CMD_DONE;
        if (result != CMD_DONE)
            return result;
    }
    return CMD_DONE;
}

static void close_models(struct models *models)
{
    for (uint32_t i = 0; i < models->count; i++)
        model_unref(atomic_load(&models->entries[i].model));
    free(models->entries);
}

/* --- output ------------------------------------------------------------------------------------------------------------ */

static int write_document(const struct config *config, const char *const values[FLAG_COUNT])
{
    char *text;
    size_t bytes;
    const char *path = values[FLAG_OUTPUT];
    enum err err = openapi_render(config, values[FLAG_YAML] ? OPENAPI_YAML : OPENAPI_JSON, &text, &bytes);
    if (err != ERR_OK)
        return cmd_fail("openapi", "%s", err_text(err));
    FILE *out = path ? fopen(path, "w") : stdout;
    bool is_written = out && fwrite(text, 1, bytes, out) == bytes && (values[FLAG_YAML] || fputc('\n', out) != EOF);
    is_written = out && (path ? fclose(out) : fflush(out)) == 0 && is_written;
    free(text);
    return is_written ? CMD_DONE : cmd_fail("openapi", "%s cannot be written", path ? path : "standard output");
}

/* --- comparison -------------------------------------------------------------------------------------------------------- */

static int print_differences(const struct differences *found, bool fails_on_any)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const struct difference *item = &found->items[i];
        printf("%s" SLICE_FMT "%s" SLICE_FMT "\n", item->is_breaking ? "breaking: " : "", SLICE_ARG(item->where),
               item->where.len ? ": " : "", SLICE_ARG(item->what));
    }
    if (found->is_cut)
        printf("and more\n");
    if (found->count)
        printf("%u difference%s, %u breaking\n", found->count, found->count == 1 ? "" : "s", found->breaking_count);
    return found->breaking_count || (fails_on_any && found->count) ? CMD_FAILED : CMD_DONE;
}

static enum err compare(const struct config *config, struct arena *arena, yyjson_val *before,
                        struct differences *ret_found)
{
    struct slice text;
    struct json_document after;
    struct json_fault fault;
    TRY(openapi_write(config, OPENAPI_JSON, arena, &text));
    const struct json_limits limits = {.bytes_max = text.len, .depth_max = JSON_DEPTH_MAX};
    TRY(json_parse(arena, text, &limits, &after, &fault));
    return openapi_diff(before, after.root, arena, ret_found);
}

/* A document that is none would have nothing to lose, and everything would be fine. */
static int check_kind(const char *path, yyjson_val *document)
{
    yyjson_val *paths = json_get(document, SLICE_LIT("paths"));
    struct slice version = json_text(json_get(document, SLICE_LIT("openapi")));
    if (!yyjson_is_obj(document))
        return cmd_fail("openapi", "%s: an OpenAPI document is an object, found %s", path, json_kind(document));
    if (!slice_starts(version, SLICE_LIT("3.")))
        return cmd_fail("openapi", "%s: this is no OpenAPI document: it lacks \"openapi\": \"3.…\"%s", path,
                        json_get(document, SLICE_LIT("swagger"))
                            ? "; Swagger 2.0 has to be converted first, for instance with swagger2openapi"
                            : "");
    if (paths && !yyjson_is_obj(paths))
        return cmd_fail("openapi", "%s: \"paths\" is an object, found %s", path, json_kind(paths));
    return CMD_DONE;
}

static int report_differences(const struct config *config, struct arena *arena, yyjson_val *before,
                              const char *const values[FLAG_COUNT])
{
    struct differences found;
    const char *path = values[FLAG_CHECK];
    int result = check_kind(path, before);
    if (result != CMD_DONE)
        return result;
    enum err err = compare(config, arena, before, &found);
    if (err != ERR_OK)
        return cmd_fail("openapi", "%s", err_text(err));
    if (found.dangling.len)
        return cmd_fail("openapi", "%s: a \"$ref\" leads nowhere: " SLICE_FMT, path, SLICE_ARG(found.dangling));
    return print_differences(&found, values[FLAG_FAIL_ON] && values[FLAG_FAIL_ON][0] == 'a');
}

static int check_document(const struct config *config, const char *const values[FLAG_COUNT])
{
    static struct report report;
    struct pool pool;
    struct arena arena;
    struct json_document before;
    pool_init(&pool, 0, 2 * OPENAPI_BYTES_MAX);
    arena_init(&arena, &pool, 65536, OPENAPI_BYTES_MAX);
    report_init(&report);
    int result = CMD_FAILED;
    enum err err = document_read(values[FLAG_CHECK], &arena, &report, &before);
    if (err == ERR_INVALID)
        report_print(&report, stderr);
    else
        result = err == ERR_OK ? report_differences(config, &arena, before.root, values)
                               : cmd_fail("openapi", "%s", err_text(err));
    report_deinit(&report);
    arena_reset(&arena);
    pool_deinit(&pool);
    return result;
}
