/* SPDX-License-Identifier: Apache-2.0 */
/* Both directions against each other. What only one of them promises is in encoder_test.c and decoder_test.c. */
#include "lib/codings/codings.h"

#include "unit/lib/codings/codings_fixture.h"
#include "unit/lib/malloc_count.h"

static void finds_codings_by_name(void **state)
{
    (void)state;
    enum coding coding = CODING_COUNT;
    for (enum coding each = CODING_IDENTITY; each < CODING_COUNT; each++) {
        assert_int_equal(coding_parse(slice_of_text(coding_name(each)), &coding), ERR_OK);
        assert_int_equal(coding, each);
    }
    assert_int_equal(coding_parse(SLICE_LIT("X-GZip"), &coding), ERR_OK);
    assert_int_equal(coding, CODING_GZIP);
    static const char *const unknown[] = {"", "compress", "brotli", "gzi", "gzip ", "*"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(coding_parse(slice_of_text(unknown[i]), &coding), ERR_UNSUPPORTED);
}

static void check_round_trip(struct fixture *fixture, enum coding coding, struct slice content, size_t in_step,
                             size_t out_step)
{
    size_t bytes = 0;
    struct encoder *encoder = acquire_encoder(fixture, coding, 0);
    size_t coded =
        encode_piece(encoder, content, ENCODER_FINISH, fixture->coded, in_step, MAX(out_step, ENCODER_ROOM_BYTES_MIN));
    encoder_release(encoder);
    assert_true(coded <= encoder_bound(coding, content.len) || in_step < 100);
    struct decoder *decoder = acquire_decoder(fixture, coding);
    enum err err = decode_with(decoder, slice_of(fixture->coded, coded), fixture->decoded, in_step, out_step, &bytes);
    decoder_release(decoder);
    if (err != ERR_OK || !slice_equal(content, slice_of(fixture->decoded, bytes)))
        fail_msg("%s of %zu bytes by %zu and %zu: %s, %zu bytes", coding_name(coding), content.len, in_step, out_step,
                 err_name(err), bytes);
}

static void gives_back_what_it_was_given_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 100, 5000, 70000, 700000};
    static const size_t steps[] = {1, 7, 1000, 65536, SIZE_MAX};
    static char content[700000];
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t kind = 0; kind < 3; kind++) {
        if (kind == 0)
            memset(content, 'z', sizeof content);
        else
            (kind == 1 ? fill_text : fill_noise)(content, sizeof content);
        for (size_t c = 0; c < ARRAY_LEN(real_codings); c++)
            for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
                for (size_t k = 0; k < ARRAY_LEN(steps); k++)
                    if (steps[k] > 1 || sizes[i] <= 70000)
                        check_round_trip(&fixture, real_codings[c], slice_of(content, sizes[i]), steps[k],
                                         MIN(steps[k], ROOM / 2));
    }
    fixture_close(&fixture);
}

static void makes_text_smaller(void **state)
{
    (void)state;
    static char content[100000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        size_t coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content)).len;
        assert_in_range(coded, 100, sizeof content / 3);
    }
    fixture_close(&fixture);
}

static void a_reused_context_remembers_nothing(void **state)
{
    (void)state;
    static char content[50000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        size_t first = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content)).len;
        /* Given up in the middle, in both directions. */
        struct encoder *encoder = acquire_encoder(&fixture, real_codings[c], 1);
        (void)encode_piece(encoder, slice_of(content, 40000), ENCODER_FLUSH, fixture.coded, SIZE_MAX, ROOM / 2);
        encoder_release(encoder);
        struct slice coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content));
        assert_int_equal(coded.len, first);
        size_t bytes;
        assert_int_equal(decode_all(&fixture, real_codings[c], slice_first(coded, coded.len / 2), &bytes),
                         ERR_TRUNCATED);
        assert_int_equal(decode_all(&fixture, real_codings[c], SLICE_LIT("\x01\x02\x03\x04 damage"), &bytes),
                         ERR_SYNTAX);
        assert_int_equal(decode_all(&fixture, real_codings[c], coded, &bytes), ERR_OK);
        assert_int_equal(bytes, sizeof content);
    }
    fixture_close(&fixture);
}

static void no_use_reaches_malloc_once_warm(void **state)
{
    (void)state;
    static char content[300000];
    struct fixture fixture;
    if (!MALLOC_COUNT_WORKS)
        skip();
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        unsigned long before = 0;
        size_t bytes;
        for (int i = 0; i < 4; i++) {
            before = i == 2 ? malloc_count : before;
            struct slice coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content));
            assert_int_equal(decode_all(&fixture, real_codings[c], coded, &bytes), ERR_OK);
        }
        if (malloc_count != before)
            fail_msg("%s: %lu calls of malloc in two uses", coding_name(real_codings[c]), malloc_count - before);
    }
    fixture_close(&fixture);
}

static void more_at_a_time_than_allowed_is_busy(void **state)
{
    (void)state;
    struct fixture fixture;
    struct encoder *encoders[4];
    struct decoder *decoders[4];
    fixture_open(&fixture);
    for (size_t i = 0; i < 4; i++) {
        encoders[i] = acquire_encoder(&fixture, real_codings[i], 0);
        decoders[i] = acquire_decoder(&fixture, real_codings[i]);
    }
    struct encoder *encoder = NULL;
    struct decoder *decoder = NULL;
    struct encoder_config encoding = {.coding = CODING_GZIP};
    struct decoder_config decoding = {.coding = CODING_GZIP, .decoded_bytes_max = 1};
    assert_int_equal(encoder_acquire(&fixture.codings, &encoding, &encoder), ERR_BUSY);
    assert_int_equal(decoder_acquire(&fixture.codings, &decoding, &decoder), ERR_BUSY);
    encoding.coding = CODING_IDENTITY;
    decoding.coding = CODING_IDENTITY;
    assert_int_equal(encoder_acquire(&fixture.codings, &encoding, &encoder), ERR_UNSUPPORTED);
    assert_int_equal(decoder_acquire(&fixture.codings, &decoding, &decoder), ERR_UNSUPPORTED);
    for (size_t i = 0; i < 4; i++) {
        encoder_release(encoders[i]);
        decoder_release(decoders[i]);
    }
    encoder_release(NULL);
    decoder_release(NULL);
    assert_int_equal(fixture.codings.in_use, 0);
    codings_trim(&fixture.codings);
    assert_int_equal(fixture.pool.outstanding_bytes, 0);
    fixture_close(&fixture);
}

/* With every size of pool, from nothing to enough: the failure is said, and nothing is lost or freed twice. */
static void a_pool_that_is_empty_is_no_memory(void **state)
{
    (void)state;
    static char content[60000];
    char *coded = malloc(ROOM);
    char *decoded = malloc(ROOM);
    fill_noise(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++)
        for (size_t limit = 0; limit < 16U << 20; limit = limit * 5 / 4 + 1000) {
            struct pool pool;
            struct codings codings;
            pool_init(&pool, 0, limit);
            struct codings_config config = {.pool = &pool, .idle_max = 1, .in_use_max = 2};
            codings_init(&codings, &config);
            struct encoder *encoder = NULL;
            struct encoder_config encoding = {.coding = real_codings[c], .level = 6};
            enum err err = encoder_acquire(&codings, &encoding, &encoder);
            size_t bytes = 0;
            struct slice rest = slice_of(content, sizeof content);
            if (err == ERR_OK)
                while ((err = encoder_write(encoder, &rest, ENCODER_FINISH, coded, ROOM, &bytes)) == ERR_OK)
                    ;
            assert_true(err == ERR_NOMEM || err == ERR_EOF);
            encoder_release(encoder);
            codings_trim(&codings);
            assert_int_equal(pool.outstanding_bytes, 0);
            struct decoder *decoder = NULL;
            struct decoder_config decoding = {.coding = real_codings[c], .decoded_bytes_max = ROOM};
            rest = slice_of(coded, bytes);
            if (decoder_acquire(&codings, &decoding, &decoder) == ERR_OK) {
                while ((err = decoder_read(decoder, &rest, decoded, ROOM, &bytes)) == ERR_OK)
                    ;
                assert_true(err == ERR_NOMEM || err == ERR_AGAIN);
            }
            decoder_release(decoder);
            codings_deinit(&codings);
            assert_int_equal(pool.outstanding_bytes, 0);
            pool_deinit(&pool);
        }
    free(coded);
    free(decoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_codings_by_name),
        cmocka_unit_test(gives_back_what_it_was_given_in_pieces_of_any_size),
        cmocka_unit_test(makes_text_smaller),
        cmocka_unit_test(a_reused_context_remembers_nothing),
        cmocka_unit_test(no_use_reaches_malloc_once_warm),
        cmocka_unit_test(more_at_a_time_than_allowed_is_busy),
        cmocka_unit_test(a_pool_that_is_empty_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
