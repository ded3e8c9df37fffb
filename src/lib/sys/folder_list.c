/* SPDX-License-Identifier: Apache-2.0 */
/* A folder read as a whole, for the control plane: what is in it, and what stands in a file. */
#include "lib/sys/folder.h"

#include "lib/sys/file_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define DEPTH_MAX  16
#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

struct listing {
    struct arena *arena;
    const char *suffix;
    struct slice *paths;
    uint32_t count;
    uint32_t count_max;
};

static enum err list_folder(struct listing *listing, int at, const char *name, struct slice prefix, uint32_t depth);

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct slice *)a)->ptr, ((const struct slice *)b)->ptr);
}

enum err folder_list(const struct folder *folder, const char *suffix, uint32_t count_max, struct arena *arena,
                     struct slice **ret_paths, uint32_t *ret_count)
{
    struct listing listing = {.arena = arena, .suffix = suffix, .count_max = count_max};
    listing.paths = arena_alloc_array(arena, count_max, sizeof *listing.paths);
    if (!listing.paths)
        return ERR_NOMEM;
    TRY(list_folder(&listing, folder->fd, ".", (struct slice){NULL, 0}, 0));
    if (listing.count)
        qsort(listing.paths, listing.count, sizeof *listing.paths, compare);
    *ret_paths = listing.paths;
    *ret_count = listing.count;
    return ERR_OK;
}

static bool has_suffix(struct slice name, struct slice suffix)
{
    return name.len > suffix.len && slice_equal(slice_skip(name, name.len - suffix.len), suffix);
}

static enum err list_entry(struct listing *listing, DIR *dir, const struct dirent *entry, struct slice prefix,
                           uint32_t depth)
{
    struct slice name = slice_of_text(entry->d_name);
    bool is_folder = entry->d_type == DT_DIR;
    bool may_be_file = entry->d_type == DT_REG || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
    if (name.ptr[0] == '.' || (!is_folder && !(may_be_file && has_suffix(name, slice_of_text(listing->suffix)))))
        return ERR_OK;
    struct slice path = arena_printf(listing->arena, SLICE_FMT SLICE_FMT "%s", SLICE_ARG(prefix), SLICE_ARG(name),
                                     is_folder ? "/" : "");
    if (!path.ptr)
        return ERR_NOMEM;
    if (is_folder)
        return list_folder(listing, dirfd(dir), entry->d_name, path, depth + 1);
    if (listing->count == listing->count_max)
        return ERR_LIMIT;
    listing->paths[listing->count++] = path;
    return ERR_OK;
}

static enum err list_folder(struct listing *listing, int at, const char *name, struct slice prefix, uint32_t depth)
{
    if (depth > DEPTH_MAX)
        return ERR_LIMIT;
    int fd = openat(at, name, OPEN_FLAGS);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        enum err err = file_err_of(errno);
        if (fd >= 0)
            close(fd);
        return err == ERR_NOT_FOUND && depth ? ERR_OK : err; /* gone meanwhile */
    }
    enum err err = ERR_OK;
    const struct dirent *entry;
    while (err == ERR_OK && (entry = readdir(dir)))
        err = list_entry(listing, dir, entry, prefix, depth);
    closedir(dir);
    return err;
}

static enum err read_all(int fd, uint64_t bytes, struct arena *arena, struct slice *ret_text)
{
    char *text = arena_alloc(arena, bytes + 1);
    size_t count = 0;
    if (!text)
        return ERR_NOMEM;
    while (count < bytes) {
        size_t piece;
        enum err err = file_read_at(fd, count, text + count, bytes - count, true, &piece);
        if (err == ERR_EOF)
            break; /* it has become shorter */
        TRY(err);
        count += piece;
    }
    text[count] = '\0';
    *ret_text = slice_of(text, count);
    return ERR_OK;
}

enum err folder_read(const struct folder *folder, const char *path, size_t bytes_max, struct arena *arena,
                     struct slice *ret_text)
{
    int fd;
    struct file_status status;
    TRY(folder_open_file(folder, path, true, &fd, &status));
    enum err err = status.bytes > bytes_max ? ERR_LIMIT : read_all(fd, status.bytes, arena, ret_text);
    close(fd);
    return err;
}
