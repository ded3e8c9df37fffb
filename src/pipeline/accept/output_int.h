/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by connection.c and output.c, which implements it. */
#ifndef WEIR_PIPELINE_ACCEPT_OUTPUT_INT_H
#define WEIR_PIPELINE_ACCEPT_OUTPUT_INT_H

#include "pipeline/connection.h"

/* Sends what waits. ERR_OK: all is with the kernel. ERR_AGAIN: connection_on_sent follows. */
MUST_USE enum err connection_send_all(struct connection *connection);
/* stream_handlers.on_sent */
void connection_on_sent(struct stream *stream, enum err err);
/* All of it was sent, or will never be. */
void connection_drop_output(struct connection *connection);

#endif
