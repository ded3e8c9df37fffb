/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body comes coded (Content-Encoding) and everyone behind the stage receive sees it decoded.
 *
 * It is decoded as it arrives, so that what is too much is refused when it becomes too much: the decoded bytes count
 * against the route's body_bytes, and beyond the first MiB one coded byte may become no more than limits.decoded_ratio
 * (a bomb of nested zeros costs its sender little and us much). Of several codings the last one named was applied last
 * and is taken off first (RFC 9110 section 8.4); more than two nobody sends in earnest. */
#include "lib/codings/decoder.h"
#include "pipeline/flow.h"
#include "pipeline/parse/parse_int.h"
#include "pipeline/worker.h"

#define LAYERS_MAX  2
#define PIECE_BYTES 16384
#define TAKEN_TEXT  "gzip, deflate, br, zstd"

struct coded_body {
    struct body_sink sink;
    struct request *request;
    struct body_sink *next;               /* takes all it is given; NULL: the decoded body is collected */
    struct decoder *decoders[LAYERS_MAX]; /* in the order of taking off */
    uint32_t layer_count;
    char *piece[LAYERS_MAX];
    char *memory; /* the decoded body, if collected */
    size_t bytes;
    size_t capacity;
};

static enum verdict read_codings(struct request *request, struct coded_body *body);
static enum verdict refuse(struct request *request, struct slice coding);
static enum verdict add_layer(struct request *request, struct coded_body *body, enum coding coding);
static size_t write(struct body_sink *sink, struct slice bytes);
static void end(struct body_sink *sink);
static void release(void *argument);

enum verdict content_coding_begin(struct request *request)
{
    struct coded_body *body = arena_alloc_zero(&request->arena, sizeof *body);
    if (!body)
        return request_fail_memory(request);
    *body = (struct coded_body){.sink = {.write = write, .end = end}, .request = request, .next = request->sink};
    request_on_release(request, release, body);
    enum verdict verdict = read_codings(request, body);
    if (verdict == VERDICT_NEXT && body->layer_count > 0) {
        request->sink = &body->sink;
        request->is_body_rewritten = true;
        counter_add(&request->worker->meter.bodies_decoded, 1);
    }
    return verdict;
}

/* All fields, from the last element of the last one to the first of the first: collected forward, used backward. */
static enum verdict read_codings(struct request *request, struct coded_body *body)
{
    enum coding codings[LAYERS_MAX];
    uint32_t count = 0;
    const struct http_header *header = http_head_find(&request->head, HTTP_FIELD_CONTENT_ENCODING);
    for (; header; header = http_head_find_next(&request->head, header)) {
        struct slice rest = header->value;
        struct slice name;
        while (http_list_next(&rest, &name)) {
            enum coding coding;
            if (coding_parse(name, &coding) != ERR_OK)
                return refuse(request, name);
            if (coding == CODING_IDENTITY)
                continue;
            if (count == LAYERS_MAX)
                return refuse(request, SLICE_LIT("of more than two layers"));
            codings[count++] = coding;
        }
    }
    while (count > 0) {
        enum verdict verdict = add_layer(request, body, codings[--count]);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return VERDICT_NEXT;
}

/* RFC 9110 section 15.5.16: Accept-Encoding says that it is the coding, and what would have been taken. */
static enum verdict refuse(struct request *request, struct slice coding)
{
    response_field_add(request, "Accept-Encoding", SLICE_LIT(TAKEN_TEXT));
    return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        "Content-Encoding " SLICE_FMT " is not taken; send " TAKEN_TEXT ", or the body as it is.",
                        SLICE_ARG(slice_first(coding, 40)));
}

static enum verdict add_layer(struct request *request, struct coded_body *body, enum coding coding)
{
    const struct decoder_config config = {
        .coding = coding,
        .decoded_bytes_max = request->route->body_bytes_max,
        .ratio_max = (uint32_t)request->config->limits.decoded_ratio,
        .memory_bytes_max = request->config->limits.coding_memory,
    };
    body->piece[body->layer_count] = arena_alloc(&request->arena, PIECE_BYTES);
    if (!body->piece[body->layer_count])
        return request_fail_memory(request);
    enum err err = decoder_acquire(&request->worker->codings, &config, &body->decoders[body->layer_count]);
    if (err == ERR_OK) {
        body->layer_count++;
        return VERDICT_NEXT;
    }
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory to decode the body; try again.");
}

static void release(void *argument)
{
    struct coded_body *body = argument;
    for (uint32_t i = 0; i < body->layer_count; i++)
        decoder_release(body->decoders[i]);
}

/* What is behind the last layer. Growing doubles, and what was outgrown stays in the arena. */
static bool deliver(struct coded_body *body, struct slice bytes)
{
    struct request *request = body->request;
    if (body->next) {
        size_t taken = body->next->write(body->next, bytes);
        ASSERT(request->problem || taken == bytes.len, "behind a decoder stands a sink that takes all");
        return !request->problem;
    }
    if (bytes.len > body->capacity - body->bytes) {
        size_t capacity = MAX(body->capacity * 2, MAX(body->bytes + bytes.len, (size_t)PIECE_BYTES));
        char *memory = receive_alloc(request, capacity);
        if (!memory)
            return request_fail_memory(request) == VERDICT_NEXT;
        if (body->bytes)
            memcpy(memory, body->memory, body->bytes);
        body->memory = memory;
        body->capacity = capacity;
    }
    memcpy(body->memory + body->bytes, bytes.ptr, bytes.len);
    body->bytes += bytes.len;
    return true;
}

static enum verdict fail(struct request *request, enum err err)
{
    switch (err) {
    case ERR_LIMIT:
        return request_fail(
            request, PROBLEM_BODY_TOO_LARGE,
            "This route takes bodies that decode to at most %llu bytes, and, beyond the first MiB, to at "
            "most %llu times their size.",
            (unsigned long long)request->route->body_bytes_max,
            (unsigned long long)request->config->limits.decoded_ratio);
    case ERR_NOMEM:
        request->retry_after_s = 1;
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory to decode the body; try again.");
    case ERR_TRUNCATED:
        return request_fail(request, PROBLEM_INVALID_CODING, "The coded body ends too early.");
    default:
        return request_fail(request, PROBLEM_INVALID_CODING, "The body is not what Content-Encoding says it is.");
    }
}

static bool feed(struct coded_body *body, uint32_t layer, struct slice bytes)
{
    if (layer == body->layer_count)
        return deliver(body, bytes);
    size_t count;
    enum err err;
    while ((err = decoder_read(body->decoders[layer], &bytes, body->piece[layer], PIECE_BYTES, &count)) == ERR_OK)
        if (!feed(body, layer + 1, slice_of(body->piece[layer], count)))
            return false;
    return err == ERR_AGAIN || fail(body->request, err) == VERDICT_NEXT;
}

static size_t write(struct body_sink *sink, struct slice bytes)
{
    struct coded_body *body = CONTAINER_OF(sink, struct coded_body, sink);
    (void)feed(body, 0, bytes);
    return bytes.len;
}

static void end(struct body_sink *sink)
{
    struct coded_body *body = CONTAINER_OF(sink, struct coded_body, sink);
    for (uint32_t i = 0; i < body->layer_count; i++) {
        enum err err = decoder_finish(body->decoders[i]);
        if (err != ERR_OK) {
            (void)fail(body->request, err);
            return;
        }
    }
    if (body->next)
        body->next->end(body->next);
    else
        body->request->body = slice_of(body->memory, body->bytes);
}
