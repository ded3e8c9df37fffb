/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics on an address of its own, for the few clients that scrape a test. HTTP/1.1; all on one thread's loop. */
#ifndef WEIR_LOAD_EXPORT_SERVER_INT_H
#define WEIR_LOAD_EXPORT_SERVER_INT_H

#include "lib/meter/exposition.h"
#include "lib/sys/loop.h"

struct export_server;

/* Writes what is to be told; in the arena, which lives until it is sent. */
typedef enum err (*export_write)(void *owner, enum exposition_format format, struct arena *arena,
                                 struct slice *ret_text);

/* Listens from here on; errors as socket_listen, ERR_NOMEM. */
MUST_USE enum err export_server_create(struct loop *loop, const struct address *address, export_write write,
                                       void *owner, struct export_server **ret_server);
void export_server_address(const struct export_server *server, struct address *ret_address);
/* Closes all connections. NULL is accepted. */
void export_server_destroy(struct export_server *server);

#endif
