/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of contracts, and the schemas that are made of them. */
#include "control/config/contract_int.h"

#include "lib/crypto/crypto.h"
#include "lib/json/pointer.h"
#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "pipeline/config_make.h"

#include <stdlib.h>

#define MESSAGE_BYTES 1024

/* Both are written in options.def as the same words. */
_Static_assert((int)CONTRACT_ENFORCE == (int)SCHEMA_ENFORCE && (int)CONTRACT_REPORT == (int)SCHEMA_REPORT &&
                   (int)CONTRACT_OFF == (int)SCHEMA_OFF,
               "the modes of contracts are those of schemas");

static enum err add_document(struct compile *compile, const struct contract_document *made, struct slice absolute,
                             struct document **ret_document);
static void report_faults(struct compile *compile, struct report_place place, struct slice uri, enum err err);
static void release_schema(void *schema);

struct slice path_clean(struct arena *arena, struct slice path)
{
    char *out = arena_alloc(arena, path.len + 2);
    size_t len = 0;
    if (!out)
        return (struct slice){NULL, 0};
    while (path.ptr) {
        struct slice segment = slice_cut(&path, '/');
        if (segment.len == 0 || slice_is(segment, "."))
            continue;
        if (slice_is(segment, "..")) {
            while (len > 0 && out[--len] != '/')
                continue;
            continue;
        }
        out[len++] = '/';
        memcpy(out + len, segment.ptr, segment.len);
        len += segment.len;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return slice_of(out, len);
}

/* A path as the reader of messages would write it: from where he named the configuration. */
static struct slice shown_path(struct compile *compile, struct slice path)
{
    struct slice named = compile->config->path;
    struct slice folder = compile->fill.folder;
    size_t prefix = named.len;
    bool is_below = slice_starts(path, folder) && path.len > folder.len && path.ptr[folder.len] == '/';
    while (prefix > 0 && named.ptr[prefix - 1] != '/')
        prefix--;
    if (!is_below)
        return path;
    return arena_printf(&compile->config->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(slice_first(named, prefix)),
                        SLICE_ARG(slice_skip(path, folder.len + 1)));
}

static enum err open_folder(struct compile *compile, struct schema_folder **ret_folder)
{
    struct schemas_config *config = &compile->config->schemas;
    const struct yaml_node *node = yaml_find(compile->root, "schemas");
    const struct yaml_node *written = node && node->kind == YAML_MAP ? yaml_find(node, "folder") : node;
    char memory[MESSAGE_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    config->folder = path_clean(&compile->config->arena, config->folder);
    struct slice shown = config->folder.ptr ? shown_path(compile, config->folder) : (struct slice){NULL, 0};
    if (!shown.ptr)
        return ERR_NOMEM;
    enum err err = schema_folder_open(config->folder, shown, &fault, ret_folder);
    if (err != ERR_OK && err != ERR_NOMEM)
        report_error(compile->report, compile_place_of(written), "\"folder\" of schemas: %s", memory);
    config->folder_shown = shown;
    if (err == ERR_OK)
        config->folder_uri = arena_copy(&compile->config->arena, (*ret_folder)->uri);
    if (err == ERR_OK && !config->folder_uri.ptr)
        return ERR_NOMEM;
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

static void warn_of_ids(struct compile *compile, const struct schema_folder *folder)
{
    for (uint32_t i = 0; i < folder->count; i++) {
        const struct schema_file *file = &folder->files[i];
        const struct report_origin origin = {.path = file->name};
        if (file->same_id)
            report_warning_in(compile->report, &origin, (struct report_place){0},
                              SLICE_FMT " has the same $id, and is what references to \"" SLICE_FMT
                                        "\" lead to; give this one another",
                              SLICE_ARG(file->same_id->name), SLICE_ARG(file->id));
    }
}

enum err bindings_begin(struct compile *compile)
{
    struct contracts *contracts = arena_alloc_zero(compile->fill.scratch, sizeof *contracts);
    struct schema_settings *settings = arena_alloc_zero(compile->fill.scratch, sizeof *settings);
    if (!contracts || !settings)
        return ERR_NOMEM;
    compile->contracts = contracts;
    contracts->now_ns = clock_wall_ns();
    contracts->names = arena_alloc_array(compile->fill.scratch, ROUTES_MAX, sizeof(const char *));
    if (!contracts->names)
        return ERR_NOMEM;
    TRY(crypto_hasher_create(&contracts->hasher));
    if (compile->config->schemas.folder.len)
        TRY(open_folder(compile, &contracts->folder));
    if (contracts->folder)
        warn_of_ids(compile, contracts->folder);
    *settings = (struct schema_settings){
        .draft = SCHEMA_DRAFT_2020_12,
        .asserts_formats = compile->config->schemas.asserts_formats,
        .source = contracts->folder ? &contracts->folder->source : NULL,
        .documents_bytes_max = 2 * (size_t)SCHEMA_BYTES_MAX,
    };
    return schema_compiler_create(settings, &contracts->compiler);
}

void bindings_end(struct compile *compile)
{
    struct contracts *contracts = compile->contracts;
    if (!contracts)
        return;
    schema_compiler_destroy(contracts->compiler);
    schema_folder_close(contracts->folder);
    crypto_hasher_destroy(contracts->hasher);
}

static struct document *find_document(const struct contracts *contracts, struct slice uri)
{
    for (struct document *document = contracts->documents; document; document = document->next)
        if (slice_equal(document->made->uri, uri))
            return document;
    return NULL;
}

static enum err hash_text(struct contracts *contracts, struct contract_document *made)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    TRY(crypto_sha256(contracts->hasher, &made->text, 1, hash));
    text_format_hex(made->hash, slice_of(hash, sizeof hash));
    return ERR_OK;
}

/* Copies what is to live as long as the configuration. */
static enum err add_document(struct compile *compile, const struct contract_document *made, struct slice absolute,
                             struct document **ret_document)
{
    struct contracts *contracts = compile->contracts;
    struct arena *arena = &compile->config->arena;
    struct document *document = arena_alloc_zero(compile->fill.scratch, sizeof *document);
    struct contract_document *copy = arena_alloc_zero(compile->fill.scratch, sizeof *copy);
    if (!document || !copy)
        return ERR_NOMEM;
    *copy = (struct contract_document){
        .uri = arena_copy(arena, made->uri),
        .id = arena_copy(arena, made->id),
        .path = arena_copy(arena, made->path),
        .text = arena_copy(arena, made->text),
        .loaded_ns = contracts->now_ns,
    };
    if (!copy->uri.ptr || !copy->id.ptr || !copy->path.ptr || !copy->text.ptr)
        return ERR_NOMEM;
    TRY(hash_text(contracts, copy));
    *document = (struct document){.made = copy,
                                  .origin = {.path = copy->path, .text = copy->text},
                                  .absolute = absolute,
                                  .next = contracts->documents};
    contracts->documents = document;
    contracts->document_count++;
    *ret_document = document;
    return ERR_OK;
}

enum err document_of_file(struct compile *compile, struct schema_file *file, struct document **ret_document)
{
    struct document *known = find_document(compile->contracts, file->uri);
    const struct report_origin origin = {.path = file->name};
    file->is_used = true;
    if (file->err != ERR_OK) {
        report_error_in(compile->report, &origin, (struct report_place){0}, "this file cannot be read: %s",
                        err_text(file->err));
        return ERR_OK;
    }
    *ret_document = known;
    const struct contract_document made = {.uri = file->uri, .id = file->id, .path = file->name, .text = file->text};
    if (known)
        return ERR_OK;
    struct slice absolute = arena_printf(compile->fill.scratch, SLICE_FMT "/" SLICE_FMT,
                                         SLICE_ARG(compile->config->schemas.folder), SLICE_ARG(file->path));
    return absolute.ptr ? add_document(compile, &made, absolute, ret_document) : ERR_NOMEM;
}

static void report_file(struct compile *compile, struct slice path, struct report_place place, enum err err)
{
    const struct contracts *contracts = compile->contracts;
    const char *names[256];
    size_t count = 0;
    const char *slash = memrchr(path.ptr, '/', path.len);
    struct slice name = slice_of(slash + 1, (size_t)(path.ptr + path.len - slash - 1));
    for (uint32_t i = 0; contracts->folder && i < contracts->folder->count && count < ARRAY_LEN(names); i++)
        names[count++] = contracts->folder->files[i].path.ptr;
    const char *nearest = err == ERR_NOT_FOUND ? text_nearest(name, names, count) : NULL;
    report_error(compile->report, place, SLICE_FMT " %s%s%s%s", SLICE_ARG(slice_first(shown_path(compile, path), 500)),
                 err == ERR_NOT_FOUND ? "does not exist"
                 : err == ERR_DENIED  ? "may not be read by this user"
                 : err == ERR_INVALID ? "is not a regular file"
                 : err == ERR_LIMIT   ? "is larger than 16 MiB"
                                      : "cannot be read",
                 nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* A file that a route names and that is not in the folder. */
static enum err open_outside(struct compile *compile, struct slice path, struct report_place place,
                             struct document **ret_document)
{
    struct file_content content;
    struct slice uri = schema_uri_of_path(compile->fill.scratch, path);
    if (!uri.ptr)
        return ERR_NOMEM;
    *ret_document = find_document(compile->contracts, uri);
    if (*ret_document)
        return ERR_OK;
    enum err err = file_read(path.ptr, SCHEMA_FILE_BYTES_MAX, &content);
    if (err != ERR_OK) {
        if (err != ERR_NOMEM)
            report_file(compile, path, place, err);
        return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
    }
    struct slice shown = shown_path(compile, path);
    const struct contract_document made = {.uri = uri, .path = shown, .text = slice_of(content.data, content.bytes)};
    err = shown.ptr ? add_document(compile, &made, path, ret_document) : ERR_NOMEM;
    file_content_deinit(&content);
    if (err != ERR_OK)
        return err;
    const struct contract_document *kept = (*ret_document)->made;
    /* What is wrong with its syntax is said when it is compiled. */
    err = schema_compiler_add(compile->contracts->compiler, kept->uri, kept->path, kept->text);
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

enum err document_open(struct compile *compile, struct slice path, struct report_place place,
                       struct document **ret_document)
{
    struct schema_folder *folder = compile->contracts->folder;
    struct slice root = compile->config->schemas.folder;
    struct slice clean = path_clean(compile->fill.scratch, path);
    if (!clean.ptr)
        return ERR_NOMEM;
    bool is_inside = folder && slice_starts(clean, root) && clean.len > root.len && clean.ptr[root.len] == '/';
    struct schema_file *file = is_inside ? schema_folder_find(folder, slice_skip(clean, root.len + 1)) : NULL;
    return file ? document_of_file(compile, file, ret_document) : open_outside(compile, clean, place, ret_document);
}

/* Its URI lies in the folder, so that references in it mean files of the folder. A route with several methods comes here
 * once for each. */
enum err document_of_yaml(struct compile *compile, const struct yaml_node *node, struct document **ret_document)
{
    struct contracts *contracts = compile->contracts;
    struct arena *scratch = compile->fill.scratch;
    struct json_writer writer = json_writer_in_arena(scratch, 0);
    struct contract_document made = {.path = {NULL, 0}};
    struct slice base = contracts->folder ? contracts->folder->uri : SLICE_LIT("file:///");
    made.uri =
        arena_printf(scratch, SLICE_FMT "weir.yaml:%u:%u", SLICE_ARG(base), node->place.line, node->place.column);
    if (!made.uri.ptr)
        return ERR_NOMEM;
    *ret_document = find_document(contracts, made.uri);
    if (*ret_document)
        return ERR_OK;
    yaml_write_json(node, &writer);
    TRY(json_writer_finish(&writer, &made.text));
    struct slice absolute =
        arena_printf(scratch, SLICE_FMT "/weir.yaml",
                     SLICE_ARG(contracts->folder ? compile->config->schemas.folder : compile->fill.folder));
    if (!absolute.ptr)
        return ERR_NOMEM;
    TRY(add_document(compile, &made, absolute, ret_document));
    (*ret_document)->yaml = node;
    const struct contract_document *kept = (*ret_document)->made;
    enum err err = schema_compiler_add(contracts->compiler, kept->uri, kept->uri, kept->text);
    if (err != ERR_OK && err != ERR_NOMEM) {
        report_faults(compile, node->place, kept->uri, err);
        (*ret_document)->is_broken = true;
    }
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

enum err document_parse(struct compile *compile, struct document *document, yyjson_val **ret_root)
{
    const struct json_limits limits = {
        .bytes_max = SCHEMA_FILE_BYTES_MAX, .depth_max = JSON_DEPTH_MAX, .refuse_duplicate_keys = true};
    struct json_document parsed;
    struct json_fault fault;
    *ret_root = document->root;
    if (document->root || document->is_broken)
        return ERR_OK;
    enum err err = json_parse(compile->fill.scratch, document->made->text, &limits, &parsed, &fault);
    if (err == ERR_NOMEM)
        return ERR_NOMEM;
    document->is_broken = err != ERR_OK;
    if (err != ERR_OK) {
        report_error_in(compile->report, &document->origin, (struct report_place){fault.line, fault.column},
                        "this is not JSON: %s", fault.what);
        return ERR_OK;
    }
    document->root = parsed.root;
    *ret_root = parsed.root;
    return ERR_OK;
}

static struct report_place place_in(const struct document *document, struct slice pointer, bool is_key)
{
    struct json_place place;
    if (document->yaml)
        return yaml_place_of(document->yaml, pointer, is_key);
    if (json_pointer_locate(document->made->text, pointer, is_key, &place) != ERR_OK)
        return (struct report_place){0};
    return (struct report_place){place.line, place.column};
}

/* `origin` is NULL for the configuration itself. */
static void report(struct compile *compile, enum report_severity severity, const struct report_origin *origin,
                   struct report_place place, struct slice message)
{
    if (severity == REPORT_ERROR && origin)
        report_error_in(compile->report, origin, place, SLICE_FMT, SLICE_ARG(message));
    else if (severity == REPORT_ERROR)
        report_error(compile->report, place, SLICE_FMT, SLICE_ARG(message));
    else if (origin)
        report_warning_in(compile->report, origin, place, SLICE_FMT, SLICE_ARG(message));
    else
        report_warning(compile->report, place, SLICE_FMT, SLICE_ARG(message));
}

static void tell(struct compile *compile, const struct document *document, enum report_severity severity,
                 struct report_place place, const struct text *message)
{
    report(compile, severity, document->yaml ? NULL : &document->origin, place, text_slice(message));
}

void document_fault(struct compile *compile, const struct document *document, struct slice pointer, bool is_key,
                    const char *format, ...)
{
    char memory[MESSAGE_BYTES];
    struct text message = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    tell(compile, document, REPORT_ERROR, place_in(document, pointer, is_key), &message);
}

void document_warn(struct compile *compile, const struct document *document, struct slice pointer, bool is_key,
                   const char *format, ...)
{
    char memory[MESSAGE_BYTES];
    struct text message = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    tell(compile, document, REPORT_WARNING, place_in(document, pointer, is_key), &message);
}

/* A file that several schemas refer to is compiled for each: its faults are told once. */
static bool is_told(const struct report *report, struct slice path, struct report_place place, struct slice message)
{
    for (uint32_t i = 0; i < report->note_count; i++) {
        const struct report_note *note = &report->notes[i];
        if (note->place.line == place.line && note->place.column == place.column && slice_equal(note->path, path) &&
            slice_equal(note->message, message))
            return true;
    }
    return false;
}

/* Of the configuration itself, when the fault is in what it says. */
static const struct document *inline_document(const struct contracts *contracts, struct slice name)
{
    const struct document *document = find_document(contracts, name);
    return document && document->yaml ? document : NULL;
}

static struct slice text_of(const struct contracts *contracts, struct slice name)
{
    for (const struct document *document = contracts->documents; document; document = document->next)
        if (slice_equal(document->origin.path, name))
            return document->origin.text;
    for (uint32_t i = 0; contracts->folder && i < contracts->folder->count; i++)
        if (slice_equal(contracts->folder->files[i].name, name))
            return contracts->folder->files[i].text;
    return (struct slice){NULL, 0};
}

static void report_fault(struct compile *compile, enum report_severity severity, const struct schema_fault *fault)
{
    const struct document *document = inline_document(compile->contracts, fault->name);
    struct report_origin origin = {.path = fault->name, .text = text_of(compile->contracts, fault->name)};
    struct report_place place = {fault->line, fault->column};
    if (document)
        place = yaml_place_of(document->yaml, fault->pointer, false);
    if (is_told(compile->report, document ? (struct slice){NULL, 0} : origin.path, place, fault->message))
        return;
    report(compile, severity, document ? NULL : &origin, place, fault->message);
}

static void report_faults(struct compile *compile, struct report_place place, struct slice uri, enum err err)
{
    uint32_t count;
    const struct schema_fault *faults = schema_compiler_faults(compile->contracts->compiler, &count);
    for (uint32_t i = 0; i < count; i++)
        report_fault(compile, REPORT_ERROR, &faults[i]);
    if (count == 0)
        report_error(compile->report, place, "the schema " SLICE_FMT " cannot be compiled: %s",
                     SLICE_ARG(slice_first(uri, 500)), err_text(err));
}

/* Of a schema that did compile. */
static void report_slips(struct compile *compile)
{
    uint32_t count;
    const struct schema_fault *slips = schema_compiler_faults(compile->contracts->compiler, &count);
    for (uint32_t i = 0; i < count; i++)
        report_fault(compile, REPORT_WARNING, &slips[i]);
}

/* What is no JSON, and a pointer that leads nowhere, need no compiler to be told. An anchor is the compiler's to find. */
static enum err check_job(struct compile *compile, const struct schema_job *job, bool *ret_is_good)
{
    yyjson_val *root;
    struct slice pointer = job->fragment.len ? slice_skip(job->fragment, 1) : job->fragment;
    bool is_pointer = pointer.len && pointer.ptr[0] == '/' && slice_find(pointer, '%') == pointer.len;
    TRY(document_parse(compile, job->document, &root));
    *ret_is_good = root && (!job->place.line || !is_pointer || json_pointer_find(root, pointer));
    if (root && !*ret_is_good)
        report_error(compile->report, job->place, SLICE_FMT " has nothing at " SLICE_FMT,
                     SLICE_ARG(slice_first(job->document->origin.path, 400)),
                     SLICE_ARG(slice_first(job->fragment, 200)));
    return ERR_OK;
}

enum err schema_make(struct compile *compile, const struct schema_job *job, struct contract_schema *out)
{
    const struct contract_document *made = job->document->made;
    struct schema *schema = NULL;
    bool is_good;
    TRY(check_job(compile, job, &is_good));
    struct slice uri =
        arena_printf(&compile->config->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(made->uri), SLICE_ARG(job->fragment));
    if (!uri.ptr)
        return ERR_NOMEM;
    if (!is_good)
        return ERR_OK;
    enum err err = schema_compile(compile->contracts->compiler, uri, &job->options, &schema);
    if (err == ERR_NOMEM)
        return ERR_NOMEM;
    if (err != ERR_OK) {
        report_faults(compile, job->place, uri, err);
        return ERR_OK;
    }
    report_slips(compile);
    err = config_on_release(compile->config, release_schema, schema);
    if (err != ERR_OK) {
        schema_unref(schema);
        return err;
    }
    *out = (struct contract_schema){.schema = schema,
                                    .mode = (enum contract_mode)schema_options(schema)->mode,
                                    .path = made->path,
                                    .uri = uri,
                                    .text = made->text};
    return ERR_OK;
}

static void release_schema(void *schema)
{
    schema_unref(schema);
}
