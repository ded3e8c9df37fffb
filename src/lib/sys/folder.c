/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/folder.h"

#include "lib/sys/file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* O_NONBLOCK: opening a FIFO must not hang; regular files ignore it. O_NOCTTY: a terminal must not become ours. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define LOAD_BYTES 65536

static int open_beneath(int folder, const char *path, bool may_wait);
static int open_by_steps(int folder, const char *path);

enum err folder_open(const char *path, struct folder *ret_folder)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_err_of(errno);
    ret_folder->fd = fd;
    return ERR_OK;
}

void folder_close(struct folder *folder)
{
    if (!folder || folder->fd < 0)
        return;
    close(folder->fd);
    folder->fd = -1;
}

static enum err check(int fd, struct file_status *ret_status)
{
    struct file_status status;
    TRY(file_status_of(fd, &status));
    if (status.is_folder)
        return ERR_MISMATCH;
    if (!status.is_regular)
        return ERR_INVALID;
    *ret_status = status;
    return ERR_OK;
}

enum err folder_open_file(const struct folder *folder, const char *path, bool may_wait, int *ret_fd,
                          struct file_status *ret_status)
{
    int fd = open_beneath(folder->fd, path, may_wait);
    if (fd < 0 && (errno == ENOSYS || errno == EINVAL || errno == EPERM)) {
        if (!may_wait)
            return ERR_AGAIN;
        fd = open_by_steps(folder->fd, path);
    }
    if (fd < 0 && errno == EAGAIN)
        return may_wait ? ERR_BUSY : ERR_AGAIN;
    if (fd < 0)
        return errno == EXDEV ? ERR_DENIED : file_err_of(errno);
    enum err err = check(fd, ret_status);
    if (err != ERR_OK) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* EAGAIN from a call that may wait: a ".." raced with a rename (openat2(2)); tried again a few times. */
static int open_beneath(int folder, const char *path, bool may_wait)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    if (!may_wait)
        how.resolve |= RESOLVE_CACHED;
    int fd = -1;
    for (int tries = 0; tries < 8; tries++) {
        fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
        if (fd >= 0 || (errno != EINTR && (errno != EAGAIN || !may_wait)))
            return fd;
    }
    return fd;
}

/* One segment: a folder on the way, or the file. Links are refused. */
static int open_step(int folder, const char *segment, size_t len, bool is_last)
{
    int flags = is_last ? OPEN_FLAGS | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    char name[NAME_MAX + 1];
    if (len == 0 || len > NAME_MAX) {
        errno = len == 0 ? EXDEV : ENAMETOOLONG;
        return -1;
    }
    memcpy(name, segment, len);
    name[len] = '\0';
    if (strcmp(name, "..") == 0) {
        errno = EXDEV;
        return -1;
    }
    return openat(folder, name, flags);
}

/* Without openat2 (before Linux 5.6, or hidden by a sandbox): segment by segment, each relative to the one before. */
static int open_by_steps(int folder, const char *path)
{
    int at = folder;
    for (;;) {
        size_t len = strcspn(path, "/");
        bool is_last = path[len] == '\0';
        int next = open_step(at, path, len, is_last);
        int number = errno;
        if (at != folder)
            close(at);
        errno = number;
        if (next < 0 || is_last)
            return next;
        at = next;
        path += len + 1;
    }
}

enum err file_read_at(int fd, uint64_t offset, char *out, size_t capacity, bool may_wait, size_t *ret_bytes)
{
    struct iovec room = {out, capacity};
    int flags = may_wait ? 0 : RWF_NOWAIT;
    ssize_t count;
    for (;;) {
        count = preadv2(fd, &room, 1, (off_t)offset, flags);
        if (count >= 0 || (errno != EINTR && errno != EOPNOTSUPP) || (errno == EOPNOTSUPP && flags == 0))
            break;
        if (errno == EOPNOTSUPP)
            flags = 0;
    }
    if (count < 0)
        return errno == EAGAIN && !may_wait ? ERR_AGAIN : ERR_IO;
    if (count == 0)
        return ERR_EOF;
    *ret_bytes = (size_t)count;
    return ERR_OK;
}

static bool is_byte_cached(int fd, uint64_t offset)
{
    char byte;
    struct iovec room = {&byte, 1};
    return preadv2(fd, &room, 1, (off_t)offset, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

bool file_is_cached(int fd, uint64_t offset, uint64_t bytes)
{
    return bytes == 0 || (is_byte_cached(fd, offset) && is_byte_cached(fd, offset + bytes - 1));
}

/* Reading alone brings all of a range into memory, and is done when it is there. */
void file_load(int fd, uint64_t offset, uint64_t bytes)
{
    char dropped[LOAD_BYTES];
    (void)posix_fadvise(fd, (off_t)offset, (off_t)bytes, POSIX_FADV_WILLNEED);
    while (bytes > 0) {
        size_t count;
        size_t piece = MIN(bytes, sizeof dropped);
        if (file_read_at(fd, offset, dropped, piece, true, &count) != ERR_OK)
            return;
        offset += count;
        bytes -= count;
    }
}
