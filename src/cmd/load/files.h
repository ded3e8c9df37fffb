/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are about files of results: weir load report, weir load compare. */
#ifndef WEIR_CMD_LOAD_FILES_H
#define WEIR_CMD_LOAD_FILES_H

#include "lib/sys/file.h"

#define LOAD_FILES_MAX 8

struct load_files {
    struct file_content contents[LOAD_FILES_MAX];
    struct slice texts[LOAD_FILES_MAX];
    uint32_t count;
};

/* Reads them all, or says which cannot be read in the name of `command` and returns CMD_FAILED. load_files_deinit either way. */
int load_files_read(const char *command, char **paths, int count, struct load_files *files);
void load_files_deinit(struct load_files *files);

int cmd_load_report(int argc, char **argv);
int cmd_load_compare(int argc, char **argv);

#endif
