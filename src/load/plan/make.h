/* SPDX-License-Identifier: Apache-2.0 */
/* Plans made of what was written: the words of a command line, and files. */
#ifndef WEIR_LOAD_PLAN_MAKE_H
#define WEIR_LOAD_PLAN_MAKE_H

#include "lib/base/buffer.h"
#include "load/inputs.h"
#include "load/plan/spec.h"

struct load_made {
    struct load_plan *plan;      /* NULL: something is wrong, and the report says what */
    struct load_target *targets; /* the plan's: their addresses are not known yet */
    struct load_spec spec;       /* what it was made of; `export` of it is for the command */
};

/* inputs->words are flags ("--rate=100", see flags.h) and one word more: a URL, or the file of a plan, which ends in .yaml or .yml. Flags
 * have the last word over the file. Files are read by load_inputs_read. All is in the arena but what
 * load_plan_drop gives back. What is wrong goes to the report, all at once. ERR_NOMEM. */
MUST_USE enum err load_plan_make(struct load_inputs *inputs, struct arena *arena, struct report *report,
                                 struct load_made *ret_made);
/* Finds the addresses of its hosts, without which it cannot be run; blocks for some seconds at most. ERR_NOT_FOUND with a phrase. */
MUST_USE enum err load_plan_resolve(const struct load_made *made, struct text *fault);
/* What is not of the arena: regular expressions. NULL is accepted. */
void load_plan_drop(struct load_plan *plan);

/* Whether a word of the command line names the file of a plan. */
bool load_word_is_plan(struct slice word);

/* The reference page, in Markdown, and the JSON Schema of a plan's file. */
void load_plan_reference_write(struct buffer *out);
MUST_USE enum err load_plan_schema_write(struct arena *arena, struct slice *ret_schema);

#endif
