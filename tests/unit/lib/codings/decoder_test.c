/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/codings/decoder.h"

#include "unit/lib/codings/codings_fixture.h"

static void every_cut_is_truncated(void **state)
{
    (void)state;
    static char content[3000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct slice coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content));
        for (size_t len = 1; len <= coded.len; len++) {
            size_t bytes;
            enum err err = decode_all(&fixture, real_codings[c], slice_first(coded, len), &bytes);
            if (err != (len == coded.len ? ERR_OK : ERR_TRUNCATED))
                fail_msg("%s cut at %zu of %zu: %s", coding_name(real_codings[c]), len, coded.len, err_name(err));
        }
    }
    fixture_close(&fixture);
}

static void nothing_at_all_is_truncated(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct decoder *decoder = acquire_decoder(&fixture, real_codings[c]);
        struct slice none = {NULL, 0};
        size_t bytes;
        for (int i = 0; i < 40; i++) /* also when asked in vain */
            assert_int_equal(decoder_read(decoder, &none, fixture.decoded, 100, &bytes), ERR_AGAIN);
        assert_int_equal(decoder_finish(decoder), ERR_TRUNCATED);
        decoder_release(decoder);
    }
    fixture_close(&fixture);
}

static void bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++)
        for (size_t step = 1; step < 1000; step *= 30) {
            struct slice coded = encode_all(&fixture, real_codings[c], SLICE_LIT("content, content, content"));
            memcpy(fixture.coded + coded.len, "garbage!", 8);
            coded.len += 8;
            struct decoder *decoder = acquire_decoder(&fixture, real_codings[c]);
            size_t bytes;
            assert_int_equal(decode_with(decoder, coded, fixture.decoded, step, 1000, &bytes), ERR_SYNTAX);
            assert_int_equal(decoder_finish(decoder), ERR_SYNTAX);
            decoder_release(decoder);
        }
    fixture_close(&fixture);
}

/* RFC 1952 section 2.2, RFC 8878 section 3; RFC 1950 and 7932 know one stream. */
static void members_and_frames_follow_one_another(void **state)
{
    (void)state;
    static char doubled[4096];
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++)
        for (size_t step = 1; step < 100; step *= 9) {
            struct slice one = encode_all(&fixture, real_codings[c], SLICE_LIT("one, "));
            memcpy(doubled, one.ptr, one.len);
            struct slice two = encode_all(&fixture, real_codings[c], SLICE_LIT("two"));
            memcpy(doubled + one.len, two.ptr, two.len);
            struct decoder *decoder = acquire_decoder(&fixture, real_codings[c]);
            size_t bytes;
            enum err err =
                decode_with(decoder, slice_of(doubled, one.len + two.len), fixture.decoded, step, step, &bytes);
            bool is_allowed = real_codings[c] == CODING_GZIP || real_codings[c] == CODING_ZSTD;
            assert_int_equal(err, is_allowed ? ERR_OK : ERR_SYNTAX);
            if (is_allowed)
                assert_true(slice_is(slice_of(fixture.decoded, bytes), "one, two"));
            decoder_release(decoder);
        }
    fixture_close(&fixture);
}

/* Every single byte changed: an error, or, where a coding has no checksum, other content; never a crash. */
static void damage_is_never_a_crash(void **state)
{
    (void)state;
    static char content[500];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct slice coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content));
        for (size_t i = 0; i < coded.len; i++)
            for (int bit = 0; bit < 8; bit++) {
                size_t bytes;
                fixture.coded[i] = (char)(fixture.coded[i] ^ 1 << bit);
                enum err err = decode_all(&fixture, real_codings[c], coded, &bytes);
                fixture.coded[i] = (char)(fixture.coded[i] ^ 1 << bit);
                bool is_said = err == ERR_OK || err == ERR_SYNTAX || err == ERR_TRUNCATED || err == ERR_LIMIT;
                assert_true(is_said);
                bool has_checksum = real_codings[c] == CODING_GZIP || real_codings[c] == CODING_DEFLATE;
                if (has_checksum && err == ERR_OK) /* a time in the head, or bits that fill the last byte */
                    assert_true(slice_equal(slice_of(content, sizeof content), slice_of(fixture.decoded, bytes)));
            }
    }
    fixture_close(&fixture);
}

static enum err decode_limited(struct fixture *fixture, const struct decoder_config *config, struct slice coded,
                               size_t *ret_bytes)
{
    struct decoder *decoder = NULL;
    assert_int_equal(decoder_acquire(&fixture->codings, config, &decoder), ERR_OK);
    enum err err = decode_with(decoder, coded, fixture->decoded, SIZE_MAX, 16384, ret_bytes);
    decoder_release(decoder);
    return err;
}

static void more_than_the_limit_of_decoded_bytes_is_refused(void **state)
{
    (void)state;
    static char content[100000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct slice coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content));
        struct decoder_config config = {.coding = real_codings[c], .decoded_bytes_max = sizeof content};
        size_t bytes;
        assert_int_equal(decode_limited(&fixture, &config, coded, &bytes), ERR_OK);
        config.decoded_bytes_max--;
        assert_int_equal(decode_limited(&fixture, &config, coded, &bytes), ERR_LIMIT);
        assert_true(bytes <= config.decoded_bytes_max);
    }
    fixture_close(&fixture);
}

static void a_bomb_is_refused_by_its_ratio(void **state)
{
    (void)state;
    static char zeros[3U << 20];
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct slice coded = encode_all(&fixture, real_codings[c], slice_of(zeros, sizeof zeros));
        struct decoder_config config = {.coding = real_codings[c], .decoded_bytes_max = ROOM};
        size_t bytes;
        assert_int_equal(decode_limited(&fixture, &config, coded, &bytes), ERR_LIMIT);
        assert_in_range(bytes, 1U << 20, 2U << 20);
        config.ratio_max = UINT32_MAX;
        assert_int_equal(decode_limited(&fixture, &config, coded, &bytes), ERR_OK);
        assert_int_equal(bytes, sizeof zeros);
        coded = encode_all(&fixture, real_codings[c], slice_of(zeros, 1U << 20)); /* small ones may be as they like */
        config.ratio_max = 0;
        assert_int_equal(decode_limited(&fixture, &config, coded, &bytes), ERR_OK);
    }
    fixture_close(&fixture);
}

/* A frame of some bytes that claims a window of 1 GiB; RFC 8878 section 3.1.1.1.2: Window_Descriptor. */
static void a_window_beyond_the_limit_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const char frame[] = "\x28\xB5\x2F\xFD\x00\xA0\x01\x00\x00";
    struct fixture fixture;
    fixture_open(&fixture);
    size_t bytes;
    assert_int_equal(decode_all(&fixture, CODING_ZSTD, slice_of(frame, sizeof frame - 1), &bytes), ERR_LIMIT);
    assert_true(fixture.pool.outstanding_bytes < 1U << 20);
    char smaller[sizeof frame];
    memcpy(smaller, frame, sizeof frame);
    smaller[5] = 0x40; /* 2^18: an empty frame of an ordinary window */
    assert_int_equal(decode_all(&fixture, CODING_ZSTD, slice_of(smaller, sizeof frame - 1), &bytes), ERR_OK);
    /* Brotli's large windows (0x11 announces one) are not RFC 7932. */
    assert_int_equal(decode_all(&fixture, CODING_BROTLI, SLICE_LIT("\x11\x20\x00\x00"), &bytes), ERR_SYNTAX);
    fixture_close(&fixture);
}

static void memory_beyond_the_limit_of_a_context_is_a_limit(void **state)
{
    (void)state;
    static char content[200000];
    struct fixture fixture;
    fixture_open(&fixture);
    fill_text(content, sizeof content);
    for (size_t c = 0; c < ARRAY_LEN(real_codings); c++) {
        struct slice coded = encode_all(&fixture, real_codings[c], slice_of(content, sizeof content));
        struct decoder_config config = {
            .coding = real_codings[c], .decoded_bytes_max = ROOM, .memory_bytes_max = 20000};
        struct decoder *decoder = NULL;
        size_t bytes;
        codings_trim(&fixture.codings);
        enum err err = decoder_acquire(&fixture.codings, &config, &decoder);
        if (err == ERR_OK)
            err = decode_with(decoder, coded, fixture.decoded, SIZE_MAX, 16384, &bytes);
        assert_int_equal(err, ERR_LIMIT);
        decoder_release(decoder);
    }
    fixture_close(&fixture);
}

static void raw_deflate_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    size_t bytes;
    assert_int_equal(decode_all(&fixture, CODING_DEFLATE, SLICE_LIT("\xcb\x48\xcd\xc9\xc9\x07\x00"), &bytes),
                     ERR_SYNTAX);
    fixture_close(&fixture);
}

/* Magic numbers of zstd 0.1 to 0.7 (RFC 8878 knows none of them), at once and byte by byte. */
static void formats_before_the_rfc_of_zstd_are_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    for (int low = 0x1e; low < 0x30; low++) {
        char frame[] = "\x28\xB5\x2F\xFD\x00\x40\x01\x00\x00";
        frame[0] = (char)low;
        for (size_t step = 1; step < 20; step += 10) {
            struct decoder *decoder = acquire_decoder(&fixture, CODING_ZSTD);
            size_t bytes;
            enum err err = decode_with(decoder, slice_of(frame, sizeof frame - 1), fixture.decoded, step, 100, &bytes);
            assert_int_equal(err, low == 0x28 ? ERR_OK : ERR_SYNTAX);
            decoder_release(decoder);
        }
    }
    fixture_close(&fixture);
}

static void skippable_frames_are_skipped(void **state)
{
    (void)state;
    static const char frames[] = "\x50\x2A\x4D\x18\x03\x00\x00\x00"
                                 "abc"
                                 "\x5F\x2A\x4D\x18\x00\x00\x00\x00"
                                 "\x28\xB5\x2F\xFD\x20\x02\x11\x00\x00"
                                 "ok";
    struct fixture fixture;
    fixture_open(&fixture);
    for (size_t step = 1; step < 50; step++) {
        struct decoder *decoder = acquire_decoder(&fixture, CODING_ZSTD);
        size_t bytes;
        assert_int_equal(decode_with(decoder, slice_of(frames, sizeof frames - 1), fixture.decoded, step, 100, &bytes),
                         ERR_OK);
        assert_true(slice_is(slice_of(fixture.decoded, bytes), "ok"));
        decoder_release(decoder);
    }
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_is_truncated),
        cmocka_unit_test(nothing_at_all_is_truncated),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(members_and_frames_follow_one_another),
        cmocka_unit_test(damage_is_never_a_crash),
        cmocka_unit_test(more_than_the_limit_of_decoded_bytes_is_refused),
        cmocka_unit_test(a_bomb_is_refused_by_its_ratio),
        cmocka_unit_test(a_window_beyond_the_limit_is_refused_before_memory_is_taken),
        cmocka_unit_test(memory_beyond_the_limit_of_a_context_is_a_limit),
        cmocka_unit_test(raw_deflate_is_refused),
        cmocka_unit_test(formats_before_the_rfc_of_zstd_are_refused),
        cmocka_unit_test(skippable_frames_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
