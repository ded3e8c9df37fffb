/* SPDX-License-Identifier: Apache-2.0 */
/* weir openapi: the document that a configuration would serve, without serving it. */
#include "cmd/options.h"

#include "control/config/load.h"
#include "control/openapi/openapi.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>

#define FAULT_BYTES 1024

enum flag { FLAG_JSON, FLAG_YAML, FLAG_OUTPUT, FLAG_NO_MODELS, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    [FLAG_JSON] = {"json", 0, NULL, "as JSON (the default)"},
    [FLAG_YAML] = {"yaml", 0, NULL, "as YAML"},
    [FLAG_OUTPUT] = {"output", 'o', "FILE", "into this file; without it, to standard output"},
    [FLAG_NO_MODELS] = {"no-models", 0, NULL, "do not open the models: their tensors are left out"},
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

int cmd_openapi(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "openapi",
        .usage = "[--json | --yaml] [-o FILE] [--no-models] CONFIG",
        .about = "Prints the OpenAPI 3.1 document of a configuration, as `to: {endpoint: openapi}` serves it.\n",
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
    if (line.argument_count == 0)
        return cmd_misuse("openapi", "name a configuration file, such as weir.yaml");
    if (line.argument_count > 1)
        return cmd_misuse("openapi", "unexpected argument \"%s\"", line.arguments[1]);
    return print_document(line.arguments[0], values);
}

static int print_document(const char *path, const char *const values[FLAG_COUNT])
{
    struct models models = {NULL, 0};
    struct config *config = config_load_printed(path, stderr);
    if (!config)
        return CMD_FAILED;
    int result = open_models(&models, config, !values[FLAG_NO_MODELS]);
    if (result == CMD_DONE)
        result = write_document(config, values);
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
    struct model_load_options options = {
        .config = entry->config, .library = library, .worker_count = 1, .fault = &fault, .notices = &notices};
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
