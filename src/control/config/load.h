/* SPDX-License-Identifier: Apache-2.0 */
/* From a YAML file to an immutable struct config: read, filled by the rows of options.def, compiled, cross-checked.
 *
 * Slow, may read files, any thread but a worker. A load that fails leaves nothing behind but its report. The models
 * themselves are not opened here: the control plane does that and attaches what came of it. */
#ifndef WEIR_CONTROL_CONFIG_LOAD_H
#define WEIR_CONTROL_CONFIG_LOAD_H

#include "lib/yaml/report.h"
#include "pipeline/config.h"

#define CONFIG_BYTES_MAX 1048576

/* Which models of repositories a configuration is made with. */
enum repository_action {
    REPOSITORY_LOOK,   /* those that are in the folders; under explicit control those of `like`, or what `load` says */
    REPOSITORY_KEEP,   /* those of `like` */
    REPOSITORY_LOAD,   /* those of `like`, and `name` as it is in its folder */
    REPOSITORY_UNLOAD, /* those of `like` without `name` */
};
struct repository_choice {
    enum repository_action action;
    const struct config *like; /* may be NULL with REPOSITORY_LOOK */
    struct slice name;
    struct slice settings; /* of REPOSITORY_LOAD: JSON in place of its config.pbtxt; {NULL, 0}: none */
    uint64_t rest_ns;      /* files that changed since are left as they are in `like`, where they are in there */
};

/* On success the configuration has one reference, the caller's; config_unref frees it. The report may hold warnings.
 * ERR_INVALID: the report has at least one error and says everything that is wrong, a file that cannot be read
 * included. ERR_NOMEM. `report` is initialised by the caller and used for one load. */
MUST_USE enum err config_load(const char *path, struct report *report, struct config **ret_config);
/* The same from memory. Relative paths in it are taken from the folder of `path`, which need not exist. */
MUST_USE enum err config_load_text(struct slice text, const char *path, struct report *report,
                                   struct config **ret_config);

/* The same with a choice of models; NULL: what there is. */
MUST_USE enum err config_load_chosen(struct slice text, const char *path, const struct repository_choice *choice,
                                     struct report *report, struct config **ret_config);

/* config_load for a server: the report is printed to `out`, warnings too. NULL when anything was wrong. */
MUST_USE struct config *config_load_printed(const char *path, const struct repository_choice *choice, FILE *out);

/* Gives model `index` of config->models its entry, in model_entries and in every route to it. The entry is borrowed and
 * must outlive the configuration: see config_on_release. Before the configuration is shared. */
void config_attach_model(struct config *config, uint32_t index, struct model_entry *entry);
/* The same for a route whose model is none of the configuration's. */
struct route;
void config_attach_absent(struct route *route, struct model_entry *entry);

#endif
