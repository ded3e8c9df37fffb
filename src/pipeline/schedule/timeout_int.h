/* SPDX-License-Identifier: Apache-2.0 */
/* How long a client is going to wait, as it says in a header field. */
#ifndef WEIR_PIPELINE_SCHEDULE_TIMEOUT_INT_H
#define WEIR_PIPELINE_SCHEDULE_TIMEOUT_INT_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdint.h>

#define TIMEOUT_MAX_NS 86400000000000ULL /* what is longer counts as a day */

/* "250ms", "1.5s", "2m", "800us"; a number alone is seconds. ERR_INVALID for all else. */
MUST_USE enum err timeout_parse(struct slice text, uint64_t *ret_ns);

#endif
