/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by pipelines.c and pipelines_answer.c. */
#ifndef WEIR_CONTROL_CONFIG_PIPELINES_INT_H
#define WEIR_CONTROL_CONFIG_PIPELINES_INT_H

#include "control/config/compile_int.h"
#include "pipeline/graph.h"

/* A pipeline on its way. */
struct pipeline_draft {
    struct compile *compile;
    const struct yaml_node *node;
    struct pipeline *pipeline;
    bool is_broken; /* something of it was reported */
    bool is_out_of_memory;
};

/* A mistake: the pipeline is named, and not gone on with. */
void pipeline_report(struct pipeline_draft *draft, struct report_place place, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* What is written in the tree goes with the load; a copy that stays. */
struct slice pipeline_keep(struct pipeline_draft *draft, struct slice text);
/* "step" or "step.output"; names of a model's outputs may have dots of their own. False: there is none, which is
 * reported. */
bool pipeline_find_source(struct pipeline_draft *draft, const struct yaml_node *node, struct slice text,
                          struct graph_source *ret);
/* A-Z a-z 0-9 _ -, and not "body". */
bool pipeline_is_name(struct slice name);
/* An entry of `answer:`. ERR_NOMEM. */
MUST_USE enum err pipeline_read_answer(struct pipeline_draft *draft, const struct yaml_node *node);

#endif
