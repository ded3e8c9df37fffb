/* SPDX-License-Identifier: Apache-2.0 */
#include "control/openapi/import.h"

#include "lib/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MEMORY_BYTES_MAX (64u << 20)

struct import_run {
    struct pool pool;
    struct arena arena;
    struct report report;
    struct import_result result;
    char said[8192];
};

static struct import_run run;

static void begin_with(const char *text, const struct import_settings *settings, enum err expected)
{
    struct text said = text_init(run.said, sizeof run.said);
    pool_init(&run.pool, 0, MEMORY_BYTES_MAX);
    arena_init(&run.arena, &run.pool, 65536, MEMORY_BYTES_MAX);
    report_init(&run.report);
    enum err err = import_openapi(slice_of_text(text), settings, &run.arena, &run.report, &run.result);
    for (uint32_t i = 0; i < run.report.note_count; i++) {
        report_note_format(&run.report, &run.report.notes[i], &said);
        text_add(&said, SLICE_LIT("\n"));
    }
    if (err != expected)
        fail_msg("%s instead of %s:\n%s", err_name(err), err_name(expected), run.said);
}

static void begin(const char *text, enum err expected)
{
    begin_with(text, &(struct import_settings){.name = "a.yaml"}, expected);
}

static void end(void)
{
    report_deinit(&run.report);
    arena_reset(&run.arena);
    pool_deinit(&run.pool);
}

static void refuses(const char *text, const char *said)
{
    begin(text, ERR_INVALID);
    assert_string_equal(run.said, said);
    end();
}

/* The file's content without white space; NULL: there is none. */
static const char *content_of(const char *path)
{
    static char packed[16384];
    size_t len = 0;
    for (uint32_t i = 0; i < run.result.file_count; i++) {
        struct slice content = run.result.files[i].content;
        if (!slice_is(run.result.files[i].path, path))
            continue;
        for (size_t at = 0; at < content.len && len + 1 < sizeof packed; at++)
            if (content.ptr[at] != ' ' && content.ptr[at] != '\n')
                packed[len++] = content.ptr[at];
        packed[len] = '\0';
        return packed;
    }
    return NULL;
}

static void assert_file(const char *path, const char *expected)
{
    const char *content = content_of(path);
    if (!content)
        fail_msg("there is no %s", path);
    assert_string_equal(content, expected);
}

static void assert_has(const char *path, const char *part)
{
    const char *content = content_of(path);
    if (!content || !strstr(content, part))
        fail_msg("%s lacks %s:\n%s", path, part, content ? content : "(is not there)");
}

#define DIALECT "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\""

/* A document of one operation with this schema for its body. */
static void begin_schema(const char *version, const char *schema, enum err expected)
{
    char text[4096];
    (void)snprintf(
        text, sizeof text,
        "openapi: %s\npaths:\n  /a:\n    post:\n      requestBody:\n        required: true\n        content:\n"
        "          application/json:\n            schema: %s\n",
        version, schema);
    begin(text, expected);
}

static void assert_body(const char *version, const char *schema, const char *expected)
{
    char wanted[4096];
    begin_schema(version, schema, ERR_OK);
    (void)snprintf(wanted, sizeof wanted, DIALECT "%s%s}", *expected ? "," : "", expected);
    assert_file("schemas/post-a.json", wanted);
    end();
}

static void schemas_of_3_0_become_2020_12(void **state)
{
    (void)state;
    assert_body("3.0.0", "{type: string, nullable: true}", "\"type\":[\"string\",\"null\"]");
    assert_body("3.0.0", "{nullable: true, oneOf: [{type: string}]}",
                "\"anyOf\":[{\"oneOf\":[{\"type\":\"string\"}]},{\"type\":\"null\"}]");
    assert_body("3.0.0", "{nullable: true}", "");
    assert_body("3.0.0", "{type: string, nullable: true, enum: [a]}",
                "\"type\":[\"string\",\"null\"],\"enum\":[\"a\",null]");
    assert_body("3.0.0", "{minimum: 1, exclusiveMinimum: true, maximum: 2, exclusiveMaximum: false}",
                "\"exclusiveMinimum\":1,\"maximum\":2");
    assert_body("3.0.0", "{example: 1}", "\"examples\":[1]");
    assert_body("3.0.0", "{type: string, format: byte}",
                "\"type\":\"string\",\"contentEncoding\":\"base64\",\"format\":\"byte\"");
    assert_body("3.0.0", "{type: string, format: binary}",
                "\"type\":\"string\",\"contentMediaType\":\"application/octet-stream\"");
}

static void schemas_of_3_1_stay_as_they_are(void **state)
{
    (void)state;
    assert_body(
        "3.1.0", "{exclusiveMinimum: 1, minimum: 0, type: [string, 'null'], format: binary, x-y: {a: 1}}",
        "\"exclusiveMinimum\":1,\"minimum\":0,\"type\":[\"string\",\"null\"],\"format\":\"binary\",\"x-y\":{\"a\":1}");
    assert_body("3.1.0", "{maximum: 123456789012345678901234567890, multipleOf: 0.1}",
                "\"maximum\":123456789012345678901234567890,\"multipleOf\":0.1");
    assert_body("3.1.0", "true", "");
    assert_body("3.1.0", "false", "\"not\":true");
}

static void what_is_dropped_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        const char *schema;
        const char *said;
    } rows[] = {
        {"3.1.0", "{nullable: true}", "a.yaml:9:22: warning: \"nullable\" means nothing in OpenAPI 3.1"},
        {"3.1.0", "{exclusiveMinimum: true, minimum: 1}",
         "a.yaml:9:22: warning: \"exclusiveMinimum\" is a number in OpenAPI"},
        {"3.1.0", "{discriminator: {propertyName: a}}", "a.yaml:9:22: warning: \"discriminator\" only hints"},
        {"3.1.0", "{$id: 'http://a/b'}", "a.yaml:9:22: warning: \"$id\" is left out"},
        {"3.1.0", "{required: [a], properties: {a: {readOnly: true}}}",
         "a.yaml:9:22: warning: \"a\" is required and readOnly"},
        {"3.0.0", "{nullable: true, allOf: [{}]}", "a.yaml:9:22: warning: \"nullable\" without \"type\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin_schema(rows[i].version, rows[i].schema, ERR_OK);
        if (!strstr(run.said, rows[i].said))
            fail_msg("\"%s\" is not in:\n%s", rows[i].said, run.said);
        end();
    }
}

static void references_lead_to_files(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "paths:\n"
          "  /a:\n"
          "    post:\n"
          "      requestBody:\n"
          "        content:\n"
          "          application/json:\n"
          "            schema:\n"
          "              anyOf:\n"
          "                - $ref: '#/components/schemas/A'\n"
          "                - $ref: '#/components/schemas/A/properties/b~1c'\n"
          "                - $ref: '#here'\n"
          "                - $ref: '#/components/schemas/.%20x'\n"
          "components:\n"
          "  schemas:\n"
          "    A: {properties: {b/c: {$ref: '#/components/schemas/A'}, d: {$anchor: here, const: 1}}}\n"
          "    a: {}\n"
          "    '. x': {$ref: '#/components/schemas/a'}\n",
          ERR_OK);
    assert_string_equal(run.said, "");
    assert_file("schemas/post-a.json",
                DIALECT ",\"anyOf\":[{\"$ref\":\"components/A.json\"},{\"$ref\":\"components/part-1.json\"},"
                        "{\"$ref\":\"components/part-2.json\"},{\"$ref\":\"components/__x.json\"}]}");
    assert_file("schemas/components/A.json", DIALECT ",\"properties\":{\"b/c\":{\"$ref\":\"A.json\"},"
                                                     "\"d\":{\"$anchor\":\"here\",\"const\":1}}}");
    assert_file("schemas/components/part-1.json", DIALECT ",\"$ref\":\"A.json\"}");
    assert_file("schemas/components/part-2.json", DIALECT ",\"$anchor\":\"here\",\"const\":1}");
    assert_file("schemas/components/__x.json", DIALECT ",\"$ref\":\"a-2.json\"}");
    assert_int_equal(run.result.schema_count, 6);
    end();
}

static void references_to_nowhere_are_errors(void **state)
{
    (void)state;
    static const char *const references[] = {
        "#/components/schemas/B", "#", "#/", "#b", "b.yaml#/a", "http://a/b", "", "#/%zz"};
    for (size_t i = 0; i < ARRAY_LEN(references); i++) {
        char schema[128];
        (void)snprintf(schema, sizeof schema, "{$ref: '%s'}", references[i]);
        begin_schema("3.1.0", schema, ERR_INVALID);
        assert_non_null(strstr(run.said, "a.yaml:9:22: error: \""));
        assert_non_null(strstr(run.said, "leads to nothing"));
        end();
    }
    refuses("openapi: 3.1.0\npaths:\n  /a: {$ref: '#/paths/~1a'}\n",
            "a.yaml:3:8: error: this reference leads in a circle\n");
}

static void versions_that_are_not_known_are_refused(void **state)
{
    (void)state;
    refuses("[]", "a.yaml:1:1: error: an OpenAPI document is an object, found an array\n");
    refuses("a: 1\n", "a.yaml:1:1: error: this is no OpenAPI document: it lacks \"openapi\", such as openapi: 3.1.0\n");
    refuses("openapi: 4.0.0\n", "a.yaml:1:1: error: OpenAPI 3.0 and 3.1 can be imported; found \"4.0.0\"\n");
    refuses("swagger: '2.0'\n",
            "a.yaml:1:1: error: this is Swagger 2.0; convert it to OpenAPI 3 first, for instance with "
            "swagger2openapi\n");
    refuses("openapi: 3.1.0\n", "a.yaml:1:1: error: there is no operation in the document that could be a route\n");
}

static void json_has_its_places_too(void **state)
{
    (void)state;
    struct import_settings settings = {.name = "a.json"};
    begin_with("{\n \"openapi\": \"3.1.0\",\n\t\"paths\": [1]}", &settings, ERR_INVALID);
    assert_non_null(strstr(run.said, "a.json:3:2: error: \"paths\" is a map of paths, found an array"));
    end();
    begin_with("{\"openapi\": }", &settings, ERR_INVALID);
    assert_non_null(strstr(run.said, "a.json:1:13: error: "));
    end();
}

static void servers_become_upstreams_and_prefixes(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "servers: [{url: 'https://{where}.example.com:{port}/v1/', variables: {where: {default: eu}, port: {default: "
          "'8443'}}}]\n"
          "paths:\n"
          "  /a: {get: {}, put: {servers: [{url: /v2}]}}\n"
          "  /b: {servers: [{url: 'http://[::1]'}], get: {}}\n"
          "  /c: {servers: [{url: 'http://eu.example.com:8443'}], get: {}}\n",
          ERR_OK);
    assert_string_equal(run.said, "");
    assert_has("weir.yaml", "-name:\"eu-example-com-8443\"servers:[\"eu.example.com:8443\"]host:servertls:true");
    assert_has("weir.yaml", "-name:\"---1-\"servers:[\"[::1]:80\"]host:server-name");
    assert_has("weir.yaml", "-name:\"eu-example-com-8443-plain\"servers:[\"eu.example.com:8443\"]host:server");
    assert_has("weir.yaml", "-name:\"api\"servers:[\"127.0.0.1:8000\"]");
    assert_has("weir.yaml", "-match:\"GET/v1/a\"public:trueto:upstream:\"eu-example-com-8443\"-match:\"PUT/v2/a\"");
    assert_has("weir.yaml", "-match:\"GET/b\"public:trueto:upstream:\"---1-\"");
    end();
    begin_with("openapi: 3.1.0\npaths: {/a: {get: {}}}\n",
               &(struct import_settings){.name = "a.yaml", .upstream = SLICE_LIT("http://127.0.0.1:9")}, ERR_OK);
    assert_has("weir.yaml", "servers:[\"127.0.0.1:9\"]");
    end();
    begin("openapi: 3.1.0\nservers: [{url: 'ftp://a'}]\npaths: {/a: {get: {}}}\n", ERR_INVALID);
    assert_non_null(strstr(run.said, "a.yaml:2:12: error: a server is http://host:port/path"));
    end();
    assert_true(import_upstream_is_valid(SLICE_LIT("https://a.b:1")));
    assert_false(import_upstream_is_valid(SLICE_LIT("https://a.b/c")));
    assert_false(import_upstream_is_valid(SLICE_LIT("https://a.b:99999")));
    assert_false(import_upstream_is_valid(SLICE_LIT("/a")));
}

static void paths_that_no_route_can_have_are_left_out_and_told(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "paths:\n"
          "  /a/{b-c}: {get: {parameters: [{name: b-c, in: path, schema: {}}, {name: d, in: path, schema: {}}]}}\n"
          "  /a/{d}: {get: {}}\n"
          "  /a.{e}: {get: {}}\n"
          "  /a b: {get: {}}\n"
          "  b: {get: {}}\n"
          "  /t: {trace: {}}\n",
          ERR_OK);
    assert_int_equal(run.result.route_count, 1);
    assert_has("weir.yaml", "routes:-match:\"GET/a/{b_c}\"public:true");
    assert_has("weir.yaml", "#Leftout:GET/a/{d}:anotherpathwithparametersinthesameplaceshasthismethodalready.");
    assert_has("weir.yaml", "#Leftout:GET/a.{e}:aparametertakesawholesegment");
    assert_has("weir.yaml", "#Leftout:GET/ab:acharacterthatdoesnotbelong");
    assert_has("weir.yaml", "#Leftout:GETb:apathbeginswith");
    assert_has("weir.yaml", "#Leftout:TRACE/t:");
    assert_file("schemas/get-a-b_c.parameters.json",
                "[{\"name\":\"b_c\",\"in\":\"path\",\"required\":true,\"schema\":{}}]");
    assert_non_null(strstr(run.said, "a.yaml:3:69: warning: the path has no {d}, left out\n"));
    end();
}

static void operations_that_would_share_files_say_theirs(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "paths:\n"
          "  /a/{b}: {put: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/S'}}}}}}\n"
          "  /a/b: {put: {parameters: [{name: q, in: query, schema: {$ref: '#/components/schemas/S'}}]}}\n"
          "components: {schemas: {S: {type: string}}}\n",
          ERR_OK);
    assert_has("weir.yaml",
               "-match:\"PUT/a/{b}\"public:trueschema:\"schemas/routes/put-a-b-1.json\"body_required:false");
    assert_has("weir.yaml", "-match:\"PUT/a/b\"public:trueparameters:\"schemas/routes/put-a-b-2.parameters.json\"to");
    assert_file("schemas/routes/put-a-b-1.json", DIALECT ",\"$ref\":\"../components/S.json\"}");
    end();
}

static void parameters_of_an_operation_come_before_those_of_its_path(void **state)
{
    (void)state;
    begin("openapi: 3.0.0\n"
          "paths:\n"
          "  /a:\n"
          "    parameters:\n"
          "      - {name: q, in: query, schema: {type: string}}\n"
          "      - $ref: '#/components/parameters/H'\n"
          "    get:\n"
          "      parameters:\n"
          "        - {name: q, in: query, style: pipeDelimited, schema: {type: array, nullable: true}}\n"
          "        - {name: Authorization, in: header, schema: {}}\n"
          "        - {name: j, in: query, content: {application/json: {schema: {nullable: true, type: object}}}}\n"
          "components: {parameters: {H: {name: H, in: header, required: true, schema: {type: integer}}}}\n",
          ERR_OK);
    assert_string_equal(run.said, "");
    assert_file(
        "schemas/get-a.parameters.json",
        "[{\"name\":\"q\",\"in\":\"query\",\"style\":\"pipeDelimited\",\"schema\":{\"type\":[\"array\",\"null\"]}},"
        "{\"name\":\"j\",\"in\":\"query\",\"content\":{\"application/"
        "json\":{\"schema\":{\"type\":[\"object\",\"null\"]}}}},"
        "{\"name\":\"H\",\"in\":\"header\",\"required\":true,\"schema\":{\"type\":\"integer\"}}]");
    end();
}

static void a_response_that_is_a_reference_has_no_file_of_its_own(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "paths:\n"
          "  /a:\n"
          "    get:\n"
          "      responses:\n"
          "        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}\n"
          "        '4XX': {description: e, content: {application/x+json: {schema: {type: 'null'}}}}\n"
          "        default: {description: f}\n"
          "components: {schemas: {A: {type: string}}}\n",
          ERR_OK);
    assert_has("weir.yaml", "responses:\"200\":{description:\"d\",schema:\"schemas/components/A.json\"}"
                            "\"4XX\":{description:\"e\",schema:\"schemas/get-a.response-4XX.json\"}"
                            "\"default\":{description:\"f\"}to:");
    assert_file("schemas/get-a.response-4XX.json", DIALECT ",\"type\":\"null\"}");
    assert_int_equal(run.result.file_count, 3);
    end();
}

static void a_body_that_may_be_something_else_is_not_checked(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "paths:\n"
          "  /a: {post: {requestBody: {content: {application/json: {schema: {type: object}}, image/png: {}}}}}\n"
          "  /b: {post: {requestBody: {content: {'*/*': {schema: {type: object}}}}}}\n"
          "  /c: {post: {requestBody: {content: {application/json: {schema: {type: object}}, a/b+json: {}}}}}\n",
          ERR_OK);
    assert_non_null(strstr(run.said, "a.yaml:3:29: warning: bodies may be of type image/png as well"));
    assert_non_null(strstr(run.said, "a.yaml:4:29: warning: bodies may be of type */* as well"));
    assert_non_null(strstr(run.said, "warning: bodies of type a/b+json are not described"));
    assert_int_equal(run.result.schema_count, 1);
    end();
}

static void what_operations_share_is_told_of_once(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "paths:\n"
          "  /a: {get: {responses: {'200': {$ref: '#/components/responses/R'}, '201': {$ref: "
          "'#/components/responses/R'}}}}\n"
          "components: {responses: {R: {description: d, headers: {}}}}\n",
          ERR_OK);
    assert_string_equal(run.said, "a.yaml:4:46: warning: header fields of responses are not described, left out\n");
    end();
}

static void security_is_mapped_or_told(void **state)
{
    (void)state;
    begin("openapi: 3.1.0\n"
          "security: [{key: []}]\n"
          "paths:\n"
          "  /a: {get: {}, put: {security: []}, post: {security: [{key: []}, {bearer: []}]}, delete: {security: [{jwt: "
          "[]}]}}\n"
          "  /b: {get: {security: [{key: [], bearer: []}]}, put: {security: [{}, {key: []}]}}\n"
          "components:\n"
          "  securitySchemes:\n"
          "    key: {type: apiKey, in: header, name: x-api-key}\n"
          "    bearer: {type: http, scheme: Bearer}\n"
          "    jwt: {type: http, scheme: bearer, bearerFormat: JWT}\n",
          ERR_OK);
    assert_has("weir.yaml", "-match:\"GET/a\"chain:-auth:{keys:keys.conf,header:x_api_key}");
    assert_has("weir.yaml", "-match:\"PUT/a\"public:true");
    assert_has("weir.yaml", "-match:\"POST/a\"chain:-auth:{keys:keys.conf}");
    assert_has("weir.yaml", "#Notcheckedhere:security\"jwt\"(http);theupstreamhasto.-match:\"DELETE/a\"public:true");
    assert_has("weir.yaml", "-match:\"GET/b\"public:true");
    assert_has("weir.yaml", "-match:\"PUT/b\"public:true");
    assert_non_null(content_of("keys.conf"));
    end();
}

static void texts_are_quoted_so_that_yaml_reads_them(void **state)
{
    (void)state;
    struct import_settings settings = {.name = "a.json"};
    begin_with("{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"a\\u007f\\u0085\\u2028\\ufeff\\\"#: b\"}, \"paths\": "
               "{\"/a\": {\"get\": "
               "{\"tags\": [\"x: y\", \"'\"], \"operationId\": \"o\"}, \"put\": {\"operationId\": \"o\"}}}}",
               &settings, ERR_OK);
    assert_has("weir.yaml", "title:\"a\\u007f\\u0085\\u2028\\ufeff\\\"#:b\"");
    assert_has("weir.yaml", "operation_id:\"o\"tags:[\"x:y\",\"'\"]");
    assert_non_null(strstr(run.said, "another operation has this operationId already, left out"));
    end();
}

static void survives_any_lack_of_memory(void **state)
{
    (void)state;
    static const char text[] =
        "openapi: 3.0.0\nsecurity: [{k: []}]\npaths: {'/a/{b}': {get: {tags: [a], responses: {'200': {description: d, "
        "content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}}\n"
        "components: {schemas: {A: {type: string, nullable: true}}}\n";
    enum err err = ERR_NOMEM;
    for (size_t limit = 1024; err == ERR_NOMEM; limit += 512) {
        struct import_settings settings = {.name = "a.yaml"};
        pool_init(&run.pool, 0, MEMORY_BYTES_MAX);
        arena_init(&run.arena, &run.pool, 1024, limit);
        report_init(&run.report);
        err = import_openapi(slice_of_text(text), &settings, &run.arena, &run.report, &run.result);
        end();
    }
    assert_int_equal(err, ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_of_3_0_become_2020_12),
        cmocka_unit_test(schemas_of_3_1_stay_as_they_are),
        cmocka_unit_test(what_is_dropped_is_told_with_its_place),
        cmocka_unit_test(references_lead_to_files),
        cmocka_unit_test(references_to_nowhere_are_errors),
        cmocka_unit_test(versions_that_are_not_known_are_refused),
        cmocka_unit_test(json_has_its_places_too),
        cmocka_unit_test(servers_become_upstreams_and_prefixes),
        cmocka_unit_test(paths_that_no_route_can_have_are_left_out_and_told),
        cmocka_unit_test(operations_that_would_share_files_say_theirs),
        cmocka_unit_test(parameters_of_an_operation_come_before_those_of_its_path),
        cmocka_unit_test(a_response_that_is_a_reference_has_no_file_of_its_own),
        cmocka_unit_test(a_body_that_may_be_something_else_is_not_checked),
        cmocka_unit_test(what_operations_share_is_told_of_once),
        cmocka_unit_test(security_is_mapped_or_told),
        cmocka_unit_test(texts_are_quoted_so_that_yaml_reads_them),
        cmocka_unit_test(survives_any_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
