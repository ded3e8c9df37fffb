/* SPDX-License-Identifier: Apache-2.0 */
#include "load/view/view_int.h"

#include "load/view.h"
#include "unit/load/results/fake.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct load_results results;
static char memory[16384];

static int make_results(void **state)
{
    (void)state;
    return fake_results(&results) == ERR_OK ? 0 : -1;
}

static int drop_results(void **state)
{
    (void)state;
    load_results_deinit(&results);
    return 0;
}

static void assert_picture(const struct load_frame *frame, const char *wanted)
{
    struct text text = text_init(memory, sizeof memory);
    uint32_t lines = load_frame_draw(frame, &text);
    uint32_t newlines = 0;
    for (size_t i = 0; i < text.len; i++)
        newlines += memory[i] == '\n';
    assert_int_equal(lines, newlines);
    assert_string_equal(memory, wanted);
}

static void the_picture_shows_how_far_how_much_and_how_long(void **state)
{
    (void)state;
    const struct load_frame frame = {.results = &results, .now_ns = 3250 * (int64_t)NS_PER_MS, .columns = 99};
    assert_picture(&frame, "fake </script><b>&\"  ################--------  65 %  1.75 s left  stage 2 of 2\n"
                           "requests  267/s due, 265/s answered, 7 failed (0.88 %) of 800\n"
                           "latency   p50 1.50 ms, p99 1.99 ms, max 2.00 ms; own lag p99 2.27 us\n"
                           "under way 3 in flight, 0 waiting, 8 connections\n"
                           "p99       #####  up to 1.99 ms\n"
                           "answered  --:+#  up to 265\n");
}

static void blocks_and_colours_where_the_terminal_has_them(void **state)
{
    (void)state;
    const struct load_frame frame = {
        .results = &results, .now_ns = 5 * (int64_t)NS_PER_S, .columns = 99, .is_utf8 = true, .has_color = true};
    struct text text = text_init(memory, sizeof memory);
    (void)load_frame_draw(&frame, &text);
    assert_non_null(strstr(memory, "\033[32m\u2588\u2588\u2588"));
    assert_non_null(strstr(memory, " 100 %  waiting for the last answers"));
    assert_non_null(strstr(memory, "\033[31m7 failed (0.88 %)\033[0m"));
    assert_non_null(strstr(memory, "\u2583\u2583\u2584\u2586\u2588"));
}

/* Columns of a line without colours. */
static size_t columns_of(struct slice line)
{
    size_t columns = 0;
    for (size_t i = 0; i < line.len; i++)
        columns += ((unsigned char)line.ptr[i] & 0xc0) != 0x80;
    return columns;
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    for (uint32_t columns = 10; columns < 120; columns++) {
        const struct load_frame frame = {
            .results = &results, .now_ns = (int64_t)NS_PER_S, .columns = columns, .is_utf8 = true};
        struct text text = text_init(memory, sizeof memory);
        (void)load_frame_draw(&frame, &text);
        assert_false(text.is_cut);
        struct slice rest = text_slice(&text);
        while (rest.ptr && rest.len)
            assert_in_range(columns_of(slice_cut(&rest, '\n')), 0, columns);
    }
}

static void warming_up_is_told(void **state)
{
    (void)state;
    struct load_results empty;
    assert_int_equal(load_results_init(&fake_plan, &empty), ERR_OK);
    const struct load_frame frame = {.results = &empty, .now_ns = -1500 * (int64_t)NS_PER_MS, .columns = 80};
    assert_picture(&frame, "fake </script><b>&\"  warming up, 1.50 s left\n");
    load_results_deinit(&empty);
}

static void names_do_not_control_the_terminal(void **state)
{
    (void)state;
    struct load_plan plan = fake_plan;
    struct load_results named;
    plan.name = SLICE_LIT("a\033[2Jb\xc2\x9b"
                          "1m\xff");
    assert_int_equal(load_results_init(&plan, &named), ERR_OK);
    const struct load_frame frame = {.results = &named, .now_ns = -(int64_t)NS_PER_S, .columns = 80, .is_utf8 = true};
    assert_picture(&frame, "a?[2Jb?1m?  warming up, 1.00 s left\n");
    load_results_deinit(&named);
}

static void an_interval_is_a_line(void **state)
{
    (void)state;
    struct text text = text_init(memory, sizeof memory);
    load_line_text(&results, &text);
    assert_string_equal(memory, "5.00 s: 267/s due, 265/s answered, 2 failed, p50 1.50 ms, p99 1.99 ms, 3 in flight\n");
    text = text_init(memory, sizeof memory);
    load_line_json(&results, &text);
    assert_non_null(
        strstr(memory, "{\"begin_ns\":4000000000,\"end_ns\":5000000000,\"stage\":1,\"due\":267,\"answered\":265,"));
}

static uint32_t eighty(void)
{
    return 80;
}

/* Drawn over itself: up by as many lines as there were. Taken away in the end. */
static void the_picture_stays_in_its_place(void **state)
{
    (void)state;
    char *written = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&written, &bytes);
    assert_non_null(out);
    struct load_view view = {.kind = LOAD_VIEW_LIVE, .out = out, .columns = eighty};
    struct load_observer observer = load_view_observer(&view);
    observer.on_tick(observer.owner, &results, (int64_t)NS_PER_S);
    observer.on_tick(observer.owner, &results, (int64_t)NS_PER_S); /* too soon */
    assert_int_equal(fflush(out), 0);
    assert_null(strstr(written, "\033[6A"));
    view.drawn_ns = 0;
    observer.on_tick(observer.owner, &results, (int64_t)NS_PER_S);
    load_view_end(&view);
    assert_int_equal(fclose(out), 0);
    const char *again = strstr(written, "\033[6A\rfake");
    assert_non_null(again);
    assert_non_null(strstr(again + 1, "\033[6A\r\033[J"));
    free(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_picture_shows_how_far_how_much_and_how_long, make_results, drop_results),
        cmocka_unit_test_setup_teardown(blocks_and_colours_where_the_terminal_has_them, make_results, drop_results),
        cmocka_unit_test_setup_teardown(no_line_is_wider_than_the_terminal, make_results, drop_results),
        cmocka_unit_test(warming_up_is_told),
        cmocka_unit_test(names_do_not_control_the_terminal),
        cmocka_unit_test_setup_teardown(an_interval_is_a_line, make_results, drop_results),
        cmocka_unit_test_setup_teardown(the_picture_stays_in_its_place, make_results, drop_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
