/* SPDX-License-Identifier: Apache-2.0 */
/* A connection is a slot of an array; it has one request at a time, and reads no further before that is answered. More
 * clients than slots wait in the kernel's queue. */
#include "load/export/server_int.h"

#include "lib/http/http1.h"
#include "lib/meter/exposition_accept.h"
#include "lib/sys/clock.h"

#include <stdlib.h>

#define CONNECTIONS_MAX  16
#define BACKLOG          64
#define INPUT_BYTES      8192
#define HEADERS_MAX      64
#define ANSWER_BYTES_MAX 512 /* of a head */
#define TEXT_BLOCK_BYTES (64u << 10)
#define TEXT_BYTES_MAX   (64u << 20)
#define FIRST_NS         (10 * NS_PER_S)  /* for the first request: silent clients are not to keep a scraper out */
#define IDLE_NS          (120 * NS_PER_S) /* twice the longest usual time between scrapes */

struct connection {
    struct stream stream;
    struct export_server *server;
    struct timer timer; /* idle, or stuck */
    struct http1_parser parser;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
    struct arena arena; /* of the response being sent */
    uint32_t input_bytes;
    bool is_open;
    bool is_sending;
    bool is_last; /* closed behind the response */
    char input[INPUT_BYTES];
};

struct export_server {
    struct listener listener;
    struct loop *loop;
    struct pool pool;
    struct address address;
    export_write write;
    void *owner;
    struct connection connections[CONNECTIONS_MAX];
};

struct answer {
    int status;
    const char *type;
    struct slice body;
};

static bool on_accepted(struct listener *listener, int fd, const struct address *peer);
static void on_exhausted(struct listener *listener);
static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_sent(struct stream *stream, enum err err);
static void on_hangup(struct stream *stream);
static void on_idle(struct timer *timer);
static void serve(struct connection *connection);
static void answer_head(struct connection *connection);
static void send_answer(struct connection *connection, const struct answer *answer);
static void close_connection(struct connection *connection);

static const struct stream_handlers handlers = {
    .on_buffer = on_buffer, .on_received = on_received, .on_sent = on_sent, .on_hangup = on_hangup};
static const struct http1_limits limits = {
    .head_bytes_max = INPUT_BYTES - 1, .target_bytes_max = INPUT_BYTES - 1, .header_count_max = HEADERS_MAX};

enum err export_server_create(struct loop *loop, const struct address *address, export_write write, void *owner,
                              struct export_server **ret_server)
{
    int fd;
    TRY(socket_listen(address, BACKLOG, &fd));
    struct export_server *server = calloc(1, sizeof *server);
    if (!server) {
        socket_close(fd);
        return ERR_NOMEM;
    }
    *server = (struct export_server){.listener = {.on_accepted = on_accepted, .on_exhausted = on_exhausted},
                                     .loop = loop,
                                     .write = write,
                                     .owner = owner};
    pool_init(&server->pool, 0, SIZE_MAX);
    enum err err = socket_address(fd, &server->address);
    if (err != ERR_OK)
        socket_close(fd);
    else
        err = listener_start(&server->listener, loop, fd);
    if (err != ERR_OK) {
        free(server);
        return err;
    }
    *ret_server = server;
    return ERR_OK;
}

void export_server_address(const struct export_server *server, struct address *ret_address)
{
    *ret_address = server->address;
}

void export_server_destroy(struct export_server *server)
{
    if (!server)
        return;
    listener_stop(&server->listener); /* first: it takes connections that wait */
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (server->connections[i].is_open)
            close_connection(&server->connections[i]);
    pool_deinit(&server->pool);
    free(server);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static struct connection *find_free(struct export_server *server)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (!server->connections[i].is_open)
            return &server->connections[i];
    return NULL;
}

static bool on_accepted(struct listener *listener, int fd, const struct address *peer)
{
    struct export_server *server = CONTAINER_OF(listener, struct export_server, listener);
    struct connection *connection = find_free(server);
    (void)peer;
    if (!connection) {
        socket_close(fd);
        return false;
    }
    connection->server = server;
    connection->is_open = true;
    connection->is_sending = connection->is_last = false;
    connection->input_bytes = 0;
    connection->head = (struct http_head){.headers = connection->headers};
    http1_parser_init(&connection->parser, &limits);
    arena_init(&connection->arena, &server->pool, TEXT_BLOCK_BYTES, TEXT_BYTES_MAX);
    timer_init(&connection->timer, on_idle);
    timer_set(&server->loop->timers, &connection->timer, server->loop->now_ns + FIRST_NS);
    stream_open(&connection->stream, server->loop, fd, &handlers);
    if (stream_receive_start(&connection->stream) != ERR_OK)
        close_connection(connection);
    return find_free(server) != NULL;
}

static void on_exhausted(struct listener *listener)
{
    (void)listener; /* it has paused; the next connection that closes resumes it */
}

static void close_connection(struct connection *connection)
{
    timer_cancel(&connection->timer);
    stream_close(&connection->stream);
    arena_reset(&connection->arena);
    connection->is_open = false;
    /* Without descriptors it would fail again: then it stays paused until the next one closes. */
    enum err err = listener_resume(&connection->server->listener);
    (void)err;
}

static void on_idle(struct timer *timer)
{
    close_connection(CONTAINER_OF(timer, struct connection, timer));
}

static void on_hangup(struct stream *stream)
{
    close_connection(CONTAINER_OF(stream, struct connection, stream));
}

static struct iovec on_buffer(struct stream *stream)
{
    struct connection *connection = CONTAINER_OF(stream, struct connection, stream);
    if (connection->is_sending)
        return (struct iovec){NULL, 0};
    return (struct iovec){connection->input + connection->input_bytes, INPUT_BYTES - connection->input_bytes};
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct connection *connection = CONTAINER_OF(stream, struct connection, stream);
    if (err != ERR_OK) {
        close_connection(connection);
        return;
    }
    connection->input_bytes += (uint32_t)bytes;
    serve(connection);
}

static void on_sent(struct stream *stream, enum err err)
{
    struct connection *connection = CONTAINER_OF(stream, struct connection, stream);
    connection->is_sending = false;
    if (err != ERR_OK || connection->is_last || stream_receive_start(stream) != ERR_OK) {
        close_connection(connection);
        return;
    }
    arena_reset(&connection->arena);
    serve(connection);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* All requests that are whole, until one's response has to wait. */
static void serve(struct connection *connection)
{
    struct loop *loop = connection->server->loop;
    while (connection->is_open && !connection->is_sending && connection->input_bytes > 0) {
        enum err err = http1_request_parse(&connection->parser, slice_of(connection->input, connection->input_bytes),
                                           &connection->head);
        if (err == ERR_AGAIN)
            return;
        if (err == ERR_OK) {
            timer_set(&loop->timers, &connection->timer, loop->now_ns + IDLE_NS);
            answer_head(connection);
            continue;
        }
        connection->is_last = true;
        send_answer(connection, &(struct answer){http1_fault_status(connection->parser.fault), "text/plain",
                                                 SLICE_LIT("This is no request that is understood here.\n")});
    }
}

static void answer_head(struct connection *connection)
{
    const struct http_head *head = &connection->head;
    struct export_server *server = connection->server;
    struct answer answer = {404, "text/plain", SLICE_LIT("Metrics are at /metrics.\n")};
    enum exposition_format format;
    struct slice path = slice_first(head->target, slice_find(head->target, '?'));
    connection->is_last = head->has_body || !head->is_keep_alive; /* a body is not read */
    if (!slice_is(path, "/metrics")) {
        /* As it stands. */
    } else if (head->method != HTTP_METHOD_GET && head->method != HTTP_METHOD_HEAD) {
        answer = (struct answer){405, "text/plain", SLICE_LIT("Only GET is answered here.\n")};
    } else if (!exposition_accept(http_head_value(head, HTTP_FIELD_ACCEPT), &format)) {
        answer = (struct answer){406, "text/plain",
                                 SLICE_LIT("Metrics are text/plain; version=0.0.4 or "
                                           "application/openmetrics-text; version=1.0.0.\n")};
    } else {
        answer = (struct answer){200, exposition_content_type(format), {NULL, 0}};
        if (server->write(server->owner, format, &connection->arena, &answer.body) != ERR_OK)
            answer = (struct answer){503, "text/plain", SLICE_LIT("There is no memory for the metrics.\n")};
    }
    send_answer(connection, &answer);
}

/* Head and body as one piece in the arena. The request's bytes are dropped: nothing of it is needed any more. */
static void send_answer(struct connection *connection, const struct answer *answer)
{
    char memory[ANSWER_BYTES_MAX];
    struct http1_writer writer;
    struct slice bytes;
    size_t sent_bytes;
    http1_writer_init(&writer, memory, sizeof memory);
    http1_write_status(&writer, answer->status);
    http1_write_named(&writer, SLICE_LIT("Content-Type"), slice_of_text(answer->type));
    http1_write_length(&writer, answer->body.len);
    if (answer->status == 405)
        http1_write_named(&writer, SLICE_LIT("Allow"), SLICE_LIT("GET, HEAD"));
    if (connection->is_last)
        http1_write_named(&writer, SLICE_LIT("Connection"), SLICE_LIT("close"));
    http1_write_end(&writer);
    struct buffer out = buffer_in_arena(&connection->arena, writer.len + answer->body.len);
    buffer_add(&out, slice_of(writer.ptr, writer.len));
    if (connection->head.method != HTTP_METHOD_HEAD)
        buffer_add(&out, answer->body);
    connection->input_bytes -= (uint32_t)connection->head.head_bytes;
    memmove(connection->input, connection->input + connection->head.head_bytes, connection->input_bytes);
    connection->head = (struct http_head){.headers = connection->headers};
    http1_parser_reset(&connection->parser);
    enum err err = buffer_finish(&out, &bytes);
    if (err == ERR_OK)
        err = stream_send(&connection->stream, bytes, &sent_bytes);
    connection->is_sending = err == ERR_AGAIN;
    if (connection->is_sending)
        return;
    if (err != ERR_OK || connection->is_last)
        close_connection(connection);
    else
        arena_reset(&connection->arena);
}
