/* SPDX-License-Identifier: Apache-2.0 */
/* weir import openapi: a configuration and schemas out of an OpenAPI document. */
#include "cmd/options.h"

#include "control/config/load.h"
#include "control/config/read_document.h"
#include "control/openapi/import.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MEMORY_BYTES_MAX ((size_t)1 << 30)

enum flag { FLAG_OUTPUT, FLAG_FORCE, FLAG_UPSTREAM, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    [FLAG_OUTPUT] = {"output", 'o', "DIR",
                     "the folder that is made; without it, the document's name without its ending"},
    [FLAG_FORCE] = {"force", 'f', NULL, "where the folder is there already: keep that as DIR.old"},
    [FLAG_UPSTREAM] = {"upstream", 'u', "URL", "http://host:port of the API, in place of what the document says"},
};

/* What a run has at hand; the report is large. */
struct work {
    struct pool pool;
    struct arena arena;
    struct report report;
};

static int import_file(const char *path, const char *const values[FLAG_COUNT]);
static int import_text(struct work *work, struct slice text, const char *path, const char *const values[FLAG_COUNT]);
static int write_result(const struct import_result *result, const char *folder, bool is_forced);

int cmd_import(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "import",
        .usage = "openapi [-o DIR] [-f] [-u URL] FILE",
        .about = "Makes a folder of an OpenAPI 3.0 or 3.1 document, in JSON or YAML: weir.yaml with a route for each\n"
                 "operation, and schemas/ with what bodies, parameters and responses have to look like. What weir has\n"
                 "no words for is told, with its place in the document. The folder comes whole or not at all.\n",
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
    if (line.argument_count == 0 || strcmp(line.arguments[0], "openapi") != 0)
        return cmd_misuse("import", "what can be imported is an OpenAPI document: weir import openapi FILE");
    if (line.argument_count == 1)
        return cmd_misuse("import", "name an OpenAPI document, such as openapi.yaml");
    if (line.argument_count > 2)
        return cmd_misuse("import", "unexpected argument \"%s\"", line.arguments[2]);
    if (values[FLAG_UPSTREAM] && !import_upstream_is_valid(slice_of_text(values[FLAG_UPSTREAM])))
        return cmd_misuse("import", "--upstream takes http://host:port or https://host:port, found \"%s\"",
                          values[FLAG_UPSTREAM]);
    return import_file(line.arguments[1], values);
}

static int import_file(const char *path, const char *const values[FLAG_COUNT])
{
    static struct work work;
    struct file_content content;
    enum err err = file_read(path, DOCUMENT_BYTES_MAX, &content);
    if (err != ERR_OK)
        return cmd_fail("import", "%s cannot be read: %s", path,
                        err == ERR_LIMIT ? "larger than 16 MiB" : err_text(err));
    pool_init(&work.pool, 0, MEMORY_BYTES_MAX);
    arena_init(&work.arena, &work.pool, 1u << 20, MEMORY_BYTES_MAX);
    report_init(&work.report);
    int result = import_text(&work, slice_of(content.data, content.bytes), path, values);
    report_deinit(&work.report);
    arena_reset(&work.arena);
    pool_deinit(&work.pool);
    file_content_deinit(&content);
    return result;
}

/* "api/petstore.v1.yaml" → "petstore.v1" */
static bool default_folder(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t len = dot && dot != name ? (size_t)(dot - name) : 0;
    if (len == 0 || len >= PATH_MAX)
        return false;
    memcpy(out, name, len);
    out[len] = '\0';
    return true;
}

static int import_text(struct work *work, struct slice text, const char *path, const char *const values[FLAG_COUNT])
{
    char folder[PATH_MAX];
    struct import_result result;
    struct import_settings settings = {.name = path, .upstream = slice_of_text(values[FLAG_UPSTREAM])};
    if (values[FLAG_OUTPUT]
            ? snprintf(folder, sizeof folder, "%s", values[FLAG_OUTPUT]) >= (int)sizeof folder || !*folder
            : !default_folder(path, folder))
        return cmd_misuse("import", "name the folder that is to be made: --output DIR");
    for (size_t len = strlen(folder); len > 1 && folder[len - 1] == '/';)
        folder[--len] = '\0';
    enum err err = import_openapi(text, &settings, &work->arena, &work->report, &result);
    report_print(&work->report, stderr);
    if (err == ERR_INVALID)
        return cmd_fail("import", "%u error%s: nothing is written", work->report.error_count,
                        work->report.error_count == 1 ? "" : "s");
    if (err != ERR_OK)
        return cmd_fail("import", "%s", err_text(err));
    return write_result(&result, folder, values[FLAG_FORCE] != NULL);
}

static int explain(enum err err, const char *folder, const char *kept, bool is_forced)
{
    if (err == ERR_EXISTS && !is_forced)
        return cmd_fail("import", "%s is there already; name another folder with --output, or --force to keep it as %s",
                        folder, kept);
    if (err == ERR_EXISTS)
        return cmd_fail("import", "%s is there from an earlier --force; look whether it is still needed, and remove it",
                        kept);
    if (err == ERR_NOT_FOUND)
        return cmd_fail("import", "%s cannot be made: the folder that it is to stand in is not there", folder);
    return cmd_fail("import", "%s cannot be made: %s", folder, err_text(err));
}

/* Messages are about the files where they would have been. */
static void show_places(struct report *report, struct slice temporary, const char *folder)
{
    struct slice *paths[REPORT_NOTES_MAX + 1] = {&report->path};
    for (uint32_t i = 0; i < report->note_count; i++)
        paths[i + 1] = &report->notes[i].path;
    for (uint32_t i = 0; i <= report->note_count; i++) {
        if (!slice_starts(*paths[i], temporary))
            continue;
        struct slice rest = slice_skip(*paths[i], temporary.len);
        struct slice shown = arena_printf(&report->arena, "%s" SLICE_FMT, folder, SLICE_ARG(rest));
        if (shown.ptr)
            *paths[i] = shown;
    }
}

/* Whether weir takes what was made. It should; what an import cannot see, such as a pattern that is none, is seen here. */
static enum err check_result(void *context, const char *temporary)
{
    static struct report report;
    const char *folder = context;
    struct config *config = NULL;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/weir.yaml", temporary) >= (int)sizeof path)
        return ERR_LIMIT;
    report_init(&report);
    enum err err = config_load(path, &report, &config);
    show_places(&report, slice_of_text(temporary), folder);
    report_print(&report, stderr);
    report_deinit(&report);
    if (err == ERR_OK)
        config_unref(config);
    return err;
}

static int write_result(const struct import_result *result, const char *folder, bool is_forced)
{
    char kept[PATH_MAX];
    const struct tree_check check = {check_result, (void *)(uintptr_t)folder};
    if (snprintf(kept, sizeof kept, "%s.old", folder) >= (int)sizeof kept)
        return explain(ERR_LIMIT, folder, "", is_forced);
    enum err err = tree_write(folder, is_forced ? kept : NULL, result->files, result->file_count, &check);
    if (err == ERR_INVALID)
        return cmd_fail("import", "the document says something that weir cannot serve; see above: nothing is written");
    if (err != ERR_OK)
        return explain(err, folder, kept, is_forced);
    printf("%s: %u route%s, %u schema%s; next: weir check %s/weir.yaml\n", folder, result->route_count,
           result->route_count == 1 ? "" : "s", result->schema_count, result->schema_count == 1 ? "" : "s", folder);
    return CMD_DONE;
}
