/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http2
 *
 * Frames to a client that has asked for a few things: at once, and in pieces of a few bytes, which must come to the same.
 * Heads that are given out as good must hold what head.h promises, and no stream may be left behind. SETTINGS are put in
 * front, since no frame may come before; the first byte of the input chooses how the client behaves. */
#include "http2_exchange.h"

#define REQUESTS      4
#define SETTINGS_NONE "\0\0\0\4\0\0\0\0\0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct exchange exchanges[REQUESTS];
static struct http2_context *context;
static uint8_t manner;
static bool is_failed; /* the connection */
static bool has_goaway;

static void require_promises(const struct http_head *head)
{
    require_fields(head);
    require(!head->is_until_close);
    require(head->status >= 100 && head->status <= 599 && head->status != 101);
}

static void give_up(struct exchange *exchange)
{
    http2_reset(&exchange->stream, HTTP2_CANCEL);
    exchange->is_open = false;
}

static void on_head(struct http2_stream *stream, enum err err)
{
    require(exchange_of(stream)->is_open);
    note(err);
    note(stream->fault);
    if (err == ERR_OK) {
        require_promises(stream->head);
        note((uint64_t)stream->head->status);
        for (uint16_t i = 0; i < stream->head->header_count; i++)
            note_slice(stream->head->headers[i].value);
    } else {
        give_up(exchange_of(stream));
    }
}

static void on_data(struct http2_stream *stream, struct slice data)
{
    struct exchange *exchange = exchange_of(stream);
    require(exchange->is_open && stream->has_head);
    for (size_t i = 0; i < data.len; i++)
        exchange->body_digest = mix(exchange->body_digest, (uint8_t)data.ptr[i]);
    if (manner & 1)
        http2_consumed(stream, data.len);
    if (manner & 2)
        give_up(exchange);
}

static void on_trailer(struct http2_stream *stream, struct slice name, struct slice value)
{
    require(exchange_of(stream)->is_open);
    note_slice(name);
    note_slice(value);
}

/* As an upstream is left: the stream goes by itself, or what is left of the request is given up. */
static void on_end(struct http2_stream *stream)
{
    struct exchange *exchange = exchange_of(stream);
    require(exchange->is_open && stream->has_head);
    note(exchange->body_digest);
    if (exchange->left > 0) {
        give_up(exchange);
    } else if (manner & 4) {
        http2_release(stream);
        exchange->is_open = false;
    }
}

static enum err on_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct exchange *exchange = exchange_of(stream);
    require(exchange->is_open);
    *ret_bytes = MIN(capacity, exchange->left);
    memset(place, 'x', *ret_bytes);
    exchange->left -= *ret_bytes;
    return exchange->left == 0 ? ERR_EOF : ERR_OK;
}

static void on_close(struct http2_stream *stream, uint32_t code)
{
    note(code);
    require(exchange_of(stream)->is_open && !stream->session);
    exchange_of(stream)->is_open = false;
}

static void on_goaway(void *owner, uint32_t code)
{
    (void)owner;
    (void)code;
    has_goaway = true;
}

static const struct http2_events events = {
    .on_memory = on_memory,
    .on_head = on_head,
    .on_data = on_data,
    .on_trailer = on_trailer,
    .on_end = on_end,
    .on_read = on_read,
    .on_close = on_close,
    .on_goaway = on_goaway,
};

static void send_all(struct http2_session *session)
{
    static char out[65536];
    while (http2_send(session, out, sizeof out) > 0)
        continue;
}

static void ask(struct http2_session *session, unsigned index)
{
    struct exchange *exchange = &exchanges[index];
    const struct http2_request request = {
        .method = index == 1   ? SLICE_LIT("HEAD")
                  : index == 2 ? SLICE_LIT("POST")
                               : SLICE_LIT("GET"),
        .scheme = SLICE_LIT("http"),
        .authority = SLICE_LIT("a"),
        .path = SLICE_LIT("/"),
        .has_body = index == 2,
    };
    memset(exchange, 0, sizeof *exchange);
    exchange->head.headers = exchange->headers;
    exchange->stream.head = &exchange->head;
    exchange->left = index == 2 ? 100000 : 0;
    exchange->stream.left_bytes = exchange->left;
    exchange->is_open = http2_request(session, &exchange->stream, &request) == ERR_OK;
    require(exchange->is_open);
}

/* What was heard of the input when it comes in pieces of `piece` bytes and nothing is sent before the last. */
static uint64_t run(struct slice input, size_t piece)
{
    struct http2_limits limits;
    struct http2_session *session;
    http2_limits_default(&limits);
    limits.head = (struct http2_head_limits){.head_bytes_max = 2048, .header_count_max = HEADERS_MAX};
    digest = 0;
    has_goaway = false;
    const struct http2_options options = {.context = context, .events = &events, .limits = &limits, .is_client = true};
    require(http2_create(&options, &session) == ERR_OK);
    enum err err = http2_receive(session, slice_of(SETTINGS_NONE, sizeof SETTINGS_NONE - 1), 0);
    require(err == ERR_OK && http2_has_settings(session));
    for (unsigned i = 0; i < REQUESTS; i++)
        ask(session, i);
    send_all(session);
    for (size_t at = 0; at < input.len && err == ERR_OK; at += piece) {
        err = http2_receive(session, slice_first(slice_skip(input, at), piece), 0);
        if (manner & 8)
            send_all(session);
    }
    uint64_t heard = digest;
    is_failed = err != ERR_OK;
    send_all(session);
    http2_destroy(session);
    for (unsigned i = 0; i < REQUESTS; i++)
        require(!exchanges[i].stream.session);
    require(http2_context_bytes(context) == 0);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    if (!context)
        require(http2_context_create(1u << 20, 1u << 24, &context) == ERR_OK);
    manner = data[0];
    struct slice input = slice_of(data + 1, size - 1);
    uint64_t whole = run(input, input.len);
    bool is_comparable = !(manner & 8) && !(manner & 2) && !is_failed && !has_goaway;
    for (size_t piece = 1; piece < 20; piece += 9) {
        uint64_t pieces = run(input, piece);
        require(!is_comparable || (pieces == whole && !is_failed));
    }
    return 0;
}
