/* SPDX-License-Identifier: Apache-2.0 */
/* The door to nghttp2.
 *
 * nghttp2 keeps the states of streams, HPACK, flow control and the order in which frames leave, and refuses what breaks
 * RFC 9113. Around it: frames that cost us more than their sender are counted before nghttp2 sees them (guard.c, events.c); fields go to a
 * head builder (lib/http/http2_head.c), of which a session has one, because header blocks do not interleave; windows
 * are given back by http2_consumed only (no_auto_window_update).
 *
 * Sending: nghttp2 hands out one frame at a time, which is copied to the caller's memory, except for DATA. There its
 * read callback reads the body right behind the place of a frame header, says NO_COPY, and is at once called back to put
 * that header in front: a byte of a body is copied once. A frame that does not fit stays in nghttp2's memory as
 * `pending`.
 *
 * Streams are scheduled by RFC 9218, but incremental unless the client says otherwise: nobody who opened a stream of
 * events wants to wait for the end of a large download beside it. */
#include "lib/http2/http2.h"

#include "lib/http2/memory.h"
#include "lib/http2/session_int.h"

#include <nghttp2/nghttp2.h>

#define SETTINGS_COUNT  5
#define PSEUDO_COUNT    4
#define RESET_RATE_NONE 1000000000

struct http2_context {
    struct http2_memory memory;
    nghttp2_mem functions; /* nghttp2's view of it */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_nv fields[PSEUDO_COUNT + HTTP2_FIELDS_MAX]; /* while a head is submitted */
};

static void set_up(struct http2_context *context);
static int submit_settings(struct http2_session *session, const struct http2_limits *limits);

static enum err err_of(int error)
{
    return error >= 0 ? ERR_OK : error == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_CLOSED;
}

/* Context: memory and tables of callbacks. */

enum err http2_context_create(size_t cache_bytes_max, size_t memory_bytes_max, struct http2_context **ret_context)
{
    struct http2_context *context = calloc(1, sizeof *context);
    if (!context)
        return ERR_NOMEM;
    http2_memory_init(&context->memory, cache_bytes_max, memory_bytes_max);
    context->functions = (nghttp2_mem){&context->memory, http2_memory_malloc, http2_memory_free, http2_memory_calloc,
                                       http2_memory_realloc};
    if (nghttp2_session_callbacks_new(&context->callbacks) != 0 || nghttp2_option_new(&context->option) != 0) {
        http2_context_destroy(context);
        return ERR_NOMEM;
    }
    set_up(context);
    *ret_context = context;
    return ERR_OK;
}

void http2_context_destroy(struct http2_context *context)
{
    if (!context)
        return;
    nghttp2_session_callbacks_del(context->callbacks);
    nghttp2_option_del(context->option);
    http2_memory_deinit(&context->memory);
    free(context);
}

uint64_t http2_context_mallocs(const struct http2_context *context)
{
    return context->memory.mallocs;
}

size_t http2_context_bytes(const struct http2_context *context)
{
    return context->memory.outstanding_bytes;
}

void http2_context_trim(struct http2_context *context, size_t keep_bytes)
{
    http2_memory_trim(&context->memory, keep_bytes);
}

/* Session */

enum err http2_create(const struct http2_options *options, struct http2_session **ret_session)
{
    struct http2_context *context = options->context;
    const struct http2_limits *limits = options->limits;
    struct http2_session *session = http2_memory_malloc(sizeof *session, &context->memory);
    if (!session)
        return ERR_NOMEM;
    *session = (struct http2_session){
        .context = context,
        .events = options->events,
        .owner = options->owner,
        .head_limits = limits->head,
        .is_client = options->is_client,
    };
    list_init(&session->streams);
    http2_guard_init(&session->guard, limits);
    session->guard.skip_bytes = options->is_client ? 0 : sizeof HTTP2_PREFACE - 1;
    int error = options->is_client ? nghttp2_session_client_new3(&session->ng, context->callbacks, session,
                                                                 context->option, &context->functions)
                                   : nghttp2_session_server_new3(&session->ng, context->callbacks, session,
                                                                 context->option, &context->functions);
    if (error == 0)
        error = submit_settings(session, limits);
    if (error != 0) {
        http2_destroy(session);
        return ERR_NOMEM;
    }
    *ret_session = session;
    return ERR_OK;
}

/* A server announces how many streams it takes; a client that it takes no pushed ones. */
static int submit_settings(struct http2_session *session, const struct http2_limits *limits)
{
    nghttp2_settings_entry settings[SETTINGS_COUNT] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window_bytes},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head.head_bytes_max},
    };
    size_t count = 2;
    if (session->is_client) {
        settings[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    } else {
        settings[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams_max};
        settings[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1};
    }
    int error = nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, settings, count);
    if (error != 0 || limits->connection_window_bytes <= HTTP2_WINDOW_BYTES_MIN)
        return error;
    return nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0,
                                                 (int32_t)limits->connection_window_bytes);
}

void http2_destroy(struct http2_session *session)
{
    if (!session)
        return;
    struct list *node;
    while ((node = list_pop_first(&session->streams)))
        CONTAINER_OF(node, struct http2_stream, node)->session = NULL;
    nghttp2_session_del(session->ng);
    http2_memory_free(session, &session->context->memory);
}

bool http2_is_over(const struct http2_session *session)
{
    if (session->is_broken)
        return true;
    return !http2_wants_to_send(session) && (session->is_failed || !nghttp2_session_want_read(session->ng));
}

uint32_t http2_peer_streams_max(const struct http2_session *session)
{
    return nghttp2_session_get_remote_settings(session->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

/* What cannot be queued for want of memory is not worth more than that: the connection ends sooner. */
void http2_shut_down(struct http2_session *session, bool is_final)
{
    int error = is_final ? nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                                 nghttp2_session_get_last_proc_stream_id(session->ng), NGHTTP2_NO_ERROR,
                                                 NULL, 0)
                         : nghttp2_submit_shutdown_notice(session->ng);
    session->is_broken |= error == NGHTTP2_ERR_NOMEM;
}

void http2_terminate(struct http2_session *session, enum http2_code code)
{
    session->is_failed = true;
    session->is_broken |= nghttp2_session_terminate_session(session->ng, code) != 0;
}

/* Streams */

/* Stands for a stream that was released while its client waits for a 100 that will not come. */
static struct http2_stream unwanted;

static struct http2_stream *find(struct http2_session *session, int32_t id)
{
    struct http2_stream *stream = id == 0 ? NULL : nghttp2_session_get_stream_user_data(session->ng, id);
    return stream == &unwanted ? NULL : stream;
}

/* What the caller has not consumed is the connection's again, whoever may still hold it: its amount is bounded by the
 * streams that a client may have open, and its memory by the request's own limit. */
static void give_back(struct http2_stream *stream)
{
    if (stream->unconsumed_bytes)
        (void)nghttp2_session_consume_connection(stream->session->ng, stream->unconsumed_bytes);
    stream->unconsumed_bytes = 0;
}

void http2_consumed(struct http2_stream *stream, size_t bytes)
{
    if (!stream->session)
        return;
    ASSERT(bytes <= stream->unconsumed_bytes, "a window is given back once");
    stream->unconsumed_bytes -= (uint32_t)bytes;
    (void)nghttp2_session_consume(stream->session->ng, stream->id, bytes);
}

void http2_resume(struct http2_stream *stream)
{
    if (stream->session)
        (void)nghttp2_session_resume_data(stream->session->ng, stream->id);
}

void http2_reset(struct http2_stream *stream, enum http2_code code)
{
    struct http2_session *session = stream->session;
    if (!session)
        return;
    (void)nghttp2_session_set_stream_user_data(session->ng, stream->id, NULL);
    give_back(stream);
    http2_stream_detach(stream);
    session->is_broken |=
        nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, stream->id, code) == NGHTTP2_ERR_NOMEM;
}

void http2_release(struct http2_stream *stream)
{
    struct http2_session *session = stream->session;
    if (!session)
        return;
    (void)nghttp2_session_set_stream_user_data(session->ng, stream->id, http2_is_waiting(stream) ? &unwanted : NULL);
    /* A client that has used up its window goes on to the end of the body, or it would wait for ever: what comes is
     * dropped. curl 7.88 waits so even when RST_STREAM has told it that it need not. */
    http2_consumed(stream, stream->unconsumed_bytes);
    http2_stream_detach(stream);
}

bool http2_is_blocked(const struct http2_stream *stream)
{
    if (!stream->session || !stream->has_body || stream->is_sparing)
        return stream->session && stream->is_sparing;
    nghttp2_session *ng = stream->session->ng;
    return nghttp2_session_get_remote_window_size(ng) <= 0 ||
           nghttp2_session_get_stream_remote_window_size(ng, stream->id) <= 0;
}

/* Heads that leave */

static nghttp2_nv field_of(struct slice name, struct slice value)
{
    /* Copied, and the name lowered, when it is submitted; not written to before. */
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len, value.len,
                        NGHTTP2_NV_FLAG_NONE};
}

/* Adds to the context's array, of which `*count` are used. */
static enum err add_fields(struct http2_session *session, const struct http2_field *fields, size_t field_count,
                           size_t *count)
{
    if (field_count > HTTP2_FIELDS_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < field_count; i++) {
        if (!http2_is_left_out(fields[i].name, fields[i].value, session->is_client))
            session->context->fields[(*count)++] = field_of(fields[i].name, slice_trim(fields[i].value));
    }
    return ERR_OK;
}

static enum err make_response_head(struct http2_session *session, int status, char status_text[3],
                                   const struct http2_field *fields, size_t field_count, size_t *ret_count)
{
    ASSERT(status >= 100 && status <= 999, "a status code has three digits");
    for (int i = 2; i >= 0; i--, status /= 10)
        status_text[i] = (char)('0' + status % 10);
    session->context->fields[0] = field_of(SLICE_LIT(":status"), slice_of(status_text, 3));
    *ret_count = 1;
    return add_fields(session, fields, field_count, ret_count);
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *unused, size_t length, uint32_t *flags,
                         nghttp2_data_source *source, void *user);
static const nghttp2_data_provider body_provider = {.read_callback = read_body};

enum err http2_respond(struct http2_stream *stream, int status, const struct http2_field *fields, size_t count,
                       bool has_body)
{
    struct http2_session *session = stream->session;
    char status_text[3];
    size_t all = 0;
    if (!session)
        return ERR_CLOSED;
    TRY(make_response_head(session, status, status_text, fields, count, &all));
    int error = nghttp2_submit_response(session->ng, stream->id, session->context->fields, all,
                                        has_body ? &body_provider : NULL);
    stream->has_body = has_body && error == 0;
    return err_of(error);
}

enum err http2_inform(struct http2_stream *stream, int status, const struct http2_field *fields, size_t count)
{
    struct http2_session *session = stream->session;
    char status_text[3];
    size_t all = 0;
    if (!session)
        return ERR_CLOSED;
    TRY(make_response_head(session, status, status_text, fields, count, &all));
    return err_of(
        nghttp2_submit_headers(session->ng, NGHTTP2_FLAG_NONE, stream->id, NULL, session->context->fields, all, NULL));
}

enum err http2_send_trailers(struct http2_stream *stream, const struct http2_field *fields, size_t count)
{
    struct http2_session *session = stream->session;
    size_t all = 0;
    if (!session)
        return ERR_CLOSED;
    TRY(add_fields(session, fields, count, &all));
    if (all == 0)
        return ERR_OK;
    int error = nghttp2_submit_trailer(session->ng, stream->id, session->context->fields, all);
    stream->has_trailers = error == 0;
    return err_of(error);
}

bool http2_can_request(const struct http2_session *session)
{
    return !session->is_failed && nghttp2_session_check_request_allowed(session->ng) &&
           session->stream_count < http2_peer_streams_max(session);
}

enum err http2_request(struct http2_session *session, struct http2_stream *stream, const struct http2_request *request)
{
    if (!http2_can_request(session))
        return ERR_BUSY;
    if (!http_is_token(request->method) || !http_is_value(request->authority) || !http_is_value(request->path))
        return ERR_INVALID;
    nghttp2_nv *pseudo = session->context->fields;
    pseudo[0] = field_of(SLICE_LIT(":method"), request->method);
    pseudo[1] = field_of(SLICE_LIT(":scheme"), request->scheme);
    pseudo[2] = field_of(SLICE_LIT(":authority"), request->authority);
    pseudo[3] = field_of(SLICE_LIT(":path"), request->path);
    size_t all = PSEUDO_COUNT;
    TRY(add_fields(session, request->fields, request->count, &all));
    int32_t id =
        nghttp2_submit_request(session->ng, NULL, pseudo, all, request->has_body ? &body_provider : NULL, stream);
    if (id < 0)
        return err_of(id);
    http2_stream_attach(session, stream, id);
    stream->has_body = request->has_body;
    return ERR_OK;
}

/* Receiving */

enum err http2_receive(struct http2_session *session, struct slice input, uint64_t now_ns)
{
    if (session->is_failed)
        return ERR_CLOSED;
    session->now_ns = now_ns;
    if (!http2_frames_tracked(session, input))
        return ERR_CLOSED;
    ssize_t taken = nghttp2_session_mem_recv(session->ng, (const uint8_t *)input.ptr, input.len);
    if (taken == NGHTTP2_ERR_FLOODED)
        (void)http2_measure(session, HTTP2_ABUSE_QUEUED_FRAMES, SIZE_MAX);
    else if (taken < 0 && !session->is_failed)
        http2_terminate(session, taken == NGHTTP2_ERR_NOMEM ? HTTP2_INTERNAL_ERROR : HTTP2_PROTOCOL_ERROR);
    else
        (void)http2_measure(session, HTTP2_ABUSE_QUEUED_FRAMES, nghttp2_session_get_outbound_queue_size(session->ng));
    return session->is_failed || !nghttp2_session_want_read(session->ng) ? ERR_CLOSED : ERR_OK;
}

static int result_of(bool is_fine)
{
    return is_fine ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* A client does not hear of streams that a server opens: pushing is turned off, and nghttp2 refuses it. */
static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;
    int32_t id = frame->hd.stream_id;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        struct http2_stream *stream = find(session, id);
        if (stream)
            http2_block_begun(session, stream);
        return 0;
    }
    struct http2_stream *stream = http2_stream_opened(session, id);
    if (!stream)
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    const nghttp2_extpri fair = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    (void)nghttp2_session_set_stream_user_data(ng, id, stream);
    (void)nghttp2_session_change_extpri_stream_priority(ng, id, &fair, 0);
    http2_block_begun(session, stream);
    return 0;
}

static int on_header(nghttp2_session *ng UNUSED, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags UNUSED, void *user)
{
    struct http2_stream *stream = find(user, frame->hd.stream_id);
    if (!stream)
        return 0;
    return result_of(http2_field_received(user, stream, slice_of(name, name_len), slice_of(value, value_len)));
}

/* Without this nghttp2 would leave an invalid field out; RFC 9113 section 8.2.1 has it make the message malformed. */
static int on_invalid_header(nghttp2_session *ng UNUSED, const nghttp2_frame *frame UNUSED, nghttp2_rcbuf *name UNUSED,
                             nghttp2_rcbuf *value UNUSED, uint8_t flags UNUSED, void *user UNUSED)
{
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Of a body whose request is answered. Telling the client to stop, as RFC 9113 section 8.1 allows, is the last resort: many
 * take it for a failure, and never show the answer that they have. */
static int discard(struct http2_session *session, int32_t id, size_t len)
{
    bool is_patient = http2_may_discard(session, len);
    if (session->is_client || !nghttp2_session_get_stream_local_close(session->ng, id) || is_patient)
        return nghttp2_session_consume(session->ng, id, len);
    int error = nghttp2_session_consume_connection(session->ng, len);
    return error ? error : nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
}

static int on_data_chunk(nghttp2_session *ng UNUSED, uint8_t flags UNUSED, int32_t id, const uint8_t *data, size_t len,
                         void *user)
{
    struct http2_session *session = user;
    struct http2_stream *stream = find(session, id);
    if (!stream)
        return discard(session, id, len);
    stream->has_data = true;
    stream->unconsumed_bytes += (uint32_t)len;
    session->events->on_data(stream, slice_of(data, len));
    return 0;
}

/* After each event the stream may have been given up, so it is looked up again. */
static int on_frame(nghttp2_session *ng UNUSED, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;
    const nghttp2_frame_hd *head = &frame->hd;
    bool is_last = head->flags & NGHTTP2_FLAG_END_STREAM;
    struct http2_stream *stream = find(session, head->stream_id);
    switch (head->type) {
    case NGHTTP2_HEADERS:
        if (stream)
            http2_block_ended(session, stream, is_last);
        break;
    case NGHTTP2_DATA:
        if (!http2_data_received(session, head->flags, head->length, frame->data.padlen))
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        break;
    case NGHTTP2_GOAWAY:
        if (session->events->on_goaway)
            session->events->on_goaway(session->owner, frame->goaway.error_code);
        return 0;
    case NGHTTP2_SETTINGS:
        session->has_settings |= !(head->flags & NGHTTP2_FLAG_ACK);
        http2_window_opened(session, head->stream_id);
        return 0;
    case NGHTTP2_WINDOW_UPDATE:
        http2_window_opened(session, head->stream_id);
        return 0;
    default:
        return 0;
    }
    stream = is_last ? find(session, head->stream_id) : NULL;
    if (stream) {
        stream->has_ended = true;
        session->events->on_end(stream);
    }
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
    struct http2_stream *stream = find(user, id);
    if (!stream)
        return 0;
    (void)nghttp2_session_set_stream_user_data(ng, id, NULL);
    give_back(stream);
    http2_stream_closed(stream, code);
    return 0;
}

/* Sending */

size_t http2_send(struct http2_session *session, char *place, size_t capacity)
{
    session->place = place;
    session->place_end = place + capacity;
    for (;;) {
        if (session->pending.len > 0)
            http2_write_pending(session);
        if (session->is_broken || session->pending.len > 0 || http2_room(session) < http2_send_room(session))
            break;
        session->room_wanted = 0;
        const uint8_t *frame;
        ssize_t len = nghttp2_session_mem_send(session->ng, &frame);
        session->is_broken |= len < 0;
        if (len <= 0)
            break;
        session->pending = slice_of(frame, (size_t)len);
    }
    return (size_t)(session->place - place);
}

size_t http2_send_room(const struct http2_session *session)
{
    return MAX(session->room_wanted, (size_t)HTTP2_SEND_BYTES_MIN);
}

bool http2_wants_to_send(const struct http2_session *session)
{
    return !session->is_broken && (session->pending.len > 0 || nghttp2_session_want_write(session->ng));
}

/* Reads into the caller's memory where write_data will find it, if there is room for as much as may come. A stream that
 * was given up waits for its RST_STREAM to leave. */
static ssize_t read_body(nghttp2_session *ng UNUSED, int32_t id, uint8_t *unused UNUSED, size_t length, uint32_t *flags,
                         nghttp2_data_source *source UNUSED, void *user)
{
    struct http2_session *session = user;
    struct http2_stream *stream = find(session, id);
    if (!stream)
        return NGHTTP2_ERR_DEFERRED;
    uint32_t whole_window = nghttp2_session_get_remote_settings(session->ng, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
    stream->is_sparing = http2_window_is_silly(stream, length, whole_window);
    if (stream->is_sparing)
        return NGHTTP2_ERR_DEFERRED;
    size_t bytes = 0;
    size_t capacity = (size_t)MIN((uint64_t)length, MAX(stream->left_bytes, 1u));
    if (http2_room(session) < capacity + HTTP2_FRAME_HEAD_BYTES) {
        session->room_wanted = capacity + HTTP2_FRAME_HEAD_BYTES;
        return NGHTTP2_ERR_PAUSE;
    }
    enum err err = session->events->on_read(stream, session->place + HTTP2_FRAME_HEAD_BYTES, capacity, &bytes);
    if (err == ERR_AGAIN || (err == ERR_OK && bytes == 0))
        return NGHTTP2_ERR_DEFERRED;
    if (err != ERR_OK && err != ERR_EOF)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (err == ERR_EOF)
        *flags |= NGHTTP2_DATA_FLAG_EOF | (stream->has_trailers ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0u);
    if (bytes > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->left_bytes != UINT64_MAX)
        stream->left_bytes -= MIN(stream->left_bytes, (uint64_t)bytes);
    stream->takes_any_window = false;
    session->is_frame_tiny = bytes == length && bytes < HTTP2_TINY_FRAME_BYTES;
    return (ssize_t)bytes;
}

static int write_data(nghttp2_session *ng UNUSED, nghttp2_frame *frame UNUSED, const uint8_t *head, size_t length,
                      nghttp2_data_source *source UNUSED, void *user)
{
    struct http2_session *session = user;
    http2_write(session, head, HTTP2_FRAME_HEAD_BYTES);
    session->place += length;
    return 0;
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;
    struct http2_stream *stream = find(session, frame->hd.stream_id);
    uint32_t code = frame->hd.type == NGHTTP2_RST_STREAM ? frame->rst_stream.error_code : 0;
    http2_frame_sent(session, stream, frame->hd.type, frame->hd.flags, (uint32_t)frame->hd.length, code);
    bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    bool is_end = may_end && frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    bool is_left = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id) == &unwanted;
    if (is_end && (is_left || (stream && !session->is_client && http2_is_waiting(stream))))
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static void set_up(struct http2_context *context)
{
    nghttp2_session_callbacks *callbacks = context->callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, write_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_option_set_no_auto_window_update(context->option, 1);
    nghttp2_option_set_no_closed_streams(context->option, 1);
    /* Ours are narrower, can be set for each session, and count what they refuse. */
    nghttp2_option_set_max_continuations(context->option, SIZE_MAX);
    nghttp2_option_set_stream_reset_rate_limit(context->option, RESET_RATE_NONE, RESET_RATE_NONE);
}
