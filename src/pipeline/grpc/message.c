/* SPDX-License-Identifier: Apache-2.0 */
/* The message in a body: a prefix, then as many bytes as it says, which may be compressed. Decompressed they count against
 * the same limits as a body with Content-Encoding does. */
#include "lib/codings/decoder.h"
#include "pipeline/grpc/grpc_int.h"

#define PIECE_BYTES 16384

static enum verdict decompress(struct request *request, struct slice coded, struct slice *ret_message);

bool grpc_read_prefix(struct request *request, struct slice bytes, uint64_t message_bytes_max,
                      struct grpc_prefix *ret_prefix)
{
    if (grpc_prefix_read(bytes, ret_prefix) != ERR_OK)
        (void)request_fail(request, PROBLEM_BAD_REQUEST, "A message begins with a flag that is neither 0 nor 1.");
    else if (ret_prefix->message_bytes > message_bytes_max)
        (void)request_fail(request, PROBLEM_BODY_TOO_LARGE, "This route takes messages of up to %llu bytes.",
                           (unsigned long long)message_bytes_max);
    else
        return true;
    return false;
}

enum verdict grpc_message(struct request *request, struct slice *ret_message)
{
    struct slice body = request->body;
    struct grpc_prefix prefix;
    if (grpc_prefix_read(body, &prefix) != ERR_OK || prefix.message_bytes > body.len - GRPC_PREFIX_BYTES)
        return request_fail(request, PROBLEM_BAD_REQUEST, "%s",
                            body.len ? "The request ends in the middle of a message." : "There is no message.");
    *ret_message = slice_skip(body, GRPC_PREFIX_BYTES);
    return prefix.is_compressed ? decompress(request, *ret_message, ret_message) : VERDICT_NEXT;
}

enum verdict grpc_refuse_message(struct request *request, const char *name)
{
    return request_fail(request, PROBLEM_BAD_REQUEST, "The message is no %s.", name);
}

static enum verdict refuse_coded(struct request *request, enum err err)
{
    switch (err) {
    case ERR_LIMIT:
        return request_fail(
            request, PROBLEM_BODY_TOO_LARGE,
            "A message is taken that decodes to at most %llu bytes, and, beyond the first MiB, to at most "
            "%llu times its size.",
            (unsigned long long)request->route->body_bytes_max,
            (unsigned long long)request->config->limits.decoded_ratio);
    case ERR_NOMEM:
    case ERR_BUSY:
        request->retry_after_s = 1;
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory to decode the message; try again.");
    default:
        return request_fail(request, PROBLEM_INVALID_CODING, "The message is not coded as grpc-encoding says.");
    }
}

static enum err decode(struct decoder *decoder, struct slice coded, struct buffer *out)
{
    for (;;) {
        size_t bytes;
        char *place = buffer_reserve(out, PIECE_BYTES);
        if (!place)
            return ERR_NOMEM;
        enum err err = decoder_read(decoder, &coded, place, PIECE_BYTES, &bytes);
        if (err == ERR_AGAIN)
            return decoder_finish(decoder);
        TRY(err);
        out->len += bytes;
    }
}

static enum verdict decompress(struct request *request, struct slice coded, struct slice *ret_message)
{
    struct worker *worker = request->worker;
    const struct decoder_config config = {
        .coding = request->grpc->request_coding,
        .decoded_bytes_max = request->route->body_bytes_max,
        .ratio_max = (uint32_t)request->config->limits.decoded_ratio,
        .memory_bytes_max = request->config->limits.coding_memory,
    };
    if (config.coding == CODING_IDENTITY)
        return request_fail(request, PROBLEM_BAD_REQUEST, "A message is compressed, and no grpc-encoding says how.");
    struct decoder *decoder;
    struct buffer out = buffer_in_arena(&request->arena, MAX(coded.len * 2, (size_t)PIECE_BYTES));
    enum err err = decoder_acquire(&worker->codings, &config, &decoder);
    if (err == ERR_OK) {
        err = decode(decoder, coded, &out);
        decoder_release(decoder);
        counter_add(&worker->meter.bodies_decoded, 1);
    }
    if (err != ERR_OK)
        return out.err == ERR_NOMEM ? request_fail_memory(request) : refuse_coded(request, err);
    *ret_message = slice_of(out.ptr, out.len);
    return VERDICT_NEXT;
}
