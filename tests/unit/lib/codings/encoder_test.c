/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/codings/encoder.h"

#include "unit/lib/codings/codings_fixture.h"

/* What an event stream needs: each event can be read before the next one exists. */
static void all_that_was_flushed_can_be_decoded(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct encoder *encoder = acquire_encoder(&fixture, real_codings[c], 0);
        struct decoder *decoder = acquire_decoder(&fixture, real_codings[c]);
        for (int i = 0; i < 100; i++) {
            char event[64];
            int len = snprintf(event, sizeof event, "data: {\"token\": %d}\n\n", i);
            struct slice content = slice_of(event, (size_t)len);
            size_t coded = encode_piece(encoder, content, ENCODER_FLUSH, fixture.coded, SIZE_MAX, 1000);
            size_t bytes;
            enum err err =
                decode_with(decoder, slice_of(fixture.coded, coded), fixture.decoded, SIZE_MAX, 1000, &bytes);
            assert_int_equal(err, ERR_TRUNCATED);
            assert_true(slice_equal(content, slice_of(fixture.decoded, bytes)));
        }
        size_t coded = encode_piece(encoder, SLICE_LIT(""), ENCODER_FINISH, fixture.coded, SIZE_MAX, 1000);
        size_t bytes;
        assert_int_equal(decode_with(decoder, slice_of(fixture.coded, coded), fixture.decoded, SIZE_MAX, 1000, &bytes),
                         ERR_OK);
        assert_int_equal(bytes, 0);
        encoder_release(encoder);
        decoder_release(decoder);
    }
    fixture_close(&fixture);
}

static void flushing_what_is_flushed_writes_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct encoder *encoder = acquire_encoder(&fixture, real_codings[c], 0);
        assert_true(encode_piece(encoder, SLICE_LIT("event"), ENCODER_FLUSH, fixture.coded, SIZE_MAX, 1000) > 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(encode_piece(encoder, SLICE_LIT(""), ENCODER_FLUSH, fixture.coded, SIZE_MAX, 1000), 0);
            assert_int_equal(encode_piece(encoder, SLICE_LIT(""), ENCODER_CONTINUE, fixture.coded, SIZE_MAX, 1000), 0);
        }
        assert_true(encode_piece(encoder, SLICE_LIT(""), ENCODER_FINISH, fixture.coded, SIZE_MAX, 1000) > 0);
        assert_int_equal(encode_piece(encoder, SLICE_LIT(""), ENCODER_FINISH, fixture.coded, SIZE_MAX, 1000), 0);
        encoder_release(encoder);
    }
    fixture_close(&fixture);
}

static void every_level_and_those_beyond_the_scale_work(void **state)
{
    (void)state;
    static char content[20000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++)
        for (int level = -2; level < 30; level++) {
            struct encoder *encoder = acquire_encoder(&fixture, real_codings[c], level);
            size_t coded = encode_piece(encoder, slice_of(content, sizeof content), ENCODER_FINISH, fixture.coded,
                                        SIZE_MAX, ROOM / 2);
            encoder_release(encoder);
            size_t bytes;
            assert_int_equal(decode_all(&fixture, real_codings[c], slice_of(fixture.coded, coded), &bytes), ERR_OK);
            assert_int_equal(bytes, sizeof content);
        }
    fixture_close(&fixture);
}

/* Thousands of event streams may be open at a time. */
static void a_stream_takes_bounded_memory(void **state)
{
    (void)state;
    static char content[1000000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct encoder *encoder = acquire_encoder(&fixture, real_codings[c], 0);
        (void)encode_piece(encoder, slice_of(content, sizeof content), ENCODER_FLUSH, fixture.coded, 16384, 16384);
        assert_in_range(fixture.pool.outstanding_bytes, 1, 4U << 20);
        encoder_release(encoder);
        codings_trim(&fixture.codings);
    }
    fixture_close(&fixture);
}

/* Brotli's library would end the process: see brotli.c. */
static void a_pool_emptied_by_others_ends_no_stream_of_brotli(void **state)
{
    (void)state;
    static char content[300000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    struct encoder *encoder = acquire_encoder(&fixture, CODING_BROTLI, 0);
    size_t limit = fixture.pool.outstanding_bytes_max;
    fixture.pool.outstanding_bytes_max = 0;
    size_t coded =
        encode_piece(encoder, slice_of(content, sizeof content), ENCODER_FINISH, fixture.coded, 16384, 16384);
    struct encoder *refused = NULL;
    struct encoder_config config = {.coding = CODING_BROTLI};
    assert_int_equal(encoder_acquire(&fixture.codings, &config, &refused), ERR_NOMEM);
    fixture.pool.outstanding_bytes_max = limit;
    encoder_release(encoder);
    size_t bytes;
    assert_int_equal(decode_all(&fixture, CODING_BROTLI, slice_of(fixture.coded, coded), &bytes), ERR_OK);
    assert_int_equal(bytes, sizeof content);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_was_flushed_can_be_decoded),
        cmocka_unit_test(flushing_what_is_flushed_writes_nothing),
        cmocka_unit_test(every_level_and_those_beyond_the_scale_work),
        cmocka_unit_test(a_stream_takes_bounded_memory),
        cmocka_unit_test(a_pool_emptied_by_others_ends_no_stream_of_brotli),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
