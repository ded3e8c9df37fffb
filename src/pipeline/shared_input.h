/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs that lie in shared memory, for both wires. */
#ifndef WEIR_PIPELINE_SHARED_INPUT_H
#define WEIR_PIPELINE_SHARED_INPUT_H

#include "pipeline/request.h"

/* Whether the range has the bytes that a tensor of these dims brings. ERR_INVALID: `fault` says so. */
MUST_USE enum err shared_input_check(const struct shared_range *range, const struct tensor_spec *spec,
                                     const int64_t *dims, struct text *fault);
/* Copies it to `data` (run_input): the client may write to it at any moment, and may cut it short. ERR_INVALID: `fault`
 * says why not, in a sentence; ERR_NOMEM. */
MUST_USE enum err shared_input_read(struct request *request, const struct shared_range *range,
                                    const struct tensor_spec *spec, const int64_t *dims, void *data,
                                    struct text *fault);

#endif
