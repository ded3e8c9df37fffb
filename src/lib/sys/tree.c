/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/tree.h"

#include "lib/sys/file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0755

static bool join(const char *folder, const char *path, size_t path_len, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%.*s", folder, (int)path_len, path);
    return len > 0 && len < PATH_MAX;
}

/* The folders that a file stands in, from the outermost. */
static enum err make_folders(const char *folder, struct slice path)
{
    char name[PATH_MAX];
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/')
            continue;
        if (!join(folder, path.ptr, i, name))
            return ERR_LIMIT;
        if (mkdir(name, FOLDER_MODE) != 0 && errno != EEXIST)
            return file_err_of(errno);
    }
    return ERR_OK;
}

static enum err write_file(const char *folder, const struct tree_file *file)
{
    char name[PATH_MAX];
    TRY(make_folders(folder, file->path));
    if (!join(folder, file->path.ptr, file->path.len, name))
        return ERR_LIMIT;
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)file->mode);
    if (fd < 0)
        return file_err_of(errno);
    enum err err = file_append(fd, file->content);
    close(fd);
    return err;
}

/* Once for all of them: a thousand files synced one by one take half a minute. */
static enum err sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_err_of(errno);
    enum err err = syncfs(fd) == 0 ? ERR_OK : file_err_of(errno);
    close(fd);
    return err;
}

/* Takes back what write_file made, and nothing else: a folder in which somebody else has put something stays. */
static void undo(const char *folder, const struct tree_file *files, uint32_t count)
{
    char name[PATH_MAX];
    for (uint32_t i = count; i-- > 0;)
        if (join(folder, files[i].path.ptr, files[i].path.len, name))
            (void)unlink(name);
    for (uint32_t i = count; i-- > 0;)
        for (size_t end = files[i].path.len; end-- > 0;)
            if (files[i].path.ptr[end] == '/' && join(folder, files[i].path.ptr, end, name))
                (void)rmdir(name);
    (void)rmdir(folder);
}

static enum err move(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ? ERR_OK : file_err_of(errno);
}

/* The old folder goes out of the way first; should the new one then not get there, it comes back. */
static enum err put_in_place(const char *temporary, const char *path, const char *kept)
{
    struct file_status status;
    bool is_there = file_status(path, &status) == ERR_OK;
    if (is_there && !kept)
        return ERR_EXISTS;
    if (!is_there)
        return move(temporary, path);
    TRY(move(path, kept));
    enum err err = move(temporary, path);
    if (err != ERR_OK && rename(kept, path) != 0)
        return ERR_IO;
    return err;
}

enum err tree_write(const char *path, const char *kept, const struct tree_file *files, uint32_t count,
                    const struct tree_check *check)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    enum err err = ERR_OK;
    if (len < 0 || (size_t)len >= sizeof temporary)
        return ERR_LIMIT;
    if (!mkdtemp(temporary))
        return file_err_of(errno);
    uint32_t made = 0;
    while (made < count && err == ERR_OK)
        err = write_file(temporary, &files[made++]);
    if (err == ERR_OK && chmod(temporary, FOLDER_MODE) != 0)
        err = file_err_of(errno);
    if (err == ERR_OK && check)
        err = check->run(check->context, temporary);
    if (err == ERR_OK)
        err = sync_folder(temporary);
    if (err == ERR_OK)
        err = put_in_place(temporary, path, kept);
    if (err != ERR_OK)
        undo(temporary, files, made);
    return err;
}
