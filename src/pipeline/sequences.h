/* SPDX-License-Identifier: Apache-2.0 */
/* Models with a state: requests of one sequence (inference.sequence) run one after the other, and what the model gives as its
 * state after one is what it gets with the next. Implemented in sequence/; of models that are configured so.
 *
 * A model has one, for as long as it is loaded. Whichever worker has a request of a sequence finds it, so the table has a
 * lock: held to look up, to queue and to let go, never while anything runs. */
#ifndef WEIR_PIPELINE_SEQUENCES_H
#define WEIR_PIPELINE_SEQUENCES_H

#include "pipeline/model.h"

struct request;
struct sequences;

/* *ret_sequences is NULL where the configuration names no state. ERR_INVALID: it does not fit the model, and `fault` says how. */
MUST_USE enum err sequences_create(const struct model_config *config, const struct model_info *info, struct text *fault,
                                   struct sequences **ret_sequences);
/* When no run of the model is out any more. NULL is accepted. */
void sequences_destroy(struct sequences *sequences);
/* One bit for each input that is a state: a request need not bring it. */
uint32_t sequences_inputs(const struct sequences *sequences);
/* How many there are, those included that have been idle for too long and nobody has looked for; any thread. NULL: 0. */
uint32_t sequences_count(const struct sequences *sequences);
/* The request has failed, or nobody waits for it any more: the next one of its sequence has the turn. */
void sequences_abandon(struct request *request);

#endif
