/* SPDX-License-Identifier: Apache-2.0 */
/* A server of our own for one model and one batch window: `weir serve` of this very program. */
#ifndef WEIR_CMD_KNEE_SERVER_H
#define WEIR_CMD_KNEE_SERVER_H

#include "cmd/knee/target.h"
#include "lib/sys/child.h"

#define KNEE_OWN_MODEL "model" /* what it calls it */

struct knee_server_options {
    const char *model_path;
    const struct knee_shape *shapes; /* of its warm-up too */
    uint32_t shape_count;
    double window_ms; /* negative: what the scheduler decides */
    uint32_t batch_max;
    uint32_t workers;
    uint32_t executors;
    bool is_verbose; /* it may speak on standard error */
};

struct knee_server {
    struct child child;
    char config_path[256];
    struct address address;
    char host[ADDRESS_TEXT_MAX];
};

/* Waits until the model is ready. On failure `fault` says why, and there is nothing to stop. */
MUST_USE enum err knee_server_start(const struct knee_server_options *options, struct text *fault,
                                    struct knee_server *ret_server);
void knee_server_stop(struct knee_server *server);

#endif
