/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weir model do alike: a configuration of a model out of a command line. */
#ifndef WEIR_CMD_MODEL_JOB_H
#define WEIR_CMD_MODEL_JOB_H

#include "cmd/options.h"

#include "lib/json/writer.h"
#include "pipeline/model.h"

struct model_job {
    struct model_config config;
    struct option_shape shapes[MODEL_TENSORS_MAX];
};

/* Takes a value of --warm-up, "x=1,3,48,192"; false: it is none. */
bool model_job_shape(struct model_job *job, const char *word);
/* All else as options.def has it by default; the name is the file's without its ending. */
void model_job_name(struct model_job *job, const char *path);

/* Prints one JSON object, which `write` makes of `what`. ERR_NOMEM. */
typedef void (*model_job_write)(struct json_writer *out, const void *what);
MUST_USE enum err model_job_print_json(model_job_write write, const void *what);

int model_command_bench(int argc, char **argv);

#endif
