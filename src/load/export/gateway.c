/* SPDX-License-Identifier: Apache-2.0 */
/* Where a push gateway keeps what it is told: a group, named by the labels in the path (README of prometheus/pushgateway,
 * "URL"). What cannot stand in a path is written in base64, as the README has it for slashes and empty values. */
#include "lib/base/base64.h"
#include "lib/base/buffer.h"
#include "load/export/push_int.h"

static void add_label(struct buffer *out, struct arena *arena, struct slice name, struct slice value);
static bool is_plain(struct slice value);

enum err export_gateway_path(const struct load_export_options *options, struct arena *arena, struct slice *ret_path)
{
    struct buffer out = buffer_in_arena(arena, 256);
    buffer_add(&out, SLICE_LIT("/metrics"));
    add_label(&out, arena, SLICE_LIT("job"), options->job.len ? options->job : EXPORT_JOB);
    for (uint32_t i = 0; i < options->label_count; i++)
        add_label(&out, arena, options->labels[i].name, options->labels[i].value);
    return buffer_finish(&out, ret_path);
}

static void add_label(struct buffer *out, struct arena *arena, struct slice name, struct slice value)
{
    buffer_add_byte(out, '/');
    buffer_add(out, name);
    if (is_plain(value)) {
        buffer_add_byte(out, '/');
        buffer_add(out, value);
        return;
    }
    size_t chars = base64_encode_chars(value.len);
    char *text = arena_alloc(arena, MAX(chars, 1));
    if (!text) {
        out->err = ERR_NOMEM;
        return;
    }
    base64_encode(value, text);
    for (size_t i = 0; i < chars; i++) /* the alphabet of RFC 4648 section 5 */
        text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    buffer_add(out, SLICE_LIT("@base64/"));
    buffer_add(out, chars ? slice_of(text, chars) : SLICE_LIT("="));
}

/* Unreserved characters of RFC 3986, at least one, and no segment that a path would drop. */
static bool is_plain(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_word && (c != '.' || i == 0))
            return false;
    }
    return value.len > 0;
}
