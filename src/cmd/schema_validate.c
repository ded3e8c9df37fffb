/* SPDX-License-Identifier: Apache-2.0 */
/* weir schema validate: documents against a schema. */
#include "cmd/schema_job.h"

#include "lib/json/pointer.h"

#include <stdio.h>

#define ERRORS_DEFAULT   100
#define ERRORS_MAX       100000
#define STEPS_MAX        UINT64_C(100000000000)
#define REGEX_STEPS_MAX  10000000
#define MEMORY_BYTES_MAX ((size_t)4 << 30)

enum flag { FLAG_OUTPUT = SCHEMA_FLAG_COUNT, FLAG_ERRORS, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    SCHEMA_FLAG_ROWS,
    [FLAG_OUTPUT] = {"output", 'o', "FORM", "flag or basic: a line of JSON for each instance, in the standard's forms"},
    [FLAG_ERRORS] = {"max-errors", 0, "N", "how many errors of an instance are told (100)"},
};

enum form { FORM_TEXT, FORM_FLAG, FORM_BASIC };

struct options {
    enum form form;
    uint32_t errors_max;
};

/* What documents are run with, one after the other. */
struct runner {
    const struct options *options;
    const struct schema *schema;
    struct regex_work *regex;
    struct pool pool;
    struct arena arena;
};

static int take_flag(struct options *options, int flag, const char *value);
static int validate(struct schema_job *job, const struct options *options, char **paths, int count);
static bool validate_file(struct runner *runner, const char *path);
static bool print_output(struct runner *runner, bool is_valid, const struct schema_errors *errors);

int schema_command_validate(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "schema validate",
        .usage = "[--output flag|basic] [--folder DIR] [--draft DRAFT] SCHEMA INSTANCE...",
        .about = "Validates documents and says what is wrong with them: file, line, column. \"-\" is standard\n"
                 "input. Exit code 0: all are valid; 1: one is not, or cannot be read.\n",
        .flags = flags,
        .flag_count = FLAG_COUNT,
    };
    struct schema_job job;
    struct options options = {.errors_max = ERRORS_DEFAULT};
    const char *value;
    int flag;
    int result = CMD_DONE;
    schema_job_init(&job, line.command);
    cmd_begin(&line, argc, argv);
    while (result == CMD_DONE && (flag = cmd_next(&line, &value)) >= 0)
        result = flag < SCHEMA_FLAG_COUNT ? schema_job_flag(&job, flag, value) : take_flag(&options, flag, value);
    if (result == CMD_DONE && flag == CMD_EXIT)
        return line.exit;
    if (result != CMD_DONE)
        return result;
    if (line.argument_count < 2)
        return cmd_misuse("schema validate", "name a schema and at least one document (\"-\" is standard input)");
    result = validate(&job, &options, line.arguments, line.argument_count);
    schema_job_deinit(&job);
    return result;
}

static int take_flag(struct options *options, int flag, const char *value)
{
    uint64_t number;
    if (flag == FLAG_ERRORS) {
        if (text_parse_u64(slice_of_text(value), &number) != ERR_OK || number == 0 || number > ERRORS_MAX)
            return cmd_misuse("schema validate", "--max-errors takes a number from 1 to %d, found \"%s\"", ERRORS_MAX,
                              value);
        options->errors_max = (uint32_t)number;
        return CMD_DONE;
    }
    bool is_flag = strcmp(value, "flag") == 0;
    if (!is_flag && strcmp(value, "basic") != 0)
        return cmd_misuse("schema validate", "--output takes flag or basic, found \"%s\"", value);
    options->form = is_flag ? FORM_FLAG : FORM_BASIC;
    return CMD_DONE;
}

static int validate(struct schema_job *job, const struct options *options, char **paths, int count)
{
    struct schema *schema = schema_job_compile_printed(job, paths[0]);
    struct runner runner = {.options = options, .schema = schema};
    if (!schema)
        return CMD_FAILED;
    if (regex_work_create(REGEX_STEPS_MAX, &runner.regex) != ERR_OK) {
        schema_unref(schema);
        return cmd_fail(job->command, "out of memory");
    }
    pool_init(&runner.pool, 64 << 20, MEMORY_BYTES_MAX);
    bool are_valid = true;
    for (int i = 1; i < count; i++) {
        arena_init(&runner.arena, &runner.pool, 65536, MEMORY_BYTES_MAX);
        are_valid &= validate_file(&runner, paths[i]);
        arena_reset(&runner.arena);
    }
    pool_deinit(&runner.pool);
    regex_work_destroy(runner.regex);
    schema_unref(schema);
    return are_valid ? CMD_DONE : CMD_FAILED;
}

/* With what x-openapi-validation asks for, as on the server: "5" is a number where a schema says that it may be. */
static enum schema_outcome run(struct runner *runner, yyjson_val *root, struct schema_errors *errors)
{
    struct schema_work work = {.scratch = &runner->arena, .regex = runner->regex, .steps_left = STEPS_MAX};
    struct schema_edits edits = {.arena = &runner->arena};
    *errors = (struct schema_errors){.arena = &runner->arena, .max = runner->options->errors_max};
    if (schema_adapts(runner->schema))
        return schema_adapt(runner->schema, root, &work, &edits, errors);
    return schema_explain(runner->schema, root, &work, errors);
}

static void print_error(const char *path, struct slice text, const struct schema_error *error)
{
    struct json_place place;
    struct slice pointer = error->instance.len ? error->instance : SLICE_LIT("(the whole)");
    if (json_pointer_locate(text, error->instance, false, &place) == ERR_OK)
        fprintf(stderr, "%s:%u:%u: " SLICE_FMT ": " SLICE_FMT "\n", path, place.line, place.column, SLICE_ARG(pointer),
                SLICE_ARG(error->message));
    else /* of a member that a default would have added */
        fprintf(stderr, "%s: " SLICE_FMT ": " SLICE_FMT "\n", path, SLICE_ARG(pointer), SLICE_ARG(error->message));
}

static void print_errors(const char *path, struct slice text, const struct schema_errors *errors)
{
    for (uint32_t i = 0; i < errors->count; i++)
        print_error(path, text, &errors->items[i]);
    if (errors->is_cut)
        fprintf(stderr, "%s: there are more errors; --max-errors says how many are told\n", path);
    fprintf(stderr, "%s: not valid\n", path);
}

static bool validate_file(struct runner *runner, const char *path)
{
    struct slice text;
    yyjson_val *root;
    struct schema_errors errors;
    if (schema_read_document("schema validate", path, runner->schema, &runner->arena, &text, &root) != ERR_OK)
        return false;
    enum schema_outcome outcome = run(runner, root, &errors);
    if (outcome == SCHEMA_OVER_LIMIT || outcome == SCHEMA_NO_MEMORY) {
        (void)cmd_fail("schema validate", "%s: given up: %s", path,
                       outcome == SCHEMA_NO_MEMORY ? "it takes too much memory"
                                                   : "it takes too many steps, or a pattern does");
        return false;
    }
    bool is_valid = outcome == SCHEMA_VALID;
    if (runner->options->form != FORM_TEXT)
        return print_output(runner, is_valid, &errors) && is_valid;
    if (is_valid)
        printf("%s: valid\n", path);
    else
        print_errors(path, text, &errors);
    return is_valid;
}

static bool print_output(struct runner *runner, bool is_valid, const struct schema_errors *errors)
{
    struct slice text;
    struct json_writer writer = json_writer_in_arena(&runner->arena, 0);
    schema_write_output(runner->options->form == FORM_FLAG ? SCHEMA_OUTPUT_FLAG : SCHEMA_OUTPUT_BASIC, is_valid, errors,
                        &writer);
    if (json_writer_finish(&writer, &text) != ERR_OK) {
        (void)cmd_fail("schema validate", "out of memory for the result");
        return false;
    }
    printf(SLICE_FMT "\n", SLICE_ARG(text));
    return true;
}
