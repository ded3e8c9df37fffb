/* SPDX-License-Identifier: Apache-2.0 */
/* What `to: {files: …}` and `to: {asset: …}` serve. Made when a configuration loads, and not changed after that. */
#ifndef WEIR_PIPELINE_FILES_H
#define WEIR_PIPELINE_FILES_H

#include "lib/codings/codings.h"
#include "lib/sys/folder.h"
#include "pipeline/config.h"

struct file_root {
    struct folder folder;
    const struct files_config *config;
};

/* A file that was made part of the program when it was built (assets/, by tools/embed_assets.c). */
struct asset {
    const char *name; /* path below assets/ */
    const char *media_type;
    const char *etag;                   /* of the identity, without its quotes */
    struct slice content[CODING_COUNT]; /* coded beforehand; {NULL, 0} where that does not pay */
};

extern const struct asset assets[];
extern const size_t asset_count;

/* NULL when there is none of that name. */
const struct asset *asset_find(struct slice name);

#endif
