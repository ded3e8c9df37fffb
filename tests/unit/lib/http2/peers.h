/* SPDX-License-Identifier: Apache-2.0 */
/* Two sessions that talk in memory, or one that is talked to in frames made by hand; what they hear is written down. To
 * be included by the one source file of a test. */
#ifndef TESTS_UNIT_LIB_HTTP2_PEERS_H
#define TESTS_UNIT_LIB_HTTP2_PEERS_H

#include "lib/base/pool.h"
#include "lib/http2/http2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EXCHANGES_MAX 256
#define WIRE_BYTES    65536
#define HEADERS_MAX   32

/* One side's view of one stream. */
struct exchange {
    struct http2_stream stream;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
    char memory[8192];
    size_t memory_used;
    size_t memory_bytes_max;
    char body[200000];
    size_t body_bytes;
    char trailers[256];
    struct slice to_send;  /* what on_read gives */
    size_t read_bytes_max; /* 0: as much as is asked for */
    struct http2_field trailer;
    enum err head_err;
    uint32_t close_code;
    unsigned head_count;
    bool is_deferred; /* on_read has nothing for now */
    bool is_holding;  /* the body is not consumed */
    bool is_ended;
    bool is_closed;
    bool is_broken; /* on_read fails */
};

struct peer {
    struct http2_context *context;
    struct http2_session *session;
    struct exchange *exchanges; /* EXCHANGES_MAX */
    unsigned count;
    unsigned refuse_after;   /* streams that on_open takes */
    size_t memory_bytes_max; /* of each stream */
    unsigned abuses[HTTP2_ABUSE_COUNT];
    uint32_t goaway_code;
    unsigned goaways;
    uint64_t now_ns;
    enum err received; /* of the last http2_receive */
    char wire[WIRE_BYTES];
};

static inline struct exchange *exchange_of(struct http2_stream *stream)
{
    return CONTAINER_OF(stream, struct exchange, stream);
}

static inline struct exchange *exchange_new(struct peer *peer)
{
    assert_true(peer->count < EXCHANGES_MAX);
    struct exchange *exchange = &peer->exchanges[peer->count++];
    memset(exchange, 0, offsetof(struct exchange, body));
    memset(&exchange->body_bytes, 0, sizeof *exchange - offsetof(struct exchange, body_bytes));
    exchange->memory_bytes_max = peer->memory_bytes_max;
    exchange->head.headers = exchange->headers;
    exchange->stream.head = &exchange->head;
    return exchange;
}

static inline struct http2_stream *on_open(void *owner)
{
    struct peer *peer = owner;
    return peer->count < peer->refuse_after ? &exchange_new(peer)->stream : NULL;
}

static inline void *on_memory(struct http2_stream *stream, size_t bytes)
{
    struct exchange *exchange = exchange_of(stream);
    if (bytes > exchange->memory_bytes_max - exchange->memory_used)
        return NULL;
    exchange->memory_used += bytes;
    return exchange->memory + exchange->memory_used - bytes;
}

static inline void on_head(struct http2_stream *stream, enum err err)
{
    struct exchange *exchange = exchange_of(stream);
    exchange->head_err = err;
    exchange->head_count++;
    if (stream->head->status >= 100 && stream->head->status < 200)
        exchange->memory_used = 0;
}

static inline void on_data(struct http2_stream *stream, struct slice data)
{
    struct exchange *exchange = exchange_of(stream);
    assert_true(data.len <= sizeof exchange->body - exchange->body_bytes);
    memcpy(exchange->body + exchange->body_bytes, data.ptr, data.len);
    exchange->body_bytes += data.len;
    if (!exchange->is_holding)
        http2_consumed(stream, data.len);
}

static inline void on_trailer(struct http2_stream *stream, struct slice name, struct slice value)
{
    struct exchange *exchange = exchange_of(stream);
    size_t used = strlen(exchange->trailers);
    snprintf(exchange->trailers + used, sizeof exchange->trailers - used, SLICE_FMT "=" SLICE_FMT ";", SLICE_ARG(name),
             SLICE_ARG(value));
}

static inline void on_end(struct http2_stream *stream)
{
    exchange_of(stream)->is_ended = true;
}

static inline enum err on_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct exchange *exchange = exchange_of(stream);
    if (exchange->is_broken)
        return ERR_IO;
    if (exchange->is_deferred)
        return ERR_AGAIN;
    if (exchange->read_bytes_max)
        capacity = MIN(capacity, exchange->read_bytes_max);
    *ret_bytes = MIN(capacity, exchange->to_send.len);
    if (*ret_bytes)
        memcpy(place, exchange->to_send.ptr, *ret_bytes);
    exchange->to_send = slice_skip(exchange->to_send, *ret_bytes);
    if (exchange->to_send.len > 0)
        return ERR_OK;
    if (exchange->trailer.name.len)
        assert_int_equal(http2_send_trailers(stream, &exchange->trailer, 1), ERR_OK);
    return ERR_EOF;
}

static inline void on_close(struct http2_stream *stream, uint32_t code)
{
    struct exchange *exchange = exchange_of(stream);
    assert_false(exchange->is_closed);
    exchange->is_closed = true;
    exchange->close_code = code;
}

static inline void on_goaway(void *owner, uint32_t code)
{
    struct peer *peer = owner;
    peer->goaway_code = code;
    peer->goaways++;
}

static inline void on_abuse(void *owner, enum http2_abuse abuse)
{
    ((struct peer *)owner)->abuses[abuse]++;
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
    .on_abuse = on_abuse,
};

static inline void limits_for_tests(struct http2_limits *limits)
{
    http2_limits_default(limits);
    limits->head =
        (struct http2_head_limits){.head_bytes_max = 4096, .target_bytes_max = 1024, .header_count_max = HEADERS_MAX};
}

static inline void peer_init_with(struct peer *peer, bool is_client, const struct http2_limits *limits)
{
    memset(peer, 0, offsetof(struct peer, wire));
    peer->refuse_after = EXCHANGES_MAX;
    peer->memory_bytes_max = sizeof peer->exchanges->memory;
    peer->exchanges = calloc(EXCHANGES_MAX, sizeof *peer->exchanges);
    assert_non_null(peer->exchanges);
    assert_int_equal(http2_context_create(1u << 20, 1u << 24, &peer->context), ERR_OK);
    struct http2_options options = {
        .context = peer->context, .events = &events, .owner = peer, .limits = limits, .is_client = is_client};
    assert_int_equal(http2_create(&options, &peer->session), ERR_OK);
}

static inline void peer_init(struct peer *peer, bool is_client)
{
    struct http2_limits limits;
    limits_for_tests(&limits);
    peer_init_with(peer, is_client, &limits);
}

static inline void peer_deinit(struct peer *peer)
{
    http2_destroy(peer->session);
    assert_int_equal(http2_context_bytes(peer->context), 0);
    http2_context_destroy(peer->context);
    free(peer->exchanges);
}

/* All that one side has to say, in pieces of `piece` bytes of send buffer. */
static inline size_t pass(struct peer *from, struct peer *to, size_t piece)
{
    size_t all = 0;
    size_t bytes;
    while ((bytes = http2_send(from->session, from->wire, MIN(piece, sizeof from->wire))) > 0) {
        to->received = http2_receive(to->session, slice_of(from->wire, bytes), to->now_ns);
        all += bytes;
    }
    return all;
}

/* Until both have said all. */
static inline void talk(struct peer *a, struct peer *b)
{
    while (pass(a, b, sizeof a->wire) + pass(b, a, sizeof b->wire) > 0)
        continue;
}

static inline struct exchange *ask(struct peer *client, const char *method, const char *path, struct slice body)
{
    struct exchange *exchange = exchange_new(client);
    struct http2_request request = {
        .method = slice_of_text(method),
        .scheme = SLICE_LIT("http"),
        .authority = SLICE_LIT("example.org:8080"),
        .path = slice_of_text(path),
        .has_body = body.ptr != NULL,
    };
    exchange->to_send = body;
    exchange->stream.left_bytes = body.ptr ? body.len : 0;
    assert_int_equal(http2_request(client->session, &exchange->stream, &request), ERR_OK);
    return exchange;
}

/* Frames made by hand. */

struct wire {
    char bytes[WIRE_BYTES];
    size_t len;
};

static inline void wire_add(struct wire *wire, struct slice bytes)
{
    assert_true(bytes.len <= sizeof wire->bytes - wire->len);
    memcpy(wire->bytes + wire->len, bytes.ptr, bytes.len);
    wire->len += bytes.len;
}

static inline void wire_frame(struct wire *wire, uint8_t type, uint8_t flags, uint32_t stream, struct slice payload)
{
    char head[9] = {(char)(payload.len >> 16), (char)(payload.len >> 8), (char)payload.len,   (char)type,  (char)flags,
                    (char)(stream >> 24),      (char)(stream >> 16),     (char)(stream >> 8), (char)stream};
    wire_add(wire, slice_of(head, sizeof head));
    if (payload.len)
        wire_add(wire, payload);
}

/* A literal field without indexing, RFC 7541 section 6.2.2. */
static inline void block_add(struct wire *block, const char *name, const char *value)
{
    char bytes[3] = {0, (char)strlen(name), (char)strlen(value)};
    wire_add(block, slice_of(bytes, 2));
    wire_add(block, slice_of_text(name));
    wire_add(block, slice_of(bytes + 2, 1));
    if (value[0])
        wire_add(block, slice_of_text(value));
}

static inline void block_begin(struct wire *block, const char *method, const char *path)
{
    block->len = 0;
    block_add(block, ":method", method);
    block_add(block, ":scheme", "http");
    block_add(block, ":path", path);
    block_add(block, ":authority", "a.example");
}

#define END_STREAM  1u
#define END_HEADERS 4u

/* Preface and empty SETTINGS. */
static inline void wire_begin(struct wire *wire)
{
    wire->len = 0;
    wire_add(wire, SLICE_LIT(HTTP2_PREFACE));
    wire_frame(wire, 4, 0, 0, (struct slice){NULL, 0});
}

static inline void hear(struct peer *peer, struct wire *wire)
{
    peer->received = http2_receive(peer->session, slice_of(wire->bytes, wire->len), peer->now_ns);
    wire->len = 0;
}

/* The error code of the frame of `type` that the peer sends next, -1 if it sends none. */
static inline int64_t answer(struct peer *peer, uint8_t type)
{
    size_t bytes = http2_send(peer->session, peer->wire, sizeof peer->wire);
    for (size_t at = 0; at + 9 <= bytes;) {
        const unsigned char *frame = (const unsigned char *)peer->wire + at;
        size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        const unsigned char *code = frame + 9 + (type == 7 ? 4 : 0);
        if (frame[3] == type)
            return (int64_t)code[0] << 24 | code[1] << 16 | code[2] << 8 | code[3];
        at += 9 + len;
    }
    return -1;
}

#define FRAME_RST_STREAM 3
#define FRAME_GOAWAY     7

#endif
