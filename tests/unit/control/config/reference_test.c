/* SPDX-License-Identifier: Apache-2.0 */
/* With the real middlewares: their rows load, are described, and make a schema. */
#include "control/config/reference.h"

#include "control/config/load.h"
#include "control/config/option_tables.h"
#include "lib/json/json.h"
#include "pipeline/middleware.h"
#include "pipeline/ports.h"
#include "pipeline/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* In place of the log thread's: loading must not open a log here. */
enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    (void)path, (void)fault;
    *ret_sink = 0;
    return ERR_OK;
}

struct fixture {
    struct pool pool;
    struct arena arena;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    pool_init(&fixture->pool, 0, 64 << 20);
    arena_init(&fixture->arena, &fixture->pool, 65536, 32 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_reset(&fixture->arena);
    pool_deinit(&fixture->pool);
    free(fixture);
    return 0;
}

extern const struct middleware middleware_auth;

/* A chain of one middleware without options: every default is read, whatever is then said to be missing. */
static void reads_the_defaults_of_every_middleware(void **state)
{
    (void)state;
    for (size_t i = 0; i < middleware_count; i++) {
        struct report report;
        struct config *config = NULL;
        char yaml[256];
        (void)snprintf(yaml, sizeof yaml, "chain: [%s]\n", middlewares[i]->name);
        report_init(&report);
        enum err err = config_load_text(slice_of_text(yaml), "/srv/weir.yaml", &report, &config);
        bool is_required = middlewares[i] == &middleware_auth; /* one of two: keys or certificate_name */
        for (size_t r = 0; middlewares[i]->options && r < middlewares[i]->options->count; r++)
            is_required |= (middlewares[i]->options->rows[r].flags & OPTION_REQUIRED) != 0;
        if (err != ERR_OK && !is_required)
            print_message("%s: %s\n", middlewares[i]->name, report.notes[0].message.ptr);
        assert_int_equal(err, is_required ? ERR_INVALID : ERR_OK);
        config_unref(config);
        report_deinit(&report);
    }
}

static void loads_a_chain_of_real_middlewares(void **state)
{
    (void)state;
    static const char yaml[] = "chain: [request_id, access_log, metrics]\n"
                               "routes:\n"
                               "  - match: POST /v1/x\n"
                               "    chain:\n"
                               "      - auth: {keys: " TESTS_DIR "/data/config/keys.conf}\n"
                               "      - user_context\n"
                               "      - normalize_image: {size: [192, 48], layout: nchw}\n"
                               "      - format_output: {labels: [\"0\", \"180\"]}\n"
                               "    to: {endpoint: livez}\n";
    struct report report;
    struct config *config = NULL;
    report_init(&report);
    enum err err = config_load_text(slice_of_text(yaml), "/srv/weir.yaml", &report, &config);
    if (err != ERR_OK)
        report_print(&report, stderr);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(config->routes[0]->chain_count, 7);
    config_unref(config);
    report_deinit(&report);
}

static void assert_page_has(struct slice page, const char *name)
{
    char cell[128];
    (void)snprintf(cell, sizeof cell, "| `%s` | ", name);
    if (!memmem(page.ptr, page.len, cell, strlen(cell)))
        fail_msg("the reference has no row for %s", name);
}

static void describes_every_option_in_the_reference(void **state)
{
    struct fixture *fixture = *state;
    static const struct option_table *const tables[] = {&option_table_config,   &option_table_limits,
                                                        &option_table_shutdown, &option_table_model,
                                                        &option_table_route,    &option_table_target};
    struct buffer out = buffer_in_arena(&fixture->arena, 0);
    struct slice page;
    config_reference_write(&out);
    assert_int_equal(buffer_finish(&out, &page), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        for (size_t r = 0; r < tables[i]->count; r++)
            assert_page_has(page, tables[i]->rows[r].name);
    for (size_t i = 0; i < middleware_count; i++)
        for (size_t r = 0; middlewares[i]->options && r < middlewares[i]->options->count; r++)
            assert_page_has(page, middlewares[i]->options->rows[r].name);
    assert_page_has(page, "v2_infer");
    assert_null(memmem(page.ptr, page.len, "(null)", 6));
}

static yyjson_val *at(yyjson_val *value, const char *const *path)
{
    for (; *path; path++)
        value = yyjson_obj_get(value, *path);
    return value;
}

static void makes_a_schema_of_every_option(void **state)
{
    struct fixture *fixture = *state;
    struct slice schema;
    struct json_document document;
    struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 64, .refuse_duplicate_keys = true};
    struct json_fault fault;
    assert_int_equal(config_schema_write(&fixture->arena, &schema), ERR_OK);
    assert_int_equal(json_parse(&fixture->arena, schema, &limits, &document, &fault), ERR_OK);
    static const char *const properties[] = {"properties", NULL};
    yyjson_val *rows = at(document.root, properties);
    for (size_t i = 0; i < option_table_config.count; i++)
        assert_non_null(yyjson_obj_get(rows, option_table_config.rows[i].name));
    assert_non_null(yyjson_obj_get(rows, "chain"));
    assert_non_null(yyjson_obj_get(rows, "routes"));
    static const char *const workers[] = {"properties", "workers", "maximum", NULL};
    assert_int_equal(yyjson_get_uint(at(document.root, workers)), 1024);
    static const char *const model[] = {"properties", "models", "items", "required", NULL};
    assert_int_equal(yyjson_arr_size(at(document.root, model)), 2);
    static const char *const route[] = {"$defs", "route", "properties", "to", "properties", "endpoint", NULL};
    assert_non_null(at(document.root, route));
    static const char *const names[] = {"$defs", "chain", "items", "oneOf", NULL};
    yyjson_val *forms = at(document.root, names);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(forms, 0), "enum")), middleware_count);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_defaults_of_every_middleware),
        cmocka_unit_test(loads_a_chain_of_real_middlewares),
        TEST(describes_every_option_in_the_reference),
        TEST(makes_a_schema_of_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
