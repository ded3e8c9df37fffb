/* SPDX-License-Identifier: Apache-2.0 */
/* What a middleware adds to what clients are told of a route (control/openapi): said by the file that enforces it, from
 * the options that it enforces. */
#ifndef WEIR_PIPELINE_DESCRIPTION_H
#define WEIR_PIPELINE_DESCRIPTION_H

#include "lib/base/arena.h"
#include "lib/base/attr.h"

#define DESCRIPTION_INPUTS_MAX  8
#define DESCRIPTION_HEADERS_MAX 8

struct model_info;

/* Ways to say who one is: any one of them does. */
enum credential {
    CREDENTIAL_BEARER = 1,      /* Authorization: Bearer */
    CREDENTIAL_API_KEY = 2,     /* X-API-Key */
    CREDENTIAL_CERTIFICATE = 4, /* of TLS */
};

/* A form that the body may have. */
struct description_input {
    const char *media_type;
    struct slice schema; /* JSON Schema of what is in it */
};

/* A field of responses, of refusals too. */
struct description_header {
    const char *name;
    const char *help; /* a sentence */
};

struct description {
    struct arena *arena;            /* in: for texts */
    const struct model_info *model; /* in: what the route runs; NULL: nothing, or it is not known */
    bool has_request_id;            /* by the middlewares before */
    uint32_t arises;                /* bits of enum problem_place */
    uint32_t credentials;           /* bits of enum credential */
    struct description_input inputs[DESCRIPTION_INPUTS_MAX];
    uint32_t input_count;
    struct description_header headers[DESCRIPTION_HEADERS_MAX];
    uint32_t header_count;
    struct slice answer; /* JSON Schema of the body of a 200; empty: as the target makes it */
};

static inline void description_add_input(struct description *description, const char *media_type, struct slice schema)
{
    ASSERT(description->input_count < DESCRIPTION_INPUTS_MAX, "a middleware takes a handful of media types");
    description->inputs[description->input_count++] = (struct description_input){media_type, schema};
}

static inline void description_add_header(struct description *description, const char *name, const char *help)
{
    ASSERT(description->header_count < DESCRIPTION_HEADERS_MAX, "the middlewares of a chain add a handful of fields");
    description->headers[description->header_count++] = (struct description_header){name, help};
}

#endif
