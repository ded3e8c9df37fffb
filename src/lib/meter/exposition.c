/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/exposition.h"

#include "lib/base/text.h"

#include <math.h>
#include <stdlib.h>

/* What a sample's name and labels end with: for the series of a histogram. */
struct series {
    const char *suffix;
    struct slice bound; /* value of the label `le`; empty without */
};

#define WHOLE_MAX 0x1p53 /* whole numbers up to here are exact, and are written without a point */

static void add_escaped(struct buffer *buffer, struct slice text, bool is_label);
static void add_series(struct exposition *e, const struct exposition_label *labels, size_t labels_count,
                       struct series series);
static void add_number(struct buffer *buffer, double value);

static const char *const type_names[] = {"counter", "gauge", "histogram", "info", "counter"};

const char *exposition_content_type(enum exposition_format format)
{
    return format == EXPOSITION_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                            : "text/plain; version=0.0.4; charset=utf-8";
}

struct exposition exposition_begin(enum exposition_format format, struct buffer buffer)
{
    return (struct exposition){.buffer = buffer, .format = format};
}

enum err exposition_end(struct exposition *exposition, struct slice *ret_text)
{
    if (exposition->format == EXPOSITION_OPENMETRICS)
        buffer_add(&exposition->buffer, SLICE_LIT("# EOF\n"));
    return buffer_finish(&exposition->buffer, ret_text);
}

/* The suffix of a sample's name that the type demands. */
static const char *suffix_of(enum exposition_type type)
{
    switch (type) {
    case EXPOSITION_COUNTER:
        return "_total";
    case EXPOSITION_INFO:
        return "_info";
    default:
        return "";
    }
}

static void add_head(struct exposition *e, const char *word, struct slice text)
{
    const struct exposition_family *family = &e->family;
    /* OpenMetrics names the family, Prometheus the sample. */
    const char *suffix = e->format == EXPOSITION_OPENMETRICS ? "" : suffix_of(family->type);
    buffer_add(&e->buffer, SLICE_LIT("# "));
    buffer_add(&e->buffer, slice_of_text(word));
    buffer_add_byte(&e->buffer, ' ');
    buffer_add(&e->buffer, slice_of_text(family->name));
    buffer_add(&e->buffer, slice_of_text(suffix));
    buffer_add_byte(&e->buffer, ' ');
    /* OpenMetrics escapes quotes in the help too, Prometheus does not. */
    add_escaped(&e->buffer, text, e->format == EXPOSITION_OPENMETRICS);
    buffer_add_byte(&e->buffer, '\n');
}

void exposition_family(struct exposition *exposition, const struct exposition_family *family)
{
    bool is_openmetrics = exposition->format == EXPOSITION_OPENMETRICS;
    exposition->family = *family;
    const char *type = type_names[family->type];
    if (family->type == EXPOSITION_INFO && !is_openmetrics)
        type = type_names[EXPOSITION_GAUGE];
    if (family->type == EXPOSITION_COUNTER_BARE && is_openmetrics)
        type = "unknown";
    if (family->help)
        add_head(exposition, "HELP", slice_of_text(family->help));
    add_head(exposition, "TYPE", slice_of_text(type));
    if (family->unit && is_openmetrics)
        add_head(exposition, "UNIT", slice_of_text(family->unit));
}

void exposition_sample(struct exposition *exposition, const struct exposition_label *labels, size_t labels_count,
                       double value)
{
    ASSERT(exposition->family.type != EXPOSITION_HISTOGRAM, "a histogram has its own call");
    struct series series = {.suffix = suffix_of(exposition->family.type)};
    add_series(exposition, labels, labels_count, series);
    add_number(&exposition->buffer, value);
    buffer_add_byte(&exposition->buffer, '\n');
}

/* One with `bound` NULL is that of all values. */
static void add_bucket(struct exposition *e, const struct exposition_label *labels, size_t labels_count,
                       const double *bound, uint64_t below)
{
    char memory[EXPOSITION_NUMBER_BYTES];
    struct text text = {0};
    if (bound)
        text = exposition_print_bound(memory, *bound);
    add_series(e, labels, labels_count, (struct series){"_bucket", bound ? text_slice(&text) : SLICE_LIT("+Inf")});
    add_number(&e->buffer, (double)below);
    buffer_add_byte(&e->buffer, '\n');
}

static void add_totals(struct exposition *e, const struct exposition_label *labels, size_t labels_count, double sum,
                       uint64_t count)
{
    add_bucket(e, labels, labels_count, NULL, count);
    add_series(e, labels, labels_count, (struct series){.suffix = "_sum"});
    add_number(&e->buffer, sum);
    buffer_add_byte(&e->buffer, '\n');
    add_series(e, labels, labels_count, (struct series){.suffix = "_count"});
    add_number(&e->buffer, (double)count);
    buffer_add_byte(&e->buffer, '\n');
}

void exposition_histogram(struct exposition *exposition, const struct exposition_label *labels, size_t labels_count,
                          const struct histogram *histogram, struct exposition_bounds bounds)
{
    for (size_t i = 0; i < bounds.count; i++) {
        uint64_t below = histogram_count_at_most(histogram, (uint64_t)(bounds.seconds[i] * 1e9 + 0.5));
        add_bucket(exposition, labels, labels_count, &bounds.seconds[i], below);
    }
    add_totals(exposition, labels, labels_count, (double)histogram_sum_ns(histogram) / 1e9, histogram_count(histogram));
}

void exposition_counts(struct exposition *exposition, const struct exposition_label *labels, size_t labels_count,
                       const struct exposition_counts *counts)
{
    for (size_t i = 0; i < counts->bound_count; i++)
        add_bucket(exposition, labels, labels_count, &counts->bounds[i], counts->below[i]);
    add_totals(exposition, labels, labels_count, counts->sum, counts->count);
}

static void add_label(struct buffer *buffer, bool *is_first, struct slice name, struct slice value)
{
    buffer_add_byte(buffer, *is_first ? '{' : ',');
    *is_first = false;
    buffer_add(buffer, name);
    buffer_add(buffer, SLICE_LIT("=\""));
    add_escaped(buffer, value, true);
    buffer_add_byte(buffer, '"');
}

/* Name, labels and the space before the value. */
static void add_series(struct exposition *e, const struct exposition_label *labels, size_t labels_count,
                       struct series series)
{
    bool is_first = true;
    buffer_add(&e->buffer, slice_of_text(e->family.name));
    buffer_add(&e->buffer, slice_of_text(series.suffix));
    for (size_t i = 0; i < labels_count; i++)
        add_label(&e->buffer, &is_first, slice_of_text(labels[i].name), labels[i].value);
    if (series.bound.len > 0)
        add_label(&e->buffer, &is_first, SLICE_LIT("le"), series.bound);
    if (!is_first)
        buffer_add_byte(&e->buffer, '}');
    buffer_add_byte(&e->buffer, ' ');
}

/* Backslash and line feed, and in labels the quote. */
static void add_escaped(struct buffer *buffer, struct slice text, bool is_label)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n')
            buffer_add(buffer, SLICE_LIT("\\n"));
        else if (c == '\\' || (c == '"' && is_label))
            buffer_add(buffer, slice_of((char[]){'\\', c}, 2));
        else
            buffer_add_byte(buffer, c);
    }
}

/* With as few digits as read back equal; a scrape has some thousand numbers, so trying three lengths is good enough. */
static struct text print_number(char memory[EXPOSITION_NUMBER_BYTES], double value)
{
    struct text text;
    int digits = 15;
    do {
        text = text_init(memory, EXPOSITION_NUMBER_BYTES);
        text_printf(&text, "%.*g", digits++, value);
    } while (digits <= 17 && strtod(text.ptr, NULL) != value);
    return text;
}

static void add_number(struct buffer *buffer, double value)
{
    char memory[EXPOSITION_NUMBER_BYTES];
    struct text text;
    if (isnan(value)) {
        buffer_add(buffer, SLICE_LIT("NaN"));
    } else if (isinf(value)) {
        buffer_add(buffer, value > 0 ? SLICE_LIT("+Inf") : SLICE_LIT("-Inf"));
    } else if (value == floor(value) && fabs(value) <= WHOLE_MAX) {
        /* Counts, which are most of what is written. */
        buffer_printf(buffer, "%lld", (long long)value);
    } else {
        text = print_number(memory, value);
        buffer_add(buffer, text_slice(&text));
    }
}

/* OpenMetrics wants `le` as a float ("1.0"). The Prometheus format gets the same text, so that a series has the same
 * labels in whichever format it was scraped. */
struct text exposition_print_bound(char memory[EXPOSITION_NUMBER_BYTES], double bound)
{
    struct text text = print_number(memory, bound);
    if (!strpbrk(text.ptr, ".e"))
        text_add(&text, SLICE_LIT(".0"));
    return text;
}
