/* SPDX-License-Identifier: Apache-2.0 */
/* From what was written to a plan. What is wrong goes to the report and compiling goes on, so that one reading shows all of it;
 * functions fail with ERR_NOMEM only. */
#ifndef WEIR_LOAD_PLAN_COMPILE_INT_H
#define WEIR_LOAD_PLAN_COMPILE_INT_H

#include "load/plan/make.h"

struct compile {
    const struct load_spec *spec;
    struct load_inputs *inputs;
    struct arena *arena;
    struct report *report;
    struct load_plan *plan;

    struct load_target *targets;
    struct load_data *data;
    struct load_step *steps; /* of all scenarios, filled up to plan->step_count */
    struct slice variables[LOAD_VARIABLES_MAX];
    bool is_set[LOAD_VARIABLES_MAX]; /* at this step of the scenario that is being compiled */
    uint32_t variable_count;
    uint32_t initial_count; /* of those that the plan sets: the first ones */
};

/* Of a URL's path: what was behind the host in spec->url, "" or "/path?query". */
MUST_USE enum err compile_plan(struct compile *compile);

MUST_USE enum err compile_targets(struct compile *compile);
MUST_USE enum err compile_data(struct compile *compile);
MUST_USE enum err compile_scenarios(struct compile *compile);
MUST_USE enum err compile_response(struct compile *compile, const struct load_spec_step *spec, struct load_step *step);
MUST_USE enum err compile_load(struct compile *compile);
MUST_USE enum err compile_thresholds(struct compile *compile);

/* A text with ${...}. With LOAD_ESCAPE_JSON what stands within strings of it is escaped. */
MUST_USE enum err compile_template(struct compile *compile, const struct option_text *text, enum load_escape escape,
                                   struct load_template *ret_template);
/* The index of a name; it is added when it is new, and is not set yet. UINT32_MAX: there are too many, which was reported. */
uint32_t compile_variable(struct compile *compile, struct slice name, struct report_place place);

/* Content of a file that the plan names, with a report when it cannot be had: {NULL, 0}. */
struct slice compile_file(struct compile *compile, struct slice path, struct report_place place, size_t bytes_max);

static inline bool option_text_is_set(const struct option_text *text)
{
    return text->text.ptr != NULL;
}

#endif
