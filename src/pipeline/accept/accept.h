/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners of a worker, and the connections they bring. Worker's thread only. */
#ifndef WEIR_PIPELINE_ACCEPT_ACCEPT_H
#define WEIR_PIPELINE_ACCEPT_ACCEPT_H

#include "pipeline/connection.h"
#include "pipeline/worker.h"

MUST_USE enum err accept_start(struct worker *worker);
/* Takes what waits in the kernel's queues, then closes the listeners. */
void accept_stop(struct worker *worker);
/* There may be room again for connections. */
void accept_resume(struct worker *worker);
/* A connection has gone. */
void accept_on_closed(struct worker *worker);
/* Another worker may have freed a place, or asks for one. True: one was made. */
bool accept_on_mail(struct worker *worker);

/* The header of the PROXY protocol, before anything else; then connection_begin. */
extern const struct protocol protocol_preface;

/* Takes over fd; closes it when there is no memory for it, or when its address may not connect. ERR_LIMIT: there is no
 * place for it, and fd is still the caller's. */
MUST_USE enum err connection_open(struct worker_listener *listener, int fd, const struct address *peer);
/* Whether the client may have one connection more. If it is counted, client_leave has to follow. */
bool client_admit(struct worker *worker, const struct ip *ip, bool *ret_is_counted);
void client_leave(struct worker *worker, const struct ip *ip);

/* Speaks TLS or HTTP from here on: what a listener without a PROXY header does at once. ERR_NOMEM. */
MUST_USE enum err connection_begin(struct connection *connection);
/* For draining: an idle connection goes when no request arrives in a moment, others after their response. */
void connection_drain(struct connection *connection);
/* The timer of a connection: its phase has lasted too long. */
void connection_on_timer(struct timer *timer);

#endif
