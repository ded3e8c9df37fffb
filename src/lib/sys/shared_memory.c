/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/shared_memory.h"

#include "lib/sys/file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* shm_open(3): "/somename", no other slash. Clients write it with that slash or without. */
static enum err make_name(struct slice name, char out[SHARED_MEMORY_NAME_BYTES + 2])
{
    while (name.len && name.ptr[0] == '/')
        name = slice_skip(name, 1);
    bool is_dots = slice_equal(name, SLICE_LIT(".")) || slice_equal(name, SLICE_LIT(".."));
    bool is_plain = slice_find(name, '/') == name.len && slice_find(name, '\0') == name.len && !is_dots;
    if (!is_plain || name.len == 0 || name.len > SHARED_MEMORY_NAME_BYTES)
        return ERR_INVALID;
    out[0] = '/';
    memcpy(out + 1, name.ptr, name.len);
    out[name.len + 1] = '\0';
    return ERR_OK;
}

enum err shared_memory_open(struct slice name, int *ret_fd)
{
    char path[SHARED_MEMORY_NAME_BYTES + 2];
    struct stat status;
    TRY(make_name(name, path));
    int fd = shm_open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return file_err_of(errno);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return ERR_INVALID;
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err shared_memory_read(int fd, uint64_t offset, void *out, size_t bytes)
{
    char *place = out;
    while (bytes) {
        ssize_t count = pread(fd, place, bytes, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return ERR_IO;
        if (count == 0)
            return ERR_TRUNCATED;
        place += count;
        offset += (uint64_t)count;
        bytes -= (size_t)count;
    }
    return ERR_OK;
}

enum err shared_memory_write(int fd, uint64_t offset, struct slice bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return ERR_IO;
    if (offset > (uint64_t)status.st_size || bytes.len > (uint64_t)status.st_size - offset)
        return ERR_TRUNCATED;
    return file_write_at(fd, offset, bytes);
}
