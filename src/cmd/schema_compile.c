/* SPDX-License-Identifier: Apache-2.0 */
/* weir schema compile: whether schemas are right, and what they become. */
#include "cmd/schema_job.h"

#include "lib/sys/clock.h"

#include <stdio.h>

#define OUTPUT_BYTES_MAX (256u << 20)

enum flag { FLAG_LIST = SCHEMA_FLAG_COUNT, FLAG_JSON, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    SCHEMA_FLAG_ROWS,
    [FLAG_LIST] = {"list", 0, NULL, "print the program"},
    [FLAG_JSON] = {"json", 0, NULL, "a JSON array with an object for each file"},
};

/* What is printed, and how. */
struct printer {
    struct pool pool;
    struct arena arena;
    struct json_writer json;
    bool is_json;
    bool wants_list;
    bool has_failed;
};

static void compile_file(struct printer *printer, const struct schema_job *like, const char *path);

int schema_command_compile(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "schema compile",
        .usage = "[--list] [--json] [--folder DIR] [--draft DRAFT] FILE...",
        .about = "Holds schemas against their metaschema, follows their references and compiles them, as the\n"
                 "server does, and says everything that is wrong: file, line, column. FILE#/pointer or\n"
                 "FILE#anchor is a schema that stands in a file.\n",
        .flags = flags,
        .flag_count = FLAG_COUNT,
    };
    struct schema_job like;
    struct printer printer = {.is_json = false};
    const char *value;
    int flag;
    int result = CMD_DONE;
    schema_job_init(&like, line.command);
    cmd_begin(&line, argc, argv);
    while (result == CMD_DONE && (flag = cmd_next(&line, &value)) >= 0) {
        printer.wants_list |= flag == FLAG_LIST;
        printer.is_json |= flag == FLAG_JSON;
        if (flag < SCHEMA_FLAG_COUNT)
            result = schema_job_flag(&like, flag, value);
    }
    if (result == CMD_DONE && flag == CMD_EXIT)
        return line.exit;
    if (result != CMD_DONE)
        return result;
    if (line.argument_count == 0)
        return cmd_misuse("schema compile", "name a schema file");
    pool_init(&printer.pool, 0, 2 * (size_t)OUTPUT_BYTES_MAX);
    arena_init(&printer.arena, &printer.pool, 65536, OUTPUT_BYTES_MAX);
    printer.json = json_writer_in_arena(&printer.arena, 0);
    json_write_array_begin(&printer.json);
    for (int i = 0; i < line.argument_count; i++)
        compile_file(&printer, &like, line.arguments[i]);
    json_write_array_end(&printer.json);
    struct slice text;
    if (printer.is_json && json_writer_finish(&printer.json, &text) == ERR_OK)
        printf(SLICE_FMT "\n", SLICE_ARG(text));
    arena_reset(&printer.arena);
    pool_deinit(&printer.pool);
    schema_job_deinit(&like);
    return printer.has_failed ? CMD_FAILED : CMD_DONE;
}

static void write_fault(struct json_writer *out, const struct schema_fault *fault)
{
    json_write_object_begin(out);
    json_write_member_string(out, "file", fault->name);
    if (fault->line > 0) {
        json_write_member_u64(out, "line", fault->line);
        json_write_member_u64(out, "column", fault->column);
    }
    json_write_member_string(out, "pointer", fault->pointer);
    json_write_member_string(out, "message", fault->message);
    json_write_object_end(out);
}

static void write_faults(struct json_writer *out, const char *key, const struct schema_job *job,
                         const struct schema_fault *otherwise)
{
    uint32_t count = 0;
    const struct schema_fault *faults = job->compiler ? schema_compiler_faults(job->compiler, &count) : NULL;
    json_write_key(out, slice_of_text(key));
    json_write_array_begin(out);
    for (uint32_t i = 0; i < count; i++)
        write_fault(out, &faults[i]);
    if (count == 0 && otherwise)
        write_fault(out, otherwise);
    json_write_array_end(out);
}

static void write_failure(struct json_writer *out, const struct schema_job *job, const char *path, const char *why)
{
    const struct schema_fault whole = {.name = slice_of_text(path), .message = slice_of_text(why)};
    json_write_object_begin(out);
    json_write_member_string(out, "file", slice_of_text(path));
    json_write_key(out, SLICE_LIT("ok"));
    json_write_bool(out, false);
    write_faults(out, "faults", job, &whole);
    json_write_object_end(out);
}

static void write_schema(struct printer *printer, const struct schema_job *job, const char *path,
                         const struct schema *schema, double took_ms, struct slice list)
{
    struct json_writer *out = &printer->json;
    json_write_object_begin(out);
    json_write_member_string(out, "file", slice_of_text(path));
    json_write_key(out, SLICE_LIT("ok"));
    json_write_bool(out, true);
    json_write_member_string(out, "draft", slice_of_text(schema_draft_name(schema_draft_of(schema))));
    json_write_member_u64(out, "instructions", schema_instruction_count(schema));
    json_write_key(out, SLICE_LIT("ms"));
    json_write_f64(out, took_ms);
    if (printer->wants_list)
        json_write_member_string(out, "program", list);
    write_faults(out, "warnings", job, NULL);
    json_write_object_end(out);
}

static void print_schema(struct printer *printer, const struct schema_job *job, const char *path,
                         const struct schema *schema, double took_ms)
{
    struct slice list = {NULL, 0};
    struct buffer buffer = buffer_in_arena(&printer->arena, 0);
    if (printer->wants_list)
        schema_list(schema, &buffer);
    if (printer->wants_list && buffer_finish(&buffer, &list) != ERR_OK)
        list = SLICE_LIT("(too long)\n");
    if (printer->is_json) {
        write_schema(printer, job, path, schema, took_ms, list);
        return;
    }
    printf("%s: ok (draft %s, %u instructions, %.1f ms)\n", path, schema_draft_name(schema_draft_of(schema)),
           schema_instruction_count(schema), took_ms);
    printf(SLICE_FMT, SLICE_ARG(list));
}

static void compile_file(struct printer *printer, const struct schema_job *like, const char *path)
{
    struct schema_job job;
    struct schema *schema = NULL;
    const char *why;
    schema_job_init(&job, like->command);
    job.folder_path = like->folder_path;
    job.settings.draft = like->settings.draft;
    job.settings.asserts_formats = like->settings.asserts_formats;
    uint64_t from_ns = clock_now_ns();
    if (!printer->is_json) {
        schema = schema_job_compile_printed(&job, path);
    } else {
        enum err err = schema_job_compile(&job, path, &why, &schema);
        if (err != ERR_OK)
            write_failure(&printer->json, &job, path, why ? why : err_text(err));
    }
    if (schema)
        print_schema(printer, &job, path, schema, (double)(clock_now_ns() - from_ns) / (double)NS_PER_MS);
    printer->has_failed |= !schema;
    schema_unref(schema);
    schema_job_deinit(&job);
}
