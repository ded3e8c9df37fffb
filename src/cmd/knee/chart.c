/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/chart.h"

#include <math.h>

#define WIDTH  860
#define HEIGHT 520
#define LEFT   76
#define RIGHT  220
#define TOP    52
#define BOTTOM 56
#define COLORS ARRAY_LEN(colors)

/* Told apart by those who do not see all colours, too (Okabe and Ito, 2008). */
static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

/* From values to the picture: rates straight, latencies by their logarithm. */
struct frame {
    double rate_max;
    double low_ms, high_ms; /* powers of ten */
};

/* --- rows -------------------------------------------------------------------------------------------------------- */

static void write_slice(struct buffer *out, const struct knee_point *point, int number)
{
    const struct knee_slice *slice = &point->load.slices[number];
    const struct histogram *latency = &slice->latency;
    uint64_t count = histogram_count(latency);
    if (point->window_ms >= 0)
        buffer_printf(out, "%g", point->window_ms);
    buffer_printf(out, ",%.3f,%d,%.3f,%llu,%llu,%llu,%llu,", point->rate, number, point->load.seconds / KNEE_SLICES,
                  (unsigned long long)slice->due, (unsigned long long)slice->answered,
                  (unsigned long long)slice->refused, (unsigned long long)slice->failed);
    buffer_printf(out, "%.3f", count ? (double)histogram_sum_ns(latency) / (double)count / 1e3 : 0);
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        buffer_printf(out, ",%.3f", (double)histogram_quantile(latency, quantiles[i]) / 1e3);
    buffer_printf(out, ",%.3f,%llu,%.3f\n", (double)histogram_quantile(&point->load.lag, 0.99) / 1e3,
                  (unsigned long long)point->load.waiting_max, point->batch_rows);
}

void knee_write_csv(const struct knee_chart *chart, struct buffer *out)
{
    buffer_add(out, SLICE_LIT("window_ms,rate,slice,seconds,due,answered,refused,failed,mean_us,p50_us,p90_us,p99_us,"
                              "p999_us,max_us,lag_p99_us,waiting_max,batch_rows\n"));
    for (uint32_t s = 0; s < chart->series_count; s++)
        for (uint32_t i = 0; i < chart->series[s].count; i++)
            for (int number = 0; number < KNEE_SLICES; number++)
                write_slice(out, chart->series[s].points[i], number);
}

/* --- the picture ------------------------------------------------------------------------------------------------- */

static double x_of(const struct frame *frame, double rate)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * rate / frame->rate_max;
}

static double y_of(const struct frame *frame, double ms)
{
    double share =
        (log10(MAX(ms, frame->low_ms)) - log10(frame->low_ms)) / (log10(frame->high_ms) - log10(frame->low_ms));
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * MIN(share, 1);
}

static void merge(const struct knee_point *point, struct histogram *merged)
{
    histogram_reset(merged);
    for (int i = 0; i < KNEE_SLICES; i++)
        histogram_merge(merged, &point->load.slices[i].latency);
}

static double quantile_ms(const struct knee_point *point, double q)
{
    static struct histogram merged; /* commands have one thread */
    merge(point, &merged);
    return (double)histogram_quantile(&merged, q) / 1e6;
}

static struct frame make_frame(const struct knee_chart *chart)
{
    struct frame frame = {.rate_max = 1};
    double low = 1e9, high = 0;
    for (uint32_t s = 0; s < chart->series_count; s++) {
        const struct knee_series *series = &chart->series[s];
        for (uint32_t i = 0; i < series->count; i++) {
            frame.rate_max = MAX(frame.rate_max, series->points[i]->rate * 1.04);
            low = MIN(low, knee_mean_seconds(&series->points[i]->load) * 1e3);
            high = MAX(high, quantile_ms(series->points[i], 0.99));
        }
    }
    frame.low_ms = pow(10, floor(log10(MAX(MIN(low, 1e6), 1e-3))));
    frame.high_ms = MAX(pow(10, ceil(log10(MAX(high, 1e-3)))), frame.low_ms * 10);
    return frame;
}

static void write_escaped(struct buffer *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '>' || *text == '&')
            buffer_printf(out, "&#%d;", *text);
        else
            buffer_add_byte(out, *text);
}

static void write_grid(const struct frame *frame, struct buffer *out)
{
    for (double ms = frame->low_ms; ms <= frame->high_ms * 1.001; ms *= 10) {
        buffer_printf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y_of(frame, ms), WIDTH - RIGHT);
        buffer_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g ms</text>\n", LEFT - 6,
                      y_of(frame, ms) + 4, ms);
    }
    double step = pow(10, floor(log10(frame->rate_max / 2)));
    step *= frame->rate_max / step > 8 ? 2 : 1;
    for (double rate = 0; rate <= frame->rate_max; rate += step) {
        buffer_printf(out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x_of(frame, rate), TOP, HEIGHT - BOTTOM);
        buffer_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x_of(frame, rate),
                      HEIGHT - BOTTOM + 18, rate);
    }
    buffer_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">requests a second, as they were due</text>\n",
                  LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 14);
}

static void write_curve(const struct frame *frame, const struct knee_series *series, bool is_p99, const char *color,
                        struct buffer *out)
{
    buffer_printf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s d=\"", color, is_p99 ? "1.3" : "2.2",
                  is_p99 ? " stroke-dasharray=\"5 3\"" : "");
    for (uint32_t i = 0; i < series->count; i++) {
        const struct knee_point *point = series->points[i];
        double ms = is_p99 ? quantile_ms(point, 0.99) : knee_mean_seconds(&point->load) * 1e3;
        buffer_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(frame, point->rate), y_of(frame, ms));
    }
    buffer_add(out, SLICE_LIT("\"/>\n"));
}

static void write_knee(const struct frame *frame, const struct knee_series *series, const char *color,
                       struct buffer *out)
{
    if (series->fit.is_found) {
        double from = x_of(frame, series->fit.low), to = x_of(frame, series->fit.high);
        buffer_printf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" opacity=\"0.13\"/>",
                      from, TOP, MAX(to - from, 1), HEIGHT - TOP - BOTTOM, color);
        buffer_printf(out, "<path stroke=\"%s\" d=\"M%.1f %dV%d\"/>\n", color, x_of(frame, series->fit.rate), TOP,
                      HEIGHT - BOTTOM);
    }
    if (series->predicted_rate > 0 && series->predicted_rate <= frame->rate_max)
        buffer_printf(out, "<path stroke=\"%s\" stroke-dasharray=\"1 4\" stroke-width=\"2\" d=\"M%.1f %dV%d\"/>\n",
                      color, x_of(frame, series->predicted_rate), TOP, HEIGHT - BOTTOM);
}

static void write_legend(const struct knee_chart *chart, struct buffer *out)
{
    int x = WIDTH - RIGHT + 14, y = TOP + 6;
    for (uint32_t s = 0; s < chart->series_count; s++, y += 54) {
        const struct knee_series *series = &chart->series[s];
        buffer_printf(out, "<text x=\"%d\" y=\"%d\" style=\"fill:%s\" font-weight=\"bold\">", x, y, colors[s % COLORS]);
        if (series->window_ms < 0)
            buffer_add(out, SLICE_LIT("window as configured"));
        else
            buffer_printf(out, "window %g ms", series->window_ms);
        buffer_add(out, SLICE_LIT("</text>"));
        if (series->fit.is_found)
            buffer_printf(out, "<text x=\"%d\" y=\"%d\">knee %.0f/s (%.0f to %.0f)</text>", x, y + 16, series->fit.rate,
                          series->fit.low, series->fit.high);
        else
            buffer_printf(out, "<text x=\"%d\" y=\"%d\">no knee in this range</text>", x, y + 16);
        if (series->predicted_rate > 0)
            buffer_printf(out, "<text x=\"%d\" y=\"%d\">n/(an+b): %.0f/s</text>", x, y + 32, series->predicted_rate);
        buffer_add_byte(out, '\n');
    }
    static const char *const keys[] = {"line: mean latency", "dashes: 99th percentile", "bar: knee, 95 % interval",
                                       "dots: n/(an+b)"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        buffer_printf(out, "<text x=\"%d\" y=\"%d\">%s</text>\n", x, HEIGHT - BOTTOM - 48 + 16 * (int)i, keys[i]);
}

void knee_write_svg(const struct knee_chart *chart, struct buffer *out)
{
    struct frame frame = make_frame(chart);
    buffer_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n",
                  WIDTH, HEIGHT, WIDTH, HEIGHT);
    buffer_add(out, SLICE_LIT("<style>.grid{stroke:#ddd;fill:none}text{fill:#333}</style>\n"
                              "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"));
    buffer_printf(out, "<text x=\"%d\" y=\"26\" font-size=\"16\">", LEFT);
    write_escaped(out, chart->title);
    buffer_add(out, SLICE_LIT("</text>\n"));
    write_grid(&frame, out);
    for (uint32_t s = 0; s < chart->series_count; s++) {
        write_knee(&frame, &chart->series[s], colors[s % COLORS], out);
        write_curve(&frame, &chart->series[s], true, colors[s % COLORS], out);
        write_curve(&frame, &chart->series[s], false, colors[s % COLORS], out);
    }
    write_legend(chart, out);
    buffer_add(out, SLICE_LIT("</svg>\n"));
}
