/* SPDX-License-Identifier: Apache-2.0 */
/* The picture: how far it is, what is asked and answered, how long that takes, and how both went lately. */
#include "lib/base/utf8.h"
#include "lib/sys/clock.h"
#include "load/results/format.h"
#include "load/view/view_int.h"

#include <math.h>

#define LABEL_COLUMNS 10
#define BAR_COLUMNS   24
#define RANGE_COLUMNS 24 /* behind a sparkline */
#define PART_BYTES    256

enum style { STYLE_PLAIN, STYLE_DIM, STYLE_BOLD, STYLE_GOOD, STYLE_BAD };

static const char *const style_codes[] = {[STYLE_PLAIN] = "",
                                          [STYLE_DIM] = "\033[2m",
                                          [STYLE_BOLD] = "\033[1m",
                                          [STYLE_GOOD] = "\033[32m",
                                          [STYLE_BAD] = "\033[31m"};

struct canvas {
    const struct load_frame *frame;
    struct text *out;
    uint32_t column;
    uint32_t lines;
};

/* As far as the line has room. Names come from plans: what would control the terminal is shown as "?". */
static void put(struct canvas *canvas, enum style style, struct slice text)
{
    bool is_styled = canvas->frame->has_color && style != STYLE_PLAIN;
    if (is_styled)
        text_add(canvas->out, slice_of_text(style_codes[style]));
    while (text.len && canvas->column < canvas->frame->columns) {
        bool is_shown;
        struct slice character = utf8_take_shown(&text, &is_shown);
        is_shown = is_shown && (character.len == 1 || canvas->frame->is_utf8);
        text_add(canvas->out, is_shown ? character : SLICE_LIT("?"));
        canvas->column++;
    }
    if (is_styled)
        text_add(canvas->out, SLICE_LIT("\033[0m"));
}

static void put_format(struct canvas *canvas, enum style style, const char *format, ...) PRINTF_LIKE(3, 4);
static void put_format(struct canvas *canvas, enum style style, const char *format, ...)
{
    char memory[PART_BYTES];
    struct text part = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&part, format, args);
    va_end(args);
    put(canvas, style, text_slice(&part));
}

static void label(struct canvas *canvas, const char *name)
{
    put_format(canvas, STYLE_DIM, "%-*s", LABEL_COLUMNS, name);
}

static void end_line(struct canvas *canvas)
{
    text_add(canvas->out, SLICE_LIT("\n"));
    canvas->column = 0;
    canvas->lines++;
}

/* --- how far ------------------------------------------------------------------------------------------------------ */

/* 0..1; below 0: nobody knows. */
static double share_done(const struct load_frame *frame)
{
    const struct load_plan *plan = frame->results->plan;
    uint64_t duration_ns = load_plan_duration_ns(plan);
    double by_time = duration_ns == UINT64_MAX || duration_ns == 0 ? -1 : (double)frame->now_ns / (double)duration_ns;
    double ended = (double)counter_read(&frame->results->totals->iterations_ended);
    double by_count = plan->iterations_max ? ended / (double)plan->iterations_max : -1;
    return MIN(MAX(by_time, by_count), 1);
}

static void put_bar(struct canvas *canvas, double share)
{
    char memory[PART_BYTES];
    struct text bar = text_init(memory, sizeof memory);
    uint32_t full = (uint32_t)(share * BAR_COLUMNS + 0.5);
    bool is_utf8 = canvas->frame->is_utf8;
    for (uint32_t i = 0; i < full; i++)
        text_add(&bar, is_utf8 ? SLICE_LIT("\u2588") : SLICE_LIT("#"));
    put(canvas, STYLE_GOOD, text_slice(&bar));
    bar = text_init(memory, sizeof memory);
    for (uint32_t i = full; i < BAR_COLUMNS; i++)
        text_add(&bar, is_utf8 ? SLICE_LIT("\u2591") : SLICE_LIT("-"));
    put(canvas, STYLE_DIM, text_slice(&bar));
}

static void put_stage(struct canvas *canvas)
{
    const struct load_plan *plan = canvas->frame->results->plan;
    const struct load_results *results = canvas->frame->results;
    if (plan->stage_count < 2 || results->interval_count == 0)
        return;
    uint32_t stage = results->intervals[results->interval_count - 1]->stage;
    put_format(canvas, STYLE_PLAIN, "  stage %u of %u", stage + 1, plan->stage_count);
    if (plan->stages[stage].name.len)
        put_format(canvas, STYLE_PLAIN, ": " SLICE_FMT, SLICE_ARG(plan->stages[stage].name));
}

static void put_time_left(struct canvas *canvas)
{
    char left[FORMAT_BYTES];
    uint64_t duration_ns = load_plan_duration_ns(canvas->frame->results->plan);
    uint64_t now_ns = (uint64_t)canvas->frame->now_ns;
    if (duration_ns == UINT64_MAX)
        put_format(canvas, STYLE_PLAIN, "%s", format_ns(left, (double)now_ns));
    else if (now_ns < duration_ns)
        put_format(canvas, STYLE_PLAIN, "%s left", format_ns(left, (double)(duration_ns - now_ns)));
    else
        put_format(canvas, STYLE_PLAIN, "waiting for the last answers");
}

static void draw_progress(struct canvas *canvas)
{
    const struct load_frame *frame = canvas->frame;
    char left[FORMAT_BYTES];
    if (frame->results->plan->name.len)
        put_format(canvas, STYLE_BOLD, SLICE_FMT "  ", SLICE_ARG(frame->results->plan->name));
    if (frame->now_ns < 0) {
        put_format(canvas, STYLE_PLAIN, "warming up, %s left", format_ns(left, (double)-frame->now_ns));
        end_line(canvas);
        return;
    }
    if (canvas->column + BAR_COLUMNS + 8 > frame->columns)
        end_line(canvas);
    double share = share_done(frame);
    if (share >= 0) {
        put_bar(canvas, share);
        put_format(canvas, STYLE_PLAIN, " %3.0f %%  ", floor(100 * share));
    }
    put_time_left(canvas);
    put_stage(canvas);
    end_line(canvas);
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

static void draw_requests(struct canvas *canvas, const struct load_interval *interval)
{
    const struct load_results *results = canvas->frame->results;
    char due[FORMAT_BYTES], done[FORMAT_BYTES], failed[FORMAT_BYTES], total[FORMAT_BYTES];
    uint64_t all_failed = load_series_failed(results->all);
    uint64_t all_done = counter_read(&results->all->answered) + all_failed;
    label(canvas, "requests");
    put_format(canvas, STYLE_PLAIN, "%s/s due, %s/s answered, ",
               format_count(due, interval_rate(interval, interval->all.due)),
               format_count(done, interval_rate(interval, interval->all.answered)));
    put_format(canvas, all_failed ? STYLE_BAD : STYLE_PLAIN, "%s failed (%.2g %%)",
               format_count(failed, (double)all_failed), all_done ? 100 * (double)all_failed / (double)all_done : 0);
    put_format(canvas, STYLE_PLAIN, " of %s", format_count(total, (double)all_done));
    end_line(canvas);
}

static void draw_latency(struct canvas *canvas, const struct load_interval *interval)
{
    char p50[FORMAT_BYTES], p99[FORMAT_BYTES], most[FORMAT_BYTES], lag[FORMAT_BYTES];
    label(canvas, "latency");
    put_format(canvas, STYLE_PLAIN, "p50 %s, ", format_ns(p50, (double)interval->all.p50_ns));
    put_format(canvas, STYLE_BOLD, "p99 %s", format_ns(p99, (double)interval->all.p99_ns));
    put_format(canvas, STYLE_PLAIN, ", max %s", format_ns(most, (double)interval->all.max_ns));
    put_format(canvas, STYLE_DIM, "; own lag p99 %s", format_ns(lag, (double)interval->lag_p99_ns));
    end_line(canvas);
}

static void draw_stream(struct canvas *canvas, const struct load_interval *interval)
{
    char first[FORMAT_BYTES], between[FORMAT_BYTES], rate[FORMAT_BYTES];
    if (!canvas->frame->results->all->stream)
        return;
    label(canvas, "tokens");
    put_format(canvas, STYLE_PLAIN, "%s/s, first p50 %s, between p50 %s",
               format_count(rate, interval_rate(interval, interval->all.tokens)),
               format_ns(first, (double)interval->all.first_token_p50_ns),
               format_ns(between, (double)interval->all.between_tokens_p50_ns));
    end_line(canvas);
}

static void draw_under_way(struct canvas *canvas, const struct load_interval *interval)
{
    label(canvas, "under way");
    put_format(canvas, STYLE_PLAIN, "%lld in flight, ", (long long)interval->in_flight);
    put_format(canvas, interval->backlog ? STYLE_BAD : STYLE_PLAIN, "%lld waiting", (long long)interval->backlog);
    put_format(canvas, STYLE_PLAIN, ", %lld connections", (long long)interval->links);
    if (canvas->frame->results->plan->arrival == LOAD_CLOSED)
        put_format(canvas, STYLE_PLAIN, ", %lld users", (long long)interval->users);
    end_line(canvas);
}

/* --- how it went lately ------------------------------------------------------------------------------------------- */

typedef double (*pick_fn)(const struct load_interval *interval);

static double pick_p99(const struct load_interval *interval)
{
    return (double)interval->all.p99_ns;
}

static double pick_rate(const struct load_interval *interval)
{
    return interval_rate(interval, interval->all.answered);
}

static void put_level(struct canvas *canvas, double share)
{
    static const char blocks[][4] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char signs[] = "_.-:=+*#";
    uint32_t level = MIN((uint32_t)(share * 8), 7);
    put(canvas, STYLE_PLAIN, canvas->frame->is_utf8 ? slice_of_text(blocks[level]) : slice_of(&signs[level], 1));
}

/* From zero to the largest of what is shown, one column an interval. */
static void draw_sparkline(struct canvas *canvas, const char *name, pick_fn pick,
                           char *(*format)(char *out, double value))
{
    const struct load_results *results = canvas->frame->results;
    char most_text[FORMAT_BYTES];
    if (canvas->frame->columns < LABEL_COLUMNS + RANGE_COLUMNS + 4)
        return;
    uint32_t room = canvas->frame->columns - LABEL_COLUMNS - RANGE_COLUMNS;
    uint32_t first = results->interval_count > room ? results->interval_count - room : 0;
    double most = 0;
    for (uint32_t i = first; i < results->interval_count; i++)
        most = MAX(most, pick(results->intervals[i]));
    label(canvas, name);
    for (uint32_t i = first; i < results->interval_count; i++)
        put_level(canvas, most > 0 ? pick(results->intervals[i]) / most : 0);
    put_format(canvas, STYLE_DIM, "  up to %s", format(most_text, most));
    end_line(canvas);
}

static void draw_thresholds(struct canvas *canvas)
{
    const struct load_plan *plan = canvas->frame->results->plan;
    for (uint32_t i = 0; i < plan->threshold_count; i++) {
        char text[FORMAT_BYTES];
        double value = load_threshold_value(canvas->frame->results, &plan->thresholds[i]);
        if (isnan(value) || load_threshold_holds(&plan->thresholds[i], value))
            continue;
        label(canvas, "fails");
        put_format(canvas, STYLE_BAD, SLICE_FMT "  (is %s)", SLICE_ARG(plan->thresholds[i].text),
                   format_threshold_value(text, &plan->thresholds[i], value));
        end_line(canvas);
    }
}

uint32_t load_frame_draw(const struct load_frame *frame, struct text *out)
{
    struct canvas canvas = {.frame = frame, .out = out};
    const struct load_results *results = frame->results;
    draw_progress(&canvas);
    if (results->interval_count == 0)
        return canvas.lines;
    const struct load_interval *interval = results->intervals[results->interval_count - 1];
    draw_requests(&canvas, interval);
    draw_latency(&canvas, interval);
    draw_stream(&canvas, interval);
    draw_under_way(&canvas, interval);
    draw_sparkline(&canvas, "p99", pick_p99, format_ns);
    draw_sparkline(&canvas, "answered", pick_rate, format_count);
    draw_thresholds(&canvas);
    return canvas.lines;
}
