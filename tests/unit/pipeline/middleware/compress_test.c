/* SPDX-License-Identifier: Apache-2.0 */
/* compress: which responses it touches, what becomes of their fields, and that every body comes back whole. */
#include "unit/pipeline/stand.h"

#include "lib/codings/decoder.h"

#define BODY_BYTES 3000

static char text[300000];

static void fill(void)
{
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 977 == 0 ? (char)('a' + i / 977 % 26) : "weir compresses what repeats. "[i % 30];
}

/* A request with that Accept-Encoding whose response is there, before the way back. */
static struct request *begin(const char *method, const char *accept)
{
    char head[300];
    (void)snprintf(head, sizeof head, "%s /x HTTP/1.1\r\nHost: a\r\n%s%s%s", method, *accept ? "Accept-Encoding: " : "",
                   accept, *accept ? "\r\n" : "");
    struct request *request = stand_begin(&stand, head, (struct slice){NULL, 0});
    assert_int_equal(stage_chain(request), VERDICT_NEXT);
    response_set(request, 200, "text/plain", slice_of(text, BODY_BYTES));
    return request;
}

static struct slice field(const char *name)
{
    const struct response *response = &stand.request->response;
    for (uint32_t i = 0; i < response->field_count; i++)
        if (slice_is(response->fields[i].name, name))
            return response->fields[i].value;
    return (struct slice){NULL, 0};
}

static void respond(struct request *request)
{
    assert_int_equal(stage_format(request), VERDICT_NEXT);
}

static size_t decode(enum coding coding, struct slice coded, char *out, size_t capacity)
{
    struct decoder *decoder;
    struct decoder_config config = {.coding = coding, .decoded_bytes_max = capacity, .ratio_max = 100000};
    assert_int_equal(decoder_acquire(&stand.worker->codings, &config, &decoder), ERR_OK);
    size_t done = 0;
    size_t bytes;
    while (decoder_read(decoder, &coded, out + done, capacity - done + 1, &bytes) == ERR_OK)
        done += bytes;
    enum err err = decoder_finish(decoder);
    decoder_release(decoder);
    return err == ERR_OK ? done : SIZE_MAX;
}

static void expect_coded(enum coding coding)
{
    static char out[BODY_BYTES + 1];
    struct response *response = &stand.request->response;
    expect_slice(field("Content-Encoding"), coding_name(coding));
    assert_true(response->body.len < BODY_BYTES / 4);
    assert_int_equal(decode(coding, response->body, out, BODY_BYTES), BODY_BYTES);
    assert_memory_equal(out, text, BODY_BYTES);
}

/* RFC 9110 section 12.5.3. */
static void codes_as_the_client_accepts(void **state)
{
    (void)state;
    stand_add(&stand, "compress", NULL);
    respond(begin("GET", "gzip, br;q=0.5"));
    expect_coded(CODING_GZIP);
    expect_slice(field("Vary"), "Accept-Encoding");
    stand_end(&stand);
    respond(begin("GET", "gzip, br, zstd"));
    expect_coded(CODING_ZSTD);
    stand_end(&stand);
    respond(begin("GET", "gzip, br"));
    expect_coded(CODING_BROTLI);
    stand_end(&stand);
    respond(begin("HEAD", "gzip"));
    expect_coded(CODING_GZIP); /* so that Content-Length is that of GET */
}

static void expect_as_it_was(struct request *request, const char *vary)
{
    respond(request);
    assert_null(field("Content-Encoding").ptr);
    if (vary)
        expect_slice(field("Vary"), vary);
    else
        assert_null(field("Vary").ptr);
    assert_ptr_equal(request->response.body.ptr, text);
    stand_end(&stand);
}

static void says_vary_where_another_client_would_get_a_coding(void **state)
{
    (void)state;
    stand_add(&stand, "compress", "codings", "[gzip]", NULL);
    expect_as_it_was(begin("GET", ""), "Accept-Encoding");
    expect_as_it_was(begin("GET", "br"), "Accept-Encoding");
    expect_as_it_was(begin("GET", "gzip;q=0"), "Accept-Encoding");
    expect_as_it_was(begin("GET", "identity;q=0"), "Accept-Encoding");
    struct request *request = begin("GET", "br");
    response_field_add(request, "Vary", SLICE_LIT("Origin"));
    expect_as_it_was(request, "Origin, Accept-Encoding");
    request = begin("GET", "br");
    response_field_add(request, "Vary", SLICE_LIT("accept-encoding"));
    expect_as_it_was(request, "accept-encoding");
    request = begin("GET", "br");
    response_field_add(request, "Vary", SLICE_LIT("*"));
    expect_as_it_was(request, "*");
}

static void leaves_alone_what_is_not_to_be_coded(void **state)
{
    (void)state;
    stand_add(&stand, "compress", NULL);
    struct request *request = begin("GET", "gzip");
    response_field_add(request, "Cache-Control", SLICE_LIT("max-age=1, No-Transform"));
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    request->response.content_type = SLICE_LIT("image/png");
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    request->response.status = 206;
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    response_field_add(request, "Content-Range", SLICE_LIT("bytes 0-2999/5000"));
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    request->response.status = 304;
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    request->response.body.len = 1023;
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    response_field_add(request, "Content-Encoding", SLICE_LIT("br"));
    respond(request);
    expect_slice(field("Content-Encoding"), "br");
    assert_ptr_equal(request->response.body.ptr, text);
}

static void a_strong_entity_tag_becomes_weak(void **state)
{
    (void)state;
    stand_add(&stand, "compress", NULL);
    struct request *request = begin("GET", "gzip");
    response_field_add(request, "ETag", SLICE_LIT("\"v1\""));
    respond(request);
    expect_slice(field("ETag"), "W/\"v1\"");
    stand_end(&stand);
    request = begin("GET", "gzip");
    response_field_add(request, "ETag", SLICE_LIT("W/\"v1\""));
    respond(request);
    expect_slice(field("ETag"), "W/\"v1\"");
    stand_end(&stand);
    request = begin("GET", "");
    response_field_add(request, "ETag", SLICE_LIT("\"v1\""));
    respond(request);
    expect_slice(field("ETag"), "\"v1\"");
}

static void its_options_choose_types_and_sizes(void **state)
{
    (void)state;
    stand_add(&stand, "compress", "types", "[application/json, text/*]", "min_bytes", "3000", NULL);
    respond(begin("GET", "gzip"));
    assert_true(field("Content-Encoding").ptr != NULL);
    stand_end(&stand);
    struct request *request = begin("GET", "gzip");
    request->response.content_type = SLICE_LIT("Application/JSON; charset=utf-8");
    respond(request);
    assert_true(field("Content-Encoding").ptr != NULL);
    stand_end(&stand);
    request = begin("GET", "gzip");
    request->response.content_type = SLICE_LIT("image/svg+xml");
    expect_as_it_was(request, NULL);
    request = begin("GET", "gzip");
    request->response.body.len = 2999;
    expect_as_it_was(request, NULL);
}

static void noise_is_left_as_it_is(void **state)
{
    (void)state;
    static char noise[BODY_BYTES];
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < sizeof noise; i++, random = random * 6364136223846793005 + 1442695040888963407)
        noise[i] = (char)(random >> 56);
    static const char *const accepts[] = {"gzip", "br", "zstd"};
    stand_add(&stand, "compress", NULL);
    for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
        struct request *request = begin("GET", accepts[i]);
        request->response.body = slice_of(noise, sizeof noise);
        respond(request);
        assert_null(field("Content-Encoding").ptr);
        assert_ptr_equal(request->response.body.ptr, noise);
        stand_end(&stand);
    }
}

/* A source that gives `pieces` pieces, and has nothing before each of them. */
struct probe_source {
    struct body_source source;
    size_t piece_bytes;
    size_t given;
    size_t bytes;
    bool is_pausing;
    enum err end;
};

static enum err read_probe(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct probe_source *probe = CONTAINER_OF(source, struct probe_source, source);
    if (probe->given == probe->bytes)
        return probe->end;
    probe->is_pausing = !probe->is_pausing;
    if (probe->is_pausing)
        return ERR_AGAIN;
    *ret_bytes = MIN(MIN(probe->piece_bytes, capacity), probe->bytes - probe->given);
    memcpy(place, text + probe->given, *ret_bytes);
    probe->given += *ret_bytes;
    return ERR_OK;
}

static struct request *begin_source(struct probe_source *probe, const char *accept)
{
    struct request *request = begin("GET", accept);
    request_respond_from(request, 200, "text/event-stream", &probe->source, UINT64_MAX);
    return request;
}

/* Pulls with rooms of that size. Whenever the source pauses, all that it has given can be read. */
static void pull(enum coding coding, size_t piece_bytes, size_t room)
{
    static char coded[sizeof text];
    static char out[sizeof text + 1];
    struct probe_source probe = {
        .source = {.read = read_probe}, .piece_bytes = piece_bytes, .bytes = 20000, .end = ERR_EOF};
    struct request *request = begin_source(&probe, coding_name(coding));
    respond(request);
    expect_slice(field("Content-Encoding"), coding_name(coding));
    assert_false(request->response.has_length);
    struct decoder *decoder;
    struct decoder_config config = {.coding = coding, .decoded_bytes_max = sizeof text, .ratio_max = 100000};
    assert_int_equal(decoder_acquire(&stand.worker->codings, &config, &decoder), ERR_OK);
    size_t decoded = 0;
    size_t done = 0;
    size_t bytes = 0;
    enum err err;
    while ((err = request->response.source->read(request->response.source, coded, room, &bytes)) != ERR_EOF) {
        assert_true(err == ERR_OK || err == ERR_AGAIN);
        struct slice rest = slice_of(coded, err == ERR_OK ? bytes : 0);
        done += rest.len;
        while (decoder_read(decoder, &rest, out + decoded, sizeof out - decoded, &bytes) == ERR_OK)
            decoded += bytes;
        if (err == ERR_AGAIN)
            assert_int_equal(decoded, probe.given);
    }
    assert_int_equal(decoder_finish(decoder), ERR_OK);
    assert_int_equal(decoded, 20000);
    assert_memory_equal(out, text, 20000);
    assert_true(done > 0);
    decoder_release(decoder);
    stand_end(&stand);
}

static void a_stream_is_flushed_whenever_its_source_pauses(void **state)
{
    (void)state;
    static const enum coding codings[] = {CODING_GZIP, CODING_BROTLI, CODING_ZSTD};
    stand_add(&stand, "compress", NULL);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        pull(codings[i], 100, 16384);
        pull(codings[i], 100, 1);
        pull(codings[i], 7000, 40);
        pull(codings[i], 20000, 31);
    }
    assert_int_equal(stand.worker->codings.in_use, 0);
}

static void a_source_that_breaks_breaks_the_response(void **state)
{
    (void)state;
    char room[1000];
    size_t bytes;
    stand_add(&stand, "compress", NULL);
    struct probe_source probe = {.source = {.read = read_probe}, .piece_bytes = 10, .bytes = 100, .end = ERR_CLOSED};
    struct request *request = begin_source(&probe, "gzip");
    respond(request);
    enum err err;
    do
        err = request->response.source->read(request->response.source, room, sizeof room, &bytes);
    while (err == ERR_OK || err == ERR_AGAIN);
    assert_int_equal(err, ERR_CLOSED);
}

static void a_large_body_is_compressed_as_it_is_taken(void **state)
{
    (void)state;
    static char coded[sizeof text];
    static char out[sizeof text + 1];
    stand_add(&stand, "compress", NULL);
    struct request *request = begin("GET", "br");
    request->response.body = slice_of(text, sizeof text);
    respond(request);
    assert_non_null(request->response.source);
    size_t done = 0;
    size_t bytes;
    while (request->response.source->read(request->response.source, coded + done, 5000, &bytes) == ERR_OK)
        done += bytes;
    assert_int_equal(decode(CODING_BROTLI, slice_of(coded, done), out, sizeof text), sizeof text);
    assert_memory_equal(out, text, sizeof text);
}

static void without_an_encoder_the_response_goes_as_it_is(void **state)
{
    (void)state;
    stand_add(&stand, "compress", NULL);
    stand.worker->codings.in_use_max = 0;
    expect_as_it_was(begin("GET", "gzip"), "Accept-Encoding");
    stand.worker->codings.in_use_max = 10;
}

static void memory_that_requests_need_is_not_spent_on_it(void **state)
{
    (void)state;
    struct pool *pool = &stand.worker->pool;
    size_t bytes;
    stand_add(&stand, "compress", NULL);
    size_t more_bytes;
    void *half = pool_acquire(pool, pool->outstanding_bytes_max / 2, &bytes);
    void *more = pool_acquire(pool, 1, &more_bytes);
    assert_true(half && more);
    expect_as_it_was(begin("GET", "gzip"), "Accept-Encoding");
    pool_release(pool, half, bytes);
    pool_release(pool, more, more_bytes);
    respond(begin("GET", "gzip"));
    expect_coded(CODING_GZIP);
}

static int set_up(void **state)
{
    (void)state;
    fill();
    stand_init(&stand);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stand_deinit(&stand);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(codes_as_the_client_accepts),
        TEST(says_vary_where_another_client_would_get_a_coding),
        TEST(leaves_alone_what_is_not_to_be_coded),
        TEST(a_strong_entity_tag_becomes_weak),
        TEST(its_options_choose_types_and_sizes),
        TEST(noise_is_left_as_it_is),
        TEST(a_stream_is_flushed_whenever_its_source_pauses),
        TEST(a_source_that_breaks_breaks_the_response),
        TEST(a_large_body_is_compressed_as_it_is_taken),
        TEST(without_an_encoder_the_response_goes_as_it_is),
        TEST(memory_that_requests_need_is_not_spent_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
