/* SPDX-License-Identifier: Apache-2.0 */
/* Which model a request is for, and whether it can serve. */
#ifndef WEIR_PIPELINE_MODEL_FIND_H
#define WEIR_PIPELINE_MODEL_FIND_H

#include "pipeline/request.h"

/* Sets request->model_entry: the route's model, else the one that the path names with {model} and, where it stands,
 * {version}; without a version, the highest that is ready. FAIL with 404 and the nearest name when there is none. */
enum verdict model_find(struct request *request);

/* The same for a name and a version that stand elsewhere; an empty version is none. */
enum verdict model_find_named(struct request *request, struct slice name, struct slice version);

/* The model of request->model_entry once it can run; FAIL with 503 and the reason while it loads or when it cannot. */
enum verdict model_need(struct request *request, struct model **ret_model);

/* Both. */
enum verdict model_find_ready(struct request *request, struct model **ret_model);

#endif
