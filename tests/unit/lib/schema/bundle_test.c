/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DRAFT7 "\"$schema\":\"http://json-schema.org/draft-07/schema#\","
#define DRAFT9 "\"$schema\":\"https://json-schema.org/draft/2019-09/schema\","

struct file {
    const char *uri;
    const char *text;
};

/* What is bundled, and all that was written. */
struct bench {
    struct pool pool;
    struct arena arena;
    const struct file *files;
    size_t count;
    struct slice names[32];
    uint32_t name_count;
    struct schema_source source;
};

static enum err read_file(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                          struct slice *ret_name)
{
    const struct bench *bench = context;
    (void)arena;
    for (size_t i = 0; i < bench->count; i++) {
        if (!slice_is(uri, bench->files[i].uri))
            continue;
        *ret_text = slice_of_text(bench->files[i].text);
        *ret_name = uri;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static struct slice make_name(void *context, struct slice wanted)
{
    struct bench *bench = context;
    struct slice name = arena_copy(&bench->arena, wanted);
    for (uint32_t i = 0; i < bench->name_count; i++)
        if (slice_equal(bench->names[i], name))
            name = arena_printf(&bench->arena, SLICE_FMT "_%u", SLICE_ARG(wanted), bench->name_count);
    bench->names[bench->name_count++] = name;
    return name;
}

/* Bundles the schema at `uri` of the files; "NAME=JSON\n" for each that is written. */
static void expect_of(const struct file *files, size_t count, const char *uri, const char *expected)
{
    struct bench bench = {.files = files, .count = count, .source = {&bench, read_file}};
    struct schema_bundle *bundle;
    struct slice name;
    char memory[8192];
    struct text all = text_init(memory, sizeof memory);
    pool_init(&bench.pool, 0, SIZE_MAX);
    arena_init(&bench.arena, &bench.pool, 4096, SIZE_MAX);
    const struct schema_bundle_settings settings = {
        .schemas = {.draft = SCHEMA_DRAFT_2020_12, .source = &bench.source},
        .prefix = SLICE_LIT("#/s/"),
        .name = make_name,
        .context = &bench,
    };
    assert_int_equal(schema_bundle_create(&settings, &bundle), ERR_OK);
    struct json_writer first = json_writer_in_arena(&bench.arena, 0);
    struct slice text;
    assert_int_equal(schema_bundle_ref(bundle, slice_of_text(uri), &first), ERR_OK);
    assert_int_equal(json_writer_finish(&first, &text), ERR_OK);
    for (;;) {
        struct json_writer out = json_writer_in_arena(&bench.arena, 0);
        if (!schema_bundle_next(bundle, &out, &name))
            break;
        assert_int_equal(json_writer_finish(&out, &text), ERR_OK);
        text_printf(&all, SLICE_FMT "=" SLICE_FMT "\n", SLICE_ARG(name), SLICE_ARG(text));
    }
    assert_int_equal(schema_bundle_error(bundle), ERR_OK);
    assert_string_equal(memory, expected);
    schema_bundle_destroy(bundle);
    arena_reset(&bench.arena);
    pool_deinit(&bench.pool);
}

static void expect(const char *schema, const char *expected)
{
    const struct file file = {"file:///a.json", schema};
    expect_of(&file, 1, file.uri, expected);
}

static void makes_a_component_of_what_references_lead_to(void **state)
{
    (void)state;
    expect("{\"$ref\":\"#/$defs/b\",\"minimum\":1,\"$defs\":{\"b\":{\"type\":\"number\"},\"unused\":{}}}",
           "a={\"$ref\":\"#/s/b\",\"minimum\":1}\nb={\"type\":\"number\"}\n");
}

static void names_by_title_then_by_pointer_then_by_file(void **state)
{
    (void)state;
    expect("{\"title\":\"Tree\",\"items\":{\"$ref\":\"#\"}}",
           "Tree={\"title\":\"Tree\",\"items\":{\"$ref\":\"#/s/Tree\"}}\n");
}

static void follows_references_into_other_files(void **state)
{
    (void)state;
    static const struct file files[] = {
        {"file:///x/a.json", "{\"properties\":{\"u\":{\"$ref\":\"b.json#/$defs/id\"},\"v\":{\"$ref\":\"b.json\"}}}"},
        {"file:///x/b.json", "{\"type\":\"object\",\"$defs\":{\"id\":{\"type\":\"integer\"}}}"},
    };
    expect_of(files, 2, files[0].uri,
              "a={\"properties\":{\"u\":{\"$ref\":\"#/s/id\"},\"v\":{\"$ref\":\"#/s/b\"}}}\n"
              "id={\"type\":\"integer\"}\nb={\"type\":\"object\"}\n");
}

static void forgets_identifiers_and_anchors(void **state)
{
    (void)state;
    expect("{\"$id\":\"https://a.example/x\",\"items\":{\"$ref\":\"#here\"},\"$defs\":{\"y\":{\"$anchor\":\"here\","
           "\"$id\":\"y\",\"items\":{\"$ref\":\"#here\"}},\"z\":{\"$anchor\":\"here\",\"type\":\"null\"}}}",
           "x={\"items\":{\"$ref\":\"#/s/z\"}}\nz={\"type\":\"null\"}\n");
}

static void leaves_values_alone_that_look_like_schemas(void **state)
{
    (void)state;
    expect("{\"const\":{\"$ref\":\"#/x\",\"$id\":\"y\"},\"properties\":{\"$id\":{\"type\":\"string\"},\"$ref\":true},"
           "\"x-mine\":{\"$ref\":1}}",
           "a={\"const\":{\"$ref\":\"#/x\",\"$id\":\"y\"},\"properties\":{\"$id\":{\"type\":\"string\"},\"$ref\":true},"
           "\"x-mine\":{\"$ref\":1}}\n");
}

static void drops_keywords_that_nobody_knows(void **state)
{
    (void)state;
    expect("{\"imports\":{\"a\":{\"$ref\":\"#/$defs/b\"}},\"x-mine\":1,\"type\":\"object\",\"ignoreCase\":true}",
           "a={\"x-mine\":1,\"type\":\"object\"}\n");
}

static void names_in_discriminators_are_references_too(void **state)
{
    (void)state;
    expect("{\"oneOf\":[{\"$ref\":\"#/$defs/cat\"}],\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{"
           "\"c\":\"#/$defs/cat\",\"d\":\"#/$defs/dog\",\"e\":\"#/none\",\"f\":{}}},"
           "\"$defs\":{\"cat\":{},\"dog\":{\"items\":{\"$ref\":\"#/$defs/cat\"}}}}",
           "a={\"oneOf\":[{\"$ref\":\"#/s/cat\"}],\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{"
           "\"c\":\"#/s/cat\",\"d\":\"#/s/dog\"}}}\ncat={}\ndog={\"items\":{\"$ref\":\"#/s/cat\"}}\n");
}

static void writes_draft_7_as_2020_12(void **state)
{
    (void)state;
    expect("{" DRAFT7 "\"items\":[{\"type\":\"null\"},true],\"additionalItems\":{\"type\":\"string\"},"
           "\"dependencies\":{\"a\":[\"b\"],\"c\":{\"minProperties\":2}},"
           "\"properties\":{\"d\":{\"$ref\":\"#/definitions/e\",\"type\":\"null\"}},\"definitions\":{\"e\":{}}}",
           "a={\"prefixItems\":[{\"type\":\"null\"},true],\"items\":{\"type\":\"string\"},"
           "\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":{\"c\":{\"minProperties\":2}},"
           "\"properties\":{\"d\":{\"$ref\":\"#/s/e\"}}}\ne={}\n");
}

static void drops_additional_items_without_a_list(void **state)
{
    (void)state;
    expect("{" DRAFT7 "\"items\":{\"type\":\"null\"},\"additionalItems\":false}",
           "a={\"items\":{\"type\":\"null\"}}\n");
}

static void follows_recursive_references_of_2019_09(void **state)
{
    (void)state;
    expect("{" DRAFT9 "\"$recursiveAnchor\":true,\"properties\":{\"next\":{\"$recursiveRef\":\"#\"}}}",
           "a={\"properties\":{\"next\":{\"$ref\":\"#/s/a\"}}}\n");
}

static void follows_dynamic_references_to_where_they_lead_at_first(void **state)
{
    (void)state;
    expect("{\"$dynamicAnchor\":\"n\",\"properties\":{\"next\":{\"$dynamicRef\":\"#n\"}}}",
           "a={\"properties\":{\"next\":{\"$ref\":\"#/s/a\"}}}\n");
}

static void says_what_there_is_not(void **state)
{
    (void)state;
    struct bench bench = {.source = {&bench, read_file}};
    struct schema_bundle *bundle;
    pool_init(&bench.pool, 0, SIZE_MAX);
    arena_init(&bench.arena, &bench.pool, 4096, SIZE_MAX);
    const struct schema_bundle_settings settings = {
        .schemas = {.draft = SCHEMA_DRAFT_2020_12, .source = &bench.source}, .name = make_name, .context = &bench};
    assert_int_equal(schema_bundle_create(&settings, &bundle), ERR_OK);
    struct json_writer out = json_writer_in_arena(&bench.arena, 0);
    assert_int_not_equal(schema_bundle_ref(bundle, SLICE_LIT("file:///none.json"), &out), ERR_OK);
    schema_bundle_destroy(bundle);
    arena_reset(&bench.arena);
    pool_deinit(&bench.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_component_of_what_references_lead_to),
        cmocka_unit_test(names_by_title_then_by_pointer_then_by_file),
        cmocka_unit_test(follows_references_into_other_files),
        cmocka_unit_test(forgets_identifiers_and_anchors),
        cmocka_unit_test(leaves_values_alone_that_look_like_schemas),
        cmocka_unit_test(drops_keywords_that_nobody_knows),
        cmocka_unit_test(names_in_discriminators_are_references_too),
        cmocka_unit_test(writes_draft_7_as_2020_12),
        cmocka_unit_test(drops_additional_items_without_a_list),
        cmocka_unit_test(follows_recursive_references_of_2019_09),
        cmocka_unit_test(follows_dynamic_references_to_where_they_lead_at_first),
        cmocka_unit_test(says_what_there_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
