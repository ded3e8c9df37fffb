/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a call, received by what its first five bytes say of it: clients of gRPC send no Content-Length, and a message that is
 * too large is known to be that when it begins.
 *
 * Its memory is placed so that the message ends at a multiple of TENSOR_ALIGN. Where the last thing in a message is a tensor, and
 * nearly always it is, that one is aligned to its elements then, and the model reads it where it is. */
#include "pipeline/flow.h"
#include "pipeline/grpc/grpc_int.h"

struct grpc_body {
    struct body_sink sink;
    struct request *request;
    char prefix[GRPC_PREFIX_BYTES];
    size_t prefix_bytes;
    char *memory; /* of prefix and message; NULL until the prefix is complete */
    size_t bytes;
    size_t capacity;
};

static size_t write(struct body_sink *sink, struct slice bytes);
static void end(struct body_sink *sink);

char *grpc_body_alloc(struct request *request, size_t bytes)
{
    size_t shift = (size_t)-bytes & (TENSOR_ALIGN - 1);
    char *memory = arena_alloc_aligned(&request->arena, bytes + shift);
    return memory ? memory + shift : NULL;
}

enum verdict grpc_expect_body(struct request *request)
{
    struct grpc_body *body = arena_alloc(&request->arena, sizeof *body);
    if (!body)
        return request_fail_memory(request);
    *body = (struct grpc_body){.sink = {.write = write, .end = end}, .request = request};
    request->sink = &body->sink;
    return VERDICT_NEXT;
}

size_t grpc_take(char *memory, size_t *filled, size_t capacity, struct slice bytes)
{
    size_t taken = MIN(capacity - *filled, bytes.len);
    if (taken)
        memcpy(memory + *filled, bytes.ptr, taken);
    *filled += taken;
    return taken;
}

/* The prefix is complete. False: the request has failed. */
static bool begin(struct grpc_body *body)
{
    struct request *request = body->request;
    struct grpc_prefix prefix;
    if (!grpc_read_prefix(request, slice_of(body->prefix, GRPC_PREFIX_BYTES), request->route->body_bytes_max, &prefix))
        return false;
    body->capacity = (size_t)prefix.message_bytes + GRPC_PREFIX_BYTES;
    body->memory = grpc_body_alloc(request, body->capacity);
    if (!body->memory) {
        (void)request_fail_memory(request);
        return false;
    }
    memcpy(body->memory, body->prefix, GRPC_PREFIX_BYTES);
    body->bytes = GRPC_PREFIX_BYTES;
    return true;
}

static size_t write(struct body_sink *sink, struct slice bytes)
{
    struct grpc_body *body = CONTAINER_OF(sink, struct grpc_body, sink);
    size_t taken = 0;
    if (!body->memory) {
        taken = grpc_take(body->prefix, &body->prefix_bytes, GRPC_PREFIX_BYTES, bytes);
        if (body->prefix_bytes < GRPC_PREFIX_BYTES || !begin(body))
            return taken;
    }
    taken += grpc_take(body->memory, &body->bytes, body->capacity, slice_skip(bytes, taken));
    if (taken < bytes.len)
        (void)request_fail(body->request, PROBLEM_BAD_REQUEST, "There is more than one message, where one is taken.");
    return taken;
}

static void end(struct body_sink *sink)
{
    struct grpc_body *body = CONTAINER_OF(sink, struct grpc_body, sink);
    body->request->body =
        body->memory ? slice_of(body->memory, body->bytes) : slice_of(body->prefix, body->prefix_bytes);
}
