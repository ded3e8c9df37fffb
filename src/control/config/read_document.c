/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config/read_document.h"

#include "control/config/yaml.h"
#include "lib/json/writer.h"
#include "lib/sys/file.h"

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

static enum err read_json(struct slice text, struct arena *arena, struct config_report *report,
                          struct json_document *ret_document)
{
    const struct json_limits limits = {
        .bytes_max = DOCUMENT_BYTES_MAX, .depth_max = DOCUMENT_DEPTH_MAX, .refuse_duplicate_keys = true};
    struct json_fault fault;
    enum err err = json_parse(arena, text, &limits, ret_document, &fault);
    if (err == ERR_OK || err == ERR_NOMEM)
        return err;
    config_report_error(report, (struct option_place){fault.line, fault.column}, "%s", fault.what);
    return ERR_INVALID;
}

static enum err read_yaml(struct slice text, struct arena *arena, struct config_report *report,
                          struct json_document *ret_document)
{
    static const struct yaml_limits limits = {.depth_max = DOCUMENT_DEPTH_MAX, .nodes_max = DOCUMENT_NODES_MAX};
    const struct yaml_node *root;
    struct slice json;
    TRY(yaml_parse_within(text, &limits, arena, report, &root));
    if (report->error_count) /* a key that stands twice */
        return ERR_INVALID;
    struct json_writer writer = json_writer_in_arena(arena, text.len + 64);
    yaml_write_json(root, &writer);
    TRY(json_writer_finish(&writer, &json));
    return read_json(json, arena, report, ret_document);
}

enum err document_read_text(struct slice text, const char *path, struct arena *arena, struct config_report *report,
                            struct json_document *ret_document)
{
    TRY(config_report_begin(report, slice_of_text(path), text));
    return is_json(text, path) ? read_json(text, arena, report, ret_document)
                               : read_yaml(text, arena, report, ret_document);
}

enum err document_read(const char *path, struct arena *arena, struct config_report *report,
                       struct json_document *ret_document)
{
    struct file_content content;
    enum err err = file_read(path, DOCUMENT_BYTES_MAX, &content);
    if (err == ERR_OK) {
        err = document_read_text(slice_of(content.data, content.bytes), path, arena, report, ret_document);
        file_content_deinit(&content);
        return err;
    }
    TRY(config_report_begin(report, slice_of_text(path), SLICE_LIT("")));
    config_report_error(report, (struct option_place){0}, "cannot be read: %s", err_text(err));
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_INVALID;
}
