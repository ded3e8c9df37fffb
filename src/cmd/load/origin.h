/* SPDX-License-Identifier: Apache-2.0 */
/* Where the load comes from: the threads of this process, or agents. */
#ifndef WEIR_CMD_LOAD_ORIGIN_H
#define WEIR_CMD_LOAD_ORIGIN_H

#include "cmd/load/job.h"
#include "load/remote.h"
#include "load/run.h"

struct load_origin {
    struct load_source source;
    struct load_run *run;               /* or */
    struct load_controller *controller; /* of agents */
};

/* Ready to begin with `plan`, which is that of the job, changed by the probe; NULL: it is not. On failure it was said. */
MUST_USE enum err load_origin_open(struct load_job *job, const struct load_plan *plan, const struct load_probe *probe,
                                   struct load_origin *ret_origin);
/* Begins; what a session's begin_ns is to be. */
uint64_t load_origin_begin(struct load_origin *origin);
void load_origin_close(struct load_origin *origin);

/* The names and addresses of "a:7000,b:7000", in the arena. False: it was said what is wrong. */
bool load_agents_parse(struct load_job *job, const char *text);
/* The token in a file, in the arena: without white space at its ends, of 16 characters or more. False: it was said what is wrong.
 * `command` for messages. */
bool load_token_read(struct arena *arena, const char *command, const char *path, struct slice *ret_token);

/* weir load agent. */
int cmd_load_agent(int argc, char **argv);

#endif
