/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus Remote-Write 1.0: a WriteRequest of series, each with its labels in order and one sample of now, packed by snappy.
 *
 *     message WriteRequest { repeated TimeSeries timeseries = 1; }
 *     message TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
 *     message Label        { string name = 1; string value = 2; }
 *     message Sample       { double value = 1; int64 timestamp = 2; }   (milliseconds)
 *
 * Snappy's block format (format_description.txt of google/snappy) is a length and elements, which copy earlier bytes or bring
 * new ones. We bring all as new ones: some ten kilobytes a second do not pay for a compressor. */
#include "lib/base/text.h"
#include "lib/protobuf/protobuf.h"
#include "load/export/push_int.h"
#include "load/export/sink_int.h"

#define LABELS_MAX    (LOAD_EXPORT_LABELS_MAX + 8)
#define NAME_BYTES    128
#define MESSAGE_BYTES 65536
#define LITERAL_LONG  (61u << 2) /* an element of new bytes whose length less one is in the two bytes that follow */
#define LITERAL_MAX   65536

enum number {
    REQUEST_SERIES = 1,
    SERIES_LABELS = 1,
    SERIES_SAMPLES = 2,
    LABEL_NAME = 1,
    LABEL_VALUE = 2,
    SAMPLE_VALUE = 1,
    SAMPLE_TIMESTAMP = 2,
};

struct message {
    struct export_sink sink;
    const struct load_export_options *options;
    struct exposition_family family;
    struct buffer out;
    int64_t wall_ms;
};

struct labels {
    struct load_export_pair items[LABELS_MAX];
    size_t count;
};

static void on_family(struct export_sink *sink, const struct exposition_family *family);
static void on_sample(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                      double value);
static void on_times(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                     const struct exposition_counts *counts);
static bool is_before(struct slice a, struct slice b);
static void add_series(struct message *message, const char *suffix, const struct labels *labels, double value);
static enum err pack(struct slice bytes, struct arena *arena, struct slice *ret_packed);

enum err export_remote_write(const struct load_export_options *options, const struct export_figures *figures,
                             uint64_t wall_ms, struct arena *arena, struct slice *ret_body)
{
    struct message message = {.sink = {on_family, on_sample, on_times},
                              .options = options,
                              .out = buffer_in_arena(arena, MESSAGE_BYTES),
                              .wall_ms = (int64_t)wall_ms};
    struct slice bytes;
    export_render(figures, &message.sink);
    TRY(buffer_finish(&message.out, &bytes));
    return pack(bytes, arena, ret_body);
}

static void on_family(struct export_sink *sink, const struct exposition_family *family)
{
    CONTAINER_OF(sink, struct message, sink)->family = *family;
}

/* Receivers want them in the order of their names. */
static void add_sorted(struct labels *labels, struct slice name, struct slice value)
{
    size_t at = labels->count++;
    for (; at > 0 && is_before(name, labels->items[at - 1].name); at--)
        labels->items[at] = labels->items[at - 1];
    labels->items[at] = (struct load_export_pair){name, value};
}

static bool is_before(struct slice a, struct slice b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));
    return order < 0 || (order == 0 && a.len < b.len);
}

static struct labels gather(const struct message *message, const struct exposition_label *labels, size_t label_count)
{
    const struct load_export_options *options = message->options;
    struct labels all = {.count = 0};
    add_sorted(&all, SLICE_LIT("job"), options->job.len ? options->job : EXPORT_JOB);
    for (size_t i = 0; i < label_count; i++)
        add_sorted(&all, slice_of_text(labels[i].name), labels[i].value);
    for (uint32_t i = 0; i < options->label_count; i++)
        add_sorted(&all, options->labels[i].name, options->labels[i].value);
    return all;
}

static void on_sample(struct export_sink *sink, const struct exposition_label *labels, size_t label_count, double value)
{
    struct message *message = CONTAINER_OF(sink, struct message, sink);
    struct labels all = gather(message, labels, label_count);
    const char *suffix = message->family.type == EXPOSITION_COUNTER ? "_total"
                         : message->family.type == EXPOSITION_INFO  ? "_info"
                                                                    : "";
    add_series(message, suffix, &all, value);
}

static void add_bucket(struct message *message, const struct labels *labels, struct slice bound, uint64_t below)
{
    struct labels all = *labels;
    add_sorted(&all, SLICE_LIT("le"), bound);
    add_series(message, "_bucket", &all, (double)below);
}

static void on_times(struct export_sink *sink, const struct exposition_label *labels, size_t label_count,
                     const struct exposition_counts *counts)
{
    struct message *message = CONTAINER_OF(sink, struct message, sink);
    struct labels all = gather(message, labels, label_count);
    for (size_t i = 0; i < counts->bound_count; i++) {
        char memory[EXPOSITION_NUMBER_BYTES];
        struct text bound = exposition_print_bound(memory, counts->bounds[i]);
        add_bucket(message, &all, text_slice(&bound), counts->below[i]);
    }
    add_bucket(message, &all, SLICE_LIT("+Inf"), counts->count);
    add_series(message, "_sum", &all, counts->sum);
    add_series(message, "_count", &all, (double)counts->count);
}

/* --- the message -------------------------------------------------------------------------------------------------- */

static void add_label(struct buffer *out, struct slice name, struct slice value)
{
    size_t begin = protobuf_message_begin(out, SERIES_LABELS);
    protobuf_write_text(out, LABEL_NAME, name);
    protobuf_write_text(out, LABEL_VALUE, value);
    protobuf_message_end(out, begin);
}

static void add_series(struct message *message, const char *suffix, const struct labels *labels, double value)
{
    char memory[NAME_BYTES];
    struct text name = text_init(memory, sizeof memory);
    struct labels all = *labels;
    struct buffer *out = &message->out;
    text_printf(&name, "%s%s", message->family.name, suffix);
    add_sorted(&all, SLICE_LIT("__name__"), text_slice(&name));
    size_t series = protobuf_message_begin(out, REQUEST_SERIES);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].value.len) /* an empty label is none */
            add_label(out, all.items[i].name, all.items[i].value);
    size_t sample = protobuf_message_begin(out, SERIES_SAMPLES);
    protobuf_write_f64(out, SAMPLE_VALUE, value);
    protobuf_write_i64(out, SAMPLE_TIMESTAMP, message->wall_ms);
    protobuf_message_end(out, sample);
    protobuf_message_end(out, series);
}

static enum err pack(struct slice bytes, struct arena *arena, struct slice *ret_packed)
{
    struct buffer out = buffer_in_arena(arena, bytes.len + bytes.len / 1024 + PROTOBUF_VARINT_MAX + 16);
    protobuf_write_varint(&out, bytes.len);
    while (bytes.len) {
        struct slice piece = slice_first(bytes, LITERAL_MAX);
        size_t last = piece.len - 1;
        char head[] = {(char)LITERAL_LONG, (char)(last & 0xff), (char)(last >> 8)};
        buffer_add(&out, slice_of(head, sizeof head));
        buffer_add(&out, piece);
        bytes = slice_skip(bytes, piece.len);
    }
    return buffer_finish(&out, ret_packed);
}
