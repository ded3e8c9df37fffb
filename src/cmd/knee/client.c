/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/client.h"

#include "lib/sys/clock.h"

#include <stdlib.h>

#define INPUT_FIRST_BYTES 16384

static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_sent(struct stream *stream, enum err err);
static void on_hangup(struct stream *stream);
static void on_connected(struct stream *stream, enum err err);
static void lose(struct knee_connection *connection, enum err err);
static enum err take_response(struct knee_connection *connection);

static const struct stream_handlers handlers = {
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_hangup = on_hangup,
    .on_connected = on_connected,
};

static const struct http1_limits limits = {
    .head_bytes_max = 65536, .target_bytes_max = 8192, .header_count_max = KNEE_HEADERS_MAX};

static void expect_response(struct knee_connection *connection)
{
    http1_parser_init(&connection->parser, &limits);
    connection->head = (struct http_head){.headers = connection->headers};
    connection->len = 0;
    connection->response_bytes = 0;
}

enum err knee_connection_open(struct knee_connection *connection, struct loop *loop, const struct address *address)
{
    TRY(stream_connect(&connection->stream, loop, address, NULL, &handlers));
    connection->is_open = true;
    connection->is_connected = connection->is_busy = false;
    expect_response(connection);
    return ERR_OK;
}

void knee_connection_send(struct knee_connection *connection, struct slice request)
{
    size_t sent;
    connection->is_busy = true;
    enum err err = stream_send(&connection->stream, request, &sent);
    if (err != ERR_OK && err != ERR_AGAIN)
        lose(connection, err);
}

void knee_connection_close(struct knee_connection *connection)
{
    if (connection->is_open)
        stream_close(&connection->stream);
    connection->is_open = connection->is_connected = connection->is_busy = false;
}

void knee_connection_deinit(struct knee_connection *connection)
{
    knee_connection_close(connection);
    free(connection->input);
    connection->input = NULL;
    connection->capacity = 0;
}

static struct knee_connection *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct knee_connection, stream);
}

static void lose(struct knee_connection *connection, enum err err)
{
    knee_connection_close(connection);
    connection->on_lost(connection, err);
}

static void on_connected(struct stream *stream, enum err err)
{
    struct knee_connection *connection = of_stream(stream);
    if (err == ERR_OK)
        err = stream_receive_start(stream);
    if (err != ERR_OK) {
        lose(connection, err);
        return;
    }
    connection->is_connected = true;
}

/* Room for what is known to come, or for some more. */
static bool reserve(struct knee_connection *connection)
{
    size_t wanted = MAX(connection->response_bytes, connection->len + 1);
    if (connection->capacity >= wanted)
        return true;
    size_t capacity = MAX(MAX(wanted, 2 * connection->capacity), (size_t)INPUT_FIRST_BYTES);
    char *input = capacity <= KNEE_BYTES_MAX ? realloc(connection->input, capacity) : NULL;
    if (!input)
        return false;
    connection->input = input;
    connection->capacity = capacity;
    return true;
}

static struct iovec on_buffer(struct stream *stream)
{
    struct knee_connection *connection = of_stream(stream);
    if (!reserve(connection)) {
        lose(connection, ERR_NOMEM);
        return (struct iovec){NULL, 0};
    }
    return (struct iovec){connection->input + connection->len, connection->capacity - connection->len};
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct knee_connection *connection = of_stream(stream);
    connection->len += bytes;
    if (err == ERR_OK)
        err = connection->is_busy ? take_response(connection) : ERR_SYNTAX;
    if (err != ERR_OK && err != ERR_AGAIN)
        lose(connection, err);
}

/* ERR_AGAIN: there is more to come. */
static enum err take_response(struct knee_connection *connection)
{
    if (!connection->response_bytes) {
        struct slice input = slice_of(connection->input, connection->len);
        TRY(http1_response_parse(&connection->parser, HTTP_METHOD_POST, input, &connection->head));
        if (connection->head.is_chunked || connection->head.is_until_close)
            return ERR_UNSUPPORTED; /* weir says the length of what it makes itself */
        connection->response_bytes = connection->head.head_bytes + connection->head.content_length;
        connection->status = connection->head.status;
    }
    if (connection->len < connection->response_bytes)
        return ERR_AGAIN;
    size_t body_bytes = (size_t)connection->head.content_length;
    struct slice body = slice_of(connection->input + connection->response_bytes - body_bytes, body_bytes);
    int status = connection->status;
    bool is_kept = connection->head.is_keep_alive;
    connection->is_busy = false;
    expect_response(connection);
    if (!is_kept)
        connection->is_connected = false;
    connection->on_response(connection, status, body);
    return is_kept ? ERR_OK : ERR_EOF;
}

static void on_sent(struct stream *stream, enum err err)
{
    if (err != ERR_OK)
        lose(of_stream(stream), err);
}

static void on_hangup(struct stream *stream)
{
    lose(of_stream(stream), ERR_CLOSED);
}

/* --- one at a time ----------------------------------------------------------------------------------------------- */

struct fetch {
    struct slice request;
    bool is_sent;
    bool is_over;
    enum err err;
    int status;
    char *body;
    size_t bytes;
};

static void on_fetched(struct knee_connection *connection, int status, struct slice body)
{
    struct fetch *fetch = connection->owner;
    fetch->is_over = true;
    fetch->status = status;
    fetch->bytes = body.len;
    fetch->body = malloc(body.len + 1);
    fetch->err = fetch->body ? ERR_OK : ERR_NOMEM;
    if (!fetch->body)
        return;
    if (body.len)
        memcpy(fetch->body, body.ptr, body.len);
    fetch->body[body.len] = 0;
}

static void on_fetch_lost(struct knee_connection *connection, enum err err)
{
    struct fetch *fetch = connection->owner;
    if (!fetch->is_over)
        fetch->err = err == ERR_OK ? ERR_CLOSED : err;
    fetch->is_over = true;
}

static void fetch_run(struct loop *loop, struct knee_connection *connection, struct fetch *fetch, uint64_t end_ns)
{
    while (!fetch->is_over && clock_now_ns() < end_ns) {
        loop_turn(loop, 10 * NS_PER_MS);
        if (connection->is_connected && !fetch->is_sent) {
            fetch->is_sent = true;
            knee_connection_send(connection, fetch->request);
        }
    }
}

enum err knee_fetch(const struct address *address, struct slice request, uint64_t timeout_ns, int *ret_status,
                    char **ret_body, size_t *ret_bytes)
{
    struct loop loop;
    struct fetch fetch = {.request = request, .err = ERR_TIMEOUT};
    struct knee_connection connection = {.on_response = on_fetched, .on_lost = on_fetch_lost, .owner = &fetch};
    TRY(loop_init(&loop));
    fetch.err = knee_connection_open(&connection, &loop, address);
    if (fetch.err == ERR_OK) {
        fetch.err = ERR_TIMEOUT;
        fetch_run(&loop, &connection, &fetch, clock_now_ns() + timeout_ns);
    }
    knee_connection_deinit(&connection);
    loop_deinit(&loop);
    if (fetch.err != ERR_OK)
        return fetch.err;
    *ret_status = fetch.status;
    *ret_body = fetch.body;
    *ret_bytes = fetch.bytes;
    return ERR_OK;
}
