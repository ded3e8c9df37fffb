/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside grpc/. */
#ifndef WEIR_PIPELINE_GRPC_GRPC_INT_H
#define WEIR_PIPELINE_GRPC_GRPC_INT_H

#include "lib/codings/codings.h"
#include "lib/grpc/grpc.h"
#include "lib/protobuf/protobuf.h"
#include "pipeline/grpc.h"
#include "pipeline/model_find.h"
#include "pipeline/worker.h"

#define GRPC_CONTENT_TYPE "application/grpc"
#define GRPC_PIECES_MAX   (2 * MODEL_TENSORS_MAX + 2)
#define GRPC_PIECE_ROOM   (GRPC_PREFIX_BYTES + 1 + PROTOBUF_VARINT_MAX)

struct grpc_stream;

/* What HTTP says of the messages of a request; in its arena. */
struct grpc_call {
    struct request *request;
    enum coding request_coding;  /* of messages that are compressed */
    enum coding response_coding; /* IDENTITY: ours are not */
    struct grpc_stream *stream;  /* that the request is, or is a message of; NULL: neither */
    struct list node;            /* of the messages of a stream */
    bool is_ready;               /* the answer of a message is complete */
};

/* One message on its way to the client: pieces, most of which stay where they were made, such as the memory of a run. Lives
 * as long as its request. */
struct grpc_reply {
    struct body_source source;
    struct slice pieces[GRPC_PIECES_MAX]; /* the first is `prefix` */
    uint32_t piece_count;
    uint32_t at; /* the piece that is being read, from which `taken` bytes have been */
    size_t taken;
    uint64_t bytes;    /* of all pieces */
    uint32_t envelope; /* the field that the message stands in; 0: it is whole */
    char prefix[GRPC_PIECE_ROOM];
};

/* body.c: memory for a message and its prefix, at the end of which it is aligned; NULL without. */
MUST_USE char *grpc_body_alloc(struct request *request, size_t bytes);
/* Moves bytes on to *filled of memory that has room for `capacity` in all; returns how many. */
size_t grpc_take(char *memory, size_t *filled, size_t capacity, struct slice bytes);

/* message.c: a whole prefix. False: no such message is taken, and the request has failed. */
MUST_USE bool grpc_read_prefix(struct request *request, struct slice bytes, uint64_t message_bytes_max,
                               struct grpc_prefix *ret_prefix);
/* The one message that the body is, decompressed. */
enum verdict grpc_message(struct request *request, struct slice *ret_message);
/* The message is not one of the procedure, because it is malformed. */
enum verdict grpc_refuse_message(struct request *request, const char *name);

/* reply.c: a reply with room for the first piece; NULL without memory. */
struct grpc_reply *grpc_reply_make(struct request *request);
static inline void grpc_reply_add(struct grpc_reply *reply, struct slice piece)
{
    ASSERT(reply->piece_count < GRPC_PIECES_MAX, "a reply has two pieces for each output");
    reply->pieces[reply->piece_count++] = piece;
    reply->bytes += piece.len;
}
/* The message is complete: makes it the response. NEXT or FAIL. */
enum verdict grpc_reply_send(struct request *request, struct grpc_reply *reply);
/* The same for a message that was written to a buffer. */
enum verdict grpc_reply_buffer(struct request *request, const struct buffer *message);

/* stream.c: ModelStreamInfer. NEXT: answers come by and by; or FAIL. */
enum verdict grpc_stream_begin(struct request *request);

/* problem.c: request->problem as values of grpc-status and grpc-message; no message without memory for it. */
void grpc_problem_say(struct request *request, struct slice *ret_status, struct slice *ret_message);

/* Fields of ModelStreamInferResponse. */
enum { GRPC_STREAM_ERROR = 1, GRPC_STREAM_ANSWER = 2 };
/* Of ModelInferResponse. */
enum { GRPC_ANSWER_ID = 3 };

#endif
