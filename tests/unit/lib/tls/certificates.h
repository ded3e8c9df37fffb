/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made while a test runs. To be included by the one source file of a test. */
#ifndef TESTS_UNIT_LIB_TLS_CERTIFICATES_H
#define TESTS_UNIT_LIB_TLS_CERTIFICATES_H

#include "lib/tls/context.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct issued {
    X509 *certificate;
    EVP_PKEY *key;
    struct tls_pem_pair pem; /* heap */
};

struct issue_options {
    const char *common_name;     /* NULL: none */
    const char *names;           /* "DNS:a,DNS:*.b"; NULL: none */
    const struct issued *issuer; /* NULL: itself */
    bool is_ca;
    int rsa_bits; /* 0: P-256 */
    long begin_s; /* from now */
    long end_s;   /* 0: in a day */
};

static struct slice take_text(BIO *bio)
{
    char *text = NULL;
    size_t len = (size_t)BIO_get_mem_data(bio, &text);
    char *copy = malloc(len + 1);
    if (!copy)
        abort();
    memcpy(copy, text, len);
    copy[len] = '\0';
    BIO_free(bio);
    return slice_of(copy, len);
}

static struct slice pem_of_certificate(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return take_text(bio);
}

static struct slice pem_of_key(EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, (void *)passphrase);
    return take_text(bio);
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension || X509_add_ext(certificate, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

static struct issued issue(const struct issue_options *options)
{
    static long serial;
    struct issued out = {.certificate = X509_new()};
    out.key = options->rsa_bits ? EVP_RSA_gen((unsigned)options->rsa_bits) : EVP_EC_gen("P-256");
    X509 *issuer = options->issuer ? options->issuer->certificate : out.certificate;
    X509_NAME *subject = X509_get_subject_name(out.certificate);
    X509_set_version(out.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(out.certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(out.certificate), options->begin_s ? options->begin_s : -3600);
    X509_gmtime_adj(X509_getm_notAfter(out.certificate), options->end_s ? options->end_s : 86400);
    if (options->common_name)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)options->common_name, -1, -1,
                                   0);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"weir test", -1, -1, 0);
    X509_set_issuer_name(out.certificate, X509_get_subject_name(issuer));
    X509_set_pubkey(out.certificate, out.key);
    add_extension(out.certificate, issuer, NID_basic_constraints, options->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (options->names)
        add_extension(out.certificate, issuer, NID_subject_alt_name, options->names);
    if (!X509_sign(out.certificate, options->issuer ? options->issuer->key : out.key, EVP_sha256()))
        abort();
    out.pem.certificate = pem_of_certificate(out.certificate);
    out.pem.key = pem_of_key(out.key, NULL);
    return out;
}

static void issued_deinit(struct issued *issued)
{
    X509_free(issued->certificate);
    EVP_PKEY_free(issued->key);
    free((void *)issued->pem.certificate.ptr);
    free((void *)issued->pem.key.ptr);
}

#endif
