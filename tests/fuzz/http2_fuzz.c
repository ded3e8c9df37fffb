/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http2
 *
 * Frames to a server that answers every request: at once, and in pieces of a few bytes, which must come to the same.
 * Heads that are given out as good must hold what head.h promises, and no stream may be left behind. The preface is put
 * in front, since a fuzzer need not find it; the first byte of the input chooses how the server answers. */
#include "http2_exchange.h"

#define STREAMS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct exchange exchanges[STREAMS_MAX];
static struct http2_context *context;
static uint8_t manner;
static bool is_failed; /* the connection */
static bool has_goaway;

static struct http2_stream *on_open(void *owner)
{
    (void)owner;
    for (struct exchange *exchange = exchanges; exchange < exchanges + STREAMS_MAX; exchange++) {
        if (exchange->is_open)
            continue;
        memset(&exchange->stream, 0, sizeof exchange->stream);
        exchange->head.headers = exchange->headers;
        exchange->stream.head = &exchange->head;
        exchange->memory_used = 0;
        exchange->body_digest = 0;
        exchange->left = manner & 1 ? 0 : 40000;
        exchange->stream.left_bytes = exchange->left;
        exchange->is_open = true;
        return &exchange->stream;
    }
    return NULL;
}

static void require_promises(const struct http_head *head)
{
    require_fields(head);
    require(head->method != HTTP_METHOD_CONNECT);
    require(head->target.len > 0 && (head->target.ptr[0] == '/' || slice_is(head->target, "*")));
    require(http_is_token(head->method_text) && http_is_authority(head->host));
}

static void on_head(struct http2_stream *stream, enum err err)
{
    note(err);
    note(stream->fault);
    if (err == ERR_OK) {
        require_promises(stream->head);
        note_slice(stream->head->target);
        for (uint16_t i = 0; i < stream->head->header_count; i++)
            note_slice(stream->head->headers[i].value);
    }
    if (manner & 2)
        require(http2_respond(stream, 200, NULL, 0, !(manner & 4)) != ERR_INVALID);
}

static void on_data(struct http2_stream *stream, struct slice data)
{
    struct exchange *exchange = exchange_of(stream);
    for (size_t i = 0; i < data.len; i++)
        exchange->body_digest = mix(exchange->body_digest, (uint8_t)data.ptr[i]);
    if (manner & 8)
        http2_consumed(stream, data.len);
    if (manner & 32) {
        http2_reset(stream, HTTP2_CANCEL);
        exchange->is_open = false;
    }
}

static void on_trailer(struct http2_stream *stream, struct slice name, struct slice value)
{
    (void)stream;
    note_slice(name);
    note_slice(value);
}

static void on_end(struct http2_stream *stream)
{
    note(exchange_of(stream)->body_digest); /* before the end, how much there is of it depends on the pieces */
    if (!(manner & 2))
        require(http2_respond(stream, 200, NULL, 0, true) != ERR_INVALID);
}

static enum err on_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct exchange *exchange = exchange_of(stream);
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
    .on_open = on_open,
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
    while (http2_send(session, out, manner & 16 ? HTTP2_SEND_BYTES_MOST : sizeof out) > 0)
        continue;
}

/* What was heard of the input when it comes in pieces of `piece` bytes and nothing is sent before the last. */
static uint64_t run(struct slice input, size_t piece)
{
    struct http2_limits limits;
    struct http2_session *session;
    http2_limits_default(&limits);
    limits.head =
        (struct http2_head_limits){.head_bytes_max = 2048, .target_bytes_max = 256, .header_count_max = HEADERS_MAX};
    limits.streams_max = STREAMS_MAX / 2;
    digest = 0;
    has_goaway = false;
    memset(exchanges, 0, sizeof exchanges);
    require(http2_create(&(struct http2_options){.context = context, .events = &events, .limits = &limits}, &session) ==
            ERR_OK);
    enum err err = http2_receive(session, SLICE_LIT(HTTP2_PREFACE), 0);
    for (size_t at = 0; at < input.len && err == ERR_OK; at += piece) {
        err = http2_receive(session, slice_first(slice_skip(input, at), piece), 0);
        if (manner & 64)
            send_all(session);
    }
    uint64_t heard = digest;
    is_failed = err != ERR_OK;
    send_all(session);
    http2_destroy(session);
    for (struct exchange *exchange = exchanges; exchange < exchanges + STREAMS_MAX; exchange++)
        require(!exchange->is_open || !exchange->stream.session);
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
    /* What is sent in between changes what is heard, and so do streams given up in the middle of a frame; what
     * ends the connection is seen before the good frames in front of it. Behind the client's own GOAWAY nothing more is
     * read once no stream is open, and where that is, the pieces decide. */
    bool is_comparable = !(manner & 64) && !(manner & 32) && !is_failed && !has_goaway;
    for (size_t piece = 1; piece < 20; piece += 9) {
        uint64_t pieces = run(input, piece);
        require(!is_comparable || (pieces == whole && !is_failed));
    }
    return 0;
}
