/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the document and walks it once. JSON or YAML, it is looked at as JSON; where something stands is found again by its
 * pointer, when there is something to say of it. */
#include "control/openapi/import_int.h"

#include "lib/base/utf8.h"
#include "lib/http/url.h"
#include "lib/json/pointer.h"

#define REFS_MAX 16

static bool check_version(struct import *in);
static void walk(struct import *in);

/* Keys of maps are the document's; whoever gives it to us can make the import slow anyway, by its size. */
static const struct hash_key map_key = {.k0 = 0x6f70656e, .k1 = 0x61706931};

enum err import_openapi(struct slice text, const struct import_settings *settings, struct arena *arena,
                        struct report *report, struct import_result *ret_result)
{
    struct import in = {.arena = arena, .report = report, .settings = settings};
    struct map *const maps[] = {&in.notes,          &in.shared_by_pointer, &in.shared_by_file,
                                &in.routes_by_name, &in.routes_by_shape,   &in.operation_ids};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        map_init(maps[i], map_key);
    in.pointer = text_init(in.pointer_memory, sizeof in.pointer_memory);
    in.shared_end = &in.shared;
    in.routes_end = &in.routes;
    in.components = "components/";
    enum err err = document_read_placed(text, settings->name, arena, report, &in.document);
    in.root = err == ERR_OK ? in.document.root : NULL;
    if (err == ERR_OK && check_version(&in))
        walk(&in);
    if (err == ERR_OK)
        err = in.err;
    if (err == ERR_OK && report->error_count)
        err = ERR_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        map_deinit(maps[i]);
    report_sort(report);
    if (err == ERR_OK)
        *ret_result = (struct import_result){.files = in.files,
                                             .file_count = in.file_count,
                                             .route_count = in.route_count,
                                             .schema_count = in.schema_count};
    return err;
}

/* True when the document can be read on. */
static bool check_version(struct import *in)
{
    yyjson_val *version = json_get(in->root, SLICE_LIT("openapi"));
    struct slice text = json_text(version);
    if (!yyjson_is_obj(in->root)) {
        import_error(in, NULL, "an OpenAPI document is an object, found %s", json_kind(in->root));
    } else if (!version && json_get(in->root, SLICE_LIT("swagger"))) {
        import_error(in, "swagger",
                     "this is Swagger 2.0; convert it to OpenAPI 3 first, for instance with swagger2openapi");
    } else if (!version) {
        import_error(in, NULL, "this is no OpenAPI document: it lacks \"openapi\", such as openapi: 3.1.0");
    } else if (!slice_starts(text, SLICE_LIT("3.0")) && !slice_starts(text, SLICE_LIT("3.1"))) {
        import_error(in, "openapi", "OpenAPI 3.0 and 3.1 can be imported; found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(text, IMPORT_QUOTE_BYTES)));
    } else {
        in->is_3_0 = slice_starts(text, SLICE_LIT("3.0"));
        return true;
    }
    return false;
}

static void note_what_has_no_place(struct import *in)
{
    yyjson_val *dialect = json_get(in->root, SLICE_LIT("jsonSchemaDialect"));
    yyjson_val *schemas = json_get(json_get(in->root, SLICE_LIT("components")), SLICE_LIT("schemas"));
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    if (dialect && !slice_starts(json_text(dialect), SLICE_LIT("https://json-schema.org/draft/2020-12/")) &&
        !slice_starts(json_text(dialect), SLICE_LIT("https://spec.openapis.org/oas/3.1/")))
        import_note(in, "jsonSchemaDialect", "the schemas are read as JSON Schema 2020-12, whatever this says");
    if (json_get(in->root, SLICE_LIT("webhooks")))
        import_note(in, "webhooks", "webhooks are requests that the API makes; weir does not serve them, left out");
    size_t mark = import_enter(in, SLICE_LIT("components"));
    import_enter(in, SLICE_LIT("schemas"));
    yyjson_obj_foreach(import_object(schemas), at, count, key, value)
    {
        size_t inner = import_enter(in, json_text(key));
        if (!map_find(&in->shared_by_pointer, text_slice(&in->pointer)))
            import_note(in, NULL, "no operation refers to this schema: left out");
        import_leave(in, inner);
    }
    import_leave(in, mark);
}

static void walk(struct import *in)
{
    import_add_file(in, SLICE_LIT("weir.yaml"), SLICE_LIT(""), 0644);
    import_paths(in);
    for (struct import_route *route = in->routes; route && in->err == ERR_OK; route = route->next)
        import_operation(in, route);
    import_add_shared(in);
    note_what_has_no_place(in);
    if (in->route_count == 0 && in->report->error_count == 0)
        import_error(in, NULL, "there is no operation in the document that could be a route");
    if (in->err == ERR_OK)
        in->files[0].content = import_config(in);
}

/* ---- places and messages ------------------------------------------------------------------------------------------------ */

size_t import_enter(struct import *in, struct slice token)
{
    size_t mark = in->pointer.len;
    json_pointer_add(&in->pointer, token);
    return mark;
}

size_t import_enter_index(struct import *in, size_t index)
{
    size_t mark = in->pointer.len;
    json_pointer_add_index(&in->pointer, index);
    return mark;
}

void import_leave(struct import *in, size_t mark)
{
    in->pointer.len = mark;
    in->pointer.ptr[mark] = '\0';
    in->pointer.is_cut = false;
}

struct slice import_jump(struct import *in, struct slice pointer)
{
    struct slice before = import_copy(in, text_slice(&in->pointer));
    import_leave(in, 0);
    text_add(&in->pointer, pointer);
    return before;
}

static struct report_place find_place(const struct import *in, const char *token)
{
    char memory[IMPORT_POINTER_BYTES];
    struct text pointer = text_init(memory, sizeof memory);
    text_add(&pointer, text_slice(&in->pointer));
    if (token)
        json_pointer_add(&pointer, slice_of_text(token));
    if (pointer.is_cut || in->report->note_count == REPORT_NOTES_MAX)
        return (struct report_place){0};
    /* A key is where people look; what has none, or is not there, is told of where it would be. */
    struct report_place place = document_place_of(&in->document, text_slice(&pointer), true);
    return place.line ? place : document_place_of(&in->document, text_slice(&in->pointer), false);
}

void import_error(struct import *in, const char *token, const char *format, ...)
{
    char memory[1024];
    struct text message = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    report_error(in->report, find_place(in, token), "%s", memory);
}

/* What several operations share is looked at for each, and told of once. */
static bool is_new_note(struct import *in, const char *token, const char *message)
{
    struct slice key = import_keep(in, arena_printf(in->arena, SLICE_FMT "\n%s\n%s",
                                                    SLICE_ARG(text_slice(&in->pointer)), token ? token : "", message));
    enum err err = in->err == ERR_OK ? map_add(&in->notes, key, in) : ERR_NOMEM;
    if (err == ERR_NOMEM)
        in->err = err;
    return err == ERR_OK;
}

void import_note(struct import *in, const char *token, const char *format, ...)
{
    char memory[1024];
    struct text message = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    if (is_new_note(in, token, memory))
        report_warning(in->report, find_place(in, token), "%s", memory);
}

void import_comment(struct import *in, struct import_comments *comments, const char *format, ...)
{
    char memory[1024];
    struct text message = text_init(memory, sizeof memory);
    struct import_comment *comment = arena_alloc_zero(in->arena, sizeof *comment);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    for (size_t i = 0; i < message.len; i++)
        if ((unsigned char)memory[i] < ' ' || memory[i] == 0x7f)
            memory[i] = ' ';
    if (!comment) {
        in->err = ERR_NOMEM;
        return;
    }
    comment->text = import_copy(in, text_slice(&message));
    if (comments->last)
        comments->last->next = comment;
    else
        comments->first = comment;
    comments->last = comment;
}

/* ---- small things --------------------------------------------------------------------------------------------------------- */

struct slice import_keep(struct import *in, struct slice made)
{
    if (made.ptr)
        return made;
    in->err = ERR_NOMEM;
    return SLICE_LIT("");
}

struct slice import_copy(struct import *in, struct slice text)
{
    return import_keep(in, arena_copy(in->arena, text));
}

struct slice import_text(struct import *in, yyjson_val *owner, const char *key, size_t bytes_max)
{
    yyjson_val *value = json_get(owner, slice_of_text(key));
    struct slice text = json_text(value);
    if (value && !yyjson_is_str(value))
        import_note(in, key, "\"%s\" is a text, left out", key);
    if (text.len > bytes_max)
        import_note(in, key, "\"%s\" is cut after %zu bytes", key, bytes_max);
    return utf8_first(text, bytes_max);
}

/* The pointer in "#/a/b", percent-encoded as it is in a URI. */
static struct slice pointer_of(struct import *in, struct slice reference)
{
    struct slice pointer = {NULL, 0};
    char *memory = arena_alloc(in->arena, reference.len + 1);
    if (!memory)
        in->err = ERR_NOMEM;
    else if (reference.len >= 2 && reference.ptr[0] == '#' && reference.ptr[1] == '/' &&
             url_percent_decode(slice_skip(reference, 1), false, memory, &pointer) != ERR_OK)
        pointer = (struct slice){NULL, 0};
    return pointer;
}

yyjson_val *import_follow(struct import *in, yyjson_val *value)
{
    for (int i = 0; i < REFS_MAX; i++) {
        yyjson_val *reference = json_get(value, SLICE_LIT("$ref"));
        if (!reference)
            return value;
        struct slice text = json_text(reference);
        struct slice pointer = pointer_of(in, text);
        value = pointer.ptr ? json_pointer_find(in->root, pointer) : NULL;
        if (!value) {
            import_error(in, "$ref", "\"" SLICE_FMT "\" leads to nothing in this document%s",
                         SLICE_ARG(slice_first(text, IMPORT_QUOTE_BYTES)),
                         text.len && text.ptr[0] != '#'
                             ? "; bundle its files into one first, for instance with redocly bundle"
                             : "");
            return NULL;
        }
        import_jump(in, pointer);
    }
    import_error(in, "$ref", "this reference leads in a circle");
    return NULL;
}

static bool grow_files(struct import *in)
{
    uint32_t capacity = in->file_capacity ? 2 * in->file_capacity : 64;
    struct tree_file *files = arena_alloc_array(in->arena, capacity, sizeof *files);
    if (!files) {
        in->err = ERR_NOMEM;
        return false;
    }
    if (in->file_count)
        memcpy(files, in->files, in->file_count * sizeof *files);
    in->files = files;
    in->file_capacity = capacity;
    return true;
}

void import_add_file(struct import *in, struct slice path, struct slice content, unsigned mode)
{
    if (in->file_count == in->file_capacity && !grow_files(in))
        return;
    in->files[in->file_count++] = (struct tree_file){.path = path, .content = content, .mode = mode};
}

/* Two spaces for each level. What comes in is JSON without white space outside of strings. */
static void lay_out(struct slice json, struct buffer *out)
{
    size_t depth = 0;
    bool is_string = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        bool is_open = !is_string && (c == '{' || c == '[');
        bool is_close = !is_string && (c == '}' || c == ']');
        bool is_empty = is_open && i + 1 < json.len && (json.ptr[i + 1] == '}' || json.ptr[i + 1] == ']');
        if (is_empty) {
            buffer_add(out, slice_of(json.ptr + i++, 2));
            continue;
        }
        depth -= is_close;
        if (is_close)
            buffer_printf(out, "\n%*s", (int)(2 * depth), "");
        buffer_add_byte(out, c);
        depth += is_open;
        if (is_open || (!is_string && c == ','))
            buffer_printf(out, "\n%*s", (int)(2 * depth), "");
        else if (!is_string && c == ':')
            buffer_add_byte(out, ' ');
        if (is_string && c == '\\')
            buffer_add_byte(out, json.ptr[++i]);
        else if (c == '"')
            is_string = !is_string;
    }
    buffer_add_byte(out, '\n');
}

void import_add_json(struct import *in, struct slice path, const struct json_writer *writer)
{
    struct slice json;
    enum err err = json_writer_finish(writer, &json);
    if (err == ERR_LIMIT)
        import_error(in, NULL, "this schema is nested too deeply; at most %d levels", JSON_WRITER_DEPTH_MAX);
    if (err == ERR_NOMEM)
        in->err = err;
    if (err != ERR_OK)
        return;
    struct buffer out = buffer_in_arena(in->arena, json.len + json.len / 2 + 64);
    struct slice content;
    lay_out(json, &out);
    if (buffer_finish(&out, &content) != ERR_OK)
        in->err = ERR_NOMEM;
    else
        import_add_file(in, path, content, 0644);
}
