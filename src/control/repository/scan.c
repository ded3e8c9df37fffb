/* SPDX-License-Identifier: Apache-2.0 */
#include "control/repository/scan.h"

#include "lib/base/hash.h"
#include "lib/sys/folder.h"

#include <stdlib.h>

#define ENDING      ".onnx"
#define CONFIG_NAME "config.pbtxt"
#define LINKS_DEPTH 2 /* a model or a version may be a link to a folder */
#define WORDS_MAX   512

struct scanned_file {
    struct slice path; /* from the folder */
    struct file_status status;
};

struct scanning {
    const struct scan_options *options;
    struct folder folder;
    struct scanned_file *files; /* in the order of their paths */
    uint32_t count;
    struct scanned_model *models;
    uint32_t model_count;
};

/* The files of one model. */
struct group {
    const struct scanned_file *files;
    uint32_t count;
    size_t prefix; /* bytes of "NAME/" */
};

static enum err add_folder(struct scanning *scanning, struct slice folder, struct slice prefix, unsigned depth);

bool is_model_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

static void note(const struct scanning *scanning, struct slice path, const char *words)
{
    const struct scan_options *options = scanning->options;
    if (options->note && !options->only.ptr)
        options->note(options->context, false, path, (struct slice){NULL, 0}, (struct report_place){0}, words);
}

/* --- the files ------------------------------------------------------------------------------------------------------- */

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct scanned_file *)a)->path.ptr, ((const struct scanned_file *)b)->path.ptr);
}

static enum err add_file(struct scanning *scanning, struct slice folder, struct slice path, unsigned depth)
{
    struct arena *arena = scanning->options->arena;
    struct file_status status;
    struct slice whole = arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(folder), SLICE_ARG(path));
    if (!whole.ptr)
        return ERR_NOMEM;
    if (file_status(whole.ptr, &status) != ERR_OK)
        return ERR_OK; /* gone meanwhile, or a link that leads nowhere */
    if (status.is_folder && depth < LINKS_DEPTH)
        return add_folder(scanning, folder, path, depth + 1);
    if (!status.is_regular)
        return ERR_OK;
    if (scanning->count == REPOSITORY_FILES_MAX)
        return ERR_LIMIT;
    scanning->files[scanning->count++] = (struct scanned_file){path, status};
    return ERR_OK;
}

/* The folder itself, or, with a prefix, one that a link in it leads to. */
static enum err add_folder(struct scanning *scanning, struct slice folder, struct slice prefix, unsigned depth)
{
    struct arena *arena = scanning->options->arena;
    struct slice path =
        prefix.len ? arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(folder), SLICE_ARG(prefix)) : folder;
    struct folder opened;
    struct slice *paths;
    uint32_t count = 0;
    if (!path.ptr)
        return ERR_NOMEM;
    TRY(folder_open(path.ptr, &opened));
    enum err err = folder_list(&opened, "", REPOSITORY_FILES_MAX, arena, &paths, &count);
    for (uint32_t i = 0; err == ERR_OK && i < count; i++) {
        struct slice name = prefix.len
                                ? arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(prefix), SLICE_ARG(paths[i]))
                                : paths[i];
        err = name.ptr ? add_file(scanning, folder, name, depth) : ERR_NOMEM;
    }
    folder_close(&opened);
    return err;
}

static uint64_t sign_file(uint64_t signature, const struct scanned_file *file)
{
    const uint64_t facts[] = {file->status.bytes, file->status.modified_ns, file->status.number};
    const struct hash_key key = {.k0 = signature, .k1 = hash_bytes((struct hash_key){1, 2}, file->path)};
    return hash_bytes(key, slice_of(facts, sizeof facts)) | 1;
}

static bool is_fresh(const struct scanning *scanning, const struct scanned_file *file)
{
    const struct scan_options *options = scanning->options;
    uint64_t modified_ns = file->status.modified_ns;
    return modified_ns <= options->now_ns && options->now_ns - modified_ns < options->rest_ns;
}

uint64_t model_file_signature(struct slice path)
{
    struct scanned_file file = {.path = path};
    return file_status(path.ptr, &file.status) == ERR_OK ? sign_file(0, &file) : 0;
}

/* --- models ---------------------------------------------------------------------------------------------------------- */

static bool ends_with(struct slice text, struct slice ending)
{
    return text.len > ending.len && slice_ends(text, ending);
}

static struct slice whole_path(const struct scanning *scanning, struct slice path)
{
    return arena_printf(scanning->options->arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(scanning->options->folder),
                        SLICE_ARG(path));
}

/* NULL: no memory, or there is one of that name, or it is not to be looked at. */
static enum err add_model(struct scanning *scanning, struct slice name, struct scanned_model **ret_model)
{
    struct scanned_model *model = &scanning->models[scanning->model_count];
    *ret_model = NULL;
    if (scanning->options->only.ptr && !slice_equal(scanning->options->only, name))
        return ERR_OK;
    for (uint32_t i = 0; i < scanning->model_count; i++)
        if (slice_equal(scanning->models[i].name, name)) {
            note(scanning, name, "there is a file and a folder of this name; the file is taken");
            return ERR_OK;
        }
    *model = (struct scanned_model){.name = arena_copy(scanning->options->arena, name)};
    if (!model->name.ptr)
        return ERR_NOMEM;
    scanning->model_count++;
    *ret_model = model;
    return ERR_OK;
}

static enum err keep_fault(const struct scanning *scanning, struct scanned_model *model, const char *words)
{
    if (!model->fault.len)
        model->fault = arena_copy(scanning->options->arena, slice_of_text(words));
    return model->fault.ptr ? ERR_OK : ERR_NOMEM;
}

/* Of the model as a whole; what is wrong in a line of its config.pbtxt is told by take_note. */
static enum err refuse(const struct scanning *scanning, struct scanned_model *model, const char *words)
{
    const struct scan_options *options = scanning->options;
    if (options->note && !model->fault.len)
        options->note(options->context, true, model->name, (struct slice){NULL, 0}, (struct report_place){0}, words);
    return keep_fault(scanning, model, words);
}

struct noting {
    const struct scanning *scanning;
    struct scanned_model *model;
    enum err err;
};

static void take_note(void *context, bool is_error, struct report_place place, const char *words)
{
    struct noting *noting = context;
    const struct scan_options *options = noting->scanning->options;
    struct scanned_model *model = noting->model;
    char memory[WORDS_MAX];
    struct text text = text_init(memory, sizeof memory);
    if (options->note)
        options->note(options->context, is_error, model->config_path, model->config, place, words);
    text_printf(&text, SLICE_FMT, SLICE_ARG(model->config_path));
    if (place.line)
        text_printf(&text, ":%u:%u", place.line, place.column);
    text_printf(&text, ": %s", words);
    if (is_error && noting->err == ERR_OK)
        noting->err = keep_fault(noting->scanning, model, memory);
}

static enum err read_settings(struct scanning *scanning, struct scanned_model *model, bool is_json)
{
    struct noting noting = {.scanning = scanning, .model = model};
    const struct settings_source source = {.path = model->config_path,
                                           .text = model->config,
                                           .is_json = is_json,
                                           .arena = scanning->options->arena,
                                           .note = take_note,
                                           .context = &noting};
    enum err err = model_settings_read(&source, &model->settings);
    if (err == ERR_NOMEM || noting.err == ERR_NOMEM)
        return ERR_NOMEM;
    if (model->settings.name.len && !slice_equal(model->settings.name, model->name))
        return refuse(scanning, model, "the name in config.pbtxt is not that of the folder");
    return ERR_OK;
}

/* Those of the model, or those that the request brings. */
static enum err find_settings(struct scanning *scanning, struct scanned_model *model, const struct group *group)
{
    const struct scan_options *options = scanning->options;
    if (options->config.ptr) {
        model->config = options->config;
        model->config_path = SLICE_LIT("the configuration of the request");
        return read_settings(scanning, model, true);
    }
    for (uint32_t i = 0; i < group->count; i++) {
        if (!slice_is(slice_skip(group->files[i].path, group->prefix), CONFIG_NAME))
            continue;
        model->config_path = group->files[i].path;
        model->is_growing |= is_fresh(scanning, &group->files[i]);
        enum err err = folder_read(&scanning->folder, group->files[i].path.ptr, TEXT_FORMAT_BYTES_MAX, options->arena,
                                   &model->config);
        if (err == ERR_OK)
            return read_settings(scanning, model, false);
        return err == ERR_NOMEM ? err : refuse(scanning, model, "config.pbtxt cannot be read");
    }
    return ERR_OK;
}

/* 0: no version. As Triton, no leading zeros. */
static uint64_t version_of(struct slice name)
{
    uint64_t version;
    if (!name.len || name.ptr[0] == '0' || text_parse_u64(name, &version) != ERR_OK || version > INT64_MAX)
        return 0;
    return version;
}

/* "VERSION/rest" of a file; 0: it is in no version. */
static uint64_t file_version(const struct group *group, const struct scanned_file *file, struct slice *ret_rest)
{
    struct slice rest = slice_skip(file->path, group->prefix);
    struct slice first = slice_cut(&rest, '/');
    *ret_rest = rest;
    return rest.ptr ? version_of(first) : 0;
}

/* The file of a version: the one that settings name, model.onnx, or the only one that there is. */
static const struct scanned_file *find_file(const struct scanned_model *model, const struct group *group,
                                            uint64_t version)
{
    const struct scanned_file *only = NULL;
    bool are_several = false;
    for (uint32_t i = 0; i < group->count; i++) {
        struct slice rest;
        bool is_here = file_version(group, &group->files[i], &rest) == version;
        if (!version)
            rest = slice_skip(group->files[i].path, group->prefix);
        if (!is_here || slice_find(rest, '/') < rest.len)
            continue;
        if (model->settings.file.len ? slice_equal(rest, model->settings.file) : slice_is(rest, "model" ENDING))
            return &group->files[i];
        if (model->settings.file.len || !ends_with(rest, SLICE_LIT(ENDING)))
            continue;
        are_several |= only != NULL;
        only = &group->files[i];
    }
    return are_several ? NULL : only;
}

static uint64_t sign_version(struct scanning *scanning, struct scanned_model *model, const struct group *group,
                             uint64_t version)
{
    uint64_t signature = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        struct slice rest;
        if (file_version(group, &group->files[i], &rest) != version)
            continue;
        signature = sign_file(signature, &group->files[i]);
        model->is_growing |= is_fresh(scanning, &group->files[i]);
    }
    return signature;
}

static int compare_versions(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left < right) - (left > right);
}

/* The versions that have a file, the highest first. */
static uint32_t list_versions(const struct scanning *scanning, const struct scanned_model *model,
                              const struct group *group, uint64_t *versions)
{
    uint32_t count = 0;
    uint64_t last = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        struct slice rest;
        uint64_t version = file_version(group, &group->files[i], &rest);
        if (!version || version == last)
            continue; /* files of a version stand beside each other */
        last = version;
        if (find_file(model, group, version))
            versions[count++] = version;
        else
            note(scanning, group->files[i].path, "no model of this version: there is no model.onnx beside it");
    }
    if (count)
        qsort(versions, count, sizeof *versions, compare_versions);
    return count;
}

static enum err add_version(struct scanning *scanning, struct scanned_model *model, const struct group *group,
                            uint64_t version)
{
    struct arena *arena = scanning->options->arena;
    const struct scanned_file *file = find_file(model, group, version);
    struct scanned_version *out = &model->versions[model->version_count++];
    out->version = arena_printf(arena, "%llu", (unsigned long long)(version ? version : 1));
    out->path = whole_path(scanning, file->path);
    out->signature = sign_version(scanning, model, group, version);
    return out->version.ptr && out->path.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err choose_versions(struct scanning *scanning, struct scanned_model *model, const struct group *group)
{
    struct arena *arena = scanning->options->arena;
    uint64_t *versions = arena_alloc_array(arena, group->count, sizeof *versions);
    if (!versions)
        return ERR_NOMEM;
    uint32_t found = list_versions(scanning, model, group, versions);
    bool is_plain = !found && find_file(model, group, 0);
    uint32_t count = model_settings_choose(&model->settings, scanning->options->latest_count, versions, found);
    model->versions = arena_alloc_array(arena, count + 1, sizeof *model->versions);
    if (!model->versions)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        TRY(add_version(scanning, model, group, versions[i]));
    if (is_plain)
        return add_version(scanning, model, group, 0);
    if (!found)
        return refuse(scanning, model, "no version has a model.onnx");
    return count ? ERR_OK : refuse(scanning, model, "none of the versions that version_policy names is there");
}

static bool holds_model(const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (ends_with(group->files[i].path, SLICE_LIT(ENDING)) ||
            slice_is(slice_skip(group->files[i].path, group->prefix), CONFIG_NAME))
            return true;
    return false;
}

static enum err add_group(struct scanning *scanning, const struct group *group)
{
    struct slice name = slice_first(group->files[0].path, group->prefix - 1);
    struct scanned_model *model;
    if (!holds_model(group)) {
        note(scanning, name, "no model: there is neither a .onnx file nor a config.pbtxt in this folder");
        return ERR_OK;
    }
    if (!is_model_name(name) || name.len > REPOSITORY_NAME_MAX) {
        note(scanning, name, "no model: its name would stand in URLs, and is made of A-Z a-z 0-9 _ . -");
        return ERR_OK;
    }
    TRY(add_model(scanning, name, &model));
    if (!model)
        return ERR_OK;
    TRY(find_settings(scanning, model, group));
    return choose_versions(scanning, model, group);
}

/* A file right in the folder, and those beside it that begin with its name. */
static enum err add_plain(struct scanning *scanning, uint32_t index, uint32_t *ret_next)
{
    const struct scanned_file *file = &scanning->files[index];
    struct slice name = slice_first(file->path, file->path.len - (sizeof ENDING - 1));
    struct group group = {.files = file, .count = 1};
    struct scanned_model *model;
    while (index + group.count < scanning->count && slice_starts(file[group.count].path, file->path) &&
           slice_find(file[group.count].path, '/') == file[group.count].path.len)
        group.count++;
    *ret_next = index + group.count;
    if (!is_model_name(name) || name.len > REPOSITORY_NAME_MAX) {
        note(scanning, file->path, "no model: its name would stand in URLs, and is made of A-Z a-z 0-9 _ . -");
        return ERR_OK;
    }
    TRY(add_model(scanning, name, &model));
    if (!model)
        return ERR_OK;
    model->versions = arena_alloc_array(scanning->options->arena, 1, sizeof *model->versions);
    if (!model->versions)
        return ERR_NOMEM;
    if (scanning->options->config.ptr)
        TRY(find_settings(scanning, model, &group));
    model->version_count = 1;
    model->versions[0] = (struct scanned_version){.version = SLICE_LIT("1"),
                                                  .path = whole_path(scanning, file->path),
                                                  .signature = sign_version(scanning, model, &group, 0)};
    return model->versions[0].path.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err add_models(struct scanning *scanning)
{
    for (uint32_t i = 0; i < scanning->count;) {
        struct slice path = scanning->files[i].path;
        struct group group = {.files = &scanning->files[i], .count = 1, .prefix = slice_find(path, '/') + 1};
        bool is_plain = group.prefix > path.len;
        if (is_plain && ends_with(path, SLICE_LIT(ENDING))) {
            TRY(add_plain(scanning, i, &i));
            continue;
        }
        struct slice prefix = slice_first(path, group.prefix);
        while (!is_plain && i + group.count < scanning->count &&
               slice_starts(scanning->files[i + group.count].path, prefix))
            group.count++;
        if (is_plain)
            note(scanning, path, "no model: files of models end with .onnx");
        else
            TRY(add_group(scanning, &group));
        i += group.count;
    }
    return ERR_OK;
}

static int compare_models(const void *a, const void *b)
{
    return strcmp(((const struct scanned_model *)a)->name.ptr, ((const struct scanned_model *)b)->name.ptr);
}

static enum err scan_opened(struct scanning *scanning, struct scan *ret_scan)
{
    struct arena *arena = scanning->options->arena;
    scanning->files = arena_alloc_array(arena, REPOSITORY_FILES_MAX, sizeof *scanning->files);
    if (!scanning->files)
        return ERR_NOMEM;
    TRY(add_folder(scanning, scanning->options->folder, (struct slice){NULL, 0}, 0));
    scanning->models = arena_alloc_array(arena, scanning->count + 1, sizeof *scanning->models);
    if (!scanning->models)
        return ERR_NOMEM;
    if (scanning->count)
        qsort(scanning->files, scanning->count, sizeof *scanning->files, compare_files);
    TRY(add_models(scanning));
    if (scanning->model_count)
        qsort(scanning->models, scanning->model_count, sizeof *scanning->models, compare_models);
    *ret_scan = (struct scan){scanning->models, scanning->model_count};
    return ERR_OK;
}

enum err repository_scan(const struct scan_options *options, struct scan *ret_scan)
{
    struct scanning scanning = {.options = options};
    TRY(folder_open(options->folder.ptr, &scanning.folder));
    enum err err = scan_opened(&scanning, ret_scan);
    folder_close(&scanning.folder);
    return err;
}
