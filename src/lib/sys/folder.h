/* SPDX-License-Identifier: Apache-2.0 */
/* A folder whose files are served to strangers: nothing outside of it can be opened through it, whatever the path says
 * and whatever links are in it. And reading that a worker may do itself: where the system would have to wait for a disk,
 * it says so instead, and a thread that may wait does it again. */
#ifndef WEIR_LIB_SYS_FOLDER_H
#define WEIR_LIB_SYS_FOLDER_H

#include "lib/base/arena.h"
#include "lib/sys/file.h"

struct folder {
    int fd; /* -1: not open */
};

/* ERR_NOT_FOUND, ERR_DENIED, ERR_BUSY or ERR_IO. */
MUST_USE enum err folder_open(const char *path, struct folder *ret_folder);
/* NULL is accepted. */
void folder_close(struct folder *folder);

/* Opens a regular file for reading. `path` is relative, NUL-terminated, not empty. Links are followed as long as they
 * stay beneath the folder; where the kernel cannot promise that (before Linux 5.6), none is followed. ERR_NOT_FOUND,
 * ERR_DENIED (also: would leave the folder), ERR_MISMATCH (a folder), ERR_INVALID (a device, a FIFO, a socket, a link
 * that leads nowhere good), ERR_LIMIT (too long), ERR_BUSY (no descriptor left) or ERR_IO. With !may_wait also
 * ERR_AGAIN: the path is not in memory, or the kernel cannot tell. */
MUST_USE enum err folder_open_file(const struct folder *folder, const char *path, bool may_wait, int *ret_fd,
                                   struct file_status *ret_status);

/* Paths of the regular files, and of links, in the folder and in those below whose names end with `suffix`, in the order of
 * their bytes. What begins with a dot is passed over (editors and mounts of Kubernetes keep their own there), and so are
 * links to folders. ERR_LIMIT: more than count_max, or nested too deeply; ERR_DENIED, ERR_BUSY, ERR_IO, ERR_NOMEM. */
MUST_USE enum err folder_list(const struct folder *folder, const char *suffix, uint32_t count_max, struct arena *arena,
                              struct slice **ret_paths, uint32_t *ret_count);
/* The content of a file that folder_open_file opens, NUL-terminated, in the arena. Its errors; ERR_LIMIT also over
 * bytes_max; ERR_NOMEM. Waits. */
MUST_USE enum err folder_read(const struct folder *folder, const char *path, size_t bytes_max, struct arena *arena,
                              struct slice *ret_text);

/* Reads at an offset. ERR_OK with *ret_bytes > 0, which may be less than the capacity; ERR_EOF behind the end; ERR_IO.
 * With !may_wait also ERR_AGAIN: not in memory. A file system that cannot tell is waited for. */
MUST_USE enum err file_read_at(int fd, uint64_t offset, char *out, size_t capacity, bool may_wait, size_t *ret_bytes);
/* Whether the first and the last byte of a range are in memory, as well as that can be told: reading it then does not
 * wait, or not for long. */
bool file_is_cached(int fd, uint64_t offset, uint64_t bytes);
/* Waits until a range is in memory, as far as it exists. */
void file_load(int fd, uint64_t offset, uint64_t bytes);

#endif
