/* SPDX-License-Identifier: Apache-2.0 */
/* A message to the client, read piece by piece right into the send buffer. */
#include "lib/codings/encoder.h"
#include "pipeline/grpc/grpc_int.h"

#define COMPRESSED_BYTES_MIN 256 /* a smaller message does not get smaller */

static struct response_field ok_trailers[] = {{SLICE_LIT("grpc-status"), SLICE_LIT("0")}};

static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);
static enum err compress(struct request *request, struct grpc_reply *reply);

struct grpc_reply *grpc_reply_make(struct request *request)
{
    struct grpc_reply *reply = arena_alloc(&request->arena, sizeof *reply);
    if (!reply)
        return NULL;
    reply->source = (struct body_source){.read = read};
    reply->piece_count = 1;
    reply->bytes = 0;
    reply->at = 0;
    reply->taken = 0;
    reply->envelope = request->parent ? GRPC_STREAM_ANSWER : 0;
    return reply;
}

/* The first piece: the prefix, and what stands around the message. */
static void begin_pieces(struct grpc_reply *reply)
{
    struct buffer envelope = buffer_in_memory(reply->prefix + GRPC_PREFIX_BYTES, GRPC_PIECE_ROOM - GRPC_PREFIX_BYTES);
    if (reply->envelope)
        protobuf_write_length(&envelope, reply->envelope, reply->bytes);
    reply->pieces[0] = slice_of(reply->prefix, GRPC_PREFIX_BYTES + envelope.len);
    reply->bytes += envelope.len;
}

enum verdict grpc_reply_send(struct request *request, struct grpc_reply *reply)
{
    begin_pieces(reply);
    bool is_compressed = request->grpc->response_coding != CODING_IDENTITY && reply->bytes >= COMPRESSED_BYTES_MIN;
    if (is_compressed && compress(request, reply) != ERR_OK)
        is_compressed = false;
    if (reply->bytes > UINT32_MAX)
        return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "The response is larger than a message of gRPC may be.");
    grpc_prefix_write(reply->prefix, (struct grpc_prefix){is_compressed, (uint32_t)reply->bytes});
    reply->bytes += GRPC_PREFIX_BYTES;
    if (is_compressed)
        response_field_add(request, "grpc-encoding", slice_of_text(coding_name(request->grpc->response_coding)));
    request_respond_from(request, 200, GRPC_CONTENT_TYPE, &reply->source, reply->bytes);
    request->response.is_length_hidden = true;
    request->response.trailers = ok_trailers;
    request->response.trailer_count = ARRAY_LEN(ok_trailers);
    return VERDICT_NEXT;
}

enum verdict grpc_reply_buffer(struct request *request, const struct buffer *message)
{
    struct grpc_reply *reply = grpc_reply_make(request);
    struct slice bytes;
    if (!reply || buffer_finish(message, &bytes) != ERR_OK)
        return request_fail_memory(request);
    grpc_reply_add(reply, bytes);
    return grpc_reply_send(request, reply);
}

static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct grpc_reply *reply = CONTAINER_OF(source, struct grpc_reply, source);
    size_t written = 0;
    while (reply->at < reply->piece_count && written < capacity) {
        struct slice left = slice_skip(reply->pieces[reply->at], reply->taken);
        size_t bytes = MIN(left.len, capacity - written);
        if (bytes)
            memcpy(place + written, left.ptr, bytes);
        written += bytes;
        reply->taken += bytes;
        if (bytes < left.len)
            break;
        reply->at++;
        reply->taken = 0;
    }
    *ret_bytes = written;
    return written ? ERR_OK : ERR_EOF;
}

static enum err encode(struct encoder *encoder, struct slice piece, enum encoder_mode mode, struct buffer *out)
{
    for (;;) {
        size_t bytes;
        enum err err = encoder_write(encoder, &piece, mode, out->ptr + out->len, out->capacity - out->len, &bytes);
        if (err == ERR_AGAIN || err == ERR_EOF)
            return ERR_OK;
        TRY(err);
        out->len += bytes;
    }
}

/* All pieces become one. On failure they are as they were, and go uncompressed. */
static enum err compress(struct request *request, struct grpc_reply *reply)
{
    const struct encoder_config config = {.coding = request->grpc->response_coding, .known_bytes = reply->bytes};
    size_t capacity = encoder_bound(config.coding, (size_t)reply->bytes) + ENCODER_ROOM_BYTES_MIN;
    struct buffer out = buffer_in_arena(&request->arena, capacity);
    struct encoder *encoder;
    if (!buffer_reserve(&out, capacity))
        return ERR_NOMEM;
    TRY(encoder_acquire(&request->worker->codings, &config, &encoder));
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < reply->piece_count && err == ERR_OK; i++)
        err = encode(encoder, slice_skip(reply->pieces[i], i ? 0 : GRPC_PREFIX_BYTES), ENCODER_CONTINUE, &out);
    if (err == ERR_OK)
        err = encode(encoder, (struct slice){NULL, 0}, ENCODER_FINISH, &out);
    encoder_release(encoder);
    TRY(err);
    reply->pieces[0].len = GRPC_PREFIX_BYTES;
    reply->piece_count = 1;
    reply->bytes = 0;
    grpc_reply_add(reply, slice_of(out.ptr, out.len));
    return ERR_OK;
}
