/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/file.h"

#include "lib/sys/file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum err file_err_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case EEXIST:
        return ERR_EXISTS;
    case ENOMEM:
        return ERR_NOMEM;
    case EMFILE:
    case ENFILE:
        return ERR_BUSY;
    case ELOOP:
    case EISDIR:
    case ENXIO: /* opening a socket */
        return ERR_INVALID;
    case ENAMETOOLONG:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

/* Reads until the end or until `data` is full, and puts a NUL behind it: it holds one byte more than bytes_max. */
static enum err read_all(int fd, char *data, size_t bytes_max, size_t *ret_bytes)
{
    size_t done = 0;
    while (done < bytes_max) {
        ssize_t count = read(fd, data + done, bytes_max - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return file_err_of(errno);
        if (count == 0)
            break;
        done += (size_t)count;
    }
    data[done] = '\0';
    *ret_bytes = done;
    return ERR_OK;
}

static enum err read_open(int fd, size_t bytes_max, struct file_content *ret_content)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return file_err_of(errno);
    if (!S_ISREG(status.st_mode))
        return ERR_INVALID;
    if ((uint64_t)status.st_size > bytes_max)
        return ERR_LIMIT;
    struct file_content content = {.bytes = (size_t)status.st_size};
    content.data = malloc(content.bytes + 1);
    if (!content.data)
        return ERR_NOMEM;
    enum err err = read_all(fd, content.data, content.bytes, &content.bytes);
    if (err == ERR_OK)
        *ret_content = content;
    else
        free(content.data);
    return err;
}

enum err file_read(const char *path, size_t bytes_max, struct file_content *ret_content)
{
    /* O_NONBLOCK: opening a FIFO must not hang; regular files ignore it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return file_err_of(errno);
    enum err err = read_open(fd, bytes_max, ret_content);
    close(fd);
    return err;
}

enum err file_read_text(const char *path, struct text *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return file_err_of(errno);
    enum err err = read_all(fd, text->ptr, text->capacity - 1, &text->len);
    close(fd);
    return err;
}

void file_content_deinit(struct file_content *content)
{
    free(content->data);
    *content = (struct file_content){0};
}

static enum err write_synced(int fd, struct slice content)
{
    TRY(file_append(fd, content));
    return fsync(fd) == 0 ? ERR_OK : file_err_of(errno);
}

/* The folder that a file would be made in. */
static void folder_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) : 1;
    (void)snprintf(out, PATH_MAX, "%.*s", len ? len : 1, slash ? path : ".");
}

/* The rename itself is durable only once the folder is synced. */
static void sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

enum err file_write_atomic(const char *path, unsigned mode, struct slice content)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return ERR_LIMIT;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return file_err_of(errno);
    enum err err = fchmod(fd, (mode_t)mode) == 0 ? write_synced(fd, content) : file_err_of(errno);
    close(fd);
    if (err == ERR_OK && rename(temporary, path) != 0)
        err = file_err_of(errno);
    if (err != ERR_OK)
        (void)unlink(temporary);
    else
        sync_folder_of(path);
    return err;
}

void file_remove(const char *path)
{
    (void)unlink(path);
}

enum err file_lock(const char *path, int *ret_lock)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_err_of(errno);
    while (flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        enum err err = file_err_of(errno);
        close(fd);
        return err;
    }
    *ret_lock = fd;
    return ERR_OK;
}

void file_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

static void take_status(const struct stat *status, struct file_status *ret_status)
{
    *ret_status = (struct file_status){
        .bytes = (uint64_t)status->st_size,
        .modified_ns = (uint64_t)status->st_mtim.tv_sec * 1000000000U + (uint64_t)status->st_mtim.tv_nsec,
        .number = (uint64_t)status->st_ino,
        .mode = status->st_mode & 07777,
        .is_regular = S_ISREG(status->st_mode),
        .is_folder = S_ISDIR(status->st_mode),
    };
}

enum err file_status(const char *path, struct file_status *ret_status)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return file_err_of(errno);
    take_status(&status, ret_status);
    return ERR_OK;
}

enum err file_status_of(int fd, struct file_status *ret_status)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return file_err_of(errno);
    take_status(&status, ret_status);
    return ERR_OK;
}

bool file_is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

/* Standard output may be a pipe that somebody else has made non-blocking. */
static void wait_writable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    (void)poll(&wait, 1, -1);
}

enum err file_append(int fd, struct slice content)
{
    while (content.len) {
        ssize_t count = write(fd, content.ptr, content.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN) {
            wait_writable(fd);
            continue;
        }
        if (count < 0)
            return file_err_of(errno);
        content = slice_skip(content, (size_t)count);
    }
    return ERR_OK;
}

enum err file_write_at(int fd, uint64_t offset, struct slice content)
{
    while (content.len) {
        ssize_t count = pwrite(fd, content.ptr, content.len, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return file_err_of(errno);
        offset += (uint64_t)count;
        content = slice_skip(content, (size_t)count);
    }
    return ERR_OK;
}

enum err file_open_empty(const char *path, int *ret_fd)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return file_err_of(errno);
    *ret_fd = fd;
    return ERR_OK;
}

enum err file_open_append(const char *path, int *ret_fd)
{
    bool is_stdout = path[0] == '-' && path[1] == '\0';
    int fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                       : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return file_err_of(errno);
    *ret_fd = fd;
    return ERR_OK;
}

enum err file_check_append(const char *path)
{
    char folder[PATH_MAX];
    struct stat status;
    if (strcmp(path, "-") == 0)
        return ERR_OK;
    if (stat(path, &status) == 0) {
        errno = EISDIR;
        return !S_ISDIR(status.st_mode) && access(path, W_OK) == 0 ? ERR_OK : file_err_of(errno);
    }
    folder_of(path, folder);
    return errno == ENOENT && access(folder, W_OK | X_OK) == 0 ? ERR_OK : file_err_of(errno);
}

void file_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

enum err file_executable_path(char *out, size_t capacity)
{
    ssize_t len = readlink("/proc/self/exe", out, capacity);
    if (len < 0)
        return file_err_of(errno);
    if ((size_t)len >= capacity)
        return ERR_LIMIT;
    out[len] = '\0';
    return ERR_OK;
}
