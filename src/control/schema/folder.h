/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of schemas as it was at one moment: what references between files are answered from, and nothing else is.
 *
 * Every *.json of the folder and of those below is read at once, so that all schemas of a configuration are made of the same
 * files, and so that a file is found by its `$id` as well as by its place: "https://example.com/schemas/user.json" is
 * the local file that says so, whatever its name is. No reference leads out of the folder, and none to the network. */
#ifndef WEIR_CONTROL_SCHEMA_FOLDER_H
#define WEIR_CONTROL_SCHEMA_FOLDER_H

#include "lib/base/map.h"
#include "lib/schema/schema.h"

#define SCHEMA_FILES_MAX      4096
#define SCHEMA_FILE_BYTES_MAX (16u << 20)
#define SCHEMA_BYTES_MAX      (64u << 20) /* of all files together */

struct schema_file {
    struct slice path; /* from the folder: "common/user.json" */
    struct slice name; /* for messages */
    struct slice uri;  /* file:///srv/schemas/common/user.json */
    struct slice id;   /* `$id` of its root without a fragment, if that is an absolute URI; else empty */
    struct slice text;
    enum err err;                      /* why there is no text */
    const struct schema_file *same_id; /* an earlier file with this `$id`, which is the one that is found */
    bool is_used;                      /* has been read by the source */
};

struct schema_folder {
    struct pool pool;
    struct arena arena;
    struct slice uri;          /* ends with "/" */
    struct schema_file *files; /* in the order of their paths */
    uint32_t count;
    struct map by_path;
    struct map by_id;
    struct schema_source source; /* for the compiler; lives as long as the folder */
};

/* `path` is absolute and NUL-terminated; `shown` is what stands in front of the files' paths in messages. When it
 * fails, `fault` says why: ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT, ERR_BUSY, ERR_IO, ERR_NOMEM. */
MUST_USE enum err schema_folder_open(struct slice path, struct slice shown, struct text *fault,
                                     struct schema_folder **ret_folder);
/* NULL is accepted. */
void schema_folder_close(struct schema_folder *folder);
/* By its path from the folder; NULL when there is none. */
struct schema_file *schema_folder_find(const struct schema_folder *folder, struct slice path);

/* The file: URI of an absolute path (RFC 8089); {NULL, 0} without memory. */
struct slice schema_uri_of_path(struct arena *arena, struct slice path);

#endif
