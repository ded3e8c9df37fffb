/* SPDX-License-Identifier: Apache-2.0 */
#include "load/results/format.h"

#include "lib/base/utf8.h"

#include <math.h>

/* Three digits, and no more behind the point than that leaves. */
static void put_three(char out[FORMAT_BYTES], double value, const char *unit)
{
    int digits = fabs(value) < 9.995 ? 2 : fabs(value) < 99.95 ? 1 : 0;
    (void)snprintf(out, FORMAT_BYTES, "%.*f%s", digits, value, unit);
}

char *format_ns(char out[FORMAT_BYTES], double ns)
{
    if (isnan(ns))
        (void)snprintf(out, FORMAT_BYTES, "-");
    else if (fabs(ns) < 999.5)
        (void)snprintf(out, FORMAT_BYTES, "%.0f ns", ns);
    else if (fabs(ns) < 999.5e3)
        put_three(out, ns / 1e3, " us");
    else if (fabs(ns) < 999.5e6)
        put_three(out, ns / 1e6, " ms");
    else if (fabs(ns) < 119.5e9)
        put_three(out, ns / 1e9, " s");
    else
        (void)snprintf(out, FORMAT_BYTES, "%.0fm%02.0fs", floor(ns / 60e9), floor(fmod(ns / 1e9, 60)));
    return out;
}

char *format_count(char out[FORMAT_BYTES], double count)
{
    if (isnan(count))
        (void)snprintf(out, FORMAT_BYTES, "-");
    else if (fabs(count) < 9.95 && count != floor(count))
        (void)snprintf(out, FORMAT_BYTES, "%.1f", count);
    else if (fabs(count) < 999.5)
        (void)snprintf(out, FORMAT_BYTES, "%.0f", count);
    else if (fabs(count) < 9999.5)
        (void)snprintf(out, FORMAT_BYTES, "%.0f,%03.0f", floor(round(count) / 1000), fmod(round(count), 1000));
    else if (fabs(count) < 999.5e3)
        put_three(out, count / 1e3, "k");
    else if (fabs(count) < 999.5e6)
        put_three(out, count / 1e6, "M");
    else
        put_three(out, count / 1e9, "G");
    return out;
}

char *format_bytes(char out[FORMAT_BYTES], double bytes)
{
    if (fabs(bytes) < 999.5)
        (void)snprintf(out, FORMAT_BYTES, "%.0f B", bytes);
    else if (fabs(bytes) < 999.5e3)
        put_three(out, bytes / 1e3, " kB");
    else if (fabs(bytes) < 999.5e6)
        put_three(out, bytes / 1e6, " MB");
    else
        put_three(out, bytes / 1e9, " GB");
    return out;
}

char *format_threshold_value(char out[FORMAT_BYTES], const struct load_threshold *threshold, double value)
{
    switch (threshold->quantity) {
    case LOAD_Q_ERRORS:
        (void)snprintf(out, FORMAT_BYTES, isnan(value) ? "-" : "%.3g %%", 100 * value);
        return out;
    case LOAD_Q_RATE:
    case LOAD_Q_GOODPUT:
    case LOAD_Q_TOKENS:
        return format_count(out, value);
    default:
        return format_ns(out, value);
    }
}

void format_shown(struct slice text, FILE *out)
{
    while (text.len) {
        bool is_shown;
        struct slice character = utf8_take_shown(&text, &is_shown);
        (void)fprintf(out, SLICE_FMT, SLICE_ARG(is_shown ? character : SLICE_LIT("?")));
    }
}
