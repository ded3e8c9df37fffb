/* SPDX-License-Identifier: Apache-2.0 */
/* ModelStreamInfer: many ModelInferRequests on one stream, and an answer to each.
 *
 * Each message is a request of its own, a part of the one that is the stream: it has its own memory, run and job, passes the
 * stages from decode on, and is answered into the stream. So all that is true of an inference is true of it as well:
 * batching, priorities, deadlines, what is counted. How many may be under way is bounded
 * (limits.grpc_stream_requests); whoever sends more is held up by the window of his stream.
 *
 * Answers leave in the order of their messages, as clients of Triton are used to; what is wrong with a message is told in
 * its answer and does not end the stream. What is wrong with the stream itself ends it, behind the answers that are
 * still to come: trailers say why. */
#include "pipeline/flow.h"
#include "pipeline/grpc/grpc_int.h"

struct grpc_stream {
    struct body_sink sink;
    struct body_source source;
    struct request *request;
    struct list messages; /* grpc_call.node, in their order */
    uint32_t message_count;
    struct request *partial; /* the last of them, while it arrives */
    char prefix[GRPC_PREFIX_BYTES];
    size_t prefix_bytes; /* of the next one */
    bool is_over;        /* nothing more will come */
    bool is_answering;   /* the first answer has left in part */
    struct response_field trailers[2];
};

static size_t write(struct body_sink *sink, struct slice bytes);
static void end(struct body_sink *sink);
static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);
static bool fail(struct body_source *source);
static void release(void *argument);

enum verdict grpc_stream_begin(struct request *request)
{
    struct grpc_stream *stream = arena_alloc_zero(&request->arena, sizeof *stream);
    if (!stream)
        return request_fail_memory(request);
    stream->sink = (struct body_sink){.write = write, .end = end};
    stream->source = (struct body_source){.read = read, .fail = fail};
    stream->request = request;
    list_init(&stream->messages);
    stream->is_over = !request->head.has_body;
    request->grpc->stream = stream;
    request->sink = &stream->sink;
    request_on_release(request, release, stream);
    request_respond_from(request, 200, GRPC_CONTENT_TYPE, &stream->source, UINT64_MAX);
    if (request->grpc->response_coding != CODING_IDENTITY)
        response_field_add(request, "grpc-encoding", slice_of_text(coding_name(request->grpc->response_coding)));
    return flow_receive(request) == VERDICT_FAIL ? VERDICT_FAIL : VERDICT_NEXT;
}

static struct request *request_of(struct list *node)
{
    return CONTAINER_OF(node, struct grpc_call, node)->request;
}

/* Takes a message out of the stream, and ends it. */
static void drop(struct grpc_stream *stream, struct request *message)
{
    list_remove(&message->grpc->node);
    stream->message_count--;
    if (message == stream->partial) {
        stream->partial = NULL;
        request_release(message);
        return;
    }
    message->parent = NULL;
    flow_cancel(message);
}

static void drop_all(struct grpc_stream *stream)
{
    while (!list_is_empty(&stream->messages))
        drop(stream, request_of(stream->messages.next));
}

static void release(void *argument)
{
    drop_all(argument);
}

/* --- messages in -------------------------------------------------------------------------------------------------------- */

/* The time of the whole stream bounds each of its messages, and so does the time of the route. */
static void set_time(struct request *message)
{
    const struct request *stream = message->parent;
    uint64_t now_ns = message->worker->loop.now_ns;
    uint64_t time_ns = message->route->request_time_ns;
    if (stream->inference.timeout_ns) {
        uint64_t end_ns = stream->begin_ns + stream->inference.timeout_ns;
        time_ns = MIN(time_ns, end_ns > now_ns ? end_ns - now_ns : 1);
        message->inference.timeout_ns = time_ns;
    }
    if (time_ns != ROUTE_TIME_NONE)
        flow_set_deadline(message, now_ns + time_ns);
}

static struct request *make_message(struct grpc_stream *stream, uint32_t bytes)
{
    struct request *parent = stream->request;
    struct request *message = request_acquire_part(parent);
    if (!message)
        return NULL;
    message->route = parent->route->message;
    message->grpc = arena_alloc_zero(&message->arena, sizeof *message->grpc);
    message->body_capacity = (size_t)bytes + GRPC_PREFIX_BYTES;
    message->body_memory = grpc_body_alloc(message, message->body_capacity);
    if (!message->grpc || !message->body_memory) {
        request_release(message);
        return NULL;
    }
    *message->grpc = (struct grpc_call){.request_coding = parent->grpc->request_coding,
                                        .response_coding = parent->grpc->response_coding,
                                        .stream = stream,
                                        .request = message};
    list_add_last(&stream->messages, &message->grpc->node);
    stream->message_count++;
    return message;
}

/* The prefix is complete. False: the stream has failed. */
static bool begin_message(struct grpc_stream *stream)
{
    struct request *request = stream->request;
    struct grpc_prefix prefix;
    stream->prefix_bytes = 0;
    if (!grpc_read_prefix(request, slice_of(stream->prefix, GRPC_PREFIX_BYTES), request->route->message->body_bytes_max,
                          &prefix))
        return false;
    struct request *message = make_message(stream, prefix.message_bytes);
    if (!message) {
        request->retry_after_s = 1;
        (void)request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory for the next message.");
        return false;
    }
    memcpy(message->body_memory, stream->prefix, GRPC_PREFIX_BYTES);
    message->body_received = GRPC_PREFIX_BYTES;
    stream->partial = message;
    return true;
}

static void start_if_complete(struct grpc_stream *stream)
{
    struct request *message = stream->partial;
    if (!message || message->body_received < message->body_capacity)
        return;
    stream->partial = NULL;
    message->body = slice_of(message->body_memory, message->body_received);
    message->is_body_complete = true;
    set_time(message);
    flow_start_part(message, STAGE_decode);
}

static size_t write(struct body_sink *sink, struct slice bytes)
{
    struct grpc_stream *stream = CONTAINER_OF(sink, struct grpc_stream, sink);
    size_t message_max = (size_t)stream->request->config->limits.grpc_stream_requests;
    size_t taken = 0;
    while (taken < bytes.len) {
        struct slice rest = slice_skip(bytes, taken);
        if (stream->partial) {
            struct request *message = stream->partial;
            taken += grpc_take(message->body_memory, &message->body_received, message->body_capacity, rest);
        } else {
            if (stream->prefix_bytes == 0 && stream->message_count >= message_max)
                break;
            taken += grpc_take(stream->prefix, &stream->prefix_bytes, GRPC_PREFIX_BYTES, rest);
            if (stream->prefix_bytes == GRPC_PREFIX_BYTES && !begin_message(stream))
                break;
        }
        start_if_complete(stream);
    }
    if (taken)
        receive_note_progress(stream->request);
    return taken;
}

static void end(struct body_sink *sink)
{
    struct grpc_stream *stream = CONTAINER_OF(sink, struct grpc_stream, sink);
    if (stream->partial || stream->prefix_bytes) {
        (void)request_fail(stream->request, PROBLEM_BAD_REQUEST, "The stream ends in the middle of a message.");
        return;
    }
    stream->is_over = true;
    flow_resume(stream->request);
}

/* --- answers out -------------------------------------------------------------------------------------------------------- */

enum verdict grpc_deliver(struct request *message)
{
    struct grpc_call *call = message->grpc;
    if (!list_is_linked(&call->node))
        return VERDICT_NEXT;
    call->is_ready = true;
    if (message->total_timer.deadline_ns) /* from here on it is the client's time */
        timer_cancel(&message->total_timer);
    if (call->stream->messages.next == &call->node)
        flow_resume(call->stream->request);
    return VERDICT_WAIT;
}

/* The answer of the message has left: it ends, and the next may come in its place. */
static void conclude(struct grpc_stream *stream, struct request *message)
{
    list_remove(&message->grpc->node);
    stream->message_count--;
    stream->is_answering = false;
    flow_resume(message);
    if (stream->request->is_body_blocked)
        flow_body_wanted(stream->request);
}

static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct grpc_stream *stream = CONTAINER_OF(source, struct grpc_stream, source);
    struct request *request = stream->request;
    while (!list_is_empty(&stream->messages)) {
        struct request *message = request_of(stream->messages.next);
        struct body_source *answer = message->response.source;
        if (!message->grpc->is_ready)
            return ERR_AGAIN;
        if (!answer) /* there was no memory to say what is wrong */
            return ERR_NOMEM;
        enum err err = answer->read(answer, place, capacity, ret_bytes);
        if (err == ERR_OK) {
            stream->is_answering = true;
            return ERR_OK;
        }
        conclude(stream, message);
    }
    if (!stream->is_over)
        return ERR_AGAIN;
    struct slice status = SLICE_LIT("0");
    struct slice text = {NULL, 0};
    if (request->problem)
        grpc_problem_say(request, &status, &text);
    stream->trailers[0] = (struct response_field){SLICE_LIT("grpc-status"), status};
    stream->trailers[1] = (struct response_field){SLICE_LIT("grpc-message"), text};
    request->response.trailers = stream->trailers;
    request->response.trailer_count = text.len ? 2 : 1;
    return ERR_EOF;
}

/* request->problem says why. Where it is time that is over, nobody waits for the answers any more. */
static bool fail(struct body_source *source)
{
    struct grpc_stream *stream = CONTAINER_OF(source, struct grpc_stream, source);
    enum problem problem = stream->request->problem;
    if (stream->partial)
        drop(stream, stream->partial);
    if (problem == PROBLEM_DEADLINE) {
        if (stream->is_answering)
            return false;
        drop_all(stream);
    }
    stream->is_over = true;
    return true;
}
