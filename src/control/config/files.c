/* SPDX-License-Identifier: Apache-2.0 */
/* What `to: {files: …}` and `to: {asset: …}` lead to. */
#include "pipeline/files.h"

#include "control/config/compile_int.h"
#include "pipeline/config_make.h"

#define NAMES_MAX  64
#define LIST_BYTES 512

static void close_folder(void *root)
{
    folder_close(&((struct file_root *)root)->folder);
}

static bool open_folder(struct compile *compile, struct file_root *root, const struct yaml_node *node)
{
    struct slice path = root->config->root;
    enum err err = folder_open(path.ptr, &root->folder);
    if (err == ERR_OK)
        return true;
    const struct yaml_node *written = node->kind == YAML_MAP ? yaml_find(node, "root") : node;
    report_error(compile->report, compile_place_of(written), "\"root\" of files: " SLICE_FMT " %s",
                 SLICE_ARG(slice_first(path, 200)),
                 err == ERR_NOT_FOUND ? "is not a folder"
                 : err == ERR_DENIED  ? "may not be opened by this user"
                                      : "cannot be opened");
    return false;
}

enum err files_open(struct compile *compile, const struct files_config *config, const struct yaml_node *node,
                    const struct file_root **ret_root)
{
    struct file_root *root = arena_alloc_zero(&compile->config->arena, sizeof *root);
    if (!root)
        return ERR_NOMEM;
    *root = (struct file_root){.folder = {.fd = -1}, .config = config};
    if (memchr(config->index.ptr ? config->index.ptr : "", '/', config->index.len)) {
        report_error(compile->report, compile_place_of(yaml_find(node, "index")),
                     "\"index\" of files takes the name of a file, without a path");
        return ERR_OK;
    }
    TRY(config_on_release(compile->config, close_folder, root));
    if (open_folder(compile, root, node))
        *ret_root = root;
    return ERR_OK;
}

const struct asset *asset_resolve(struct compile *compile, struct slice name, struct report_place place)
{
    const struct asset *asset = asset_find(name);
    if (asset)
        return asset;
    const char *names[NAMES_MAX];
    char memory[LIST_BYTES];
    struct text list = text_init(memory, sizeof memory);
    size_t count = MIN(asset_count, (size_t)NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = assets[i].name;
        text_printf(&list, "%s%s", i ? ", " : "there are ", names[i]);
    }
    const struct report_unknown unknown = {
        .kind = "asset", .name = name, .nearest = text_nearest(name, names, count), .otherwise = memory};
    report_unknown(compile->report, place, &unknown);
    return NULL;
}
