/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between stream and connection: the protocols above see plaintext only, the stream below ciphertext only.
 *
 * Ciphertext is received into a block of the worker's pool that goes back when all of it has been decrypted, and sent
 * from one that goes back when the kernel has all of it: an idle connection has neither. Decrypting is part of the
 * bracket (connection_leave), straight into where the protocol wants the next bytes, and only while it wants any; the
 * rest waits as it came. Encrypting waits until the kernel has taken what was encrypted before. */
#ifndef WEIR_PIPELINE_ACCEPT_SECURE_INT_H
#define WEIR_PIPELINE_ACCEPT_SECURE_INT_H

#include "pipeline/connection.h"
#include "pipeline/protocol.h"

struct tls_context;

/* From here on what is received is ciphertext, what waits in the receive buffer too. The protocol is that of the
 * handshake, which gives way to the one that was agreed on. ERR_NOMEM. */
MUST_USE enum err secure_open(struct connection *connection, struct tls_context *context);
/* Says the last words, if the stream takes them now, and frees all. Again does no harm. */
void secure_close(struct connection *connection);

/* Where ciphertext goes; empty while what is there has to be decrypted first. ERR_NOMEM. */
MUST_USE enum err secure_buffer(struct connection *connection, struct iovec *ret_room);
void secure_received(struct connection *connection, size_t bytes);
/* The stream ends behind what was received. False: there is still something to decrypt before that. */
bool secure_end_input(struct connection *connection);
/* Decrypts what the protocol wants and has place for. Within a bracket. */
void secure_read(struct connection *connection);
/* There is more to decrypt, and place for it. */
bool secure_has_input(const struct connection *connection);

/* Encrypts and sends what waits in the send buffer, and what TLS itself has to say. As stream_send; the stream borrows a
 * block of ours. */
MUST_USE enum err secure_send(struct connection *connection);
/* The stream has sent all that it had borrowed. */
void secure_sent(struct connection *connection);

/* connection.c: what is spoken where nothing was agreed on. A listener for both begins with HTTP/1, which gives way to
 * the preface of HTTP/2. */
const struct protocol *connection_first_protocol(const struct connection *connection);
/* connection.c: the place of the next plaintext, or an empty one without memory; and that so many bytes are in it. */
struct iovec connection_place(struct connection *connection);
void connection_delivered(struct connection *connection, size_t bytes);
/* The client will send no more. */
void connection_end_input(struct connection *connection);

#endif
