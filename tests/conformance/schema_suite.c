/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema Test Suite, for the drafts that weir knows: every file of every draft, `optional` included, and the
 * output tests.
 *
 *     schema_suite SUITE EXPECTED
 *
 * SUITE is the suite's folder (tests, remotes, output-tests). EXPECTED lists cases that fail, each with its reason: a case
 * that fails and is not listed, and one that is listed and does not fail, are errors. As the suite's README asks,
 * http://localhost:1234/ is the folder `remotes`; formats are asserted below optional/format and nowhere else, but for
 * ecmascript-regex.json, which has a case about the format "regex" and stands beside that folder in one draft.
 * Every case is run three ways (check, explain, adapt), and with numbers kept as written and as doubles where the schema
 * says that both will do. */
#include "support/schema_run.h"

#include <dirent.h>

#define PATH_BYTES   1024
#define SKIPPED      77
#define EXPECTED_MAX 256

struct expected {
    struct slice lines[EXPECTED_MAX];
    bool is_seen[EXPECTED_MAX];
    size_t count;
};

struct tally {
    unsigned cases;
    unsigned passed;
};

struct suite {
    struct schema_run run;
    struct arena file_arena; /* of one file of the suite */
    const char *root;
    const char *draft_name;
    enum schema_draft draft;
    bool asserts_formats;
    const char *file; /* below the root, for messages */
    struct expected expected;
    struct tally tally;
    unsigned unexpected;
};

static const struct {
    const char *name;
    enum schema_draft draft;
} drafts[] = {
    {"draft7", SCHEMA_DRAFT_7}, {"draft2019-09", SCHEMA_DRAFT_2019_09}, {"draft2020-12", SCHEMA_DRAFT_2020_12}};

/* ---- expected failures ---------------------------------------------------------------------------------------------- */

static void read_expected(struct suite *suite, const char *path)
{
    struct slice rest = run_read(&suite->run, path);
    run_require(rest.ptr, "the list of expected failures cannot be read");
    while (rest.ptr) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        run_require(suite->expected.count < EXPECTED_MAX, "too many expected failures");
        suite->expected.lines[suite->expected.count++] = line;
    }
}

/* A line is "file | case | test | reason". */
static bool is_expected(struct expected *expected, struct slice name)
{
    for (size_t i = 0; i < expected->count; i++)
        if (slice_starts(expected->lines[i], name) &&
            slice_starts(slice_skip(expected->lines[i], name.len), SLICE_LIT(" | "))) {
            expected->is_seen[i] = true;
            return true;
        }
    return false;
}

static void report(struct suite *suite, yyjson_val *group, yyjson_val *test, bool is_right, const char *what)
{
    char name[PATH_BYTES * 2];
    struct slice group_name = json_text(json_get(group, SLICE_LIT("description")));
    struct slice test_name = json_text(json_get(test, SLICE_LIT("description")));
    int len = snprintf(name, sizeof name, "%s | " SLICE_FMT " | " SLICE_FMT, suite->file, SLICE_ARG(group_name),
                       SLICE_ARG(test_name));
    bool is_listed = is_expected(&suite->expected, slice_of(name, (size_t)len));
    suite->tally.cases++;
    suite->tally.passed += is_right;
    if (is_right == is_listed)
        suite->unexpected++;
    if (!is_right)
        printf("  %s: %s: %s\n", is_listed ? "fails, as listed" : "FAILS", name, what);
    else if (is_listed)
        printf("  PASSES, but is listed as failing: %s\n", name);
}

/* ---- documents of the suite ----------------------------------------------------------------------------------------- */

static enum err read_remote(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                            struct slice *ret_name)
{
    static const struct slice remote = SLICE_LIT("http://localhost:1234/");
    struct suite *suite = context;
    char path[PATH_BYTES];
    if (!slice_starts(uri, remote))
        return ERR_NOT_FOUND;
    struct slice rest = slice_skip(uri, remote.len);
    snprintf(path, sizeof path, "%s/remotes/" SLICE_FMT, suite->root, SLICE_ARG(rest));
    struct slice text = run_read(&suite->run, path);
    *ret_text = arena_copy(arena, text);
    *ret_name = arena_copy(arena, uri);
    return text.ptr ? ERR_OK : ERR_NOT_FOUND;
}

static struct slice text_of(struct suite *suite, yyjson_val *value)
{
    struct json_writer writer = json_writer_in_arena(&suite->file_arena, 0);
    struct slice text;
    json_write_value(&writer, value);
    run_require(json_writer_finish(&writer, &text) == ERR_OK, "a value of the suite cannot be written");
    return text;
}

static bool compile(struct suite *suite, struct slice text)
{
    const struct schema_source source = {suite, read_remote};
    const struct schema_settings settings = {
        .draft = suite->draft, .asserts_formats = suite->asserts_formats, .source = &source};
    bool is_schema = run_compile(&suite->run, &settings, SLICE_LIT("https://suite.test/schema"), text);
    return is_schema;
}

static yyjson_val *parse_file(struct suite *suite, const char *path)
{
    const struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = JSON_DEPTH_MAX, .keeps_numbers = true};
    struct json_document document;
    struct json_fault fault;
    struct slice text = run_read(&suite->run, path);
    run_require(text.ptr, path);
    if (json_parse(&suite->file_arena, text, &limits, &document, &fault) == ERR_OK)
        return document.root;
    printf("  FAILS: %s:%u:%u: %s\n", path, fault.line, fault.column, fault.what);
    suite->unexpected++;
    return NULL;
}

/* ---- validation ------------------------------------------------------------------------------------------------------ */

/* The same document with plain numbers, where the schema has no need for their digits. */
static bool agrees_with_doubles(struct suite *suite, yyjson_val *data, enum run_verdict verdict)
{
    struct schema_errors errors;
    yyjson_val *plain =
        schema_wants_numbers(suite->run.schema) ? NULL : run_parse(&suite->run, text_of(suite, data), false);
    return !plain || run_check(&suite->run, plain, &errors) == verdict;
}

static void run_test(struct suite *suite, yyjson_val *group, yyjson_val *test)
{
    struct schema_errors errors;
    yyjson_val *data = json_get(test, SLICE_LIT("data"));
    bool is_valid = yyjson_is_true(json_get(test, SLICE_LIT("valid")));
    enum run_verdict verdict = run_check(&suite->run, data, &errors);
    bool is_right = verdict == (is_valid ? RUN_VALID : RUN_INVALID);
    bool is_steady = agrees_with_doubles(suite, data, verdict);
    report(suite, group, test, is_right && is_steady,
           !is_right ? is_valid ? "is valid" : "is invalid" : "another verdict with numbers as doubles");
    arena_reset(&suite->run.scratch);
}

static void run_group(struct suite *suite, yyjson_val *group)
{
    size_t index, max;
    yyjson_val *test;
    bool is_schema = compile(suite, text_of(suite, json_get(group, SLICE_LIT("schema"))));
    yyjson_arr_foreach(json_get(group, SLICE_LIT("tests")), index, max, test)
    {
        if (is_schema)
            run_test(suite, group, test);
        else
            report(suite, group, test, false, run_fault(&suite->run));
    }
}

/* ---- output ------------------------------------------------------------------------------------------------------------ */

/* What the tests hold our output against refers to the schema of outputs. */
static bool compile_expectation(struct suite *suite, struct schema_run *other, yyjson_val *expectation)
{
    static const struct schema_options none;
    char path[PATH_BYTES];
    char uri[PATH_BYTES];
    const char *draft = suite->draft == SCHEMA_DRAFT_2019_09 ? "2019-09" : "2020-12";
    const struct schema_settings settings = {.draft = suite->draft};
    snprintf(path, sizeof path, "%s/output-tests/draft%s/output-schema.json", suite->root, draft);
    snprintf(uri, sizeof uri, "https://json-schema.org/draft/%s/output/schema", draft);
    struct slice text = run_read(&suite->run, path);
    run_drop_schema(other);
    return schema_compiler_create(&settings, &other->compiler) == ERR_OK &&
           schema_compiler_add(other->compiler, slice_of_text(uri), SLICE_LIT("output"), text) == ERR_OK &&
           schema_compiler_add(other->compiler, SLICE_LIT("https://suite.test/output"), SLICE_LIT("expectation"),
                               text_of(suite, expectation)) == ERR_OK &&
           schema_compile(other->compiler, SLICE_LIT("https://suite.test/output"), &none, &other->schema) == ERR_OK;
}

static const char *run_output(struct suite *suite, struct schema_run *other, yyjson_val *test, enum schema_output form,
                              struct slice name)
{
    struct schema_errors errors;
    yyjson_val *expectation = json_get(json_get(test, SLICE_LIT("output")), name);
    if (!expectation)
        return NULL;
    if (!compile_expectation(suite, other, expectation))
        return run_fault(other);
    enum run_verdict verdict = run_check(&suite->run, json_get(test, SLICE_LIT("data")), &errors);
    struct json_writer writer = json_writer_in_arena(&suite->file_arena, 0);
    struct slice text;
    schema_write_output(form, verdict == RUN_VALID, &errors, &writer);
    if (json_writer_finish(&writer, &text) != ERR_OK)
        return "the output cannot be written";
    yyjson_val *output = run_parse(other, text, true);
    bool is_right = output && run_check(other, output, &errors) == RUN_VALID;
    arena_reset(&other->scratch);
    return is_right ? NULL : "not the output that is asked for";
}

static void run_output_group(struct suite *suite, yyjson_val *group)
{
    size_t index, max;
    yyjson_val *test;
    struct schema_run other;
    run_begin(&other);
    bool is_schema = compile(suite, text_of(suite, json_get(group, SLICE_LIT("schema"))));
    yyjson_arr_foreach(json_get(group, SLICE_LIT("tests")), index, max, test)
    {
        const char *fault = is_schema ? NULL : run_fault(&suite->run);
        if (!fault)
            fault = run_output(suite, &other, test, SCHEMA_OUTPUT_FLAG, SLICE_LIT("flag"));
        if (!fault)
            fault = run_output(suite, &other, test, SCHEMA_OUTPUT_BASIC, SLICE_LIT("basic"));
        report(suite, group, test, !fault, fault);
        arena_reset(&suite->run.scratch);
    }
    run_end(&other);
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static void run_file(struct suite *suite, const char *path, void (*run)(struct suite *, yyjson_val *))
{
    size_t index, max;
    yyjson_val *group;
    yyjson_val *groups = parse_file(suite, path);
    if (groups)
        yyjson_arr_foreach(groups, index, max, group)
        {
            run(suite, group);
        }
    arena_reset(&suite->file_arena);
}

static int is_json(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static const char *path_of(struct suite *suite, const char *folder, const char *name)
{
    struct slice path = arena_printf(&suite->run.texts, "%s/%s", folder, name);
    run_require(path.ptr, "no memory");
    return path.ptr;
}

/* `folder` is below the suite's root. */
static void run_folder(struct suite *suite, const char *folder, const char *title, bool asserts_formats,
                       void (*run)(struct suite *, yyjson_val *))
{
    struct dirent **entries;
    int count = scandir(path_of(suite, suite->root, folder), &entries, is_json, alphasort);
    suite->tally = (struct tally){0, 0};
    for (int i = 0; i < count; i++) {
        suite->file = path_of(suite, folder, entries[i]->d_name);
        suite->asserts_formats = asserts_formats || strcmp(entries[i]->d_name, "ecmascript-regex.json") == 0;
        run_file(suite, path_of(suite, suite->root, suite->file), run);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    printf("%s %s: %u of %u cases pass\n", suite->draft_name, title, suite->tally.passed, suite->tally.cases);
}

static struct tally run_draft(struct suite *suite)
{
    char folder[PATH_BYTES];
    struct tally total = {0, 0};
    static const struct {
        const char *pattern;
        const char *title;
        bool asserts_formats;
        void (*run)(struct suite *, yyjson_val *);
    } parts[] = {
        {"tests/%s", "required", false, run_group},
        {"tests/%s/optional", "optional", false, run_group},
        {"tests/%s/optional/format", "formats", true, run_group},
        {"output-tests/%s/content", "output", false, run_output_group},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(folder, sizeof folder, parts[i].pattern, suite->draft_name);
        run_folder(suite, folder, parts[i].title, parts[i].asserts_formats, parts[i].run);
        total.cases += suite->tally.cases;
        total.passed += suite->tally.passed;
    }
    return total;
}

static void report_unseen(struct suite *suite)
{
    for (size_t i = 0; i < suite->expected.count; i++)
        if (!suite->expected.is_seen[i]) {
            printf("  listed as failing, but there is no such case: " SLICE_FMT "\n",
                   SLICE_ARG(suite->expected.lines[i]));
            suite->unexpected++;
        }
}

int main(int argc, char **argv)
{
    static struct suite suite;
    struct tally total = {0, 0};
    run_require(argc == 3, "usage: schema_suite SUITE EXPECTED");
    DIR *folder = opendir(argv[1]);
    if (!folder) {
        printf("skipped: no JSON Schema Test Suite at %s (setup/setup.sh --test installs it)\n", argv[1]);
        return SKIPPED;
    }
    closedir(folder);
    suite.root = argv[1];
    run_begin(&suite.run);
    arena_init(&suite.file_arena, &suite.run.pool, 64 << 10, RUN_BYTES_MAX);
    read_expected(&suite, argv[2]);
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        suite.draft_name = drafts[i].name;
        suite.draft = drafts[i].draft;
        struct tally tally = run_draft(&suite);
        total.cases += tally.cases;
        total.passed += tally.passed;
    }
    report_unseen(&suite);
    printf("%u of %u cases pass, %zu listed as failing, %u not as they should be\n", total.passed, total.cases,
           suite.expected.count, suite.unexpected);
    run_end(&suite.run);
    return suite.unexpected > 0;
}
