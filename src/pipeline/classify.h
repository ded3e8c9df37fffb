/* SPDX-License-Identifier: Apache-2.0 */
/* The classification extension of the Open Inference Protocol v2: in place of an output, its best elements as texts
 * "score:index" or "score:index:label", the best first. */
#ifndef WEIR_PIPELINE_CLASSIFY_H
#define WEIR_PIPELINE_CLASSIFY_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "pipeline/tensor.h"

/* The best `classes` of each row, or of the whole where there is but one dimension; fewer where there are fewer. The tensor
 * that comes of it is of BYTES [rows, classes] or [classes], has the name of the first one, and lives in the arena. NaN is
 * the worst of scores, and of equal ones the first is the better. ERR_NOMEM. */
MUST_USE enum err classify(struct arena *arena, const struct tensor *scores, uint32_t classes,
                           const struct slice *labels, uint32_t label_count, struct tensor *ret_classes);

#endif
