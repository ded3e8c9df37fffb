/* SPDX-License-Identifier: Apache-2.0 */
/* What schema_check runs. */
#ifndef WEIR_LIB_SCHEMA_FAST_INT_H
#define WEIR_LIB_SCHEMA_FAST_INT_H

#include "lib/schema/program_int.h"

/* ERR_LIMIT, ERR_NOMEM. */
MUST_USE enum err fast_make(struct schema *schema);

#endif
