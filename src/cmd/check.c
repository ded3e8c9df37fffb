/* SPDX-License-Identifier: Apache-2.0 */
/* weir check: everything that is wrong with a configuration, without serving it. */
#include "cmd/options.h"

#include "control/config/load.h"
#include "control/config/reference.h"
#include "lib/json/writer.h"
#include "pipeline/contract.h"
#include "pipeline/route.h"

#include <stdio.h>

#define OUTPUT_BYTES_MAX (16u << 20)

enum flag { FLAG_JSON, FLAG_VERBOSE, FLAG_REFERENCE, FLAG_SCHEMA, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    [FLAG_JSON] = {"json", 0, NULL, "the result as one JSON object on standard output"},
    [FLAG_VERBOSE] = {"verbose", 'v', NULL, "say which schemas each route is bound to"},
    [FLAG_REFERENCE] = {"reference", 0, NULL, "print all options as Markdown"},
    [FLAG_SCHEMA] = {"schema", 0, NULL, "print the JSON Schema of a configuration, for editors"},
};

/* What is printed is made in one piece. */
struct output {
    struct pool pool;
    struct arena arena;
};

static int check_file(const char *path, bool is_json, bool is_verbose);
static void print_text(const struct report *report, const struct config *config);
static void print_contracts(const struct config *config);
static enum err print_json(const struct report *report, const struct config *config);
static int print_generated(bool is_schema);

int cmd_check(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "check",
        .usage = "[--json] [--verbose] FILE\n--reference | --schema",
        .about = "Reads a configuration as weir serve would, with the keys files and all else that its\n"
                 "middlewares read, and says everything that is wrong with it: file, line, column, what was\n"
                 "expected. Models are looked for but not opened; see weir model inspect.\n",
        .flags = flags,
        .flag_count = ARRAY_LEN(flags),
    };
    bool is_set[FLAG_COUNT] = {false};
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        is_set[flag] = true;
    if (flag == CMD_EXIT)
        return line.exit;
    bool wants_file = !is_set[FLAG_REFERENCE] && !is_set[FLAG_SCHEMA];
    if (is_set[FLAG_JSON] + is_set[FLAG_REFERENCE] + is_set[FLAG_SCHEMA] > 1)
        return cmd_misuse("check", "--json, --reference and --schema exclude each other");
    if (wants_file && line.argument_count == 0)
        return cmd_misuse("check", "name a configuration file, such as weir.yaml");
    if (line.argument_count > wants_file)
        return cmd_misuse("check", "unexpected argument \"%s\"", line.arguments[wants_file]);
    return wants_file ? check_file(line.arguments[0], is_set[FLAG_JSON], is_set[FLAG_VERBOSE])
                      : print_generated(is_set[FLAG_SCHEMA]);
}

static bool is_entry_before(const struct config *config, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++)
        if (config->routes[i]->config == config->routes[end]->config)
            return true;
    return false;
}

/* Entries of `routes:`. Each gives one route or several, not all side by side (procedures of gRPC stand behind all others); the
 * implicit ones have no `match`. */
static uint32_t count_routes(const struct config *config)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->route_count; i++)
        count += config->routes[i]->config->match.len && !is_entry_before(config, i);
    return count;
}

static int check_file(const char *path, bool is_json, bool is_verbose)
{
    static struct report report;
    struct config *config = NULL;
    report_init(&report);
    enum err err = config_load(path, &report, &config);
    int result = err == ERR_OK ? CMD_DONE : CMD_FAILED;
    if (!is_json)
        print_text(&report, config);
    else if (print_json(&report, config) != ERR_OK)
        result = cmd_fail("check", "out of memory for the result");
    if (config && is_verbose && !is_json)
        print_contracts(config);
    config_unref(config);
    report_deinit(&report);
    return result;
}

static const char *const modes[] = {
    [CONTRACT_ENFORCE] = "enforce", [CONTRACT_REPORT] = "report", [CONTRACT_OFF] = "off"};

/* What a schema is called: its file, with the place in it that is not the whole. */
static void name_schema(const struct config *config, const struct contract_schema *schema, struct text *out)
{
    size_t fragment = slice_find(schema->uri, '#');
    text_add(out, schema->path.len ? schema->path : config->path);
    text_add(out, slice_skip(schema->uri, fragment));
}

/* What is said of one route. */
struct telling {
    const struct config *config;
    const struct route *route;
    struct json_writer *out; /* NULL: to standard output */
};

static void print_schema(void *context, struct slice part, const struct contract_schema *schema)
{
    const struct telling *telling = context;
    char memory[4096];
    struct text name = text_init(memory, sizeof memory);
    name_schema(telling->config, schema, &name);
    printf("    " SLICE_FMT ": %s (%s)\n", SLICE_ARG(part), memory, modes[schema->mode]);
}

static void print_contracts(const struct config *config)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct telling telling = {.config = config, .route = config->routes[i]};
        if (!telling.route->contract)
            continue;
        printf("  " SLICE_FMT "\n", SLICE_ARG(telling.route->name));
        contract_each(telling.route->contract, print_schema, &telling);
    }
}

static void print_text(const struct report *report, const struct config *config)
{
    report_print(report, stderr);
    if (!config) {
        fprintf(stderr, SLICE_FMT ": %u error%s\n", SLICE_ARG(report->path), report->error_count,
                report->error_count == 1 ? "" : "s");
        return;
    }
    uint32_t routes = count_routes(config);
    printf(SLICE_FMT ": ok (%u route%s, %u model%s)\n", SLICE_ARG(report->path), routes, routes == 1 ? "" : "s",
           config->models.count, config->models.count == 1 ? "" : "s");
}

static void output_init(struct output *output)
{
    pool_init(&output->pool, 0, 2 * (size_t)OUTPUT_BYTES_MAX);
    arena_init(&output->arena, &output->pool, 65536, OUTPUT_BYTES_MAX);
}

static void output_deinit(struct output *output)
{
    arena_reset(&output->arena);
    pool_deinit(&output->pool);
}

static void write_note(struct json_writer *out, const struct report_note *note)
{
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("severity"));
    json_write_string(out, note->severity == REPORT_ERROR ? SLICE_LIT("error") : SLICE_LIT("warning"));
    if (note->path.len) {
        json_write_key(out, SLICE_LIT("file"));
        json_write_string(out, note->path);
    }
    if (note->place.line) {
        json_write_key(out, SLICE_LIT("line"));
        json_write_u64(out, note->place.line);
        json_write_key(out, SLICE_LIT("column"));
        json_write_u64(out, note->place.column);
    }
    json_write_key(out, SLICE_LIT("message"));
    json_write_string(out, note->message);
    json_write_object_end(out);
}

static void write_schema(void *context, struct slice part, const struct contract_schema *schema)
{
    const struct telling *telling = context;
    char memory[4096];
    struct text name = text_init(memory, sizeof memory);
    name_schema(telling->config, schema, &name);
    json_write_object_begin(telling->out);
    json_write_member_string(telling->out, "route", telling->route->name);
    json_write_member_string(telling->out, "part", part);
    json_write_member_string(telling->out, "schema", text_slice(&name));
    json_write_member_string(telling->out, "mode", slice_of_text(modes[schema->mode]));
    json_write_object_end(telling->out);
}

static void write_contracts(struct json_writer *out, const struct config *config)
{
    json_write_key(out, SLICE_LIT("schemas"));
    json_write_array_begin(out);
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct telling telling = {.config = config, .route = config->routes[i], .out = out};
        contract_each(telling.route->contract, write_schema, &telling);
    }
    json_write_array_end(out);
}

static enum err print_json(const struct report *report, const struct config *config)
{
    struct output output;
    struct slice text;
    output_init(&output);
    struct json_writer out = json_writer_in_arena(&output.arena, 0);
    json_write_object_begin(&out);
    json_write_key(&out, SLICE_LIT("file"));
    json_write_string(&out, report->path);
    json_write_key(&out, SLICE_LIT("ok"));
    json_write_bool(&out, config != NULL);
    json_write_member_u64(&out, "errors", report->error_count);
    json_write_member_u64(&out, "warnings", report->warning_count);
    if (config) {
        json_write_member_u64(&out, "routes", count_routes(config));
        json_write_member_u64(&out, "models", config->models.count);
        write_contracts(&out, config);
    }
    json_write_key(&out, SLICE_LIT("notes"));
    json_write_array_begin(&out);
    for (uint32_t i = 0; i < report->note_count; i++)
        write_note(&out, &report->notes[i]);
    json_write_array_end(&out);
    json_write_object_end(&out);
    enum err err = json_writer_finish(&out, &text);
    if (err == ERR_OK)
        printf(SLICE_FMT "\n", SLICE_ARG(text));
    output_deinit(&output);
    return err;
}

static int print_generated(bool is_schema)
{
    struct output output;
    struct slice text;
    enum err err;
    output_init(&output);
    if (is_schema) {
        err = config_schema_write(&output.arena, &text);
    } else {
        struct buffer page = buffer_in_arena(&output.arena, 65536);
        config_reference_write(&page);
        err = buffer_finish(&page, &text);
    }
    if (err == ERR_OK)
        printf(SLICE_FMT "%s", SLICE_ARG(text), is_schema ? "\n" : "");
    output_deinit(&output);
    return err == ERR_OK ? CMD_DONE : cmd_fail("check", "%s", err_text(err));
}
