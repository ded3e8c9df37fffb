/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol, as a protocol of its own that the connection speaks until the header is there. It is
 * read to its last byte and not beyond, so that whatever follows, TLS too, finds the connection as if it had just begun.
 * Who may send one was asked before: listeners that expect it take connections from nobody else. */
#include "lib/http/proxy_protocol.h"
#include "pipeline/accept/accept.h"
#include "pipeline/protocol.h"

struct preface {
    size_t block_bytes; /* of the pool's block that this is in */
    size_t received;
    char bytes[PROXY_PROTOCOL_BYTES_MAX];
};

static enum err open(struct connection *connection)
{
    size_t block_bytes;
    struct preface *preface = (struct preface *)pool_acquire(&connection->worker->pool, sizeof *preface, &block_bytes);
    if (!preface)
        return ERR_NOMEM;
    preface->block_bytes = block_bytes;
    preface->received = 0;
    connection->protocol_state = preface;
    return ERR_OK;
}

static void close(struct connection *connection)
{
    struct preface *preface = connection->protocol_state;
    if (preface)
        pool_release(&connection->worker->pool, (char *)preface, preface->block_bytes);
    connection->protocol_state = NULL;
}

static struct iovec direct_buffer(const struct connection *connection)
{
    struct preface *preface = connection->protocol_state;
    size_t wanted = proxy_protocol_wanted(slice_of(preface->bytes, preface->received));
    return (struct iovec){preface->bytes + preface->received, wanted - preface->received};
}

static void direct_received(struct connection *connection, size_t bytes)
{
    struct preface *preface = connection->protocol_state;
    preface->received += bytes;
}

static void work(struct connection *connection)
{
    struct preface *preface = connection->protocol_state;
    struct proxy_protocol header;
    size_t header_bytes;
    enum err err = proxy_protocol_parse(slice_of(preface->bytes, preface->received), &header, &header_bytes);
    if (err == ERR_AGAIN)
        return;
    if (err != ERR_OK) {
        counter_add(&connection->worker->meter.preface_refused, 1);
        connection_close(connection);
        return;
    }
    if (!header.is_local)
        connection->peer = header.source;
    close(connection);
    bool may_connect = header.is_local || client_admit(connection->worker, &connection->peer, &connection->is_counted);
    if (!may_connect || connection_begin(connection) != ERR_OK)
        connection_close(connection);
}

static enum connection_phase phase(const struct connection *connection, bool *ret_wants_input)
{
    (void)connection;
    *ret_wants_input = true;
    return CONNECTION_HEAD;
}

static void on_expired(struct connection *connection)
{
    if (connection->phase != CONNECTION_IDLE)
        counter_add(&connection->worker->meter.connections_timed_out, 1);
    connection_close(connection);
}

/* Nothing can be said to a sender that waits for no answer yet. */
static void refuse(struct connection *connection)
{
    connection_close(connection);
}

/* A header that is on its way has a moment left, as a request on an idle connection has. */
static void drain(struct connection *connection)
{
    connection_set_phase(connection, CONNECTION_IDLE);
}

const struct protocol protocol_preface = {
    .name = "PROXY",
    .open = open,
    .close = close,
    .work = work,
    .direct_buffer = direct_buffer,
    .direct_received = direct_received,
    .phase = phase,
    .on_expired = on_expired,
    .refuse = refuse,
    .drain = drain,
};
