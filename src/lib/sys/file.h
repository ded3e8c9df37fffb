/* SPDX-License-Identifier: Apache-2.0 */
/* Files, for the control plane: these calls block. For the data plane there is folder.h. */
#ifndef WEIR_LIB_SYS_FILE_H
#define WEIR_LIB_SYS_FILE_H

#include "lib/base/err.h"
#include "lib/base/text.h"

struct file_content {
    char *data; /* heap, NUL-terminated behind its end; free with file_content_deinit */
    size_t bytes;
};

/* A regular file of at most bytes_max. ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID (not a regular file), ERR_LIMIT,
 * ERR_NOMEM or ERR_IO. */
MUST_USE enum err file_read(const char *path, size_t bytes_max, struct file_content *ret_content);
void file_content_deinit(struct file_content *content);

/* The beginning of a file, as far as it fits into a text of the caller's. For what the kernel makes up in /proc and
 * /sys: file_read asks for the size first, and these have none. ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID or
 * ERR_IO. */
MUST_USE enum err file_read_text(const char *path, struct text *text);

/* Writes a temporary file beside `path`, syncs it and renames it: readers see the old or the new content, whole. */
MUST_USE enum err file_write_atomic(const char *path, unsigned mode, struct slice content);

/* Of a file of ours that nobody needs any more: whether it was there is no matter. */
void file_remove(const char *path);

/* Takes an exclusive lock on `path` (made if absent, never removed), waiting for it. */
MUST_USE enum err file_lock(const char *path, int *ret_lock);
void file_unlock(int lock);

struct file_status {
    uint64_t bytes;
    uint64_t modified_ns;
    uint64_t number; /* inode: another one after a rename over it */
    unsigned mode;   /* permission bits */
    bool is_regular;
    bool is_folder;
};
/* ERR_NOT_FOUND, ERR_DENIED or ERR_IO. */
MUST_USE enum err file_status(const char *path, struct file_status *ret_status);
MUST_USE enum err file_status_of(int fd, struct file_status *ret_status);
bool file_is_readable(const char *path);
/* A range of an open file. */
struct file_piece {
    int fd; /* borrowed */
    uint64_t offset;
    uint64_t bytes; /* 0: nothing */
};

/* Appends to a descriptor until all is written. */
MUST_USE enum err file_append(int fd, struct slice content);
/* Writes all of it at an offset. */
MUST_USE enum err file_write_at(int fd, uint64_t offset, struct slice content);
/* For writing, made if absent and emptied if not. */
MUST_USE enum err file_open_empty(const char *path, int *ret_fd);
/* For appending, made if absent; "-" is standard output. */
MUST_USE enum err file_open_append(const char *path, int *ret_fd);
void file_close(int fd);
/* What file_open_append would say, as far as that can be told without opening or making anything. */
MUST_USE enum err file_check_append(const char *path);
/* The absolute path of the running executable, NUL-terminated. ERR_LIMIT when out is too small. */
MUST_USE enum err file_executable_path(char *out, size_t capacity);

#endif
