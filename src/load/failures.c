/* SPDX-License-Identifier: Apache-2.0 */
#include "load/wire.h"

static const char *const names[LOAD_FAILURE_COUNT] = {
    "none",
#define FAILURE(name, text, help) text,
#include "load/failures.def"
#undef FAILURE
};

static const char *const helps[LOAD_FAILURE_COUNT] = {
    "nothing",
#define FAILURE(name, text, help) help,
#include "load/failures.def"
#undef FAILURE
};

const char *load_failure_help(enum load_failure failure)
{
    return helps[failure];
}

const char *load_failure_name(enum load_failure failure)
{
    return names[failure];
}
