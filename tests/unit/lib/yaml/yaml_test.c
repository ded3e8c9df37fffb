/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/yaml/yaml.h"

#include "unit/lib/yaml/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A parse with its memory. */
struct parse {
    struct pool pool;
    struct arena arena;
    struct report report;
    const struct yaml_node *root;
    char said[4096];
};

static void begin(struct parse *parse, struct slice text, enum err expected)
{
    *parse = (struct parse){0};
    pool_init(&parse->pool, 0, SIZE_MAX);
    arena_init(&parse->arena, &parse->pool, 4096, 64 << 20);
    report_init(&parse->report);
    assert_int_equal(report_begin(&parse->report, SLICE_LIT("f"), text), ERR_OK);
    assert_int_equal(yaml_parse(text, &parse->arena, &parse->report, &parse->root), expected);
    format_report(&parse->report, parse->said, sizeof parse->said);
}

static void end(struct parse *parse)
{
    report_deinit(&parse->report);
    arena_reset(&parse->arena);
    pool_deinit(&parse->pool);
}

static void assert_refused(struct slice text, const char *expected)
{
    struct parse parse;
    begin(&parse, text, ERR_INVALID);
    assert_string_equal(parse.said, expected);
    end(&parse);
}

static void assert_node(const struct yaml_node *node, enum yaml_kind kind, uint32_t line, uint32_t column)
{
    assert_non_null(node);
    assert_int_equal(node->kind, kind);
    assert_int_equal(node->place.line, line);
    assert_int_equal(node->place.column, column);
}

static void gives_kinds_texts_and_places(void **state)
{
    (void)state;
    struct parse parse;
    begin(&parse, SLICE_LIT("a: 1\nb:\n  - x: {y: [1, \"2\"]}\n  - z\nc:\nd: ~\n"), ERR_OK);
    assert_node(parse.root, YAML_MAP, 1, 1);
    assert_int_equal(parse.root->count, 4);
    assert_node(yaml_find(parse.root, "a"), YAML_SCALAR, 1, 4);
    const struct yaml_node *list = yaml_find(parse.root, "b");
    assert_node(list, YAML_LIST, 3, 3);
    assert_int_equal(list->key_place.line, 2);
    assert_int_equal(list->count, 2);
    const struct yaml_node *inner = yaml_find(yaml_find(list->first, "x"), "y");
    assert_node(inner, YAML_LIST, 3, 12);
    assert_node(inner->first->next, YAML_SCALAR, 3, 16);
    assert_true(inner->first->next->is_quoted);
    assert_false(inner->first->is_quoted);
    assert_true(slice_is(inner->first->next->text, "2"));
    assert_node(list->first->next, YAML_SCALAR, 4, 5);
    assert_int_equal(yaml_find(parse.root, "c")->kind, YAML_NULL);
    assert_int_equal(yaml_find(parse.root, "d")->kind, YAML_NULL);
    assert_null(yaml_find(parse.root, "e"));
    end(&parse);
}

static void counts_columns_in_characters(void **state)
{
    (void)state;
    struct parse parse;
    begin(&parse, SLICE_LIT("{\xc3\xa9\xe2\x82\xac: x}"), ERR_OK);
    assert_node(parse.root->first, YAML_SCALAR, 1, 6);
    end(&parse);
}

static void takes_an_empty_file_as_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "# a comment\n", "---\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct parse parse;
        begin(&parse, slice_of_text(texts[i]), ERR_OK);
        assert_int_equal(parse.root->kind, YAML_NULL);
        end(&parse);
    }
}

static void refuses_a_key_given_twice_and_names_both_places(void **state)
{
    (void)state;
    struct parse parse;
    begin(&parse, SLICE_LIT("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\na: 3\n"), ERR_OK);
    assert_string_equal(parse.said, "5:3: error: \"c\" is given twice; the first is in line 3, column 3\n"
                                    "6:1: error: \"a\" is given twice; the first is in line 1, column 1\n"
                                    "7:1: error: \"a\" is given twice; the first is in line 1, column 1\n");
    end(&parse);
}

static void refuses_anchors_and_aliases(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: &x 1\nb: *x\n"),
                   "1:4: error: anchors and aliases (& and *) are not supported; write the value out\n");
    assert_refused(SLICE_LIT("b: *x\n"),
                   "1:4: error: anchors and aliases (& and *) are not supported; write the value out\n");
}

static void refuses_a_billion_laughs_at_the_first_anchor(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: &a [l, l]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"),
                   "1:4: error: anchors and aliases (& and *) are not supported; write the value out\n");
}

static void refuses_tags(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: !foo 1\n"), "1:4: error: tags (!) are not supported; leave the tag out\n");
}

static void undoubles_single_quotes(void **state)
{
    (void)state;
    struct parse parse;
    begin(&parse, SLICE_LIT("\xc3\xa9: 'it''s'\n'''': ''''''\nc: ''\n"), ERR_OK);
    assert_true(slice_is(parse.root->first->text, "it's"));
    assert_true(slice_is(parse.root->first->next->key, "'"));
    assert_true(slice_is(parse.root->first->next->text, "''"));
    assert_true(slice_is(yaml_find(parse.root, "c")->text, ""));
    assert_int_equal(yaml_find(parse.root, "c")->kind, YAML_SCALAR);
    end(&parse);
    assert_refused(SLICE_LIT("a: 'x''\n  y'\n"),
                   "1:4: error: a text in single quotes with '' in it must stand on one line; use double quotes\n");
}

static void refuses_tabs_outside_comments(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("- \tx\n"), "1:3: error: a tab stands here; use spaces, or \\t in double quotes\n");
    assert_refused(SLICE_LIT("a:\n  b: 1\n\tc: 2\n"),
                   "3:1: error: a tab stands here; use spaces, or \\t in double quotes\n");
    assert_refused(SLICE_LIT("a: x#\ty\n"), "1:6: error: a tab stands here; use spaces, or \\t in double quotes\n");
    struct parse parse;
    begin(&parse, SLICE_LIT("#\tone\na: 1 #\ttwo\tthree\nb: \"\\t\"\n"), ERR_OK);
    end(&parse);
}

static void refuses_directives(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("%YAML 1.2\n---\na: 1\n"),
                   "1:1: error: directives (%YAML, %TAG) are not supported; leave the line out\n");
}

static void refuses_a_second_document(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: 1\n---\nb: 2\n"),
                   "2:1: error: a second document begins here; the file is to be one document\n");
}

static void refuses_keys_that_are_no_names(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("? [a]\n: 3\n"), "1:3: error: a key is a single name, not a list or map\n");
}

static void passes_on_what_libfyaml_finds_with_its_place(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: \"x\\qy\"\n"), "1:6: error: invalid escape 'q' in double-quoted string\n");
    assert_refused(SLICE_LIT("a: [1, 2\n"), "2:1: error: flow sequence without a closing bracket\n");
    assert_refused(SLICE_LIT("a: @x\n"), "1:4: error: plain scalar cannot start with '@'\n");
    assert_refused(SLICE_LIT("a: 1\n b: 2\n"), "1:4: error: invalid multiline plain key\n");
}

static void refuses_bytes_that_are_no_text(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("a: 1\nb: \0c\n"), "2:4: error: control character 0x00 may not stand in YAML\n");
    assert_refused(SLICE_LIT("a: \x1b[2J\n"), "1:4: error: control character 0x1b may not stand in YAML\n");
    assert_refused(SLICE_LIT("a: \xff\n"), "1:4: error: byte 0xff is not valid UTF-8; save the file as UTF-8\n");
    assert_refused(SLICE_LIT("a: \xe2\x82"), "1:4: error: byte 0xe2 is not valid UTF-8; save the file as UTF-8\n");
}

static void bounds_depth(void **state)
{
    (void)state;
    char text[2 * YAML_DEPTH_MAX + 3];
    struct parse parse;
    memset(text, '[', YAML_DEPTH_MAX + 1);
    memset(text + YAML_DEPTH_MAX + 1, ']', YAML_DEPTH_MAX + 1);
    assert_refused(slice_of(text, 2 * YAML_DEPTH_MAX + 2), "1:33: error: nested too deeply; at most 32 levels\n");
    begin(&parse, slice_of(text + 1, 2 * YAML_DEPTH_MAX), ERR_OK);
    end(&parse);
}

static void bounds_the_number_of_values(void **state)
{
    (void)state;
    size_t items = YAML_NODES_MAX; /* with the list itself one too many */
    char *text = malloc(2 * items + 2);
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < items; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    text[1 + 2 * items] = ']';
    assert_refused(slice_of(text, 2 * items + 2),
                   "1:200000: error: the file has too many values; at most 100000 keys and values together\n");
    free(text);
}

static void survives_every_truncation(void **state)
{
    (void)state;
    static const char text[] = "# c\nlisten: [\"127.0.0.1:80\", 'x']\nmodels:\n  - name: a\n    path: |\n      b\n"
                               "    warm_up: {x: [1, 2]}\nroutes:\n  - match: \"GET /\\u00e9\"\n    to: {a: ~}\n";
    for (size_t len = 0; len < sizeof text; len++) {
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, text, len);
        struct parse parse = {0};
        pool_init(&parse.pool, 0, SIZE_MAX);
        arena_init(&parse.arena, &parse.pool, 4096, 64 << 20);
        report_init(&parse.report);
        enum err err = yaml_parse(slice_of(exact, len), &parse.arena, &parse.report, &parse.root);
        assert_int_equal(err == ERR_OK, parse.root != NULL);
        assert_int_equal(err == ERR_OK, parse.report.error_count == 0);
        end(&parse);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_kinds_texts_and_places),
        cmocka_unit_test(counts_columns_in_characters),
        cmocka_unit_test(takes_an_empty_file_as_nothing),
        cmocka_unit_test(refuses_a_key_given_twice_and_names_both_places),
        cmocka_unit_test(refuses_anchors_and_aliases),
        cmocka_unit_test(refuses_a_billion_laughs_at_the_first_anchor),
        cmocka_unit_test(refuses_tags),
        cmocka_unit_test(undoubles_single_quotes),
        cmocka_unit_test(refuses_tabs_outside_comments),
        cmocka_unit_test(refuses_directives),
        cmocka_unit_test(refuses_a_second_document),
        cmocka_unit_test(refuses_keys_that_are_no_names),
        cmocka_unit_test(passes_on_what_libfyaml_finds_with_its_place),
        cmocka_unit_test(refuses_bytes_that_are_no_text),
        cmocka_unit_test(bounds_depth),
        cmocka_unit_test(bounds_the_number_of_values),
        cmocka_unit_test(survives_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
