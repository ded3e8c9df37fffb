/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with a request, as the client sees it: rows of errors.def. */
#ifndef WEIR_PIPELINE_PROBLEM_H
#define WEIR_PIPELINE_PROBLEM_H

#include "lib/base/slice.h"

enum problem {
    PROBLEM_NONE,
#define PROBLEM(name, status, slug, title, is_retryable) PROBLEM_##name,
#include "pipeline/errors.def"
#undef PROBLEM
    PROBLEM_COUNT
};

struct problem_row {
    const char *slug;
    const char *title;
    int status;
    bool is_retryable;
};

/* The row of a problem other than PROBLEM_NONE. */
const struct problem_row *problem_row(enum problem problem);
/* The generic problem for a status code of 4xx or 5xx; PROBLEM_BAD_REQUEST or PROBLEM_INTERNAL when none fits. */
enum problem problem_of_status(int status);

#define PROBLEM_TYPE_PREFIX "urn:weir:problem:"

#endif
