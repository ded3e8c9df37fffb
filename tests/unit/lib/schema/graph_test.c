/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/graph_int.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BASE "http://example.com/"

static struct schema_settings settings;
static struct graph *graph;

static int make_graph(void **state)
{
    (void)state;
    settings = (struct schema_settings){.draft = SCHEMA_DRAFT_2020_12};
    return graph_create(&settings, &graph) == ERR_OK ? 0 : -1;
}

static int drop_graph(void **state)
{
    (void)state;
    graph_destroy(graph);
    return 0;
}

static void add(const char *name, const char *text)
{
    char uri[128];
    (void)snprintf(uri, sizeof uri, BASE "%s", name);
    assert_int_equal(graph_add(graph, slice_of_text(uri), slice_of_text(name), slice_of_text(text)), ERR_OK);
}

static void print_faults(void)
{
    uint32_t count;
    const struct schema_fault *faults = graph_faults(graph, &count);
    for (uint32_t i = 0; i < count; i++)
        print_message(SLICE_FMT ":%u:%u: " SLICE_FMT ": " SLICE_FMT "\n", SLICE_ARG(faults[i].name), faults[i].line,
                      faults[i].column, SLICE_ARG(faults[i].pointer), SLICE_ARG(faults[i].message));
}

static struct schema_node *find(const char *reference)
{
    char uri[256];
    struct schema_node *node = NULL;
    (void)snprintf(uri, sizeof uri, "%s%s", strchr(reference, ':') ? "" : BASE, reference);
    graph_faults_clear(graph);
    enum err err = graph_find(graph, slice_of_text(uri), &node);
    if (err != ERR_OK) {
        print_faults();
        fail_msg("%s: %s", uri, err_name(err));
    }
    return node;
}

/* The node is found by the pointer in its document. */
static struct schema_node *below(const struct schema_node *node, const char *name)
{
    yyjson_val *value = node->value;
    char path[64];
    (void)snprintf(path, sizeof path, "%s", name);
    for (char *rest = path, *step; (step = strsep(&rest, "/")) != NULL;)
        value = yyjson_is_arr(value) ? yyjson_arr_get(value, strtoul(step, NULL, 10)) : yyjson_obj_get(value, step);
    assert_non_null(value);
    return graph_subschema(graph, node, value);
}

/* One fault, at that place, whose message has that text in it. */
static void expect_fault(const char *reference, const char *name, unsigned line, unsigned column, const char *pointer,
                         const char *part)
{
    char uri[256];
    struct schema_node *node;
    uint32_t count;
    (void)snprintf(uri, sizeof uri, BASE "%s", reference);
    graph_faults_clear(graph);
    assert_int_equal(graph_find(graph, slice_of_text(uri), &node), ERR_INVALID);
    const struct schema_fault *faults = graph_faults(graph, &count);
    if (count != 1 || !slice_is(faults[0].name, name) || faults[0].line != line || faults[0].column != column ||
        !slice_is(faults[0].pointer, pointer) || !strstr(faults[0].message.ptr, part)) {
        print_faults();
        fail_msg("wanted %s:%u:%u: %s: %s", name, line, column, pointer, part);
    }
}

static void ref_leads_to_a_pointer_an_anchor_and_the_root(void **state)
{
    (void)state;
    add("a", "{\"properties\":{\"p\":{\"$ref\":\"#/$defs/x~1y\"},\"q\":{\"$ref\":\"#name\"},\"r\":{\"$ref\":\"#\"}},"
             "\"$defs\":{\"x/y\":{\"$anchor\":\"name\"}}}");
    struct schema_node *root = find("a");
    struct schema_node *target = below(root, "properties/p")->ref;
    assert_non_null(target);
    assert_true(slice_is(target->pointer, "/$defs/x~1y"));
    assert_ptr_equal(below(root, "properties/q")->ref, target);
    assert_ptr_equal(below(root, "properties/r")->ref, root);
    assert_ptr_equal(find("a#name"), target);
    assert_ptr_equal(find("a#/$defs/x~1y"), target);
    assert_ptr_equal(find("a#"), root);
}

static void id_changes_what_references_are_relative_to(void **state)
{
    (void)state;
    add("a", "{\"$id\":\"http://other.net/dir/root\",\"$ref\":\"item\",\"$defs\":{\"x\":{\"$id\":\"item\","
             "\"$ref\":\"#/$defs/y\",\"$defs\":{\"y\":{\"$id\":\"/up\",\"allOf\":[{\"$ref\":\"dir/item#/$defs/z\"}]},"
             "\"z\":true}}}}");
    struct schema_node *root = find("a");
    assert_true(slice_is(root->resource->uri, "http://other.net/dir/root"));
    assert_true(slice_is(root->ref->resource->uri, "http://other.net/dir/item"));
    assert_true(slice_is(root->ref->ref->resource->uri, "http://other.net/up"));
    assert_true(slice_is(root->ref->ref->pointer, "/$defs/x/$defs/y"));
    assert_true(slice_is(below(root->ref->ref, "allOf/0")->ref->pointer, "/$defs/x/$defs/z"));
    assert_ptr_equal(find("http://other.net/up"), root->ref->ref);
}

static void no_keyword_leads_there_but_a_reference_does(void **state)
{
    (void)state;
    add("a", "{\"$id\":\"http://other.net/\",\"$ref\":\"#/unknown/0/"
             "x\",\"unknown\":[{\"x\":{\"type\":\"null\",\"items\":{}}}]}");
    struct schema_node *target = find("a")->ref;
    assert_true(slice_is(target->pointer, "/unknown/0/x"));
    assert_true(slice_is(target->resource->uri, "http://other.net/"));
    assert_true(slice_is(below(target, "items")->pointer, "/unknown/0/x/items"));
}

static void id_in_enum_const_and_unknown_keywords_names_nothing(void **state)
{
    (void)state;
    add("a", "{\"enum\":[{\"$id\":\"b\"}],\"const\":{\"$id\":\"b\"},\"more\":{\"$id\":\"b\"},\"$defs\":{\"b\":{\"$id\":"
             "\"b\"}}}");
    (void)find("a");
    assert_true(slice_is(find("b")->pointer, "/$defs/b"));
}

static void draft_7_ignores_what_stands_beside_ref(void **state)
{
    (void)state;
    add("a", "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$id\":\"http://other.net/a\","
             "\"properties\":{\"p\":{\"$id\":\"http://third.net/\",\"$ref\":\"b\",\"items\":{\"$ref\":\"nowhere\"}},"
             "\"q\":{\"$ref\":\"#c\"}},\"definitions\":{\"b\":{\"$id\":\"b\"},\"c\":{\"$id\":\"#c\"}}}");
    struct schema_node *root = find("a");
    struct schema_node *node = below(root, "properties/p");
    assert_true(node->ignores_siblings);
    assert_true(slice_is(node->ref->resource->uri, "http://other.net/b"));
    assert_true(slice_is(below(root, "properties/q")->ref->pointer, "/definitions/c"));
}

static void each_resource_has_the_draft_of_its_own_schema(void **state)
{
    (void)state;
    add("a", "{\"$schema\":\"https://json-schema.org/draft/2019-09/schema\",\"items\":[{\"$ref\":\"b\"}],"
             "\"prefixItems\":[{\"$ref\":\"nowhere\"}],\"$defs\":{\"e\":{\"$id\":\"e\","
             "\"$schema\":\"http://json-schema.org/draft-07/schema\",\"not\":{}}}}");
    add("b", "{}");
    struct schema_node *root = find("a");
    assert_int_equal(root->resource->draft, SCHEMA_DRAFT_2019_09);
    assert_int_equal(below(root, "items/0")->ref->resource->draft, SCHEMA_DRAFT_2020_12);
    assert_int_equal(below(find("e"), "not")->resource->draft, SCHEMA_DRAFT_7);
}

static void custom_metaschema_says_which_vocabularies_are_in_use(void **state)
{
    (void)state;
    add("meta", "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
                "\"https://json-schema.org/draft/2020-12/vocab/format-assertion\":false,"
                "\"http://example.com/vocab\":false}}");
    add("a", "{\"$schema\":\"" BASE "meta\"}");
    const struct schema_node *node = find("a");
    assert_int_equal(node->resource->vocabularies, VOCABULARY_CORE | VOCABULARY_FORMAT_ASSERTION);
    assert_true(graph_has_vocabulary(node, VOCABULARY_CORE));
    assert_false(graph_has_vocabulary(node, VOCABULARY_VALIDATION));
}

static void unknown_vocabulary_that_is_required_is_a_fault(void **state)
{
    (void)state;
    add("meta", "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                "\"http://example.com/vocab\":true}}");
    add("a", "{\n \"$schema\": \"" BASE "meta\"}");
    expect_fault("a", "a", 2, 13, "/$schema", "http://example.com/vocab");
}

static void metaschema_that_leads_to_itself_is_a_fault(void **state)
{
    (void)state;
    add("a", "{\"$schema\":\"" BASE "b\"}");
    add("b", "{\"$schema\":\"" BASE "a\"}");
    expect_fault("a", "a", 1, 12, "/$schema", "no draft that is known");
}

static void dynamic_anchors_are_one_for_each_resource_that_is_come_to(void **state)
{
    struct schema_node *const *nodes;
    (void)state;
    add("a", "{\"$id\":\"" BASE "a\",\"$ref\":\"b\",\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\",\"type\":\"string\"}}}");
    add("b", "{\"items\":{\"$dynamicRef\":\"#n\"},\"not\":{\"$dynamicRef\":\"#/$defs/n\"},"
             "\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\"}}}");
    add("c", "{\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\"}}}");
    struct schema_node *root = find("a");
    struct schema_node *items = below(root->ref, "items");
    assert_true(slice_is(items->dynamic_anchor, "n"));
    assert_ptr_equal(items->dynamic_ref, below(root->ref, "$defs/n"));
    assert_null(below(root->ref, "not")->dynamic_anchor.ptr);
    assert_int_equal(graph_dynamic_anchors(graph, SLICE_LIT("n"), &nodes), 2);
    assert_ptr_not_equal(nodes[0]->resource, nodes[1]->resource);
    assert_int_equal(graph_dynamic_anchors(graph, SLICE_LIT("m"), &nodes), 0);
    (void)find("b");
    assert_int_equal(graph_dynamic_anchors(graph, SLICE_LIT("n"), &nodes), 1);
}

static void recursive_ref_is_dynamic_where_its_root_says_so(void **state)
{
    struct schema_node *const *nodes;
    (void)state;
    settings.draft = SCHEMA_DRAFT_2019_09;
    add("a", "{\"$recursiveAnchor\":true,\"items\":{\"$recursiveRef\":\"#\"}}");
    add("b", "{\"items\":{\"$recursiveRef\":\"#\"},\"$defs\":{\"x\":{\"$recursiveAnchor\":true}}}");
    struct schema_node *node = below(find("a"), "items");
    assert_non_null(node->dynamic_anchor.ptr);
    assert_int_equal(graph_dynamic_anchors(graph, SLICE_LIT(""), &nodes), 1);
    assert_ptr_equal(nodes[0], node->dynamic_ref);
    node = below(find("b"), "items");
    assert_null(node->dynamic_anchor.ptr);
    assert_non_null(node->dynamic_ref);
}

static void schemas_of_an_openapi_document_are_found_by_pointer(void **state)
{
    (void)state;
    add("api", "{\"openapi\":\"3.1.0\",\"paths\":{\"/x\":{\"get\":{\"schema\":{\"$ref\":\"#/components/schemas/X\"}}}},"
               "\"components\":{\"schemas\":{\"X\":{\"$id\":\"x\"}}}}");
    const struct schema_node *node = find("api#/paths/~1x/get/schema");
    assert_true(slice_is(node->ref->pointer, "/components/schemas/X"));
    assert_int_equal(node->resource->draft, SCHEMA_DRAFT_2020_12);
    assert_ptr_equal(find("x"), node->ref);
    struct schema_node *ret;
    assert_int_equal(graph_find(graph, SLICE_LIT(BASE "api"), &ret), ERR_INVALID);
}

static void metaschemas_are_built_in(void **state)
{
    (void)state;
    add("a", "{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}");
    add("b", "{\"$ref\":\"http://json-schema.org/draft-07/schema#/definitions/schemaArray\"}");
    add("c", "{\"$ref\":\"https://json-schema.org/draft/2019-09/schema\"}");
    add("d", "{\"$ref\":\"https://spec.openapis.org/oas/3.1/dialect/base\"}");
    assert_int_equal(find("a")->ref->resource->draft, SCHEMA_DRAFT_2020_12);
    assert_int_equal(find("b")->ref->resource->draft, SCHEMA_DRAFT_7);
    assert_int_equal(find("c")->ref->resource->draft, SCHEMA_DRAFT_2019_09);
    (void)find("d");
}

static enum err read_source(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                            struct slice *ret_name)
{
    (*(unsigned *)context)++;
    if (slice_is(uri, BASE "broken"))
        return ERR_IO;
    *ret_name = arena_copy(arena, SLICE_LIT("read.json"));
    *ret_text = arena_copy(arena, slice_is(uri, BASE "text") ? SLICE_LIT("{\n  x}") : SLICE_LIT("{\"$id\":\"moved\"}"));
    return slice_is(uri, BASE "none") ? ERR_NOT_FOUND : ERR_OK;
}

static void documents_are_asked_of_the_source_once(void **state)
{
    unsigned reads = 0;
    const struct schema_source source = {.context = &reads, .read = read_source};
    (void)state;
    settings.source = &source;
    add("a", "{\"allOf\":[{\"$ref\":\"far\"},{\"$ref\":\"far#\"},{\"$ref\":\"moved\"}]}");
    const struct schema_node *root = find("a");
    assert_true(slice_is(below(root, "allOf/0")->ref->resource->uri, BASE "moved"));
    assert_ptr_equal(below(root, "allOf/2")->ref, below(root, "allOf/0")->ref);
    assert_int_equal(reads, 1);
}

static void what_the_source_cannot_read_is_a_fault_of_the_reference(void **state)
{
    unsigned reads = 0;
    const struct schema_source source = {.context = &reads, .read = read_source};
    (void)state;
    settings.source = &source;
    add("a", "{\n\"$ref\":\"none\"}");
    add("b", "{\n\"$ref\":\"broken\"}");
    expect_fault("a", "a", 2, 8, "/$ref", "there is no " BASE "none");
    expect_fault("b", "b", 2, 8, "/$ref", "cannot be read");
    expect_fault("a", "a", 2, 8, "/$ref", "there is no " BASE "none");
}

static void malformed_document_says_its_own_place(void **state)
{
    struct schema_node *node;
    uint32_t count;
    unsigned reads = 0;
    const struct schema_source source = {.context = &reads, .read = read_source};
    (void)state;
    settings.source = &source;
    add("a", "{\"$ref\":\"text\"}");
    assert_int_equal(graph_find(graph, SLICE_LIT(BASE "a"), &node), ERR_INVALID);
    const struct schema_fault *faults = graph_faults(graph, &count);
    assert_int_equal(count, 2);
    assert_true(slice_is(faults[0].name, "read.json"));
    assert_int_equal(faults[0].line, 2);
    assert_int_equal(faults[0].column, 3);
    assert_true(slice_is(faults[1].name, "a"));
    graph_faults_clear(graph);
    assert_int_equal(graph_add(graph, SLICE_LIT(BASE "bad"), SLICE_LIT("bad"), SLICE_LIT("{\"a\":1,\"a\":2}")),
                     ERR_SYNTAX);
    faults = graph_faults(graph, &count);
    assert_int_equal(count, 1);
    assert_int_equal(faults[0].column, 8);
}

static void reference_to_nowhere_names_the_nearest(void **state)
{
    (void)state;
    add("a", "{\n \"not\": {\"$ref\": \"#/$defs/adress\"},\n \"$defs\": {\"address\": {}, \"n\": 1}}");
    expect_fault("a", "a", 2, 18, "/not/$ref", "did you mean \"address\"?");
    add("b", "{\"$ref\":\"#here\"}");
    expect_fault("b", "b", 1, 9, "/$ref", "no anchor \"here\"");
    add("c", "{\"$ref\":\"a#/$defs/n\"}");
    expect_fault("c", "c", 1, 9, "/$ref", "a number is no schema");
    add("d", "{\"$ref\":\"a b\"}");
    expect_fault("d", "d", 1, 9, "/$ref", "no URI");
}

static void faults_of_documents_are_told_to_each_who_comes_there_and_to_nobody_else(void **state)
{
    (void)state;
    add("a", "{\"$ref\":\"b\"}");
    add("b", "{\n\"$defs\":{\"x\":{\"$id\":\"a b\"}}}");
    add("c", "{}");
    expect_fault("a", "b", 2, 21, "/$defs/x/$id", "takes a URI");
    expect_fault("a", "b", 2, 21, "/$defs/x/$id", "takes a URI");
    (void)find("c");
}

static void one_uri_for_two_schemas_is_a_fault(void **state)
{
    (void)state;
    add("a", "{\"$defs\":{\"x\":{\"$id\":\"x\"},\n\"y\":{\"$id\":\"x\"}}}");
    expect_fault("a", "a", 2, 12, "/$defs/y/$id", BASE "x");
    add("b", "{\"$defs\":{\"x\":{\"$anchor\":\"x\"},\n\"y\":{\"$anchor\":\"x\"}}}");
    expect_fault("b", "b", 2, 16, "/$defs/y/$anchor", "another anchor \"x\"");
    assert_int_equal(graph_add(graph, SLICE_LIT(BASE "a"), SLICE_LIT("a"), SLICE_LIT("{}")), ERR_EXISTS);
}

static void one_text_from_two_places_is_one_schema(void **state)
{
    (void)state;
    add("a", "{\"$id\":\"http://other.net/a\",\"$ref\":\"" BASE "b\"}");
    add("b", "{\"$id\":\"http://other.net/b\"}");
    add("c", "{\"$id\":\"http://other.net/b\"}");
    assert_ptr_equal(find("a")->ref, find("c"));
}

static void unknown_draft_is_a_fault(void **state)
{
    (void)state;
    add("a", "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}");
    expect_fault("a", "a", 1, 12, "/$schema", "7, 2019-09 and 2020-12");
}

static void schema_that_would_apply_itself_for_ever_is_a_fault(void **state)
{
    (void)state;
    add("a", "{\"$ref\":\"#\"}");
    expect_fault("a", "a", 1, 1, "", "for ever");
    add("b", "{\"properties\":{\"p\":{\"$ref\":\"#\"}},\"anyOf\":[true,\n{\"$ref\":\"#/$defs/"
             "x\"}],\"$defs\":{\"x\":\n{\"if\":"
             "{\"$ref\":\"#\"}}}}");
    expect_fault("b", "b", 3, 7, "/$defs/x/if", "for ever");
    add("c", "{\"allOf\":[{\"$ref\":\"#/$defs/i\"},{\"$ref\":\"#/$defs/"
             "i\"}],\"items\":{\"$ref\":\"#\"},\"$defs\":{\"i\":{}}}");
    (void)find("c");
}

static void limits_are_faults(void **state)
{
    uint32_t count;
    (void)state;
    settings.documents_bytes_max = 10;
    add("a", "{}");
    graph_faults_clear(graph);
    assert_int_equal(graph_add(graph, SLICE_LIT(BASE "b"), SLICE_LIT("b"), SLICE_LIT("{\"a\":\"b\"}")), ERR_LIMIT);
    assert_non_null(strstr(graph_faults(graph, &count)->message.ptr, "more than 10 bytes"));
    assert_int_equal(count, 1);
}

/* A name of 100 kB is part of the pointers of all schemas below it. */
static void memory_is_bound_by_the_text(void **state)
{
    enum { NAME = 100000, COUNT = 2000 };
    static char text[NAME + 64 * COUNT];
    struct schema_node *node;
    uint32_t count;
    (void)state;
    size_t len = (size_t)snprintf(text, sizeof text, "{\"properties\":{\"");
    memset(text + len, 'n', NAME);
    len += NAME;
    len += (size_t)snprintf(text + len, sizeof text - len, "\":{\"allOf\":[true");
    for (int i = 0; i < COUNT; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ",{\"not\":{}}");
    (void)snprintf(text + len, sizeof text - len, "]}}}");
    add("a", text);
    assert_int_equal(graph_find(graph, SLICE_LIT(BASE "a"), &node), ERR_LIMIT);
    assert_non_null(strstr(graph_faults(graph, &count)->message.ptr, "too much for"));
    graph_faults_clear(graph);
    assert_int_equal(graph_find(graph, SLICE_LIT(BASE "a"), &node), ERR_LIMIT);
    (void)graph_faults(graph, &count);
    assert_int_equal(count, 1);
}

static void faults_have_a_limit(void **state)
{
    char text[4096] = "{\"allOf\":[true";
    struct schema_node *node;
    uint32_t count;
    (void)state;
    for (int i = 0; i < 100; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ",{\"$ref\":\"#/x/%d\"}", i);
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "]}");
    add("a", text);
    assert_int_equal(graph_find(graph, SLICE_LIT(BASE "a"), &node), ERR_INVALID);
    (void)graph_faults(graph, &count);
    assert_int_equal(count, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_graph, drop_graph)
        TEST(ref_leads_to_a_pointer_an_anchor_and_the_root),
        TEST(id_changes_what_references_are_relative_to),
        TEST(no_keyword_leads_there_but_a_reference_does),
        TEST(id_in_enum_const_and_unknown_keywords_names_nothing),
        TEST(draft_7_ignores_what_stands_beside_ref),
        TEST(each_resource_has_the_draft_of_its_own_schema),
        TEST(custom_metaschema_says_which_vocabularies_are_in_use),
        TEST(unknown_vocabulary_that_is_required_is_a_fault),
        TEST(metaschema_that_leads_to_itself_is_a_fault),
        TEST(dynamic_anchors_are_one_for_each_resource_that_is_come_to),
        TEST(recursive_ref_is_dynamic_where_its_root_says_so),
        TEST(schemas_of_an_openapi_document_are_found_by_pointer),
        TEST(metaschemas_are_built_in),
        TEST(documents_are_asked_of_the_source_once),
        TEST(what_the_source_cannot_read_is_a_fault_of_the_reference),
        TEST(malformed_document_says_its_own_place),
        TEST(reference_to_nowhere_names_the_nearest),
        TEST(faults_of_documents_are_told_to_each_who_comes_there_and_to_nobody_else),
        TEST(one_uri_for_two_schemas_is_a_fault),
        TEST(one_text_from_two_places_is_one_schema),
        TEST(unknown_draft_is_a_fault),
        TEST(schema_that_would_apply_itself_for_ever_is_a_fault),
        TEST(limits_are_faults),
        TEST(memory_is_bound_by_the_text),
        TEST(faults_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
