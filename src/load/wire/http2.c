/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 on a link: each exchange is a stream.
 *
 * The link is ready when the server's SETTINGS are here: only then is it known how many requests it takes at a time, so that
 * none is sent only to be refused. What is to be sent is pulled from the codec at the end of the turn, so that the frames of
 * all requests of a turn leave in one send.
 *
 * Events of exchanges come from within the codec, and their owners may close the link there, which the codec does not allow
 * for its session: that one is put aside (wire->http2_doomed) and destroyed behind the codec's call. */
#include "load/wire/link_int.h"

#include "lib/base/text.h"
#include "lib/sys/clock.h"

#define SEND_BYTES_FIRST    4096
#define SEND_BYTES          65536
#define STREAM_WINDOW_BYTES (1u << 20)
#define LINK_WINDOW_BYTES   (64u << 20)
#define ENOUGH              (1u << 30) /* a server under load may do what a client may not */
#define HEAD_BYTES_MAX      65536
#define HEAD_BLOCK_BYTES    1024
#define CACHE_BYTES_MAX     ((size_t)256 << 20)
#define LENGTH_BYTES        20
#define STREAMS_DEFAULT     100

static const struct http2_events events;

enum err wire_http2_create(struct load_wire *wire)
{
    return http2_context_create(CACHE_BYTES_MAX, SIZE_MAX / 2, &wire->http2);
}

static struct load_exchange *of_stream(struct http2_stream *stream)
{
    return CONTAINER_OF(stream, struct load_exchange, stream);
}

static void set_limits(const struct load_link *link, struct http2_limits *limits)
{
    http2_limits_default(limits);
    limits->head = (struct http2_head_limits){
        .head_bytes_max = HEAD_BYTES_MAX, .target_bytes_max = 8192, .header_count_max = LOAD_HEADERS_MAX};
    limits->streams_max = link->wire->plan->streams_max ? link->wire->plan->streams_max : STREAMS_DEFAULT;
    limits->stream_window_bytes = STREAM_WINDOW_BYTES;
    limits->connection_window_bytes = LINK_WINDOW_BYTES;
    limits->discard_bytes = ENOUGH;
    limits->resets = limits->settings = limits->pings = ENOUGH;
    limits->priorities = limits->window_updates = limits->empty_frames = ENOUGH;
}

static enum err begin(struct load_link *link)
{
    struct http2_limits limits;
    set_limits(link, &limits);
    const struct http2_options options = {
        .context = link->wire->http2, .events = &events, .owner = link, .limits = &limits, .is_client = true};
    TRY(http2_create(&options, &link->http2.session));
    link_mark(link);
    return ERR_AGAIN;
}

static void end(struct load_link *link)
{
    struct load_wire *wire = link->wire;
    struct link_http2 *http2 = &link->http2;
    LIST_EACH(node, &link->exchanges)
    {
        struct load_exchange *exchange = CONTAINER_OF(node, struct load_exchange, node);
        http2_reset(&exchange->stream, HTTP2_CANCEL);
        arena_reset(&exchange->memory); /* and its head with it: of one that fails nobody asks */
    }
    link_bytes_release(wire, &http2->out);
    if (http2->session == wire->http2_inside)
        wire->http2_doomed = http2->session;
    else
        http2_destroy(http2->session);
    http2->session = NULL;
}

/* The codec's calls are between these two. False: the link has been closed meanwhile. */
static void enter(struct load_link *link)
{
    link->wire->http2_inside = link->http2.session;
    link->wire->http2_doomed = NULL;
}

static bool leave(struct load_link *link)
{
    struct load_wire *wire = link->wire;
    bool is_doomed = wire->http2_doomed != NULL;
    wire->http2_inside = NULL;
    http2_destroy(wire->http2_doomed);
    wire->http2_doomed = NULL;
    return !is_doomed;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static uint32_t room(const struct load_link *link)
{
    const struct load_plan *plan = link->wire->plan;
    const struct http2_session *session = link->http2.session;
    uint32_t ours = plan->is_kept_alive ? (plan->streams_max ? plan->streams_max : STREAMS_DEFAULT) : 1;
    uint32_t most = MIN(ours, http2_peer_streams_max(session));
    if (link->http2.is_leaving || link->exchange_count >= most || !http2_can_request(session))
        return 0;
    return most - link->exchange_count;
}

static void let_go(struct load_link *link, struct load_exchange *exchange)
{
    link_drop(link, exchange);
    if (!link->wire->plan->is_kept_alive)
        link->http2.is_leaving = true;
    if (link->http2.is_leaving)
        link_mark(link);
}

static void fail(struct load_link *link, struct load_exchange *exchange, enum load_failure failure)
{
    let_go(link, exchange);
    arena_reset(&exchange->memory);
    exchange->events->on_failed(exchange, failure);
}

/* Its owner looks at the head once more, and may send it again from there. */
static void complete(struct load_link *link, struct load_exchange *exchange)
{
    struct arena head = exchange->memory;
    let_go(link, exchange);
    exchange->events->on_end(exchange);
    arena_reset(&head);
}

static enum err submit(struct load_link *link, struct load_exchange *exchange)
{
    const struct load_request *request = exchange->request;
    const struct load_target *target = link->target;
    struct http2_field fields[LOAD_HEADERS_MAX];
    char length[LENGTH_BYTES];
    size_t count = 0;
    if (request->field_count >= ARRAY_LEN(fields))
        return ERR_LIMIT;
    struct slice authority = target->authority;
    for (uint32_t i = 0; i < request->field_count; i++)
        if (slice_equal_nocase(request->fields[i].name, SLICE_LIT("host")))
            authority = request->fields[i].value;
        else
            fields[count++] = request->fields[i];
    if (request->body.len || http_method_wants_body(http_method_parse(request->method)))
        fields[count++] = (struct http2_field){SLICE_LIT("content-length"),
                                               slice_of(length, text_format_u64(length, request->body.len))};
    const struct http2_request message = {
        .method = request->method,
        .scheme = target->is_tls ? SLICE_LIT("https") : SLICE_LIT("http"),
        .authority = authority,
        .path = request->path,
        .fields = fields,
        .count = count,
        .has_body = request->body.len > 0,
    };
    exchange->stream = (struct http2_stream){.head = exchange->head, .left_bytes = request->body.len};
    return http2_request(link->http2.session, &exchange->stream, &message);
}

static void send_request(struct load_link *link, struct load_exchange *exchange)
{
    arena_init(&exchange->memory, &link->wire->pool, HEAD_BLOCK_BYTES, 4 * HEAD_BYTES_MAX);
    *exchange->head = (struct http_head){.headers = exchange->head->headers};
    enum err err = submit(link, exchange);
    if (err == ERR_OK)
        link_mark(link);
    else
        fail(link, exchange, err == ERR_NOMEM ? LOAD_FAILURE_LOCAL : LOAD_FAILURE_TOO_LARGE);
}

static void cancel(struct load_link *link, struct load_exchange *exchange)
{
    http2_reset(&exchange->stream, HTTP2_CANCEL);
    let_go(link, exchange);
    arena_reset(&exchange->memory);
    link_mark(link);
}

static enum err on_read(struct http2_stream *stream, char *place, size_t capacity, size_t *ret_bytes)
{
    struct load_exchange *exchange = of_stream(stream);
    struct slice body = exchange->request->body;
    size_t bytes = MIN(capacity, body.len - exchange->given_bytes);
    memcpy(place, body.ptr + exchange->given_bytes, bytes);
    exchange->given_bytes += bytes;
    *ret_bytes = bytes;
    return exchange->given_bytes == body.len ? ERR_EOF : ERR_OK;
}

/* --- responses --------------------------------------------------------------------------------------------------- */

static void *on_memory(struct http2_stream *stream, size_t bytes)
{
    return arena_alloc(&of_stream(stream)->memory, bytes);
}

static void on_head(struct http2_stream *stream, enum err err)
{
    struct load_exchange *exchange = of_stream(stream);
    struct load_link *link = exchange->link;
    exchange->received_ns = link->wire->received_ns;
    if (!exchange->first_byte_ns)
        exchange->first_byte_ns = exchange->received_ns;
    if (err != ERR_OK) {
        http2_reset(stream, HTTP2_CANCEL);
        fail(link, exchange, link_failure_of(err));
    } else if (exchange->head->status >= 200 && exchange->events->on_head) {
        exchange->events->on_head(exchange);
    }
}

static void on_data(struct http2_stream *stream, struct slice data)
{
    struct load_exchange *exchange = of_stream(stream);
    exchange->body_bytes += data.len;
    exchange->wire_bytes += data.len;
    exchange->received_ns = exchange->link->wire->received_ns;
    http2_consumed(stream, data.len);
    if (exchange->events->on_data && data.len)
        exchange->events->on_data(exchange, data);
}

/* A server that has answered need not be sent the rest of the request (RFC 9113 section 8.1). */
static void on_end(struct http2_stream *stream)
{
    struct load_exchange *exchange = of_stream(stream);
    struct load_link *link = exchange->link;
    exchange->received_ns = link->wire->received_ns;
    if (exchange->given_bytes == exchange->request->body.len)
        http2_release(stream);
    else
        http2_reset(stream, HTTP2_CANCEL);
    complete(link, exchange);
}

/* What the server has not looked at may be sent again: streams behind the last one that GOAWAY names are closed as refused.
 * One that is refused alone is a failure: a server that turns requests away does so under load. */
static void on_close(struct http2_stream *stream, uint32_t code)
{
    struct load_exchange *exchange = of_stream(stream);
    struct load_link *link = exchange->link;
    enum load_failure failure = code == HTTP2_PROTOCOL_ERROR ? LOAD_FAILURE_PROTOCOL : LOAD_FAILURE_RESET;
    if (code == HTTP2_REFUSED_STREAM && link->http2.is_leaving)
        failure = LOAD_FAILURE_NONE;
    exchange->received_ns = link->wire->received_ns;
    fail(link, exchange, failure);
}

static void on_goaway(void *owner, uint32_t code UNUSED)
{
    struct load_link *link = owner;
    if (link->wire->http2_doomed)
        return;
    link->http2.is_leaving = true;
    link_mark(link);
}

static const struct http2_events events = {
    .on_memory = on_memory,
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_read = on_read,
    .on_close = on_close,
    .on_goaway = on_goaway,
};

/* --- bytes ------------------------------------------------------------------------------------------------------- */

/* False when nothing more goes now. */
static bool send_piece(struct load_link *link, size_t *bytes_wanted)
{
    struct link_http2 *http2 = &link->http2;
    if (link->is_writing || !http2_wants_to_send(http2->session))
        return false;
    if (link_bytes_reserve(link->wire, &http2->out, *bytes_wanted) != ERR_OK) {
        link_break(link, LOAD_FAILURE_LOCAL);
        return false;
    }
    enter(link);
    size_t bytes = http2_send(http2->session, http2->out.ptr, http2->out.capacity);
    if (!leave(link))
        return false;
    bool wants_room = http2_send_room(http2->session) > *bytes_wanted;
    *bytes_wanted = SEND_BYTES;
    if (bytes == 0)
        return wants_room;
    link_stamp(link);
    enum err err = link_write(link, slice_of(http2->out.ptr, bytes));
    if (err != ERR_OK && err != ERR_AGAIN)
        link_break(link, LOAD_FAILURE_CLOSED);
    return err == ERR_OK;
}

static void flush(struct load_link *link)
{
    size_t bytes_wanted = SEND_BYTES_FIRST;
    uint32_t epoch = link->epoch;
    while (send_piece(link, &bytes_wanted))
        continue;
    if (link->epoch != epoch || link->is_writing)
        return;
    link_bytes_release(link->wire, &link->http2.out);
    bool is_over = http2_is_over(link->http2.session);
    bool is_done = link->http2.is_leaving && link->exchange_count == 0;
    if (is_over || is_done)
        link_lose(link, LOAD_FAILURE_CLOSED, is_done ? LOAD_FAILURE_NONE : LOAD_FAILURE_CLOSED);
}

static void written(struct load_link *link)
{
    link_bytes_release(link->wire, &link->http2.out);
    link_mark(link);
}

/* Whoever waits for room hears of it: a server may raise its bound at any time. */
static void tell_room(struct load_link *link, bool had_room)
{
    if (link->state == LINK_SETTLING)
        link_open_up(link);
    else if (!had_room && room(link) > 0)
        link->events->on_room(link);
}

static void receive(struct load_link *link, char *bytes, size_t len)
{
    struct http2_session *session = link->http2.session;
    bool had_room = room(link) > 0;
    enter(link);
    enum err err = http2_receive(session, slice_of(bytes, len), link->wire->received_ns);
    if (!leave(link))
        return;
    link_mark(link);
    if (err == ERR_OK) {
        if (http2_has_settings(session))
            tell_room(link, had_room);
        return;
    }
    uint32_t epoch = link->epoch;
    if (!link->is_writing)
        flush(link);
    if (link->epoch != epoch)
        return;
    enum load_failure failure = link->http2.is_leaving ? LOAD_FAILURE_CLOSED : LOAD_FAILURE_PROTOCOL;
    link_lose(link, failure, failure);
}

static void receive_end(struct load_link *link)
{
    bool is_in_order = link->exchange_count == 0 && link->state == LINK_READY;
    link_lose(link, LOAD_FAILURE_CLOSED, is_in_order ? LOAD_FAILURE_NONE : LOAD_FAILURE_CLOSED);
}

const struct link_protocol link_http2 = {
    .begin = begin,
    .room = room,
    .send = send_request,
    .cancel = cancel,
    .receive = receive,
    .receive_end = receive_end,
    .flush = flush,
    .written = written,
    .end = end,
};
