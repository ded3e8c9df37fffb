/* SPDX-License-Identifier: Apache-2.0 */
/* What tables may have that configurations do not: texts with places, maps of texts, trees, lists of texts that stand alone, and places of
 * maps. All else is tested with configurations. */
#include "lib/options/fill.h"

#include "lib/options/page.h"
#include "lib/options/schema.h"
#include "unit/lib/yaml/notes.h"

#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

struct part {
    struct option_text text;
    struct report_place place;
};

struct whole {
    struct option_text placed;
    struct option_list members;
    const struct yaml_node *tree;
    struct option_list texts;
    struct option_list parts;
};

static const struct option part_rows[] = {{.name = "text",
                                           .type = OPTION_PLACED,
                                           .offset = offsetof(struct part, text),
                                           .min = 1,
                                           .max = 8,
                                           .flags = OPTION_SHORTHAND,
                                           .help = "T"}};
static const struct option_table part_table = {.name = "part",
                                               .help = "",
                                               .bytes = sizeof(struct part),
                                               .place = offsetof(struct part, place),
                                               .rows = part_rows,
                                               .count = 1};
static const struct option whole_rows[] = {
    {.name = "placed", .type = OPTION_PLACED, .offset = offsetof(struct whole, placed), .max = 8, .help = "P"},
    {.name = "members", .type = OPTION_MEMBERS, .offset = offsetof(struct whole, members), .max = 2, .help = "M"},
    {.name = "tree", .type = OPTION_TREE, .offset = offsetof(struct whole, tree), .help = "A"},
    {.name = "texts",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct whole, texts),
     .min = 1,
     .max = 2,
     .flags = OPTION_ALONE,
     .help = "L"},
    {.name = "parts",
     .type = OPTION_TABLES,
     .offset = offsetof(struct whole, parts),
     .max = 4,
     .flags = OPTION_ALONE,
     .table = &part_table,
     .help = "S"},
};
static const struct option_table whole_table = {
    .name = "whole", .help = "", .bytes = sizeof(struct whole), .rows = whole_rows, .count = ARRAY_LEN(whole_rows)};

struct filled {
    struct pool pool;
    struct arena arena;
    struct report report;
    struct whole whole;
    char said[2048];
};

static void begin(struct filled *filled, const char *yaml)
{
    const struct yaml_node *root;
    memset(filled, 0, sizeof *filled);
    pool_init(&filled->pool, 0, SIZE_MAX);
    arena_init(&filled->arena, &filled->pool, 4096, 1 << 20);
    report_init(&filled->report);
    struct fill fill = {
        .report = &filled->report, .arena = &filled->arena, .scratch = &filled->arena, .folder = SLICE_LIT("/")};
    assert_int_equal(report_begin(&filled->report, SLICE_LIT("f"), slice_of_text(yaml)), ERR_OK);
    assert_int_equal(yaml_parse(slice_of_text(yaml), &filled->arena, &filled->report, &root), ERR_OK);
    assert_int_equal(
        fill_table(&fill, &(struct fill_job){.table = &whole_table, .node = root, .place = {1, 1}}, &filled->whole),
        ERR_OK);
    format_report(&filled->report, filled->said, sizeof filled->said);
}

static void end(struct filled *filled)
{
    report_deinit(&filled->report);
    arena_reset(&filled->arena);
    pool_deinit(&filled->pool);
}

static void assert_place(struct report_place place, uint32_t line, uint32_t column)
{
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void keeps_places_of_texts_members_and_maps(void **state)
{
    (void)state;
    struct filled filled;
    begin(&filled, "placed: abc\nmembers: {a: 1, b: \"two\"}\ntexts: alone\nparts:\n  - one\n  - {text: two}\n");
    assert_string_equal(filled.said, "");
    assert_true(slice_is(filled.whole.placed.text, "abc"));
    assert_place(filled.whole.placed.place, 1, 9);
    const struct option_member *members = filled.whole.members.items;
    assert_int_equal(filled.whole.members.count, 2);
    assert_true(slice_is(members[1].name, "b") && slice_is(members[1].value.text, "two"));
    assert_place(members[1].name_place, 2, 17);
    assert_place(members[1].value.place, 2, 20);
    const struct slice *texts = filled.whole.texts.items;
    assert_true(filled.whole.texts.count == 1 && slice_is(texts[0], "alone"));
    const struct part *parts = filled.whole.parts.items;
    assert_true(filled.whole.parts.count == 2 && slice_is(parts[0].text.text, "one") &&
                slice_is(parts[1].text.text, "two"));
    assert_place(parts[0].place, 5, 5);
    assert_place(parts[1].place, 6, 5);
    end(&filled);
}

static void takes_any_tree_and_nothing_as_well(void **state)
{
    (void)state;
    struct filled filled;
    begin(&filled, "tree: {a: [1, {b: c}]}\n");
    assert_string_equal(filled.said, "");
    assert_int_equal(filled.whole.tree->kind, YAML_MAP);
    end(&filled);
    begin(&filled, "tree:\n");
    assert_string_equal(filled.said, "");
    assert_int_equal(filled.whole.tree->kind, YAML_NULL);
    end(&filled);
    begin(&filled, "{}\n");
    assert_null(filled.whole.tree);
    assert_null(filled.whole.placed.text.ptr);
    end(&filled);
}

static void says_what_those_take(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"placed: [a]\n", "1:9: error: \"placed\" in whole takes a text of up to 8 bytes, found a list of 1\n"},
        {"members: {a: [1]}\n",
         "1:14: error: \"members\" in whole takes a map of up to 2 names to texts, found a list of 1\n"},
        {"members: {a: 1, b: 2, c: 3}\n",
         "1:10: error: \"members\" in whole takes a map of up to 2 names to texts, found a map\n"},
        {"texts: [a, b, c]\n",
         "1:8: error: \"texts\" in whole takes a list of 1 to 2 texts, or one alone, found a list of 3\n"},
        {"texts: {a: b}\n", "1:8: error: \"texts\" in whole takes a list of 1 to 2 texts, or one alone, found a map\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filled filled;
        begin(&filled, rows[i][0]);
        assert_string_equal(filled.said, rows[i][1]);
        end(&filled);
    }
}

static void stand_in_schemas_and_pages(void **state)
{
    (void)state;
    struct filled filled;
    struct slice text;
    begin(&filled, "{}\n");
    struct json_writer out = json_writer_in_arena(&filled.arena, 0);
    const struct option_schema schema = {.out = &out};
    option_schema_write_map(&schema, &whole_table);
    assert_int_equal(json_writer_finish(&out, &text), ERR_OK);
    static const char *const parts[] = {
        "\"placed\":{\"description\":\"P\",\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":0,\"maxLength\":"
        "8}",
        "\"members\":{\"description\":\"M\",\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\","
        "\"number\",\"boolean\"]},\"minProperties\":0,\"maxProperties\":2}",
        "\"tree\":{\"description\":\"A\"}",
        "\"texts\":{\"description\":\"L\",\"anyOf\":[{\"type\":\"array\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!memmem(text.ptr, text.len, parts[i], strlen(parts[i])))
            fail_msg("%s is not in " SLICE_FMT, parts[i], SLICE_ARG(text));
    struct buffer page = buffer_in_arena(&filled.arena, 0);
    option_page_write_table(&page, &whole_table);
    assert_int_equal(buffer_finish(&page, &text), ERR_OK);
    assert_non_null(memmem(text.ptr, text.len, "| `tree` | anything | | A |\n", 28));
    end(&filled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_places_of_texts_members_and_maps),
        cmocka_unit_test(takes_any_tree_and_nothing_as_well),
        cmocka_unit_test(says_what_those_take),
        cmocka_unit_test(stand_in_schemas_and_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
