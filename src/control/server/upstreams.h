/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the upstreams of a configuration their addresses. */
#ifndef WEIR_CONTROL_SERVER_UPSTREAMS_H
#define WEIR_CONTROL_SERVER_UPSTREAMS_H

#include "pipeline/config.h"

/* Has every host name of the configuration resolved, from now until the configuration goes; makes the resolver when the
 * first one needs it. Waits a moment for the first answers; a name that has none is no error, as it may come. ERR_NOMEM,
 * ERR_IO. */
MUST_USE enum err upstreams_attach(struct resolver **resolver, struct config *config);

#endif
