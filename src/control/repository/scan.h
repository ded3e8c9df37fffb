/* SPDX-License-Identifier: Apache-2.0 */
/* What models a folder holds, in one of two forms, which may be mixed:
 *
 *     NAME.onnx                          a model of version 1
 *     NAME/VERSION/model.onnx            Triton's; beside the versions there may be NAME/config.pbtxt
 *     NAME/model.onnx                    the same without versions: version 1
 *
 * What begins with a dot is passed over, so that tools that copy under a hidden name (rsync) are not caught halfway. */
#ifndef WEIR_CONTROL_REPOSITORY_SCAN_H
#define WEIR_CONTROL_REPOSITORY_SCAN_H

#include "control/repository/model_settings.h"

#define REPOSITORY_FILES_MAX 16384
#define REPOSITORY_NAME_MAX  128

struct scanned_version {
    struct slice version;
    struct slice path;  /* absolute, of the .onnx file */
    uint64_t signature; /* of all files of the version: it changes when one of them does; never 0 */
};

struct scanned_model {
    struct slice name;
    struct slice config;      /* text of its config.pbtxt; {NULL, 0}: none */
    struct slice config_path; /* as it is shown */
    struct model_settings settings;
    struct scanned_version *versions; /* those to be served, the highest first */
    uint32_t version_count;
    struct slice fault; /* why none of it can be served; empty: there is nothing wrong */
    bool is_growing;    /* a file of it was changed a moment ago, and may not be whole */
};

struct scan_options {
    struct slice folder; /* absolute, NUL-terminated */
    struct slice only;   /* a model; {NULL, 0}: all */
    struct slice config; /* JSON in place of that model's config.pbtxt; {NULL, 0}: none */
    uint64_t latest_count;
    uint64_t now_ns;  /* of the wall clock */
    uint64_t rest_ns; /* a file that changed since is growing */
    struct arena *arena;
    /* About a file: a fault of a config.pbtxt or with is_error false what has no effect, or is no model. May be NULL. */
    void (*note)(void *context, bool is_error, struct slice path, struct slice text, struct report_place place,
                 const char *words);
    void *context;
};

struct scan {
    struct scanned_model *models; /* in the order of their names */
    uint32_t count;
};

/* ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT, ERR_BUSY, ERR_IO: of the folder. ERR_NOMEM. */
MUST_USE enum err repository_scan(const struct scan_options *options, struct scan *ret_scan);

/* A-Z a-z 0-9 _ . -, as it stands in URLs. */
bool is_model_name(struct slice name);
/* Of the file alone; its path is NUL-terminated. 0: there is none. */
uint64_t model_file_signature(struct slice path);

#endif
