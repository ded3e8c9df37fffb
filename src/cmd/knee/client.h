/* SPDX-License-Identifier: Apache-2.0 */
/* One kept connection of HTTP/1.1 to the server that is measured: a request out, a response in, over and over. */
#ifndef WEIR_CMD_KNEE_CLIENT_H
#define WEIR_CMD_KNEE_CLIENT_H

#include "lib/base/text.h"
#include "lib/http/http1.h"
#include "lib/sys/loop.h"

#define KNEE_HEADERS_MAX 64
#define KNEE_BYTES_MAX   ((size_t)256 << 20) /* of a response */
#define KNEE_CONNECT_S   5

struct knee_connection {
    /* The owner's, before knee_connection_open. */
    /* A whole response; the body is valid for the call. The next request may be sent from here. */
    void (*on_response)(struct knee_connection *connection, int status, struct slice body);
    /* It is closed, whoever did it; what was asked is not answered. May open it again. */
    void (*on_lost)(struct knee_connection *connection, enum err err);
    void *owner;

    struct stream stream;
    struct http1_parser parser;
    struct http_head head;
    struct http_header headers[KNEE_HEADERS_MAX];
    char *input;
    size_t capacity;
    size_t len;
    size_t response_bytes; /* head and body, once the head has come; else 0 */
    int status;
    bool is_open;
    bool is_connected;
    bool is_busy;
};

/* Connecting goes on behind; a request may be sent once is_connected. An error leaves nothing to close. */
MUST_USE enum err knee_connection_open(struct knee_connection *connection, struct loop *loop,
                                       const struct address *address);
/* `request` is borrowed until the response. On an error on_lost was called. */
void knee_connection_send(struct knee_connection *connection, struct slice request);
void knee_connection_close(struct knee_connection *connection);
/* Closes and frees. */
void knee_connection_deinit(struct knee_connection *connection);

/* One request and its response, waiting for it; the body is heap memory of the caller. ERR_TIMEOUT, ERR_CLOSED, ERR_SYNTAX, …. */
MUST_USE enum err knee_fetch(const struct address *address, struct slice request, uint64_t timeout_ns, int *ret_status,
                             char **ret_body, size_t *ret_bytes);

#endif
