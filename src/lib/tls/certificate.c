/* SPDX-License-Identifier: Apache-2.0 */
/* The door to openssl/pem.h and openssl/x509.h: reading certificates and keys, and checking that they are of use. */
#include "lib/tls/certificate_int.h"

#include "lib/base/text.h"
#include "lib/tls/failure_int.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define CHAIN_MAX  16
#define NOTE_BYTES 320
#define DATE_BYTES 16

void tls_report(const struct tls_reporter *reporter, const struct tls_note *note, const char *format, ...)
{
    char memory[NOTE_BYTES];
    struct text text = text_init(memory, sizeof memory);
    struct tls_note full = *note;
    va_list args;
    if (!reporter)
        return;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    full.text = memory;
    reporter->report(reporter->owner, &full);
}

void tls_report_error(const struct tls_reporter *reporter, const char *format, ...)
{
    char memory[NOTE_BYTES];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    tls_report(reporter, &(struct tls_note){.is_error = true, .subject = TLS_SUBJECT_CONTEXT}, "%s", memory);
}

/* Reading PEM. */

/* Without this OpenSSL would ask at the terminal. */
static int refuse_passphrase(char *out, int capacity, int is_writing, void *owner)
{
    (void)out;
    (void)capacity;
    (void)is_writing;
    *(bool *)owner = true;
    return -1;
}

static BIO *open_text(struct slice text)
{
    return BIO_new_mem_buf(text.ptr ? text.ptr : "", (int)text.len);
}

static X509 *read_certificate(BIO *bio)
{
    bool is_encrypted = false;
    return PEM_read_bio_X509(bio, NULL, refuse_passphrase, &is_encrypted);
}

/* All certificates of a PEM text, in order. ERR_NOT_FOUND when there is none, ERR_SYNTAX when one is broken. */
static enum err read_certificates(struct slice pem, STACK_OF(X509) * *ret_all)
{
    if (pem.len > INT32_MAX)
        return ERR_LIMIT;
    BIO *bio = open_text(pem);
    STACK_OF(X509) *all = sk_X509_new_null();
    enum err err = bio && all ? ERR_OK : ERR_NOMEM;
    while (err == ERR_OK) {
        X509 *one = read_certificate(bio);
        if (!one)
            break;
        if (!sk_X509_push(all, one)) {
            X509_free(one);
            err = ERR_NOMEM;
        }
    }
    if (err == ERR_OK && !tls_failure_is_end_of_pem())
        err = ERR_SYNTAX;
    if (err == ERR_OK && sk_X509_num(all) == 0)
        err = ERR_NOT_FOUND;
    tls_failure_clear();
    BIO_free(bio);
    if (err == ERR_OK)
        *ret_all = all;
    else
        sk_X509_pop_free(all, X509_free);
    return err;
}

static enum err report_unreadable(const struct tls_reporter *reporter, struct tls_note note, enum err err)
{
    note.is_error = true;
    if (err == ERR_NOT_FOUND)
        tls_report(reporter, &note, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
    else if (err == ERR_SYNTAX)
        tls_report(reporter, &note, "holds a certificate that is damaged");
    else
        return err;
    return ERR_INVALID;
}

static enum err read_chain(const struct tls_pem_pair *pair, struct tls_note note, const struct tls_reporter *reporter,
                           struct tls_certificate *certificate)
{
    note.subject = TLS_SUBJECT_CERTIFICATE;
    enum err err = read_certificates(pair->certificate, &certificate->chain);
    if (err != ERR_OK)
        return report_unreadable(reporter, note, err);
    certificate->leaf = sk_X509_shift(certificate->chain);
    if (sk_X509_num(certificate->chain) <= CHAIN_MAX)
        return ERR_OK;
    note.is_error = true;
    tls_report(reporter, &note, "holds more than %d certificates", CHAIN_MAX + 1);
    return ERR_INVALID;
}

static enum err read_key(const struct tls_pem_pair *pair, struct tls_note note, const struct tls_reporter *reporter,
                         struct tls_certificate *certificate)
{
    bool is_encrypted = false;
    note.is_error = true;
    note.subject = TLS_SUBJECT_KEY;
    if (pair->key.len > INT32_MAX)
        return ERR_LIMIT;
    BIO *bio = open_text(pair->key);
    if (!bio)
        return ERR_NOMEM;
    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &is_encrypted);
    BIO_free(bio);
    tls_failure_clear();
    if (is_encrypted)
        tls_report(reporter, &note, "holds a key with a passphrase; decrypt it with `openssl pkey -in FILE -out FILE`");
    else if (!certificate->key)
        tls_report(reporter, &note, "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
    else if (X509_check_private_key(certificate->leaf, certificate->key) != 1)
        tls_report(reporter, &note, "holds a key that does not belong to the certificate");
    else
        return ERR_OK;
    tls_failure_clear();
    return ERR_INVALID;
}

/* What a certificate says. */

static bool format_date(const ASN1_TIME *time, char out[DATE_BYTES])
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    struct text text = text_init(out, DATE_BYTES);
    text_printf(&text, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
    return true;
}

static void check_dates(X509 *certificate, int64_t now_s, struct tls_note note, const struct tls_reporter *reporter)
{
    char date[DATE_BYTES] = "?";
    time_t now = (time_t)now_s;
    const ASN1_TIME *begin = X509_get0_notBefore(certificate);
    const ASN1_TIME *end = X509_get0_notAfter(certificate);
    if (X509_cmp_time(end, &now) < 0 && format_date(end, date))
        tls_report(reporter, &note, "holds a certificate that expired on %s", date);
    else if (X509_cmp_time(begin, &now) > 0 && format_date(begin, date))
        tls_report(reporter, &note, "holds a certificate that is valid only from %s on", date);
    tls_failure_clear();
}

/* RFC 8446 section 4.4.2: each one certifies the one before it. Clients that sort them out by themselves are not all. */
static void check_order(const struct tls_certificate *certificate, struct tls_note note,
                        const struct tls_reporter *reporter)
{
    X509 *below = certificate->leaf;
    for (int i = 0; i < sk_X509_num(certificate->chain); i++) {
        X509 *above = sk_X509_value(certificate->chain, i);
        if (X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(above)) != 0) {
            tls_report(reporter, &note, "holds certificate %d, which did not issue the one before it", i + 2);
            return;
        }
        below = above;
    }
}

enum err tls_certificate_load(const struct tls_pem_pair *pair, uint32_t index, int64_t now_s,
                              const struct tls_reporter *reporter, struct tls_certificate *ret_certificate)
{
    struct tls_certificate certificate = {0};
    struct tls_note note = {.subject = TLS_SUBJECT_CERTIFICATE, .index = index};
    enum err err = read_chain(pair, note, reporter, &certificate);
    if (err == ERR_OK)
        err = read_key(pair, note, reporter, &certificate);
    if (err == ERR_OK)
        err = tls_subject_dns_names(certificate.leaf, index, &certificate.names);
    if (err != ERR_OK) {
        tls_certificate_deinit(&certificate);
        return err;
    }
    certificate.key_kind = EVP_PKEY_get_base_id(certificate.key);
    check_dates(certificate.leaf, now_s, note, reporter);
    check_order(&certificate, note, reporter);
    if (index > 0 && certificate.names.count == 0)
        tls_report(reporter, &note, "holds a certificate without a DNS name, which no client can ask for");
    *ret_certificate = certificate;
    return ERR_OK;
}

void tls_certificate_deinit(struct tls_certificate *certificate)
{
    X509_free(certificate->leaf);
    EVP_PKEY_free(certificate->key);
    sk_X509_pop_free(certificate->chain, X509_free);
    tls_names_deinit(&certificate->names);
    *certificate = (struct tls_certificate){0};
}

/* Whom to trust. */

static bool add_subject(STACK_OF(X509_NAME) * names, X509 *certificate)
{
    X509_NAME *copy = X509_NAME_dup(X509_get_subject_name(certificate));
    if (copy && sk_X509_NAME_push(names, copy))
        return true;
    X509_NAME_free(copy);
    return false;
}

enum err tls_ca_load(struct slice pem, int64_t now_s, const struct tls_reporter *reporter,
                     struct x509_store_st **ret_store, struct stack_st_X509_NAME **ret_names)
{
    STACK_OF(X509) *all = NULL;
    enum err err = read_certificates(pem, &all);
    if (err != ERR_OK)
        return report_unreadable(reporter, (struct tls_note){.subject = TLS_SUBJECT_CA}, err);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    bool is_ok = store && names && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
    for (int i = 0; i < sk_X509_num(all); i++)
        check_dates(sk_X509_value(all, i), now_s, (struct tls_note){.subject = TLS_SUBJECT_CA}, reporter);
    for (int i = 0; is_ok && i < sk_X509_num(all); i++)
        is_ok = X509_STORE_add_cert(store, sk_X509_value(all, i)) == 1 && add_subject(names, sk_X509_value(all, i));
    sk_X509_pop_free(all, X509_free);
    tls_failure_clear();
    if (!is_ok) {
        tls_ca_free(store, names);
        return ERR_NOMEM;
    }
    *ret_store = store;
    *ret_names = names;
    return ERR_OK;
}

void tls_ca_free(struct x509_store_st *store, struct stack_st_X509_NAME *names)
{
    X509_STORE_free(store);
    sk_X509_NAME_pop_free(names, X509_NAME_free);
}
