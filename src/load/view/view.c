/* SPDX-License-Identifier: Apache-2.0 */
#include "load/view.h"

#include "lib/sys/clock.h"
#include "load/view/view_int.h"

#define FRAME_BYTES_MAX 16384
#define LINE_BYTES_MAX  2048
#define DRAW_NS         (250 * NS_PER_MS)
#define COLUMNS_MIN     20
#define COLUMNS_MAX     200

/* What was drawn is overwritten line by line, which does not flicker as clearing first would; what is left below goes at last. */
static void draw(struct load_view *view, const struct load_results *results, int64_t now_ns)
{
    char memory[FRAME_BYTES_MAX];
    struct text picture = text_init(memory, sizeof memory);
    struct load_frame frame = {
        .results = results,
        .now_ns = now_ns,
        .columns = MIN(MAX(view->columns(), COLUMNS_MIN), COLUMNS_MAX) - 1, /* the last one wraps in some terminals */
        .is_utf8 = view->is_utf8,
        .has_color = view->has_color,
    };
    uint32_t lines = load_frame_draw(&frame, &picture);
    if (view->lines)
        (void)fprintf(view->out, "\033[%uA", view->lines);
    struct slice rest = text_slice(&picture);
    for (uint32_t i = 0; i < lines; i++) {
        struct slice line = slice_cut(&rest, '\n');
        (void)fprintf(view->out, "\r" SLICE_FMT "\033[K\n", SLICE_ARG(line));
    }
    (void)fputs("\033[J", view->out);
    (void)fflush(view->out);
    view->lines = lines;
}

static void on_tick(void *owner, const struct load_results *results, int64_t now_ns)
{
    struct load_view *view = owner;
    uint64_t clock_ns = clock_now_ns();
    if (view->kind != LOAD_VIEW_LIVE || clock_ns - view->drawn_ns < DRAW_NS)
        return;
    view->drawn_ns = clock_ns;
    draw(view, results, now_ns);
}

static void on_interval(void *owner, const struct load_results *results)
{
    struct load_view *view = owner;
    char memory[LINE_BYTES_MAX];
    struct text line = text_init(memory, sizeof memory);
    if (view->kind == LOAD_VIEW_TEXT)
        load_line_text(results, &line);
    else if (view->kind == LOAD_VIEW_JSON)
        load_line_json(results, &line);
    if (line.len == 0)
        return;
    (void)fwrite(line.ptr, 1, line.len, view->out);
    (void)fflush(view->out);
}

struct load_observer load_view_observer(struct load_view *view)
{
    return (struct load_observer){.on_interval = on_interval, .on_tick = on_tick, .owner = view};
}

void load_view_end(struct load_view *view)
{
    if (view->lines == 0)
        return;
    (void)fprintf(view->out, "\033[%uA\r\033[J", view->lines);
    (void)fflush(view->out);
    view->lines = 0;
}
