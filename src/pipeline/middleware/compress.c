/* SPDX-License-Identifier: Apache-2.0 */
/* compress: codes a response's body as the client accepts it (RFC 9110 sections 8.4 and 12.5.3).
 *
 * A small whole body is compressed at once into memory, with a length; a larger one, and every body that comes from a
 * source, piece by piece as the client takes it, so that a worker is never held up by one response. Whenever the source
 * has nothing for the moment, what was taken so far is flushed: an event reaches its client when it happens, not when
 * the block is full.
 *
 * A strong entity tag becomes a weak one, since the bytes are others than those it was made of (section 8.8.3.3). */
#include "lib/codings/encoder.h"
#include "lib/grpc/grpc.h"
#include "lib/http/accept_encoding.h"
#include "lib/http/media.h"
#include "lib/http/media_names.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#define AT_ONCE_BYTES_MAX 65536
#define PIECE_BYTES       16384
#define SPILL_BYTES       (2 * ENCODER_ROOM_BYTES_MIN)
#define CODINGS_MAX       4

struct options {
    struct option_list codings; /* of struct slice */
    struct option_list types;   /* of struct slice; none: what media_is_compressible says */
    uint64_t bytes_min;
    uint64_t level;
    /* Made of the above: names for the negotiation, "identity" last. */
    const char *offers[CODINGS_MAX + 1];
    size_t offer_count;
};

static const struct option rows[] = {
    {.name = "codings",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct options, codings),
     .fallback = "[zstd, br, gzip]",
     .min = 1,
     .max = CODINGS_MAX,
     .help = "Codings in the server's order of preference: gzip, br, zstd, deflate"},
    {.name = "min_bytes",
     .type = OPTION_BYTES,
     .offset = offsetof(struct options, bytes_min),
     .fallback = "1KiB",
     .max = 1073741824,
     .help = "Smaller bodies are left as they are; bodies of unknown length are compressed"},
    {.name = "types",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct options, types),
     .max = 64,
     .help = "Media types to compress, such as [application/json, text/*]; empty: those known to be worth it"},
    {.name = "level",
     .type = OPTION_COUNT,
     .offset = offsetof(struct options, level),
     .fallback = "0",
     .max = 19,
     .help = "On the coding's own scale, cut to it: gzip 1 to 9, br 1 to 9, zstd 1 to 19; 0: a fast one"},
};

static const struct option_table table = {
    .name = "compress",
    .help = "How responses are compressed",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static void on_response_head(struct request *request, const void *options, void *state);

const struct middleware middleware_compress = {
    .name = "compress",
    .help = "Compresses responses as the client accepts it",
    .place = PLACE_ENCODE,
    .duty = DUTY_OPTIONAL,
    .options = &table,
    .prepare = prepare,
    .on_response_head = on_response_head,
};

/* A coded body on its way; in the request's arena. */
struct coded_source {
    struct body_source source;
    struct request *request;
    struct body_source *inner; /* NULL: `rest` is all there is */
    struct encoder *encoder;
    struct slice rest; /* taken from inner, not by the encoder */
    enum encoder_mode mode;
    char *piece;
    char spill[SPILL_BYTES]; /* where the place given is too small for the encoder */
    size_t spill_begin;
    size_t spill_end;
};

static bool is_worth_it(struct request *request, const struct options *options);
static enum coding choose(const struct request *request, const struct options *options);
static bool compress(struct request *request, const struct options *options, enum coding coding);
static struct response_field *find_field(struct request *request, const char *name);
static void add_vary(struct request *request);
static void remove_field(struct request *request, const char *name);
static void weaken_etag(struct request *request);
static enum err read_coded(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    const struct slice *names = options->codings.items;
    for (uint32_t i = 0; i < options->codings.count; i++) {
        enum coding coding;
        if (coding_parse(names[i], &coding) != ERR_OK || coding == CODING_IDENTITY) {
            text_printf(setup->fault, "codings names \"" SLICE_FMT "\"; known are gzip, br, zstd and deflate",
                        SLICE_ARG(slice_first(names[i], 40)));
            return ERR_INVALID;
        }
        options->offers[options->offer_count++] = coding_name(coding);
    }
    options->offers[options->offer_count++] = "identity";
    return ERR_OK;
}

static void on_response_head(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    if (!is_worth_it(request, options))
        return;
    add_vary(request);
    enum coding coding = choose(request, options);
    if (coding == CODING_IDENTITY || !compress(request, options, coding))
        return;
    response_field_add(request, "Content-Encoding", slice_of_text(coding_name(coding)));
    weaken_etag(request);
    remove_field(request, "Accept-Ranges"); /* ranges are of the content as it was */
    counter_add(&request->worker->meter.bodies_compressed, 1);
}

/* Whether this response would be compressed for a client that wants it. */

static bool is_type_wanted(struct slice content_type, const struct options *options)
{
    const struct slice *types = options->types.items;
    struct slice type = slice_trim(slice_first(content_type, slice_find(content_type, ';')));
    if (options->types.count == 0)
        return media_is_compressible(content_type);
    for (uint32_t i = 0; i < options->types.count; i++) {
        struct slice range = types[i];
        bool is_open = range.len > 2 && range.ptr[range.len - 1] == '*';
        struct slice head = slice_first(range, is_open ? range.len - 1 : range.len);
        if (slice_equal_nocase(is_open ? slice_first(type, head.len) : type, head))
            return true;
    }
    return false;
}

/* RFC 9111 section 5.2.2.6. */
static bool is_transform_forbidden(struct request *request)
{
    const struct response_field *field = find_field(request, "Cache-Control");
    struct slice rest = field ? field->value : (struct slice){NULL, 0};
    struct slice directive;
    while (http_list_next(&rest, &directive))
        if (slice_equal_nocase(directive, SLICE_LIT("no-transform")))
            return true;
    return false;
}

static bool is_worth_it(struct request *request, const struct options *options)
{
    const struct response *response = &request->response;
    int status = response->status;
    if (status < 200 || status == 204 || status == 206 || status == 304)
        return false;
    bool has_length = !response->source || response->has_length;
    uint64_t bytes = response->source ? response->source_bytes : response->body.len;
    if (has_length && (bytes == 0 || bytes < options->bytes_min))
        return false;
    if (grpc_is_content_type(response->content_type)) /* whose messages are compressed each by itself */
        return false;
    return is_type_wanted(response->content_type, options) && !find_field(request, "Content-Encoding") &&
           !find_field(request, "Content-Range") && !is_transform_forbidden(request);
}

static enum coding choose(const struct request *request, const struct options *options)
{
    enum coding coding = CODING_IDENTITY;
    int index = http_accept_encoding_choose(&request->head, options->offers, options->offer_count);
    /* None is acceptable: the identity is better than no answer (section 12.5.3 leaves the choice). */
    if (index >= 0 && coding_parse(slice_of_text(options->offers[index]), &coding) != ERR_OK)
        ASSERT(false, "prepare has let only known codings pass");
    return coding;
}

/* Fields. */

static struct response_field *find_field(struct request *request, const char *name)
{
    struct response *response = &request->response;
    for (uint32_t i = 0; i < response->field_count; i++)
        if (slice_equal_nocase(response->fields[i].name, slice_of_text(name)))
            return &response->fields[i];
    return NULL;
}

static void remove_field(struct request *request, const char *name)
{
    struct response_field *field = find_field(request, name);
    if (field)
        *field = request->response.fields[--request->response.field_count];
}

static void add_vary(struct request *request)
{
    struct response_field *vary = find_field(request, "Vary");
    struct slice rest = vary ? vary->value : (struct slice){NULL, 0};
    struct slice name;
    while (http_list_next(&rest, &name))
        if (slice_is(name, "*") || slice_equal_nocase(name, SLICE_LIT("Accept-Encoding")))
            return;
    if (!vary) {
        response_field_add(request, "Vary", SLICE_LIT("Accept-Encoding"));
        return;
    }
    struct slice longer = arena_printf(&request->arena, SLICE_FMT ", Accept-Encoding", SLICE_ARG(vary->value));
    if (longer.ptr)
        vary->value = longer;
}

static void weaken_etag(struct request *request)
{
    struct response_field *etag = find_field(request, "ETag");
    if (!etag || slice_starts(etag->value, SLICE_LIT("W/")))
        return;
    struct slice weak = arena_printf(&request->arena, "W/" SLICE_FMT, SLICE_ARG(etag->value));
    if (weak.ptr)
        etag->value = weak;
}

/* Bodies. */

static void release(void *encoder)
{
    encoder_release(encoder);
}

/* Without memory the response goes as it is. */
static bool compress_whole(struct request *request, struct encoder *encoder)
{
    struct response *response = &request->response;
    size_t capacity = MAX(response->body.len, (size_t)ENCODER_ROOM_BYTES_MIN);
    char *coded = arena_alloc(&request->arena, capacity);
    struct slice rest = response->body;
    size_t bytes = 0;
    bool is_smaller = coded && encoder_write(encoder, &rest, ENCODER_FINISH, coded, capacity, &bytes) == ERR_OK &&
                      rest.len == 0 && bytes < response->body.len;
    size_t more;
    char last[ENCODER_ROOM_BYTES_MIN];
    if (!is_smaller || encoder_write(encoder, &rest, ENCODER_FINISH, last, sizeof last, &more) != ERR_EOF)
        return false;
    response->body = slice_of(coded, bytes);
    return true;
}

static bool compress_source(struct request *request, struct encoder *encoder)
{
    struct response *response = &request->response;
    struct coded_source *coded = arena_alloc_zero(&request->arena, sizeof *coded);
    char *piece = response->source ? arena_alloc(&request->arena, PIECE_BYTES) : NULL;
    if (!coded || (response->source && !piece))
        return false;
    coded->source = (struct body_source){.read = read_coded};
    coded->request = request;
    coded->inner = response->source;
    coded->encoder = encoder;
    coded->rest = response->body;
    coded->mode = response->source ? ENCODER_CONTINUE : ENCODER_FINISH;
    coded->piece = piece;
    response_set_source(response, &coded->source, UINT64_MAX);
    return true;
}

/* Compression is a luxury: a crowd of streams must not take the memory that requests need. */
static bool is_affordable(const struct request *request)
{
    const struct pool *pool = &request->worker->pool;
    return request->cleanup_count < REQUEST_CLEANUPS_MAX && pool_has(pool, pool->outstanding_bytes_max / 2);
}

static bool compress(struct request *request, const struct options *options, enum coding coding)
{
    struct response *response = &request->response;
    struct encoder *encoder;
    bool is_whole = !response->source && response->body.len <= AT_ONCE_BYTES_MAX;
    const struct encoder_config config = {
        .coding = coding,
        .level = (int)options->level,
        .known_bytes = response->source ? response->has_length ? response->source_bytes : 0 : response->body.len,
    };
    if (!is_affordable(request) || encoder_acquire(&request->worker->codings, &config, &encoder) != ERR_OK)
        return false;
    bool is_done = is_whole ? compress_whole(request, encoder) : compress_source(request, encoder);
    if (is_whole || !is_done)
        encoder_release(encoder);
    else
        request_on_release(request, release, encoder);
    return is_done;
}

/* What is to be encoded next, and how. ERR_AGAIN does not end it: what the encoder holds back is flushed. */
static enum err take_piece(struct coded_source *coded)
{
    size_t bytes;
    enum err err = coded->inner->read(coded->inner, coded->piece, PIECE_BYTES, &bytes);
    coded->mode = ENCODER_CONTINUE;
    if (err == ERR_OK)
        coded->rest = slice_of(coded->piece, bytes);
    else if (err == ERR_EOF)
        coded->mode = ENCODER_FINISH;
    else if (err == ERR_AGAIN)
        coded->mode = ENCODER_FLUSH;
    else
        return err;
    return ERR_OK;
}

/* A flush that has begun is ended before the source is asked again. */
static enum err read_large(struct coded_source *coded, char *place, size_t capacity, size_t *ret_bytes)
{
    for (bool is_idle = false;; is_idle = coded->mode == ENCODER_FLUSH) {
        enum err err = encoder_write(coded->encoder, &coded->rest, coded->mode, place, capacity, ret_bytes);
        if (err != ERR_AGAIN || is_idle)
            return err;
        TRY(take_piece(coded));
    }
}

static enum err read_coded(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct coded_source *coded = CONTAINER_OF(source, struct coded_source, source);
    if (coded->spill_begin == coded->spill_end) {
        if (capacity >= ENCODER_ROOM_BYTES_MIN)
            return read_large(coded, place, capacity, ret_bytes);
        coded->spill_begin = 0;
        coded->spill_end = 0;
        TRY(read_large(coded, coded->spill, sizeof coded->spill, &coded->spill_end));
    }
    *ret_bytes = MIN(capacity, coded->spill_end - coded->spill_begin);
    memcpy(place, coded->spill + coded->spill_begin, *ret_bytes);
    coded->spill_begin += *ret_bytes;
    return ERR_OK;
}
