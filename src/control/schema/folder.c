/* SPDX-License-Identifier: Apache-2.0 */
#include "control/schema/folder.h"

#include "lib/http/url.h"
#include "lib/sys/folder.h"

#include <stdlib.h>

#define MEMORY_BYTES_MAX  (2 * (size_t)SCHEMA_BYTES_MAX)
#define SCRATCH_BYTES_MAX (40 * (size_t)SCHEMA_FILE_BYTES_MAX)
#define PATH_BYTES_MAX    4096

static enum err load(struct schema_folder *folder, struct slice path, struct slice shown, struct text *fault);
static enum err load_file(struct schema_folder *folder, const struct folder *place, struct schema_file *file);
static enum err index_id(struct schema_folder *folder, struct schema_file *file, struct arena *scratch);
static enum err read_document(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                              struct slice *ret_name);

enum err schema_folder_open(struct slice path, struct slice shown, struct text *fault,
                            struct schema_folder **ret_folder)
{
    struct schema_folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return ERR_NOMEM;
    pool_init(&folder->pool, 0, 2 * MEMORY_BYTES_MAX);
    arena_init(&folder->arena, &folder->pool, 65536, MEMORY_BYTES_MAX);
    map_init(&folder->by_path, (struct hash_key){.k0 = (uintptr_t)folder, .k1 = path.len});
    map_init(&folder->by_id, (struct hash_key){.k0 = (uintptr_t)folder, .k1 = shown.len});
    folder->source = (struct schema_source){.context = folder, .read = read_document};
    enum err err = load(folder, path, shown, fault);
    if (err == ERR_OK)
        *ret_folder = folder;
    else
        schema_folder_close(folder);
    return err;
}

void schema_folder_close(struct schema_folder *folder)
{
    if (!folder)
        return;
    map_deinit(&folder->by_path);
    map_deinit(&folder->by_id);
    arena_reset(&folder->arena);
    pool_deinit(&folder->pool);
    free(folder);
}

struct schema_file *schema_folder_find(const struct schema_folder *folder, struct slice path)
{
    return map_find(&folder->by_path, path);
}

/* unreserved, sub-delims, ":" and "@" stand for themselves (RFC 3986 section 3.3), and "/" between segments. */
static bool is_path_character(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~!$&'()*+,;=:@/", c));
}

struct slice schema_uri_of_path(struct arena *arena, struct slice path)
{
    static const char scheme[] = "file://";
    char *uri = arena_alloc(arena, sizeof scheme + 3 * path.len);
    if (!uri)
        return (struct slice){NULL, 0};
    char *at = slice_put(uri, SLICE_LIT("file://"));
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (is_path_character(path.ptr[i])) {
            *at++ = path.ptr[i];
            continue;
        }
        *at++ = '%';
        *at++ = "0123456789ABCDEF"[c >> 4];
        *at++ = "0123456789ABCDEF"[c & 15];
    }
    *at = '\0';
    return slice_of(uri, (size_t)(at - uri));
}

static enum err tell(struct text *fault, struct slice shown, enum err err)
{
    text_printf(fault, SLICE_FMT " %s", SLICE_ARG(slice_first(shown, 200)),
                err == ERR_NOT_FOUND ? "is not a folder"
                : err == ERR_DENIED  ? "may not be read by this user"
                : err == ERR_LIMIT   ? "holds too much: at most 4096 files, 16 MiB each and 64 MiB together"
                                     : "cannot be read");
    return err;
}

static enum err list(struct schema_folder *folder, const struct folder *place, struct slice **ret_paths)
{
    TRY(folder_list(place, ".json", SCHEMA_FILES_MAX, &folder->arena, ret_paths, &folder->count));
    folder->files = arena_alloc_array(&folder->arena, folder->count, sizeof *folder->files);
    return folder->files ? ERR_OK : ERR_NOMEM;
}

/* What concerns one file is told of that file, once somebody wants it. */
static enum err load_files(struct schema_folder *folder, const struct folder *place, struct slice shown)
{
    struct pool pool;
    struct arena scratch;
    struct slice *paths;
    size_t bytes = 0;
    enum err err = list(folder, place, &paths);
    pool_init(&pool, 0, 2 * SCRATCH_BYTES_MAX);
    arena_init(&scratch, &pool, 65536, SCRATCH_BYTES_MAX);
    for (uint32_t i = 0; err == ERR_OK && i < folder->count; i++) {
        struct schema_file *file = &folder->files[i];
        file->path = paths[i];
        file->name = arena_printf(&folder->arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(shown), SLICE_ARG(paths[i]));
        err = file->name.ptr ? load_file(folder, place, file) : ERR_NOMEM;
        bytes += file->text.len;
        if (err == ERR_OK)
            err = bytes > SCHEMA_BYTES_MAX ? ERR_LIMIT : index_id(folder, file, &scratch);
        arena_reset(&scratch);
    }
    pool_deinit(&pool);
    return err;
}

static enum err load(struct schema_folder *folder, struct slice path, struct slice shown, struct text *fault)
{
    struct folder place;
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    struct slice with_slash = arena_printf(&folder->arena, SLICE_FMT "/", SLICE_ARG(path));
    if (!with_slash.ptr)
        return ERR_NOMEM;
    folder->uri = schema_uri_of_path(&folder->arena, with_slash);
    if (!folder->uri.ptr)
        return ERR_NOMEM;
    enum err err = folder_open(with_slash.ptr, &place);
    if (err != ERR_OK)
        return tell(fault, shown, err);
    err = load_files(folder, &place, shown);
    folder_close(&place);
    return err == ERR_OK ? ERR_OK : tell(fault, shown, err);
}

static enum err load_file(struct schema_folder *folder, const struct folder *place, struct schema_file *file)
{
    struct slice absolute = slice_skip(folder->uri, sizeof "file://" - 1);
    struct slice uri = schema_uri_of_path(&folder->arena, file->path);
    if (!uri.ptr)
        return ERR_NOMEM;
    file->uri = arena_printf(&folder->arena, "file://" SLICE_FMT SLICE_FMT, SLICE_ARG(absolute),
                             SLICE_ARG(slice_skip(uri, sizeof "file://" - 1)));
    if (!file->uri.ptr)
        return ERR_NOMEM;
    file->err = folder_read(place, file->path.ptr, SCHEMA_FILE_BYTES_MAX, &folder->arena, &file->text);
    return file->err == ERR_NOMEM ? ERR_NOMEM : map_add(&folder->by_path, file->path, file);
}

/* scheme ":" (RFC 3986 section 3.1). */
static bool is_absolute(struct slice uri)
{
    size_t colon = slice_find(uri, ':');
    bool is_scheme = colon > 0 && colon < uri.len;
    for (size_t i = 0; is_scheme && i < colon; i++) {
        char c = ascii_lower(uri.ptr[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        is_scheme = is_letter || (i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
    }
    return is_scheme;
}

/* A file that is no JSON has no `$id`: what is wrong with it is said by the compiler, if a schema needs it. */
static enum err index_id(struct schema_folder *folder, struct schema_file *file, struct arena *scratch)
{
    const struct json_limits limits = {.bytes_max = SCHEMA_FILE_BYTES_MAX, .depth_max = JSON_DEPTH_MAX};
    struct json_document document;
    struct json_fault fault;
    if (file->err != ERR_OK || json_parse(scratch, file->text, &limits, &document, &fault) != ERR_OK)
        return ERR_OK;
    struct slice id = json_text(json_get(document.root, SLICE_LIT("$id")));
    id = slice_first(id, slice_find(id, '#'));
    if (!is_absolute(id))
        return ERR_OK;
    file->id = arena_copy(&folder->arena, id);
    if (!file->id.ptr)
        return ERR_NOMEM;
    enum err err = map_add(&folder->by_id, file->id, file);
    if (err == ERR_EXISTS)
        file->same_id = map_find(&folder->by_id, file->id);
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

/* By its place, however the characters of that are escaped. */
static struct schema_file *find_at(const struct schema_folder *folder, struct slice uri)
{
    char memory[PATH_BYTES_MAX];
    struct slice path;
    if (!slice_starts(uri, folder->uri) || uri.len - folder->uri.len > sizeof memory)
        return NULL;
    if (url_percent_decode(slice_skip(uri, folder->uri.len), false, memory, &path) != ERR_OK)
        return NULL;
    return schema_folder_find(folder, path);
}

static enum err read_document(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                              struct slice *ret_name)
{
    struct schema_folder *folder = context;
    (void)arena; /* the texts are here already */
    struct schema_file *file = map_find(&folder->by_id, uri);
    if (!file)
        file = find_at(folder, uri);
    if (!file)
        return ERR_NOT_FOUND;
    file->is_used = true;
    if (file->err != ERR_OK)
        return file->err;
    *ret_text = file->text;
    *ret_name = file->name;
    return ERR_OK;
}
