/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/schema_job.h"

#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_BYTES_MAX   (256u << 20)
#define DOCUMENT_BYTES_MAX (64u << 20)
#define FAULT_BYTES        512

static const char *const drafts[] = {
    [SCHEMA_DRAFT_7] = "7",
    [SCHEMA_DRAFT_2019_09] = "2019-09",
    [SCHEMA_DRAFT_2020_12] = "2020-12",
};

static enum err read_reference(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                               struct slice *ret_name);

void schema_job_init(struct schema_job *job, const char *command)
{
    *job = (struct schema_job){
        .command = command,
        .settings = {.draft = SCHEMA_DRAFT_2020_12, .asserts_formats = true},
        .source = {.context = job, .read = read_reference},
    };
    job->settings.source = &job->source;
    pool_init(&job->pool, 0, 4 * (size_t)MEMORY_BYTES_MAX);
    arena_init(&job->arena, &job->pool, 65536, 2 * (size_t)MEMORY_BYTES_MAX);
}

void schema_job_deinit(struct schema_job *job)
{
    schema_compiler_destroy(job->compiler);
    schema_folder_close(job->folder);
    arena_reset(&job->arena);
    pool_deinit(&job->pool);
}

const char *schema_draft_name(enum schema_draft draft)
{
    return drafts[draft];
}

static int take_draft(struct schema_job *job, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(drafts); i++) {
        if (strcmp(value, drafts[i]) != 0)
            continue;
        job->settings.draft = (enum schema_draft)i;
        return CMD_DONE;
    }
    return cmd_misuse(job->command, "--draft takes 2020-12, 2019-09 or 7, found \"%s\"", value);
}

int schema_job_flag(struct schema_job *job, int flag, const char *value)
{
    if (flag == SCHEMA_FLAG_DRAFT)
        return take_draft(job, value);
    if (flag == SCHEMA_FLAG_FOLDER)
        job->folder_path = value;
    else
        job->settings.asserts_formats = flag == SCHEMA_FLAG_FORMATS;
    return CMD_DONE;
}

/* The folder is read whole, so that is left until it is needed: a schema may lie among anything. */
static enum err read_reference(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                               struct slice *ret_name)
{
    struct schema_job *job = context;
    char memory[FAULT_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    if (!job->folder) {
        enum err err = schema_folder_open(job->folder_absolute, job->folder_shown, &fault, &job->folder);
        if (err != ERR_OK) {
            (void)cmd_fail(job->command, "%s", fault.len ? fault.ptr : err_text(err));
            return err;
        }
    }
    return job->folder->source.read(job->folder->source.context, uri, arena, ret_text, ret_name);
}

static const char *why_of(enum err err)
{
    switch (err) {
    case ERR_NOT_FOUND:
        return "there is no such file";
    case ERR_DENIED:
        return "may not be read by this user";
    case ERR_INVALID:
        return "is not a regular file";
    case ERR_LIMIT:
        return "is too large";
    default:
        return err_text(err);
    }
}

static enum err read_file(struct arena *arena, const char *path, size_t bytes_max, struct slice *ret_text)
{
    struct file_content content;
    TRY(file_read(path, bytes_max, &content));
    *ret_text = arena_copy(arena, slice_of(content.data, content.bytes));
    file_content_deinit(&content);
    return ret_text->ptr ? ERR_OK : ERR_NOMEM;
}

static enum err read_input(struct arena *arena, struct slice *ret_text)
{
    struct buffer buffer = buffer_in_arena(arena, 65536);
    for (;;) {
        char *place = buffer_reserve(&buffer, 65536);
        size_t bytes = place ? fread(place, 1, 65536, stdin) : 0;
        buffer.len += bytes;
        if (buffer.len > DOCUMENT_BYTES_MAX)
            return ERR_LIMIT;
        if (bytes == 0)
            return ferror(stdin) ? ERR_IO : buffer_finish(&buffer, ret_text);
    }
}

/* Where references are looked for: in the folder that was named, or beside the file. */
static enum err find_folder(struct schema_job *job, const char *path)
{
    const char *slash = strrchr(path, '/');
    job->folder_shown = job->folder_path         ? slice_of_text(job->folder_path)
                        : slash && slash == path ? SLICE_LIT("/")
                        : slash                  ? slice_of(path, (size_t)(slash - path))
                                                 : SLICE_LIT(".");
    job->folder_shown = arena_copy(&job->arena, job->folder_shown);
    if (!job->folder_shown.ptr)
        return ERR_NOMEM;
    char *absolute = realpath(job->folder_shown.ptr, NULL);
    if (!absolute)
        return ERR_NOT_FOUND;
    job->folder_absolute = arena_copy(&job->arena, slice_of_text(absolute));
    free(absolute);
    return job->folder_absolute.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err make_uri(struct schema_job *job, const char *path, struct slice fragment, struct slice *ret_document,
                         struct slice *ret_uri)
{
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return ERR_NOT_FOUND;
    *ret_document = schema_uri_of_path(&job->arena, slice_of_text(absolute));
    free(absolute);
    if (!ret_document->ptr)
        return ERR_NOMEM;
    *ret_uri = arena_printf(&job->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(*ret_document), SLICE_ARG(fragment));
    return ret_uri->ptr ? ERR_OK : ERR_NOMEM;
}

/* "openapi.json#/components/schemas/User": a file whose name has a "#" is itself. */
static enum err split_path(struct schema_job *job, const char *path, struct slice *ret_path, struct slice *ret_fragment)
{
    struct file_status status;
    const char *hash = strchr(path, '#');
    bool is_whole = !hash || file_status(path, &status) == ERR_OK;
    *ret_path = arena_copy(&job->arena, is_whole ? slice_of_text(path) : slice_of(path, (size_t)(hash - path)));
    *ret_fragment = is_whole ? SLICE_LIT("") : slice_of_text(hash);
    return ret_path->ptr ? ERR_OK : ERR_NOMEM;
}

enum err schema_job_compile(struct schema_job *job, const char *path, const char **ret_why, struct schema **ret_schema)
{
    struct slice file;
    struct slice fragment;
    struct slice document;
    struct slice uri;
    struct slice text;
    *ret_why = NULL;
    enum err err = split_path(job, path, &file, &fragment);
    if (err == ERR_OK)
        err = read_file(&job->arena, file.ptr, SCHEMA_FILE_BYTES_MAX, &text);
    if (err == ERR_OK)
        err = make_uri(job, file.ptr, fragment, &document, &uri);
    if (err != ERR_OK) {
        *ret_why = why_of(err);
        return err;
    }
    err = find_folder(job, file.ptr);
    if (err == ERR_OK)
        err = schema_compiler_create(&job->settings, &job->compiler);
    if (err != ERR_OK) {
        *ret_why = err == ERR_NOT_FOUND ? "the folder of --folder is not there" : err_text(err);
        return err;
    }
    TRY(schema_compiler_add(job->compiler, document, file, text));
    return schema_compile(job->compiler, uri, NULL, ret_schema);
}

void schema_print_fault(const struct schema_fault *fault, const char *prefix)
{
    if (fault->line > 0)
        fprintf(stderr, SLICE_FMT ":%u:%u: %s" SLICE_FMT "\n", SLICE_ARG(fault->name), fault->line, fault->column,
                prefix, SLICE_ARG(fault->message));
    else
        fprintf(stderr, SLICE_FMT ": %s" SLICE_FMT "\n", SLICE_ARG(fault->name), prefix, SLICE_ARG(fault->message));
}

struct schema *schema_job_compile_printed(struct schema_job *job, const char *path)
{
    const char *why;
    uint32_t count = 0;
    struct schema *schema = NULL;
    enum err err = schema_job_compile(job, path, &why, &schema);
    const struct schema_fault *faults = job->compiler ? schema_compiler_faults(job->compiler, &count) : NULL;
    for (uint32_t i = 0; i < count; i++)
        schema_print_fault(&faults[i], err == ERR_OK ? "warning: " : "");
    if (err == ERR_OK)
        return schema;
    if (count == 0)
        fprintf(stderr, "%s: %s\n", path, why ? why : err_text(err));
    return NULL;
}

struct json_limits schema_document_limits(const struct schema *schema)
{
    return (struct json_limits){
        .bytes_max = DOCUMENT_BYTES_MAX, .depth_max = JSON_DEPTH_MAX, .keeps_numbers = schema_wants_numbers(schema)};
}

enum err schema_read_document(const char *command, const char *path, const struct schema *schema, struct arena *arena,
                              struct slice *ret_text, yyjson_val **ret_root)
{
    const struct json_limits limits = schema_document_limits(schema);
    struct json_document document;
    struct json_fault fault;
    bool is_input = strcmp(path, "-") == 0;
    enum err err = is_input ? read_input(arena, ret_text) : read_file(arena, path, DOCUMENT_BYTES_MAX, ret_text);
    if (err != ERR_OK) {
        (void)cmd_fail(command, "%s: %s", path, why_of(err));
        return err;
    }
    err = json_parse(arena, *ret_text, &limits, &document, &fault);
    if (err == ERR_OK)
        *ret_root = document.root;
    else
        fprintf(stderr, "%s:%u:%u: %s\n", path, fault.line, fault.column, fault.what);
    return err;
}
