/* SPDX-License-Identifier: Apache-2.0 */
/* Flags that say something of a plan: each is an option of options.def, in words of one line. */
#ifndef WEIR_LOAD_PLAN_FLAGS_H
#define WEIR_LOAD_PLAN_FLAGS_H

#include "lib/options/fill.h"
#include "load/plan/spec.h"

/* Where the row of a flag is. */
enum load_flag_place {
    LOAD_FLAG_PLAN,
    LOAD_FLAG_LOAD,
    LOAD_FLAG_REPLAY,
    LOAD_FLAG_STEP,
    LOAD_FLAG_TARGET,
    LOAD_FLAG_SLO,
    LOAD_FLAG_VALID,
    LOAD_FLAG_EXPORT
};

struct load_flag {
    const char *group; /* for --help */
    const char *name;
    char letter;
    const char *value; /* NULL: it takes none, and stands for `fixed` */
    enum load_flag_place place;
    const char *row; /* of the table there */
    const char *fixed;
    const char *help;
};

extern const struct load_flag load_flags[];
extern const size_t load_flag_count;

/* What flags write to: spec and, of a URL, the one step; with a plan's file there is none. */
struct load_flagged {
    struct load_spec *spec;
    struct load_spec_step *step;
    struct fill *fill;
    const struct load_flag *amount; /* the flag of rate, users or stages that has been there, or NULL */
    bool has_connections; /* there is a flag for them: else those of a plan's file are for the load that it asks for */
};

/* One flag, "rate=100" or "http2". What is wrong goes to the report of `fill`. ERR_NOMEM. */
MUST_USE enum err load_flag_apply(struct load_flagged *flagged, struct slice word);

#endif
