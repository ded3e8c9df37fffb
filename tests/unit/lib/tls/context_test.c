/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls/context.h"

#include "lib/base/text.h"
#include "unit/lib/tls/certificates.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct heard {
    struct tls_note last;
    char text[512];
    uint32_t errors;
    uint32_t warnings;
};

static void hear(void *owner, const struct tls_note *note)
{
    struct heard *heard = owner;
    struct text text = text_init(heard->text, sizeof heard->text);
    text_add(&text, slice_of_text(note->text));
    heard->last = *note;
    heard->errors += note->is_error;
    heard->warnings += !note->is_error;
}

static enum err create(struct tls_server_options options, struct heard *heard)
{
    struct tls_context *context = NULL;
    *heard = (struct heard){0};
    options.now_s = (int64_t)time(NULL);
    enum err err = tls_context_create_server(&options, &(struct tls_reporter){hear, heard}, &context);
    tls_context_unref(context);
    return err;
}

static void assert_refused(const struct tls_pem_pair *pairs, uint32_t count, enum tls_subject subject, uint32_t index,
                           const char *text)
{
    struct heard heard;
    assert_int_equal(create((struct tls_server_options){.pairs = pairs, .pair_count = count}, &heard), ERR_INVALID);
    assert_int_equal(heard.errors, 1);
    assert_true(heard.last.is_error);
    assert_int_equal(heard.last.subject, subject);
    assert_int_equal(heard.last.index, index);
    assert_non_null(strstr(heard.text, text));
}

static void says_what_is_wrong_with_a_pair(void **state)
{
    (void)state;
    struct issued good = issue(&(struct issue_options){.names = "DNS:a.example"});
    struct issued other = issue(&(struct issue_options){.names = "DNS:b.example"});
    struct issued weak = issue(&(struct issue_options){.names = "DNS:c.example", .rsa_bits = 1024});
    struct slice secret = pem_of_key(good.key, "secret");
    char damaged[4096] = {0};
    memcpy(damaged, good.pem.certificate.ptr, good.pem.certificate.len);
    memset(damaged + 100, '!', 8);
    const struct {
        struct tls_pem_pair pair;
        enum tls_subject subject;
        const char *text;
    } cases[] = {
        {{SLICE_LIT(""), good.pem.key}, TLS_SUBJECT_CERTIFICATE, "no certificate in PEM form"},
        {{good.pem.key, good.pem.key}, TLS_SUBJECT_CERTIFICATE, "no certificate in PEM form"},
        {{slice_of_text(damaged), good.pem.key}, TLS_SUBJECT_CERTIFICATE, "damaged"},
        {{good.pem.certificate, SLICE_LIT("")}, TLS_SUBJECT_KEY, "no private key in PEM form"},
        {{good.pem.certificate, good.pem.certificate}, TLS_SUBJECT_KEY, "no private key in PEM form"},
        {{good.pem.certificate, other.pem.key}, TLS_SUBJECT_KEY, "does not belong to the certificate"},
        {{good.pem.certificate, secret}, TLS_SUBJECT_KEY, "passphrase"},
        {weak.pem, TLS_SUBJECT_CERTIFICATE, "key too small"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct tls_pem_pair pairs[] = {other.pem, cases[i].pair};
        assert_refused(&cases[i].pair, 1, cases[i].subject, 0, cases[i].text);
        assert_refused(pairs, 2, cases[i].subject, 1, cases[i].text);
    }
    free((void *)secret.ptr);
    issued_deinit(&good);
    issued_deinit(&other);
    issued_deinit(&weak);
}

static void says_all_mistakes_at_once(void **state)
{
    (void)state;
    struct heard heard;
    const struct tls_pem_pair pairs[3] = {0};
    struct tls_server_options options = {
        .pairs = pairs, .pair_count = 3, .client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED};
    assert_int_equal(create(options, &heard), ERR_INVALID);
    assert_int_equal(heard.errors, 4);
}

static void warns_and_works(void **state)
{
    (void)state;
    struct issued ca = issue(&(struct issue_options){.common_name = "ca", .is_ca = true});
    struct issued old =
        issue(&(struct issue_options){.names = "DNS:a.example", .issuer = &ca, .begin_s = -7200, .end_s = -3600});
    struct issued young =
        issue(&(struct issue_options){.names = "DNS:a.example", .issuer = &ca, .begin_s = 86400, .end_s = 172800});
    struct issued nameless = issue(&(struct issue_options){.common_name = "x", .issuer = &ca});
    struct issued good = issue(&(struct issue_options){.names = "DNS:a.example", .issuer = &ca});
    char chain[8192];
    struct text text = text_init(chain, sizeof chain);
    text_add(&text, good.pem.certificate);
    text_add(&text, nameless.pem.certificate);
    const struct {
        struct tls_pem_pair pairs[2];
        uint32_t count;
        const char *text; /* NULL: no warning */
    } cases[] = {
        {{old.pem}, 1, "expired on "},
        {{young.pem}, 1, "valid only from "},
        {{nameless.pem}, 1, NULL},
        {{good.pem, nameless.pem}, 2, "without a DNS name"},
        {{{text_slice(&text), good.pem.key}}, 1, "certificate 2, which did not issue the one before it"},
        {{good.pem}, 1, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct heard heard;
        struct tls_server_options options = {.pairs = cases[i].pairs, .pair_count = cases[i].count};
        assert_int_equal(create(options, &heard), ERR_OK);
        assert_int_equal(heard.errors, 0);
        assert_int_equal(heard.warnings, cases[i].text != NULL);
        if (cases[i].text)
            assert_non_null(strstr(heard.text, cases[i].text));
    }
    struct issued *all[] = {&ca, &old, &young, &nameless, &good};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        issued_deinit(all[i]);
}

static void wants_somebody_to_trust_when_it_asks_for_certificates(void **state)
{
    (void)state;
    struct heard heard;
    struct issued good = issue(&(struct issue_options){.names = "DNS:a.example"});
    struct tls_server_options options = {
        .pairs = &good.pem, .pair_count = 1, .client_certificate = TLS_CLIENT_CERTIFICATE_OPTIONAL};
    assert_int_equal(create(options, &heard), ERR_INVALID);
    assert_int_equal(heard.last.subject, TLS_SUBJECT_CA);
    issued_deinit(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong_with_a_pair),
        cmocka_unit_test(says_all_mistakes_at_once),
        cmocka_unit_test(warns_and_works),
        cmocka_unit_test(wants_somebody_to_trust_when_it_asks_for_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
