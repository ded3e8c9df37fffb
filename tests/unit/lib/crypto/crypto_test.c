/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crypto/crypto.h"

#include "lib/base/text.h"

#include "unit/lib/malloc_count.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct crypto_hasher *hasher;

static int make_hasher(void **state)
{
    (void)state;
    return crypto_hasher_create(&hasher) == ERR_OK ? 0 : -1;
}

static int drop_hasher(void **state)
{
    (void)state;
    crypto_hasher_destroy(hasher);
    return 0;
}

static void assert_hex(const uint8_t *digest, const char *expected)
{
    char hex[2 * CRYPTO_SHA256_BYTES + 1] = "";
    text_format_hex(hex, slice_of(digest, CRYPTO_SHA256_BYTES));
    assert_string_equal(hex, expected);
}

/* FIPS 180-2, appendix B. */
static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    struct slice abc = SLICE_LIT("abc");
    struct slice parts[] = {
        SLICE_LIT("abcdbcdecdefdefgefghfghighijhi"), {NULL, 0}, SLICE_LIT("jkijkljklmklmnlmnomnopnopq")};
    assert_int_equal(crypto_sha256(hasher, &abc, 1, digest), ERR_OK);
    assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(crypto_sha256(hasher, NULL, 0, digest), ERR_OK);
    assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(crypto_sha256(hasher, parts, 3, digest), ERR_OK);
    assert_hex(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, cases 1, 2, 6 and 7. */
static void hmac_gives_the_digests_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char long_key[131];
    char short_key[20];
    memset(long_key, 0xaa, sizeof long_key);
    memset(short_key, 0x0b, sizeof short_key);
    assert_int_equal(crypto_hmac_sha256(hasher, slice_of(short_key, sizeof short_key), SLICE_LIT("Hi There"), digest),
                     0);
    assert_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_int_equal(crypto_hmac_sha256(hasher, SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"), digest),
                     0);
    assert_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(crypto_hmac_sha256(hasher, slice_of(long_key, sizeof long_key),
                                        SLICE_LIT("Test Using Larger Than Block-Size Key - Hash Key First"), digest),
                     0);
    assert_hex(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(
        crypto_hmac_sha256(hasher, slice_of(long_key, sizeof long_key),
                           SLICE_LIT("This is a test using a larger than block-size key and a larger than "
                                     "block-size data. The key needs to be hashed before being used by the "
                                     "HMAC algorithm."),
                           digest),
        0);
    assert_hex(digest, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void hashing_never_mallocs(void **state)
{
    (void)state;
    if (!MALLOC_COUNT_WORKS)
        skip();
    uint8_t digest[CRYPTO_SHA256_BYTES];
    struct slice part = SLICE_LIT("key");
    unsigned long before = malloc_count;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(crypto_sha256(hasher, &part, 1, digest), ERR_OK);
        assert_int_equal(crypto_hmac_sha256(hasher, part, part, digest), ERR_OK);
    }
    assert_int_equal(malloc_count - before, 0);
}

static void random_bytes_differ_each_time(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    assert_int_equal(crypto_random(a, sizeof a), ERR_OK);
    assert_int_equal(crypto_random(b, sizeof b), ERR_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(crypto_random(a, 0), ERR_OK);
}

static void equal_looks_at_every_byte_and_no_further(void **state)
{
    (void)state;
    uint8_t a[33] = {0};
    uint8_t b[33] = {0};
    b[32] = 1;
    assert_true(crypto_equal(a, b, 32));
    for (size_t i = 0; i < 32; i++) {
        b[i] = 0x80;
        assert_false(crypto_equal(a, b, 32));
        b[i] = 0;
    }
    assert_true(crypto_equal(a, b, 0));
}

static void wipe_zeroes(void **state)
{
    (void)state;
    char secret[] = "secret";
    crypto_wipe(secret, sizeof secret - 1);
    assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof secret);
}

static void destroying_null_does_nothing(void **state)
{
    (void)state;
    crypto_hasher_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(hmac_gives_the_digests_of_rfc_4231),
        cmocka_unit_test(hashing_never_mallocs),
        cmocka_unit_test(random_bytes_differ_each_time),
        cmocka_unit_test(equal_looks_at_every_byte_and_no_further),
        cmocka_unit_test(wipe_zeroes),
        cmocka_unit_test(destroying_null_does_nothing),
    };
    return cmocka_run_group_tests(tests, make_hasher, drop_hasher);
}
