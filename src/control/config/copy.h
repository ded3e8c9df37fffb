/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration says, copied by the rows of its table, for what outlives the configuration. */
#ifndef WEIR_CONTROL_CONFIG_COPY_H
#define WEIR_CONTROL_CONFIG_COPY_H

#include "lib/base/arena.h"
#include "lib/options/option.h"

/* `to` becomes a copy of `from`, with texts and lists of its own in the arena; what no row describes is copied as it is.
 * ERR_NOMEM: `to` is not to be used. */
MUST_USE enum err option_table_copy(const struct option_table *table, struct arena *arena, const void *from, void *to);

/* All of it, with what no row describes. */
struct model_config;
MUST_USE enum err model_config_copy(struct arena *arena, const struct model_config *from, struct model_config *to);

#endif
