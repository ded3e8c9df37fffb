/* SPDX-License-Identifier: Apache-2.0 */
/* weir serve: the life of the process, from a configuration to the last answered request.
 *
 * The calling thread becomes the control thread. It owns the workers' lives, the current configuration and the signals:
 *   SIGTERM, SIGINT  drain (shutdown.delay, then shutdown.timeout), return; a second one ends the process at once
 *   SIGHUP           load the configuration anew, models included, and switch if all of it is good; reopen log files
 * Whatever is slow (loading models) happens on a thread of its own, so signals are always heard. */
#ifndef WEIR_CONTROL_SERVER_SERVER_H
#define WEIR_CONTROL_SERVER_SERVER_H

#include "lib/base/err.h"
#include "pipeline/config.h"

struct server_options {
    const char *path;      /* of the configuration, for reloads */
    struct config *config; /* the first one; the server takes over the reference */
    /* Called once on the control thread, when requests are taken and all models have been tried; may be NULL. */
    void (*on_started)(const char *address, const struct config *config);
};

/* Serves until told to stop. ERR_OK after a drain; otherwise what could not be started was said. */
MUST_USE enum err server_run(const struct server_options *options);

#endif
