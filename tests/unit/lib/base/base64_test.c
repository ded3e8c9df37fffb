/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/base64.h"
#include "lib/base/base64_int.h"

#include <stdlib.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648 section 10. */
static const struct {
    const char *bytes;
    const char *text;
} vectors[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

static void decodes_the_vectors_of_the_rfc_with_and_without_padding(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct slice padded = slice_of_text(vectors[i].text);
        struct slice bare = slice_first(padded, slice_find(padded, '='));
        struct slice texts[] = {padded, bare};
        for (int k = 0; k < 2; k++) {
            char out[16];
            size_t bytes = 99, at = 99;
            assert_int_equal(base64_decode(texts[k], out, &bytes, &at), ERR_OK);
            assert_true(slice_is(slice_of(out, bytes), vectors[i].bytes));
            assert_int_equal(at, 99);
        }
    }
}

static void encodes_the_vectors_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct slice bytes = slice_of_text(vectors[i].bytes);
        char out[16];
        base64_encode(bytes, out);
        assert_true(slice_is(slice_of(out, base64_encode_chars(bytes.len)), vectors[i].text));
    }
}

static void refuses_junk_and_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"Zm9v Zm9v", 4}, {"Zm9v\n", 4}, {"Zm9vZ", 5},    {"Z", 1},        {"=", 0},          {"====", 0},
        {"A===", 1},      {"Zg=", 2},    {"Zg==Zg==", 2}, {"Zm8=Zm8=", 3}, {"Zm9v=", 4},      {"Zm9v====", 4},
        {"Zh==", 1},      {"Zm9=", 2},   {"Zm9", 2},      {"Zm9v-_", 4},   {"\xC3\xA4==", 0}, {"Zm9v*A==", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[16];
        size_t bytes = 99, at = 99;
        if (base64_decode(slice_of_text(cases[i].text), out, &bytes, &at) != ERR_SYNTAX || at != cases[i].at)
            fail_msg("%s: fault at %zu, expected %zu", cases[i].text, at, cases[i].at);
        assert_int_equal(bytes, 99);
    }
}

static void a_nul_is_junk(void **state)
{
    (void)state;
    char out[8];
    size_t bytes, at = 99;
    assert_int_equal(base64_decode(slice_of("Zm\0v", 4), out, &bytes, &at), ERR_SYNTAX);
    assert_int_equal(at, 2);
}

static void each_alphabet_refuses_the_other(void **state)
{
    (void)state;
    uint8_t out[8];
    size_t bytes, at = 99;
    assert_int_equal(base64_decode(SLICE_LIT("+/+/"), out, &bytes, &at), ERR_OK);
    assert_memory_equal(out, "\xFB\xFF\xBF", 3);
    assert_int_equal(base64_decode_url(SLICE_LIT("-_-_"), out, &bytes, &at), ERR_OK);
    assert_memory_equal(out, "\xFB\xFF\xBF", 3);
    assert_int_equal(base64_decode_url(SLICE_LIT("AA/A"), out, &bytes, &at), ERR_SYNTAX);
    assert_int_equal(at, 2);
    assert_int_equal(base64_decode(SLICE_LIT("A-AA"), out, &bytes, &at), ERR_SYNTAX);
    assert_int_equal(at, 1);
}

/* Exact allocations: AddressSanitizer sees a byte read or written too far. */
static void every_length_comes_back_at_every_level(void **state)
{
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        uint8_t *bytes = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * 167 + len * 31);
        size_t chars = base64_encode_chars(len);
        char *text = malloc(chars + 1);
        base64_encode(slice_of(bytes, len), text);
        for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++) {
            uint8_t *out = malloc(base64_decode_bytes_max(chars));
            size_t out_bytes, at;
            assert_int_equal(
                base64_decode_at((enum cpu_level)level, BASE64_STANDARD, slice_of(text, chars), out, &out_bytes, &at),
                ERR_OK);
            assert_int_equal(out_bytes, len);
            assert_memory_equal(out, bytes, len);
            free(out);
        }
        free(bytes);
        free(text);
    }
}

/* Each byte value at each place of a block: accepted exactly when it is of the alphabet, and the place is named. */
static void every_byte_is_judged_alike_at_every_level(void **state)
{
    (void)state;
    char text[100], out[128];
    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++)
        for (int value = 0; value < 256; value++)
            for (size_t place = 0; place < 96; place += 5) {
                memset(text, 'A', sizeof text);
                text[place] = (char)value;
                size_t bytes, at = 99;
                enum err err = base64_decode_at((enum cpu_level)level, BASE64_STANDARD, slice_of(text, sizeof text),
                                                out, &bytes, &at);
                bool is_known = value != 0 && strchr(letters, value) != NULL;
                assert_int_equal(err, is_known ? ERR_OK : ERR_SYNTAX);
                assert_int_equal(at, is_known ? 99 : place);
            }
}

static void decodes_in_place(void **state)
{
    (void)state;
    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++) {
        uint8_t bytes[600];
        char text[800];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(i * i + 7);
        base64_encode(slice_of(bytes, sizeof bytes), text);
        size_t out_bytes, at;
        assert_int_equal(base64_decode_at((enum cpu_level)level, BASE64_STANDARD, slice_of(text, sizeof text), text,
                                          &out_bytes, &at),
                         ERR_OK);
        assert_int_equal(out_bytes, sizeof bytes);
        assert_memory_equal(text, bytes, sizeof bytes);
    }
}

static void splits_a_data_url(void **state)
{
    (void)state;
    struct slice media, base64;
    assert_int_equal(data_url_split(SLICE_LIT("data:image/png;base64,Zm9v"), &media, &base64), ERR_OK);
    assert_true(slice_is(media, "image/png"));
    assert_true(slice_is(base64, "Zm9v"));
    assert_int_equal(data_url_split(SLICE_LIT("DATA:text/plain;charset=utf-8;BASE64,"), &media, &base64), ERR_OK);
    assert_true(slice_is(media, "text/plain;charset=utf-8"));
    assert_int_equal(base64.len, 0);
    assert_int_equal(data_url_split(SLICE_LIT("data:;base64,QQ=="), &media, &base64), ERR_OK);
    assert_int_equal(media.len, 0);
}

static void tells_apart_what_is_no_data_url_and_what_is_a_bad_one(void **state)
{
    (void)state;
    struct slice media, base64;
    assert_int_equal(data_url_split(SLICE_LIT(""), &media, &base64), ERR_NOT_FOUND);
    assert_int_equal(data_url_split(SLICE_LIT("data"), &media, &base64), ERR_NOT_FOUND);
    assert_int_equal(data_url_split(SLICE_LIT("iVBORw0KGgo"), &media, &base64), ERR_NOT_FOUND);
    assert_int_equal(data_url_split(SLICE_LIT("data:image/png;base64"), &media, &base64), ERR_SYNTAX);
    assert_int_equal(data_url_split(SLICE_LIT("data:,hello"), &media, &base64), ERR_UNSUPPORTED);
    char late[400];
    memset(late, 'a', sizeof late);
    memcpy(late, "data:", 5);
    memcpy(late + 300, ";base64,", 8);
    assert_int_equal(data_url_split(slice_of(late, sizeof late), &media, &base64), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_vectors_of_the_rfc_with_and_without_padding),
        cmocka_unit_test(encodes_the_vectors_of_the_rfc),
        cmocka_unit_test(refuses_junk_and_says_where),
        cmocka_unit_test(a_nul_is_junk),
        cmocka_unit_test(each_alphabet_refuses_the_other),
        cmocka_unit_test(every_length_comes_back_at_every_level),
        cmocka_unit_test(every_byte_is_judged_alike_at_every_level),
        cmocka_unit_test(decodes_in_place),
        cmocka_unit_test(splits_a_data_url),
        cmocka_unit_test(tells_apart_what_is_no_data_url_and_what_is_a_bad_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
