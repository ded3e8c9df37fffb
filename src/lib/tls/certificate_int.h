/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys from PEM text, and what certificates say. The types of OpenSSL go by the names of its structs:
 * only their door and ssl.c see inside. */
#ifndef WEIR_LIB_TLS_CERTIFICATE_INT_H
#define WEIR_LIB_TLS_CERTIFICATE_INT_H

#include "lib/tls/names_int.h"
#include "lib/tls/session.h"

struct x509_st;
struct x509_store_st;
struct X509_VERIFY_PARAM_st;
struct evp_pkey_st;
struct stack_st_X509;
struct stack_st_X509_NAME;

struct tls_certificate {
    struct x509_st *leaf;
    struct evp_pkey_st *key;
    struct stack_st_X509 *chain;
    struct tls_names names; /* sorted; each owned by the pair's index */
    int key_kind;           /* of OpenSSL; equal for keys of the same kind */
};

/* ERR_INVALID after an error was reported, or ERR_NOMEM. */
MUST_USE enum err tls_certificate_load(const struct tls_pem_pair *pair, uint32_t index, int64_t now_s,
                                       const struct tls_reporter *reporter, struct tls_certificate *ret_certificate);
/* A zeroed one is accepted. */
void tls_certificate_deinit(struct tls_certificate *certificate);

/* Whom to trust: each certificate by itself, also one that another has issued, or a client's own. ret_names is what a server tells clients it trusts. The caller owns both. ERR_INVALID after
 * an error was reported, or ERR_NOMEM. */
MUST_USE enum err tls_ca_load(struct slice pem, int64_t now_s, const struct tls_reporter *reporter,
                              struct x509_store_st **ret_store, struct stack_st_X509_NAME **ret_names);
void tls_ca_free(struct x509_store_st *store, struct stack_st_X509_NAME *names);

/* Adds the DNS names of the certificate's subjectAltName and sorts. What cannot be a host's name is left out. ERR_NOMEM. */
MUST_USE enum err tls_subject_dns_names(struct x509_st *certificate, uint32_t owner, struct tls_names *names);
/* Certificates that are checked by these rules must be for the host: an address literal, or a name. ERR_NOMEM. */
MUST_USE enum err tls_subject_expect(struct X509_VERIFY_PARAM_st *rules, const char *host, bool *ret_is_literal);
/* One block; free() it. ERR_LIMIT for a certificate that says too much, ERR_SYNTAX for one that cannot be shown. */
MUST_USE enum err tls_peer_create(struct x509_st *certificate, struct tls_peer **ret_peer);

void tls_report(const struct tls_reporter *reporter, const struct tls_note *note, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* An error about the context as a whole. */
void tls_report_error(const struct tls_reporter *reporter, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
