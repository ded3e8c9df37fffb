/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/problem.h"

#include "lib/base/attr.h"

static const struct problem_row rows[] = {
    {"none", "", 200, false, AT_NO_RESPONSE},
#define PROBLEM(name, status, slug, title, is_retryable, arises) {slug, title, status, is_retryable, arises},
#include "pipeline/errors.def"
#undef PROBLEM
};

const struct problem_row *problem_row(enum problem problem)
{
    ASSERT(problem > PROBLEM_NONE && problem < PROBLEM_COUNT, "a problem is a row of errors.def");
    return &rows[problem];
}

enum problem problem_of_status(int status)
{
    for (size_t i = 1; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return (enum problem)i;
    return status >= 500 ? PROBLEM_INTERNAL : PROBLEM_BAD_REQUEST;
}
