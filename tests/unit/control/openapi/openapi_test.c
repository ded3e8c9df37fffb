/* SPDX-License-Identifier: Apache-2.0 */
#include "control/openapi/openapi.h"

#include "control/config/load.h"
#include "lib/json/pointer.h"
#include "lib/schema/schema.h"
#include "pipeline/contract.h"
#include "pipeline/ports.h"
#include "pipeline/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* No test here logs. */
enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    (void)path;
    (void)fault;
    *ret_sink = 0;
    return ERR_OK;
}

static struct pool pool;
static struct arena arena;
static struct config *config;

static int setup(void **state)
{
    (void)state;
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 65536, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_unref(config);
    config = NULL;
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}

static void load(const char *yaml)
{
    static struct report report;
    report_init(&report);
    enum err err = config_load_text(slice_of_text(yaml), TESTS_DIR "/data/config/openapi.yaml", &report, &config);
    if (err != ERR_OK)
        report_print(&report, stderr);
    report_deinit(&report);
    assert_int_equal(err, ERR_OK);
}

static yyjson_val *write(void)
{
    struct slice text;
    struct json_document document;
    struct json_fault fault;
    assert_int_equal(openapi_write(config, OPENAPI_JSON, &arena, &text), ERR_OK);
    const struct json_limits limits = {
        .bytes_max = text.len, .depth_max = JSON_DEPTH_MAX, .refuse_duplicate_keys = true};
    if (json_parse(&arena, text, &limits, &document, &fault) != ERR_OK)
        fail_msg("%s at byte %zu", fault.what, fault.byte);
    return document.root;
}

/* What stands at the pointer, as JSON without its place in a document; "" where nothing does. */
static const char *at(yyjson_val *root, const char *pointer)
{
    yyjson_val *value = json_pointer_find(root, slice_of_text(pointer));
    struct json_writer writer = json_writer_in_arena(&arena, 0);
    struct slice text;
    if (!value)
        return "";
    json_write_value(&writer, value);
    assert_int_equal(json_writer_finish(&writer, &text), ERR_OK);
    return arena_copy(&arena, text).ptr;
}

#define ROUTES "listen: [127.0.0.1:0]\nroutes:\n"

static void an_empty_configuration_has_its_health_checks(void **state)
{
    (void)state;
    load("listen: [127.0.0.1:0]\n");
    yyjson_val *root = write();
    assert_string_equal(at(root, "/openapi"), "\"3.1.1\"");
    assert_string_equal(at(root, "/info"),
                        "{\"title\":\"API\",\"description\":\"What this server answers.\",\"version\":\"1.0.0\"}");
    assert_string_equal(at(root, "/paths/~1livez/get/operationId"), "\"get_livez\"");
    assert_string_equal(at(root, "/paths/~1livez/get/security"), "[]");
    assert_string_equal(
        at(root, "/paths/~1readyz/get/responses/503/content/application~1json/schema/properties/status"),
        "{\"const\":\"not ready\"}");
}

static void patterns_that_differ_in_names_alone_are_one_path(void **state)
{
    (void)state;
    load(ROUTES "  - {match: \"GET /a/{x}\", public: true, to: {endpoint: livez}}\n"
                "  - {match: \"POST /a/{y}\", public: true, to: {endpoint: livez}}\n");
    yyjson_val *root = write();
    assert_string_equal(at(root, "/paths/~1a~1{x}/post/parameters/0/name"), "\"x\"");
    assert_string_equal(at(root, "/paths/~1a~1{y}"), "");
}

static void any_method_is_told_as_the_common_ones(void **state)
{
    (void)state;
    load(ROUTES "  - {match: \"* /a/{rest...}\", public: true, to: {proxy: \"http://127.0.0.1:9\"}}\n"
                "  - {match: \"GET /a/{rest...}\", public: true, to: {endpoint: livez}}\n");
    yyjson_val *root = write();
    assert_string_equal(at(root, "/paths/~1a~1{rest}/get/operationId"), "\"get_a_rest\"");
    assert_string_equal(at(root, "/paths/~1a~1{rest}/get/tags"), "[\"operation\"]");
    assert_string_equal(at(root, "/paths/~1a~1{rest}/delete/tags"), "[\"upstreams\"]");
    assert_string_equal(at(root, "/paths/~1a~1{rest}/head"), "");
    assert_string_not_equal(at(root, "/paths/~1a~1{rest}/put/responses/504"), "");
    assert_string_not_equal(at(root, "/paths/~1a~1{rest}/put/responses/default"), "");
}

static void a_route_for_any_host_is_told_before_one_for_a_host(void **state)
{
    (void)state;
    load(ROUTES "  - {match: GET /a, host: a.example.net, public: true, to: {endpoint: readyz}}\n"
                "  - {match: GET /a, public: true, to: {endpoint: livez}}\n");
    assert_string_equal(at(write(), "/paths/~1a/get/summary"), "\"Whether the process serves\"");
}

static void names_of_operations_are_unique(void **state)
{
    (void)state;
    load(ROUTES
         "  - {match: GET /a-b, public: true, to: {endpoint: livez}}\n"
         "  - {match: GET /a/b, public: true, operation_id: mine, summary: S, description: D, tags: [t, models],\n"
         "     to: {endpoint: livez}}\n"
         "  - {match: GET /a_b, public: true, to: {endpoint: livez}}\n");
    yyjson_val *root = write();
    assert_string_equal(at(root, "/paths/~1a-b/get/operationId"), "\"get_a_b\"");
    assert_string_equal(at(root, "/paths/~1a_b/get/operationId"), "\"get_a_b_2\"");
    assert_string_equal(at(root, "/paths/~1a~1b/get/operationId"), "\"mine\"");
    assert_string_equal(at(root, "/paths/~1a~1b/get/summary"), "\"S\"");
    assert_string_equal(at(root, "/paths/~1a~1b/get/description"), "\"D\"");
    assert_string_equal(at(root, "/paths/~1a~1b/get/tags"), "[\"t\",\"models\"]");
    assert_string_equal(at(root, "/tags/0"), "{\"name\":\"t\"}");
}

static void the_options_tell_about_the_whole(void **state)
{
    (void)state;
    load(
        "listen: [127.0.0.1:0]\nopenapi: {title: T, version: 2.0.0, summary: S, description: D, contact: a@b.example,\n"
        "  license: MIT, servers: [https://a.example.net, https://b.example.net]}\n");
    yyjson_val *root = write();
    assert_string_equal(
        at(root, "/info"),
        "{\"title\":\"T\",\"summary\":\"S\",\"description\":\"D\",\"version\":\"2.0.0\",\"contact\":{\"email\":"
        "\"a@b.example\"},\"license\":{\"name\":\"MIT\",\"identifier\":\"MIT\"}}");
    assert_string_equal(at(root, "/servers"),
                        "[{\"url\":\"https://a.example.net\"},{\"url\":\"https://b.example.net\"}]");
}

static void problems_are_those_that_requests_can_meet(void **state)
{
    (void)state;
    load(ROUTES "  - {match: GET /a, public: true, to: {endpoint: livez}}\n"
                "  - {match: GET /m, public: true, to: {endpoint: metrics}}\n");
    yyjson_val *root = write();
    assert_string_equal(at(root, "/paths/~1a/get/responses/406"), "");
    assert_string_equal(at(root, "/paths/~1a/get/responses/413"), "");
    assert_string_equal(at(root, "/paths/~1a/get/responses/401"), "");
    assert_string_equal(at(root, "/paths/~1m/get/responses/406"),
                        "{\"$ref\":\"#/components/responses/NotAcceptable\"}");
    assert_string_not_equal(at(root, "/components/responses/NotAcceptable/content/application~1problem+json"), "");
}

/* --- contracts ---------------------------------------------------------------------------------------------------------- */

static struct contract_document documents[] = {
    {.uri = SLICE_LIT("file:///s/user.json"),
     .path = SLICE_LIT("s/user.json"),
     .text = SLICE_LIT("{\"type\":\"object\",\"properties\":{\"id\":{\"$ref\":\"common.json#/$defs/id\"}},"
                       "\"x-openapi-validation\":{\"coerceTypes\":true}}")},
    {.uri = SLICE_LIT("file:///s/common.json"),
     .path = SLICE_LIT("s/common.json"),
     .text = SLICE_LIT("{\"$defs\":{\"id\":{\"type\":\"integer\"}}}")},
    {.uri = SLICE_LIT("file:///s/weir.yaml"), .text = SLICE_LIT("{\"a\":{\"type\":\"boolean\"}}")},
};

static enum err read_document(void *context, struct slice uri, struct arena *into, struct slice *ret_text,
                              struct slice *ret_name)
{
    (void)context;
    (void)into;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        if (!slice_equal(uri, documents[i].uri))
            continue;
        *ret_text = documents[i].text;
        *ret_name = documents[i].path;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static struct contract_schema compile(const char *uri, bool is_of_file)
{
    const struct schema_source source = {NULL, read_document};
    const struct schema_settings settings = {.draft = SCHEMA_DRAFT_2020_12, .source = &source};
    struct schema_compiler *compiler;
    struct contract_schema made = {.uri = slice_of_text(uri),
                                   .path = is_of_file ? SLICE_LIT("s/user.json") : SLICE_LIT("")};
    assert_int_equal(schema_compiler_create(&settings, &compiler), ERR_OK);
    assert_int_equal(schema_compile(compiler, made.uri, NULL, &made.schema), ERR_OK);
    schema_compiler_destroy(compiler);
    return made;
}

static void contracts_are_told_with_their_schemas(void **state)
{
    (void)state;
    load(ROUTES "  - {match: \"POST /u/{id}\", public: true, to: {proxy: \"http://127.0.0.1:9\"}}\n");
    struct contract_parameter parameters[] = {
        {.name = SLICE_LIT("id"), .place = CONTRACT_PATH, .style = CONTRACT_SIMPLE, .is_required = true},
        {.name = SLICE_LIT("all"), .place = CONTRACT_QUERY, .style = CONTRACT_FORM, .is_exploded = true},
        {.name = SLICE_LIT("authorization"), .place = CONTRACT_HEADER},
    };
    struct contract_response response = {.status_min = 200, .status_max = 299, .description = SLICE_LIT("Made.")};
    struct contract contract = {
        .errors_max = 7,
        .refuses_unknown_query = true,
        .has_body = true,
        .is_body_required = true,
        .body = compile("file:///s/user.json", true),
        .parameters = parameters,
        .parameter_count = 3,
        .responses = &response,
        .response_count = 1,
    };
    parameters[0].schema = compile("file:///s/common.json#/$defs/id", true);
    parameters[1].schema = compile("file:///s/weir.yaml#/a", false);
    response.schema = compile("file:///s/user.json", true);
    config->documents = documents;
    config->document_count = ARRAY_LEN(documents);
    config->routes[0]->contract = &contract;
    yyjson_val *root = write();
    assert_string_equal(
        at(root, "/paths/~1u~1{id}/post/parameters"),
        "[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"style\":\"simple\",\"explode\":false,\"schema\":"
        "{\"$ref\":\"#/components/schemas/id\"}},{\"name\":\"all\",\"in\":\"query\",\"required\":false,\"style\":"
        "\"form\",\"explode\":true,\"schema\":{\"type\":\"boolean\"}}]");
    assert_string_equal(at(root, "/paths/~1u~1{id}/post/requestBody"),
                        "{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
                        "\"#/components/schemas/user\"}}}}");
    assert_string_equal(at(root, "/paths/~1u~1{id}/post/responses/2XX/description"), "\"Made.\"");
    assert_string_equal(at(root, "/components/schemas/user/properties/id"), "{\"$ref\":\"#/components/schemas/id\"}");
    assert_string_equal(at(root, "/components/schemas/id"), "{\"type\":\"integer\"}");
    assert_string_equal(at(root, "/paths/~1u~1{id}/post/x-openapi-validation"),
                        "{\"mode\":\"enforce\",\"responses\":\"enforce\",\"maxErrors\":7,\"refuseUnknownQuery\":true,"
                        "\"coerceTypes\":true,\"removeAdditional\":false,\"applyDefaults\":false}");
    schema_unref(contract.body.schema);
    schema_unref(parameters[0].schema.schema);
    schema_unref(parameters[1].schema.schema);
    schema_unref(response.schema.schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_configuration_has_its_health_checks, setup, teardown),
        cmocka_unit_test_setup_teardown(patterns_that_differ_in_names_alone_are_one_path, setup, teardown),
        cmocka_unit_test_setup_teardown(any_method_is_told_as_the_common_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(a_route_for_any_host_is_told_before_one_for_a_host, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_operations_are_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(the_options_tell_about_the_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(problems_are_those_that_requests_can_meet, setup, teardown),
        cmocka_unit_test_setup_teardown(contracts_are_told_with_their_schemas, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
