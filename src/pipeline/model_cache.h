/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a model that are given again to whoever asks the same: outputs kept for some time (`cache:`), and requests that
 * wait for one like them that runs already (`single_flight:`). Implemented in cache/; off unless configured.
 *
 * A model has one, for as long as it is loaded: a new version begins with nothing. Each worker has its own part of it and
 * touches no other. */
#ifndef WEIR_PIPELINE_MODEL_CACHE_H
#define WEIR_PIPELINE_MODEL_CACHE_H

#include "pipeline/model.h"

struct model_cache;
struct request;

/* Made with the model. *ret_cache is NULL where the configuration asks for neither. */
MUST_USE enum err model_cache_create(const struct model_config *config, uint32_t worker_count,
                                     struct model_cache **ret_cache);
/* When no run of the model is out any more. NULL is accepted. */
void model_cache_destroy(struct model_cache *cache);

/* The request has failed, or nobody waits for it any more: of others that wait with it one takes its place, or, where it was the
 * model that failed, they fail too. They do not wait for its answer to leave. */
void model_cache_abandon(struct request *request);

#endif
