/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/middleware.h"

#define MIDDLEWARE(name) extern const struct middleware middleware_##name;
#include "pipeline/middlewares.def"
#undef MIDDLEWARE

const struct middleware *const middlewares[] = {
#define MIDDLEWARE(name) &middleware_##name,
#include "pipeline/middlewares.def"
#undef MIDDLEWARE
};

const size_t middleware_count = ARRAY_LEN(middlewares);

const struct middleware *middleware_find(struct slice name)
{
    for (size_t i = 0; i < middleware_count; i++)
        if (slice_is(name, middlewares[i]->name))
            return middlewares[i];
    return NULL;
}
