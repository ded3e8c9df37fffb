/* SPDX-License-Identifier: Apache-2.0 */
/* Which schemas a route gets: by what it says, and by the names of files. */
#include "unit/control/config/harness.h"

#include "control/config/option_tables.h"
#include "lib/schema/schema.h"
#include "lib/sys/file.h"
#include "pipeline/contract.h"

#include <sys/stat.h>
#include <unistd.h>

#define TO " public: true, to: {endpoint: livez}"

static char base[] = "/tmp/weir-contract-test-XXXXXX";

static void put(const char *name, const char *content)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(file_write_atomic(path, 0644, slice_of_text(content)), ERR_OK);
}

static void drop(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(unlink(path), 0);
}

static int set_up(void **state)
{
    char path[256];
    (void)state;
    if (!mkdtemp(base))
        return -1;
    (void)snprintf(path, sizeof path, "%s/schemas", base);
    mkdir(path, 0755);
    (void)snprintf(path, sizeof path, "%s/schemas/common", base);
    mkdir(path, 0755);
    put("schemas/post-users-v2.json", "{\"$ref\": \"https://example.com/user.json\"}");
    put("schemas/common/user.json", "{\"$id\": \"https://example.com/user.json\", \"type\": \"object\"}");
    return 0;
}

static int tear_down(void **state)
{
    char command[300];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", base);
    return system(command); /* NOLINT(cert-env33-c): a fixed command in a test */
}

/* Loads as if weir.yaml stood in the folder; the report names files of it from "BASE/" on, which is left out. */
static struct config *load(const char *yaml, const char *expected)
{
    struct report report;
    struct config *config = NULL;
    static char found[REPORT_BYTES];
    static char bare[REPORT_BYTES];
    char path[256];
    (void)snprintf(path, sizeof path, "%s/weir.yaml", base);
    report_init(&report);
    enum err err = config_load_text(slice_of_text(yaml), path, &report, &config);
    struct text all = text_init(found, sizeof found);
    for (uint32_t i = 0; i < report.note_count; i++) {
        report_note_format(&report, &report.notes[i], &all);
        text_add(&all, SLICE_LIT("\n"));
    }
    struct text out = text_init(bare, sizeof bare);
    for (const char *at = found; *at; at++) {
        if (strncmp(at, base, strlen(base)) == 0)
            at += strlen(base) + 1;
        text_add(&out, slice_of(at, 1));
    }
    assert_string_equal(bare, expected);
    assert_int_equal(err == ERR_OK, report.error_count == 0);
    report_deinit(&report);
    return config;
}

static void assert_said(const char *yaml, const char *expected)
{
    config_unref(load(yaml, expected));
}

static const struct contract *contract_of(const struct config *config, const char *name)
{
    for (uint32_t i = 0; config && i < config->route_count; i++)
        if (slice_is(config->routes[i]->name, name))
            return config->routes[i]->contract;
    fail_msg("there is no route %s", name);
    return NULL;
}

static bool ends_with(struct slice text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && slice_is(slice_skip(text, text.len - len), end);
}

static void a_route_finds_its_schema_by_its_name(void **state)
{
    (void)state;
    struct config *config = load("schemas: schemas\nroutes:\n  - {match: \"POST /v2/users\"," TO "}\n", "");
    const struct contract *contract = contract_of(config, "POST /v2/users");
    assert_true(contract->has_body);
    assert_true(contract->is_body_required);
    assert_true(contract->is_conventional);
    assert_non_null(contract->body.schema);
    assert_true(ends_with(contract->body.path, "/schemas/post-users-v2.json"));
    assert_true(ends_with(contract->body.uri, "/schemas/post-users-v2.json"));
    assert_true(slice_is(contract->body.text, "{\"$ref\": \"https://example.com/user.json\"}"));
    assert_int_equal(contract->mode, CONTRACT_ENFORCE);
    assert_int_equal(contract->errors_max, 16);
    assert_null(contract_of(config, "GET /livez"));
    config_unref(config);
}

static void a_configuration_has_all_documents_that_its_schemas_need(void **state)
{
    (void)state;
    struct config *config = load("schemas: schemas\nroutes:\n  - {match: \"POST /v2/users\"," TO "}\n", "");
    assert_int_equal(config->document_count, 2);
    const struct contract_document *user = &config->documents[0];
    assert_true(ends_with(user->path, "schemas/common/user.json"));
    assert_true(slice_is(user->id, "https://example.com/user.json"));
    assert_true(slice_starts(user->uri, SLICE_LIT("file:///")));
    assert_int_equal(strlen(user->hash), 64);
    assert_true(user->loaded_ns > 0);
    config_unref(config);
}

static void names_are_made_of_method_segments_and_version(void **state)
{
    static const char *const rows[][2] = {
        {"GET /", "get.json"},
        {"POST /v2/users", "post-users-v2.json"},
        {"PUT /api/v1/users/{id}", "put-api-users-id-v1.json"},
        {"GET /files/{path...}", "get-files-path.json"},
        {"DELETE /v1/a/v2", "delete-a-v2-v1.json"},
        {"PATCH /version/vx/v", "patch-version-vx-v.json"},
    };
    (void)state;
    drop("schemas/post-users-v2.json");
    drop("schemas/common/user.json");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char yaml[256];
        char name[64];
        char method_and_path[64];
        (void)snprintf(yaml, sizeof yaml, "schemas: schemas\nroutes:\n  - {match: \"%s\"," TO "}\n", rows[i][0]);
        (void)snprintf(name, sizeof name, "schemas/%s", rows[i][1]);
        (void)snprintf(method_and_path, sizeof method_and_path, "%s", rows[i][0]);
        put(name, "{}");
        struct config *config = load(yaml, "");
        assert_non_null(contract_of(config, method_and_path));
        config_unref(config);
        drop(name);
    }
    put("schemas/post-users-v2.json", "{\"$ref\": \"https://example.com/user.json\"}");
    put("schemas/common/user.json", "{\"$id\": \"https://example.com/user.json\", \"type\": \"object\"}");
}

static void companions_are_parameters_and_responses(void **state)
{
    (void)state;
    put("schemas/post-users-v2.parameters.json",
        "[{\"name\": \"X-Limit\", \"in\": \"header\", \"schema\": {\"type\": \"integer\"}}]");
    put("schemas/post-users-v2.response.json", "true");
    put("schemas/post-users-v2.response-default.json", "true");
    put("schemas/post-users-v2.response-404.json", "true");
    put("schemas/post-users-v2.response-4xx.json", "true");
    struct config *config =
        load("schemas: {folder: schemas, responses: report}\nroutes:\n  - {match: \"POST /v2/users\"," TO "}\n", "");
    const struct contract *contract = contract_of(config, "POST /v2/users");
    assert_int_equal(contract->parameter_count, 1);
    assert_true(slice_is(contract->parameters[0].name, "x-limit"));
    static const uint16_t expected[][2] = {{404, 404}, {200, 299}, {400, 499}, {100, 599}};
    assert_int_equal(contract->response_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(contract->responses[i].status_min, expected[i][0]);
        assert_int_equal(contract->responses[i].status_max, expected[i][1]);
    }
    assert_int_equal(contract->response_mode, CONTRACT_REPORT);
    assert_int_equal(contract->responses[0].schema.mode, CONTRACT_REPORT);
    config_unref(config);
    drop("schemas/post-users-v2.parameters.json");
    drop("schemas/post-users-v2.response.json");
    drop("schemas/post-users-v2.response-default.json");
    drop("schemas/post-users-v2.response-404.json");
    drop("schemas/post-users-v2.response-4xx.json");
}

static void a_reference_stands_for_a_parameter(void **state)
{
    (void)state;
    put("schemas/common/parameters.json", "{\"limit\": {\"name\": \"limit\", \"in\": \"query\", \"schema\": "
                                          "{\"$ref\": \"#/types/limit\"}}, \"types\": {\"limit\": {\"type\": "
                                          "\"integer\"}}, \"again\": {\"$ref\": \"#/again\"}}");
    put("schemas/get-a.parameters.json", "[{\"$ref\": \"common/parameters.json#/limit\"}]");
    struct config *config =
        load("schemas: schemas\nroutes:\n  - {match: \"POST /v2/users\"," TO "}\n  - {match: GET /a," TO "}\n", "");
    const struct contract *contract = contract_of(config, "GET /a");
    assert_int_equal(contract->parameter_count, 1);
    assert_int_equal(contract->parameters[0].types, CONTRACT_INTEGER);
    assert_true(ends_with(contract->parameters[0].schema.uri, "common/parameters.json#/limit/schema"));
    config_unref(config);
    put("schemas/get-a.parameters.json",
        "[{\"$ref\": \"common/parameters.json#/again\"},\n{\"$ref\": \"../weir.yaml\"}]");
    assert_said("schemas: schemas\nroutes:\n  - {match: GET /a," TO "}\n",
                "schemas/common/parameters.json:1:141: error: references to references go on for more than 8 steps\n"
                "schemas/get-a.parameters.json:2:10: error: \"../weir.yaml\" is no file in the folder of schemas\n");
    drop("schemas/get-a.parameters.json");
    drop("schemas/common/parameters.json");
}

static void what_a_route_says_comes_before_the_convention(void **state)
{
    (void)state;
    put("api.json", "{\"components\": {\"schemas\": {\"User\": {\"type\": \"object\"}}}}");
    struct config *config =
        load("schemas: schemas\n"
             "routes:\n"
             "  - {match: \"POST /v2/users\", schema: \"./api.json#/components/schemas/User\"," TO "}\n"
             "  - {match: \"PUT /u\", schema: schemas/post-users-v2.json, body_required: false," TO "}\n",
             "");
    const struct contract *contract = contract_of(config, "POST /v2/users");
    assert_true(ends_with(contract->body.uri, "/api.json#/components/schemas/User"));
    assert_true(ends_with(contract->body.path, "/api.json"));
    assert_false(contract->is_conventional);
    contract = contract_of(config, "PUT /u");
    assert_true(ends_with(contract->body.uri, "/schemas/post-users-v2.json"));
    assert_false(contract->is_body_required);
    config_unref(config);
    drop("api.json");
}

static void a_route_changes_some_options_and_keeps_the_others(void **state)
{
    (void)state;
    struct config *config =
        load("schemas: {folder: schemas, mode: report, max_errors: 3, coerce_types: true, allow_empty_string: false}\n"
             "routes:\n"
             "  - {match: \"POST /v2/users\", contract: {mode: enforce, coerce_types: false}," TO "}\n",
             "");
    const struct contract *contract = contract_of(config, "POST /v2/users");
    const struct schema_options *options = schema_options(contract->body.schema);
    assert_int_equal(contract->mode, CONTRACT_ENFORCE);
    assert_int_equal(contract->errors_max, 3);
    assert_int_equal(options->mode, SCHEMA_ENFORCE);
    assert_int_equal(options->allow_empty_string, SCHEMA_NO);
    assert_false(options->coerce_types);
    config_unref(config);
}

static void says_what_a_file_is_about_that_nobody_uses(void **state)
{
    (void)state;
    put("schemas/post-user-v2.json", "{}");
    put("schemas/zebra.json", "{}");
    assert_said(
        "schemas: schemas\nroutes:\n  - {match: \"POST /v2/users\"," TO "}\n",
        "schemas/post-user-v2.json: warning: no route is bound to this file, and no schema refers to it; was it "
        "to be \"post-users-v2.json\"?\n"
        "schemas/zebra.json: warning: no route is bound to this file, and no schema refers to it\n");
    drop("schemas/post-user-v2.json");
    drop("schemas/zebra.json");
}

static void says_what_is_wrong_with_a_schema_where_it_stands(void **state)
{
    (void)state;
    put("schemas/get-a.json", "{\n  \"$ref\": \"missing.json\"\n}");
    put("schemas/get-b.json", "{\n  \"type\": ,\n}");
    struct report report;
    struct config *config = NULL;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/weir.yaml", base);
    report_init(&report);
    assert_int_equal(config_load_text(SLICE_LIT("schemas: schemas\nroutes:\n  - {match: GET /a," TO
                                                "}\n  - {match: GET /b," TO "}\n"),
                                      path, &report, &config),
                     ERR_INVALID);
    assert_int_equal(report.note_count, 2);
    assert_true(ends_with(report.notes[0].path, "schemas/get-a.json"));
    assert_int_equal(report.notes[0].place.line, 2);
    assert_int_equal(report.notes[0].place.column, 11);
    assert_true(slice_is(report.notes[0].source, "  \"$ref\": \"missing.json\""));
    assert_true(ends_with(report.notes[1].path, "schemas/get-b.json"));
    assert_int_equal(report.notes[1].place.line, 2);
    assert_int_equal(report.notes[1].place.column, 11);
    report_deinit(&report);
    drop("schemas/get-a.json");
    drop("schemas/get-b.json");
}

static void says_which_file_is_not_there(void **state)
{
    (void)state;
    assert_said("schemas: nowhere\n",
                "weir.yaml: warning: there are no routes: only /livez and /readyz will be answered\n"
                "weir.yaml:1:10: error: \"folder\" of schemas: nowhere is not a folder\n");
    assert_said(
        "schemas: schemas\nroutes:\n  - {match: POST /a, schema: schemas/post-user-v2.json," TO "}\n",
        "weir.yaml:3:30: error: schemas/post-user-v2.json does not exist; did you mean \"post-users-v2.json\"?\n");
    assert_said("routes:\n  - {match: POST /a, schema: \"#/x\"," TO "}\n",
                "weir.yaml:2:30: error: a schema is the path of a file, or FILE#/pointer\n");
    assert_said("schemas: schemas\nroutes:\n  - {match: POST /a, schema: \"schemas/post-users-v2.json#/nix\"," TO "}\n",
                "weir.yaml:3:30: error: schemas/post-users-v2.json has nothing at #/nix\n");
}

static void says_what_a_response_takes(void **state)
{
    (void)state;
    assert_said("routes:\n  - {match: GET /a, responses: [a]," TO "}\n",
                "weir.yaml:2:32: error: \"responses\" in route takes a map of status to file, such as {200: user.json, "
                "4XX: problem.json, default: problem.json}\n");
    assert_said(
        "routes:\n  - {match: GET /a, responses: {20: {}, 600: {}, 2xx: {}, 2XX: {}, 404: {file: a}}," TO "}\n",
        "weir.yaml:2:33: error: a response is for a status such as 200, for 2XX, or for default; found \"20\"\n"
        "weir.yaml:2:41: error: a response is for a status such as 200, for 2XX, or for default; found \"600\"\n"
        "weir.yaml:2:59: error: there is a response for 2XX already\n"
        "weir.yaml:2:73: error: a response is the file of a schema, or {schema: FILE, description: TEXT}\n");
}

static void says_what_cannot_be_held_back(void **state)
{
    (void)state;
    put("schemas/any.json", "{}");
    put("a.txt", "a");
    assert_said(
        "routes:\n  - {match: \"GET /a/{path...}\", public: true, to: {files: {root: .}}, contract: {responses: "
        "enforce}, responses: {200: schemas/any.json}}\n",
        "weir.yaml:2:13: error: responses of files cannot be enforced, because files are sent as they are read; "
        "write contract: {responses: report}, or off\n");
    drop("schemas/any.json");
    drop("a.txt");
}

static void a_body_that_is_looked_at_is_held_for_upstreams_too(void **state)
{
    (void)state;
    static const char upstream[] =
        "routes:\n  - {match: POST /a, public: true, to: {proxy: \"http://127.0.0.1:1\"}, body_bytes: 1GiB";
    char yaml[300];
    put("schemas/any.json", "{}");
    (void)snprintf(yaml, sizeof yaml, "%s}\n", upstream);
    assert_said(yaml, "");
    (void)snprintf(yaml, sizeof yaml, "%s, schema: schemas/any.json}\n", upstream);
    assert_said(yaml,
                "weir.yaml:2:83: error: body_bytes of a route must not be more than limits.request_memory: the body "
                "is held in the memory of its request\n");
    drop("schemas/any.json");
}

static void an_operation_has_one_name(void **state)
{
    (void)state;
    assert_said(
        "routes:\n"
        "  - {match: \"GET,PUT /a\", operation_id: a," TO "}\n",
        "weir.yaml:2:41: error: operation_id \"a\" is that of route \"GET /a\" already; each method of each path "
        "is an operation of its own\n");
    assert_said(
        "routes:\n"
        "  - {match: /v2, operation_id: a, public: true, to: {endpoint: v2}}\n",
        "weir.yaml:2:18: error: endpoint v2 is many routes: \"operation_id\" cannot be for all of them; put a file "
        "into the folder of schemas, such as post-models-model-infer-v2.json\n");
}

static void a_contract_may_be_words_alone(void **state)
{
    (void)state;
    struct config *config = load("routes:\n  - {match: GET /a, summary: Says a, tags: [x, \"y\\\"\"]," TO "}\n", "");
    const struct contract *contract = contract_of(config, "GET /a");
    assert_true(slice_is(contract->summary, "Says a"));
    assert_true(slice_is(contract->tags, "[\"x\",\"y\\\"\"]"));
    assert_false(contract->has_body);
    assert_int_equal(contract->response_mode, CONTRACT_OFF);
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_finds_its_schema_by_its_name),
        cmocka_unit_test(a_configuration_has_all_documents_that_its_schemas_need),
        cmocka_unit_test(names_are_made_of_method_segments_and_version),
        cmocka_unit_test(companions_are_parameters_and_responses),
        cmocka_unit_test(a_reference_stands_for_a_parameter),
        cmocka_unit_test(what_a_route_says_comes_before_the_convention),
        cmocka_unit_test(a_route_changes_some_options_and_keeps_the_others),
        cmocka_unit_test(says_what_a_file_is_about_that_nobody_uses),
        cmocka_unit_test(says_what_is_wrong_with_a_schema_where_it_stands),
        cmocka_unit_test(says_which_file_is_not_there),
        cmocka_unit_test(says_what_a_response_takes),
        cmocka_unit_test(says_what_cannot_be_held_back),
        cmocka_unit_test(a_body_that_is_looked_at_is_held_for_upstreams_too),
        cmocka_unit_test(an_operation_has_one_name),
        cmocka_unit_test(a_contract_may_be_words_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
