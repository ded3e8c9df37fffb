/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/setting.h"

#define NAME_SHOWN 64

enum verdict setting_refuse(struct request *request, struct slice name)
{
    static const char *const fixed[] = {"trace_file", "trace_mode", "log_file", "log_format", "log_verbose_level"};
    struct slice shown = slice_first(name, NAME_SHOWN);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (slice_is(name, fixed[i]))
            return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "/" SLICE_FMT ": This cannot be set here.",
                                SLICE_ARG(shown));
    return request_fail(request, PROBLEM_BAD_REQUEST, "/" SLICE_FMT ": There is no such setting.", SLICE_ARG(shown));
}
