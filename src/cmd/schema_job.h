/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weir schema do alike: flags, finding files, compiling, and saying what is wrong. */
#ifndef WEIR_CMD_SCHEMA_JOB_H
#define WEIR_CMD_SCHEMA_JOB_H

#include "cmd/options.h"

#include "control/schema/folder.h"

/* The flags of all three; they come first in each table. */
enum schema_flag {
    SCHEMA_FLAG_FOLDER,
    SCHEMA_FLAG_DRAFT,
    SCHEMA_FLAG_FORMATS,
    SCHEMA_FLAG_NO_FORMATS,
    SCHEMA_FLAG_COUNT
};

#define SCHEMA_FLAG_ROWS                                                                                               \
    [SCHEMA_FLAG_FOLDER] = {"folder", 'f', "DIR", "where references lead; without it the folder of the schema"},       \
    [SCHEMA_FLAG_DRAFT] = {"draft", 0, "DRAFT", "2020-12, 2019-09 or 7, for schemas without $schema (2020-12)"},       \
    [SCHEMA_FLAG_FORMATS] = {"format-assertion", 0, NULL, "`format` is checked (the default)"},                        \
    [SCHEMA_FLAG_NO_FORMATS] = {"no-format-assertion", 0, NULL, "`format` says something and checks nothing"}

struct schema_job {
    const char *command; /* "schema validate" */
    struct schema_settings settings;
    const char *folder_path; /* NULL: that of the file */
    struct pool pool;
    struct arena arena;
    struct schema_source source;
    struct schema_folder *folder; /* opened when a reference leads out of the file */
    struct slice folder_absolute;
    struct slice folder_shown;
    struct schema_compiler *compiler;
};

void schema_job_init(struct schema_job *job, const char *command);
void schema_job_deinit(struct schema_job *job);
/* Takes one of the common flags. CMD_DONE, or CMD_USAGE after saying why. */
int schema_job_flag(struct schema_job *job, int flag, const char *value);

/* The schema of a file, or, behind "#", one that stands in it. May be called once. Without a schema, the faults are
 * in `compiler`, or *ret_why says why there is not even that. */
MUST_USE enum err schema_job_compile(struct schema_job *job, const char *path, const char **ret_why,
                                     struct schema **ret_schema);
/* The same; what is wrong, and what looks like a slip, is printed to standard error. NULL when something is wrong. */
struct schema *schema_job_compile_printed(struct schema_job *job, const char *path);
/* One line on standard error; `prefix` before the message. */
void schema_print_fault(const struct schema_fault *fault, const char *prefix);
const char *schema_draft_name(enum schema_draft draft);

/* A document, from a file or, as "-", from standard input. The text is in the arena. On an error one line has been
 * printed. ERR_SYNTAX: no JSON. */
MUST_USE enum err schema_read_document(const char *command, const char *path, const struct schema *schema,
                                       struct arena *arena, struct slice *ret_text, yyjson_val **ret_root);
/* How documents are read that this schema is run over. */
struct json_limits schema_document_limits(const struct schema *schema);

int schema_command_compile(int argc, char **argv);
int schema_command_validate(int argc, char **argv);
int schema_command_bench(int argc, char **argv);

#endif
