/* SPDX-License-Identifier: Apache-2.0 */
/* A model behind the Open Inference Protocol: the request that is sent to it, and what its server has counted of batches. */
#ifndef WEIR_CMD_KNEE_TARGET_H
#define WEIR_CMD_KNEE_TARGET_H

#include "cmd/knee/fit.h"
#include "lib/base/arena.h"
#include "load/wire.h"

#define KNEE_SHAPES_MAX 16
#define KNEE_RANK_MAX   8
#define KNEE_SIZES_MAX  256

/* "x=1,3,48,192": sizes of an input whose own are open. */
struct knee_shape {
    struct slice name;
    uint64_t dims[KNEE_RANK_MAX];
    uint32_t rank;
};

struct knee_target {
    /* The caller's. */
    struct address address;
    const char *host; /* for the Host field */
    const char *model;
    const char *token; /* Authorization: Bearer; NULL: none */
    const struct knee_shape *shapes;
    uint32_t shape_count;
    bool is_json; /* tensors in the JSON, where binary could be had, too */
    struct arena *arena;
    struct text *fault;
};

/* False: "x=…" it is not. */
bool knee_shape_parse(const char *word, struct knee_shape *ret_shape);
/* Asks for the model's metadata and makes a request of them: random numbers for floats, zeros and ones for integers. On failure
 * `fault` says why. */
MUST_USE enum err knee_target_request(const struct knee_target *target, struct load_request *ret_request);
/* Executions by rows since the server began. ERR_UNSUPPORTED when the server does not tell. */
MUST_USE enum err knee_target_sizes(const struct knee_target *target, struct knee_size sizes[KNEE_SIZES_MAX],
                                    uint32_t *ret_count);

#endif
