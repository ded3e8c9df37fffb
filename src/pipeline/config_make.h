/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration under construction: for the loader and the control plane, before it is shared. */
#ifndef WEIR_PIPELINE_CONFIG_MAKE_H
#define WEIR_PIPELINE_CONFIG_MAKE_H

#include "pipeline/config.h"

/* One reference, an open arena, everything else zero. NULL without memory. */
MUST_USE struct config *config_create(void);

/* Has the last config_unref call release(context), later ones first, before the arena goes. */
MUST_USE enum err config_on_release(struct config *config, void (*release)(void *context), void *context);

#endif
