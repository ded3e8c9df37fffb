/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files that comes into being all at once, or not at all. Blocks. */
#ifndef WEIR_LIB_SYS_TREE_H
#define WEIR_LIB_SYS_TREE_H

#include "lib/sys/file.h"

struct tree_file {
    struct slice
        path; /* from the folder, such as "schemas/a.json"; at most one folder deep in another, NUL-terminated */
    struct slice content;
    unsigned mode; /* permission bits */
};

/* Looks at the files in `folder`, where they are before they get to their place. */
struct tree_check {
    enum err (*run)(void *context, const char *folder);
    void *context;
};

/* Writes the files into a new folder beside `path` and renames that, unless `check`, which may be NULL, fails: then what it
 * returned. What is at `path` already is ERR_EXISTS, unless it is to be kept as `kept`, which must not exist then
 * (ERR_EXISTS as well). ERR_DENIED, ERR_NOT_FOUND (the folder that it is to stand in), ERR_LIMIT, ERR_IO: nothing has
 * changed. */
MUST_USE enum err tree_write(const char *path, const char *kept, const struct tree_file *files, uint32_t count,
                             const struct tree_check *check);

#endif
