/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config/read_document.h"

#include "lib/json/pointer.h"
#include "lib/json/writer.h"
#include "lib/sys/file.h"
#include "lib/yaml/yaml.h"

static bool ends_in(struct slice text, const char *ending)
{
    struct slice end = slice_of_text(ending);
    return text.len >= end.len && slice_equal(slice_skip(text, text.len - end.len), end);
}

static bool is_json(struct slice text, const char *path)
{
    struct slice name = slice_of_text(path);
    size_t at = 0;
    while (at < text.len &&
           (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '\n' || text.ptr[at] == '\r'))
        at++;
    bool is_begun = at < text.len && (text.ptr[at] == '{' || text.ptr[at] == '[');
    return is_begun && !ends_in(name, ".yaml") && !ends_in(name, ".yml");
}

static enum err read_json(struct slice text, bool keeps_numbers, struct arena *arena, struct report *report,
                          struct json_document *ret_document)
{
    const struct json_limits limits = {.bytes_max = DOCUMENT_BYTES_MAX,
                                       .depth_max = DOCUMENT_DEPTH_MAX,
                                       .refuse_duplicate_keys = true,
                                       .keeps_numbers = keeps_numbers};
    struct json_fault fault;
    enum err err = json_parse(arena, text, &limits, ret_document, &fault);
    if (err == ERR_OK || err == ERR_NOMEM)
        return err;
    report_error(report, (struct report_place){fault.line, fault.column}, "%s", fault.what);
    return ERR_INVALID;
}

static enum err yaml_as_json(struct slice text, struct arena *arena, struct report *report,
                             const struct yaml_node **ret_yaml, struct slice *ret_json)
{
    static const struct yaml_limits limits = {.depth_max = DOCUMENT_DEPTH_MAX, .nodes_max = DOCUMENT_NODES_MAX};
    TRY(yaml_parse_within(text, &limits, arena, report, ret_yaml));
    if (report->error_count) /* a key that stands twice */
        return ERR_INVALID;
    struct json_writer writer = json_writer_in_arena(arena, text.len + 64);
    yaml_write_json(*ret_yaml, &writer);
    return json_writer_finish(&writer, ret_json);
}

static enum err read_text(struct slice text, const char *path, bool keeps_numbers, struct arena *arena,
                          struct report *report, struct placed_document *ret_document)
{
    struct placed_document made = {.text = text};
    struct json_document document;
    struct slice json = text;
    TRY(report_begin(report, slice_of_text(path), text));
    if (!is_json(text, path))
        TRY(yaml_as_json(text, arena, report, &made.yaml, &json));
    TRY(read_json(json, keeps_numbers, arena, report, &document));
    made.root = document.root;
    *ret_document = made;
    return ERR_OK;
}

enum err document_read_text(struct slice text, const char *path, struct arena *arena, struct report *report,
                            struct json_document *ret_document)
{
    struct placed_document placed;
    TRY(read_text(text, path, false, arena, report, &placed));
    *ret_document = (struct json_document){.root = placed.root};
    return ERR_OK;
}

enum err document_read_placed(struct slice text, const char *path, struct arena *arena, struct report *report,
                              struct placed_document *ret_document)
{
    return read_text(text, path, true, arena, report, ret_document);
}

struct report_place document_place_of(const struct placed_document *document, struct slice pointer, bool is_key)
{
    struct json_place place;
    if (document->yaml)
        return yaml_place_of(document->yaml, pointer, is_key);
    if (json_pointer_locate(document->text, pointer, is_key, &place) != ERR_OK)
        return (struct report_place){0};
    return (struct report_place){.line = place.line, .column = place.column};
}

enum err document_read(const char *path, struct arena *arena, struct report *report, struct json_document *ret_document)
{
    struct file_content content;
    enum err err = file_read(path, DOCUMENT_BYTES_MAX, &content);
    if (err == ERR_OK) {
        err = document_read_text(slice_of(content.data, content.bytes), path, arena, report, ret_document);
        file_content_deinit(&content);
        return err;
    }
    TRY(report_begin(report, slice_of_text(path), SLICE_LIT("")));
    report_error(report, (struct report_place){0}, "cannot be read: %s", err_text(err));
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_INVALID;
}
