/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with a request, as the client sees it: rows of errors.def. */
#ifndef WEIR_PIPELINE_PROBLEM_H
#define WEIR_PIPELINE_PROBLEM_H

#include "lib/base/slice.h"

enum problem {
    PROBLEM_NONE,
#define PROBLEM(name, status, slug, title, is_retryable, arises) PROBLEM_##name,
#include "pipeline/errors.def"
#undef PROBLEM
    PROBLEM_COUNT
};

/* Where a problem comes from. What a request comes past follows from its route. */
enum problem_place {
    AT_NO_RESPONSE = 0,         /* for the log only */
    AT_ANY = 1 << 0,            /* every request */
    AT_HEAD = 1 << 1,           /* reading its head */
    AT_ROUTING = 1 << 2,        /* there is no route */
    AT_BODY = 1 << 3,           /* reading its body */
    AT_AUTH = 1 << 4,           /* the middleware */
    AT_IMAGE = 1 << 5,          /* normalize_image, and decoding what it announced */
    AT_TENSORS = 1 << 6,        /* decoding tensors in JSON */
    AT_MODEL_NAME = 1 << 7,     /* the path names the model */
    AT_MODEL = 1 << 8,          /* the model is to be loaded by now */
    AT_RUN = 1 << 9,            /* running it, and writing its outputs */
    AT_SCORES = 1 << 10,        /* format_output */
    AT_PROXY = 1 << 11,         /* an upstream */
    AT_FILES = 1 << 12,         /* files of a folder */
    AT_ASSET = 1 << 13,         /* files of the program */
    AT_METRICS = 1 << 14,       /* the endpoint */
    AT_CONTRACT = 1 << 15,      /* a contract of the body */
    AT_RESPONSE = 1 << 16,      /* a contract whose responses are enforced */
    AT_OPENAPI = 1 << 17,       /* the endpoint */
    AT_SCHEMAS = 1 << 18,       /* the endpoint */
    AT_PARAMETERS = 1 << 19,    /* a contract of parameters */
    AT_PIPELINE = 1 << 20,      /* running a pipeline */
    AT_SHARED_MEMORY = 1 << 21, /* endpoints that register regions, and tell of them */
    AT_SETTINGS = 1 << 22,      /* endpoints that change what is logged and traced */
    AT_CUDA = 1 << 23,          /* those for memory of GPUs */
    AT_REPOSITORY = 1 << 24,    /* endpoints of the model repository */
};

struct problem_row {
    const char *slug;
    const char *title;
    int status;
    bool is_retryable;
    uint32_t arises; /* bits of enum problem_place */
};

/* The row of a problem other than PROBLEM_NONE. */
const struct problem_row *problem_row(enum problem problem);
/* The generic problem for a status code of 4xx or 5xx; PROBLEM_BAD_REQUEST or PROBLEM_INTERNAL when none fits. */
enum problem problem_of_status(int status);

#define PROBLEM_TYPE_PREFIX "urn:weir:problem:"

#endif
